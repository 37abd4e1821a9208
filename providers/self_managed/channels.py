"""The logs of one API server: a file, standard output, a webhook; and none at all."""

from __future__ import annotations

import math
from typing import Final

from providers.self_managed.evidence import gap, of_absence, of_setting, of_settings, ok, unknown
from providers.self_managed.observed import newest_record
from providers.self_managed.reading import Situation
from providers.self_managed.source import Place, PlaceKind
from providers.self_managed.webhook import read_webhook
from scanner.apiserver import STDOUT, LogBackend, Rotation, Setting
from scanner.model import Evidence, LinkCheck, LinkState, LogChannel, Note, NoteSeverity, Retention

NO_BACKEND: Final = "kube-apiserver does not specify --audit-log-path or --audit-webhook-config-file"
NOTHING: Final = "kube-apiserver does not specify --audit-log-path or --audit-policy-file"


def read_channels(situation: Situation) -> tuple[tuple[LogChannel, ...], tuple[Note, ...]]:
    """Give the logs that the flags switch on, never none, and what to know about them."""
    if situation.unread:
        return (unknown_channel(f"the flags are not known: {situation.unread}", *situation.unread_evidence),), ()
    channels: list[LogChannel] = []
    notes: list[Note] = []
    log, webhook = situation.configuration.log, situation.configuration.webhook
    if log is not None:
        channels.append(_log_channel(situation, log))
        notes.extend(_log_notes(situation, log))
    if webhook is not None:
        channel, remarks = read_webhook(situation, webhook)
        channels.append(channel)
        notes.extend(remarks)
    if not channels:
        channels.append(_no_channel(situation))
    return tuple(channels), tuple(notes)


def unknown_channel(reason: str, *evidence: Evidence, permission: str = "") -> LogChannel:
    """Build the log of an API server of which it is not known whether it has one."""
    check = unknown(reason, *evidence, permission=permission)
    return LogChannel("file", "audit log", check, check, Retention.unknown(reason, *evidence, permission=permission))


def _no_channel(situation: Situation) -> LogChannel:
    evidence = of_absence(situation.source, situation.configuration.flags, "audit-")
    nothing = LinkCheck(LinkState.NOT_APPLICABLE, "there is no log to deliver")
    reason = NO_BACKEND if situation.configuration.policy_file else NOTHING
    return LogChannel("file", "audit log", gap(reason, *evidence), nothing, Retention.exactly(0, reason, *evidence))


def _log_channel(situation: Situation, log: LogBackend) -> LogChannel:
    """Read the backend of ``--audit-log-path``."""
    evidence = tuple(of_setting(setting) for setting in situation.configuration.flags.all("audit-log-path"))
    if log.path.unread:
        return unknown_channel(f"the value of --audit-log-path is not known: {log.path.unread}", *evidence)
    exported = ok(f"kube-apiserver writes its audit log to {_target(log)}", *evidence)
    if log.path.value == STDOUT:
        return _stdout_channel(situation, exported)
    place = situation.place(log.path)
    return LogChannel(
        log="file",
        name=log.path.value,
        exported=exported,
        delivered=_delivered(situation, log.path, place),
        retention=_retention(situation, log, place),
        observed=newest_record(situation, log.path, place),
    )


def _target(log: LogBackend) -> str:
    return "standard output" if log.path.value == STDOUT else log.path.value


def _stdout_channel(situation: Situation, exported: LinkCheck) -> LogChannel:
    """Standard output goes to the container's log, or to systemd's journal."""
    store = "systemd's journal" if situation.source.view.mounts is None else "the container runtime's log on the node"
    reason = f"standard output goes to {store}"
    kept = f"{reason}: its rotation decides how long records are kept, and it is not read"
    observed = None
    if situation.window is not None:
        observed = unknown(f"{store} is not read", *exported.evidence)
    delivered = ok(reason, *exported.evidence)
    return LogChannel(
        "stdout", "standard output", exported, delivered, Retention.unknown(kept, *exported.evidence), observed
    )


