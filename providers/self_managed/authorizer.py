"""Whether the API server can deny a request, and whether it lets in requests without credentials."""

from __future__ import annotations

from providers.self_managed.evidence import of_absence, of_setting, of_settings, sentence
from providers.self_managed.reading import Situation
from providers.self_managed.yaml_nodes import child, compose_all, items, line, text, truth
from scanner.apiserver import Setting, can_deny
from scanner.errors import CollectionError
from scanner.model import Authorizer, Evidence


def read_authorizer(situation: Situation) -> Authorizer:
    """Put the authorization flags and the authentication configuration into one statement."""
    if situation.unread:
        reason = f"the flags are not known: {situation.unread}"
        return Authorizer(None, None, reason, situation.unread_evidence)
    can_deny, deny_reason, deny_evidence = _can_deny(situation)
    anonymous, anonymous_reason, anonymous_evidence = _anonymous(situation)
    reason = f"{deny_reason}; {anonymous_reason}"
    return Authorizer(can_deny, anonymous, reason, (*deny_evidence, *anonymous_evidence))


def _can_deny(situation: Situation) -> tuple[bool | None, str, tuple[Evidence, ...]]:
    authorization = situation.configuration.authorization
    flags = situation.configuration.flags
    evidence = of_settings(flags, "authorization-mode")
    if authorization.config is not None:
        return _structured_authorizers(situation, authorization.config)
    if authorization.can_deny is None:
        return None, "the value of --authorization-mode is not known", evidence
    modes = ",".join(authorization.modes)
    if not evidence:
        evidence = of_absence(situation.source, flags, "authorization-")
        reason = "--authorization-mode is not set, and its default AlwaysAllow denies no request"
        return authorization.can_deny, reason, evidence
    if authorization.can_deny:
        return True, f"--authorization-mode is {modes}", evidence
    return False, f"--authorization-mode is {modes}: AlwaysAllow denies no request", evidence


def _structured_authorizers(situation: Situation, setting: Setting) -> tuple[bool | None, str, tuple[Evidence, ...]]:
    """Read the authorizers of an AuthorizationConfiguration; the first that decides counts.

    Source: KEP-3221; ``k8s.io/kubernetes/pkg/kubeapiserver/options/authorization.go``.
    """
    evidence: tuple[Evidence, ...] = (of_setting(setting),)
    try:
        content = situation.read(setting, situation.place(setting))
        documents = compose_all(content.data.decode("utf-8", "replace"), content.shown)
    except CollectionError as error:
        return None, f"the file of --authorization-config could not be read: {sentence(error)}", evidence
    listed = child(documents[0], "authorizers") if documents else None
    modes = tuple(text(child(authorizer, "type")) for authorizer in items(listed))
    if listed is None or not modes or not all(modes):
        return None, f"{content.shown}, the file of --authorization-config, names no authorizers", evidence
    shown = ",".join(modes)
    evidence = (*evidence, Evidence(content.shown, f"line {line(listed)}, authorizers", shown))
    if can_deny(modes):
        return True, f"the authorizers of --authorization-config are {shown}", evidence
    return False, f"the authorizers of --authorization-config are {shown}: AlwaysAllow denies no request", evidence


def _anonymous(situation: Situation) -> tuple[bool | None, str, tuple[Evidence, ...]]:
    configuration = situation.configuration
    evidence = of_settings(configuration.flags, "anonymous-auth")
    if configuration.authentication_config is not None:
        return _structured(situation, configuration.authentication_config)
    if configuration.authorization.config is not None:
        return _by_flag(situation, ())
    if configuration.anonymous is None:
        return None, "whether anonymous requests are let in is not known", evidence
    if configuration.anonymous:
        return True, "anonymous requests are let in", evidence
    if "AlwaysAllow" in configuration.authorization.modes:
        return False, "kube-apiserver switches anonymous requests off under AlwaysAllow", evidence
    return False, "anonymous requests are off", evidence


def _structured(situation: Situation, setting: Setting) -> tuple[bool | None, str, tuple[Evidence, ...]]:
    """Read ``anonymous`` of an AuthenticationConfiguration: enabled, and for which paths.

    Source: KEP-4633; without the field ``--anonymous-auth`` holds.
    """
    evidence = (of_setting(setting),)
    place = situation.place(setting)
    try:
        content = situation.read(setting, place)
        documents = compose_all(content.data.decode("utf-8", "replace"), content.shown)
    except CollectionError as error:
        reason = f"the file of --authentication-config could not be read: {sentence(error)}"
        return None, reason, evidence
    anonymous = child(documents[0], "anonymous") if documents else None
    if anonymous is None:
        return _by_flag(situation, evidence)
    if not truth(child(anonymous, "enabled")):
        return False, "anonymous requests are off", evidence
    paths = [text(child(condition, "path")) for condition in items(child(anonymous, "conditions"))]
    if paths:
        return False, f"anonymous requests are let in on {', '.join(paths)} only", evidence
    return True, "anonymous requests are let in", evidence


def _by_flag(situation: Situation, evidence: tuple[Evidence, ...]) -> tuple[bool | None, str, tuple[Evidence, ...]]:
    """Fall back to ``--anonymous-auth``, which is on by default."""
    settings = situation.configuration.flags.all("anonymous-auth")
    evidence = (*evidence, *of_settings(situation.configuration.flags, "anonymous-auth"))
    if any(setting.unread for setting in settings):
        return None, "whether anonymous requests are let in is not known", evidence
    if "AlwaysAllow" in situation.configuration.authorization.modes:
        return False, "kube-apiserver switches anonymous requests off under AlwaysAllow", evidence
    off = bool(settings) and settings[-1].value.lower() in {"0", "f", "false"}
    return (False, "anonymous requests are off", evidence) if off else (True, "anonymous requests are let in", evidence)
