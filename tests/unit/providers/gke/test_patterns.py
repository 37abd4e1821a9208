"""Regular expressions of log filters: what RE2 says where that is sure, and nothing else."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.gke.patterns import found


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("cluster", True),
        ("Cluster", False),
        ("(?i)CLUSTER", True),
        ("(?i)^[A-Z0-9_]+$", True),
        ("(?i)[^K8S_CLUTER]", False),
        ("^k8s_cluster$", True),
        ("^cluster", False),
        ("k8s$", False),
        ("^k.s", True),
        ("^(?:k8s|gce)_", True),
        ("^(gke|gce)_", False),
        ("k8s_(cluster|node)$", True),
        ("^[a-z0-9_-]+$", True),
        ("^[^_]+$", False),
        ("^[a-z]\\d", None),
        ("^k8s?_c{1}l{1,}u{0,2}s", True),
        ("l{2}", False),
        ("^(k|8|s|_)*?cluster$", True),
        ("k8s\\_cluster", None),
        ("k8s\\.cluster", None),  # whether . is one or is any character decides
        ("a\\.b", False),
        ("\\-", False),
        ("x^k", False),
    ],
)
def test_what_is_sure(pattern: str, expected: bool | None) -> None:  # noqa: FBT001 - the answer itself
    assert found(pattern, "k8s_cluster") is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "", "[[:alpha:]]", "[[:^alpha:]]", "[[a]", "[a[b]", "[a&&b]", "[a||b]", "[a~~b]", "[a--b]", "[]a]", "[^]a]",
        "[]", "[z-a]", "[A-z]", "[a-z-9]", "[+--]", "[a", "[\\d]", "[\\]", "\\C", "\\pL", "\\p{Greek}", "\\PN",
        "\\Qk8s\\E", "\\z", "\\Z", "\\A", "\\d", "\\w", "\\s", "\\b", "\\B", "\\W", "\\1", "\\x6b", "\\153", "\\n",
        "\\a", "k\\", "(?=k)", "(?!x)", "(?<=k)8", "(?<!x)", "(k)\\1", "(?P=n)", "(?P<n>k)", "(?<n>k)", "(?>k)",
        "(?#k)", "k++", "k*+", "k?+", "k**", "k{1}{1}", "k{1}+", "k{,2}", "k{", "k}", "k]", "{1}", "*k", "+k", "?k",
        "|k", "k|", "()", "(|k)", "(k", "k)", "^*", "$+", "(?s)k", "(?m)^k", "(?U)k", "(?-i)k", "(?ix)k", "k(?i)8",
        "(?i", "k{2,1}", "k{1001}", "k{0,9999}", "\u212a", "k\n", "k" * 501, "(" * 300 + "k" + ")" * 300,
    ],
)  # fmt: skip
def test_what_is_not_sure(pattern: str) -> None:
    assert found(pattern, "k8s_cluster") is None


def test_a_text_of_other_than_plain_characters_is_not_searched() -> None:
    assert found("k", "k\n") is None
    assert found("(?i)k", "\u212a") is None


@pytest.mark.parametrize(
    "pattern", [".?" * 240 + "\\#", "(.*.*)*x", "(((a*)*)*)*b", "((.{1,1000}){1,1000}){1,1000}#", "^" + ".*k" * 160]
)
def test_no_expression_takes_long(pattern: str) -> None:
    began = time.monotonic()
    found(pattern, "a" * 250)
    assert time.monotonic() - began < 2


PIECES = st.recursive(
    st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\-", "^", "$"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join).map("(?:{})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"])).map(
            lambda both: f"({both[0]}){both[1]}"
        ),
    ),
    max_leaves=6,
)


@given(PIECES, st.text(alphabet="abc-", max_size=6))
def test_the_same_as_python_where_both_languages_are_one(pattern: str, text: str) -> None:
    assert found(pattern, text) in (None, re.search(pattern, text) is not None)
    if "\\" not in pattern:
        assert found(pattern, text) is not None
