"""``policy explain``, ``diff`` and ``show``, run as a user runs them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.audit_policy.reader import load
from scanner.cli import main
from scanner.knowledge.policies import names, published

R1 = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: RequestResponse
    resources: [{group: "", resources: ["secrets"]}]
  - level: Metadata
    verbs: ["create", "delete", "update", "patch"]
  - level: Metadata
    nonResourceURLs: ["/api*", "/version"]
  - level: None
    users: ["system:kube-proxy"]
"""
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(["policy", *arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / f"policy-{len(list(tmp_path.iterdir()))}.yaml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def explained(run: Run, policy: Callable[[str], str]) -> Callable[..., dict[str, Any]]:
    def explain(text: str, *arguments: str) -> dict[str, Any]:
        code, out, err = run("explain", policy(text), "--format", "json", *arguments)
        assert (code, err) == (0, "")
        loaded: dict[str, Any] = json.loads(out)
        return loaded

    return explain


def test_every_published_policy_is_listed_and_printed_as_it_loads(run: Run) -> None:
    code, out, _ = run("show")
    assert code == 0
    for name in names():
        assert any(line.startswith(f"{name} ") for line in out.splitlines())
        code, text, _ = run("show", name)
        assert code == 0
        assert text.startswith(f"# name: {name}\n")
        assert ("# changed: printed with apiVersion: audit.k8s.io/v1 in place of" in text) == (name == "eks")
        printed = [replace(rule, line=None) for rule in load(text.encode()).rules]
        assert printed == [replace(rule, line=None) for rule in published(name).policy.rules]


def test_a_policy_that_is_not_published_is_refused(run: Run) -> None:
    code, _, err = run("show", "mars")
    assert code == 2
    assert "mars" in err


def test_explaining_a_read_of_a_secret_in_words(run: Run, policy: Callable[[str], str]) -> None:
    path = policy(R1)
    code, out, err = run("explain", path, "--as", "alice", "--as-group", "dev", "--verb", "list", "--resource", "pods")
    assert (code, err) == (0, "")
    assert out == (
        f"policy    {path}\n"
        'request   list pods, API group core, namespace "" (all, or none)\n'
        "sent by   alice; groups: dev, system:authenticated (added as Kubernetes does)\n"
        "assumed   the request is over all namespaces, so its namespace is empty; --namespace sets one\n"
        "\n"
        "decided by no rule: what no rule matches is not recorded\n"
        "  level   None\n"
        "  omitted RequestReceived (by the policy's omitStages)\n"
        "\n"
        "no event is written for a request that ends with 200: no rule matches\n"
        "\n"
        "no rule matches\n"
        '  rules[0] (line 5): level: RequestResponse, resources: [{group: "", resources: [secrets]}]\n'
        "    resources: the resource pods is not secrets\n"
        "  rules[1] (line 7): level: Metadata, verbs: [create, delete, update, patch]\n"
        "    verbs: the verb list is not among create, delete, update, patch\n"
        "  rules[2] (line 9): level: Metadata, nonResourceURLs: [/api*, /version]\n"
        "    nonResourceURLs: the request is for a resource, the rule for other paths\n"
        "  rules[3] (line 11): level: None, users: [system:kube-proxy]\n"
        "    users: the user alice is not system:kube-proxy\n"
    )


def test_explaining_a_url_with_its_events(explained: Callable[..., dict[str, Any]]) -> None:
    found = explained(R1, "--request", "GET /api/v1/namespaces/prod/secrets/db", "--as", "system:serviceaccount:a:b")
    assert found["rule"]["index"] == 0
    assert found["request"]["groups_added"] == [
        "system:serviceaccounts",
        "system:serviceaccounts:a",
        "system:authenticated",
    ]
    assert [(event["stage"], event["level"], event["code"]) for event in found["events"]] == [
        ("ResponseComplete", "RequestResponse", 200)
    ]
    assert found["omit_stages"] == {"policy": ["RequestReceived"], "rule": []}


@pytest.mark.parametrize(
    ("rules", "arguments", "skipped"),
    [
        (
            "[{level: None, verbs: ['*']}, {level: Metadata}]",
            ["--verb", "get", "--resource", "pods", "--name", "x"],
            ("verbs", "the verb get is not *"),
        ),
        (
            "[{level: None, users: [bob]}, {level: Metadata}]",
            ["--request", "GET /api/v1/pods", "--unauthenticated"],
            ("users", "a failed authentication has no user and no groups, the rule asks for bob"),
        ),
        (
            "[{level: None, userGroups: [dev]}, {level: Metadata}]",
            ["--request", "GET /api/v1/pods"],
            ("userGroups", "no group of the user (system:authenticated) is among dev"),
        ),
        (
            "[{level: None, namespaces: [prod]}, {level: Metadata}]",
            ["--request", "GET /api/v1/pods"],
            ("namespaces", ""),
        ),
        (
            "[{level: None, resources: [{group: '', resources: [secrets], resourceNames: [a]}]}, {level: Metadata}]",
            ["--request", "GET /api/v1/secrets"],
            ("resourceNames", ""),
        ),
        (
            "[{level: None, resources: [{group: apps}]}, {level: Metadata}]",
            ["--request", "GET /api/v1/pods"],
            ("group", ""),
        ),
        (
            "[{level: None, resources: [{group: '', resources: ['*/*']}]}, {level: Metadata}]",
            ["--request", "POST /api/v1/namespaces/a/pods/b/exec"],
            ("resources", ""),
        ),
        (
            "[{level: None, resources: [{group: core, resources: [pods]}]}, {level: Metadata}]",
            ["--request", "GET /api/v1/pods"],
            ("group", ""),
        ),
        (
            "[{level: None, nonResourceURLs: [/healthz, /healthz/*]}, {level: Metadata}]",
            ["--path", "/healthz/etcd/x"],
            None,
        ),
        (
            "[{level: None, nonResourceURLs: [/healthz]}, {level: Metadata}]",
            ["--path", "/healthz/etcd"],
            ("nonResourceURLs", ""),
        ),
        (
            "[{level: None, nonResourceURLs: ['/healthz/*']}, {level: Metadata}]",
            ["--path", "/healthz"],
            ("nonResourceURLs", ""),
        ),
        (
            "[{level: None, resources: [{group: ''}]}, {level: Metadata}]",
            ["--path", "/healthz"],
            ("resources", ""),
        ),
        ("[{level: None, namespaces: [a]}, {level: Metadata}]", ["--path", "/healthz"], ("namespaces", "")),
        (
            "[{level: None, nonResourceURLs: ['/api*']}, {level: Metadata}]",
            ["--request", "GET /api/v1/pods"],
            ("nonResourceURLs", "the request is for a resource, the rule for other paths"),
        ),
    ],
)
def test_why_a_rule_does_not_match(
    explained: Callable[..., dict[str, Any]], rules: str, arguments: list[str], skipped: tuple[str, str] | None
) -> None:
    found = explained(f"{HEAD}rules: {rules}\n", *arguments)
    if skipped is None:
        assert found["rule"]["index"] == 0
        return
    assert found["rule"]["index"] == 1
    [one] = found["skipped"]
    assert one["selector"].startswith(skipped[0])
    assert one["reason"] == skipped[1] or (not skipped[1] and one["reason"])


def test_a_failed_login_that_is_hidden_is_said_to_be(run: Run, policy: Callable[[str], str]) -> None:
    text = f"{HEAD}omitStages: [ResponseStarted]\nrules: [{{level: Metadata}}]\n"
    code, out, _ = run("explain", policy(text), "--request", "GET /api/v1/pods", "--unauthenticated")
    assert code == 0
    assert "no event is written for a request that ends with 401: it has the stage ResponseStarted, all omitted" in out
    assert "omitting that stage hides it" in out


@pytest.mark.parametrize("who", [(), ("--as", "alice", "--as-group", "dev"), ("--unauthenticated",), ("--code", "400")])
def test_a_timeout_that_is_none_is_refused_before_anybody_is_authenticated(
    explained: Callable[..., dict[str, Any]], who: tuple[str, ...]
) -> None:
    text = HEAD + "rules: [{level: Metadata}]"
    found = explained(text, "--request", "GET /api/v1/namespaces/default/pods?timeout=bogus", *who)
    assert [(one["stage"], one["level"], one["code"]) for one in found["events"]] == [
        ("ResponseStarted", "Metadata", 400)
    ]
    assert found["outcome"] == {"code": 400, "authenticated": False}
    assert (found["request"]["user"], found["request"]["groups"]) == (None, [])
    [assumption] = found["assumptions"]
    assert assumption.startswith("the timeout bogus is no duration")


def test_no_rule_with_groups_matches_a_refused_timeout_and_its_one_stage_may_be_omitted(
    run: Run, policy: Callable[[str], str], explained: Callable[..., dict[str, Any]]
) -> None:
    request = ("--request", "GET /api/v1/pods?timeout=bogus")
    found = explained(HEAD + "rules: [{level: Metadata, userGroups: [system:authenticated]}]", *request)
    assert (found["rule"], found["events"]) == (None, [])
    omitting = policy(HEAD + "omitStages: [ResponseStarted]\nrules: [{level: Metadata}]")
    code, out, _ = run("explain", omitting, *request)
    assert code == 0
    assert "sent by   nobody: the API server answers before it authenticates the request" in out
    assert "note: such a request has one event only, at ResponseStarted" in out
    code, _, err = run("explain", omitting, *request, "--code", "200")
    assert code == 2
    assert "leave --code out" in err


def test_a_long_running_request_is_not_asked_for_its_timeout(explained: Callable[..., dict[str, Any]]) -> None:
    text = HEAD + "rules: [{level: Metadata}]"
    for url in ("/api/v1/pods?watch=1&timeout=bogus", "/api/v1/namespaces/a/pods/b/log?timeout=bogus"):
        found = explained(text, "--request", f"GET {url}", "--as", "alice")
        assert found["outcome"] == {"code": 200, "authenticated": True}
        assert len(found["events"]) == 3


def test_a_watch_has_three_stages_and_bodies_only_where_they_are(explained: Callable[..., dict[str, Any]]) -> None:
    found = explained(f"{HEAD}rules: [{{level: RequestResponse}}]\n", "--verb", "watch", "--resource", "po")
    assert found["request"]["resource"] == "pods"
    assert found["request"]["long_running"] is True
    assert [event["stage"] for event in found["events"]] == ["RequestReceived", "ResponseStarted", "ResponseComplete"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which request?"),
        (["--verb", "get"], "--resource is missing"),
        (["--resource", "pods"], "--verb is missing"),
        (["--request", "GET /api", "--verb", "get"], "not allowed together"),
        (["--path", "/x", "--resource", "pods"], "not allowed together"),
        (["--path", "x"], "a path begins with /"),
        (["--path", "/api/v1/pods"], "this is a request for the resource pods"),
        (["--path", "/x", "--verb", "list"], "no such request has the verb list"),
        (["--request", "nonsense"], "not a method and a URL"),
        (["--request", "GET /api/v1/watch"], ""),
        (["--verb", "exec", "--resource", "pods"], "no request has the verb exec"),
        (["--verb", "impersonate", "--resource", "users"], "no such request has the verb impersonate"),
        (["--verb", "get", "--resource", "pods/"], "not a resource"),
        (["--verb", "get", "--resource", "deployments.apps", "--api-group", "x"], "not allowed together"),
        (["--verb", "get", "--resource", "pods", "--code", "99"], "no HTTP status"),
        (["--request", "GET /api", "--unauthenticated", "--code", "200"], "not allowed together"),
        (["--request", "GET /api", "--unauthenticated", "--as-group", "x"], "not allowed together"),
        (["--request", "GET /api", "--as", ""], "the user's name is empty"),
        (["--request", "GET /api", "--as", "system:serviceaccount:x"], "not the name of a service account"),
    ],
)
def test_questions_that_make_no_sense(
    run: Run, policy: Callable[[str], str], arguments: list[str], message: str
) -> None:
    code, out, err = run("explain", policy(R1), *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "group", "assumed"),
    [
        (["--verb", "get", "--resource", "deployments", "--name", "x", "--namespace", "y"], "apps", True),
        (["--verb", "get", "--resource", "deployments.apps/scale", "--name", "x", "--namespace", "y"], "apps", False),
        (["--verb", "get", "--resource", "widgets", "--name", "x", "--namespace", "y"], "", True),
        (["--verb", "get", "--resource", "widgets", "--api-group", "w.io", "--name", "x"], "w.io", False),
        (["--verb", "get", "--resource", "nodes", "--name", "x", "--namespace", "y"], "", True),
        (["--verb", "get", "--resource", "namespaces", "--name", "x"], "", True),
        (["--verb", "delete", "--resource", "pods", "--namespace", "y"], "", True),
        (["--request", "get /apis/apps/v1/deployments"], "apps", True),
        (["--request", "GET /api/v1/nodes", "--as", "system:node:a"], "", False),
        (["--request", "GET /api/v1/nodes", "--as-group", "system:unauthenticated"], "", False),
    ],
)
def test_what_is_assumed_about_a_request_is_said(
    explained: Callable[..., dict[str, Any]],
    arguments: list[str],
    group: str,
    assumed: bool,  # noqa: FBT001 - a table
) -> None:
    found = explained(R1, *arguments)
    assert found["request"]["api_group"] == group
    assert bool(found["assumptions"]) is assumed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Pod\n", "no kind"),
        ("x: [\n", "no audit policy can be read from it"),
        (f"{HEAD}rules: [{{level: Metadata}}]\n---\n{HEAD}rules: [{{level: None}}]\n", "holds 2 audit policies"),
        (f"{HEAD}rules: [{{level: Loud}}]\n", 'Unsupported value: "Loud"'),
    ],
)
def test_a_file_without_one_policy_is_refused(run: Run, policy: Callable[[str], str], text: str, message: str) -> None:
    code, _, err = run("explain", policy(text), "--request", "GET /api")
    assert code == 2
    assert message in err


