"""Policies that load, that load with a warning, and that kube-apiserver refuses: with its words, and the line."""

from __future__ import annotations

import time

import pytest

from scanner.audit_policy.document import MAX_BYTES
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import GroupResources, Level, PolicyRule, Stage
from scanner.audit_policy.yaml_nodes import MAX_NODES
from scanner.errors import PolicyError, PolicyLimitError

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
CATCH_ALL = "rules:\n- level: Metadata\n"


def refused(text: str | bytes, version: str | None = None) -> PolicyError:
    """Load what must be refused, and give the error."""
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(PolicyError) as caught:
        load(data, version, source="policy.yaml")
    return caught.value


def test_every_field_is_read_and_every_rule_knows_its_line() -> None:
    policy = load(
        f"""{HEAD}omitStages: [RequestReceived]
omitManagedFields: true
rules:
  # a comment
  - level: RequestResponse
    users: [alice]
    userGroups: [dev]
    verbs: [get]
    namespaces: [default]
    resources:
      - {{group: apps, resources: [deployments/scale], resourceNames: [web]}}
    omitStages: [Panic]
    omitManagedFields: false
  - level: None
    nonResourceURLs: ["/healthz*"]
""".encode()
    )
    assert policy.rules == (
        PolicyRule(
            level=Level.REQUEST_RESPONSE,
            users=("alice",),
            user_groups=("dev",),
            verbs=("get",),
            resources=(GroupResources("apps", ("deployments/scale",), ("web",)),),
            namespaces=("default",),
            omit_stages=frozenset({Stage.PANIC}),
            omit_managed_fields=False,
            line=7,
        ),
        PolicyRule(level=Level.NONE, non_resource_urls=("/healthz*",), line=16),
    )
    assert policy.omit_stages == {Stage.REQUEST_RECEIVED}
    assert policy.omit_managed_fields is True
    assert policy.warnings == ()


def test_rules_behind_an_alias_and_in_json_know_their_lines() -> None:
    aliased = load(f"x: &r\n- level: None\n- level: Metadata\n{HEAD}rules: *r\n".encode())
    assert [rule.line for rule in aliased.rules] == [2, 3]
    assert aliased.warnings == ('unknown field "x"',)
    json = load(
        b'{"apiVersion":"audit.k8s.io/v1","kind":"Policy",\n"rules":[\n{"level":"None"},\n{"level":"Metadata"}]}'
    )
    assert [rule.line for rule in json.rules] == [3, 4]


def test_json_that_is_no_yaml_knows_its_lines_all_the_same() -> None:
    policy = load(
        b'{"apiVersion":"audit.k8s.io/v1",\n"kind":"Policy","rules":[{"level":"None","users":["\\ud800\\/"]}]}'
    )
    assert [(rule.line, rule.users) for rule in policy.rules] == [(2, ("\ufffd/",))]


@pytest.mark.parametrize(
    ("version", "loads"),
    [("1.35", False), ("v1.35.9-eks-abc", False), ("1.36", True), ("1.40+", True), (None, True), ("latest", True)],
)
def test_the_wildcard_group_loads_from_1_36_on(version: str | None, loads: bool) -> None:  # noqa: FBT001 - a parameter
    text = f"{HEAD}rules:\n- level: Metadata\n  resources: [{{group: '*'}}]\n"
    if loads:
        assert load(text.encode(), version).rules[0].resources == (GroupResources("*"),)
        return
    error = refused(text, version)
    assert error.where == "policy.yaml, line 4, rules[0].resources.group"
    assert error.what.startswith('rules[0].resources.group: Invalid value: "*": a lowercase RFC 1123 subdomain must')


@pytest.mark.parametrize("api_version", ["v1beta1", "v1alpha1"])
def test_old_api_versions_load_before_1_24_only(api_version: str) -> None:
    text = f"apiVersion: audit.k8s.io/{api_version}\nkind: Policy\n{CATCH_ALL}"
    assert load(text.encode(), "1.23").rules == (PolicyRule(Level.METADATA, line=4),)
    for version in ("1.24", None):
        assert str(refused(text, version)) == (
            f'policy.yaml, apiVersion: no kind "Policy" is registered for version "audit.k8s.io/{api_version}"'
            " (write `apiVersion: audit.k8s.io/v1` and `kind: Policy`)"
        )


