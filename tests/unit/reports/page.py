"""Reads a rendered page back, for the tests: its elements, its text, its headings."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "input", "rect", "link", "img"}


@dataclass
class Page(HTMLParser):
    """The elements of a page in order, each with its attributes, and its text without style and script."""

    html: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)
    raw: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        opened = self.unclosed.pop()
        if opened != tag:
            message = f"<{opened}> is closed by </{tag}>"
            raise ValueError(message)

    def handle_data(self, data: str) -> None:
        if self.unclosed and self.unclosed[-1] in {"style", "script"}:
            self.raw[self.unclosed[-1]] = self.raw.get(self.unclosed[-1], "") + data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        """The text that a person can read, folded or not."""
        return "".join(self.words)

    @property
    def tags(self) -> list[str]:
        """The names of the elements in order."""
        return [tag for tag, _ in self.elements]

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of one name."""
        return [attributes for name, attributes in self.elements if name == tag]
