"""Reads the data files of this package."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import yaml

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one of libyaml takes a tenth of the time; not every build of PyYAML has it."""


def data_text(*path: str) -> str:
    """Give a file's text, by its path within the package; FileNotFoundError where there is none."""
    return files("scanner.knowledge").joinpath(*path).read_text("utf-8")


def data_file(*path: str) -> Any:  # noqa: ANN401 - whatever YAML can hold
    """Give what a YAML file holds, by its path within the package; FileNotFoundError where there is none."""
    return yaml.load(data_text(*path), Loader=_LOADER)  # noqa: S506 - a safe loader
