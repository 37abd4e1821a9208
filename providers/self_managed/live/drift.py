"""Where the running API servers differ from kubeadm-config: kubeadm's next upgrade writes their manifests anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from providers.self_managed.composing import Described
from providers.self_managed.evidence import of_setting
from scanner.apiserver import Setting, parse_arguments
from scanner.errors import FlagError
from scanner.model import Evidence, Note, NoteSeverity

_PREFIX: Final = "audit-"


def drift(running: Iterable[Described], configured: Described) -> tuple[Note, ...]:
    """Name each audit flag that a node runs with and kubeadm-config does not hold, or holds another value of."""
    wanted = _flags(configured)
    if wanted is None:
        return ()
    nodes: dict[tuple[str, str, str], list[tuple[str, Evidence]]] = {}
    for one in running:
        flags = _flags(one)
        if flags is None:
            continue
        for flag in {**flags, **wanted}:
            here, there = flags.get(flag), wanted.get(flag)
            values = (flag, here.value if here else "", there.value if there else "")
            if values[1] != values[2]:
                evidence = tuple(of_setting(setting) for setting in (here, there) if setting is not None)
                nodes.setdefault(values, []).append((one.name, evidence[0]))
    return tuple(_note(*values, found, configured.source.file) for values, found in nodes.items())


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


def _note(flag: str, here: str, there: str, found: list[tuple[str, Evidence]], shown: str) -> Note:
    """Put one difference into words; which nodes have it stands at the beginning, as in all such notes."""
    names = [name for name, _ in found]
    nodes = f"node{'' if len(names) == 1 else 's'} {', '.join(names)}"
    runs = f"run{'s' if len(names) == 1 else ''}"
    without, with_it = f"without --{flag}", f"with --{flag}={here}"
    now = f"{nodes} {runs} {with_it if here else without}"
    then = f"has --{flag}={there}" if there else f"does not have --{flag}"
    text = f"{now}, and {shown} {then}: kubeadm writes the static pod from it at the next upgrade"
    return Note(NoteSeverity.WARNING, text, tuple(evidence for _, evidence in found))
