"""Static pod manifests, in every way in which the command can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.static_pod import FORMAT
from providers.self_managed.source import ApiServerSource, ManifestFile
from tests.unit.providers.self_managed.hosts import Host, servers

COMMENTED_SCRIPT = """\
command: [sh, -c]
    args:
    - |
      # runs kube-apiserver --c
      kube-apiserver \\
        --a=1 \\
        --b
      kube-apiserver-fix --d"""
SCRIPT = "the shell script that starts it"


def read(text: str) -> tuple[ApiServerSource, ...]:
    return servers(FORMAT, text, "pod.yaml")


def pod(container: str, image: str = "registry/x:v1.30.1", name: str = "server") -> str:
    return f"kind: Pod\nspec:\n  containers:\n  - name: {name}\n    image: {image}\n    {container}\n"


@pytest.mark.parametrize(
    "container",
    [
        "command: [kube-apiserver, --a=1, --b]",
        "command: [/usr/local/bin/kube-apiserver, --a=1]\n    args: [--b]",
        "command: [kube-apiserver]\n    args: [--a=1, --b]",
        "args: [kube-apiserver, --a=1, --b]",
        "command: [/hyperkube, apiserver, --a=1, --b]",
        "command: [hyperkube, kube-apiserver, --a=1, --b]",
        "command: [/go-runner, --log-file=/var/log/kube-apiserver.log, /usr/local/bin/kube-apiserver, --a=1, --b]",
        'command: [sh, -c, "exec kube-apiserver --a=1 --b"]',
        'command: [sh, -c, "kube-apiserver --a=1 --b # all set"]',
        'command: [sh, -c, "# it\\nkube-apiserver --a=1 \\\\\\n --b #--c=1\\n#--d"]',
        'command: [sh, -c, "if true; then A=x exec kube-apiserver --a=1 --b; fi"]',
        'command: [sh, -c, "pkill kube-apiserver; exec kube-apiserver --a=1 --b"]',
        'command: [bash, -ec, "exec watch-termination --v=1 -- hyperkube kube-apiserver --a=1 --b"]',
        'command: [/bin/bash, -e, -xc, "kube-apiserver --a=1 --b 1>>/var/log/x 2>&1 < /dev/null"]',
        'command: [/bin/sh]\n    args: [-ec, "sleep 1; kube-apiserver --a=1 --b & wait"]',
        'command: [timeout, "9", bash, -c, "true && kube-apiserver --a=1 --b || exit 1"]',
        COMMENTED_SCRIPT,
        'command: [sh, -c, "exec kube-apiserver \'--a=1\' \\"--b\\""]',
        "command: [sh, -c, 'exec kube-apiserver --a=${A} $B']\n    env: [{name: A, value: '1'}, {name: B, value: --b}]",
        "command: [kube-apiserver, --a=$(A), $(B)]\n    env: [{name: A, value: 1}, {name: B, value: --b}]",
    ],
)
def test_commands(container: str) -> None:
    (source,) = read(pod(container))
    assert [argument.text for argument in source.arguments] == ["--a=1", "--b"]
    assert not any(argument.unread for argument in source.arguments)
    assert source.version == "1.30.1"


def test_a_variable_sees_only_those_before_it() -> None:
    env = "env: [{name: A, value: a$(B)$(C)}, {name: B, value: b}, {name: D, value: $(B)}]"
    (source,) = read(pod(f"command: [kube-apiserver, --a=$(A), --d=$(D)]\n    {env}"))
    assert [argument.text for argument in source.arguments] == ["--a=a$(B)$(C)", "--d=b"]


@pytest.mark.parametrize("image", ["registry.k8s.io/kube-apiserver:v1.30.1", "kube-apiserver@sha256:00"])
def test_the_image_alone_says_what_runs(image: str) -> None:
    (source,) = read(pod("args: [--a=1]", image))
    assert [argument.text for argument in source.arguments] == ["--a=1"]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry:5000/kube-apiserver:v1.34.2", "1.34.2"),
        ("registry/hardened-kubernetes:v1.32.11-rke2r1-build2", "1.32.11"),
        ("registry/kube-apiserver:1.29", "1.29"),
        ("registry/kube-apiserver:v1.34.2@sha256:00", "1.34.2"),
        ("registry:5000/kube-apiserver", None),
        ("registry/kube-apiserver@sha256:00", None),
        ("registry/kube-apiserver:latest", None),
    ],
)
def test_versions(image: str, version: str | None) -> None:
    (source,) = read(pod("command: [kube-apiserver]", image))
    assert source.version == version


@pytest.mark.parametrize(
    ("container", "unread"),
    [
        ("command: [/start.sh]", "the program that starts it is not kube-apiserver itself"),
        ("args: [serve]", "the program that starts it is not kube-apiserver itself"),
        ('command: [sh, -c, "echo hi"]', "the program that starts it is not kube-apiserver itself"),
        (
            'command: [sh, -c, "echo kube-apiserver; /start.sh kube-apiserver now"]',
            "the program that starts it is not kube-apiserver itself",
        ),
        (
            'command: [sh, -c, "if test -e x; then exec kube-apiserver --a; else X=1 kube-apiserver --b; fi"]',
            f"{SCRIPT} has several commands for it",
        ),
        ('command: [sh, -c, "kube-apiserver $ARGS"]', f"{SCRIPT} may set ARGS"),
        ('command: [sh, -c, "kube-apiserver $(cat flags)"]', f"{SCRIPT} computes a part of its arguments"),
        ('command: [sh, -c, "kube-apiserver \'"]', f"{SCRIPT} could not be understood"),
        (
            'command: [sh, -c, "kube-apiserver $ARGS"]\n    envFrom: [{secretRef: {name: x}}]',
            "the container's envFrom may set it",
        ),
        (
            "command: [kube-apiserver, $(ARGS)]\n    env: [{name: ARGS, value: x}, {name: ARGS, valueFrom: {}}]",
            "the environment variable ARGS is set from elsewhere (valueFrom)",
        ),
        (
            "command: [kube-apiserver, $(ARGS)]\n    env: [{name: A, valueFrom: {}}, {name: ARGS, value: $(A)}]",
            "the environment variable A is set from elsewhere (valueFrom)",
        ),
    ],
)
def test_commands_that_are_not_all_there(container: str, unread: str) -> None:
    (source,) = read(pod(container, name="kube-apiserver"))
    assert next(argument.unread for argument in source.arguments if argument.unread) == unread


def test_dollars_that_are_no_variables() -> None:
    (source,) = read(pod("command: [kube-apiserver, --a=$$(A), --b=$(UNSET), --c=$x]\n    env: [{name: A, value: x}]"))
    assert [argument.text for argument in source.arguments] == ["--a=$(A)", "--b=$(UNSET)", "--c=$x"]


@pytest.mark.parametrize(
    "text",
    [
        "kind: Pod\n",
        "kind: Deployment\nspec: {template: {}}\n",
        "[]\n",
        "text\n",
        pod("command: [kube-scheduler]"),
        pod('command: [bash, script, -c, "x"]'),
        pod("command: [sh]"),
        pod("command: [sh, -e, -x]"),
        "kind: List\nitems: [{kind: Service}]\n",
    ],
)
def test_what_is_no_api_server(text: str) -> None:
    assert read(text) == ()


def test_lines_and_node() -> None:
    head = "kind: PodList\nitems:\n- spec:\n    nodeName: cp-9\n    containers:\n"
    (source,) = read(f"{head}    - command:\n      - kube-apiserver\n      - --a\n")
    assert (source.node, source.line, source.locator) == ("cp-9", 7, "line 7")
    assert [argument.line for argument in source.arguments] == [8]


def test_json_and_a_byte_order_mark() -> None:
    (source,) = read('\ufeff{"kind": "Pod", "spec": {"containers": [{"command": ["kube-apiserver", "--a"]}]}}')
    assert [argument.text for argument in source.arguments] == ["--a"]


def test_a_sub_path_from_elsewhere() -> None:
    mounts = (
        "command: [kube-apiserver]\n    env: [{name: N, valueFrom: {}}]\n"
        "    volumeMounts: [{name: v, mountPath: /logs, subPathExpr: $(N)}]\n"
        "  volumes: [{name: v, hostPath: {path: /x}}]"
    )
    (source,) = read(pod(mounts))
    place = source.view.locate("/logs/audit.log")
    assert place.what == (
        "the subPath of volume v could not be read: the environment variable N is set from elsewhere (valueFrom)"
    )


def test_relative_paths_start_in_the_working_directory() -> None:
    mounts = (
        "workingDir: /srv\n    command: [kube-apiserver]\n"
        "    volumeMounts: [{name: v, mountPath: /srv/logs}]\n  volumes: [{name: v, hostPath: {path: /x/}}]"
    )
    (source,) = read(pod(mounts))
    assert source.view.locate("logs/../logs/audit.log").host_path == "/x/audit.log"


def test_anchors_and_merge_keys() -> None:
    text = (
        "base: &base {name: server, image: 'x:v1.30.0'}\nkind: Pod\nspec:\n  containers:\n"
        "  - <<: *base\n    command: [kube-apiserver]\n  - <<: [{name: other}, *base]\n    command: [kube-apiserver]\n"
    )
    assert [source.version for source in read(text)] == ["1.30.0", "1.30.0"]


def test_an_anchor_within_itself() -> None:
    assert read("&a\nkind: Pod\n<<: *a\nspec: *a\n") == ()


def test_the_way_a_file_is_shown_in_errors(host: Host, world: Path) -> None:
    host.put("pod.yaml", pod("command: [kube-apiserver]"))
    file = ManifestFile.load(host.root / "pod.yaml", "hosts/cp-1/pod.yaml", HostFiles(host.root, "hosts/cp-1"))
    assert servers(FORMAT, file)[0].file == "hosts/cp-1/pod.yaml"
    assert world.exists()


TEMPLATE = """\
apiVersion: apps/v1
kind: {kind}
spec:
  template:
    spec:
      containers:
      - name: kube-apiserver
        command: [kube-apiserver, --audit-log-path=/logs/audit.log]
        volumeMounts: [{{name: logs, mountPath: /logs}}]
      - name: other
        command: {command}
        volumeMounts: [{{name: {mounted}, mountPath: /logs}}]
      volumes: [{{name: logs, emptyDir: {{}}}}, {{name: x, emptyDir: {{}}}}]
