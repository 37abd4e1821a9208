"""Whose requests two policies are compared on: the kinds of principals, and every identity that a rule names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Final

from scanner.audit_policy.classes import (
    ANONYMOUS,
    AUTHENTICATED,
    OTHER,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
    Other,
    Principal,
    implied_groups,
)
from scanner.audit_policy.types import Policy, PolicyRule
from scanner.knowledge.request_classes import RequestKnowledge

MOST_COMBINATIONS: Final = 5000
"""So many combinations of users and groups are tried, and no more."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A principal, and what to call it.

    Attributes:
        base: Somebody like it whom no rule names; None for a kind of principals.
    """

    title: str
    principal: Principal
    base: Principal | None = None


@dataclass(frozen=True, slots=True)
class Combination:
    """A person with several identities that rules name, and those identities one by one."""

    title: str
    principal: Principal
    members: tuple[Principal, ...]


def kinds(knowledge: RequestKnowledge) -> tuple[Compared, ...]:
    """Give the kinds of principals whom no rule names, failed authentications among them."""
    return tuple(Compared(one.title, one.principal()) for one in knowledge.principals.values())


def named(policies: Iterable[Policy]) -> tuple[Compared, ...]:
    """Give every user and group that a rule names, with the groups that Kubernetes itself adds."""
    rules = [rule for policy in policies for rule in policy.rules]
    users = sorted({user for rule in rules for user in rule.users} - {ANONYMOUS})
    groups = sorted({group for rule in rules for group in rule.user_groups} - _of_kinds())
    return (*(_user(name) for name in users), *(_group(name) for name in groups))


def combined(policies: tuple[Policy, ...]) -> tuple[tuple[Combination, ...], bool]:
    """Give the people who are several of the named users and groups at once, and whether these are all that matter.

    A request meets one rule in each policy. Whatever further groups its user has can only make an earlier rule match,
    so that two groups, one for each of the two rules, are as good as any number. People whose requests the same rules
    of both policies can match are given once.
    """
    rules = [rule for policy in policies for rule in policy.rules]
    seen = {_signature(rules, one.principal) for one in named(policies)}
    found: list[Combination] = []
    pairs = _pairs(rules)
    for one in islice(pairs, MOST_COMBINATIONS):
        signature = _signature(rules, one.principal)
        if signature not in seen:
            seen.add(signature)
            found.append(one)
    return tuple(found), next(pairs, None) is None


def _pairs(rules: list[PolicyRule]) -> Iterator[Combination]:
    """Give every person with two named groups, or with a named user and one or two named groups."""
    users = sorted({user for rule in rules for user in rule.users if _is_person(user)})
    extra = {group for rule in rules for group in rule.user_groups} - _of_kinds()
    groups = sorted(group for group in extra if not group.startswith(f"{SERVICE_ACCOUNTS}:"))
    for size in (1, 2):
        for some in combinations(groups, size):
            for user in users:
                yield _combination(user, some)
            if size > 1:
                yield _combination(OTHER, some)


def _combination(user: str | Other, groups: tuple[str, ...]) -> Combination:
    """Build a person with further groups."""
    base = implied_groups(user) if isinstance(user, str) else frozenset({AUTHENTICATED})
    alone = (Principal(user, base),) if isinstance(user, str) else ()
    members = tuple(Principal(OTHER, frozenset({group, AUTHENTICATED})) for group in groups)
    names = ([f"user {user}"] if isinstance(user, str) else []) + [f"group {group}" for group in groups]
    return Combination(
        " in ".join([names[0], " and ".join(names[1:])]), Principal(user, base | {*groups}), (*alone, *members)
    )


def _signature(rules: list[PolicyRule], principal: Principal) -> int:
    """Give the rules that can match a principal's requests, a bit for each."""
    return sum(1 << index for index, rule in enumerate(rules) if _meets(rule, principal))


def _meets(rule: PolicyRule, principal: Principal) -> bool:
    """Tell whether a rule's users and groups hold a principal."""
    if rule.users and principal.user not in rule.users:
        return False
    return not rule.user_groups or not principal.groups.isdisjoint(rule.user_groups)


def _user(name: str) -> Compared:
    """Build a named user."""
    groups = implied_groups(name)
    return Compared(f"user {name}", Principal(name, groups), Principal(OTHER, _base(groups)))


def _group(name: str) -> Compared:
    """Build somebody of a named group."""
    if name.startswith(f"{SERVICE_ACCOUNTS}:"):
        groups = frozenset({AUTHENTICATED, SERVICE_ACCOUNTS, name})
        title = f"service accounts of namespace {name.removeprefix(SERVICE_ACCOUNTS + ':')}"
        return Compared(title, Principal(OTHER, groups), Principal(OTHER, _base(groups)))
    return Compared(
        f"group {name}", Principal(OTHER, frozenset({name, AUTHENTICATED})), Principal(OTHER, _base(frozenset()))
    )


def _base(groups: frozenset[str]) -> frozenset[str]:
    """Give the groups of somebody whom no rule names: a service account or a person."""
    return frozenset({AUTHENTICATED, SERVICE_ACCOUNTS} if SERVICE_ACCOUNTS in groups else {AUTHENTICATED})


def _is_person(user: str) -> bool:
    """Tell whether a user can have groups beyond those that Kubernetes adds."""
    return user != ANONYMOUS and SERVICE_ACCOUNTS not in implied_groups(user)


def _of_kinds() -> frozenset[str]:
    """Give the groups that the kinds of principals have."""
    return frozenset({AUTHENTICATED, UNAUTHENTICATED, SERVICE_ACCOUNTS})
