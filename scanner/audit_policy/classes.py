"""Classes of requests: boxes over verbs, API groups, resources, subresources, namespaces, names and paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from scanner.audit_policy.evaluator import path_matches


class Other(Enum):
    """Stands for every value that nobody names."""

    OTHER = "any other"


OTHER: Final = Other.OTHER


@dataclass(frozen=True, slots=True)
class Values:
    """A finite set of values, or all values but finitely many.

    On paths a name that ends in ``*`` stands for all paths with that prefix, and the most specific of `names` and
    `exceptions` that matches a path decides: an exact one, or the longest prefix.

    Attributes:
        names: The values in the set, or those outside of it where it is inverted.
        exceptions: On paths, the patterns within `names` to which the opposite applies.
    """

    names: frozenset[str] = frozenset()
    inverted: bool = True
    exceptions: frozenset[str] = frozenset()

    @classmethod
    def only(cls, *names: str) -> Values:
        """Give the set of these values."""
        return cls(frozenset(names), inverted=False)

    @classmethod
    def all_but(cls, *names: str) -> Values:
        """Give the set of all values but these."""
        return cls(frozenset(names), inverted=True)

    def __contains__(self, value: str) -> bool:
        """Tell whether a value (no path) is in the set."""
        return (value in self.names) != self.inverted

    def has_path(self, path: str) -> bool:
        """Tell whether a path is in the set."""
        matching = [(specificity(name), name) for name in self.names | self.exceptions if path_matches(path, name)]
        best = max(matching)[1] if matching else None
        return (best in self.names) != self.inverted


def specificity(pattern: str) -> tuple[bool, int]:
    """Rank the patterns that match a path: an exact one above any prefix, a longer prefix above a shorter one."""
    return not pattern.endswith("*"), len(pattern)


EVERY: Final = Values()


@dataclass(frozen=True, slots=True)
class RequestClass:
    """A box of requests, either for resources or for non-resource paths.

    The dimensions are independent. `paths` counts for non-resource requests only, all but it and `verbs` for resource
    requests only. A plain resource has the subresource ``""``, a request about no namespace the namespace ``""``, and a
    list or create the name ``""``.
    """

    is_resource: bool
    verbs: Values = EVERY
    api_groups: Values = EVERY
    resources: Values = EVERY
    subresources: Values = EVERY
    namespaces: Values = EVERY
    names: Values = EVERY
    paths: Values = EVERY


@dataclass(frozen=True, slots=True)
class Principal:
    """Whose requests: a user with exactly these groups, as far as a policy can tell them apart.

    Attributes:
        user: The user's name; `OTHER` for one whom no rule names; None for a request that failed authentication.
        groups: All groups that a rule may name; further ones that no rule names make no difference.
    """

    user: str | Other | None
    groups: frozenset[str] = frozenset()


ANONYMOUS: Final = "system:anonymous"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
_SERVICE_ACCOUNT: Final = re.compile(r"system:serviceaccount:([^:]+):[^:]+")


def implied_groups(user: str) -> frozenset[str]:
    """Give the groups that Kubernetes itself puts a user into.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/ and ``k8s.io/apiserver``
    (authentication/group, authentication/serviceaccount). A certificate of ``system:node:x`` carries ``system:nodes``
    by the node authorizer's rule.
    """
    if user == ANONYMOUS:
        return frozenset({UNAUTHENTICATED})
    account = _SERVICE_ACCOUNT.fullmatch(user)
    if account:
        return frozenset({AUTHENTICATED, SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{account[1]}"})
    return frozenset({AUTHENTICATED, "system:nodes"} if user.startswith("system:node:") else {AUTHENTICATED})
