"""Where the running API servers differ from kubeadm-config: kubeadm's next upgrade writes their manifests anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from providers.self_managed.evidence import of_setting
from providers.self_managed.looking import Look
from providers.self_managed.source import ApiServerSource
from scanner.apiserver import Setting, parse_arguments
from scanner.errors import FlagError
from scanner.model import Evidence, Note, NoteSeverity

_PREFIX: Final = "audit-"


def drift(running: Iterable[Look], configured: Look) -> tuple[Note, ...]:
    """Name each audit flag that a node runs with and kubeadm-config does not hold, or holds another value of."""
    wanted = next((flags for _, flags in _flags([configured])), None)
    if wanted is None:
        return ()
    nodes: dict[tuple[str, str, str], list[tuple[str, Evidence]]] = {}
    for name, flags in _flags(running):
        for flag in {**flags, **wanted}:
            here, there = flags.get(flag), wanted.get(flag)
            values = (flag, here.value if here else "", there.value if there else "")
            if values[1] != values[2]:
                shown = here or there
                assert shown is not None  # noqa: S101 - for mypy: the flag is in one of them
                nodes.setdefault(values, []).append((name, of_setting(shown)))
    return tuple(_note(*values, found, configured.found.shown) for values, found in nodes.items())


def _flags(looks: Iterable[Look]) -> Iterable[tuple[str, Mapping[str, Setting]]]:
    """Give the audit flags of each API server whose flags are all known, the last of repeated ones."""
    for look in looks:
        for _, source in look.parts:
            if not isinstance(source, ApiServerSource):
                continue
            try:
                flags = parse_arguments(source.arguments)
            except FlagError:
                continue
            if not flags.unread and not any(one.unread for one in flags.relevant()):
                audit = (one for one in flags.relevant() if one.flag.startswith(_PREFIX))
                yield look.name, {one.flag: one for one in audit}


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
