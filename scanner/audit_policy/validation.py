"""What kube-apiserver demands of a policy that it could decode.

Source: ``k8s.io/apiserver/pkg/apis/audit/validation/validation.go``, v1.34 to v1.36.
"""

from __future__ import annotations

import json
import re
from typing import Final

from scanner.audit_policy.types import GroupResources, Level, Stage

LEVELS: Final = {level.label: level for level in Level}
STAGES: Final = {stage.value: stage for stage in Stage}

_DNS_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_SUBDOMAIN: Final = 253
_SUBDOMAIN_MESSAGE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def level_errors(level: str, path: str) -> list[str]:
    """Check a rule's level, which is required."""
    if not level:
        return [f"{path}: Required value"]
    if level in LEVELS:
        return []
    supported = ", ".join(json.dumps(name) for name in LEVELS)
    return [f"{path}: Unsupported value: {_quoted(level)}: supported values: {supported}"]


def stage_errors(stages: tuple[str, ...], path: str) -> list[str]:
    """Check the names of omitted stages, whose case matters."""
    allowed = ",".join(STAGES)
    return [
        f"{path}[{index}]: Invalid value: {_quoted(stage)}: allowed stages are {allowed}"
        for index, stage in enumerate(stages)
        if stage not in STAGES
    ]


def url_errors(urls: tuple[str, ...], path: str) -> list[str]:
    """Check non-resource URLs: ``*``, or a path whose only wildcard is its last character."""
    errors = []
    for index, url in enumerate(urls):
        if url == "*":
            continue
        value = f"{path}[{index}]: Invalid value: {_quoted(url)}"
        if not url.startswith("/"):
            errors.append(f"{value}: non-resource URL rules must begin with a '/' character")
        if "*" in url[:-1]:
            errors.append(f"{value}: non-resource URL wildcards '*' must be the final character of the rule")
    return errors


def resource_errors(resources: tuple[GroupResources, ...], path: str, *, any_group: bool) -> list[str]:
    """Check API groups and resource names; `any_group` allows ``group: "*"``, as Kubernetes does from 1.36 on."""
    errors = []
    for entry in resources:
        if entry.group and not (any_group and entry.group == "*"):
            errors += [
                f"{path}.group: Invalid value: {_quoted(entry.group)}: {why}" for why in _subdomain_faults(entry.group)
            ]
        if entry.resource_names and not entry.resources:
            names = json.dumps(entry.resource_names, ensure_ascii=False, separators=(",", ":"))
            why = "using resourceNames requires at least one resource"
            errors.append(f"{path}.resourceNames: Invalid value: {names}: {why}")
    return errors


def mixture_errors(urls: tuple[str, ...], path: str, *, mixed: bool) -> list[str]:
    """Check that a rule is about resources or about non-resource URLs; `mixed` where it also names resources."""
    if not (urls and mixed):
        return []
    value = json.dumps(urls, ensure_ascii=False, separators=(",", ":"))
    why = "rules cannot apply to both regular resources and non-resource URLs"
    return [f"{path}.nonResourceURLs: Invalid value: {value}: {why}"]


def _subdomain_faults(group: str) -> list[str]:
    """Say why a name is no DNS subdomain."""
    faults = [f"must be no more than {_MAX_SUBDOMAIN} bytes"] if len(group.encode()) > _MAX_SUBDOMAIN else []
    if not _DNS_SUBDOMAIN.fullmatch(group):
        faults.append(_SUBDOMAIN_MESSAGE)
    return [",".join(faults)] if faults else []


def _quoted(text: str) -> str:
    """Give a value in double quotes."""
    return json.dumps(text, ensure_ascii=False)
