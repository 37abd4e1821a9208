"""What a journal holds, line by line: ``<CRC-32 of the rest, 8 hex digits> <JSON object>``.

Version 3. A line is one record; its ``kind`` says which. That of a cluster has two parts instead: what is its own, and
what is often the same for others. Its verdict, most of what there is to say of it, stands in an earlier line, and once
for all clusters that have the very same one. The dataclasses of `scanner.model` are written field by field under their
own names, so a change of theirs is a change of this format: raise `FORMAT` with it. A journal is only ever read by the
version of the product that wrote it, which `RunRecord.tool_version` makes sure of.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from scanner.model import (
    AccountNote,
    AccountResult,
    BlindSpot,
    CapabilityCoverage,
    ClusterRef,
    ClusterResult,
    CollectionFailure,
    Fact,
    Finding,
    Note,
    Remediation,
    RuleSettings,
    ScanSettings,
    Status,
)

FORMAT: Final = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The first line, and one more for each time that the scan is resumed.

    Attributes:
        selection: The accounts that ``--account`` named, sorted; empty for all.
        shard: Which part of the accounts is scanned, beginning with 1.
        shards: How many parts there are; 1 where the scan is not divided.
    """

    tool_version: str
    config_digest: str
    started: datetime
    scan: ScanSettings
    rule: RuleSettings
    selection: tuple[str, ...] = ()
    shard: int = 1
    shards: int = 1
    format: int = FORMAT
    kind: Literal["run"] = "run"


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """An account that is to be scanned, by this process or by another one: `shard` says which."""

    account: str
    provider: str
    shard: int
    kind: Literal["plan"] = "plan"


@dataclass(frozen=True, slots=True)
class BeginRecord:
    """An account begins to be scanned: what stands before this line of it was an attempt that was not finished."""

    account: str
    provider: str
    kind: Literal["begin"] = "begin"


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """A cluster of an account was read and judged."""

    account: str
    cluster: ClusterResult
    kind: Literal["cluster"] = "cluster"


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account is done, but for its clusters, of which `clusters` stand before this line.

    `final` is False where the run ended before the account did, so that a resumed one scans it again.
    """

    account: str
    provider: str
    account_id: str
    failures: tuple[CollectionFailure, ...]
    notes: tuple[AccountNote, ...]
    seconds: float
    clusters: int
    final: bool
    kind: Literal["account"] = "account"

    @classmethod
    def of(cls, result: AccountResult, clusters: int, *, final: bool) -> AccountRecord:
        """Take over what there is of an account beside its clusters."""
        return cls(
            account=result.name,
            provider=result.provider,
            account_id=result.account_id,
            failures=result.failures,
            notes=result.notes,
            seconds=result.seconds,
            clusters=clusters,
            final=final,
        )


@dataclass(frozen=True, slots=True)
class EndRecord:
    """The run is done; `interrupted` says why it ended early and is empty where it did not."""

    finished: datetime
    interrupted: str
    kind: Literal["end"] = "end"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one cluster or of several, whose lines come after it."""

    message: str
    findings: tuple[Finding, ...]
    capabilities: tuple[CapabilityCoverage, ...]
    kind: Literal["verdict"] = "verdict"

    @classmethod
    def of(cls, cluster: ClusterResult) -> Verdict:
        """Take a cluster's."""
        return cls(cluster.message, cluster.findings, cluster.capabilities)

    def is_of(self, cluster: ClusterResult) -> bool:
        """Say whether it is the very one of a cluster: to compare two takes as long as to write one."""
        return (
            self.findings is cluster.findings
            and self.message is cluster.message
            and self.capabilities is cluster.capabilities
        )


@dataclass(slots=True)
class _Own:
    """The part of a cluster's line that no other cluster's line has; `verdict` is where the line of that begins."""

    account: str
    ref: ClusterRef
    status: Status
    verdict: Annotated[int, Field(ge=0, lt=1 << 62)]


@dataclass(slots=True)
class _Beside:
    """The part of a cluster's line that is often the same for all of an account."""

    blind_spots: tuple[BlindSpot, ...]
    facts: tuple[Fact, ...]
    notes: tuple[Note, ...]
    remediations: tuple[Remediation, ...]
    permissions_missing: tuple[str, ...]


