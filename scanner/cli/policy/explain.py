"""``policy explain``: which rule decides on a request, why those before it don't, and which events are written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any, Final

from scanner.assessment.policy_explain import Explanation, RuleReference, WrittenEvent, explain
from scanner.audit_policy.events import Outcome
from scanner.audit_policy.types import Level, RequestAttributes, Stage
from scanner.cli.exit_codes import ExitCode
from scanner.cli.policy.identity import REFUSED, Identity, identity
from scanner.cli.policy.plain import plain
from scanner.cli.policy.requested import Requested, requested
from scanner.cli.policy.source import load_policy
from scanner.errors import UsageError

SCHEMA_VERSION: Final = 1
_OK, _BAD_REQUEST, _UNAUTHORIZED = 200, 400, 401
_LOWEST_CODE, _HIGHEST_CODE = 100, 599


def run(arguments: argparse.Namespace) -> int:
    """Explain, as text or JSON."""
    loaded = load_policy(arguments.file, arguments.kubernetes_version)
    who = identity(arguments, loaded.policy)
    asked = requested(arguments, who)
    who = REFUSED if asked.is_refused else who
    found = explain(loaded.policy, asked.attributes, _outcome(arguments, asked))
    if arguments.format == "json":
        print(json.dumps(_structure(loaded.name, who, asked, found), indent=2))
    else:
        print("\n".join(plain(line) for line in _lines(loaded.name, who, asked, found)))
    return ExitCode.OK


def _outcome(arguments: argparse.Namespace, asked: Requested) -> Outcome:
    """Read how the request ends."""
    code = arguments.code
    if asked.is_refused:
        if code not in (None, _BAD_REQUEST):
            hint = "the API server answers a timeout that is no duration with 400: leave --code out"
            raise UsageError("not allowed together", where=f"--request and --code {code}", hint=hint)
        return Outcome(_BAD_REQUEST, authenticated=False)
    if code is None:
        code = _UNAUTHORIZED if arguments.unauthenticated else _OK
    if not _LOWEST_CODE <= code <= _HIGHEST_CODE:
        raise UsageError("no HTTP status", where=f"--code {code}", hint="give one from 100 to 599, such as 403")
    if arguments.unauthenticated and code < 400:  # noqa: PLR2004 - the first HTTP error
        hint = "a request that fails authentication ends with 401"
        raise UsageError("not allowed together", where=f"--unauthenticated and --code {code}", hint=hint)
    return Outcome(code, authenticated=not arguments.unauthenticated)


def _lines(name: str, who: Identity, asked: Requested, found: Explanation) -> Iterator[str]:
    """Write the explanation for a person."""
    yield f"policy    {name}"
    yield f"request   {_request_text(found.request)}"
    yield f"sent by   {_who_text(who)}"
    yield from (f"assumed   {assumption}" for assumption in asked.assumptions)
    yield ""
    yield from _decision(found)
    yield ""
    yield from _events(found)
    if found.skipped:
        yield ""
        yield "rules before it that do not match" if found.rule else "no rule matches"
        for one in found.skipped:
            yield f"  {_rule_text(one.rule)}"
            yield f"    {one.mismatch.selector}: {one.mismatch.reason}"
            yield from (f"    note: {hint}" for hint in one.mismatch.hints)


def _request_text(request: RequestAttributes) -> str:
    """Write a request in one line."""
    if not request.is_resource:
        return f"{request.verb} {request.path}"
    resource = request.resource + (f"/{request.subresource}" if request.subresource else "")
    text = f"{request.verb or '(no verb)'} {resource}, API group {request.api_group or 'core'}"
    text += f", namespace {request.namespace}" if request.namespace else ', namespace "" (all, or none)'
    return text + (f", name {request.name}" if request.name else "")


def _who_text(who: Identity) -> str:
    """Write an identity in one line."""
    if not who.groups:
        return who.title
    kept = [group for group in who.groups if group not in who.added]
    added = f"{', '.join(who.added)} (added as Kubernetes does)" if who.added else ""
    return f"{who.title}; groups: {', '.join([*kept, *([added] if added else [])])}"


def _decision(found: Explanation) -> Iterator[str]:
    """Say which rule decides, and what."""
    if found.rule is None:
        yield "decided by no rule: what no rule matches is not recorded"
    else:
        yield f"decided by {_rule_text(found.rule)}"
        yield from (f"    note: {trap}" for trap in found.traps)
    yield f"  level   {found.level.label}"
    if found.omitted_by_policy:
        yield f"  omitted {_stage_list(found.omitted_by_policy)} (by the policy's omitStages)"
    if found.omitted_by_rule:
        yield f"  omitted {_stage_list(found.omitted_by_rule)} (by the rule's omitStages)"
    if found.level >= Level.REQUEST:
        yield f"  managed fields are {'left out of' if found.omit_managed_fields else 'kept in'} the bodies"
    if found.later:
        yield f"  would match as well, but comes later: {_rule_text(found.later)}"


def _rule_text(rule: RuleReference) -> str:
    """Write a rule in one line."""
    line = f" (line {rule.line})" if rule.line is not None else ""
    return f"rules[{rule.index}]{line}: {rule.text}"


def _stage_list(stages: frozenset[Stage]) -> str:
    """List stages in the order of a request."""
    return ", ".join(stage.value for stage in Stage if stage in stages)


def _events(found: Explanation) -> Iterator[str]:
    """List the events that are written, or say why none is."""
    ends = f"a request that ends with {found.outcome.code}"
    kind = " and is long-running" if found.long_running and found.outcome.authenticated else ""
    if found.events:
        yield f"events written for {ends}{kind}"
        for event in found.events:
            code = "no code yet" if event.code is None else f"code {event.code}"
            yield f"  {event.stage.value:16}  {event.level.label:15}  {code:11}  {_bodies(event)}"
    else:
        yield f"no event is written for {ends}{kind}: {_why_none(found)}"
    if not found.outcome.authenticated and Stage.RESPONSE_STARTED in found.omitted_by_policy | found.omitted_by_rule:
        what = "a failed authentication" if found.outcome.code != _BAD_REQUEST else "such a request"
        yield f"  note: {what} has one event only, at ResponseStarted; omitting that stage hides it"


def _why_none(found: Explanation) -> str:
    """Say why no event is written."""
    if found.level is Level.NONE:
        return "the level is None" if found.rule else "no rule matches"
    return f"it has the stage{'s' if len(found.stages) > 1 else ''} {_stage_list(frozenset(found.stages))}, all omitted"


def _bodies(event: WrittenEvent) -> str:
    """Say which bodies an event holds."""
    if event.level is Level.METADATA:
        return "no bodies"
    return f"request body: {event.request_object}, response body: {event.response_object}"


def _structure(name: str, who: Identity, asked: Requested, found: Explanation) -> dict[str, Any]:
    """Give the explanation in the shape that is promised to programs."""
    request = found.request
    return {
        "schema_version": SCHEMA_VERSION,
        "policy": name,
        "request": {
            "user": request.user,
            "groups": list(request.groups),
            "groups_added": list(who.added),
            "verb": request.verb,
            "is_resource": request.is_resource,
            "api_group": request.api_group,
            "resource": request.resource,
            "subresource": request.subresource,
            "namespace": request.namespace,
            "name": request.name,
            "path": request.path,
            "long_running": found.long_running,
        },
        "assumptions": list(asked.assumptions),
        "outcome": {"code": found.outcome.code, "authenticated": found.outcome.authenticated},
        "rule": _rule_structure(found.rule),
        "notes": list(found.traps),
        "level": found.level.label,
        "omit_stages": {
            "policy": [stage.value for stage in Stage if stage in found.omitted_by_policy],
            "rule": [stage.value for stage in Stage if stage in found.omitted_by_rule],
        },
        "omit_managed_fields": found.omit_managed_fields,
        "events": [
            {
                "stage": event.stage.value,
                "level": event.level.label,
                "code": event.code,
                "request_object": event.request_object.value,
                "response_object": event.response_object.value,
            }
            for event in found.events
        ],
        "skipped": [
            {
                "rule": _rule_structure(one.rule),
                "selector": one.mismatch.selector,
                "reason": one.mismatch.reason,
                "requested": list(one.mismatch.requested),
                "values": list(one.mismatch.values),
                "notes": list(one.mismatch.hints),
            }
            for one in found.skipped
        ],
        "later": _rule_structure(found.later),
    }


def _rule_structure(rule: RuleReference | None) -> dict[str, Any] | None:
    """Give a rule for programs."""
    return None if rule is None else {"index": rule.index, "line": rule.line, "text": rule.text}
