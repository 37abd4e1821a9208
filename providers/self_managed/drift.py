"""Where the running API servers differ from kubeadm-config: kubeadm's next upgrade writes their manifests anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from providers.self_managed.composition import Described
from providers.self_managed.differences import listed
from providers.self_managed.evidence import of_setting
from scanner.apiserver import Setting, parse_arguments
from scanner.errors import FlagError
from scanner.model import Evidence, Note, NoteSeverity

_PREFIX: Final = "audit-"
_NOT_SET: Final = "not set"


def drift(running: Iterable[Described], configured: Described) -> tuple[Note, ...]:
    """Name the audit flags that nodes run with and kubeadm-config does not hold, or holds another value of.

    Nodes that differ in the same way share a note. API servers whose flags are not all known are not compared.
    """
    wanted = _flags(configured)
    if wanted is None:
        return ()
    nodes: dict[tuple[str, ...], tuple[list[str], list[Evidence]]] = {}
    for one in running:
        flags = _flags(one)
        if flags is None:
            continue
        differing = [flag for flag in {**flags, **wanted} if _value(flags, flag) != _value(wanted, flag)]
        said = tuple(f"--{flag} is {_value(flags, flag)} here, {_value(wanted, flag)} there" for flag in differing)
        if said:
            names, evidence = nodes.setdefault(said, ([], []))
            names.append(one.name)
            evidence += [of_setting(held[flag]) for flag in differing for held in (flags, wanted) if flag in held]
    return tuple(_note(said, names, evidence, configured) for said, (names, evidence) in nodes.items())


def _flags(one: Described) -> dict[str, Setting] | None:
    """Give the audit flags of an API server, the last of repeated ones; None where they are not all known."""
    try:
        flags = parse_arguments(one.source.arguments)
    except FlagError:
        return None
    relevant = flags.relevant()
    if flags.unread or any(setting.unread for setting in relevant):
        return None
    return {setting.flag: setting for setting in relevant if setting.flag.startswith(_PREFIX)}


def _value(flags: dict[str, Setting], flag: str) -> str:
    """Give a flag's value; an empty one is as good as none."""
    return (flags[flag].value if flag in flags else "") or _NOT_SET


def _note(said: tuple[str, ...], names: list[str], evidence: list[Evidence], configured: Described) -> Note:
    who = f"node {names[0]} differs" if len(names) == 1 else f"nodes {listed(names)} differ"
    what = f"{who} from {configured.source.file}, from which kubeadm writes the static pod at the next upgrade"
    return Note(NoteSeverity.WARNING, f"{what}: {'; '.join(said)}", tuple(evidence))
