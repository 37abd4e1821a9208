"""A scan result with every status, link state and kind of trouble in it, for the reports' tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from scanner.audit_policy.types import Level, Stage
from scanner.model import (
    AccountNote,
    AccountResult,
    BlindSpot,
    Capability,
    CapabilityCoverage,
    ClusterRef,
    ClusterResult,
    CollectionFailure,
    Evidence,
    Fact,
    FailureKind,
    Finding,
    Grade,
    Link,
    LinkCheck,
    LinkState,
    Note,
    NoteSeverity,
    Recorded,
    Remediation,
    RequestCategory,
    RuleSettings,
    ScanResult,
    Status,
)

HOSTILE_NAME = "<script>document.title='owned'</script>\"'><img src=x onerror=document.title='owned'>"
HOSTILE_BIDI = "prod\u202egpj.exe\u2066\x1b[31m\x00\nsecond line\u200b\ud800"
HOSTILE_ACCOUNT = "</option></title><svg onload=document.title='owned'>{{ 7 * 7 }}"
LONG_NAME = "x" * 900

_OUTCOMES = (Stage.RESPONSE_STARTED, Stage.RESPONSE_COMPLETE)
_TITLES = {
    RequestCategory.AUTHENTICATION: "Authentication attempts",
    RequestCategory.API_CALLS: "API calls",
    RequestCategory.RBAC_DENIALS: "RBAC denials",
}

DESCRIBED = Evidence(
    "eks:DescribeCluster",
    "cluster.logging.clusterLogging",
    '[{"types":["api","audit","authenticator","controllerManager","scheduler"],"enabled":true}]',
)
GROUP = Evidence("logs:DescribeLogGroups", "logGroups[0].logGroupName", "/aws/eks/prod/cluster")
NEVER = Evidence("logs:DescribeLogGroups", "logGroups[0].retentionInDays", "absent: never expires")
PUBLISHED = Evidence("the EKS audit policy as AWS publishes it", "rules", "14 rules, grade complete")
DENIED = Evidence(
    "logs:DescribeLogGroups",
    "error",
    "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/audit-reader/scan is not authorized",
)
MANIFEST = "hosts/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml"

OK = LinkState.OK
GAP = LinkState.GAP
UNKNOWN = LinkState.UNKNOWN


def check(state: LinkState, reason: str, *evidence: Evidence, permission: str = "") -> LinkCheck:
    return LinkCheck(state, reason, evidence, permission)


SOUND: Mapping[Link, LinkCheck] = {
    Link.GENERATED: check(OK, "the policy that EKS runs makes an event for every request that is not noise", PUBLISHED),
    Link.EXPORTED: check(OK, "log type audit is enabled", DESCRIBED),
    Link.DELIVERED: check(OK, "log group /aws/eks/prod/cluster exists", GROUP),
    Link.RETAINED: check(OK, "records never expire", NEVER),
    Link.OBSERVED: check(LinkState.NOT_APPLICABLE, "not asked for"),
}


def chain(**changed: LinkCheck) -> dict[Link, LinkCheck]:
    """Give a sound chain with some links replaced, each named for its link."""
    return {**SOUND, **{Link(name): link for name, link in changed.items()}}


def finding(
    category: RequestCategory,
    links: Mapping[Link, LinkCheck],
    *,
    grades: tuple[Grade, Grade] = (Grade.COMPLETE, Grade.COMPLETE),
    level: Level | None = Level.METADATA,
    status: Status = Status.PASS,
    lacks: str = "",
) -> Finding:
    """Build the finding on one category; its message is worded after its status."""
    title = _TITLES[category]
    reasons = "; ".join(link.reason for link in links.values() if link.state in {GAP, UNKNOWN})
    message = {
        Status.PASS: f"{title} are covered at {level.label if level else 'no'} level: {grades[0].label}.",
        Status.FAIL: f"{title} are not covered ({grades[1].label}): {reasons}.",
        Status.UNKNOWN: f"{title} could not be judged: {reasons}.",
    }[status]
    recorded = grades[1] is not Grade.NONE
    return Finding(
        category=category,
        status=status,
        at_least=grades[0],
        at_most=grades[1],
        level=level,
        stages_kept=_OUTCOMES if recorded else (),
        stages_omitted=(Stage.REQUEST_RECEIVED,) if recorded else (),
        links=links,
        lacks=lacks,
        message=message,
    )


def all_three(
    links: Mapping[Link, LinkCheck],
    *,
    grades: tuple[Grade, Grade] = (Grade.COMPLETE, Grade.COMPLETE),
    level: Level | None = Level.METADATA,
    status: Status = Status.PASS,
    lacks: str = "",
) -> tuple[Finding, ...]:
    """Build the same finding for the three categories."""
    return tuple(
        finding(category, links, grades=grades, level=level, status=status, lacks=lacks) for category in RequestCategory
    )


def capabilities(recorded: Recorded, level: Level | None, reason: str) -> tuple[CapabilityCoverage, ...]:
    return tuple(CapabilityCoverage(capability, recorded, level, reason) for capability in Capability)


def cluster(  # noqa: PLR0913 - the parts of a verdict
    ref: ClusterRef,
    status: Status,
    message: str,
    findings: tuple[Finding, ...],
    *,
    recorded: Recorded = Recorded.YES,
    blind_spots: tuple[BlindSpot, ...] = (),
    facts: tuple[Fact, ...] = (),
    notes: tuple[Note, ...] = (),
    remediations: tuple[Remediation, ...] = (),
) -> ClusterResult:
    """Build one cluster's verdict."""
    level = {Recorded.YES: Level.REQUEST, Recorded.PARTLY: Level.METADATA}.get(recorded)
    reasons = {
        Recorded.YES: "every request leaves an event",
        Recorded.PARTLY: "get by WebSocket clients is not recorded",
        Recorded.NO: "no audit log is switched on",
        Recorded.UNKNOWN: "the logging settings could not be read",
    }
    covered = capabilities(recorded, level, reasons[recorded])
    return ClusterResult(ref, status, message, findings, covered, blind_spots, facts, notes, remediations)


