"""Where the nodes of one cluster do not agree."""

from __future__ import annotations

from collections.abc import Sequence

from providers.self_managed.evidence import of_setting
from providers.self_managed.reading import Compared, Reading
from scanner.apiserver import AuditConfiguration
from scanner.model import Evidence, LogChannel, Note, NoteSeverity, PolicySource

_NOT_SET = "not set"
_START = "the start"


def compared_settings(
    configuration: AuditConfiguration, policy: PolicySource, fingerprint: str, channels: Sequence[LogChannel]
) -> dict[str, Compared]:
    """Give what the nodes must agree in: the flags that may be shown, what the policy does, where the logs go."""
    flags = configuration.flags
    settings: dict[str, Compared] = {_START: Compared("possible")}
    for setting in flags.relevant():
        # pflag appends repeated authorization modes, and overwrites all else
        values = [item.value for item in flags.all(setting.flag)] if setting.flag == "authorization-mode" else []
        value = ",".join(values) or setting.value or _NOT_SET
        settings[f"--{setting.flag}"] = Compared(value, (of_setting(setting),))
    if fingerprint:
        settings["the audit policy"] = Compared(fingerprint, policy.evidence)
    for channel in channels:
        state = f"{channel.delivered.state} ({channel.delivered.reason})"
        settings[f"the delivery of {channel.name}"] = Compared(state, channel.delivered.evidence)
        if channel.log == "webhook":
            settings["the audit webhook"] = Compared(channel.name, channel.delivered.evidence)
    return settings


def differences(readings: Sequence[Reading]) -> tuple[Note, ...]:
    """Name each setting in which a node differs from the others: which node, in what, and both values."""
    read = [reading for reading in readings if reading.compared is not None]
    starting = [reading for reading in read if reading.compared and len(reading.compared) > 1]
    notes = [*_difference(_START, read)]
    notes += [note for name in _names(starting) if name != _START for note in _difference(name, starting)]
    versions = {reading.server.name: reading.version for reading in read if reading.version}
    if len(set(versions.values())) > 1:
        listed = ", ".join(f"{version} on {name}" for name, version in versions.items())
        notes.append(Note(NoteSeverity.WARNING, f"the nodes run different versions: {listed}"))
    return tuple(notes)


def shared_notes(readings: Sequence[Reading]) -> tuple[Note, ...]:
    """Give the remarks about single nodes, naming them where not all nodes have the same."""
    holders: dict[tuple[NoteSeverity, str], list[Reading]] = {}
    for reading in readings:
        for note in reading.notes:
            holders.setdefault((note.severity, note.text), []).append(reading)
    merged = []
    for (severity, text), having in holders.items():
        evidence = tuple(
            item for reading in having for note in reading.notes if note.text == text for item in note.evidence
        )
        named = text if len(having) == len(readings) else f"{_on([r.server.name for r in having])}: {text}"
        merged.append(Note(severity, named, evidence))
    return tuple(merged)


def listed(names: Sequence[str]) -> str:
    """Put names into a list for a sentence: ``cp-1, cp-2 and cp-3``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _names(readings: Sequence[Reading]) -> list[str]:
    """Give the compared names, each once, in the order in which they stand."""
    return list(dict.fromkeys(name for reading in readings for name in reading.compared or ()))


def _difference(name: str, readings: Sequence[Reading]) -> list[Note]:
    """Compare one setting: the value that most nodes have is the one that the others differ from."""
    groups: dict[str, list[Reading]] = {}
    for reading in readings:
        compared = (reading.compared or {}).get(name)
        groups.setdefault(compared.value if compared else _NOT_SET, []).append(reading)
    if len(groups) <= 1 or (not name.startswith("--") and _NOT_SET in groups):
        return []  # a policy or log that one node lacks is already told by its flag
    usual = max(groups, key=lambda value: len(groups[value]))
    others = listed([reading.server.name for reading in groups[usual]])
    notes = []
    for value, differing in groups.items():
        if value != usual:
            nodes = [reading.server.name for reading in differing]
            verb = "differs" if len(nodes) == 1 else "differ"
            text = f"{_on(nodes)} {verb}: {name} is {value}, {usual} on {others}"
            evidence = tuple(item for reading in (*differing, *groups[usual]) for item in _evidence(reading, name))
            notes.append(Note(NoteSeverity.WARNING, text, evidence))
    return notes


def _evidence(reading: Reading, name: str) -> tuple[Evidence, ...]:
    compared = (reading.compared or {}).get(name)
    return compared.evidence if compared else ()


def _on(nodes: Sequence[str]) -> str:
    return f"node{'' if len(nodes) == 1 else 's'} {listed(nodes)}"
