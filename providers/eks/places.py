"""Regions of accounts, kept small: of ten thousand accounts there are 170,000 of them."""

from __future__ import annotations

from collections.abc import Iterator


class Places:
    """Which regions of which accounts something holds for: a bit for each region."""

    def __init__(self) -> None:
        """Begin without any."""
        self._bits: dict[str, int] = {}
        self._accounts: dict[str, int] = {}

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Tell whether it holds for an account and a region."""
        account, region = place
        return bool(self._accounts.get(account, 0) & self._bits.get(region, 0))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Give the accounts and regions."""
        for account, regions in self._accounts.items():
            for region, bit in self._bits.items():
                if regions & bit:
                    yield account, region

    def add(self, account: str, region: str) -> None:
        """Let it hold for an account and a region."""
        bit = self._bits.setdefault(region, 1 << len(self._bits))
        self._accounts[account] = self._accounts.get(account, 0) | bit

    def forget(self, account: str) -> None:
        """Let it hold for no region of an account."""
        self._accounts.pop(account, None)