REFUSALS = {
    "": "unknown group version field audit.k8s.io/__internal, Kind=Policy in policy",
    "kind: Policy\nrules: [{level: None}]\n": (
        "unknown group version field audit.k8s.io/__internal, Kind=Policy in policy"
    ),
    "- level: None\n": "couldn't get version/kind; json parse error: the document is no mapping",
    "apiVersion: audit.k8s.io/v1\nKIND: 3\n": "couldn't get version/kind; json parse error: KIND is no string",
    "apiVersion: v1\nkind: ConfigMap\n": 'no kind "ConfigMap" is registered for version "v1"',
    HEAD: "loaded illegal policy with 0 rules",
    f"{HEAD}rules:\n- {{}}\n": "rules[0].level: Required value",
    f"{HEAD}rules:\n- level: none\n": (
        'rules[0].level: Unsupported value: "none": supported values: "None", "Metadata", "Request", "RequestResponse"'
    ),
    f"{HEAD}rules:\n- level: None\n  verbs: get\n": (
        "json: cannot unmarshal string into Go struct field PolicyRule.rules.verbs of type []string"
    ),
    f"{HEAD}rules:\n- level: None\n  verbs: [yes]\n": (
        "json: cannot unmarshal bool into Go struct field PolicyRule.rules.verbs of type string"
    ),
    f"{HEAD}rules:\n- [a]\n": "json: cannot unmarshal array into Go struct field Policy.rules of type v1.PolicyRule",
    f"{HEAD}metadata: {{labels: {{a: 1}}}}\n{CATCH_ALL}": (
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"
    ),
    f"{HEAD}metadata: {{labels: [a]}}\n{CATCH_ALL}": (
        "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string"
    ),
    f"{HEAD}metadata: {{generation: 1.5}}\n{CATCH_ALL}": (
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.generation of type int64"
    ),
    f"{HEAD}metadata: {{creationTimestamp: today}}\n{CATCH_ALL}": (
        'metadata.creationTimestamp: parsing time "today": not in RFC 3339'
    ),
    f"{HEAD}a: .inf\n{CATCH_ALL}": "json: unsupported value: inf",
    f"{HEAD}a: [.nan]\n{CATCH_ALL}": "json: unsupported value: nan",
    f"{HEAD}~: a\n{CATCH_ALL}": "unsupported map key of type nil: None",
    f"{HEAD}18446744073709551616: a\n{CATCH_ALL}": "unsupported map key of type big integer: 18446744073709551616",
    f"{HEAD}? [a]\n: b\n{CATCH_ALL}": "yaml: invalid map key: a mapping or a list",
    f"{HEAD}a: !!int x\n{CATCH_ALL}": "yaml: cannot decode !!str `x` as a !!int",
    f"{HEAD}a: *b\n{CATCH_ALL}": "yaml: unknown anchor 'b' referenced",
    f"{HEAD}a: &a [*a]\n{CATCH_ALL}": "yaml: anchor 'a' value contains itself",
    f"{HEAD}<<: [1]\n{CATCH_ALL}": "yaml: map merge requires map or sequence of maps as the value",
    f"%YAML 1.2\n---\n{HEAD}{CATCH_ALL}": "yaml: found incompatible YAML document",
    f"{HEAD}rules: [\n": "yaml: line 4: did not find expected node content",
    f"{HEAD}rules:\n- level: None\n  omitStages: [X, X]\n  nonResourceURLs: ['*a']\n  namespaces: [b]\n": (
        "[rules[0].nonResourceURLs[0]: Invalid value: \"*a\": non-resource URL rules must begin with a '/' character, "
        "rules[0].nonResourceURLs[0]: Invalid value: \"*a\": non-resource URL wildcards '*' must be the final "
        'character of the rule, rules[0].omitStages[0]: Invalid value: "X": allowed stages are '
        'RequestReceived,ResponseStarted,ResponseComplete,Panic, rules[0].omitStages[1]: Invalid value: "X": allowed '
        "stages are RequestReceived,ResponseStarted,ResponseComplete,Panic, rules[0].nonResourceURLs: Invalid value: "
        '["*a"]: rules cannot apply to both regular resources and non-resource URLs]'
    ),
    f"{HEAD}rules:\n- level: None\n  resources: [{{resourceNames: [a]}}]\n": (
        'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource'
    ),
    '{"apiVersion": NaN}': "couldn't get version/kind; json parse error: invalid character 'N'",
    '{"a": 1,}': "couldn't get version/kind; json parse error: Illegal trailing comma before end of object",
}


@pytest.mark.parametrize(("text", "what"), REFUSALS.items())
def test_refusals_say_what_kube_apiserver_says(text: str, what: str) -> None:
    found = refused(text).what
    assert found == what or (text.startswith('{"a"') and found.startswith(what.partition("Illegal")[0]))


def test_a_group_longer_than_a_domain_name_may_be_is_refused() -> None:
    error = refused(f"{HEAD}rules:\n- level: None\n  resources: [{{group: {'a.' * 126}aa}}]\n")
    assert error.what.endswith(": must be no more than 253 bytes")


def test_bytes_that_are_no_text_are_refused() -> None:
    assert refused(HEAD.encode() + b"a: \x00").what == "yaml: control characters are not allowed"
    assert refused(HEAD.encode() + b'a: "\xff"').what == "yaml: invalid leading UTF-8 octet"


