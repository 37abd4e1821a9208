"""What `suggest` writes into a policy's text, and what it leaves alone."""

from __future__ import annotations

import codecs

import pytest

from scanner.assessment.grading import grade_policy
from scanner.assessment.policy_findings import review
from scanner.assessment.policy_suggest import GradeName, StagesName, from_scratch, suggest
from scanner.assessment.policy_suggest.rule_text import quoted
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Policy
from scanner.errors import PolicyError, UsageError
from scanner.model import Grade

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def mended(text: str, grade: GradeName = "minimum", stages: StagesName = "outcome") -> str:
    """Give a policy's text after the suggestion, which must reach the grade."""
    found = suggest(text.encode(), grade=grade, stages=stages)
    policy = load(found.data)
    assert_reached(policy, grade, stages)
    return found.data.decode()


def assert_reached(policy: Policy, grade: GradeName, stages: StagesName = "outcome") -> None:
    coverage = grade_policy(policy, stages=stages)
    assert min(one.grade for one in coverage.categories.values()) >= Grade.from_label(grade)


def test_a_policy_that_reaches_the_grade_stays_byte_for_byte() -> None:
    text = HEAD + "rules: [{level: Metadata}]   # all\r\n"
    found = suggest(text.encode(), grade="complete", stages="all")
    assert (found.data, found.changes, found.volume) == (text.encode(), (), ())
    assert found.before == found.after


def test_an_outcome_stage_is_kept_again() -> None:
    text = HEAD + "omitStages: [RequestReceived, ResponseStarted]\nrules:\n- level: Metadata\n"
    assert mended(text) == (
        HEAD + "omitStages: [RequestReceived]  # ResponseStarted is kept: failed logins show at this stage alone\n"
        "rules:\n- level: Metadata\n"
    )


@pytest.mark.parametrize(
    ("stages", "left"),
    [
        ('["ResponseStarted", "RequestReceived"]', '["RequestReceived"]'),
        ("[Panic, ResponseStarted, RequestReceived, ResponseComplete]", "[Panic, RequestReceived]"),
        ("[ ResponseStarted, ResponseStarted ]", "[]"),
        ("[ResponseComplete,\n  Panic]", "[Panic]"),
    ],
)
def test_stages_are_taken_out_of_a_flow_list_with_their_commas(stages: str, left: str) -> None:
    found = mended(HEAD + f"omitStages: {stages}\nrules:\n- level: Metadata\n")
    assert f"omitStages: {left}  # Response" in found or f"omitStages: {left}\n" in found


def test_stages_are_taken_out_of_a_block_list_and_an_empty_one_is_written_as_such() -> None:
    text = (
        HEAD
        + "rules:\n- level: Metadata\n  omitStages:\n  - RequestReceived # early\n  - 'ResponseComplete'\n  verbs: []\n"
    )
    why = "  # ResponseComplete is kept: it carries the outcome\n"
    assert mended(text) == HEAD + (
        f"rules:\n- level: Metadata\n  omitStages:{why}  - RequestReceived # early\n  verbs: []\n"
    )
    both = mended(text, stages="all")
    assert both == HEAD + (
        "rules:\n- level: Metadata\n"
        "  # RequestReceived is kept: every request shows as soon as it arrives; ResponseComplete is kept: it carries\n"
        "  # the outcome\n"
        "  omitStages: []\n  verbs: []\n"
    )


def test_a_catch_all_is_appended_for_the_grade_complete() -> None:
    text = HEAD + "rules:\n  - level: Metadata\n    verbs: [create]   # writes\n      # more of it\n# the end\n"
    assert mended(text, "complete") == HEAD + (
        "rules:\n  - level: Metadata\n    verbs: [create]   # writes\n      # more of it\n"
        "  # Everything else: records requests of every kind that no rule above matches.\n"
        "  - level: Metadata\n# the end\n"
    )


def test_for_the_minimum_no_more_is_recorded_than_it_asks_for() -> None:
    found = suggest((HEAD + "rules:\n- level: None\n").encode())
    assert found.data.decode() == HEAD + (
        "rules:\n"
        "# Records writes, which the next rule drops.\n"
        '- level: Metadata\n  verbs: ["create", "update", "patch", "delete"]\n'
        "# Records reads of secrets, which the next rule drops.\n"
        '- level: Metadata\n  verbs: ["get", "list", "watch"]\n'
        '  resources:\n    - {group: "", resources: ["secrets"]}\n'
        "- level: None\n"
    )
    assert found.changes == (
        (
            "new rules before rules[0]: Records writes, which the next rule drops. "
            "Records reads of secrets, which the next rule drops."
        ),
    )
    assert found.volume == (
        "records every write, those of events and leases among them, unless a rule above leaves them out",
    )


