"""How fast audit policies are evaluated and analysed: real ones, and ones that are built to be nasty."""

from __future__ import annotations

import gzip
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from scanner.assessment.grading import grade_policy
from scanner.audit_policy.analysis import MAX_RULES
from scanner.audit_policy.evaluator import evaluate, first_match
from scanner.audit_policy.reachability import unreachable
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes
from scanner.errors import PolicyError
from scanner.knowledge.policies import published

FEWEST_EVALUATIONS: Final = 300_000
LONGEST_GCE: Final = 0.020
LONGEST_SAMPLE: Final = 0.100
_ROOT: Final = Path(__file__).parents[2]
_VECTORS: Final = _ROOT / "tests" / "vectors" / "policy_decisions.jsonl.gz"
_SAMPLES: Final = _ROOT.parent / "shared" / "samples" / "policies"
_ROUNDS: Final = 5

Ask = tuple[Policy, RequestAttributes]


def main() -> bool:
    """Print the figures, and say whether the targets are met."""
    vectors = list(_vectors())
    requests = [attributes for _, attributes in vectors]
    gce = published("gce").policy
    met = _evaluations("all vectors", vectors)
    met &= _evaluations("GCE, 17 rules", [(gce, attributes) for attributes in dict.fromkeys(requests)])
    seconds = statistics.median(_analysis(gce) for _ in range(_ROUNDS))
    print(f"policy: analysis of GCE, cold            {seconds * 1000:7.1f} ms (at most {LONGEST_GCE * 1000:.0f})")
    met &= seconds <= LONGEST_GCE
    for name, policy in _nasty().items():
        seconds = _analysis(policy)
        print(f"policy: analysis of {name:20} {seconds * 1000:7.1f} ms ({len(policy.rules)} rules)")
    return _samples() and met


def _evaluations(name: str, asked: Sequence[Ask]) -> bool:
    """Time evaluations of requests not seen before, and of the same ones again, beside the plain first match."""
    fresh = [
        (policy, RequestAttributes(*(getattr(one, field) for field in RequestAttributes.__dataclass_fields__)))
        for policy, one in asked
    ]
    for policy in {id(policy): policy for policy, _ in asked}.values():
        evaluate(policy, RequestAttributes("warm", path="/warm", is_resource=False))
    plain = _rate(first_match, asked)
    unseen = _rate(evaluate, fresh)
    again = _rate(evaluate, fresh)
    print(
        f"policy: {name:14} plain {plain:10,.0f}/s  product, unseen {unseen:10,.0f}/s ({unseen / plain:.1f} x)"
        f"  seen before {again:10,.0f}/s ({again / plain:.1f} x)  (at least {FEWEST_EVALUATIONS:,} unseen)"
    )
    return unseen >= FEWEST_EVALUATIONS


def _rate(function: Callable[[Policy, RequestAttributes], object], asked: Sequence[Ask]) -> float:
    """Give the calls a second."""
    began = time.perf_counter()
    for policy, attributes in asked:
        function(policy, attributes)
    return len(asked) / (time.perf_counter() - began)


def _analysis(policy: Policy) -> float:
    """Time the whole analysis of a policy: grades, capabilities, blind spots, remarks, and what is never reached."""
    grade_policy.cache_clear()
    began = time.perf_counter()
    grade_policy(policy, stages="outcome")
    unreachable(policy)
    return time.perf_counter() - began


def _samples() -> bool:
    """Analyse the policies that are found in the field, where they lie beside the repository."""
    found = {}
    for path in sorted(_SAMPLES.glob("*.yaml")):
        try:
            found[path.name] = _analysis(load(path.read_bytes()))
        except PolicyError:
            continue
    if not found:
        return True
    slowest = max(found, key=lambda name: found[name])
    print(
        f"policy: slowest of {len(found)} policies from the field ({slowest}) {found[slowest] * 1000:.1f} ms"
        f" (at most {LONGEST_SAMPLE * 1000:.0f})"
    )
    return found[slowest] <= LONGEST_SAMPLE


def _vectors() -> Iterator[Ask]:
    """Give every recorded request with its policy."""
    with gzip.open(_VECTORS, "rt", encoding="utf-8") as lines:
        for line in lines:
            case: dict[str, Any] = json.loads(line)
            if case["error"] or "policy" not in case:
                continue
            policy = load(case["policy"].encode(), "1.34")
            for one in case["cases"]:
                yield policy, _attributes(one["request"])


def _attributes(request: dict[str, Any]) -> RequestAttributes:
    """Read a recorded request."""
    user = request["user"]
    return RequestAttributes(
        verb=request["verb"],
        user=user["name"] if user else None,
        groups=tuple(user["groups"] or ()) if user else (),
        is_resource=request["isResource"],
        api_group=request["apiGroup"],
        resource=request["resource"],
        subresource=request["subresource"],
        namespace=request["namespace"],
        name=request["name"],
        path=request["path"],
    )


def _nasty() -> dict[str, Policy]:
    """Build policies that nobody writes."""
    chance = random.Random(1)  # noqa: S311 - nothing secret
    last = PolicyRule(Level.METADATA)

    def some(letter: str, most: int, of: int) -> tuple[str, ...]:
        return tuple(f"{letter}{chance.randrange(of)}" for _ in range(chance.randint(1, most)))

    def entry() -> GroupResources:
        return GroupResources(f"g{chance.randrange(8)}", some("r", 5, 40), some("n", 5, 60))

    wide = tuple(
        PolicyRule(
            chance.choice(list(Level)),
            verbs=some("v", 4, 8),
            resources=(entry(), entry()),
            namespaces=some("ns", 5, 40),
        )
        for _ in range(500)
    )
    named = tuple(
        PolicyRule(
            Level.NONE, users=some("u", 20, 300), resources=(GroupResources("", ("secrets",), some("n", 50, 400)),)
        )
        for _ in range(300)
    )
    paths = tuple(
        PolicyRule(Level.NONE, non_resource_urls=(f"/api/{'x/' * (i % 30)}{i}*",)) for i in range(MAX_RULES - 1)
    )
    people = tuple(PolicyRule(Level.NONE, user_groups=some("g", 5, 200), verbs=some("v", 2, 8)) for _ in range(400))
    return {
        "500 wide rules": Policy((*wide, last)),
        "300 rules with names": Policy((*named, last)),
        f"{MAX_RULES - 1} path prefixes": Policy((*paths, last)),
        "400 rules of groups": Policy((*people, last)),
    }