def eks(name: str, location: str = "eu-central-1", version: str | None = "1.34") -> ClusterRef:
    arn = f"arn:aws:eks:{location}:111122223333:cluster/{name}"
    return ClusterRef("eks", "platform-prod", "111122223333", location, name, arn, version)


SWITCH_ON = "Switch on the missing control-plane log types"
PERMISSION_ADVICE = Remediation(
    "Let the scan read what is missing",
    "Grant logs:DescribeLogGroups to the identity that the scan runs as.",
    "k8s-audit-coverage providers eks --permissions",
    "sh",
)
PASS_MESSAGE = "Audit policy covers 3 event categories at Metadata logging level."


def switch_on(name: str, location: str) -> Remediation:
    code = (
        f"aws eks update-cluster-config --region {location} --name {name} \\\n"
        '  --logging \'{"clusterLogging":[{"types":["audit","authenticator"],"enabled":true}]}\''
    )
    text = "EKS keeps the types that are already on. The change takes a few minutes."
    return Remediation(SWITCH_ON, text, code, "sh")


def sound_cluster(ref: ClusterRef) -> ClusterResult:
    """Build a cluster that passes with nothing to say against it."""
    facts = (
        Fact(
            "Newest audit record",
            "2026-11-02T06:58:11Z",
            Evidence("logs:DescribeLogStreams", "lastEventTimestamp", "1793602691000"),
        ),
        Fact("Log group KMS key", "none: encrypted with the service's own key", GROUP),
    )
    return cluster(ref, Status.PASS, PASS_MESSAGE, all_three(SOUND), facts=facts)


def short_retention(ref: ClusterRef) -> ClusterResult:
    """Build a cluster that passes although a link that does not decide is broken."""
    days = Evidence("logs:DescribeLogGroups", "logGroups[0].retentionInDays", "7")
    links = chain(retained=check(GAP, "records are kept 7 days, 31 are asked for", days))
    findings = all_three(
        links, grades=(Grade.MINIMUM, Grade.MINIMUM), lacks="reads of everything but secrets, discovery paths"
    )
    code = (
        "aws logs put-retention-policy --region eu-west-1 \\\n"
        "  --log-group-name /aws/eks/prod/cluster --retention-in-days 60"
    )
    remedy = Remediation(
        "Keep the records long enough", "Records older than this are deleted by CloudWatch.", code, "sh"
    )
    note = Note(NoteSeverity.INFO, "log delivery to CloudWatch Logs is best effort, says AWS", (GROUP,))
    return cluster(ref, Status.PASS, PASS_MESSAGE, findings, notes=(note,), remediations=(remedy,))


def not_switched_on(ref: ClusterRef) -> ClusterResult:
    """Build a cluster whose logs are all off."""
    off = Evidence("eks:DescribeCluster", "cluster.logging.clusterLogging", '[{"types":["audit"],"enabled":false}]')
    nowhere = Evidence("logs:DescribeLogGroups", "logGroups", "[]")
    links = chain(
        exported=check(GAP, "log types audit and authenticator are not enabled", off),
        delivered=check(GAP, f"log group /aws/eks/{ref.name}/cluster does not exist", nowhere),
        retained=check(LinkState.NOT_APPLICABLE, "nothing is delivered"),
    )
    message = "Kubernetes audit logging is not configured. Log types audit and authenticator are not enabled."
    findings = all_three(links, grades=(Grade.NONE, Grade.NONE), level=None, status=Status.FAIL, lacks="everything")
    remedy = switch_on(ref.name, ref.location)
    return cluster(ref, Status.FAIL, message, findings, recorded=Recorded.NO, remediations=(remedy,))


