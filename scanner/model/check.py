"""What the product checks, as its owner wrote it down; every report carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reference:
    """A control of a published standard that the check belongs to."""

    standard: str
    control: str
    title: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check's identity, how grave its failing is and why, and the controls it belongs to."""

    id: str
    title: str
    severity: str
    severity_reason: str
    references: tuple[Reference, ...]


CHECK: Final = Check(
    id="audit-logging",
    title="Kubernetes audit logging is enabled and covers authentication, API calls, and RBAC denials",
    severity="medium",
    severity_reason=(
        "missing audit logs make post-incident forensics impossible, but the gap does not itself leak data"
    ),
    references=(
        Reference("NIST SP 800-53 Rev. 5", "AU-2", "event logging"),
        Reference("NIST SP 800-53 Rev. 5", "AU-12", "audit record generation"),
        Reference("CIS Kubernetes Benchmark", "3.2.1", "a minimal audit policy is created"),
    ),
)
