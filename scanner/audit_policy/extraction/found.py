"""What is found in a file: audit policies, and parts that may hold one and could not be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scanner.audit_policy import reader
from scanner.audit_policy.extraction.embedding import Origin
from scanner.audit_policy.types import Policy, Position
from scanner.audit_policy.yaml_nodes import Node
from scanner.errors import PolicyError


@dataclass(frozen=True, slots=True)
class FoundPolicy:
    """One audit policy of a file.

    Attributes:
        where: In which part of the file it stands, such as ``data.audit-policy.yaml``; empty where it is the file.
        position: Where it begins.
        notice: What is to be said of its place; empty where nothing is.
        is_template: True where the text holds a template's placeholders, so that it is not what kube-apiserver gets.
        data: The text that it stands in.
        node: The part of that text that it is; None where it is the whole text, so that the text is what
            kube-apiserver gets.
        origin: Where that text stands in the file.
        advice: What to do where kube-apiserver refuses it; empty where the error itself says it.
        is_read: False where it stands behind another policy in a policy file, so that kube-apiserver never sees it.
    """

    where: str
    position: Position
    notice: str
    is_template: bool
    data: bytes
    node: Node | None
    origin: Origin
    advice: str = ""
    is_read: bool = True

    def load(self, kubernetes_version: str | None = None, *, source: str = "") -> Policy:
        """Load it as kube-apiserver would; all places are those in the outer file.

        Raises:
            PolicyError: kube-apiserver would refuse it and not start.
            PolicyLimitError: It is larger or deeper than is read.
        """
        try:
            if self.node is None:
                policy = reader.load(self.data, kubernetes_version)
            else:
                policy = reader.load_node(self.node, kubernetes_version)
        except PolicyError as error:
            inner = Position(error.line, error.column or 1) if error.line else None
            place = self.origin.outer(inner) if inner else None
            where = ", ".join(part for part in (source, self.where) if part)
            line, column = (place.line, place.column) if place else (None, None)
            raise type(error)(
                error.what, where=where, hint=self.advice or error.hint, line=line, column=column
            ) from error
        positions = {path: self.origin.outer(one) for path, one in policy.positions.items()}
        rules = []
        for index, rule in enumerate(policy.rules):
            place = positions.get(f"rules[{index}]")
            rules.append(replace(rule, line=place.line if place else None))
        duplicates = [replace(one, position=self.origin.outer(one.position)) for one in policy.duplicates]
        return replace(policy, rules=tuple(rules), positions=positions, duplicates=tuple(duplicates))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of a file that may hold a policy and could not be read, and why."""

    where: str
    position: Position
    why: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The audit policies of a file in the order in which they stand, and what could not be read of it."""

    policies: tuple[FoundPolicy, ...]
    unreadable: tuple[Unreadable, ...]