def test_a_rule_that_drops_nothing_else_is_raised() -> None:
    text = HEAD + "rules:\n- level: None\n  verbs: [get, list, watch]\n- level: Metadata\n"
    assert mended(text, "complete") == HEAD + (
        "rules:\n"
        "# was None, which dropped reads, exec, attach, port-forward and proxy by GET and discovery and other\n"
        "# non-resource paths\n"
        "- level: Metadata\n  verbs: [get, list, watch]\n- level: Metadata\n"
    )


def test_known_noise_beside_what_is_needed_stays_dropped() -> None:
    text = HEAD + (
        "rules:\n- level: None\n  nonResourceURLs: [/healthz*, /api*, /version]\n"
        "- level: None\n  resources:\n  - {group: '', resources: [events, pods/log]}\n"
        "  - {group: coordination.k8s.io, resources: [leases]}\n"
        "- level: Metadata\n"
    )
    new = load(mended(text, "complete").encode()).rules
    assert new[0].non_resource_urls == ("/api*",)
    assert [entry.resources for entry in new[2].resources] == [("pods/log",)]
    assert [rule.level.label for rule in new] == ["Metadata", "None", "Metadata", "None", "Metadata"]


def test_identities_that_the_grade_does_not_ask_about_stay_exempt() -> None:
    text = HEAD + (
        "rules:\n- level: None\n  users: [alice, 'system:anonymous']\n"
        "- level: None\n  userGroups: [dev, 'system:serviceaccounts']\n  verbs: [delete, get]\n- level: Metadata\n"
    )
    new = load(mended(text).encode()).rules
    assert (new[0].users, new[0].verbs) == (("system:anonymous",), ("create", "update", "patch", "delete"))
    assert [(rule.user_groups, rule.verbs) for rule in new if rule.user_groups] == [
        (("system:serviceaccounts",), ("delete",)),
        (("system:serviceaccounts",), ("get",)),
        (("dev", "system:serviceaccounts"), ("delete", "get")),
    ]


def test_one_rule_stands_before_several_that_drop_the_same_unless_it_would_take_requests_of_others() -> None:
    drops = (
        "- {level: None, verbs: [create, deletecollection]}\n%s"
        "- {level: None, verbs: [delete, deletecollection]}\n- {level: Metadata}\n"
    )
    free = suggest((HEAD + "rules:\n" + drops % "").encode())
    assert len(free.changes) == 1
    assert free.changes[0].startswith("new rule before rules[0]: Records writes, which rules below drop.")
    text = HEAD + "rules:\n" + drops % "- {level: Request, verbs: [update], resources: [{group: apps}]}\n"
    guarded = load(suggest(text.encode()).data).rules
    assert [(rule.level.label, rule.verbs) for rule in guarded if not rule.resources] == [
        ("Metadata", ("create",)),
        ("None", ("create", "deletecollection")),
        ("Metadata", ("delete",)),
        ("None", ("delete", "deletecollection")),
        ("Metadata", ()),
    ]


def test_a_new_rule_omits_request_received_where_all_others_do() -> None:
    rule = "- {level: Metadata, verbs: [create], omitStages: [RequestReceived]}\n"
    assert load(mended(HEAD + "rules:\n" + rule, "complete").encode()).rules[-1].omit_stages == {"RequestReceived"}
    assert load(mended(HEAD + "rules:\n" + rule, "complete", "all").encode()).rules[-1].omit_stages == frozenset()
    mixed = HEAD + "rules:\n" + rule + "- {level: Metadata, verbs: [update]}\n"
    assert load(mended(mixed, "complete").encode()).rules[-1].omit_stages == frozenset()


def test_an_unknown_field_is_corrected_where_that_is_the_smaller_change() -> None:
    text = HEAD + (
        "rules:\n- level: None\n  resources:\n  - group: ''\n    resource: [events]\n- level: None\n  verb: [get]\n"
        "  nonResourceURL: [/healthz]\n- level: Metadata\n"
    )
    found = suggest(text.encode(), grade="complete")
    assert found.data.decode() == HEAD + (
        "rules:\n- level: None\n  resources:\n  - group: ''\n"
        "    resources: [events]  # was 'resource', which Kubernetes ignores\n"
        "- level: None\n  verbs: [get]  # was 'verb', which Kubernetes ignores\n"
        "  nonResourceURLs: [/healthz]  # was 'nonResourceURL', which Kubernetes ignores\n- level: Metadata\n"
    )
    assert found.changes == (
        "rules[0].resources[0]: resources; it was 'resource', which Kubernetes ignores",
        "rules[1]: verbs; it was 'verb', which Kubernetes ignores",
        "rules[1]: nonResourceURLs; it was 'nonResourceURL', which Kubernetes ignores",
    )
    assert load(found.data).warnings == ()


