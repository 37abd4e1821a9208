"""Builds observations for the tests of the assessment: what a provider would have read, in few words."""

from __future__ import annotations

from collections.abc import Mapping

from scanner.audit_policy.reader import load
from scanner.model import (
    ApiServer,
    Authorizer,
    ClusterObservation,
    ClusterRef,
    Evidence,
    InlinePolicy,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    NoPolicy,
    PolicySource,
    Retention,
    UnreadablePolicy,
)

READ = Evidence("kube-apiserver.yaml", "line 12", "--audit-log-path=/var/log/audit.log")
RBAC = Authorizer(can_deny=True, anonymous=True, reason="--authorization-mode is Node,RBAC", evidence=(READ,))
ALWAYS_ALLOW = Authorizer(
    can_deny=False,
    anonymous=False,
    reason="--authorization-mode is AlwaysAllow: nothing is ever denied",
    evidence=(READ,),
)
FOR_EVER = Retention.exactly(None, "records never expire", READ)
METADATA_ALL = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n"
NONE_ALL = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n"


def check(state: str, reason: str, permission: str = "") -> LinkCheck:
    """Build a check; `state` as the reports spell it."""
    return LinkCheck(LinkState(state), reason, (READ,), permission)


def inline(text: bytes = METADATA_ALL) -> InlinePolicy:
    """Build the policy of a file."""
    return InlinePolicy(load(text), "audit-policy.yaml", (Evidence("audit-policy.yaml", "kind", "Policy"),), text)


def no_policy(reason: str = "kube-apiserver does not specify --audit-policy-file") -> NoPolicy:
    """Build the absence of a policy."""
    return NoPolicy(reason, (READ,))


def unreadable(reason: str = "audit-policy.yaml cannot be read: Permission denied") -> UnreadablePolicy:
    """Build a policy that could not be read."""
    return UnreadablePolicy(reason, (READ,))


def channel(
    log: str,
    exported: str = "ok",
    delivered: str = "ok",
    retention: Retention = FOR_EVER,
    observed: LinkCheck | None = None,
) -> LogChannel:
    """Build a log whose checks say their own names."""
    said = (check(exported, f"{log} exported {exported}"), check(delivered, f"{log} delivered {delivered}"))
    return LogChannel(log, log, *said, retention, observed)


def server(policy: PolicySource, *channels: LogChannel, authorizer: Authorizer = RBAC, name: str = "cp-1") -> ApiServer:
    """Build one API server."""
    return ApiServer(name, policy, channels, authorizer)


def self_managed(*servers: ApiServer) -> ClusterObservation:
    """Build a self-managed cluster."""
    ref = ClusterRef("self_managed", "datacenter", "", "fra1", "prod", "hosts/cp-1/kube-apiserver.yaml", "1.34")
    return ClusterObservation(ref, servers)


def eks(*channels: LogChannel, parameters: Mapping[str, str] | None = None, name: str = "prod") -> ClusterObservation:
    """Build an EKS cluster."""
    ref = ClusterRef(
        "eks", "aws", "111122223333", "eu-west-1", name, f"arn:aws:eks:eu-west-1:111122223333:cluster/{name}"
    )
    policy = ManagedPolicy("eks", (READ,))
    one = ApiServer("control plane", policy, channels, RBAC)
    return ClusterObservation(ref, (one,), parameters=parameters or {"log_group": f"/aws/eks/{name}/cluster"})
