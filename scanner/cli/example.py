"""The commented starting file, made from the models themselves so that it cannot say what they do not."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from providers import kinds, load
from scanner.config import OutputSettings
from scanner.model import SHOWN_AS_SET, RuleSettings, ScanSettings
from scanner.ports import OrganizationProvider, Provider

_HEAD = """\
# k8s-audit-coverage: which accounts to scan, and what they must show. Every option stands here with its default;
# a line that begins with "#" and a key is an option that is not set.
#
# No secret belongs in this file: each cloud's own credential chain is used (environment, profiles, workload identity).
# "${NAME}" in a string is replaced by an environment variable; "$${NAME}" stands for the text itself.

# More files with [[account]] tables, one or more in each; paths are relative to this file.
# include = ["accounts.d/*.toml"]
"""

_ACCOUNTS = """\
# One [[account]] table for each account that is to be scanned. Keys that all accounts of a provider share can stand
# once, under [defaults.<provider>]; an account's own key wins.
"""


def example_configuration() -> str:
    """Write the starting file: all settings, then one account of each provider."""
    parts = [_HEAD]
    for name, model in (("scan", ScanSettings), ("rule", RuleSettings), ("output", OutputSettings)):
        parts.append("\n".join([f"[{name}]", *_settings(model)]) + "\n")
    parts.append(_ACCOUNTS)
    for kind in kinds():
        provider = load(kind)
        parts.append("\n".join(_entry("account", provider, provider.options)) + "\n")
        if isinstance(provider, OrganizationProvider):
            parts.append("\n".join(_entry("organization", provider, provider.organization_options)) + "\n")
    return "\n".join(parts)


def _entry(table: str, provider: Provider, model: type[BaseModel]) -> Iterator[str]:
    """Write one account or organization of a provider."""
    yield f"# {provider.title}"
    yield f"[[{table}]]"
    yield f'name = "{provider.kind.replace("_", "-")}-{"example" if table == "account" else table}"'
    yield f'provider = "{provider.kind}"'
    yield from _settings(model, table)


def _settings(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Write the keys of a table, then the tables inside it."""
    inner: list[str] = []
    for name, field in model.model_fields.items():
        table = _table_model(field.annotation)
        if table:
            head = f"[{path}.{name}]" if table is field.annotation else f"[[{path}.{name}]]"
            inner += ["", *_comment(field), head, *_settings(table, f"{path}.{name}")]
            continue
        yield from _comment(field)
        yield _line(name, field)
    yield from inner


def _comment(field: FieldInfo) -> Iterator[str]:
    """Write what a key means, and what it may be where that is a choice."""
    choices = [one for one in get_args(field.annotation) if isinstance(one, str)]
    allowed = f" One of: {', '.join(choices)}." if choices else ""
    yield from textwrap.wrap(f"{field.description or ''}{allowed}", 116, initial_indent="# ", subsequent_indent="# ")


def _line(name: str, field: FieldInfo) -> str:
    """Write a key with its default, or commented out with an example where it has none that can be written.

    Of keys that only count together with others, those that are marked stand there with their example.
    """
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is not None and default is not PydanticUndefined and field.json_schema_extra != SHOWN_AS_SET:
        return f"{name} = {_toml(default)}"
    shown = _toml(field.examples[0]) if field.examples else '""'
    is_set = field.is_required() or field.json_schema_extra == SHOWN_AS_SET
    return f"{name} = {shown}" if is_set else f"# {name} = {shown}"


def _toml(value: Any) -> str:  # noqa: ANN401 - whatever a setting can be
    """Write a value as TOML; for what settings can be, that is JSON."""
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _table_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    """Find the model of a table, or of a list of tables."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None