@pytest.mark.parametrize("command", ["explain", "diff", "suggest"])
def test_a_policy_behind_an_empty_document_is_refused(run: Run, policy: Callable[[str], str], command: str) -> None:
    path = policy(f"---\n# lead\n---\n{HEAD}rules: [{{level: Metadata}}]\n")
    more = {"explain": ["--verb", "get", "--resource", "pods"], "diff": [path], "suggest": []}[command]
    code, _, err = run(command, path, *more)
    assert code == 2
    assert "which is empty here: remove what stands before line 4, where the policy begins" in err


@pytest.mark.parametrize(("command", "expected"), [("explain", 0), ("diff", 2), ("suggest", 2)])
def test_more_rules_than_are_analysed(run: Run, policy: Callable[[str], str], command: str, expected: int) -> None:
    path = policy(HEAD + "rules:\n" + "- level: None\n" * 1001)
    more = {"explain": ["--verb", "get", "--resource", "pods"], "diff": [path], "suggest": []}[command]
    code, _, err = run(command, path, *more)
    assert code == expected
    assert ("holds more than 1000 rules, which is as many as are analysed" in err) == (expected == 2)


def test_a_file_that_is_not_there_and_a_folder(run: Run, tmp_path: Path) -> None:
    assert run("explain", "nothing.yaml", "--request", "GET /api")[0] == 2
    assert "this is a directory" in run("explain", str(tmp_path), "--request", "GET /api")[2]