@dataclass(slots=True)
class Judged:
    """A cluster's line, without the verdict that stands in another one, which begins at `verdict`."""

    own: _Own
    beside: _Beside

    @property
    def verdict(self) -> int:
        """Where in the file its verdict is."""
        return self.own.verdict

    def record(self, verdict: Verdict) -> ClusterRecord:
        """Put it together with its verdict."""
        cluster = ClusterResult(
            ref=self.own.ref,
            status=self.own.status,
            message=verdict.message,
            findings=verdict.findings,
            capabilities=verdict.capabilities,
            blind_spots=self.beside.blind_spots,
            facts=self.beside.facts,
            notes=self.beside.notes,
            remediations=self.beside.remediations,
            permissions_missing=self.beside.permissions_missing,
        )
        return ClusterRecord(self.own.account, cluster)


Record = RunRecord | PlanRecord | BeginRecord | ClusterRecord | AccountRecord | EndRecord

_ADAPTER: Final[TypeAdapter[Record | Verdict]] = TypeAdapter(Annotated[Record | Verdict, Field(discriminator="kind")])
_OWN: Final[TypeAdapter[_Own]] = TypeAdapter(_Own)
_BESIDE: Final[TypeAdapter[_Beside]] = TypeAdapter(_Beside)
_ESCAPED: Final = b'{"escaped":'
_BEFORE_OWN: Final = b'{"own":'
_BEFORE_BESIDE: Final = b',"beside":'
"""It stands nowhere within a part: a key of no object there, and quotes in a text are escaped."""

_KEPT: Final = 64


class NotARecord(ValueError):
    """A line that is torn, damaged, or of another format."""


def encode(record: Record | Verdict) -> bytes:
    """Write a record as a line, with its line break; a cluster with its verdict in it."""
    try:
        return _line(_ADAPTER.dump_json(record))
    except ValueError:  # a file name that is not UTF-8 has no place in JSON as it is
        return _line(_ESCAPED + _ADAPTER.dump_json(_mapped(record, _escape)) + b"}")


def encode_cluster(record: ClusterRecord, verdict: int) -> bytes:
    """Write a cluster as a line that says where its verdict's line begins.

    Raises:
        ValueError: Something in it is not UTF-8; `encode` can write that.
    """
    cluster = record.cluster
    own = _Own(record.account, cluster.ref, cluster.status, verdict)
    beside = _Beside(
        blind_spots=cluster.blind_spots,
        facts=cluster.facts,
        notes=cluster.notes,
        remediations=cluster.remediations,
        permissions_missing=cluster.permissions_missing,
    )
    return _line(
        b"".join((_BEFORE_OWN, _OWN.serializer.to_json(own), _BEFORE_BESIDE, _BESIDE.serializer.to_json(beside), b"}"))
    )


def decode(line: bytes) -> Record | Verdict | Judged:
    """Read a line; NotARecord where it is none."""
    text = line[9:-1]
    if line[-1:] != b"\n" or line[:9] != b"%08x " % zlib.crc32(text):
        raise NotARecord("is torn or damaged")
    try:
        if text.startswith(_BEFORE_OWN):
            own, _, beside = text[len(_BEFORE_OWN) : -1].partition(_BEFORE_BESIDE)
            return Judged(_OWN.validator.validate_json(own), _read_beside(beside))
        if not text.startswith(_ESCAPED):
            return _ADAPTER.validate_json(text)
        escaped = _ADAPTER.validate_json(json.dumps(json.loads(text)["escaped"]))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise NotARecord(f"is no record of format {FORMAT}: {first['msg']}") from None
    return _mapped(escaped, _unescape)


def _line(text: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(text), text)


@lru_cache(maxsize=_KEPT)
def _read_beside(text: bytes) -> _Beside:
    """Read what stands beside a verdict, once where it comes again."""
    return _BESIDE.validate_json(text)


def _escape(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def _unescape(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")


def _mapped(value: T, change: Callable[[str], str]) -> T:
    """Change every text within a record, but for the names of enums."""
    changed: T = _changed(value, change)
    return changed


def _changed(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever a record holds
    if isinstance(value, str) and not isinstance(value, Enum):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(one, change) for one in value)
    if isinstance(value, Mapping):
        return {key: _changed(one, change) for key, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _changed(getattr(value, field.name), change) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value
