"""Which of several processes scans an account: the same answer in each of them, without a word between them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of all accounts: the `number`-th, beginning with 1, of `count`."""

    number: int = 1
    count: int = 1

    def divide(self, names: Iterable[str]) -> dict[str, int]:
        """Say which shard scans each of the accounts of the configuration.

        All processes have the same configuration, so these are dealt out in the order of their names: no shard gets
        more than one account more than another.
        """
        return {name: index % self.count + 1 for index, name in enumerate(sorted(names))}

    def of(self, name: str) -> int:
        """Say which shard scans an account that was found.

        Two processes may not find the same accounts, where one is made or closed between their looks. So this depends
        on the name alone: such an account is scanned once or not at all, and moves no other one.
        """
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % self.count + 1
