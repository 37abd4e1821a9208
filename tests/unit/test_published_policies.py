"""Published policies: each loads, says where it is from, and OpenShift's can be put together for single groups."""

from __future__ import annotations

import pytest

from scanner.knowledge.policies import composed, names, published


@pytest.mark.parametrize("name", names())
def test_each_loads_with_its_source(name: str) -> None:
    one = published(name)
    assert one.policy.rules
    assert one.source
    assert one.licence
    assert one.base_rules < len(one.policy.rules)


def test_the_policies_of_a_family_share_their_base() -> None:
    family = [published(name) for name in names() if published(name).base_rules]
    bases = {tuple(repr((r.level, r.users, r.resources)) for r in one.policy.rules[: one.base_rules]) for one in family}
    assert len(family) == 4
    assert len(bases) == 1


def test_rules_for_groups_stand_between_the_base_and_the_profile() -> None:
    whole = composed("openshift-default", (("batch", "openshift-none"),))
    default, nothing = published("openshift-default").policy.rules, published("openshift-none").policy.rules
    assert whole.rules[:2] == default[:2]
    assert [(rule.level, rule.user_groups) for rule in whole.rules[2:3]] == [(nothing[2].level, ("batch",))]
    assert whole.rules[3:] == default[2:]


def test_without_groups_it_is_the_profile() -> None:
    assert composed("openshift-none", ()) == published("openshift-none").policy


def test_an_unknown_policy() -> None:
    with pytest.raises(KeyError):
        composed("openshift-none", (("g", "nothing"),))