WARNINGS = {
    f"{HEAD}rules:\n- level: None\n  user: [a]\n": ('unknown field "rules[0].user"',),
    f"{HEAD}1: a\n1.5: b\ntrue: c\nno: d\n{CATCH_ALL}": (
        'unknown field "1"',
        'unknown field "1.5"',
        'unknown field "false"',
        'unknown field "true"',
    ),
    f"{HEAD}rules:\n- level: None\n  level: Metadata\n": (
        'yaml: unmarshal errors:\n  line 5: key "level" already set in map',
    ),
    f"{HEAD}1: a\n1: b\n{CATCH_ALL}": (
        "yaml: unmarshal errors:\n  line 4: key 1 already set in map",
        'unknown field "1"',
    ),
    f"{HEAD}metadata: {{name: a, nam: b}}\n{CATCH_ALL}": ('unknown field "metadata.nam"',),
    '{"apiVersion":"audit.k8s.io/v1","metadata":{"labels":{"a":"b","a":null}},"rules":[{"level":"None"}]}': (
        'duplicate field "metadata.labels.a"',
    ),
}


@pytest.mark.parametrize(("text", "warnings"), WARNINGS.items())
def test_what_is_read_leniently_leaves_a_warning(text: str, warnings: tuple[str, ...]) -> None:
    assert load(text.encode()).warnings == warnings


def test_metadata_of_every_kind_is_accepted() -> None:
    text = f"""{HEAD}metadata:
  name: a
  generation: 1.0
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: null
  labels: null
  annotations: {{a: b, c: null}}
  ownerReferences: [{{apiVersion: v1, kind: Node, name: node1, uid: u, controller: true}}]
  finalizers: [x]
  managedFields: [{{manager: m, time: "2026-01-02T03:04:05.5+01:00", fieldsV1: {{f: {{}}}}}}]
{CATCH_ALL}"""
    assert load(text.encode()).warnings == ()


def test_repeated_json_lists_are_decoded_into_each_other() -> None:
    """Go decodes a repeated list into the memory of the one before, so that what is not named again stays."""
    policy = load(
        b'{"apiVersion":"audit.k8s.io/v1","kind":"Policy",'
        b'"rules":[{"level":"None","users":["a","b"]},{"level":"Request","verbs":["get"]}],'
        b'"rules":[{"level":"Metadata"}],'
        b'"rules":[{"users":[]},{"verbs":null}]}'
    )
    rules = [(rule.level, rule.users, rule.verbs) for rule in policy.rules]
    assert rules == [(Level.METADATA, (), ()), (Level.REQUEST, (), ())]


def test_a_null_rule_has_no_level() -> None:
    assert refused(f"{HEAD}rules: [null]\n").what == "rules[0].level: Required value"


BOMB = "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

HOSTILE = {
    "aliasing bomb": (f"{HEAD}a: &a [{'x, ' * 9}]\n{BOMB}{CATCH_ALL}", "yaml: document contains excessive aliasing"),
    "deep flow": ("[" * 100_000, "nested deeper than 200 levels, which is as deep as is read"),
    "deep block": (
        HEAD + "a:\n" + "".join(" " * n + "- \n" for n in range(1, 400)),
        "nested deeper than 200 levels, which is as deep as is read",
    ),
    "deep JSON": ('{"a":' * 100_000, "nested deeper than is read"),
    "too many nodes": (
        HEAD + "a: [" + "a," * MAX_NODES + "]\n",
        f"holds more than {MAX_NODES} YAML nodes, which is as much as is read",
    ),
    "too large": ("#" * (MAX_BYTES + 1), f"larger than {MAX_BYTES} bytes, which is as much as is read"),
}


@pytest.mark.parametrize(("text", "what"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_quickly(text: str, what: str) -> None:
    begin = time.process_time()
    error = refused(text)
    assert error.what == what
    assert isinstance(error, PolicyLimitError) == ("aliasing" not in what)
    assert time.process_time() - begin < 5


def test_long_numbers_are_numbers_all_the_same() -> None:
    assert "cannot unmarshal number" in refused(f"{HEAD}rules: [{{level: None, users: [{'9' * 9000}]}}]").what
    assert (
        "cannot unmarshal number"
        in refused('{"apiVersion":"audit.k8s.io/v1","rules":[{"level":"None","users":[' + "9" * 9000 + "]}]}").what
    )


@pytest.mark.parametrize("flow", ["users: [a?b]", "nonResourceURLs: [/foo?bar]", "x: {a?b: c}", "x: {a: [{b: c d?}]}"])
def test_a_question_mark_in_a_flow_collection_is_refused_as_goyaml_does(flow: str) -> None:
    error = refused(f"{HEAD}rules:\n- level: None\n  {flow}\n{CATCH_ALL.removeprefix('rules:')}".encode())
    assert error.what == "yaml: line 5: did not find expected ',' or ']'"


@pytest.mark.parametrize("fine", ['users: ["a?b"]', "users: ['a?']", "users:\n  - a?b", "users: [a] # why?"])
def test_a_question_mark_elsewhere_is_none_of_its_business(fine: str) -> None:
    assert load(f"{HEAD}rules:\n- level: None\n  {fine}\n- level: Metadata\n".encode()).rules[0].users
