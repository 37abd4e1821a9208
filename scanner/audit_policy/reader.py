"""From the bytes of a policy file to a `Policy`, or the error with which kube-apiserver refuses to start.

kube-apiserver decodes strictly first; where that fails for unknown or repeated fields only, it logs a warning and
decodes leniently. Source: ``k8s.io/apiserver/pkg/audit/policy/reader.go``, v1.34 to v1.36.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from scanner.audit_policy import document, positions, validation
from scanner.audit_policy.construction import Members, Value
from scanner.audit_policy.decoding import POLICY, Decoded, Decoder, Items, Place
from scanner.audit_policy.document import Document
from scanner.audit_policy.types import GroupResources, Policy, PolicyRule, Position
from scanner.audit_policy.yaml_nodes import Node
from scanner.errors import PolicyError

GROUP: Final = "audit.k8s.io"
_VERSIONS: Final = ("v1",)
_VERSIONS_BEFORE_1_24: Final = ("v1", "v1beta1", "v1alpha1")
_NEWEST: Final = (999, 0)
_ANY_GROUP_SINCE: Final = (1, 36)
_ONLY_V1_SINCE: Final = (1, 24)
_RULE_INDEX: Final = re.compile(r"rules\[\d+\]")


def load(data: bytes, kubernetes_version: str | None = None, *, source: str = "") -> Policy:
    """Load a policy as kube-apiserver of a version does.

    Args:
        data: The file's bytes.
        kubernetes_version: Such as ``1.34`` or ``v1.34.1-eks-abc``; None, or what cannot be read as a version, means
            the newest. It decides on ``group: "*"`` (from 1.36 on) and on the API versions before v1 (before 1.24).
        source: The file's name for error messages.

    Returns:
        The policy; its `warnings` are not empty exactly when kube-apiserver logs that it falls back to lenient
        decoding.

    Raises:
        PolicyError: kube-apiserver would refuse the file and not start.
        PolicyLimitError: The file is larger or deeper than is read.
    """
    known: Mapping[str, Position] = {}
    try:
        read = document.read(data)
        known = read.positions
        return _policy(read, _version(kubernetes_version))
    except PolicyError as error:
        raise _placed(error, source, known) from error


def load_node(node: Node, kubernetes_version: str | None = None, *, source: str = "") -> Policy:
    """Load a policy that is a part of another YAML document, such as a machine configuration.

    The part is read as if it were a file of its own; positions are those in the whole document.

    Raises:
        PolicyError: kube-apiserver would refuse it and not start.
    """
    known: Mapping[str, Position] = {}
    try:
        read = document.from_node(node)
        known = read.positions
        return _policy(read, _version(kubernetes_version))
    except PolicyError as error:
        raise _placed(error, source, known) from error


def _version(text: str | None) -> tuple[int, int]:
    """Read a Kubernetes version; what is none stands for the newest."""
    match = re.match(r"v?(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else _NEWEST


def _policy(read: Document, version: tuple[int, int]) -> Policy:
    """Decode and check a document."""
    _check_kind(read.value, version)
    decoder = Decoder()
    fields = _fields(decoder.decode(POLICY, read.value, None, Place("")))
    duplicates = "\n  ".join(["yaml: unmarshal errors:", *(one.warning for one in read.duplicates)])
    warnings = ([duplicates] if read.duplicates else []) + decoder.strict_errors
    omit_stages = _texts(fields, "omitStages")
    errors = validation.stage_errors(omit_stages, "omitStages")
    rules = []
    for index, member in enumerate(_items(fields, "rules")):
        path = f"rules[{index}]"
        place = read.positions.get(path)
        rule, faults = _rule(
            _fields(member), path, place.line if place else None, any_group=version >= _ANY_GROUP_SINCE
        )
        errors += faults
        rules.append(rule)
    _refuse(errors, warnings, rules)
    return Policy(
        tuple(rule for rule in rules if rule is not None),
        frozenset(validation.STAGES[stage] for stage in omit_stages),
        bool(fields.get("omitManagedFields")),
        tuple(warnings),
        read.positions,
        read.duplicates,
    )


def _refuse(errors: list[str], warnings: list[str], rules: list[PolicyRule | None]) -> None:
    """Refuse a policy that is not valid, or that has no rules."""
    if errors:
        unique = list(dict.fromkeys(errors))
        what = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
        raise PolicyError(what, where=unique[0].split(":", 1)[0])
    if not rules:
        hint = f"unknown fields are left out: {', '.join(warnings)}" if warnings else "add at least one rule"
        raise PolicyError("loaded illegal policy with 0 rules", hint=hint)


def _rule(
    fields: dict[str, Decoded], path: str, line: int | None, *, any_group: bool
) -> tuple[PolicyRule | None, list[str]]:
    """Build one rule, or say what is wrong with it."""
    level = _text(fields, "level")
    urls, namespaces = _texts(fields, "nonResourceURLs"), _texts(fields, "namespaces")
    stages = _texts(fields, "omitStages")
    resources = tuple(_group_resources(_fields(entry)) for entry in _items(fields, "resources"))
    errors = validation.level_errors(level, f"{path}.level")
    errors += validation.url_errors(urls, f"{path}.nonResourceURLs")
    errors += validation.resource_errors(resources, f"{path}.resources", any_group=any_group)
    errors += validation.stage_errors(stages, f"{path}.omitStages")
    errors += validation.mixture_errors(urls, path, mixed=bool(resources or namespaces))
    if errors:
        return None, errors
    managed_fields = fields.get("omitManagedFields")
    return PolicyRule(
        level=validation.LEVELS[level],
        users=_texts(fields, "users"),
        user_groups=_texts(fields, "userGroups"),
        verbs=_texts(fields, "verbs"),
        resources=resources,
        namespaces=namespaces,
        non_resource_urls=urls,
        omit_stages=frozenset(validation.STAGES[stage] for stage in stages),
        omit_managed_fields=managed_fields if isinstance(managed_fields, bool) else None,
        line=line,
    ), []


def _group_resources(fields: dict[str, Decoded]) -> GroupResources:
    """Build one entry of a rule's resources."""
    return GroupResources(_text(fields, "group"), _texts(fields, "resources"), _texts(fields, "resourceNames"))


