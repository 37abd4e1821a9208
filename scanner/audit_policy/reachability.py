"""Rules that are never the first match, whatever the request and whoever sends it: exact, without sampling.

An earlier rule matches the more requests, the more groups their sender has. So a rule is reached by somebody exactly if
it is reached by one of those who have no more than it asks for: nobody at all where it names neither users nor groups,
else each of its users with each of its groups, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.audit_policy.analysis import PolicySpace
from scanner.audit_policy.classes import (
    ANONYMOUS,
    AUTHENTICATED,
    OTHER,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
    Other,
    Principal,
    implied_groups,
)
from scanner.audit_policy.types import Policy, PolicyRule

_NOBODY: Final = Principal(None)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A rule that is never the first match.

    Attributes:
        by: The earlier rules that decide on its requests instead; none where it matches nothing by itself.
    """

    rule: int
    by: tuple[int, ...]


def unreachable(policy: Policy, *, real_users: bool = False) -> tuple[Unreachable, ...]:
    """Find the rules that are the first match of no request.

    Args:
        policy: The policy.
        real_users: Whether senders have the groups that Kubernetes itself gives them (an authenticated user is always
            in ``system:authenticated``, and so on), instead of any groups whatsoever.
    """
    space = PolicySpace(policy)
    found = (_judged(space, index, rule, real_users=real_users) for index, rule in enumerate(policy.rules))
    return tuple(one for one in found if one is not None)


def _judged(space: PolicySpace, index: int, rule: PolicyRule, *, real_users: bool) -> Unreachable | None:
    """Ask for each sender whether earlier rules take all of a rule's requests; None where one of them reaches it."""
    by: set[int] = set()
    for principal in _real(rule) if real_users else _minimal(rule):
        deciders = space.deciders(principal, index)
        if deciders is None:
            return None
        by |= deciders
    return Unreachable(index, tuple(sorted(by)))


def _minimal(rule: PolicyRule) -> Iterator[Principal]:
    """Give the senders that have no more than a rule asks for."""
    if not (rule.users or rule.user_groups):
        yield _NOBODY
        return
    users: tuple[str | Other, ...] = rule.users or (OTHER,)
    for user in users:
        if rule.user_groups:
            yield from (Principal(user, frozenset({group})) for group in rule.user_groups)
        else:
            yield Principal(user)


def _real(rule: PolicyRule) -> Iterator[Principal]:
    """Give the same senders with the groups that they really have; those that cannot be are left out."""
    if not (rule.users or rule.user_groups):
        yield _NOBODY
        return
    for user in rule.users:
        groups = implied_groups(user)
        for group in rule.user_groups or (next(iter(groups)),):
            if _can_have(user, group):
                yield Principal(user, groups | {group})
    for group in () if rule.users else rule.user_groups:
        yield _somebody_in(group)


def _can_have(user: str, group: str) -> bool:
    """Tell whether a user can be in a group: who is anonymous is in one only, and a service account in three."""
    implied = implied_groups(user)
    if group in implied:
        return True
    if group == UNAUTHENTICATED or user == ANONYMOUS:
        return False
    return SERVICE_ACCOUNTS not in implied


def _somebody_in(group: str) -> Principal:
    """Give somebody whom no rule names, in a group and those that go with it."""
    if group == UNAUTHENTICATED:
        return Principal(ANONYMOUS, frozenset({UNAUTHENTICATED}))
    groups = {group, AUTHENTICATED}
    if group.startswith(f"{SERVICE_ACCOUNTS}:"):
        groups.add(SERVICE_ACCOUNTS)
    return Principal(OTHER, frozenset(groups))
