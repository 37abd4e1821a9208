"""What a journal holds, line by line: ``<CRC-32 of the rest, 8 hex digits> <JSON object>``.

Version 2. A line is one record; its ``kind`` says which. That of a cluster has three parts instead: what is its own,
what stands beside its verdict, and the verdict; the latter two are the same for many clusters, and read once for all of
them. The dataclasses of `scanner.model` are written field by field under their own names, so a change of theirs is a
change of this format: raise `FORMAT` with it. A journal is only ever read by the version of the product that wrote it,
which `RunRecord.tool_version` makes sure of.
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

FORMAT: Final = 2

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
class _Own:
    """The part of a cluster's line that no other cluster's line has."""

    account: str
    ref: ClusterRef
    status: Status


@dataclass(frozen=True, slots=True)
class _Beside:
    """The part of a cluster's line that stands beside its verdict: often the same for all of an account."""

    blind_spots: tuple[BlindSpot, ...]
    facts: tuple[Fact, ...]
    notes: tuple[Note, ...]
    remediations: tuple[Remediation, ...]
    permissions_missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The part of a cluster's line that is most of it, and the same for many clusters of one account."""

    message: str
    findings: tuple[Finding, ...]
    capabilities: tuple[CapabilityCoverage, ...]


Record = RunRecord | PlanRecord | BeginRecord | ClusterRecord | AccountRecord | EndRecord

_ADAPTER: Final[TypeAdapter[Record]] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
_OWN: Final[TypeAdapter[_Own]] = TypeAdapter(_Own)
_BESIDE: Final[TypeAdapter[_Beside]] = TypeAdapter(_Beside)
_VERDICT: Final[TypeAdapter[_Verdict]] = TypeAdapter(_Verdict)
_ESCAPED: Final = b'{"escaped":'
_BEFORE_OWN: Final = b'{"own":'
_BEFORE_BESIDE: Final = b',"beside":'
_BEFORE_VERDICT: Final = b',"verdict":'
"""Like the one above it stands nowhere within a part: a key of no object there, and quotes in a text are escaped."""

_KEPT: Final = 64
_written: Final[dict[int, tuple[ClusterResult, bytes]]] = {}
"""The verdicts written last, by the identity of their findings: to compare them takes as long as to write them."""


class NotARecord(ValueError):
    """A line that is torn, damaged, or of another format."""


def encode(record: Record) -> bytes:
    """Write a record as a line, with its line break."""
    try:
        text = _cluster_text(record) if isinstance(record, ClusterRecord) else _ADAPTER.dump_json(record)
    except ValueError:  # a file name that is not UTF-8 has no place in JSON as it is
        escaped = _ADAPTER.dump_json(_mapped(record, _escape))
        text = _ESCAPED + escaped + b"}"
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> Record:
    """Read a line; NotARecord where it is none."""
    text = line[9:-1]
    if line[-1:] != b"\n" or line[:9] != b"%08x " % zlib.crc32(text):
        raise NotARecord("is torn or damaged")
    try:
        if text.startswith(_BEFORE_OWN):
            return _cluster_record(text)
        if not text.startswith(_ESCAPED):
            return _ADAPTER.validate_json(text)
        escaped = _ADAPTER.validate_json(json.dumps(json.loads(text)["escaped"]))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise NotARecord(f"is no record of format {FORMAT}: {first['msg']}") from None
    return _mapped(escaped, _unescape)


def _cluster_text(record: ClusterRecord) -> bytes:
    """Write a cluster in its three parts."""
    cluster = record.cluster
    own = _Own(record.account, cluster.ref, cluster.status)
    beside = _Beside(
        blind_spots=cluster.blind_spots,
        facts=cluster.facts,
        notes=cluster.notes,
        remediations=cluster.remediations,
        permissions_missing=cluster.permissions_missing,
    )
    parts = (_OWN.dump_json(own), _BEFORE_BESIDE, _BESIDE.dump_json(beside), _BEFORE_VERDICT, _verdict_text(cluster))
    return b"".join((_BEFORE_OWN, *parts, b"}"))


def _verdict_text(cluster: ClusterResult) -> bytes:
    """Write a verdict, once where several clusters have it."""
    last, text = _written.get(id(cluster.findings), (None, b""))
    if last and last.message is cluster.message and last.capabilities is cluster.capabilities:
        return text
    text = _VERDICT.dump_json(_Verdict(cluster.message, cluster.findings, cluster.capabilities))
    if len(_written) >= _KEPT:
        _written.clear()
    _written[id(cluster.findings)] = cluster, text
    return text


def _cluster_record(text: bytes) -> ClusterRecord:
    """Read a cluster's three parts."""
    first, _, rest = text[len(_BEFORE_OWN) : -1].partition(_BEFORE_BESIDE)
    second, _, third = rest.partition(_BEFORE_VERDICT)
    own, beside, verdict = _OWN.validate_json(first), _read_beside(second), _read_verdict(third)
    cluster = ClusterResult(
        ref=own.ref,
        status=own.status,
        message=verdict.message,
        findings=verdict.findings,
        capabilities=verdict.capabilities,
        blind_spots=beside.blind_spots,
        facts=beside.facts,
        notes=beside.notes,
        remediations=beside.remediations,
        permissions_missing=beside.permissions_missing,
    )
    return ClusterRecord(own.account, cluster)


@lru_cache(maxsize=_KEPT)
def _read_beside(text: bytes) -> _Beside:
    """Read what stands beside a verdict, once where it comes again."""
    return _BESIDE.validate_json(text)


@lru_cache(maxsize=_KEPT)
def _read_verdict(text: bytes) -> _Verdict:
    """Read a verdict, once where it comes again."""
    return _VERDICT.validate_json(text)


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
