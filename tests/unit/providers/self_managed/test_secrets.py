"""Whatever a file holds beside the settings about auditing, authentication and authorization stays in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.self_managed.formats import formats
from scanner.model import ClusterObservation
from tests.unit.providers.self_managed.hosts import Scan

SECRET = "SECRET-0f9d"
KUBECONFIG = (
    "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
    f"clusters: [{{name: c, cluster: {{server: 'https://user:{SECRET}@siem.example/{SECRET}'}}}}]\n"
    f"users: [{{name: u, user: {{token: {SECRET}, password: {SECRET}}}}}]\n"
)
FILES = {
    "pod.yaml": (
        "kind: Pod\nspec:\n  containers:\n  - name: kube-apiserver\n    command: [kube-apiserver, --audit-log-path=-, "
        f"--basic-auth-file={SECRET}, --oidc-client-secret, {SECRET}]\n    env: [{{name: A, value: {SECRET}}}]\n"
    ),
    "kubeadm.yaml": (
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n"
        f"  - {{name: token-auth-file, value: {SECRET}}}\n  - {{name: audit-log-path, value: '-'}}\n"
        f"---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens: [{{token: {SECRET}}}]\n"
    ),
    "k3s.yaml": f"token: {SECRET}\nkube-apiserver-arg: [audit-log-path=-, token-auth-file={SECRET}, '{SECRET}']\n",
    "k3s.service": f"[Service]\nExecStart=/k3s server --token {SECRET} --datastore-endpoint=mysql://u:{SECRET}@h/\n",
    "k3d.yaml": (
        "apiVersion: k3d.io/v1alpha5\nkind: Simple\noptions:\n  k3s:\n    extraArgs:\n"
        f"    - {{arg: --token={SECRET}}}\n    - {{arg: --kube-apiserver-arg=oidc-client-secret={SECRET}}}\n"
    ),
    "kops.yaml": (
        "apiVersion: kops.k8s.io/v1alpha2\nkind: Cluster\nmetadata: {name: c}\nspec:\n  kubeAPIServer:\n"
        f"    tokenAuthFile: {SECRET}\n    auditLogPath: /a\n    auditWebhookConfigFile: /hook\n"
        f"  fileAssets:\n  - {{name: k, path: /key, content: {SECRET}}}\n  - name: h\n    path: /hook\n    content: |\n"
        + "".join(f"      {line}\n" for line in KUBECONFIG.splitlines())
    ),
    "talos.yaml": (
        f"machine: {{type: controlplane, token: {SECRET}, ca: {{key: {SECRET}}}}}\ncluster:\n  secret: {SECRET}\n"
        f"  secretboxEncryptionSecret: {SECRET}\n  apiServer:\n    extraArgs: {{oidc-client-secret: {SECRET}}}\n"
        f"    env: {{A: {SECRET}}}\n"
    ),
    "talconfig.yaml": (
        f"clusterName: x\nsecret: {SECRET}\nnodes: [{{hostname: a, controlPlane: true}}]\n"
        f"patches:\n- |\n  cluster: {{token: {SECRET}}}\n"
    ),
    "openshift.yaml": (
        "apiVersion: kubecontrolplane.config.openshift.io/v1\nkind: KubeAPIServerConfig\napiServerArguments:\n"
        f"  audit-log-path: [/a]\n  audit-policy-file: [/p]\n  token-auth-file: [{SECRET}]\n"
    ),
    "kind.yaml": (
        "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nkubeadmConfigPatches:\n- |\n  kind: ClusterConfiguration\n"
        f"  apiServer: {{extraArgs: {{token-auth-file: {SECRET}}}}}\n"
    ),
    "minikube.json": (
        '{"Driver": "x", "KubernetesConfig": {"ExtraOptions": [{"Component": "apiserver", "Key": "token-auth-file", '
        f'"Value": "{SECRET}"}}]}}, "RegistryPassword": "{SECRET}"}}'
    ),
    "control-plane.yaml": (
        "apiVersion: controlplane.cluster.x-k8s.io/v1beta2\nkind: KubeadmControlPlane\nspec:\n  kubeadmConfigSpec:\n"
        "    clusterConfiguration:\n      apiServer:\n        extraArgs:\n"
        f"        - {{name: token-auth-file, value: {SECRET}}}\n        - {{name: audit-log-path, value: '-'}}\n"
        f"    files: [{{path: /x, content: {SECRET}}}]\n    users: [{{name: a, passwd: {SECRET}}}]\n"
        "---\napiVersion: infrastructure.cluster.x-k8s.io/v1beta1\nkind: AzureManagedControlPlane\n"
        f"spec: {{sshPublicKey: {SECRET}}}\n"
    ),
    "kubeone.yaml": (
        "apiVersion: kubeone.k8c.io/v1beta2\nkind: KubeOneCluster\n"
        f"cloudProvider: {{cloudConfig: {SECRET}}}\nfeatures:\n  openidConnect: {{config: {{clientId: {SECRET}}}}}\n"
        f"controlPlaneComponents: {{apiServer: {{flags: {{token-auth-file: {SECRET}}}}}}}\n"
    ),
    "shoot.yaml": (
        "apiVersion: core.gardener.cloud/v1beta1\nkind: Shoot\nmetadata: {name: c}\nspec:\n"
        f"  extensions: [{{type: audit, providerConfig: {{token: {SECRET}}}}}]\n"
        f"  kubernetes: {{kubeAPIServer: {{oidcConfig: {{clientID: {SECRET}}}}}}}\n"
    ),
    "eks-anywhere.yaml": (
        "apiVersion: anywhere.eks.amazonaws.com/v1alpha1\nkind: Cluster\nmetadata: {name: c}\nspec:\n"
        f"  controlPlaneConfiguration: {{apiServerExtraArgs: {{token-auth-file: {SECRET}}}}}\n"
        f"  proxyConfiguration: {{httpsProxy: 'https://u:{SECRET}@proxy.example'}}\n"
    ),
    "cluster.yml": (
        f"cluster_name: c\nnodes: [{{address: a, role: [controlplane], ssh_key: {SECRET}}}]\n"
        f"private_registries: [{{url: r, user: a, password: {SECRET}}}]\nservices:\n  kube-api:\n"
        f"    extra_args: {{token-auth-file: {SECRET}}}\n    extra_env: [A={SECRET}]\n"
        f"    secrets_encryption_config: {{custom_config: {{resources: [{{secret: {SECRET}}}]}}}}\n"
    ),
    "k8s-cluster.yml": (
        f"kube_network_plugin: calico\nkube_encrypt_token: {SECRET}\nkubernetes_audit_webhook: true\n"
        f"audit_webhook_server_url: https://u:{SECRET}@siem.example/{SECRET}\nkubernetes_audit: !vault {SECRET}\n"
        f"audit_webhook_server_extra_args: {{tls-server-name: {SECRET}}}\n"
        f"kube_kubeadm_apiserver_extra_args: {{token-auth-file: {SECRET}}}\n"
    ),
    "flags": f"--etcd-servers=https://u:{SECRET}@h\n--audit-log-path=-\n--token-auth-file={SECRET}\n",
    "kube-apiserver": (
        f"--etcd-servers=${{SNAP_DATA}}/kine.sock\n--token-auth-file={SECRET}\n--oidc-client-secret {SECRET}\n"
        f"--audit-log-path=-\n--service-account-key-file='{SECRET}\n"
    ),
    "bootstrap.yaml": (
        f"cluster-config: {{annotations: {{token: {SECRET}}}}}\nca-key: {SECRET}\n"
        f"extra-node-config-files: {{hook.yaml: {SECRET}}}\n"
        f"extra-node-kube-apiserver-args: {{--token-auth-file: {SECRET}, --audit-log-path: '-'}}\n"
    ),
    "secret.yaml": (
        "kind: Pod\nspec:\n  containers:\n  - {name: kube-apiserver, command: [kube-apiserver, "
        "--audit-webhook-config-file=/s/kubeconfig], volumeMounts: [{name: s, mountPath: /s}]}\n"
        "  volumes: [{name: s, secret: {secretName: hook}}]\n---\nkind: Secret\nmetadata: {name: hook}\nstringData:\n"
        "  kubeconfig: |\n" + "".join(f"    {line}\n" for line in KUBECONFIG.splitlines())
    ),
}


def shown(observations: list[ClusterObservation]) -> str:
    return repr([(one.ref, one.servers, one.facts, one.notes, one.parameters, one.unread) for one in observations])


@pytest.mark.parametrize("name", sorted(FILES))
async def test_secrets_stay_in_their_files(world: Path, scan: Scan, name: str) -> None:
    (world / name).write_text(FILES[name])
    observations = await scan({"name": "c", "paths": [name]})
    assert [fact.value for one in observations for fact in one.facts if fact.name == "read from"]
    assert SECRET not in shown(observations)


def test_every_format_is_among_them() -> None:
    """A format without a file above shows up here: its title must be read from one of them."""
    data = [text.encode() for text in FILES.values()]
    missing = [form.title for form in formats() if not any(sign in text for text in data for sign in form.signs)]
    assert missing == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(FILES)), cut=st.floats(0, 1), noise=st.sampled_from(["", "\n- [", "\t{", "\x00", ": :"])
)
async def test_broken_files_do_not_say_what_they_hold(
    world: Path, scan: Scan, name: str, cut: float, noise: str
) -> None:
    """A file that is cut off anywhere, or followed by rubbish, gives an error that quotes none of it."""
    text = FILES[name]
    (world / name).write_text(text[: int(len(text) * cut)] + noise)
    assert SECRET not in shown(await scan({"name": "c", "paths": [name]}))
