"""Whose requests are left out of Data Access audit logs although these are switched on.

Source: Google Cloud, "Configure Data Access audit logs": exempted members are united over all levels, and over
allServices and the service, for each log type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from providers.gke.audit_logs import SERVICES, Level, evidence, levels
from providers.gke.facts import ClusterFacts, LogType, ProjectFacts
from providers.gke.routing import Routing, principals_named, route_data_access
from scanner.errors import CollectionError
from scanner.model import BlindSpot, Evidence, LinkState

_MANY: Final = {
    "allUsers": "everybody",
    "allAuthenticatedUsers": "everybody who has signed in",
    "group": "everybody in that group",
    "domain": "everybody of that domain",
    "principalSet": "every identity of that set",
}
"""Members that stand for more than one identity: whom they let act unseen is not known, so that they are grave."""
_SYSTEM_ACCOUNTS: Final = "system:serviceaccount:kube-system:"
_MOST_PRINCIPALS: Final = 100
_LOG_TYPES: Final = frozenset(LogType)


@dataclass(slots=True)
class _Exempted:
    """One member over all levels."""

    log_types: dict[str, None] = field(default_factory=dict)
    resources: dict[str, None] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)


def blind_spots(project: ProjectFacts) -> tuple[BlindSpot, ...]:
    """Name the exempted members, those that hold power first."""
    found: dict[str, _Exempted] = {}
    known = tuple(levels(project))
    for level in known:
        for index, one in enumerate(level.audit):
            if one.service in SERVICES and one.log_type in _LOG_TYPES:
                for member in one.exempted_members:
                    exempted = found.setdefault(member, _Exempted())
                    exempted.log_types[one.log_type] = None
                    exempted.resources[one.resource] = None
                    exempted.evidence.append(evidence(index, one))
    spots = [_spot(member, exempted, known) for member, exempted in found.items()]
    return tuple(sorted(spots, key=lambda spot: not spot.grave))


def unkept_principals(facts: ClusterFacts, ordinary: Routing) -> tuple[BlindSpot, ...]:
    """Name the principals whose entries the sinks leave out, or may, while they keep those of ordinary ones."""
    if ordinary.delivered.state is not LinkState.OK:
        return ()
    known = tuple(levels(facts.project))
    return tuple(
        spot
        for principal in principals_named(facts.project)[:_MOST_PRINCIPALS]
        if (spot := _unkept(facts, principal, known)) is not None
    )


def _unkept(facts: ClusterFacts, principal: str, known: tuple[Level, ...]) -> BlindSpot | None:
    """Follow the entries of one principal; None where they are kept."""
    delivered = route_data_access(facts.project, facts.name, facts.location, principal).delivered
    if delivered.state is LinkState.OK:
        return None
    powers = [power for kind in ("user", "serviceAccount") for power in _powers(f"{kind}:{principal}", known)]
    held = f"; it holds {', '.join(powers)}" if powers else ""
    which = "all" if delivered.state is LinkState.GAP else "some"
    what = (
        f"{which} of its Data Access entries {'are' if which == 'all' else 'may be'} left out: {delivered.reason}{held}"
    )
    is_grave = bool(powers) or principal.startswith(_SYSTEM_ACCOUNTS)
    return BlindSpot(f"principal {principal}", is_grave, what, delivered.evidence[0])


def _spot(member: str, exempted: _Exempted, known: tuple[Level, ...]) -> BlindSpot:
    """Say what the exemption of one member hides, and what it may do unseen."""
    kind = member.removeprefix("deleted:").partition(":")[0]
    powers = list(_powers(member, known))
    whose = _MANY.get(kind, "that account and whoever gets hold of it")
    held = f"; it holds {', '.join(powers)}" if powers else ""
    what = (
        f"{', '.join(sorted(exempted.log_types))} entries of {whose} are exempted from Data Access audit logs by "
        f"{', '.join(exempted.resources)}{held}"
    )
    return BlindSpot(member, bool(powers) or kind in _MANY, what, exempted.evidence[0])


def _powers(member: str, known: tuple[Level, ...]) -> Iterator[str]:
    """Give the powerful roles that a member is bound to, here or above."""
    for level in known:
        if not isinstance(level.policy, CollectionError):
            for role in level.policy.powers.get(member, ()):
                yield f"{role} in {level.resource}"
