"""Fields of YAML documents: what stands there, and where."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.self_managed.fields import Field
from providers.self_managed.yaml_nodes import compose_all
from scanner.apiserver import Argument
from scanner.model import Evidence

TEXT = """\
spec:
  base: &base {a: 1, b: 2}
  server:
    <<: *base
    b: 3
    audit-log-path: /a
    audit-log-path: /b
    nothing: null
    list: [x, [y], null]
  policy:
    kind: Policy
    rules:
    - level: None
"""


def root(text: str = TEXT) -> Field:
    (node,) = compose_all(text, "f.yaml")
    return Field("f.yaml", node, body=text)


def test_the_last_of_repeated_keys_counts_and_own_keys_come_before_merged_ones() -> None:
    server = root().get("spec", "server")
    assert [(key, value.text) for key, value in server.entries()] == [
        ("a", "1"),
        ("b", "3"),
        ("audit-log-path", "/b"),
        ("nothing", ""),
        ("list", ""),
    ]
    assert (server.get("a").text, server.get("b").text, server.get("audit-log-path").line) == ("1", "3", 7)


def test_a_missing_field_names_its_place() -> None:
    missing = root().get("spec", "server", "audit-policy-file", "deep")
    assert not missing
    assert missing.locator == "line 3, spec.server.audit-policy-file.deep"
    assert missing.evidence() == Evidence("f.yaml", "line 3, spec.server.audit-policy-file.deep", "nothing")


def test_null_counts_as_nothing() -> None:
    nothing = root().get("spec", "server", "nothing")
    assert (bool(nothing), nothing.is_null, nothing.text) == (False, True, "")


def test_an_argument_keeps_file_line_and_key() -> None:
    argument = root().get("spec", "server", "audit-log-path").argument("audit-log-path")
    assert argument == Argument("--audit-log-path=/b", "f.yaml", 7, "", "spec.server.audit-log-path")


def test_words_take_a_text_or_a_list() -> None:
    server = root().get("spec", "server")
    assert [word.text for word in server.get("list").words()] == ["x"]
    assert [word.path for word in server.get("b").words()] == ["spec.server.b"]


def test_content_is_the_yaml_that_stands_there() -> None:
    data, above = root().get("spec", "policy").content()
    assert data.decode().rstrip() == "kind: Policy\nrules:\n- level: None"
    assert above == 10


def test_content_of_a_text_within_a_text_keeps_the_outer_lines() -> None:
    outer = root("data:\n  inner: |\n    files:\n    - content: |\n        kind: Policy\n        rules: []\n")
    (inner,) = outer.get("data", "inner").documents()
    content = inner.get("files").items()[0].get("content")
    assert content.locator == "line 4, data.inner: files[0].content"
    assert content.content() == (b"kind: Policy\nrules: []\n", 4)


def test_content_that_uses_an_anchor_from_elsewhere_is_written_out() -> None:
    document = root("x: &x [secrets]\npolicy:\n  resources: *x\n")
    data, _ = document.get("policy").content()
    assert yaml.safe_load(data) == {"resources": ["secrets"]}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("policy: {kind: Policy}\n", b"--- {kind: Policy}"),
        ('{"policy": {"kind": "Policy"}}', b'{"kind": "Policy"}'),
        ("x: &x a\npolicy: {kind: *x}\n", b"--- {kind: a}\n"),
    ],
)
def test_content_in_flow_style_is_no_json(text: str, data: bytes) -> None:
    """Kube-apiserver tells the two apart by the first character."""
    assert root(text).get("policy").content()[0] == data


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n# the end", "\n...", " # all"])
@pytest.mark.parametrize(
    "text", ["policy:\n  rules:\n  - level: Metadata\n    omit: [a]", "policy:\n  a: 1", "policy: {a: 1}"]
)
def test_content_keeps_the_last_line_however_the_file_ends(text: str, end: str) -> None:
    """What ends with the file has its end below the last line, as libyaml marks it."""
    data, _ = root(text + end).get("policy").content()
    assert yaml.safe_load(data) == yaml.safe_load(text)["policy"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab: #-'\"\\é\n", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON.filter(lambda value: isinstance(value, (list, dict))), st.booleans(), st.booleans())
def test_content_means_what_stood_there(value: object, flow: bool, last: bool) -> None:  # noqa: FBT001 - hypothesis
    """Whatever the style, cutting a value out of a document does not change it, nor out of the end of one."""
    document = {"before": [1, 2], "value": value, **({} if last else {"after": {"x": "y"}})}
    text = yaml.safe_dump(document, default_flow_style=flow or None, sort_keys=False)
    text = text.removesuffix("\n") if last else text
    data, _ = root(text).get("value").content()
    assert yaml.safe_load(data) == value


@pytest.mark.parametrize(
    ("text", "kinds"), [("[a]", (False, True, False)), ("{a: b}", (True, False, False)), ("a", (False, False, True))]
)
def test_kinds(text: str, kinds: tuple[bool, bool, bool]) -> None:
    one = root(text)
    assert (one.is_map, one.is_list, one.is_text) == kinds
    assert one.get("b").node is None
    assert one.documents() == () or one.is_text
