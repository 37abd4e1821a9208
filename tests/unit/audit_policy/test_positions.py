"""Where fields and list members stand, in YAML and JSON, and where a refusal points."""

from __future__ import annotations

import pytest

from scanner.audit_policy import positions
from scanner.audit_policy.extraction import policies
from scanner.audit_policy.positions import nearest
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Position
from scanner.errors import PolicyError

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def places(text: str) -> dict[str, tuple[int, int]]:
    """Load a policy, and give its positions as pairs."""
    return {path: (one.line, one.column) for path, one in load(text.encode()).positions.items()}


def test_every_key_and_list_member_of_yaml_has_its_place() -> None:
    text = f"""{HEAD}omitStages: [ RequestReceived ]
rules:
  # a comment
  - level: Metadata
    verbs:
    - get
    - "list"
    extra: {{deep: [x]}}
  -   resources: [{{group: "", resources: [pods]}}]
      level: None
"""
    assert places(text) == {
        "apiVersion": (1, 1),
        "kind": (2, 1),
        "omitStages": (3, 1),
        "omitStages[0]": (3, 15),
        "rules": (4, 1),
        "rules[0]": (6, 5),
        "rules[0].level": (6, 5),
        "rules[0].verbs": (7, 5),
        "rules[0].verbs[0]": (8, 7),
        "rules[0].verbs[1]": (9, 7),
        "rules[0].extra": (10, 5),
        "rules[0].extra.deep": (10, 13),
        "rules[0].extra.deep[0]": (10, 20),
        "rules[1]": (11, 7),
        "rules[1].resources": (11, 7),
        "rules[1].resources[0]": (11, 19),
        "rules[1].resources[0].group": (11, 20),
        "rules[1].resources[0].resources": (11, 31),
        "rules[1].resources[0].resources[0]": (11, 43),
        "rules[1].level": (12, 7),
    }


def test_an_alias_stands_where_it_is_written_and_its_content_where_the_anchor_has_it() -> None:
    text = f"x: &r\n  level: None\n  verbs: [get]\n{HEAD}rules:\n- *r\n- <<: *r\n  level: Request\n"
    found = places(text)
    assert found["rules[0]"] == (7, 3)
    assert found["rules[0].verbs[0]"] == (3, 11)
    assert found["rules[1]"] == (8, 3)
    assert found["rules[1].verbs"] == (3, 3)
    assert found["rules[1].level"] == (9, 3)


def test_of_repeated_keys_the_one_that_counts_has_the_place() -> None:
    assert places(f"{HEAD}rules:\n- level: None\n  level: Request\n")["rules[0].level"] == (5, 3)


def test_a_key_with_dots_or_brackets_never_passes_for_another_field() -> None:
    text = f'{HEAD}rules:\n- level: None\n"rules[0].level": x\n"rules[0]": {{verbs: []}}\n"": {{level: y}}\n'
    found = places(text)
    assert found["rules[0].level"] == (4, 3)
    assert found["rules[0].verbs"] == (6, 14)
    assert found[""] == (7, 1)


def test_columns_count_characters_not_bytes() -> None:
    found = places(f"{HEAD}rules:\n- {{users: ['\U0001f600é'], level: None}}\n")
    assert found["rules[0].level"] == (4, 19)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_shifts_nothing(encoding: str) -> None:
    text = f"{HEAD}rules:\n- level: None\n"
    data = ("\ufeff" + text).encode(encoding) if encoding == "utf-16-be" else text.encode(encoding)
    found = load(data).positions
    assert found["apiVersion"] == Position(1, 1)
    assert found["rules[0].level"] == Position(4, 3)


def test_json_has_places_too() -> None:
    """A line separator within a string ends no line of JSON."""
    text = (
        '{"apiVersion": "audit.k8s.io/v1",\n'
        '  "note": "\u2028", "n": -1.5e3, "rules": [\n'
        '\t{"level": "None", "users": ["a\\"]\\u2028", "b"]}]}'
    )
    assert places(text) == {
        "apiVersion": (1, 2),
        "note": (2, 3),
        "n": (2, 16),
        "rules": (2, 29),
        "rules[0]": (3, 2),
        "rules[0].level": (3, 3),
        "rules[0].users": (3, 20),
        "rules[0].users[0]": (3, 30),
        "rules[0].users[1]": (3, 44),
    }


