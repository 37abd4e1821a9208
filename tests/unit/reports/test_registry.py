"""The listing of report formats."""

from __future__ import annotations

import pytest

from scanner.errors import UsageError
from scanner.reports import formats, load


def test_the_folder_listing_is_the_registry() -> None:
    assert formats() == ("html", "json")


@pytest.mark.parametrize("name", ["html", "json"])
def test_load_gives_the_format_of_that_name(name: str) -> None:
    assert load(name).name == name


def test_an_unknown_format_is_a_usage_error_that_names_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        load("pdf")
    assert str(caught.value) == "there is no report format 'pdf' (there are html, json)"
