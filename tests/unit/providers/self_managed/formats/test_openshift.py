"""OpenShift and HyperShift: profiles, rules for groups, and the configuration that holds the flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.openshift import FORMAT
from providers.self_managed.source import ApiServerSource, Fragment, ManifestFile, PlaceKind, Refused
from scanner.model import InlinePolicy, ManagedPolicy, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Host, Scan, servers

POLICY = "/etc/kubernetes/static-pod-resources/configmaps/kube-apiserver-audit-policies/policy.yaml"
SERVER = "apiVersion: config.openshift.io/v1\nkind: APIServer\nmetadata: {name: cluster}\nspec:\n  audit: AUDIT\n"
CONFIG = """\
apiVersion: kubecontrolplane.config.openshift.io/v1
kind: KubeAPIServerConfig
apiServerArguments:
  audit-log-path: [/var/log/kube-apiserver/audit.log]
  audit-policy-file: [POLICY]
  authorization-mode: [Scope, SystemMasters, RBAC, Node]
  service-account-key-file: [/secret]
""".replace("POLICY", POLICY)
HOSTED = """\
apiVersion: hypershift.openshift.io/v1beta1
kind: HostedCluster
metadata: {name: tenant}
spec:
  configuration: {apiServer: {audit: {profile: AllRequestBodies}}}
