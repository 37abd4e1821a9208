"""Names that Kubernetes gives to users and groups of its own, to tell one from the other."""

from __future__ import annotations

import re
from typing import Final

_GROUPS: Final = re.compile(r"system:(masters|nodes|bootstrappers|authenticated|unauthenticated|serviceaccounts(:.*)?)")
_USERS: Final = re.compile(
    r"system:(anonymous|apiserver|admin|kube-proxy|kube-scheduler|kube-controller-manager|cloud-controller-manager"
    r"|serviceaccount:.*|node:.*)"
)
_WILDCARD: Final = "*"


def is_pattern(name: str) -> bool:
    """Tell whether somebody took a name for a pattern; in rules no user or group has a star."""
    return _WILDCARD in name


def is_group(name: str) -> bool:
    """Tell whether a name is that of one of Kubernetes' own groups, so that no user has it."""
    return _GROUPS.fullmatch(name) is not None


def is_user(name: str) -> bool:
    """Tell whether a name is that of one of Kubernetes' own users, so that no group has it."""
    return _USERS.fullmatch(name) is not None