def _check_kind(value: Value, version: tuple[int, int]) -> None:
    """Refuse a document that is no Policy in an API version that this Kubernetes knows.

    apiVersion and kind alone are found whatever the case of their names; a missing kind is taken for Policy.
    """
    if not isinstance(value, Members | None):
        raise PolicyError(
            "couldn't get version/kind; json parse error: the document is no mapping",
            hint=f"begin with `apiVersion: {GROUP}/v1` and `kind: Policy`",
        )
    api_version, kind = _type_meta(value, "apiversion"), _type_meta(value, "kind")
    known = _VERSIONS if version >= _ONLY_V1_SINCE else _VERSIONS_BEFORE_1_24
    if api_version in ("", "/", f"{GROUP}/", f"{GROUP}/__internal") and kind in ("", "Policy"):
        raise PolicyError(
            f"unknown group version field {GROUP}/__internal, Kind=Policy in policy",
            hint=f"write `apiVersion: {GROUP}/v1` and `kind: Policy`",
        )
    if (kind or "Policy") != "Policy" or api_version not in [f"{GROUP}/{name}" for name in known]:
        raise PolicyError(
            f'no kind "{(kind or "Policy")[:80]}" is registered for version "{api_version[:80]}"',
            where="apiVersion",
            hint=f"write `apiVersion: {GROUP}/v1` and `kind: Policy`",
        )


def _type_meta(value: Members | None, folded: str) -> str:
    """Find apiVersion or kind; of several the last one counts."""
    found = ""
    for name, member in value.pairs if value else []:
        # Go's JSON folds these two signs to s and k as well; neither stands in "apiVersion", only in "kind".
        if name.replace("\u212a", "k").replace("\u017f", "s").lower() == folded and member is not None:
            if not isinstance(member, str):
                raise PolicyError(f"couldn't get version/kind; json parse error: {name} is no string", where=name)
            found = member
    return found


def _fields(value: Decoded) -> dict[str, Decoded]:
    """Give the fields of a decoded struct; a null has none."""
    return value if isinstance(value, dict) else {}


def _items(fields: dict[str, Decoded], name: str) -> list[Decoded]:
    """Give the members of a decoded list; a null has none."""
    value = fields.get(name)
    return value.values() if isinstance(value, Items) else []


def _text(fields: dict[str, Decoded], name: str) -> str:
    """Give a decoded string, empty where there is none."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _texts(fields: dict[str, Decoded], name: str) -> tuple[str, ...]:
    """Give a decoded list of strings; a null in it is an empty string."""
    return tuple(member if isinstance(member, str) else "" for member in _items(fields, name))


def _placed(error: PolicyError, source: str, known: Mapping[str, Position]) -> PolicyError:
    """Add the file's name and, where it is known, the place to an error."""
    path = error.where
    place = Position(error.line, error.column or 1) if error.line else positions.nearest(path, known)
    rule = known.get(path.partition("]")[0] + "]") if _RULE_INDEX.match(path) else None
    where = ", ".join(part for part in (source, f"line {rule.line}" if rule else "", path) if part)
    line, column = (place.line, place.column) if place else (None, None)
    return type(error)(error.what, where=where, hint=error.hint, line=line, column=column)
