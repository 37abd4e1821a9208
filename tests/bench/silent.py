"""Progress that is shown to nobody."""

from __future__ import annotations

from scanner.model import AccountResult, ClusterResult


class Silent:
    """Keeps nothing, and ends the benchmark where our own code fails."""

    def accounts_known(self, number: int, *, all_of_them: bool) -> None:
        """Keep nothing."""

    def account_started(self, account: str) -> None:
        """Keep nothing."""

    def waiting(self, account: str, what: str) -> None:
        """Keep nothing."""

    def cluster_found(self, account: str, cluster: ClusterResult) -> None:
        """Keep nothing."""

    def account_finished(self, result: AccountResult) -> None:
        """Keep nothing."""

    def bug(self, account: str, trace: str) -> None:
        """End the benchmark."""
        raise SystemExit(f"{account}: {trace}")