"""


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"])
def test_what_makes_pods(kind: str) -> None:
    text = TEMPLATE.format(kind=kind, command="[x]", mounted="logs")
    (source,) = read(text)
    assert [argument.text for argument in source.arguments] == ["--audit-log-path=/logs/audit.log"]
    assert source.carried == ""


@pytest.mark.parametrize(
    ("command", "mounted", "carried"),
    [
        ("[tail, -F, /logs/audit.log]", "logs", "the container other of the same pod"),
        ('[sh, -c, "x; tail -c+1 -F /logs/audit.log & wait"]', "logs", "the container other of the same pod"),
        ("[tail, -F, /logs/audit.log]", "x", ""),
        ("[tail, -n1, /logs/audit.log]", "logs", ""),
        ("[tail, -F, /logs/other.log]", "logs", ""),
        ("[cat, -F, /logs/audit.log]", "logs", ""),
    ],
)
def test_a_container_beside_it_that_prints_the_log(command: str, mounted: str, carried: str) -> None:
    (source,) = read(TEMPLATE.format(kind="Deployment", command=command, mounted=mounted))
    assert source.carried == carried


@pytest.mark.parametrize(
    "text",
    [
        "kind: Deployment\nspec: {template: null}\n",
        "kind: Deployment\n",
        "kind: List\nitems: [{kind: List, items: [{kind: Pod}]}]\n",
    ],
)
def test_what_makes_no_api_server(text: str) -> None:
    assert read(text) == ()
