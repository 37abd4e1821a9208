"""Text of unknown origin, made safe to look at."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from scanner.reports.html_report.text import number, visible, visible_code


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("prod-eu_1 (blue/green) 100 %", "prod-eu_1 (blue/green) 100 %"),
        ("Zürich \u2013 “東京” … Ελλάδα", "Zürich \u2013 “東京” … Ελλάδα"),
        ("שלום", "שלום"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("a\xa0b\u2028c", "a⟨U+00A0⟩b⟨U+2028⟩c"),
        ("a\tb\nc\rd\x7f", "a⟨U+0009⟩b⟨U+000A⟩c⟨U+000D⟩d⟨U+007F⟩"),
        ("\ud800\U000e0041", "⟨U+D800⟩⟨U+E0041⟩"),
        ("\xad", "⟨U+00AD⟩"),
        ("e\u0301\u0302\u0303", "e\u0301\u0302\u0303"),
        ("e" + "\u0301" * 40 + "x", "e\u0301\u0301\u0301⟨…⟩x"),
        ("", ""),
    ],
)
def test_what_hides_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("value", [3, None, True, Markup("<b>\u202e</b>")])
def test_values_that_are_no_text_of_others_stay_as_they_are(value: object) -> None:
    assert visible(value) is value


def test_code_keeps_its_lines_and_is_escaped() -> None:
    assert visible_code("a <b>\n\tc\r\u202e") == Markup("a &lt;b&gt;\n\tc⟨U+000D⟩⟨U+202E⟩")


def test_counts_are_written_with_thousands_apart() -> None:
    assert number(1234567) == "1,234,567"
