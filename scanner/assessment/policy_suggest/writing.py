"""Writes edits into a policy's text, everything else left as it is, byte for byte."""

from __future__ import annotations

import codecs
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.assessment.policy_suggest import words
from scanner.assessment.policy_suggest.edits import InsertRules, KeepStages, PolicyEdit, RaiseLevel, RenameField
from scanner.assessment.policy_suggest.rule_text import block_lines, flow
from scanner.assessment.policy_suggest.text_nodes import TextNode, TextTree, read_tree
from scanner.audit_policy.types import Stage

_BREAK: Final = re.compile(r"\r\n|\n|\r")
_COMMENT_LINE: Final = re.compile(r"[ \t]*#")
_WIDTH: Final = 110
_ENCODINGS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class CannotEditError(ValueError):
    """The text is written in a way in which this edit cannot be made in place."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Puts a text where the characters from `start` to `end` stand."""

    start: int
    end: int
    text: str


class PolicyText:
    """A policy file's text, ready for edits."""

    def __init__(self, data: bytes) -> None:
        """Decode it and find its rules.

        Raises:
            CannotEditError: The places of the rules cannot be told, or the file is in no encoding that can be kept.
        """
        self._bom, self._encoding = next(
            ((bom, name) for bom, name in _ENCODINGS if data.startswith(bom)), (b"", "utf-8")
        )
        try:
            self.text = data[len(self._bom) :].decode(self._encoding)
        except UnicodeDecodeError:
            raise CannotEditError("the file is not in UTF-8") from None
        self.is_json = self.text.lstrip().startswith("{")
        tree = read_tree(self.text, is_json=self.is_json)
        rules = tree.root.find("rules") if tree is not None and tree.root.kind == "mapping" else None
        if tree is None or rules is None:
            raise CannotEditError("the places of its rules cannot be told")
        self._tree: TextTree = tree
        self._rules_key = rules[0]
        self._rules = rules[1].real()
        found = _BREAK.search(self.text)
        self._newline = found[0] if found else "\n"

    def edited(self, edits: Iterable[PolicyEdit | RenameField], *, comments: bool = True) -> bytes:
        """Give the file with edits; indices are those of the rules as they stand now.

        Raises:
            CannotEditError: One of the edits cannot be made.
        """
        comments = comments and not self.is_json
        changes: list[_Change] = []
        for edit in edits:
            match edit:
                case InsertRules():
                    changes += self._insert(edit, comments=comments)
                case RaiseLevel():
                    changes += self._raise(edit, comments=comments)
                case KeepStages():
                    changes += self._keep(edit, comments=comments)
                case RenameField():
                    changes += self._rename(edit, comments=comments)
        text = self.text
        for change in sorted(dict.fromkeys(changes), key=lambda one: (one.start, one.end), reverse=True):
            text = text[: change.start] + change.text + text[change.end :]
        return self._bom + text.encode(self._encoding)

    def _insert(self, edit: InsertRules, *, comments: bool) -> list[_Change]:
        """Put rules in before one, or behind the last one."""
        members = self._rules.members
        is_last = edit.is_last
        if not self._rules.is_flow:
            return [self._block_insert(edit, is_last=is_last, comments=comments)]
        neighbour = members[-1] if is_last else members[edit.before]
        rules = [flow(new.rule, as_json=self.is_json) for new in edit.rules]
        line = self._line_start(neighbour.start)
        indent = self.text[line : neighbour.start]
        between = f",{self._newline}{indent}" if not indent.strip() else ", "
        joined = between.join(rules)
        changes = [
            _Change(neighbour.end, neighbour.end, between + joined)
            if is_last
            else _Change(neighbour.start, neighbour.start, joined + between)
        ]
        if comments:
            changes += self._above(neighbour.start, " ".join(new.why for new in edit.rules))
        return changes

    def _block_insert(self, edit: InsertRules, *, is_last: bool, comments: bool) -> _Change:
        """Put rules into a block sequence, in front of the comment that belongs to the next one."""
        members = self._rules.members
        next_member = members[-1] if is_last else members[edit.before]
        dash = self._tree.dash(next_member)
        indent = self.text[self._line_start(dash) : dash]
        if indent.strip():
            raise CannotEditError("a rule does not begin a line of its own")
        lines: list[str] = []
        for new in edit.rules:
            lines += self._comment_lines(indent, new.why) if comments else []
            body = block_lines(new.rule)
            lines += [f"{indent}- {body[0]}", *(f"{indent}  {line}" for line in body[1:])]
        is_spaced = self._is_spaced(edit.before)
        block = "".join(line + self._newline for line in lines)
        if not is_last:
            at = self._lead(edit.before, len(indent))
            return _Change(at, at, block + (self._newline if is_spaced else ""))
        at = self._behind(members[-1], len(indent))
        block = (self._newline if is_spaced else "") + block
        if at and self.text[at - 1] not in "\r\n":
            block = self._newline + block.removesuffix(self._newline)
        return _Change(at, at, block)

    def _is_spaced(self, before: int) -> bool:
        """Tell whether the rules near a place have an empty line between them."""
        members = self._rules.members
        if len(members) == 1:
            return False
        index = min(max(before, 1), len(members) - 1)
        between = self.text[members[index - 1].end : self._tree.dash(members[index])]
        return re.search(r"(?:\n|\r(?!\n))[ \t]*(?:\n|\r)", between) is not None

    def _lead(self, index: int, indent: int) -> int:
        """Give the beginning of the line of a rule, or of the comment right above it that belongs to it."""
        members = self._rules.members
        at = self._line_start(self._tree.dash(members[index]))
        least = members[index - 1].end if index else self._rules_key.end
        while at > 0:
            above = self._line_start(at - (2 if self.text[at - 2 : at] == "\r\n" else 1))
            line = self.text[above:at]
            if above <= least or not _COMMENT_LINE.match(line) or len(line) - len(line.lstrip()) > indent:
                return at
            at = above
        return at

    def _behind(self, member: TextNode, indent: int) -> int:
        """Give the end of the last line of a rule, deeper comments right below it included."""
        at = member.end
        if at == 0 or self.text[at - 1] not in "\r\n":
            at = self._next_line(at)
        while True:
            end = self._next_line(at)
            line = self.text[at:end]
            if end == at or not _COMMENT_LINE.match(line) or len(line) - len(line.lstrip(" \t")) <= indent:
                return at
            at = end

    def _raise(self, edit: RaiseLevel, *, comments: bool) -> list[_Change]:
        """Change a rule's own level."""
        rule = self._rules.members[edit.rule]
        found = None if rule.kind != "mapping" or rule.is_named else rule.find("level")
        if found is None or found[1].is_named or not rule.start <= found[1].start < rule.end:
            raise CannotEditError("its level is shared with another rule")
        value = found[1]
        quote = self.text[value.start] if value.is_flow else ""
        return [
            _Change(value.start, value.end, f"{quote}Metadata{quote}"),
            *(self._beside(value.end, edit.why) if comments else []),
        ]

    def _keep(self, edit: KeepStages, *, comments: bool) -> list[_Change]:
        """Take stages out of a list."""
        holder = self._tree.root if edit.rule is None else self._rules.members[edit.rule].real()
        found = holder.find("omitStages")
        if found is None or found[1].real().kind != "sequence":
            raise CannotEditError("its omitStages cannot be found")
        key, value = found
        changes = self._shortened(key, value, edit.stages)
        is_inline = value.kind == "alias" or value.is_flow
        return [
            *changes,
            *(self._beside(value.end if is_inline else self._colon(key) + 1, edit.why) if comments else []),
        ]

    def _shortened(self, key: TextNode, value: TextNode, stages: frozenset[Stage]) -> list[_Change]:
        """Leave stages out of a list of stages."""
        names = {stage.value for stage in stages}
        members = value.real().members
        rest = [one for one in members if one.real().text not in names]
        if value.kind == "alias" or (value.is_flow and not rest):
            if value.is_named:
                raise CannotEditError("its omitStages have an anchor")
            return [_Change(value.start, value.end, self._flow_list([one.real().text for one in rest]))]
        if value.is_flow:
            return _without(members, rest)
        changes = []
        for one in members:
            if one not in rest:
                begin = self._line_start(self._tree.dash(one))
                changes.append(_Change(begin, self._next_line(one.end), ""))
        if not rest:
            # An empty block sequence would be null, which nobody would take for "none".
            changes.append(_Change(key.end, self._colon(key) + 1, ": []"))
        return changes

    def _colon(self, key: TextNode) -> int:
        """Give the colon behind a key."""
        return self.text.index(":", key.end)

    def _flow_list(self, names: list[str]) -> str:
        """Write a list of stages in one line."""
        quote = '"' if self.is_json else ""
        return f"[{', '.join(f'{quote}{name}{quote}' for name in names)}]"

    def _rename(self, edit: RenameField, *, comments: bool) -> list[_Change]:
        """Give a field another name."""
        holder: TextNode | None = self._rules.members[edit.rule]
        if edit.entry is not None and holder is not None:
            entries = holder.find("resources") if holder.kind == "mapping" else None
            holder = entries[1].members[edit.entry] if entries and edit.entry < len(entries[1].members) else None
        if holder is None or holder.kind != "mapping" or holder.is_named:
            raise CannotEditError("the field is shared with another rule")
        key, value = next(pair for pair in holder.pairs() if pair[0].kind == "scalar" and pair[0].text == edit.old)
        quote = self.text[key.start] if key.is_flow else ""
        at = min(value.end, self._line_end(key.end))
        return [
            _Change(key.start, key.end, f"{quote}{edit.new}{quote}"),
            *(self._beside(at, words.renamed(edit.old)) if comments else []),
        ]

    def field_names(self, rule: int) -> list[tuple[int | None, list[str]]]:
        """Give the names of all fields of a rule, and of each entry of its resources."""
        node = self._rules.members[rule].real()
        found: list[tuple[int | None, list[str]]] = [(None, [key.text for key, _ in node.pairs()])]
        entries = node.find("resources")
        if entries and entries[1].kind == "sequence":
            for index, entry in enumerate(entries[1].members):
                if entry.kind == "mapping":
                    found.append((index, [key.text for key, _ in entry.pairs()]))
        return found

    def _beside(self, at: int, why: str) -> list[_Change]:
        """Write a comment at the end of a line, or above it where something else stands there."""
        end = self._line_end(at)
        if self.text[at:end].strip(" \t") or len(why) + end - self._line_start(at) > _WIDTH:
            return self._above(at, why)
        return [_Change(end, end, f"  # {why}")]

    def _above(self, at: int, why: str) -> list[_Change]:
        """Write a comment above the line that a character stands in."""
        line = self._line_start(at)
        if self._tree.in_scalar(line):
            return []
        indent = re.match(r"[ ]*", self.text[line:])
        lines = self._comment_lines(indent[0] if indent else "", why)
        return [_Change(line, line, "".join(one + self._newline for one in lines))]

    def _comment_lines(self, indent: str, why: str) -> list[str]:
        """Write a comment as lines of a readable width."""
        lead = f"{indent}# "
        return textwrap.wrap(
            why, max(_WIDTH, len(lead) + 40), initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False
        )

    def _line_start(self, at: int) -> int:
        """Give the first character of a line."""
        return max(self.text.rfind("\n", 0, at), self.text.rfind("\r", 0, at)) + 1

    def _line_end(self, at: int) -> int:
        """Give the line break behind a character, or the end of the text."""
        found = _BREAK.search(self.text, at)
        return found.start() if found else len(self.text)

    def _next_line(self, at: int) -> int:
        """Give the first character of the next line, or the end of the text."""
        found = _BREAK.search(self.text, at)
        return found.end() if found else len(self.text)


def _without(members: list[TextNode], rest: list[TextNode]) -> list[_Change]:
    """Leave members out of a flow sequence, each with one comma; at least one of them stays."""
    last = max(index for index, one in enumerate(members) if one in rest)
    changes = [
        _Change(one.start, members[index + 1].start, "") for index, one in enumerate(members[:last]) if one not in rest
    ]
    return [*changes, _Change(members[last].end, members[-1].end, "")] if last + 1 < len(members) else changes
