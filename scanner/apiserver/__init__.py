"""kube-apiserver's flags and what they amount to; pure, and usable on its own."""

from scanner.apiserver.arguments import Argument, Flags, Setting, is_relevant, parse_arguments
from scanner.apiserver.configuration import (
    STDOUT,
    AuditConfiguration,
    Authorization,
    LogBackend,
    WebhookBackend,
    can_deny,
    configure,
    minor_version,
)
from scanner.apiserver.rotation import Rotation, rotations

__all__ = [
    "STDOUT",
    "Argument",
    "AuditConfiguration",
    "Authorization",
    "Flags",
    "LogBackend",
    "Rotation",
    "Setting",
    "WebhookBackend",
    "can_deny",
    "configure",
    "is_relevant",
    "minor_version",
    "parse_arguments",
    "rotations",
]
