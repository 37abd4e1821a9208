"""How to change the audit policies that a cluster runs: a patch for each, as small as it can be."""

from __future__ import annotations

import difflib
from functools import lru_cache

from scanner.assessment.policy_suggest import suggest
from scanner.assessment.policy_suggest.needs import GradeName, StagesName
from scanner.errors import PolicyError, UsageError
from scanner.model import ClusterObservation, InlinePolicy, Remediation, RuleSettings

_TITLE = "Change the audit policy"


def policy_patches(observation: ClusterObservation, rule: RuleSettings) -> tuple[Remediation, ...]:
    """Give a patch for each policy of a cluster that does not reach the grade; none for one that cannot be patched."""
    patches: dict[bytes, Remediation] = {}
    for server in observation.servers:
        source = server.policy
        if isinstance(source, InlinePolicy) and source.text and source.text not in patches:
            patch = _patch(source.text, source.source, rule.grade, rule.stages, observation.ref.version)
            if patch is not None:
                patches[source.text] = patch
    return tuple(patches.values())


@lru_cache(maxsize=256)
def _patch(data: bytes, name: str, grade: GradeName, stages: StagesName, version: str | None) -> Remediation | None:
    """Make a patch; the same policy runs on many clusters, so it is made once."""
    try:
        found = suggest(data, grade=grade, stages=stages, kubernetes_version=version)
        before, after = (text.decode("utf-8") for text in (data, found.data))
    except (PolicyError, UsageError, UnicodeDecodeError):
        return None
    if not found.changes:
        return None
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="")
    changes = " ".join(f"{change.rstrip('.')}." for change in found.changes)
    text = (
        f"The smallest change of {name} that reaches {grade} in all three categories. {changes} Nothing that is "
        "recorded now is lost. Install the changed file on every control-plane node; kube-apiserver "
        "reads it when it starts."
    )
    return Remediation(_TITLE, text, "\n".join(lines), "diff")
