"""One described API server to what is known of it; what cannot be read becomes an API server with unknown parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from providers.self_managed.authorizer import read_authorizer
from providers.self_managed.channels import read_channels, unknown_channel
from providers.self_managed.composition import Described
from providers.self_managed.differences import compared_settings
from providers.self_managed.evidence import Refusal, gap, of_error, of_setting, sentence
from providers.self_managed.openshift_file import with_openshift_config
from providers.self_managed.policy import read_policy
from providers.self_managed.reading import Compared, Reading, Situation, Window
from providers.self_managed.source import ApiServerSource, Supply
from providers.self_managed.words import without_placeholders
from scanner.apiserver import Argument, LogBackend, Setting, configure, parse_arguments
from scanner.errors import CollectionError, FlagError
from scanner.model import (
    ApiServer,
    Authorizer,
    Evidence,
    LinkCheck,
    LinkState,
    LogChannel,
    NoPolicy,
    Note,
    NoteSeverity,
    Retention,
    UnreadablePolicy,
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is needed to read one API server.

    Attributes:
        policy: The copy of the audit policy that the configuration names: its file, and its name for a person.
        version: The Kubernetes version that the configuration gives.
    """

    described: Described
    supplies: Sequence[Supply]
    policy: tuple[Path, str] | None
    version: str | None
    window: Window | None


def read_server(task: Task) -> Reading:
    """Read one API server; blocking."""
    return replace(_read(task), title=task.described.title)


def unknown_reading(name: str, error: CollectionError) -> Reading:
    """Build an API server of which nothing could be read."""
    reason = sentence(error)
    evidence = (of_error(error, name),)
    server = ApiServer(
        name=name,
        policy=UnreadablePolicy(reason, evidence, error.permission),
        channels=(unknown_channel(reason, *evidence, permission=error.permission),),
        authorizer=Authorizer(None, None, reason, evidence),
    )
    return Reading(server)


def _read(task: Task) -> Reading:
    """Read the chain from the flags to what they name."""
    source, name = task.described.source, task.described.name
    version = task.version or source.version
    source = replace(source, arguments=tuple(map(without_placeholders, source.arguments)))
    source = with_openshift_config(source, task.described.host, task.supplies)
    try:
        configuration = configure(source.arguments, version)
    except FlagError as error:
        return replace(_refused(source, name, error), version=source.version)
    host = task.described.host
    situation = Situation(source, host, configuration, task.policy, version, task.window, task.supplies)
    missing = _missing(situation)
    if missing is not None:
        return replace(_refused(source, name, missing), version=source.version)
    policy, fingerprint = read_policy(situation)
    channels, notes = read_channels(situation)
    refusal = next((one.delivered for one in channels if isinstance(one.delivered, Refusal)), None)
    if refusal is not None:
        channels = tuple(replace(one, exported=gap(refusal.reason, *refusal.evidence)) for one in channels)
    return Reading(
        server=ApiServer(name, policy, channels, read_authorizer(situation)),
        notes=(*_notes(situation), *notes),
        compared=None if situation.unread else compared_settings(configuration, policy, fingerprint, channels),
        version=source.version,
        parameters=_parameters(situation) | ({} if refusal is None else refused_parameters(refusal.reason)),
    )


def _missing(situation: Situation) -> FlagError | None:
    """Give the error of a flag about authorization or authentication whose file is not in the container."""
    configuration = situation.configuration
    if situation.unread:
        return None
    for setting in (configuration.authorization.config, configuration.authentication_config):
        missing = "" if setting is None or setting.unread else situation.missing(setting, situation.place(setting))
        if setting is not None and missing:
            return FlagError(missing, where=setting.place)
    return None


def refused_parameters(reason: str) -> dict[str, str]:
    """Give the remediation's values for an API server that does not start, such as what it refuses."""
    return {"refused": reason.partition("refuses to start: ")[2] or reason}


def _refused(source: ApiServerSource, name: str, error: FlagError) -> Reading:
    """Build an API server that does not start with its flags."""
    reason = f"kube-apiserver refuses to start: {error.what}"
    refused = Evidence(source.file, error.where.removeprefix(f"{source.file}:") or source.locator, error.what)
    evidence = (refused, *(of_setting(setting) for setting in _legible(source.arguments)))
    nothing = LinkCheck(LinkState.NOT_APPLICABLE, "there is no log to deliver")
    channel = LogChannel("file", "audit log", gap(reason, *evidence), nothing, Retention.exactly(0, reason, *evidence))
    server = ApiServer(name, NoPolicy(reason, evidence), (channel,), Authorizer(None, None, reason, evidence))
    return Reading(
        server,
        compared={"the start": Compared(f"refused ({error.what})", (refused,))},
        parameters={"manifest": source.file, **refused_parameters(reason)},
    )


def _legible(arguments: tuple[Argument, ...]) -> tuple[Setting, ...]:
    """Give the flags that may be quoted, where they can be told apart at all."""
    try:
        return parse_arguments(arguments).relevant()
    except FlagError:
        return ()


def _notes(situation: Situation) -> list[Note]:
    """Name the traps in how policy and backends go together."""
    configuration = situation.configuration
    notes: list[Note] = []
    backends = [backend for backend in (configuration.log, configuration.webhook) if backend is not None]
    if configuration.policy_file is None and backends and not situation.unread:
        text = "a log is configured without --audit-policy-file: kube-apiserver starts, and no event is ever recorded"
        settings = [b.path if isinstance(b, LogBackend) else b.config_file for b in backends]
        notes.append(Note(NoteSeverity.WARNING, text, tuple(map(of_setting, settings))))
    if configuration.policy_file is not None and not backends and not situation.unread:
        text = "an audit policy is configured without a log: kube-apiserver starts, and its events go nowhere"
        notes.append(Note(NoteSeverity.WARNING, text, (of_setting(configuration.policy_file),)))
    for setting in configuration.unknown_flags:
        text = f"no kube-apiserver up to 1.36 knows --{setting.flag}: it refuses to start with an unknown flag"
        notes.append(Note(NoteSeverity.WARNING, text, (of_setting(setting),)))
    if situation.source.remark:
        evidence = Evidence(situation.source.file, situation.source.locator, "kube-apiserver's settings")
        notes.append(Note(NoteSeverity.INFO, situation.source.remark, (evidence,)))
    return notes


def _parameters(situation: Situation) -> dict[str, str]:
    """Give what remediation texts may name: the file to edit, and the paths that are already there."""
    configuration = situation.configuration
    parameters = {"manifest": situation.source.file}
    if situation.source.tool:
        parameters["tool"] = situation.source.tool
    if configuration.policy_file is not None:
        parameters["policy_file"] = configuration.policy_file.value
    if configuration.log is not None:
        parameters["log_path"] = configuration.log.path.value
    return parameters
