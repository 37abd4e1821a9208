"""``policy check``: what it finds in which files, in which form, with which exit code."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from scanner.audit_policy.analysis import MAX_RULES
from scanner.audit_policy.reader import load
from scanner.cli import main
from scanner.errors import PolicyError
from scanner.knowledge.policies import names, published

ROOT = Path(__file__).resolve().parents[3]
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
GOOD = f"{HEAD}rules:\n- level: Metadata\n"
WIDENED = f"{HEAD}rules:\n- level: None\n  verb: [get]\n- level: Metadata\n"

SCHEMA = json.loads((ROOT / "scanner/reports/schema/policy-check-1.schema.json").read_text())

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(["policy", "check", *arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.splitlines())


def found(run: Run, path: str, *arguments: str) -> dict[str, Any]:
    _, out, err = run("--format", "json", path, *arguments)
    assert err == ""
    loaded: dict[str, Any] = json.loads(out)
    jsonschema.validate(loaded, SCHEMA)
    return loaded


def test_a_good_policy_in_words(run: Run) -> None:
    Path("p.yaml").write_text(GOOD)
    assert run("p.yaml") == (
        0,
        (
            "p.yaml: audit policy with 1 rule\n"
            "  authentication    complete (Metadata)\n"
            "  API calls         complete (Metadata)\n"
            "  RBAC denials      complete (Metadata)\n"
            "  secret reads      recorded (Metadata)\n"
            "  pod creation      recorded (Metadata)\n"
            "  pod exec          recorded (Metadata)\n"
            "  rbac changes      recorded (Metadata)\n"
            "  token requests    recorded (Metadata)\n"
            "  deletecollection  recorded (Metadata)\n"
            "  impersonation     recorded (Metadata)\n"
            "  discovery         recorded (Metadata)\n"
            "\n"
            "1 policy, 1 file searched, 0 errors, 0 warnings, 0 remarks\n"
        ),
        "",
    )


def test_findings_stand_at_file_line_and_column(run: Run) -> None:
    Path("p.yaml").write_text(WIDENED)
    code, out, _ = run("p.yaml")
    assert code == 1
    assert (
        "p.yaml:5:3: warning: rules[0].verb is no field of a rule; kube-apiserver ignores it, so that rules[0] matches "
        "every request, at level None [unknown-field]\n    Write verbs instead of verb\n" in out
    )
    assert "1 policy, 1 file searched, 3 errors, 2 warnings, 0 remarks\n" in out


@pytest.mark.parametrize(
    ("text", "fail_on", "code"),
    [
        (GOOD, "warning", 0),
        (WIDENED, "never", 0),
        (f"{HEAD}rules:\n- level: Metadata\n- level: Request\n  verbs: [get]\n", "error", 0),
        (f"{HEAD}rules:\n- level: Metadata\n- level: Request\n  verbs: [get]\n", "warning", 1),
        (f"{HEAD}rules: []\n", "error", 1),
    ],
)
def test_what_makes_it_fail(run: Run, text: str, fail_on: str, code: int) -> None:
    Path("p.yaml").write_text(text)
    assert run("p.yaml", "--fail-on", fail_on)[0] == code


def test_a_refused_policy_is_an_error_with_its_place(run: Run) -> None:
    Path("p.yaml").write_text(f"{HEAD}rules:\n- level: Metadata\n- level: Loud\n")
    code, out, _ = run("p.yaml")
    assert code == 1
    assert "p.yaml:5:" in out
    assert 'Unsupported value: "Loud"' in out
    assert "kube-apiserver refuses this policy and does not start" in out


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"---\n# lead\n---\n{GOOD}", 4),
        (f"--- ~\n---\n\n---\n{GOOD}---\n", 5),
        (f"---\n---\n{GOOD}---\n{WIDENED}", 3),
    ],
)
def test_a_policy_behind_an_empty_document_is_refused(run: Run, text: str, line: int) -> None:
    with pytest.raises(PolicyError):
        load(text.encode())
    Path("p.yaml").write_text(text)
    code, out, _ = run("p.yaml")
    assert code == 1
    assert out.startswith("p.yaml:1:1: error: kube-apiserver refuses the policy: unknown group version field")
    assert f"first document of a file, which is empty here: remove what stands before line {line}, where" in out
    [policy, *behind] = found(run, "p.yaml")["files"][0]["policies"]
    assert (policy["where"], policy["loads"]) == ("", False)
    assert [one["findings"][0]["id"] for one in behind] == ["policy-never-read"] * (text.count(HEAD) - 1)
    Path("map.yaml").write_text("kind: ConfigMap\ndata:\n  audit.yaml: |\n" + indented(text, 4))
    code, out, _ = run("map.yaml")
    assert code == 1
    assert f"remove what stands before line {line + 3}, where" in out


def test_of_two_policies_the_second_is_never_read(run: Run) -> None:
    Path("p.yaml").write_text(f"{GOOD}---\n{HEAD}rules:\n- level: Loud\n---\n")
    code, out, _ = run("p.yaml")
    assert code == 0
    assert "p.yaml:6:1: warning: kube-apiserver reads only the first document of a policy file" in out
    assert "p.yaml (document 2): kube-apiserver never reads this policy\n" in out
    assert "2 policies, 1 file searched, 0 errors, 1 warning, 0 remarks\n" in out
    assert run("p.yaml", "--fail-on", "warning")[0] == 1
    Path("p.yaml").write_text(f"{GOOD}---\n{HEAD}rules:\n- level: Loud\n---\nx: [\n")
    assert run("p.yaml")[0] == 0


def test_among_other_documents_every_policy_is_checked(run: Run) -> None:
    Path("p.yaml").write_text(f"{GOOD}---\nkind: ClusterConfiguration\n---\n{HEAD}rules:\n- level: Loud\n")
    code, out, _ = run("p.yaml")
    assert code == 1
    assert (
        "p.yaml:8:1: note: kube-apiserver reads only the first document of a file, and this policy is document 3" in out
    )


BEYOND = {
    "large": (GOOD + "# a comment\n" * 100_000, "larger than 1048576 bytes, which is as much as is read"),
    "deep": (f"{GOOD}  x: {'[' * 250}{']' * 250}\n", "nested deeper than 200 levels, which is as deep as is read"),
    "rules": (GOOD + "- level: Metadata\n" * MAX_RULES, "holds more than 1000 rules, which is as many as are analysed"),
    "deep JSON": (
        '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}],\n"x": '
        + "[" * 50_000 + "]" * 50_000 + "}",
        "nested deeper than",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BEYOND)
def test_what_is_beyond_our_limits_is_unknown_and_not_refused(run: Run, kind: str) -> None:
    text, why = BEYOND[kind]
    Path("p.yaml").write_text(text)
    code, out, _ = run("p.yaml")
    assert code == 3
    assert why in out
    assert "refuse" not in out
    if kind == "rules":
        assert out.startswith(f"p.yaml:{MAX_RULES + 4}:1: unknown: ")
    Path("p.yaml").write_text(f"{GOOD}---\n{text}")
    assert run("p.yaml")[0] == (3 if kind == "large" else 0)


def test_versions_decide(run: Run) -> None:
    Path("p.yaml").write_text(f"{HEAD}rules:\n- level: Metadata\n  resources: [{{group: '*'}}]\n- level: Metadata\n")
    assert run("p.yaml")[0] == 0
    assert run("p.yaml", "--kubernetes-version", "1.34")[0] == 1


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\ndata:\n  other: x\n  audit.yaml: |\n" + indented(WIDENED, 4)
EMBEDDED: dict[str, tuple[str, str, int]] = {
    "ConfigMap": (CONFIG_MAP, "data.audit.yaml", 10),
    "List": (
        "kind: List\napiVersion: v1\nitems:\n- " + indented(CONFIG_MAP, 2).lstrip(),
        "items[0].data.audit.yaml",
        13,
    ),
    "later document": ("# a comment\n---\nkind: Pod\n---\n" + WIDENED, "document 2", 9),
    "kubeadm files": (
        "kind: KubeadmControlPlane\nspec:\n  kubeadmConfigSpec:\n    files:\n    - path: /a.yaml\n      content: |\n"
        + indented(WIDENED, 8),
        "spec.kubeadmConfigSpec.files[0].content",
        11,
    ),
    "Talos": (
        "cluster:\n  apiServer:\n    auditPolicy:\n" + indented(WIDENED, 6),
        "cluster.apiServer.auditPolicy",
        8,
    ),
    "kind": (
        "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n  kubeadmConfigPatches:\n"
        "  - |\n" + indented(WIDENED, 4),
        "nodes[0].kubeadmConfigPatches[0]",
        11,
    ),
}


@pytest.mark.parametrize("kind", EMBEDDED)
def test_policies_within_other_files_are_found_with_their_lines(run: Run, kind: str) -> None:
    text, where, line = EMBEDDED[kind]
    Path("p.yaml").write_text(text)
    [file] = found(run, "p.yaml")["files"]
    [policy] = file["policies"]
    assert policy["where"] == where
    [unknown] = [one for one in policy["findings"] if one["id"] == "unknown-field"]
    assert unknown["line"] == line
    assert text.splitlines()[unknown["line"] - 1][unknown["column"] - 1 :].startswith("verb:")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("kind: Secret\ndata:\n  p: %s\n", base64.b64encode(WIDENED.encode()).decode()),
        ("kind: ConfigMap\nbinaryData:\n  p: %s\n", base64.b64encode(WIDENED.encode()).decode()),
        ("write_files:\n- encoding: b64\n  content: %s\n", base64.b64encode(WIDENED.encode()).decode()),
        (
            "write_files:\n- encoding: gzip+base64\n  content: %s\n",
            base64.b64encode(gzip.compress(WIDENED.encode())).decode(),
        ),
        ("contents:\n  source: 'data:;base64,%s'\n", base64.b64encode(WIDENED.encode()).decode()),
        ("contents:\n  source: 'data:,%s'\n", WIDENED.replace("\n", "%0A").replace(" ", "%20")),
        ("a: !!binary %s\n", base64.b64encode(WIDENED.encode()).decode()),
        ("a: %s\n", json.dumps(WIDENED)),
        ("a: [{b: %s}]\n", json.dumps(json.dumps(yaml.safe_load(WIDENED)))),
    ],
)
def test_encoded_policies_are_found_at_the_line_of_their_text(run: Run, kind: str, value: str) -> None:
    Path("p.yaml").write_text(kind.replace("%s", value))
    result = found(run, "p.yaml")
    [policy] = result["files"][0]["policies"]
    assert policy["rules"] == 2
    assert "unknown-field" in {one["id"] for one in policy["findings"]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x: [\n", "did not find expected node content"),
        (f"{HEAD}rules:\n{{{{ range .Values.rules }}}}\n- level: {{{{ .level }}}}\n{{{{ end }}}}\n", "is a template"),
        ("kind: Secret\ndata:\n  audit.yaml: '%%%'\n", "is not what its encoding says: base64"),
        ("kind: ConfigMap\ndata:\n  a: |\n    apiVersion: audit.k8s.io/v1\n    x: [\n", ""),
    ],
)
def test_what_cannot_be_read_is_unknown_and_exit_code_3_unless_it_fails(run: Run, text: str, why: str) -> None:
    Path("p.yaml").write_text(text)
    code, out, _ = run("p.yaml")
    assert run("p.yaml", "--fail-on", "never")[0] == 0
    result = found(run, "p.yaml")
    if why:
        assert code == 3
        assert why in out
        assert result["summary"]["unreadable"] == 1
    else:
        assert result["files"][0]["policies"][0]["loads"] is False


ORDINARY = {
    "Helm template": "kind: Role\nrules:\n{{- range .Values.rules }}\n- verbs: [get]\n{{ end }}\n",
    "comments in JSON": '{ // see aka.ms/tsconfig\n "compilerOptions": {}, }\n',
    "YAML 1.2": "%YAML 1.2\n---\na: b\n",
    "broken YAML": "x: [\n",
    "lock file": '{"packages": [' + '{"name": "left-pad"},\n' * 250_000 + "{}]}",
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_a_hook_passes_ordinary_files_over_that_cannot_be_read(run: Run, kind: str) -> None:
    Path("f.yaml").write_text(ORDINARY[kind])
    assert run("f.yaml", "--allow-none")[0] == 0
    assert run("f.yaml")[0] == 3


def test_a_hook_reads_what_may_hold_a_policy(run: Run) -> None:
    Path("f.yaml").write_text(f"{HEAD}{{{{ .Values.rules }}}}\n")
    Path("g.yaml").write_text("kind: Policy\nrules:\n{{ range }}\n- level: None\n")
    Path("h.yaml").symlink_to("nowhere")
    for name in ("f.yaml", "g.yaml", "h.yaml"):
        assert run(name, "--allow-none")[0] == 3


def test_folders_are_searched_but_not_their_hidden_ones(run: Run) -> None:
    for path in ("a/p.yaml", "a/b/q.yml", "a/.git/r.yaml", "a/notes.txt", "a/b/other.json"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(GOOD if "other" not in path else "{}")
    Path("a/b/loop").symlink_to(Path("a").resolve())
    Path("a/gone.yaml").symlink_to("nowhere")
    result = found(run, "a")
    assert [file["path"] for file in result["files"]] == ["a/gone.yaml", "a/p.yaml", "a/b/q.yml"]
    assert run("a")[0] == 3


def test_a_policy_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    code, out, _ = run("-")
    assert code == 0
    assert out.startswith("standard input: audit policy with 1 rule\n")


@pytest.mark.parametrize("name", names())
def test_published_policies_by_their_names(run: Run, name: str) -> None:
    result = found(run, name, "--fail-on", "never")
    [file] = result["files"]
    assert file["path"] == f"published policy {name}"
    assert file["policies"][0]["rules"] == len(published(name).policy.rules)


def test_a_published_policy_for_code_scanning(run: Run) -> None:
    code, out, _ = run("eks", "--format", "sarif")
    assert code == 0
    assert '"uri": "published%20policy%20eks"' in out


def test_a_file_wins_over_the_name_of_a_published_policy(run: Run) -> None:
    assert found(run, "eks", "--kubernetes-version", "1.24")["files"][0]["policies"][0]["loads"] is False
    Path("eks").write_text(GOOD)
    assert found(run, "eks")["files"][0]["path"] == "eks"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.yaml"], "error: nothing.yaml: no such file or directory, and no published policy of that name"),
        (["pod.yaml"], "error: pod.yaml: there is no audit policy in it"),
        (["folder"], "error: there is no audit policy in the 1 files that were searched"),
    ],
)
def test_nothing_to_check_is_a_usage_error(run: Run, arguments: list[str], message: str) -> None:
    Path("pod.yaml").write_text("kind: Pod\n")
    Path("folder").mkdir()
    Path("folder/pod.yaml").write_text("kind: Pod\n")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(message)
    if "nothing" not in message:
        assert run(*arguments, "--allow-none")[0] == 0


def test_hostile_names_and_values_stay_on_their_line(run: Run) -> None:
    Path("p\x1b[2J\n.yaml").write_text(f'{HEAD}rules:\n- level: Metadata\n  "a\\e[2Jb\\nc": 1\n')
    _, out, _ = run("p\x1b[2J\n.yaml")
    assert "\x1b" not in out


def test_sarif_is_what_code_scanning_reads(run: Run) -> None:
    Path("a b.yaml").write_text(WIDENED)
    code, out, _ = run("--format", "sarif", "a b.yaml")
    assert code == 1
    sarif = json.loads(out)
    assert sarif["version"] == "2.1.0"
    [one] = sarif["runs"]
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in one["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert result["partialFingerprints"]
        [place] = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.yaml"
        assert place["physicalLocation"]["region"]["startLine"] >= 4
    assert {result["ruleId"] for result in one["results"]} == {
        "category-below-grade",
        "unknown-field",
        "unreachable-rule",
    }


def test_sarif_says_what_could_not_be_read(run: Run) -> None:
    Path("p.yaml").write_text("x: [\n")
    code, out, _ = run("--format", "sarif", "p.yaml")
    assert code == 3
    assert "did not find expected node content" in out


def test_the_pre_commit_hook_runs_on_what_it_is_given(tmp_path: Path) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["language"] == "python"
    (tmp_path / "pod.yaml").write_text("kind: Pod\n")
    (tmp_path / "policy.yaml").write_text(WIDENED)
    command = [sys.executable, "-m", "scanner", *hook["entry"].split()[1:], *hook.get("args", [])]
    codes = [
        subprocess.run([*command, str(tmp_path / name)], cwd=ROOT, capture_output=True, check=False).returncode  # noqa: S603 - our own command
        for name in ("pod.yaml", "policy.yaml")
    ]
    assert codes == [0, 1]