@pytest.mark.parametrize("value", ["events", "{a: b}"])
def test_a_correction_that_kubernetes_would_refuse_is_not_made(value: str) -> None:
    text = HEAD + f"rules:\n- level: None\n  resources:\n  - group: ''\n    resource: {value}\n- level: Metadata\n"
    found = suggest(text.encode(), grade="complete")
    assert found.data.decode().count(f"    resource: {value}\n") == 1
    assert_reached(load(found.data), "complete")


def test_a_correction_that_does_not_help_is_not_made() -> None:
    text = HEAD + "rules:\n- level: None\n  verb: [create]\n- level: None\n"
    assert load(mended(text, "complete").encode()).rules[0].level.label == "Metadata"


BOTH = '{level: None, verbs: ["create"]}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "rules: [{level: None, verbs: [create, head]}, {level: Metadata}]\n",
            (
                "# Records writes, which the next rule drops.\n"
                'rules: [{level: Metadata, verbs: ["create"]}, {level: None, verbs: [create, head]}, '
                "{level: Metadata}]\n"
            ),
        ),
        (
            "rules: [\n  {level: None, verbs: [create, head]},\n  {level: Metadata},\n]\n",
            (
                "rules: [\n  # Records writes, which the next rule drops.\n"
                '  {level: Metadata, verbs: ["create"]},\n'
                "  {level: None, verbs: [create, head]},\n  {level: Metadata},\n]\n"
            ),
        ),
        (
            "rules: [\n  {level: Metadata, verbs: [get, list, watch, create, update, patch]},\n]\n",
            (
                "rules: [\n  # Records writes that no rule above matches.\n"
                "  {level: Metadata, verbs: [get, list, watch, create, update, patch]},\n"
                '  {level: Metadata, verbs: ["create", "update", "patch", "delete"]},\n]\n'
            ),
        ),
        (
            'rules: [{level: "None", verbs: [create]}, {level: Metadata}]  # all\n',
            (
                "# was None, which dropped writes\n"
                'rules: [{level: "Metadata", verbs: [create]}, {level: Metadata}]  # all\n'
            ),
        ),
    ],
)
def test_rules_in_flow_style(before: str, after: str) -> None:
    assert mended(HEAD + before).removeprefix(HEAD) == after


def test_json_gets_no_comments() -> None:
    text = '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["ResponseStarted"],\n\t"rules": [\n'
    text += '\t\t{"level": "None", "verbs": ["create", "head"], "namespaces": ["\\u00e9\\u0000"]},\n'
    text += '\t\t{"level": "Metadata"}\n\t]}'
    assert mended(text) == text.replace('["ResponseStarted"]', "[]").replace(
        '\t\t{"level": "None"',
        '\t\t{"level": "Metadata", "verbs": ["create"], "namespaces": ["\\u00e9\\u0000"]},\n\t\t{"level": "None"',
    )


def test_json_may_hold_what_yaml_may_not() -> None:
    head = '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None", "users": '
    rest = ', {"level": "None", "verbs": ["create"]}, {"level": "Metadata"}]}'
    text = head + '["\\ud83d\\ude00", "\\\\ud83d\x7f\ufeff\uffff"]}' + rest
    assert mended(text) == text.replace('"None", "verbs"', '"Metadata", "verbs"')


