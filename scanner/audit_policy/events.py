"""Which audit events a request with a given outcome leaves.

Source: ``k8s.io/apiserver/pkg/endpoints/filters`` (audit.go, authn_audit.go) and ``pkg/server/filters/longrunning.go``,
v1.34 to v1.36, confirmed by the audit logs of a running kube-apiserver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scanner.audit_policy.evaluator import evaluate
from scanner.audit_policy.types import Level, Policy, RequestAttributes, Stage

LONG_RUNNING_VERBS: Final = frozenset({"watch", "proxy"})
LONG_RUNNING_SUBRESOURCES: Final = frozenset({"attach", "exec", "log", "portforward", "proxy"})
LONG_RUNNING_PATH_PREFIX: Final = "/debug/pprof/"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the API server answered.

    Attributes:
        code: The HTTP status.
        authenticated: False where the request was refused before or while it was authenticated, so that it has no user.
        long_running: Whether the server treats it as long-running; None to tell from its verb, subresource or path.
    """

    code: int
    authenticated: bool = True
    long_running: bool | None = None


@dataclass(frozen=True, slots=True)
class ExpectedEvent:
    """One event; `code` is None at RequestReceived, when there is no answer yet."""

    stage: Stage
    level: Level
    code: int | None


def is_long_running(attributes: RequestAttributes) -> bool:
    """Tell whether the API server lets a request run without a time limit, and so audits ResponseStarted for it."""
    if attributes.verb in LONG_RUNNING_VERBS:
        return True
    if attributes.is_resource:
        return attributes.subresource in LONG_RUNNING_SUBRESOURCES
    return attributes.path.startswith(LONG_RUNNING_PATH_PREFIX)


def expected(policy: Policy, attributes: RequestAttributes, outcome: Outcome) -> tuple[ExpectedEvent, ...]:
    """Give the events in the order in which they are written.

    A request that fails authentication has one event alone, at ResponseStarted, whatever kind of request it is.
    """
    config = evaluate(policy, attributes)
    if config.level is Level.NONE:
        return ()
    return tuple(
        ExpectedEvent(stage, config.level, None if stage is Stage.REQUEST_RECEIVED else outcome.code)
        for stage in _stages(attributes, outcome)
        if stage not in config.omit_stages
    )


def _stages(attributes: RequestAttributes, outcome: Outcome) -> tuple[Stage, ...]:
    """Give the stages that a request goes through."""
    if not outcome.authenticated:
        return (Stage.RESPONSE_STARTED,)
    long_running = is_long_running(attributes) if outcome.long_running is None else outcome.long_running
    started = (Stage.RESPONSE_STARTED,) if long_running else ()
    return (Stage.REQUEST_RECEIVED, *started, Stage.RESPONSE_COMPLETE)
