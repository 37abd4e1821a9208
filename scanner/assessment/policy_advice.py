"""How to change the audit policies that a cluster runs: a patch for each, as small as it can be."""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from scanner.errors import PolicyError, UsageError
from scanner.model import ClusterObservation, InlinePolicy, Remediation, RuleSettings

if TYPE_CHECKING:
    from scanner.assessment.policy_suggest.needs import GradeName, StagesName

_TITLE: Final = "Change the audit policy"
_READ: Final = "kube-apiserver reads it when it starts."


def policy_patches(observation: ClusterObservation, rule: RuleSettings) -> tuple[Remediation, ...]:
    """Give a patch for each policy of a cluster that does not reach the grade; none for one that cannot be patched."""
    patches: dict[bytes, Remediation] = {}
    for server in observation.servers:
        source = server.policy
        if isinstance(source, InlinePolicy) and source.text and source.text not in patches:
            patch = _patch(source.text, source.source, source.within, rule, observation.ref.version)
            if patch is not None:
                patches[source.text] = patch
    return tuple(patches.values())


def _patch(data: bytes, name: str, within: str, rule: RuleSettings, version: str | None) -> Remediation | None:
    """Make a patch; of a policy that stands within another file the whole policy, whose lines are not that file's."""
    changed = _changed(data, rule.grade, rule.stages, version)
    if changed is None:
        return None
    after, changes = changed
    where = f"the policy in {name}, {within}," if within else name
    what = f"The smallest change of {where} that reaches {rule.grade} in all three categories. {changes}"
    if within:
        how = "Put this in its place, and bring the file to the cluster in the way that is usual for it"
        text = f"{what} Nothing that is recorded now is lost. {how}; {_READ}"
        return Remediation(_TITLE, text, after.rstrip("\n"), "yaml")
    lines = difflib.unified_diff(data.decode("utf-8").splitlines(), after.splitlines(), name, name, lineterm="")
    how = "Install the changed file on every control-plane node"
    text = f"{what} Nothing that is recorded now is lost. {how}; {_READ}"
    return Remediation(_TITLE, text, "\n".join(lines), "diff")


@lru_cache(maxsize=256)
def _changed(data: bytes, grade: GradeName, stages: StagesName, version: str | None) -> tuple[str, str] | None:
    """Give the changed policy, and what was changed; the same policy runs on many clusters, so it is made once."""
    # It takes longer to load than all the rest of the assessment, and no managed cluster needs it.
    from scanner.assessment.policy_suggest import suggest  # noqa: PLC0415

    try:
        found = suggest(data, grade=grade, stages=stages, kubernetes_version=version)
        data.decode("utf-8")
        after = found.data.decode("utf-8")
    except (PolicyError, UsageError, UnicodeDecodeError):
        return None
    if not found.changes:
        return None
    return after, " ".join(f"{change.rstrip('.')}." for change in found.changes)