@pytest.mark.parametrize(("bom", "encoding"), [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")])
def test_byte_order_marks_and_carriage_returns_are_kept(bom: bytes, encoding: str) -> None:
    text = (HEAD + "rules:\n- level: Metadata # ä\n  verbs: [update]\n").replace("\n", "\r\n")
    found = suggest(bom + text.encode(encoding), grade="complete").data
    added = f"{ELSE}\r\n- level: Metadata\r\n"
    assert found == bom + (text + added).encode(encoding)


def test_a_file_without_a_final_line_end_gets_none() -> None:
    assert mended(HEAD + "rules:\n- level: Metadata\n  verbs: [update]", "complete").endswith(
        "verbs: [update]\n" + CATCH_ALL
    )
    literal = HEAD + "rules:\n- verbs: [update]\n  level: |-\n    Metadata"
    assert mended(literal, "complete").endswith("level: |-\n    Metadata\n" + CATCH_ALL)


ELSE = "# Everything else: records requests of every kind that no rule above matches."
CATCH_ALL = f"{ELSE}\n- level: Metadata"


def test_what_follows_the_policy_stays() -> None:
    text = "# first\n---\n" + HEAD + "rules:\n  - {level: None}\nomitManagedFields: true\n---\nother: [\n"
    found = mended(text, "complete")
    assert found.endswith("omitManagedFields: true\n---\nother: [\n")
    assert "  # was None, which dropped requests of every kind\n  - {level: Metadata}\n" in found or (
        "  - {level: Metadata}  # was None, which dropped requests of every kind\n" in found
    )


def test_a_comment_above_a_rule_stays_with_it_and_empty_lines_between_rules_are_repeated() -> None:
    text = HEAD + (
        "rules:\n  # writes\n  - level: Request\n    verbs: [update]\n    # verbs: [patch]\n\n"
        "  # nothing\n  # else\n  - level: None\n"
    )
    assert mended(text).split("    # verbs: [patch]\n\n")[1].startswith("  # Records writes")
    assert mended(text).endswith('["secrets"]}\n\n  # nothing\n  # else\n  - level: None\n')


def test_a_level_that_an_alias_shares_is_not_changed_for_other_rules() -> None:
    text = HEAD + (
        "rules:\n- level: &none None\n  nonResourceURLs: [/healthz]\n- level: *none\n  verbs: [create]\n"
        "- level: Metadata\n"
    )
    found = mended(text)
    assert "- level: Metadata  # was None, which dropped writes\n  verbs: [create]\n" in found
    turned = HEAD + (
        "rules:\n- level: &none None\n  verbs: [create]\n- level: *none\n  nonResourceURLs: [/healthz]\n"
        "- level: Metadata\n"
    )
    assert [rule.level.label for rule in load(mended(turned).encode()).rules] == [
        "Metadata", "None", "None", "Metadata",
    ]  # fmt: skip


def test_a_rule_that_is_an_alias_gets_another_one_before_it() -> None:
    text = HEAD + (
        "x: &drop {level: None, verbs: [create]}\nrules:\n- *drop\n- {<<: *drop, namespaces: [a]}\n- level: Metadata\n"
    )
    found = suggest(text.encode()).data
    policy = load(found)
    assert_reached(policy, "minimum")
    assert b"x: &drop {level: None, verbs: [create]}\n" in found
    assert [rule.level.label for rule in policy.rules[:3]] == ["Metadata", "None", "None"]


def test_stages_that_an_alias_shares_are_kept_for_all() -> None:
    text = HEAD + (
        "rules:\n- level: Metadata\n  omitStages: &stages [ResponseComplete, Panic]\n  verbs: [get]\n"
        "- {level: Metadata, omitStages: *stages}\n"
    )
    rules = load(mended(text).encode()).rules
    assert [sorted(rule.omit_stages) for rule in rules] in ([["Panic"]] * 2, [["Panic", "ResponseComplete"], ["Panic"]])
    merged = HEAD + "x: &x {omitStages: [ResponseComplete]}\nrules:\n- level: Metadata\n  <<: *x\n"
    assert load(mended(merged).encode()).rules[0].omit_stages == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "omitStages: &stages [ResponseStarted]\nrules:\n- level: Metadata\n  omitStages: *stages\n",
        HEAD + "? rules\n: - level: None\n  - level: Metadata\n    verbs: [get]\n",
    ],
)
def test_what_cannot_be_edited_in_place_is_said(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        suggest(text.encode(), source="policy.yaml")
    assert str(caught.value) == (
        "policy.yaml: the policy cannot be changed in place: no edit of its text has the intended effect "
        "(write aliases and merge keys out, or begin with `policy suggest` without a file)"
    )


@pytest.mark.parametrize(
    "rules",
    [
        "rules: !!seq\n- !!map {level: !!str None}\n",
        "rules:\n- level: &x None\n  users: [*x]\n- {level: *x}\n",
        "rules:\n- level: >-\n    None\n",
        "rules:\n- verbs: [create,\n  'x\n  y', head]\n  level: 'None'\n",
        "rules:\n  -\n    # c\n    level: None\n\n\n  -   level: None\n\n",
        "rules: [{level: None, verbs: [create, 'x\n  y']}, {level: Metadata}]\n",
    ],
)
def test_unusual_texts_are_mended_too(rules: str) -> None:
    for grade in ("minimum", "complete"):
        assert_reached(load(mended(HEAD + rules, grade).encode()), grade)


def test_bytes_that_are_no_utf_8_cannot_be_kept() -> None:
    data = b'{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None", "users": ["\xff"]}]}'
    with pytest.raises(UsageError, match=r"the policy cannot be changed in place: the file is not in UTF-8"):
        suggest(data)


def test_a_policy_that_is_refused_is_an_error() -> None:
    with pytest.raises(PolicyError, match=r'^p\.yaml, line 4, rules\[0\]\.level: .*Unsupported value: "All"'):
        suggest((HEAD + "rules:\n- level: All\n").encode(), source="p.yaml")


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
data:
  text: |
    hello
  policy.yaml: |%s
    apiVersion: audit.k8s.io/v1
    kind: Policy

    rules:
    - level: None
      verbs: [create]
    - level: Metadata
%sz: 1
"""


@pytest.mark.parametrize(("chomping", "gap"), [("", ""), ("-", "\n"), ("+", "\n\n")])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_block_literal_in_another_file_is_edited_there(chomping: str, gap: str, newline: str) -> None:
    text = CONFIG_MAP % (chomping, gap)
    found = suggest(text.replace("\n", newline).encode()).data
    expected = text.replace("- level: None\n", "- level: Metadata  # was None, which dropped writes\n")
    assert found.decode() == expected.replace("\n", newline)


def test_the_last_line_of_a_block_literal_can_be_followed_by_new_ones() -> None:
    text = CONFIG_MAP % ("", "")
    found = suggest(text.replace("level: Metadata", "level: None").encode(), grade="complete").data.decode()
    assert found.endswith("z: 1\n")
    assert "\n    - level: Metadata  # was None" in found
    appended = suggest(text.replace("    - level: Metadata\n", "").encode(), grade="complete").data.decode()
    assert appended.endswith("    - level: Metadata\nz: 1\n")
    good = text.replace("level: None", "level: Metadata")
    assert suggest(good.encode()).data == good.encode()


def test_what_cannot_be_read_behind_a_policy_in_another_file_stays() -> None:
    text = (CONFIG_MAP % ("", "")) + "---\nbroken: [\n"
    assert suggest(text.encode()).data.decode() == text.replace(
        "- level: None\n", "- level: Metadata  # was None, which dropped writes\n"
    )


def test_a_policy_in_another_file_in_utf_16_is_not_edited_there() -> None:
    with pytest.raises(UsageError, match=r"the policy in data\.policy\.yaml cannot be edited there"):
        suggest((CONFIG_MAP % ("", "")).encode("utf-16"))


def test_a_policy_that_is_no_block_literal_or_one_of_several_is_not_edited_in_another_file() -> None:
    one = "apiVersion: v1\nkind: ConfigMap\ndata:\n"
    one += '  p: "apiVersion: audit.k8s.io/v1\\nkind: Policy\\nrules: [{level: None}]"\n'
    with pytest.raises(UsageError) as caught:
        suggest(one.encode(), source="cm.yaml")
    assert str(caught.value) == "cm.yaml: the policy in data.p is no block literal (give the policy file itself)"
    two = CONFIG_MAP % ("", "") + "---\n" + CONFIG_MAP % ("", "")
    with pytest.raises(UsageError, match=r"^there are 2 audit policies in it: ") as several:
        suggest(two.encode())
    assert several.value.hint == "give the policy file itself"


@pytest.mark.parametrize("stages", ["outcome", "all"])
@pytest.mark.parametrize("version", ["1.24", "1.35", None])
def test_the_policy_from_scratch_is_complete_and_without_fault(stages: StagesName, version: str | None) -> None:
    data = from_scratch(stages)
    policy = load(data, version)
    assert_reached(policy, "complete", stages)
    assert review(policy, grade="complete", stages=stages) == ()
    assert sorted(policy.omit_stages) == (["RequestReceived"] if stages == "outcome" else [])
    assert policy.rules[-1].level.label == "Metadata"
    comment = b"# All stages are kept, RequestReceived among them, so that every request leaves at least two events.\n"
    assert (comment in data) is (stages == "all")
    assert (b"carries no outcome" in data) is (stages == "outcome")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", '"a b"'),
        ('a"\\', '"a\\"\\\\"'),
        ("\x00\x7f\u2028\ufeff\U000e0001", '"\\x00\\x7f\\u2028\\ufeff\\U000e0001"'),
        ("ä😀", '"ä😀"'),
    ],
)
def test_strings_are_written_so_that_yaml_reads_them_back(value: str, written: str) -> None:
    assert quoted(value) == written
    text = HEAD + f"rules:\n- level: Metadata\n  users: [{written}]\n"
    assert load(text.encode()).rules[0].users == (value,)
