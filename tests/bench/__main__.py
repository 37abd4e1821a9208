"""Prints the benchmarks' figures: ``python -m tests.bench [NAME…]``. Exits with 1 where a target is missed."""

from __future__ import annotations

import sys

from tests.bench import accounts, aks, eks, gke, kills, organizations, policy, scale, self_managed, startup

BENCHMARKS = {
    "accounts": accounts.main,
    "aks": aks.main,
    "eks": eks.main,
    "gke": gke.main,
    "kills": kills.main,
    "organizations": organizations.main,
    "policy": policy.main,
    "scale": scale.main,
    "self_managed": self_managed.main,
    "startup": startup.main,
}


def main(wanted: list[str]) -> int:
    """Run the benchmarks of these names, all without any."""
    strangers = [name for name in wanted if name not in BENCHMARKS]
    if strangers:
        print(f"no benchmark {', '.join(strangers)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    missed = [name for name in wanted or BENCHMARKS if not BENCHMARKS[name]()]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
