"""The webhook backend: who receives the events. Credentials of its kubeconfig are never looked at."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from yaml.nodes import Node

from providers.self_managed.evidence import Refusal, of_error, of_setting, of_settings, ok, sentence, unknown
from providers.self_managed.reading import Situation
from providers.self_managed.source import PlaceKind
from providers.self_managed.yaml_nodes import child, compose_all, items, line, text
from scanner.apiserver import WebhookBackend
from scanner.errors import CollectionError, Malformed
from scanner.model import Evidence, LinkCheck, LogChannel, Note, NoteSeverity, Retention

_FLAG: Final = "--audit-webhook-config-file"


def read_webhook(situation: Situation, webhook: WebhookBackend) -> tuple[LogChannel, list[Note]]:
    """Give the webhook's log and what to know about it."""
    setting = webhook.config_file
    evidence = of_settings(situation.configuration.flags, "audit-webhook-config-file")
    exported = ok("kube-apiserver sends its audit events to a webhook", *evidence)
    if setting.unread:
        exported = unknown(f"the value of {_FLAG} is not known: {setting.unread}", *evidence)
    delivered, server = _delivered(situation, webhook)
    kept = f"{server or 'the webhook'} decides how long it keeps what it receives, and is not read"
    observed = unknown(f"what {server or 'the webhook'} received is not read", *evidence) if situation.window else None
    channel = LogChannel(
        log="webhook",
        name=server or "webhook",
        exported=exported,
        delivered=delivered,
        retention=Retention.unknown(kept, *evidence),
        observed=observed,
    )
    return channel, _notes(situation, webhook, delivered, server)


def server_of(data: bytes, shown: str) -> tuple[str, int]:
    """Give the server of the current context, as scheme and host only, and its line; Malformed where there is none.

    Source: ``k8s.io/client-go/tools/clientcmd``: current-context names a context, which names a cluster.
    """
    try:
        documents = compose_all(data.decode("utf-8-sig"), shown)
    except UnicodeDecodeError as error:
        raise Malformed("is not UTF-8 text", where=shown) from error
    config = documents[0] if documents else None
    context = _named(config, "contexts", text(child(config, "current-context")))
    cluster = _named(config, "clusters", text(child(context, "context", "cluster")))
    server = child(cluster, "cluster", "server")
    if server is None or not text(server):
        raise Malformed("names no server for its current context", where=shown)
    return _without_secrets(text(server), shown), line(server)


def _delivered(situation: Situation, webhook: WebhookBackend) -> tuple[LinkCheck, str]:
    """Say whether the webhook has a target, and name it."""
    setting = webhook.config_file
    evidence: tuple[Evidence, ...] = (of_setting(setting),)
    if setting.unread:
        return unknown(f"the value of {_FLAG} is not known: {setting.unread}", *evidence), ""
    place = situation.place(setting)
    evidence = (*evidence, *place.evidence)
    if place.kind is PlaceKind.ABSENT and situation.given(setting, place) is None:
        reason = f"kube-apiserver refuses to start: {_FLAG} names {setting.value}, and {place.what}"
        return Refusal.of(reason, *evidence), ""
    try:
        content = situation.read(setting, place)
    except CollectionError as error:
        reason = f"the webhook's kubeconfig {setting.value} could not be read: {sentence(error)}"
        return unknown(reason, *evidence, of_error(error, setting.value), permission=error.permission), ""
    try:
        server, number = server_of(content.data, content.shown)
    except Malformed as error:
        reason = f"kube-apiserver refuses to start: the webhook's kubeconfig {content.shown} {error.what}"
        return Refusal.of(reason, *evidence, of_error(error, content.shown)), ""
    number += content.given.above if content.given is not None else 0
    shown = Evidence(content.shown, f"line {number}", f"server: {server}")
    return ok(f"the webhook is {server}", *evidence, shown), server


def _named(config: Node | None, kind: str, name: str) -> Node | None:
    """Find an entry of a kubeconfig's list by its name."""
    return next((item for item in items(child(config, kind)) if text(child(item, "name")) == name), None)


def _without_secrets(server: str, shown: str) -> str:
    """Keep scheme, host and port: user, password, path and query may be secret."""
    try:
        parts = urlsplit(server if "://" in server else f"//{server}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Malformed("names a server that is no URL", where=shown) from error
    if not host:
        raise Malformed("names a server that is no URL", where=shown)
    name = f"[{host}]" if ":" in host else host
    address = name if port is None else f"{name}:{port}"
    return f"{parts.scheme}://{address}" if parts.scheme else address


def _notes(situation: Situation, webhook: WebhookBackend, delivered: LinkCheck, server: str) -> list[Note]:
    flags = situation.configuration.flags
    evidence = of_settings(flags, "audit-webhook-mode") or (of_setting(webhook.config_file),)
    notes: list[Note] = []
    if webhook.mode == "batch":
        text = (
            "the audit webhook sends in batches: it drops events when its buffer is full or its target does not answer"
        )
        notes.append(Note(NoteSeverity.WARNING, text, evidence))
    if webhook.truncates:
        text = "--audit-webhook-truncate-enabled cuts the bodies of large events, and drops what is still too large"
        notes.append(Note(NoteSeverity.WARNING, text, of_settings(flags, "audit-webhook-truncate-enabled")))
    if server:
        text = f"whether {server} answers and keeps the events is not seen here: kube-apiserver starts without it"
        notes.append(Note(NoteSeverity.INFO, text, delivered.evidence))
    if server.startswith("http://"):
        text = f"the audit webhook {server} is not encrypted"
        notes.append(Note(NoteSeverity.WARNING, text, delivered.evidence))
    return notes
