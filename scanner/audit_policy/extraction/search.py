"""The walk through the documents of a file, and through the texts within them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.audit_policy import json_nodes
from scanner.audit_policy.document import MAX_BYTES, is_json
from scanner.audit_policy.extraction.embedding import Origin, decoded, lines_of, text_of
from scanner.audit_policy.extraction.found import FoundPolicy, Unreadable
from scanner.audit_policy.reader import GROUP
from scanner.audit_policy.types import Position
from scanner.audit_policy.validation import LEVELS
from scanner.audit_policy.yaml_nodes import (
    AliasNode,
    Budget,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    compose_all,
)
from scanner.errors import PolicyError

_MAX_DEPTH: Final = 5
_MAX_BYTES_WITHIN: Final = 8 * MAX_BYTES
_MAX_PATH: Final = 300
_NULLS: Final = ("", "~", "null", "Null", "NULL")
_API: Final = f"{GROUP}/"
_BINARY_TAG: Final = "tag:yaml.org,2002:binary"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_ENCODED: Final = {("Secret", "data"): "base64", ("ConfigMap", "binaryData"): "base64"}
_BEGINS_AS_POLICY: Final = re.compile(
    r"""(?:^|\A\s*\{\s*)["']?apiversion["']?[ \t]*:[ \t]*["']?([^\s"',}]*)""", re.IGNORECASE | re.MULTILINE
)
_LOOKS_LIKE_POLICY: Final = re.compile(
    r"""(?:^|[{,])[ \t]*(?:- )?["']?apiversion["']?[ \t]*:[ \t]*["']?audit\.k8s\.io/""", re.IGNORECASE | re.MULTILINE
)
_MENTIONS_POLICY: Final = re.compile(r"""apiversion["'\\]*[ \t]*:[ \t]*["'\\]*audit\.k8s\.io/""", re.IGNORECASE)
_TEMPLATE: Final = re.compile(r"\{\{|\{%|\$\{|<%")


@dataclass(frozen=True, slots=True)
class Text:
    """A text to be searched: a file, or a value within one."""

    data: bytes
    where: str
    origin: Origin
    depth: int


class Search:
    """One search through a file and the texts within it."""

    def __init__(self) -> None:
        """Begin with nothing found."""
        self.found: list[FoundPolicy] = []
        self.unreadable: list[Unreadable] = []
        self._budget = Budget()
        self._bytes_left = _MAX_BYTES_WITHIN

    def text(self, text: Text) -> None:
        """Search a text, document by document."""
        content = text_of(text.data)
        walk = _Walk(self, text, content)
        try:
            for root in self._documents(text.data, content):
                walk.document(root)
        except PolicyError as error:
            # Of a policy file kube-apiserver reads the first document and no more.
            if not walk.begins_with_policy:
                self._broken(text, content, error, is_first=walk.number == 0)
                return
        walk.finish()

    def within(self, text: Text) -> None:
        """Search a text within another one."""
        self._bytes_left -= len(text.data)
        if self._bytes_left < 0 or text.depth > _MAX_DEPTH or len(text.data) > MAX_BYTES:
            why = "holds more text within texts than is searched"
            self.unreadable.append(Unreadable(text.where, text.origin.start, why))
            return
        self.text(text)

    def _documents(self, data: bytes, content: str) -> Iterator[Node | None]:
        """Read the documents; what begins like JSON and is none may still be YAML."""
        if is_json(content) and _is_valid_json(content):
            yield json_nodes.compose(content, self._budget)
        else:
            yield from compose_all(data, self._budget)

    def _broken(self, text: Text, content: str, error: PolicyError, *, is_first: bool) -> None:
        """Note a text that is no YAML: a policy that is refused, or what may hold one."""
        begins = _BEGINS_AS_POLICY.search(content)
        is_template = _TEMPLATE.search(content) is not None
        if is_first and not is_template and begins and begins[1].startswith(_API):
            start = text.origin.start
            self.found.append(
                FoundPolicy(text.where, start, "", is_template=False, data=text.data, node=None, origin=text.origin)
            )
        elif not text.depth or _LOOKS_LIKE_POLICY.search(content):
            place = text.origin.outer(Position(error.line, error.column or 1)) if error.line else text.origin.start
            why = f"is a template, no YAML until it is filled in: {error.what}" if is_template else error.what
            self.unreadable.append(Unreadable(text.where, place, why))


class _Walk:
    """The walk through the documents of one text."""

    def __init__(self, search: Search, text: Text, content: str) -> None:
        """Begin before the first document."""
        self.number = 0
        self.begins_with_policy = False
        self._roots: list[int] = []
        self._holds_other = False
        self._search = search
        self._text = text
        self._is_template = _TEMPLATE.search(content) is not None
        self._lines = lines_of(content)

    def document(self, root: Node | None) -> None:
        """Walk through the next document."""
        self.number += 1
        self._holds_other = self._holds_other or not (_is_empty(root) or _is_root_policy(root))
        waiting: list[tuple[Node, str, str]] = [(root, "", "")] if root is not None else []
        while waiting:
            node, path, encoding = waiting.pop()
            if isinstance(node, MappingNode) and _is_policy(node, is_root=node is root):
                self._add(node, path, is_root=node is root)
            elif isinstance(node, ScalarNode):
                if node is root and not node.style:
                    # Prose: the text within it is no other than the text that is being searched.
                    return
                self._scalar(node, path, encoding)
            else:
                waiting += reversed(list(_inside(node, path)))

    def finish(self) -> None:
        """Take a text that holds nothing but policies for a policy file, of which the first document alone is read.

        An API server knows no objects of kind Policy, so that such a text is for ``--audit-policy-file`` only.
        """
        if self._holds_other or not self._roots:
            return
        found, start = self._search.found, self._text.origin.start
        if not self.begins_with_policy:
            first = found[self._roots[0]]
            advice = (
                "kube-apiserver reads only the first document of a file, which is empty here: remove what stands "
                f"before line {first.position.line}, where the policy begins"
            )
            found[self._roots[0]] = replace(
                first, where=self._text.where, position=start, notice="", node=None, advice=advice
            )
        for index in self._roots[1:]:
            found[index] = replace(found[index], notice="", is_read=False)

    def _add(self, node: MappingNode, path: str, *, is_root: bool) -> None:
        """Note a policy."""
        is_plain = is_root and self.number == 1
        if is_root:
            self._roots.append(len(self._search.found))
        notice = ""
        if is_root and not is_plain:
            notice = (
                f"kube-apiserver reads only the first document of a file, and this policy is document {self.number}"
            )
        self.begins_with_policy = self.begins_with_policy or is_plain
        self._search.found.append(
            FoundPolicy(
                where=self._where(path),
                position=self._text.origin.outer(Position(node.line, node.column)),
                notice=notice,
                is_template=self._is_template,
                data=self._text.data,
                node=None if is_plain else node,
                origin=self._text.origin,
            )
        )

    def _scalar(self, node: ScalarNode, path: str, encoding: str) -> None:
        """Search the text of a scalar, where it may hold a policy."""
        if node.tag == _BINARY_TAG:
            encoding = "base64"
        is_encoded = encoding or node.text.startswith("data:")
        if not is_encoded and not _MENTIONS_POLICY.search(node.text):
            return
        data = decoded(node.text, encoding)
        start = self._text.origin.outer(Position(node.line, node.column))
        if data is None:
            if "audit" in path:
                why = f"is not what its encoding says: {encoding or 'data URL'}"
                self._search.unreadable.append(Unreadable(self._where(path), start, why))
        elif not is_encoded or _MENTIONS_POLICY.search(text_of(data)):
            origin = Origin(start, exact=False) if is_encoded else self._text.origin.of(node, self._lines)
            self._search.within(Text(data, self._where(path), origin, self._text.depth + 1))

    def _where(self, path: str) -> str:
        """Name a place from the file's beginning."""
        here = f"document {self.number}" + (f", {path}" if path else "") if self.number > 1 else path
        return ", ".join(part for part in (self._text.where, here) if part)


def _is_valid_json(content: str) -> bool:
    """Tell whether a text is JSON."""
    try:
        json.loads(content, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True


def _inside(node: Node, path: str) -> Iterator[tuple[Node, str, str]]:
    """Give the members of a node: with their paths, and how they are encoded. What an alias names is met elsewhere."""
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.items):
            yield item, f"{path}[{index}]"[-_MAX_PATH:], ""
    elif isinstance(node, MappingNode):
        kind, encoding = _text(node, "kind"), _text(node, "encoding")
        for key, value in node.pairs():
            name = key.text if isinstance(key, ScalarNode) else "?"
            if name == _LAST_APPLIED:
                continue
            here = (f"{path}.{name}" if path else name)[-_MAX_PATH:]
            if isinstance(value, MappingNode) and (kind, name) in _ENCODED:
                yield from ((inner, at, _ENCODED[kind, name]) for inner, at, _ in _inside(value, here))
            else:
                yield value, here, encoding if name == "content" else ""


def _is_empty(root: Node | None) -> bool:
    """Tell whether a document holds nothing, as one of comments only."""
    if isinstance(root, ScalarNode):
        return root.plain and root.text in _NULLS
    return root is None


def _is_root_policy(root: Node | None) -> bool:
    """Tell whether a document is an audit policy, or means to be one."""
    return isinstance(root, MappingNode) and _is_policy(root, is_root=True)


def _is_policy(node: MappingNode, *, is_root: bool) -> bool:
    """Tell whether a mapping is an audit policy, or means to be one."""
    api_version, kind = _text(node, "apiversion"), _text(node, "kind")
    if api_version.startswith(_API):
        if kind:
            # kube-apiserver refuses a kind in other letters, which is to be said and not to be passed over.
            return kind.lower() == "policy" or _has_levels(node)
        return is_root or isinstance(_member(node, "rules"), SequenceNode)
    return (kind == "Policy" or (is_root and not kind and not api_version)) and _has_levels(node)


def _has_levels(node: MappingNode) -> bool:
    """Tell whether a mapping has rules with audit levels."""
    rules = _member(node, "rules")
    if not isinstance(rules, SequenceNode):
        return False
    return any(isinstance(rule, MappingNode) and _text(rule, "level") in LEVELS for rule in rules.items)


def _text(node: MappingNode, name: str) -> str:
    """Give a member that is a scalar, whatever the case of its name; empty where there is none."""
    value = _member(node, name)
    return value.text if isinstance(value, ScalarNode) else ""


def _member(node: MappingNode, name: str) -> Node | None:
    """Give a member, whatever the case of its name: kube-apiserver finds apiVersion and kind so, too."""
    found: Node | None = None
    for key, value in node.pairs():
        if isinstance(key, ScalarNode) and key.text.lower() == name:
            found = value.target if isinstance(value, AliasNode) else value
    return found
