"""What kube-apiserver's flags say about auditing, authorization and anonymous requests.

Source: ``k8s.io/apiserver/pkg/server/options/audit.go`` and ``k8s.io/kubernetes/pkg/kubeapiserver/options/``
(authorization.go, authentication.go), v1.34 to v1.36; 35 combinations of flags were tried on kube-apiserver 1.36.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scanner.apiserver.arguments import AUDIT_FLAGS, Argument, Flags, Setting, parse_arguments
from scanner.apiserver.rotation import Rotation, rotations
from scanner.apiserver.validation import AUTHORIZATION_MODES, check_authorization, check_log, check_webhook
from scanner.apiserver.values import read_boolean, read_integer, read_text

_VERSION: Final = re.compile(r"v?1\.(\d+)(?:[.+-].*)?")
STDOUT: Final = "-"
"""The value of ``--audit-log-path`` that means standard output."""


@dataclass(frozen=True, slots=True)
class LogBackend:
    """The backend that ``--audit-log-path`` switches on.

    Attributes:
        path: The setting of ``--audit-log-path``; its value is ``-`` for standard output.
        mode: ``blocking``, ``blocking-strict`` or ``batch``.
        format: ``json`` or ``legacy``; the latter carries neither status codes nor authorization decisions.
        rotation: The limits that hold; several where the version decides and is not known.
    """

    path: Setting
    mode: str
    format: str
    rotation: tuple[Rotation, ...]
    truncates: bool


@dataclass(frozen=True, slots=True)
class WebhookBackend:
    """The backend that ``--audit-webhook-config-file`` switches on; the attributes are as in `LogBackend`."""

    config_file: Setting
    mode: str
    truncates: bool


@dataclass(frozen=True, slots=True)
class Authorization:
    """How requests are authorized.

    Attributes:
        modes: The value of ``--authorization-mode``; AlwaysAllow where it is not set, empty where it is unknown.
        config: The setting of ``--authorization-config``, which takes the place of the modes.
        can_deny: Whether any request can be denied; None where that stands in a file or could not be read.
    """

    modes: tuple[str, ...]
    config: Setting | None
    can_deny: bool | None


@dataclass(frozen=True, slots=True)
class AuditConfiguration:
    """What the flags of one kube-apiserver amount to.

    Attributes:
        policy_file: The setting of ``--audit-policy-file``; None where there is none, and so no events.
        anonymous: Whether requests without credentials become ``system:anonymous``; None where that stands in the file
            of `authentication_config` or could not be read.
        unknown_flags: Audit flags that no kube-apiserver up to 1.36 knows; it refuses to start with them.
        flags: All that was given, for evidence.
    """

    policy_file: Setting | None
    log: LogBackend | None
    webhook: WebhookBackend | None
    authorization: Authorization
    anonymous: bool | None
    authentication_config: Setting | None
    unknown_flags: tuple[Setting, ...]
    flags: Flags

    @property
    def records(self) -> bool:
        """Whether events go anywhere: a policy and a backend are both needed."""
        return self.policy_file is not None and (self.log is not None or self.webhook is not None)


def configure(arguments: Sequence[Argument], kubernetes_version: str | None = None) -> AuditConfiguration:
    """Read the words after ``kube-apiserver``; FlagError, in its own words, where it would not start with them.

    `kubernetes_version` (``1.34``, ``v1.36.2``) decides on defaults; None is a version that is not known. Files that
    the flags name are not looked at.
    """
    flags = _with_other_files(parse_arguments(arguments))
    minor = minor_version(kubernetes_version)
    log = _log_backend(flags, minor)
    webhook = _webhook_backend(flags, minor)
    authorization = _authorization(flags)
    return AuditConfiguration(
        policy_file=read_text(flags, "audit-policy-file"),
        log=log,
        webhook=webhook,
        authorization=authorization,
        anonymous=_anonymous(flags, authorization),
        authentication_config=read_text(flags, "authentication-config"),
        unknown_flags=tuple(s for s in flags.relevant() if s.flag.startswith("audit-") and s.flag not in AUDIT_FLAGS),
        flags=flags,
    )


def can_deny(modes: tuple[str, ...]) -> bool:
    """Follow the chain of authorizers: only a webhook denies outright, the others pass on what they do not allow."""
    if "AlwaysAllow" not in modes:
        return True
    return "Webhook" in modes[: modes.index("AlwaysAllow")]


def minor_version(version: str | None) -> int | None:
    """Give the minor version of ``1.34``, ``v1.34.2`` or ``v1.34.2-eks-1``; None for anything else."""
    match = _VERSION.fullmatch(version or "")
    return int(match[1]) if match else None


def _with_other_files(flags: Flags) -> Flags:
    """Mark the flags as not fully read where OpenShift's kube-apiserver takes its settings from a file of its own."""
    setting = flags.last("openshift-config")
    if setting is None:
        return flags
    reason = "the settings stand in the file of --openshift-config, which is not read"
    return Flags(flags.occurrences, (*flags.unread, Argument("", setting.source, setting.line, reason)))


def _log_backend(flags: Flags, minor: int | None) -> LogBackend | None:
    check_log(flags, minor)
    path = read_text(flags, "audit-log-path")
    if path is None:
        return None
    return LogBackend(
        path=path,
        mode=_text(flags, "audit-log-mode", "blocking"),
        format=_text(flags, "audit-log-format", "json"),
        rotation=rotations(
            read_integer(flags, "audit-log-maxage"),
            read_integer(flags, "audit-log-maxbackup"),
            read_integer(flags, "audit-log-maxsize"),
            minor,
        ),
        truncates=read_boolean(flags, "audit-log-truncate-enabled", default=False),
    )


def _webhook_backend(flags: Flags, minor: int | None) -> WebhookBackend | None:
    check_webhook(flags, minor)
    config_file = read_text(flags, "audit-webhook-config-file")
    if config_file is None:
        return None
    return WebhookBackend(
        config_file=config_file,
        mode=_text(flags, "audit-webhook-mode", "batch"),
        truncates=read_boolean(flags, "audit-webhook-truncate-enabled", default=False),
    )


def _text(flags: Flags, flag: str, default: str) -> str:
    """Give a value that is checked elsewhere, the default where it is not set."""
    setting = flags.last(flag)
    return default if setting is None else setting.value


def _authorization(flags: Flags) -> Authorization:
    """Read the authorizers; pflag appends the values of a repeated ``--authorization-mode``."""
    config = read_text(flags, "authorization-config")
    settings = flags.all("authorization-mode")
    if config is not None or any(setting.unread for setting in settings):
        return Authorization((), config, None)
    modes = tuple(mode for setting in settings if setting.value for mode in setting.value.split(","))
    check_authorization(flags, modes)
    modes = modes or (AUTHORIZATION_MODES[0],)
    return Authorization(modes, None, can_deny(modes))


def _anonymous(flags: Flags, authorization: Authorization) -> bool | None:
    """Say whether anonymous requests are let in; kube-apiserver switches them off under AlwaysAllow."""
    wanted = read_boolean(flags, "anonymous-auth", default=True)
    if read_text(flags, "authentication-config") is not None or any(s.unread for s in flags.all("anonymous-auth")):
        return None
    if not wanted or "AlwaysAllow" in authorization.modes:
        return False
    return True if authorization.can_deny is not None else None