def half_read(ref: ClusterRef) -> ClusterResult:
    """Build a cluster of which something that decides could not be read."""
    unknown = check(UNKNOWN, "the log groups could not be read", DENIED, permission="logs:DescribeLogGroups")
    links = chain(delivered=unknown, retained=unknown)
    findings = all_three(
        links, grades=(Grade.NONE, Grade.COMPLETE), level=None, status=Status.UNKNOWN, lacks="the log groups"
    )
    message = (
        "Whether the audit log covers authentication attempts, API calls and RBAC denials could not be told. "
        "The log groups could not be read."
    )
    return cluster(ref, Status.UNKNOWN, message, findings, recorded=Recorded.UNKNOWN, remediations=(PERMISSION_ADVICE,))


POLICY_ADVICE = Remediation(
    "Give kube-apiserver an audit policy that records the missing requests",
    "Save this as /etc/kubernetes/audit-policy.yaml on every control-plane node and name it in --audit-policy-file.",
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n"
    "  # <secrets> & tokens: never their bodies\n"
    '  - level: Metadata\n    resources: [{group: "", resources: ["secrets", "configmaps", "serviceaccounts/token"]}]\n'
    "  - level: Metadata",
    "yaml",
)


def self_managed(name: str, account: str = "datacenter", version: str | None = None) -> ClusterRef:
    return ClusterRef("self_managed", account, "", "fra1", name, f"hosts/{name}", version)


def mixed(ref: ClusterRef) -> ClusterResult:
    """Build a cluster in which each category stands differently: pass, gap in the policy, gap in the authorizer."""
    policy = Evidence(
        "etc/kubernetes/audit-policy.yaml", "line 7, rules[1]", "level: None, userGroups: [system:masters]"
    )
    flag = Evidence(MANIFEST, "line 14, --audit-log-path", "/var/log/kubernetes/audit.log")
    always = Evidence(MANIFEST, "line 19, --authorization-mode", "AlwaysAllow")
    partly = check(GAP, "writes by service accounts are not recorded", policy)
    denials = check(GAP, "the authorizer is AlwaysAllow: no request is ever denied", always)
    seen = check(OK, "the newest line is 4 minutes old", Evidence("audit.log", "last line", "2026-11-02T06:56:00Z"))
    base = chain(
        generated=check(OK, "the policy records failed requests at ResponseStarted", policy),
        exported=check(OK, "--audit-log-path is set", flag),
        delivered=check(OK, "/var/log/kubernetes is mounted from the node, writable", flag),
        retained=check(UNKNOWN, "the file is rotated by size: how long it reaches back depends on traffic", flag),
        observed=seen,
    )
    findings = (
        finding(RequestCategory.AUTHENTICATION, base),
        finding(
            RequestCategory.API_CALLS,
            {**base, Link.GENERATED: partly},
            grades=(Grade.PARTIAL, Grade.PARTIAL),
            level=Level.REQUEST_RESPONSE,
            status=Status.FAIL,
            lacks="create, update, patch and delete by service accounts",
        ),
        finding(
            RequestCategory.RBAC_DENIALS,
            {**base, Link.GENERATED: denials},
            grades=(Grade.NONE, Grade.NONE),
            level=None,
            status=Status.FAIL,
            lacks="an authorizer that can deny",
        ),
    )
    message = (
        "Audit logging covers 1 of 3 event categories; missing: API calls and RBAC denials. "
        "API calls: writes by service accounts are not recorded. "
        "RBAC denials: the authorizer is AlwaysAllow: no request is ever denied."
    )
    return cluster(
        ref,
        Status.FAIL,
        message,
        findings,
        recorded=Recorded.PARTLY,
        blind_spots=(
            BlindSpot("user alice", grave=False, what="get and list of pods", evidence=policy),
            BlindSpot("group system:masters", grave=True, what="every request", evidence=policy),
        ),
        facts=(Fact("Audit log rotation", "--audit-log-maxsize 100, --audit-log-maxbackup 10", flag),),
        notes=(
            Note(NoteSeverity.WARNING, "node cp-3 differs: --audit-log-path is not set", (flag,)),
            Note(NoteSeverity.INFO, "rules[4] can never be reached: rules[2] matches everything before it"),
        ),
        remediations=(POLICY_ADVICE,),
    )