"""


def server(audit: str) -> str:
    return SERVER.replace("AUDIT", audit)


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text, "o.yaml")
    return source


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments if not argument.unread]


@pytest.mark.parametrize(
    ("audit", "name", "line"),
    [
        ("{profile: Default}", "openshift-default", "line 5, spec.audit.profile"),
        ("{profile: WriteRequestBodies}", "openshift-writerequestbodies", "line 5, spec.audit.profile"),
        ("{profile: AllRequestBodies}", "openshift-allrequestbodies", "line 5, spec.audit.profile"),
        ("{profile: None}", "openshift-none", "line 5, spec.audit.profile"),
        ("{}", "openshift-default", "spec.audit"),
        ("null", "openshift-default", "spec.audit"),
    ],
)
def test_each_profile_is_a_published_policy(audit: str, name: str, line: str) -> None:
    source = read(server(audit))
    given = source.files[POLICY]
    assert (given.published, given.group_policies, given.evidence.locator) == (name, (), line)
    assert texts(source) == [
        f"--audit-policy-file={POLICY}",
        "--audit-log-path=/var/log/kube-apiserver/audit.log",
        "--audit-log-format=json",
        "--audit-log-maxbackup=10",
        "--audit-log-maxsize=200",
        "--anonymous-auth=true",
        "--authorization-mode=RBAC,Node",
    ]


def test_rules_for_groups_come_first() -> None:
    given = read(server("{customRules: [{group: g, profile: None}, {group: h}]}")).files[POLICY]
    assert given.group_policies == (("g", "openshift-none"), ("h", "openshift-default"))


@pytest.mark.parametrize("audit", ["{profile: Other}", "{customRules: [{group: g, profile: Other}]}"])
def test_a_profile_that_is_not_known(audit: str) -> None:
    assert read(server(audit)).files[POLICY].unread == "it names an audit profile that is not known"


def test_a_configuration_gives_the_flags_and_hides_the_others() -> None:
    source = read(CONFIG)
    assert texts(source) == [
        "--anonymous-auth=true",
        "--audit-log-path=/var/log/kube-apiserver/audit.log",
        f"--audit-policy-file={POLICY}",
        "--authorization-mode=RBAC",
        "--authorization-mode=Node",
    ]
    assert source.arguments[1].key == "apiServerArguments.audit-log-path[0]"
    assert not source.files


def test_a_configuration_that_is_merged_with_others() -> None:
    source = read("apiVersion: kubecontrolplane.config.openshift.io/v1\nkind: KubeAPIServerConfig\n")
    why = "the file sets no --audit-policy-file, and is merged with other files that do; give those, too"
    assert [one.unread for one in source.arguments if one.unread] == [why]


def test_a_configuration_in_which_the_audit_log_is_set_another_way() -> None:
    """It is not said to set none."""
    head = "apiVersion: kubecontrolplane.config.openshift.io/v1\nkind: KubeAPIServerConfig\n"
    (unread,) = [one for one in read(f"{head}auditConfig: {{enabled: true}}\n").arguments if one.unread]
    why = "the file sets auditConfig, which is not read: give the APIServer object named cluster instead"
    assert (unread.unread, unread.line, unread.key) == (why, 3, "auditConfig")


def put_together(*files: tuple[str, str]) -> list[ApiServerSource]:
    parts = [
        part
        for name, text in files
        for part in FORMAT.read(ManifestFile(Path(f"/x/{name}"), name, HostFiles(None), text.encode()))
        if isinstance(part, Fragment)
    ]
    return [one for one in parts[0].assemble(parts) if isinstance(one, ApiServerSource)]


def test_the_object_and_the_configuration_together() -> None:
    (source,) = put_together(("config.yaml", CONFIG), ("server.yaml", server("{profile: None}")))
    assert source.files[POLICY].published == "openshift-none"
    assert source.arguments[-1].source == "config.yaml"
    assert source.cluster == ""


def test_objects_of_different_directories_are_of_different_clusters() -> None:
    sources = put_together(
        ("fleet/a/api/server.yaml", server("{profile: None}")),
        ("fleet/b/api/server.yaml", server("{profile: Default}")),
        ("fleet/b/kas/config.yaml", CONFIG),
        ("fleet/config.yaml", CONFIG),
    )
    given = [one.files[POLICY].published if one.files else "" for one in sources]
    assert [one.cluster for one in sources] == ["a/api", "b/api", "fleet"]
    assert given == ["openshift-none", "openshift-default", ""]
    assert [one.arguments[-1].source for one in sources] == [
        "fleet/a/api/server.yaml (OpenShift's default)",
        "fleet/b/kas/config.yaml",
        "fleet/config.yaml",
    ]


def test_differing_objects_of_one_directory_are_both_read() -> None:
    sources = put_together(
        ("a.yaml", server("{profile: None}")),
        ("b.yaml", server("{profile: Default}")),
        ("c.yaml", server("{profile: Default}")),
    )
    assert [one.files[POLICY].published for one in sources] == ["openshift-none", "openshift-default"]
    assert {one.cluster for one in sources} == {""}


def test_configurations_of_different_directories_are_not_merged() -> None:
    off = CONFIG.replace("/var/log/kube-apiserver/audit.log", "''")
    sources = put_together(("a/config.yaml", off), ("b/config.yaml", CONFIG), ("server.yaml", server("{}")))
    assert [(one.file, "--audit-log-path=" in texts(one)) for one in sources] == [
        ("server.yaml", True),
        ("server.yaml", False),
    ]


def test_an_object_of_another_name_is_one_that_openshift_does_not_read() -> None:
    data = server("{}").replace("name: cluster", "name: mine").encode()
    (part,) = FORMAT.read(ManifestFile(Path("/x/s.yaml"), "s.yaml", HostFiles(None), data))
    assert isinstance(part, Refused)
    assert part.reason == "describes an APIServer that is not named cluster, the only one that OpenShift reads"


async def test_two_clusters_below_one_directory(world: Path, scan: Scan) -> None:
    for name, profile in (("a", "None"), ("b", "Default")):
        (world / name).mkdir()
        (world / name / "apiserver.yaml").write_text(server(f"{{profile: {profile}}}"))
    observations = await scan({"name": "o", "paths": ["."]})
    assert [one.ref.name for one in observations] == ["o/a", "o/b"]
    policies = [one.servers[0].policy for one in observations]
    assert [one.name for one in policies if isinstance(one, ManagedPolicy)] == [
        "openshift-none",
        "openshift-default",
    ]


def test_a_list_of_objects() -> None:
    items = "".join(f"  {line}\n" for line in server("{profile: None}").splitlines())
    source = read(f"kind: List\nitems:\n-{items[1:]}")
    assert source.files[POLICY].published == "openshift-none"


def test_a_hosted_cluster_prints_its_log() -> None:
    source = read(HOSTED)
    assert (source.cluster, source.carried) == ("tenant", "the container audit-logs of the same pod")
    assert source.view.locate("/var/log/kube-apiserver/audit.log").kind is PlaceKind.EPHEMERAL
    assert [given.published for given in source.files.values()] == ["openshift-allrequestbodies"]
    assert read(HOSTED.replace("AllRequestBodies", "None")).carried == ""


def test_the_webhook_of_a_hosted_cluster_is_in_a_secret() -> None:
    source = read(f"{HOSTED}  auditWebhook: {{name: hook}}\n")
    place = source.view.locate("/etc/kubernetes/auditwebhook/webhook-kubeconfig")
    assert place.object is not None
    assert (place.object.kind, place.object.name, place.host_path) == ("Secret", "hook", "/webhook-kubeconfig")


POD = """\
kind: Pod
spec:
  containers:
  - name: kube-apiserver
    command: [hyperkube, kube-apiserver, --openshift-config=/cfg/config.yaml, -v=2]
    volumeMounts: [{name: cfg, mountPath: /cfg}, {name: logs, mountPath: /var/log/kube-apiserver}]
  volumes: [{name: cfg, VOLUME}, {name: logs, hostPath: {path: /var/log/kube-apiserver}}]