def test_a_policy_from_standard_input_and_one_in_a_configmap(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = "".join(f"    {line}\n" for line in R1.splitlines())
    text = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  policy.yaml: |\n{inner}"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, _ = run("explain", "-", "--verb", "create", "--resource", "pods", "--namespace", "x")
    assert code == 0
    assert "decided by rules[1] (line 11)" in out


def test_a_policy_compared_with_itself(run: Run, policy: Callable[[str], str]) -> None:
    code, out, _ = run("diff", policy(R1), policy(R1.replace('["secrets"]', "[secrets] ")))
    assert code == 0
    assert "the two policies record the same requests" in out


def test_lost_coverage_is_exit_code_1_and_said_in_words(run: Run, policy: Callable[[str], str]) -> None:
    everything = policy(f"{HEAD}rules: [{{level: Metadata}}]\n")
    code, out, _ = run("diff", everything, policy(R1))
    assert code == 1
    assert "coverage is lost" in out
    lost = "    get, list, watch and deletecollection of everything but secrets\n    non-resource paths but /api*\n"
    assert lost in out
    code, out, _ = run("diff", policy(R1), everything)
    assert code == 0  # the bodies of secrets are no longer recorded, but every request still is
    assert "no coverage is lost\n\nrecorded now\n" in out
    assert "(RequestResponse -> Metadata):\n    every verb of secrets\n" in out


def test_a_comparison_for_programs(run: Run) -> None:
    code, out, _ = run("diff", "eks", "aks", "--format", "json")
    assert code == 1
    found = json.loads(out)
    assert found["schema_version"]
    assert {"old", "new"} <= set(found)
    assert run("diff", "recommended", "recommended")[0] == 0


@pytest.mark.parametrize(("old", "new"), [("gce", "eks-anywhere"), ("kubespray", "recommended"), ("aks", "gce")])
def test_published_policies_are_compared(run: Run, old: str, new: str) -> None:
    code, out, _ = run("diff", old, new)
    assert code in {0, 1}
    assert f"published policy {old}" in out
    assert "some requests for \n" not in out


def test_gke_is_found_under_its_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "gke"]) == 0
    assert capsys.readouterr().out.startswith("# name: gce\n")
    assert main(["policy", "diff", "gke", "gce"]) == 0
    assert capsys.readouterr().out.startswith("old  published policy gce\nnew  published policy gce\n")


@pytest.mark.parametrize("command", ["check", "explain", "diff", "suggest"])
def test_what_is_no_kubernetes_version_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["policy", command, "eks", "--kubernetes-version", "newest"])
    assert ended.value.code == 2
    assert "'newest' is no Kubernetes version: write it like 1.34" in capsys.readouterr().err