def no_backend(ref: ClusterRef) -> ClusterResult:
    """Build the cluster of the rule's own example."""
    args = Evidence(MANIFEST, "spec.containers[0].command", "kube-apiserver --authorization-mode=Node,RBAC")
    links = chain(
        generated=check(GAP, "kube-apiserver does not specify --audit-policy-file", args),
        exported=check(GAP, "kube-apiserver does not specify --audit-log-path or --audit-webhook-config-file", args),
        delivered=check(LinkState.NOT_APPLICABLE, "there is no log"),
        retained=check(LinkState.NOT_APPLICABLE, "there is no log"),
    )
    message = (
        "Kubernetes audit logging is not configured. "
        "kube-apiserver does not specify --audit-log-path or --audit-policy-file."
    )
    findings = all_three(links, grades=(Grade.NONE, Grade.NONE), level=None, status=Status.FAIL, lacks="everything")
    return cluster(ref, Status.FAIL, message, findings, recorded=Recorded.NO, remediations=(POLICY_ADVICE,))


REGION_DENIED = CollectionFailure(
    FailureKind.PERMISSION,
    "region us-east-1",
    "eks:ListClusters",
    "AccessDeniedException: not authorized to perform eks:ListClusters",
    "allow eks:ListClusters for the role of this account",
    "eks:ListClusters",
)
THROTTLED = CollectionFailure(
    FailureKind.THROTTLED, "region ap-southeast-2", "eks:ListClusters", "still throttled after 5 retries"
)
NOT_ASSUMED = CollectionFailure(
    FailureKind.CREDENTIALS,
    "account",
    "sts:AssumeRole",
    "AccessDenied: not authorized to perform sts:AssumeRole on arn:aws:iam::444455556666:role/audit-reader",
    "let the role's trust policy name the identity that the scan runs as",
    "sts:AssumeRole",
    whole_account=True,
)


def sample_accounts() -> tuple[AccountResult, ...]:
    """Give accounts of every kind, not in the order of the report."""
    note = AccountNote(Note(NoteSeverity.INFO, "cluster blue-green-7 was deleted while it was read", (DESCRIBED,)))
    hostile = replace(eks("x"), account=HOSTILE_ACCOUNT)
    return (
        AccountResult(
            "platform-prod",
            "eks",
            "111122223333",
            (
                sound_cluster(eks("prod")),
                short_retention(eks("payments", "eu-west-1", "1.33")),
                not_switched_on(eks("batch", "eu-west-1", "1.31")),
                half_read(eks("analytics", "us-west-2")),
            ),
            (),
            (note,),
            3.25,
        ),
        AccountResult(
            "datacenter",
            "self_managed",
            "",
            (mixed(self_managed("shadowed", version="1.32.4")), no_backend(self_managed("bare-metal"))),
            (),
            (),
            0.125,
        ),
        AccountResult(
            "sandbox",
            "eks",
            "444455556666",
            (sound_cluster(replace(eks("try"), account="sandbox", account_id="444455556666")),),
            (REGION_DENIED, THROTTLED),
            (),
            12.0,
        ),
        AccountResult("acquired", "eks", "", (), (NOT_ASSUMED,), (), 0.5),
        AccountResult("empty", "eks", "999988887777", (), (), (), 1.0),
        AccountResult(
            HOSTILE_ACCOUNT,
            "eks",
            "",
            (
                no_backend(replace(hostile, name=HOSTILE_NAME, id=HOSTILE_NAME, location='"><b>')),
                half_read(replace(hostile, name=HOSTILE_BIDI)),
                sound_cluster(replace(hostile, name=LONG_NAME, version=None)),
            ),
            (),
            (),
            0.0,
        ),
    )


def sample_result(*, interrupted: str = "") -> ScanResult:
    """Give a result with everything in it."""
    return ScanResult(
        tool_version="0.1.0",
        started=datetime(2026, 11, 2, 7, 0, 0, tzinfo=UTC),
        finished=datetime(2026, 11, 2, 7, 0, 17, 250_000, tzinfo=UTC),
        rule=RuleSettings(min_retention_days=31, observe=True, lookback_hours=48),
        config_digest="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        accounts=sample_accounts(),
        interrupted=interrupted,
    )


def large_result(clusters: int, accounts: int = 50) -> ScanResult:
    """Give a result with many clusters, in every state that real ones are in."""
    makers = (sound_cluster, short_retention, not_switched_on, half_read, mixed, no_backend)
    regions = ("eu-central-1", "eu-west-1", "us-east-1", "ap-southeast-2")
    results = []
    for index in range(accounts):
        name, account_id = f"account-{index:03}", f"{111122220000 + index}"
        refs = [
            replace(eks(f"cluster-{number:05}", regions[number % 4]), account=name, account_id=account_id)
            for number in range(index, clusters, accounts)
        ]
        of_account = tuple(makers[number % len(makers)](ref) for number, ref in enumerate(refs))
        results.append(AccountResult(name, "eks", account_id, of_account, (), (), 1.0))
    return replace(sample_result(), accounts=tuple(results))
