"""The least permissions: which files must be readable, and which objects of a live cluster, as RBAC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FILES: Final = """\
The self_managed provider writes nothing. It opens a connection only for a cluster with kubeconfig, context or
in_cluster and for https:// URLs, and runs a program only for revision (git) and allow_exec (what the kubeconfig names).
The user that scans needs read access to

  - every file named under paths, and read and search access to the directories that a glob goes through;
  - below root, the file of --audit-policy-file and the directories above it
    (or, instead, the copy named under policy);
  - below root, the files of --audit-webhook-config-file and --authentication-config, where they are set;
  - below root, for systemd units: the drop-in directories and the files of EnvironmentFile=;
  - below root, with observe = true: the audit log itself, of which only the end is read;
  - with an archive, a URL, standard input or revision: a temporary directory (TMPDIR, else /tmp) to write to.

On a kubeadm host the manifests are readable by root only (mode 0600). To scan as another user, give it read access:
  setfacl -m u:USER:r /etc/kubernetes/manifests/kube-apiserver.yaml
  setfacl -m u:USER:x /etc/kubernetes /etc/kubernetes/manifests
In a container, mount the host's / read-only and set root to where it is mounted.
What may not be read is reported as unknown, with the file's name.

For a live cluster: k8s-audit-coverage providers self_managed --permissions rbac | kubectl apply --filename -
"""

RBAC: Final = """\
# What reading a live cluster needs, and nothing else: no secret, no exec, no write. The subject is the service account
# of deploy/kubernetes/cronjob.yaml; for a kubeconfig put its user or group there.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: k8s-audit-coverage
rules:
  # the control-plane nodes, by their labels; k3s writes its command line into their annotations
  - apiGroups: [""]
    resources: [nodes]
    verbs: [list]
  # OpenShift's audit profile, and whether its control plane is hosted; without OpenShift this allows nothing
  - apiGroups: [config.openshift.io]
    resources: [apiservers, infrastructures]
    resourceNames: [cluster]
    verbs: [get]
  # the version, and whether it is OpenShift; system:discovery allows it too, where nobody took that away
  - nonResourceURLs: [/version, /apis]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: k8s-audit-coverage
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: k8s-audit-coverage}
subjects:
  - {kind: ServiceAccount, name: k8s-audit-coverage, namespace: k8s-audit-coverage}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: k8s-audit-coverage
  namespace: kube-system
rules:
  # the mirror pods of kube-apiserver, with its flags
  - apiGroups: [""]
    resources: [pods]
    verbs: [list]
  # what kubeadm writes at the next upgrade
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [kubeadm-config]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: k8s-audit-coverage
  namespace: kube-system
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: k8s-audit-coverage}
subjects:
  - {kind: ServiceAccount, name: k8s-audit-coverage, namespace: k8s-audit-coverage}
"""

VARIANTS: Final[Mapping[str, str]] = {"files": FILES, "rbac": RBAC}
