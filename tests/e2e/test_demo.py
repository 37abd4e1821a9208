"""The demo end to end: the real command on its real file, every finding word by word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.demo import emulated

REPOSITORY = Path(__file__).resolve().parents[2]
FINDINGS = REPOSITORY / "tests" / "golden" / "demo_findings.json"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the command as `make demo` does, and give its report."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "scanner", "scan", "--config", "tests/demo/demo.toml", "--output", str(folder)]
    with emulated.start() as environment:
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert all(json.loads(line)["event"] for line in done.stderr.splitlines())
    report: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return report


def test_every_finding_word_by_word(scanned: dict[str, Any]) -> None:
    found = {
        account["name"]: {
            one["name"]: {"status": one["status"], "message": one["message"]} for one in account["clusters"]
        }
        for account in scanned["accounts"]
        if account["clusters"]
    }
    assert found == json.loads(FINDINGS.read_text("utf-8"))


def test_what_was_not_read_of_the_accounts(scanned: dict[str, Any]) -> None:
    seen = {one["name"]: (one["completeness"], one["status"]) for one in scanned["accounts"]}
    assert seen == {
        "aws-corp": ("complete", "SKIP"),
        "aws-corp/500000000001": ("complete", "PASS"),
        "aws-corp/500000000002": ("complete", "SKIP"),
        "aws-corp/500000000003": ("complete", "PASS"),
        "aws-corp/500000000004": ("complete", "PASS"),
        "aws-corp/500000000005": ("complete", "PASS"),
        "aws-locked-out": ("failed", "UNKNOWN"),
        "aws-production": ("partial", "FAIL"),
        "aws-sandbox": ("complete", "SKIP"),
        "aws-staging": ("complete", "FAIL"),
        "azure-corp": ("complete", "SKIP"),
        "azure-corp/00000011-3333-4444-5555-666677778888": ("complete", "SKIP"),
        "azure-corp/00000012-3333-4444-5555-666677778888": ("complete", "PASS"),
        "azure-corp/00000013-3333-4444-5555-666677778888": ("complete", "FAIL"),
        "azure-forbidden": ("failed", "UNKNOWN"),
        "azure-mistyped": ("failed", "UNKNOWN"),
        "azure-platform": ("partial", "FAIL"),
        "azure-production": ("complete", "FAIL"),
        "datacenter": ("complete", "FAIL"),
        "distributions": ("complete", "FAIL"),
        "elsewhere": ("complete", "UNKNOWN"),
        "google-acquired": ("complete", "UNKNOWN"),
        "google-corp": ("complete", "SKIP"),
        "google-corp/corp-empty": ("complete", "SKIP"),
        "google-corp/corp-payments": ("complete", "PASS"),
        "google-corp/corp-website": ("complete", "FAIL"),
        "google-mistyped": ("failed", "UNKNOWN"),
        "google-organisation": ("partial", "FAIL"),
        "google-subsidiary": ("partial", "UNKNOWN"),
    }
    failures = [
        (one["name"], failure["scope"], failure["operation"], failure["reason"], failure["permission"])
        for one in scanned["accounts"]
        for failure in one["failures"]
    ]
    assert failures == [
        (
            "aws-locked-out",
            "account",
            "sts:AssumeRole",
            (
                "sts:AssumeRole of arn:aws:iam::999999999999:role/audit-scanner in us-east-1 is denied: User:"
                " arn:aws:sts::123456789012:assumed-role/audit-scanner/k8s-audit-coverage is not authorized to perform:"
                " sts:AssumeRole because no identity-based policy allows the sts:AssumeRole action"
            ),
            "sts:AssumeRole",
        ),
        (
            "aws-production",
            "region ap-southeast-2",
            "eks:ListClusters",
            (
                "eks:ListClusters is denied: User:"
                " arn:aws:sts::111122223333:assumed-role/audit-scanner/k8s-audit-coverage is not authorized to perform:"
                " eks:ListClusters because an explicit deny in a service control policy"
            ),
            "eks:ListClusters",
        ),
        *(
            (
                "azure-forbidden",
                f"{clusters} of subscription 00000005-3333-4444-5555-666677778888",
                action,
                (
                    f"{action} is denied: AuthorizationFailed: The client 'aaaabbbb-0000-cccc-1111-dddd2222eeee' with"
                    " object id '00001111-aaaa-2222-bbbb-3333cccc4444' does not have authorization to perform action"
                    f" '{action}' over scope '/subscriptions/00000005-3333-4444-5555-666677778888' or the scope is"
                    " invalid. If access was recently granted, please refresh your credentials"
                ),
                action,
            )
            for clusters, action in (
                ("AKS clusters", "Microsoft.ContainerService/managedClusters/read"),
                ("Arc-connected clusters", "Microsoft.Kubernetes/connectedClusters/read"),
            )
        ),
        (
            "azure-mistyped",
            "subscription 00000006-3333-4444-5555-666677778888",
            "Microsoft.Resources/subscriptions/read",
            (
                "Microsoft.Resources/subscriptions/read finds nothing: SubscriptionNotFound: The subscription"
                " '00000006-3333-4444-5555-666677778888' could not be found"
            ),
            None,
        ),
        (
            "azure-platform",
            "AKS clusters of subscription 00000003-3333-4444-5555-666677778888",
            "Microsoft.ResourceGraph/resources/read",
            (
                "Microsoft.ContainerService/managedClusters/read is not allowed at the subscription; Resource Graph"
                " leaves out what the identity may not read, so that clusters may be missing"
            ),
            "Microsoft.ContainerService/managedClusters/read",
        ),
        (
            "google-mistyped",
            "project paymnets-prod",
            "container:ListClusters",
            "container:ListClusters finds nothing: Not found: projects/paymnets-prod",
            None,
        ),
        (
            "google-organisation",
            "project clusters-denied",
            "container:ListClusters",
            (
                "container:ListClusters is denied: Permission 'container.clusters.list' denied on resource"
                " 'projects/clusters-denied' (or it may not exist)."
            ),
            "container.clusters.list",
        ),
        (
            "google-organisation",
            "project zone-missing, zones europe-west1-d",
            "container:ListClusters",
            ("Google did not list the clusters of europe-west1-d (missingZones), so that clusters may be missing"),
            None,
        ),
        (
            "google-subsidiary",
            "folders of folders/100000000092",
            "resourcemanager:ListFolders",
            (
                "resourcemanager:ListFolders is denied: Permission 'resourcemanager.folders.list' denied on resource"
                " 'folders/100000000092' (or it may not exist)."
            ),
            "resourcemanager.folders.list",
        ),
    ]
    notes = [note["text"] for one in scanned["accounts"] for note in one["notes"]]
    assert notes == [
        "1 account is excluded by exclude_accounts: sandbox-10 (500000000010)",
        "1 account is not active: closed-last-year (500000000009): SUSPENDED",
        "accounts found: 5",
        (
            "not entered: AWS Config aggregator organization records EKS clusters in all 2 regions that are read, and"
            " has seen none; one that was made within the last minutes may be missing there"
        ),
        "cluster deleted-meanwhile in eu-west-1 was deleted while the account was read",
        "1 subscription is excluded by exclude_subscriptions: sandbox-1 (00000015-3333-4444-5555-666677778888)",
        "1 subscription is not active: closed-last-year (00000014-3333-4444-5555-666677778888): Disabled",
        "accounts found: 3",
        (
            "not asked itself: Resource Graph sees the subscription and no AKS clusters and no Arc-connected clusters"
            " in it, and the identity may list them there; one that was made within the last minutes may be missing"
        ),
        (
            "1 cluster is not in Resource Graph, and in the list of subscription 00000013-3333-4444-5555-666677778888,"
            " which counts, as Resource Graph may be behind: newer-than-the-graph"
        ),
        (
            "name and state of subscription 00000005-3333-4444-5555-666677778888 could not be read:"
            " Microsoft.Resources/subscriptions/read is denied"
        ),
        "1 subscription is not active, and left out: closed (Disabled)",
        (
            "cluster deleted-meanwhile in subscription 00000002-3333-4444-5555-666677778888 was deleted while the"
            " account was read"
        ),
        "1 project is excluded by exclude_projects: sandbox-corp",
        "1 project is not active: corp-closed: DELETE_REQUESTED",
        (
            "Cloud Asset Inventory knows of 3 GKE clusters in 3 projects below organizations/900100200500 as of"
            " 2026-03-01T11:00:00Z; projects without clusters were not asked, and what was made in the last minutes may"
            " be missing"
        ),
        "accounts found: 3",
        (
            "Cloud Asset Inventory knows of no GKE clusters in project corp-empty as of 2026-03-01T11:00:00Z; the"
            " project was not asked"
        ),
        (
            "Cloud Asset Inventory does not know of clusters in project corp-payments yet: made-a-minute-ago in"
            " europe-west1 (as of 2026-03-01T11:00:00Z)"
        ),
        "project gke-api-off has no GKE clusters: container.googleapis.com is not enabled",
    ]


def test_short_retention_is_a_gap_beside_the_verdict(scanned: dict[str, Any]) -> None:
    clusters = [cluster for account in scanned["accounts"] for cluster in account["clusters"]]
    seven = next(cluster for cluster in clusters if cluster["name"] == "seven-days")
    links = {link["link"]: link for link in seven["categories"][0]["links"]}
    assert links["retained"]["state"] == "gap"
    assert links["retained"]["reason"] == (
        "log group /aws/eks/seven-days/cluster keeps records for 7 days; 30 days are required"
    )
    assert seven["remediation"][0]["code"].endswith("--retention-in-days 30")
