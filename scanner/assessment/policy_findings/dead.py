"""Values of a rule that match nothing, and the findings made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scanner.assessment.policy_findings.words import finding, listed
from scanner.model import PolicyFinding, PolicySeverity

_NUMBERS: Final = {
    "{match}": ("matches", "match"),
    "{is}": ("is", "are"),
    "{a }group": ("a group", "groups"),
    "{a }user": ("a user", "users"),
}


@dataclass(frozen=True, slots=True)
class Dead:
    """A value that matches nothing.

    Attributes:
        kind: The finding's id.
        value: The value; several with the same `why` make one finding.
        path: Where it stands.
        why: Why it matches nothing; ``{values}`` stands for the values, and the words of `_NUMBERS` go with them.
        is_certain: False where it may match on an older Kubernetes, or where it is not dead but futile.
    """

    kind: str
    value: str
    path: str
    why: str
    advice: str
    is_certain: bool = True
    severity: PolicySeverity | None = None


def dead_findings(rule: int, dead: Iterable[Dead], *, is_whole: bool, rest: str) -> Iterator[PolicyFinding]:
    """Make findings: ``never matches`` where nothing of a field is left, else ``has no effect``.

    Args:
        rule: The rule's index.
        dead: The dead values of one field.
        is_whole: Whether all values of the field are dead, so that the rule is.
        rest: What else of the field there is, such as ``verbs``.
    """
    groups: dict[tuple[str, str, str, bool], list[Dead]] = {}
    for one in dead:
        groups.setdefault((one.kind, one.why, one.advice, one.is_certain), []).append(one)
    for (kind, why, advice, is_certain), members in groups.items():
        values = listed([one.value for one in members])
        reason = _in_number(why, len(members)).replace("{values}", values)
        if not is_certain:
            message = f"{members[0].path}: {reason}"
        elif is_whole:
            message = f"rules[{rule}] never matches: {reason}"
        else:
            message = f"{values} in {rest} of rules[{rule}] {_in_number('{match}', len(members))} nothing: {reason}"
        yield finding(kind, message, advice, members[0].path, members[0].severity)


def _in_number(text: str, count: int) -> str:
    """Put the words that go with the values into their number."""
    for mark, (singular, plural) in _NUMBERS.items():
        text = text.replace(mark, singular if count == 1 else plural)
    return text
