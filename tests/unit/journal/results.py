"""Strategies for whatever a scan can find, hostile text included."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from scanner.audit_policy.types import Level, Stage
from scanner.journal.records import (
    AccountRecord,
    BeginRecord,
    ClusterRecord,
    EndRecord,
    PlanRecord,
    Record,
    RunRecord,
)
from scanner.model import (
    AccountNote,
    BlindSpot,
    CapabilityCoverage,
    ClusterRef,
    ClusterResult,
    CollectionFailure,
    Evidence,
    Fact,
    Finding,
    Link,
    LinkCheck,
    LinkState,
    Note,
    Remediation,
    RuleSettings,
    ScanSettings,
)

# Surrogates stand for the bytes of file names that are not UTF-8; the rest is what breaks lines, JSON or escapes.
texts = st.text(st.one_of(st.characters(), st.sampled_from('\ud800\udc80\\\n\r\x00"\u2028\x85😀')), max_size=8)
evidence = st.builds(Evidence, texts, texts, texts)
some_evidence = st.lists(evidence, min_size=1, max_size=2).map(tuple)
checks = st.builds(LinkCheck, st.sampled_from(LinkState), texts, some_evidence, texts)
findings = st.builds(
    Finding,
    links=st.fixed_dictionaries(dict.fromkeys(Link, checks)),
    lacks=texts,
    message=texts,
    level=st.none() | st.sampled_from(Level),
    stages_kept=st.lists(st.sampled_from(Stage), max_size=4).map(tuple),
    stages_omitted=st.lists(st.sampled_from(Stage), max_size=4).map(tuple),
)
notes = st.builds(Note, text=texts, evidence=st.just(()) | some_evidence)
refs = st.builds(ClusterRef, *[texts] * 6, st.none() | texts)
clusters = st.builds(
    ClusterResult,
    ref=refs,
    message=texts,
    findings=st.lists(findings, max_size=3).map(tuple),
    capabilities=st.lists(
        st.builds(CapabilityCoverage, level=st.none() | st.sampled_from(Level), reason=texts), max_size=2
    ).map(tuple),
    blind_spots=st.lists(st.builds(BlindSpot, texts, st.booleans(), texts, evidence), max_size=2).map(tuple),
    facts=st.lists(st.builds(Fact, texts, texts, evidence), max_size=2).map(tuple),
    notes=st.lists(notes, max_size=2).map(tuple),
    remediations=st.lists(st.builds(Remediation, texts, texts, texts, texts), max_size=2).map(tuple),
    permissions_missing=st.lists(texts, max_size=2).map(tuple),
)
failures = st.builds(
    CollectionFailure,
    scope=texts,
    operation=texts,
    reason=texts,
    hint=texts,
    permission=texts,
)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as bounds
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(ClusterRecord, texts, clusters),
    st.builds(
        AccountRecord,
        account=texts,
        provider=texts,
        account_id=texts,
        failures=st.lists(failures, max_size=3).map(tuple),
        notes=st.lists(st.builds(AccountNote, notes, st.integers(0, 9)), max_size=2).map(tuple),
        seconds=st.floats(0, 1e6),
        clusters=st.integers(0, 9),
        final=st.booleans(),
    ),
    st.builds(PlanRecord, texts, texts, st.integers(1, 9)),
    st.builds(BeginRecord, texts, texts),
    st.builds(EndRecord, moments, texts),
    st.builds(
        RunRecord,
        tool_version=texts,
        config_digest=texts,
        started=moments,
        scan=st.builds(ScanSettings, concurrency=st.integers(1, 1000)),
        rule=st.builds(RuleSettings, observe=st.booleans()),
        selection=st.lists(texts, max_size=2).map(tuple),
        shard=st.integers(1, 9),
        shards=st.integers(1, 9),
    ),
)
