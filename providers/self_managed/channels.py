"""The logs of one API server: a file, standard output, a webhook; and none at all."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import Final

from providers.self_managed.evidence import Refusal, gap, of_absence, of_setting, of_settings, ok, unknown
from providers.self_managed.observed import newest_record
from providers.self_managed.reading import Situation
from providers.self_managed.source import Place, PlaceKind
from providers.self_managed.webhook import read_webhook
from scanner.apiserver import STDOUT, LogBackend, Rotation, Setting
from scanner.model import Evidence, LinkCheck, LinkState, LogChannel, Note, NoteSeverity, Retention

_STANDARD_STREAMS: Final = frozenset(
    {STDOUT, *(f"/dev/{name}" for name in ("stdout", "stderr", "fd/1", "fd/2")), "/proc/self/fd/1", "/proc/self/fd/2"}
)
_DEVICES: Final = ("/dev/",)
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - the host's
_MEMORY: Final = ("/run", "/var/run", "/tmp", _SHARED_MEMORY)  # noqa: S108 - the host's

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
    if log.path.value in _STANDARD_STREAMS:
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
    return "standard output" if log.path.value in _STANDARD_STREAMS else log.path.value


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
    lost = _lost(path, place)
    carried = situation.source.carried
    if lost and carried and not _device(path, place):
        reason = f"{path.value} is on {place.what}, and {carried} prints it to the container runtime's log on the node"
        return ok(reason, *evidence)
    if lost:
        return gap(f"{path.value} {lost}", *evidence)
    if place.kind is PlaceKind.UNKNOWN:
        return unknown(f"it is not known where {path.value} is kept: {place.what}", *evidence)
    if place.read_only:
        reason = f"{path.value} is on {place.what}, where kube-apiserver cannot write it"
        return Refusal.of(f"kube-apiserver refuses to start: {reason}", *evidence)
    if place.kind is PlaceKind.HOST and situation.host.is_directory(place.host_path):
        shown = situation.host.show(place.host_path)
        reason = f"kube-apiserver refuses to start: {path.value} is a directory"
        return Refusal.of(reason, *evidence, Evidence(shown, "file type", "directory"))
    return ok(f"{path.value} is on {place.what}", *evidence)


def _lost(path: Setting, place: Place) -> str:
    """Say why nothing that is written there is kept; empty where it may be."""
    device = _device(path, place)
    if device:
        return f"is {device}, which keeps nothing"
    if place.kind is PlaceKind.ABSENT:
        where = "is written inside the container's own filesystem"
        return f"{where}: lost when the pod is recreated; no volume mount covers it"
    return f"is on {place.what}: lost when kube-apiserver is started anew" if place.kind is PlaceKind.EPHEMERAL else ""


def _device(path: Setting, place: Place) -> str:
    """Name the device that a log path is, itself or as what is mounted there; empty where it is none."""
    if _is_device(path.value):
        return "a device"
    return f"the device {place.host_path}" if _is_device(place.host_path) else ""


def _is_device(path: str) -> bool:
    """Say whether a path is one of a device: below ``/dev/shm`` are files."""
    return path.startswith(_DEVICES) and not PurePosixPath(path).is_relative_to(_SHARED_MEMORY)


def _retention(situation: Situation, log: LogBackend, place: Place) -> Retention:
    """Say how long the rotation keeps records, over all limits that may hold."""
    flags = situation.configuration.flags
    names = ("audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize")
    evidence = tuple(item for name in names for item in of_settings(flags, name)) or (of_setting(log.path),)
    unread = next((s.unread for name in names for s in flags.all(name) if s.unread), "")
    if unread:
        return Retention.unknown(f"the limits of the rotation are not known: {unread}", *evidence)
    if _device(log.path, place):
        return Retention.exactly(0, f"{log.path.value} is a device, which keeps nothing", *evidence)
    if place.kind in {PlaceKind.ABSENT, PlaceKind.EPHEMERAL} and situation.source.carried:
        reason = "the node's rotation of container logs decides how long records are kept, and it is not read"
        return Retention.unknown(reason, *evidence)
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

    if log.path.value in _STANDARD_STREAMS:
        text = (
            f"--audit-log-path={log.path.value} writes the audit log to standard output: records are kept only as long "
            "as the node's own log rotation keeps them"
        )
        warn(text, "audit-log-path")
    if log.format == "legacy":
        text = (
            "--audit-log-format=legacy writes one line of text for each event: who, what, when and the status code; "
            "the reason of an authorization decision, the annotations and the bodies are left out"
        )
        warn(text, "audit-log-format")
    if log.mode == "batch":
        warn("--audit-log-mode=batch drops events when its buffer is full", "audit-log-mode")
    if log.truncates:
        text = "--audit-log-truncate-enabled cuts the bodies of large events, and drops what is still too large"
        warn(text, "audit-log-truncate-enabled")
    place = situation.place(log.path)
    device = log.path.value in _STANDARD_STREAMS or _device(log.path, place)
    if not device and place.whole and place.kind is PlaceKind.HOST and situation.source.view.mounts:
        text = (
            f"{log.path.value} is itself the mount point: kube-apiserver cannot rename it to rotate it, "
            "and loses events once it reaches its size; mount its directory instead"
        )
        notes.append(Note(NoteSeverity.WARNING, text, (of_setting(log.path), *place.evidence)))
    memory = next((one for one in _MEMORY if PurePosixPath(place.host_path).is_relative_to(one)), "")
    if not device and memory and place.kind is PlaceKind.HOST:
        text = (
            f"{log.path.value} is kept below {memory} of the host, which many systems hold in memory: it is lost when "
            "the node starts anew"
        )
        notes.append(Note(NoteSeverity.WARNING, text, (of_setting(log.path), *place.evidence)))
    return notes