"""


async def test_the_file_of_openshift_config_on_the_host(host: Host, scan: Scan) -> None:
    host.put("pod.yaml", POD.replace("VOLUME", "hostPath: {path: /etc/cfg}"))
    host.put("/etc/cfg/config.yaml", CONFIG)
    (observation,) = await scan({"name": "o", "paths": ["hosts/*/pod.yaml"], "root": "hosts/*"})
    (only,) = observation.servers
    assert only.authorizer.can_deny is True
    assert only.channels[0].exported.evidence[0].source == "hosts/cp-1/etc/cfg/config.yaml"


async def test_the_file_of_openshift_config_in_a_config_map(host: Host, scan: Scan) -> None:
    inner = "".join(f"    {line}\n" for line in CONFIG.splitlines())
    host.put("pod.yaml", POD.replace("VOLUME", "configMap: {name: kas}"))
    host.put("map.yaml", f"kind: ConfigMap\nmetadata: {{name: kas}}\ndata:\n  config.yaml: |\n{inner}")
    (observation,) = await scan({"name": "o", "paths": ["hosts/cp-1/pod.yaml", "hosts/cp-1/map.yaml"]})
    (only,) = observation.servers
    assert only.authorizer.can_deny is True
    assert only.channels[0].exported.evidence[0].source == "hosts/cp-1/map.yaml"


@pytest.mark.parametrize("text", ["kind: ConfigMap\n", "[", "kind: KubeAPIServerConfig\n"])
async def test_a_file_of_openshift_config_that_is_none(host: Host, scan: Scan, text: str) -> None:
    host.put("pod.yaml", POD.replace("VOLUME", "hostPath: {path: /etc/cfg}"))
    host.put("/etc/cfg/config.yaml", text)
    (observation,) = await scan({"name": "o", "paths": ["hosts/*/pod.yaml"], "root": "hosts/*"})
    policy = observation.servers[0].policy
    assert isinstance(policy, UnreadablePolicy)
    assert "--openshift-config" in policy.reason


async def test_what_a_scan_makes_of_groups(world: Path, scan: Scan) -> None:
    (world / "o.yaml").write_text(server("{customRules: [{group: g, profile: None}]}"))
    (observation,) = await scan({"name": "o", "paths": ["o.yaml"]})
    policy = observation.servers[0].policy
    assert isinstance(policy, ManagedPolicy)
    assert not isinstance(policy, InlinePolicy)
    assert policy.group_policies == (("g", "openshift-none"),)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "apiVersion: config.openshift.io/v1\nkind: Image\n",
        "kind: APIServer\n",
        "apiVersion: hypershift.openshift.io/v1\nkind: NodePool\n",
    ],
)
def test_what_is_none_of_these(text: str) -> None:
    assert servers(FORMAT, text) == ()
