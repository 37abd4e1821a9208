"""Whatever a file holds, it is a policy or a PolicyError: no crash, no hang, no memory without end."""

from __future__ import annotations

import resource
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assessment.grading import grade_policy
from scanner.assessment.policy_findings import review
from scanner.audit_policy.extraction import MAX_FILE_BYTES, policies
from scanner.audit_policy.reachability import unreachable
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Policy
from scanner.errors import PolicyError

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors" / "policies"
PUBLISHED = ROOT / "scanner" / "knowledge" / "policies"
KEYS = (
    "apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields", "level", "users", "userGroups",
    "verbs", "resources", "group", "resourceNames", "namespaces", "nonResourceURLs", "<<", "data", "items", "x",
)  # fmt: skip
VALUES = (
    "audit.k8s.io/v1", "audit.k8s.io/v1beta1", "Policy", "None", "Metadata", "RequestResponse", "RequestReceived",
    "get", "*", "", "~", "0x1f", "1e999", ".nan", "2024-01-01", "yes", "!!binary aGk=", "&a [*a]", "- |", "\ufeff",
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=8),
    st.sampled_from(VALUES),
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), SCALARS), inner, max_size=5),
    ),
    max_leaves=25,
)
SNIPPETS = st.sampled_from([
    b"&a ", b"*a", b"<<: ", b"? ", b"!!str ", b"!x ", b"|2-\n", b">+\n", b"'", b'"\\x', b"{", b"}", b"[", b"]", b"\t",
    b"\r", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"%YAML 1.1\n", b"---\n", b"...\n", b"- ", b": ", b"# ",
    b"\xe2\x80\xa8", b"rules:\n", b"level: None\n", b"  ", b"\n",
])  # fmt: skip


@cache
def real() -> tuple[bytes, ...]:
    """Give the published policies and those that a real API server ran."""
    return tuple(path.read_bytes() for folder in (VECTORS, PUBLISHED) for path in sorted(folder.glob("*.yaml")))


def judge(data: bytes) -> Policy | None:
    """Do with a file all that the commands do; None where it is refused."""
    contents = policies(data)
    for one in contents.policies:
        try:
            review(one.load())
        except PolicyError:
            continue
    try:
        policy = load(data)
    except PolicyError:
        return None
    grade_policy(policy, stages="outcome")
    unreachable(policy)
    review(policy)
    return policy


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_bytes(data: bytes) -> None:
    judge(data)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_yaml_of_any_shape(tree: object) -> None:
    judge(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS[:14]), TREES, max_size=8),
    st.lists(st.dictionaries(st.sampled_from(KEYS[6:14]), TREES, max_size=5), max_size=3),
)
def test_policies_with_wrong_values(fields: dict[str, object], rules: list[object]) -> None:
    document = fields | {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules or [{"level": "None"}]}
    judge(yaml.safe_dump(document).encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_real_policies_with_something_put_in_or_cut_out(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(real())))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.sampled_from((0, 0, 1, 5, 40)))
        text[begin : begin + cut] = data.draw(SNIPPETS)
    judge(bytes(text))


def bombs() -> dict[str, bytes]:
    """Give files that are small to write and large to read."""
    head = b"apiVersion: audit.k8s.io/v1\nkind: Policy\n"
    names = "abcdefghijklmnop"
    lists = "".join(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise(names)).encode()
    merges = "".join(
        f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}], k{name}: 1}}\n" for before, name in pairwise(names)
    ).encode()
    config_map = b"kind: ConfigMap\napiVersion: v1\ndata:\n  p: |\n    apiVersion: audit.k8s.io/v1\n    kind: Policy\n"
    nested = head
    for _ in range(12):
        nested = b"kind: ConfigMap\napiVersion: v1\ndata:\n  p: |\n" + b"\n".join(
            b"    " + line for line in nested.split(b"\n")
        )
    return {
        "lists of aliases": head + b"a: &a [x, x, x, x, x, x, x, x, x]\n" + lists + b"rules: [{level: None}]\n",
        "merges of aliases": head + b"a: &a {x: 1}\n" + merges + b"rules: [{level: None}]\n",
        "rules of aliases": head + b"x: &a [get, get, get, get]\n" + lists + b"rules: [{level: None, verbs: *p}]\n",
        "an anchor within itself": head + b"rules: &a [*a]\n",
        "deep flow": head + b"rules: " + b"[" * 500_000,
        "deep mappings": head + b"rules: " + b"{a: " * 200_000,
        "deep quotes": b'"' * 1_000_000,
        "a huge scalar": head + b"x: " + b"a" * 900_000 + b"\nrules: [{level: None}]\n",
        "a huge number": head + b"omitManagedFields: " + b"9" * 900_000 + b"\nrules: [{level: None}]\n",
        "a huge key": head + b"a" * 900_000 + b": 1\nrules: [{level: None}]\n",
        "a huge tag": head + b"x: !" + b"t" * 900_000 + b" 1\nrules: [{level: None}]\n",
        "a million documents": b"---\n" * 250_000,
        "a million comments": b"#\n" * 500_000,
        "a million indents": head + b"rules:\n" + b"-\n" * 400_000,
        "many question marks": b"? " * 400_000,
        "many ConfigMaps": b"---\n".join([config_map] * 5000),
        "ConfigMaps within ConfigMaps": nested,
        "as much as is searched, and more": b" " * (MAX_FILE_BYTES + 1),
        "gzip without end": b"kind: Secret\ndata:\n  p: H4sI" + b"A" * 900_000 + b"\n",
    }


def test_bombs_take_neither_time_nor_memory() -> None:
    """In a process that may not have much of either: one that blows up or hangs is ended by the system."""
    test = """if True:
        from tests.unit.audit_policy.test_reader_fuzz import bombs, judge, limit
        limit()
        for name, data in bombs().items():
            judge(data)
            print(name)"""
    ended = subprocess.run([sys.executable, "-c", test], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (ended.stdout.splitlines(), ended.stderr, ended.returncode) == (list(bombs()), "", 0)


def limit() -> None:
    """Let this process have 1 GiB of addresses, and as many seconds as a slow machine needs."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
