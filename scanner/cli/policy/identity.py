"""Who sends the request that ``policy explain`` is asked about, with the groups that Kubernetes itself adds."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

from scanner.audit_policy.classes import AUTHENTICATED, UNAUTHENTICATED, implied_groups
from scanner.audit_policy.types import Policy
from scanner.errors import UsageError

ANONYMOUS: Final = "system:anonymous"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"
_NAMESPACE_AND_NAME: Final = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and all groups.

    Attributes:
        user: None for a request that failed authentication.
        title: Who that is, in words.
        added: The groups that were not asked for but that Kubernetes adds.
    """

    user: str | None
    groups: tuple[str, ...]
    title: str
    added: tuple[str, ...] = ()


REFUSED: Final = Identity(None, (), "nobody: the API server answers before it authenticates the request")


def identity(arguments: argparse.Namespace, policy: Policy) -> Identity:
    """Read ``--as``, ``--as-group`` and ``--unauthenticated``; without them a person whom no rule names."""
    asked = tuple(dict.fromkeys(arguments.groups or ()))
    if arguments.unauthenticated:
        if asked:
            hint = "a request that failed authentication has no user and no groups: leave --as-group out"
            raise UsageError("not allowed together", where="--unauthenticated and --as-group", hint=hint)
        return Identity(None, (), "nobody: the request failed authentication")
    if arguments.user is None:
        user = _whom_no_rule_names(policy)
        title = f"{user}, whom no rule names"
    elif arguments.user:
        user, title = arguments.user, arguments.user
    else:
        hint = "leave --as out for a user whom no rule names, or give --unauthenticated for a failed authentication"
        raise UsageError("the user's name is empty", where="--as", hint=hint)
    implied = _implied(user, asked)
    added = tuple(group for group in implied if group not in asked)
    return Identity(user, (*asked, *added), title, added)


def _implied(user: str, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Give the groups that Kubernetes adds to a user, those of service accounts first."""
    if UNAUTHENTICATED in asked and AUTHENTICATED not in asked:
        return (UNAUTHENTICATED,)
    parts = user.removeprefix(_SERVICE_ACCOUNT).split(":")
    if user.startswith(_SERVICE_ACCOUNT) and (len(parts) != _NAMESPACE_AND_NAME or not all(parts)):
        hint = "write system:serviceaccount:NAMESPACE:NAME"
        raise UsageError("not the name of a service account", where=f"--as {user}", hint=hint)
    return tuple(sorted(implied_groups(user), key=lambda group: (group == AUTHENTICATED, group)))


def _whom_no_rule_names(policy: Policy) -> str:
    """Make up a user's name that no rule holds."""
    named = {user for rule in policy.rules for user in rule.users}
    number = 1
    while (name := "somebody" if number == 1 else f"somebody-{number}") in named:
        number += 1
    return name