def test_json_that_is_too_deep_for_places_loads_without_any() -> None:
    text = '{"apiVersion":"audit.k8s.io/v1","rules":[{"level":"None"}],"x":' + "[" * 300 + "]" * 300 + "}"
    policy = load(text.encode())
    assert policy.positions == {}
    assert policy.rules[0].line is None


def test_aliases_cannot_multiply_places_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_POSITIONS", 50)
    text = f"x: &a [1, 2, 3, 4, 5]\n{HEAD}rules: [{{level: None}}]\ny: [{', '.join(['*a'] * 50)}]\n"
    assert 50 < len(load(text.encode()).positions) < 120


def test_members_of_what_has_a_very_long_path_are_left_out() -> None:
    long = "k" * 1200
    found = load(f"{HEAD}? {long}\n: {{a: b}}\nrules: [{{level: None}}]\n".encode()).positions
    assert long in found
    assert f"{long}.a" not in found


def test_policies_that_differ_in_places_only_are_equal() -> None:
    one = load(f"{HEAD}rules: [{{level: None}}]\n".encode())
    two = load(f"{HEAD}rules: [{{  level: None}}]\n".encode())
    assert one == two
    assert hash(one) == hash(two)
    assert one.positions != two.positions


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{HEAD}rules:\n- level: none\n", (4, 3)),
        (f"{HEAD}rules:\n- users: [a]\n", (4, 3)),
        (f"{HEAD}rules:\n- level: None\n  verbs: get\n", (5, 3)),
        (f"{HEAD}rules:\n- level: None\n  verbs: [get, [a]]\n", (5, 16)),
        (f"{HEAD}rules:\n- level: None\n  resources:\n  - group: 'A!'\n", (5, 3)),
        (f"{HEAD}omitStages: [RequestReceived, X]\nrules: [{{level: None}}]\n", (3, 31)),
        (f"{HEAD}rules: [\n", (4, 1)),
        (f"{HEAD}rules:\n  - level: *x\n", (4, 12)),
        (f"{HEAD}rules:\n  - level: !!int x\n", (4, 12)),
        ("a: " + "[" * 300, (1, 203)),
        ("%YAML 1.2\n---\na: b\n", (1, 1)),
        ("apiVersion: v1\nkind: Pod\n", (1, 1)),
        ('{"kind": "Policy",\n "apiVersion": "v1"}', (2, 2)),
        ('{"kind":\n nope}', (2, 2)),
        (HEAD, None),
    ],
)
def test_a_refusal_points_to_its_place(text: str, place: tuple[int, int] | None) -> None:
    with pytest.raises(PolicyError) as caught:
        load(text.encode())
    assert (caught.value.line, caught.value.column) == (place or (None, None))


def test_the_nearest_known_field_stands_for_an_unknown_one() -> None:
    known = {"rules[1]": Position(3, 4), "rules": Position(1, 1)}
    assert nearest("rules[1].resources[0].group", known) == Position(3, 4)
    assert nearest("rules[2].level", known) == Position(1, 1)
    assert nearest("omitStages[0]", known) is None
    assert nearest("", known) is None


def test_a_key_that_stands_twice_in_an_embedded_policy_has_its_place_in_the_outer_file() -> None:
    inner = f"{HEAD}rules:\n- level: None\n  level: Metadata\n"
    outer = "kind: ConfigMap\ndata:\n  policy.yaml: |\n" + "".join(f"    {line}\n" for line in inner.splitlines())
    (found,) = policies(outer.encode()).policies
    (twice,) = found.load().duplicates
    assert (twice.name, twice.position, twice.is_merged) == ('"level"', Position(8, 7), False)
