"""What a cloud must be able to do to be put into a storm, and how a scan in it is run and looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from tests.unit.cli.test_commands import Run

# The time that a call may take is long enough for each that is answered at all, on a machine with much else to do.
HEAD = "[scan]\nretries = 0\ncall_timeout = 12.0\nconcurrency = 64\nmax_calls = 64\n[rule]\nobserve = true\n"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """An account, or an organisation of accounts, of its own.

    Attributes:
        name: Its name in the configuration; a found account's is this, a slash and its id.
        table: Its table in the configuration.
        key: What the emulator knows it by.
        members: The ids of the accounts that are found in it, where the key is no part of these.
    """

    name: str
    table: str
    key: str
    members: tuple[str, ...] = ()

    def rows(self, report: Mapping[str, Row]) -> list[Row]:
        """Give what a report says of it, and of the accounts that were found in it."""
        return [row for name, row in report.items() if name == self.name or name.startswith(f"{self.name}/")]

    def unknowns(self, report: Mapping[str, Row]) -> Iterator[tuple[Row, str]]:
        """Give all that its rows say is not known, and the same in words that hold for every place of its shape."""
        for row in self.rows(report):
            for one in _unknowns(row):
                yield one, self.shown(one)

    def shown(self, found: Row | str) -> str:
        """Give a part of its rows in words that hold for every place of its shape."""
        text = found if isinstance(found, str) else json.dumps(found, sort_keys=True)
        text = text.replace(self.name, "NAME").replace(self.key, "KEY")
        for number, member in enumerate(self.members):
            text = text.replace(member, f"MEMBER-{number}")
        return text


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a place of some shape beside one call that meets one fault.

    Attributes:
        expected: The status of the place, and words that its rows hold.
    """

    shape: str
    happen: Callable[[Place], None]
    expected: str
    words: str


class Sky(Protocol):
    """One cloud's emulator, with places to scan in it."""

    @property
    def head(self) -> str:
        """What the configuration says beside the places."""
        ...

    @property
    def shapes(self) -> Sequence[str]:
        """The kinds of places: between them they have every call made that the product makes."""
        ...

    @property
    def named(self) -> AbstractSet[str]:
        """The calls that the product itself names, in its permissions or its code: the least that must be met."""
        ...

    @property
    def beside(self) -> AbstractSet[str]:
        """The calls that may fail without the verdict becoming unknown: what they tell is shown as unknown instead."""
        ...

    @property
    def covered(self) -> AbstractSet[tuple[str, str]]:
        """The calls that may meet a fault without anything being lost, as another call tells the same."""
        ...

    @property
    def everywhere(self) -> AbstractSet[str]:
        """The calls that go wrong in places of each shape; others go wrong in one of the first that has them made."""
        ...

    @property
    def afresh(self) -> AbstractSet[str]:
        """The shapes in which every call goes wrong, whatever went wrong in those before."""
        ...

    @property
    def replaced(self) -> Mapping[str, AbstractSet[str]]:
        """By shape, the calls in whose place others are made, so that no status changes whatever they meet."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads a scan here."""
        ...

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What else may happen."""
        ...

    def add(self, shape: str, number: int, fault: str = "") -> Place:
        """Make a place; `number` tells it from all others, and `fault` is what it will meet."""
        ...

    def calls(self, place: Place) -> AbstractSet[str]:
        """Give the calls that were made for a place, as far as they are its own."""
        ...

    def methods(self, calls: Iterable[str]) -> AbstractSet[str]:
        """Give some calls in the names of `named`."""
        ...

    def faults(self, shape: str, call: str) -> Iterable[str]:
        """Give what may go wrong with a call in places of a shape."""
        ...

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a call go wrong for one place, from now on."""
        ...

    def spares(self, place: Place, call: str) -> AbstractSet[str]:
        """Give the accounts of a place that was struck which a call is not about."""
        ...

    def spreads(self, call: str, fault: str) -> bool:
        """Tell whether a fault hits other calls of its place, too."""
        ...

    def words(self, call: str, fault: str) -> Sequence[str]:
        """Give what the report may say of a call that met a fault."""
        ...

    def sources(self, call: str) -> Sequence[str]:
        """Give the source of evidence that nothing but this call gives."""
        ...

    def secrets(self) -> Iterable[str]:
        """Give the credentials and tokens that the emulator knows."""
        ...


PAGED: Final = ("the same page again", "next page missing")
"""The faults of a list whose first page was read all the same."""
SHORT: Final = "a page lacks rows"
HALF_READ: Final = (*PAGED, SHORT)
"""The faults after which a part of what a call gives was read all the same."""
Skies = Callable[[Path], AbstractContextManager[Sky]]


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan left: the report, its accounts by name without how long each took, and all that it wrote."""

    report: Row
    accounts: dict[str, Row]
    written: str


def write_configuration(sky: Sky, folder: Path, places: Iterable[Place]) -> str:
    """Write a configuration of some places, and give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    path.write_text(HEAD + sky.head + "".join(place.table for place in places), "utf-8")
    return str(path)


def scan(run: Run, sky: Sky, folder: Path, places: Iterable[Place], shards: int = 1) -> Scanned:
    """Scan some places, in shards whose reports are merged where there are several; see that nothing was a bug."""
    config = write_configuration(sky, folder, places)
    parts = folder / ("parts" if shards > 1 else "merged")
    written: list[str] = []
    for number in range(1, shards + 1):
        code, out, err = run("scan", "--config", config, "--output", str(parts), "--shard", f"{number}/{shards}")
        assert code in {0, 1, 3}, err
        assert not [line for line in err.splitlines() if json.loads(line)["event"] == "bug"]
        written += [out, err]
    if shards > 1:
        code, out, err = run("report", "merge", str(parts), "-o", str(folder / "merged"))
        assert code in {0, 1, 3}, err
        written += [out, err]
    files = sorted({*parts.iterdir(), *(folder / "merged").iterdir()})
    written += [path.read_text("utf-8") for path in files]
    report = json.loads((folder / "merged" / "report.json").read_text("utf-8"))
    accounts = {account["name"]: {**account, "seconds": 0} for account in report["accounts"]}
    return Scanned(report, accounts, "\n".join(written))


def _unknowns(row: Row) -> Iterator[Row]:
    """Give all of a row that says something is not known or was not found: failures, links, facts and notes."""
    yield from row["failures"]
    yield from row["notes"]
    for cluster in row["clusters"]:
        yield from (link for one in cluster["categories"] for link in one["links"] if link["state"] == "unknown")
        yield from (fact for fact in cluster["facts"] if fact["value"] in {"unknown", "not told"})
        yield from cluster["notes"]


def passes_on(row: Row, words: Sequence[str]) -> list[tuple[str, str]]:
    """Give the links of a row that are ok by what some call told."""
    return [
        (cluster["name"], link["link"])
        for cluster in row["clusters"]
        for one in cluster["categories"]
        for link in one["links"]
        if link["state"] == "ok" and {evidence["source"] for evidence in link["evidence"]}.intersection(words)
    ]