def _delivered(situation: Situation, path: Setting, place: Place) -> LinkCheck:
    """Say whether the file outlives the pod."""
    evidence = (of_setting(path), *place.evidence)
    if place.kind is PlaceKind.UNKNOWN:
        return unknown(f"it is not known where {path.value} is kept: {place.what}", *evidence)
    if place.kind is PlaceKind.ABSENT:
        reason = f"{path.value} is written inside the container's own filesystem: lost when the pod is recreated"
        return gap(f"{reason}; no volume mount covers it", *evidence)
    if place.kind is PlaceKind.EPHEMERAL:
        return gap(f"{path.value} is on {place.what}: lost with the pod", *evidence)
    if place.read_only:
        return gap(f"{path.value} is on {place.what}: kube-apiserver cannot write it and does not start", *evidence)
    if place.kind is PlaceKind.HOST and situation.host.is_directory(place.host_path):
        shown = situation.host.show(place.host_path)
        return gap(
            f"{path.value} is a directory: kube-apiserver refuses to start",
            *evidence,
            Evidence(shown, "file type", "directory"),
        )
    return ok(f"{path.value} is on {place.what}", *evidence)


def _retention(situation: Situation, log: LogBackend, place: Place) -> Retention:
    """Say how long the rotation keeps records, over all limits that may hold."""
    flags = situation.configuration.flags
    names = ("audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize")
    evidence = tuple(item for name in names for item in of_settings(flags, name)) or (of_setting(log.path),)
    unread = next((s.unread for name in names for s in flags.all(name) if s.unread), "")
    if unread:
        return Retention.unknown(f"the limits of the rotation are not known: {unread}", *evidence)
    if place.kind in {PlaceKind.ABSENT, PlaceKind.EPHEMERAL}:
        return Retention(0, _most(log.rotation), "the file is lost with its pod", evidence)
    at_least = min(rotation.kept_days[0] for rotation in log.rotation)
    reason = log.rotation[0].describe()
    if len(log.rotation) > 1:
        reason = (
            "the Kubernetes version is not known, and the defaults changed in 1.36: before it, "
            f"{reason}; from it on, {log.rotation[1].describe()}"
        )
    return Retention(at_least, _most(log.rotation), reason, evidence)


def _most(rotation: tuple[Rotation, ...]) -> float:
    return max((limits.kept_days[1] for limits in rotation), default=math.inf)


def _log_notes(situation: Situation, log: LogBackend) -> list[Note]:
    """Name the traps of the log backend."""
    flags = situation.configuration.flags
    notes: list[Note] = []

    def warn(text: str, flag: str) -> None:
        notes.append(Note(NoteSeverity.WARNING, text, of_settings(flags, flag)))

    if log.path.value == STDOUT:
        text = (
            "--audit-log-path=- writes the audit log to standard output: records are kept only as long as "
            "the node's own log rotation keeps them"
        )
        warn(text, "audit-log-path")
    if log.format == "legacy":
        text = (
            "--audit-log-format=legacy writes lines without status codes and without authorization decisions: "
            "failed authentications and denials cannot be told from other requests"
        )
        warn(text, "audit-log-format")
    if log.mode == "batch":
        warn("--audit-log-mode=batch drops events when its buffer is full", "audit-log-mode")
    if log.truncates:
        text = "--audit-log-truncate-enabled cuts the bodies of large events, and drops what is still too large"
        warn(text, "audit-log-truncate-enabled")
    place = situation.place(log.path)
    if log.path.value != STDOUT and place.whole and place.kind is PlaceKind.HOST and situation.source.view.mounts:
        text = (
            f"{log.path.value} is itself the mount point: kube-apiserver cannot rename it to rotate it, "
            "and loses events once it reaches its size; mount its directory instead"
        )
        notes.append(Note(NoteSeverity.WARNING, text, (of_setting(log.path), *place.evidence)))
    return notes
