"""The HTML report: for people, one file that loads nothing from anywhere.

Names of clusters and accounts are hostile input. Jinja escapes every value, `visible` shows characters that hide or
reorder text, and the Content-Security-Policy allows the one style sheet and the one script of this package, by hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from scanner.model import ScanResult
from scanner.ports import ReportFormat
from scanner.reports.html_report.text import number, visible, visible_code
from scanner.reports.html_report.view import build

_PIECES_AT_ONCE: Final = 500
"""Pieces of the template that are written together; each is some words long."""


class HtmlReport:
    """The format ``html``."""

    name = "html"
    filename = "report.html"

    def render(self, result: ScanResult) -> Iterator[str]:
        """Give the report as one self-contained page, some of it at a time."""
        stream = _template().stream(view=build(result))
        stream.enable_buffering(_PIECES_AT_ONCE)
        yield from stream


FORMAT: Final[ReportFormat] = HtmlReport()


@cache
def _template() -> Template:
    """Build the template once, with the style sheet and the script that the policy names by hash."""
    environment = Environment(
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = visible_code
    environment.filters["number"] = number
    style, script = _asset("report.css"), _asset("report.js")
    environment.globals.update(
        style=Markup(style),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704 - a file of this package
        policy=_content_security_policy(style, script),
    )
    return environment.from_string(_asset("report.html.j2"))


def _content_security_policy(style: str, script: str) -> str:
    """Allow the style sheet and the script by their hashes, and nothing else at all."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """Hash an inline element's text as the policy spells it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    """Read a file of this package."""
    return (resources.files(__name__) / name).read_text(encoding="utf-8")
