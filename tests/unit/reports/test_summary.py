"""What a scan comes to, in counts and in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scanner.model import AccountNote, AccountResult, AccountStatus, ClusterResult, Note, NoteSeverity, Status
from scanner.model.summary import MissingPermission, ordered_accounts, ordered_clusters, summarise, verdict
from tests.unit.reports.sample_result import (
    HOSTILE_ACCOUNT,
    NOT_ASSUMED,
    REGION_DENIED,
    eks,
    half_read,
    not_switched_on,
    sample_result,
    sound_cluster,
)

PASSED = sound_cluster(eks("a"))
FAILED = not_switched_on(eks("b"))
OPEN = half_read(eks("c"))


def account(*clusters: ClusterResult) -> AccountResult:
    return AccountResult("one", "eks", "", clusters, (), (), 1.0)


UNREAD = AccountResult("two", "eks", "", (), (NOT_ASSUMED,), (), 1.0)
HALF = AccountResult("three", "eks", "", (), (REGION_DENIED,), (), 1.0)


@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [
        ((), "No Kubernetes cluster was found."),
        ((account(),), "No Kubernetes cluster was found."),
        ((UNREAD,), "No cluster was read. 1 account could not be read."),
        ((HALF,), "No cluster was read. 1 account could be read only in part."),
        ((account(PASSED),), "In the one cluster the audit log would show a break-in."),
        ((account(PASSED, PASSED),), "In all 2 clusters the audit log would show a break-in."),
        ((account(FAILED),), "In the one cluster the audit log would not show a break-in."),
        ((account(FAILED, FAILED),), "In all 2 clusters the audit log would not show a break-in."),
        (
            (account(PASSED, OPEN),),
            (
                "No gap was seen, but for 1 of 2 clusters "
                "it could not be told whether the audit log would show a break-in."
            ),
        ),
        (
            (account(PASSED, FAILED, OPEN), UNREAD, replace(UNREAD, name="four"), HALF),
            (
                "In 1 of 3 clusters the audit log would not show a break-in. For 1 more it could not be told. "
                "2 accounts could not be read. 1 account could be read only in part."
            ),
        ),
    ],
)
def test_the_verdict_says_no_more_than_was_read(accounts: tuple[AccountResult, ...], sentence: str) -> None:
    result = replace(sample_result(), accounts=accounts)
    assert verdict(summarise(result.accounts)) == sentence


def test_the_verdict_says_that_the_scan_ended_early() -> None:
    result = replace(sample_result(), accounts=(account(PASSED),))
    assert verdict(summarise(result.accounts), "SIGTERM") == (
        "In the one cluster the audit log would show a break-in. The scan ended early."
    )


def test_counts_hold_every_status() -> None:
    summary = summarise(sample_result().accounts)
    assert summary.clusters == {Status.PASS: 4, Status.FAIL: 4, Status.UNKNOWN: 2, Status.SKIP: 0}
    assert summary.accounts == {Status.PASS: 0, Status.FAIL: 3, Status.UNKNOWN: 2, Status.SKIP: 1}
    assert summary.completeness == {AccountStatus.COMPLETE: 4, AccountStatus.PARTIAL: 1, AccountStatus.FAILED: 1}
    assert (summary.total_clusters, summary.total_accounts, summary.failures) == (10, 6, 3)
    assert (summary.gap_links, summary.unknown_links) == (23, 15)


def test_missing_permissions_are_gathered_from_links_and_failures() -> None:
    assert summarise(sample_result().accounts).permissions_missing == (
        MissingPermission("eks:ListClusters", "eks", ("sandbox",), 0),
        MissingPermission("logs:DescribeLogGroups", "eks", (HOSTILE_ACCOUNT, "platform-prod"), 2),
        MissingPermission("sts:AssumeRole", "eks", ("acquired",), 0),
    )


def test_the_order_does_not_depend_on_who_answered_first() -> None:
    result = sample_result()
    backwards = replace(result, accounts=tuple(reversed(result.accounts)))
    assert ordered_accounts(backwards) == ordered_accounts(result)
    assert [cluster.ref.name for cluster in ordered_clusters(result.accounts[0])] == [
        "prod",
        "batch",
        "payments",
        "analytics",
    ]


def test_clusters_that_the_configuration_leaves_out_are_no_missing_ones() -> None:
    note = AccountNote(Note(NoteSeverity.INFO, "3 of 3 clusters are left out"), left_out=3)
    result = replace(sample_result(), accounts=(replace(account(), notes=(note,)),))
    assert verdict(summarise(result.accounts)) == "No cluster was scanned: the configuration leaves out 3 clusters."
