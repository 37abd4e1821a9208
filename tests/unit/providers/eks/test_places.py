"""Regions of accounts as bits: no region holds for another one, whatever the order in which they came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from providers.eks.places import Places

_places = st.tuples(st.sampled_from(["100000000001", "100000000002", "100000000003"]), st.sampled_from("abcdefgh"))


@given(st.lists(_places), st.lists(_places))
def test_it_holds_for_what_was_added_and_for_nothing_else(
    added: list[tuple[str, str]], asked: list[tuple[str, str]]
) -> None:
    places = Places()
    for account, region in added:
        places.add(account, region)
    assert sorted(places) == sorted(set(added))
    assert all((place in places) == (place in added) for place in asked)


def test_an_account_that_is_forgotten_has_none_and_the_others_keep_theirs() -> None:
    places = Places()
    places.add("100000000001", "eu-west-1")
    places.add("100000000002", "eu-west-1")
    places.forget("100000000001")
    places.forget("100000000003")
    assert list(places) == [("100000000002", "eu-west-1")]
    assert ("100000000001", "eu-west-1") not in places
