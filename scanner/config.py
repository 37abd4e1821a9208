"""Reads the TOML configuration into frozen models; every error names the file, the key path and what is allowed.

One file, or one that includes others (``include = ["accounts.d/*.toml"]``), which may hold ``[[account]]`` tables
only. ``[defaults.<provider>]`` holds keys that every account of that provider inherits unless it sets them itself.
``${NAME}`` in a string is replaced by the environment variable; ``$${NAME}`` stands for the text ``${NAME}``. No secret
is ever read from a file.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator

from scanner.errors import ConfigError, UsageError
from scanner.model import RuleSettings, ScanSettings, Settings
from scanner.ports import AccountOptions, OrganizationOptions

OptionsFor = Callable[[str], type[AccountOptions]]
"""Gives the model of a provider's account keys; UsageError for a provider that is not there."""

OrganizationFor = Callable[[str], type[OrganizationOptions]]
"""Gives the model of a provider's organization keys; UsageError for a provider that finds no accounts."""


class OutputSettings(Settings):
    """``[output]``: what is written, and what makes the exit code tell of it."""

    formats: Annotated[list[str], Field(min_length=1)] = Field(
        default=["json", "html"], description="Report formats to write."
    )
    directory: str = Field(
        default="reports", description="Where reports are written; relative to where the command runs."
    )
    fail_on: Literal["fail", "unknown", "never"] = Field(
        default="unknown", description="What makes the exit code other than 0: fail, unknown (and fail), or never."
    )

    @field_validator("formats")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        """Drop repetitions, keeping the order."""
        return list(dict.fromkeys(value))


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One ``[[account]]`` table."""

    name: str
    provider: str
    options: AccountOptions
    file: Path


@dataclass(frozen=True, slots=True)
class OrganizationConfig:
    """One ``[[organization]]`` table."""

    name: str
    provider: str
    options: OrganizationOptions
    file: Path


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; `digest` is the SHA-256 of it as it is used, defaults and inheritance applied."""

    scan: ScanSettings
    rule: RuleSettings
    output: OutputSettings
    accounts: tuple[AccountConfig, ...]
    digest: str
    organizations: tuple[OrganizationConfig, ...] = ()


_TOP_KEYS = ("scan", "rule", "output", "defaults", "include", "account", "organization")
_INCLUDED_KEYS = ("account", "organization")
_SHAPES = {
    "tuple_type": "be a list",
    "list_type": "be a list",
    "model_type": "be a table",
    "dict_type": "be a table",
    "too_short": "name at least {min_length}",
    "too_long": "name at most {max_length}",
}
"""Pydantic's complaints that name Python's types or count items, and what a person who writes TOML must do."""
_SECRET = re.compile(r"secret|password|token|private_key|access_key|credential", re.IGNORECASE)
_LONGEST_SHOWN = 80
_MAX_BYTES = 16 * 1024 * 1024
_Model = TypeVar("_Model", bound=BaseModel)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


def _finds_no_accounts(provider: str) -> type[OrganizationOptions]:
    """Refuse every organization, where no provider is known to find accounts."""
    raise UsageError(f"the provider {provider!r} finds no accounts by itself", hint="list them as [[account]] tables")


def load_config(
    path: Path,
    options_for: OptionsFor,
    environ: Mapping[str, str] = os.environ,
    *,
    organization_for: OrganizationFor = _finds_no_accounts,
) -> Config:
    """Read a configuration file and those it includes; ConfigError lists every mistake found in the first bad part."""
    main = _File(path, environ)
    main.only_keys(_TOP_KEYS)
    scan = main.validated(ScanSettings, main.table("scan"), "scan")
    rule = main.validated(RuleSettings, main.table("rule"), "rule")
    output = main.validated(OutputSettings, main.table("output"), "output")
    defaults = main.table("defaults")
    _refuse_unknown_defaults(main, defaults, options_for, organization_for)
    files = [main, *_included(main, environ)]
    accounts = [
        AccountConfig(*one, file.path) for file in files for one in _entries(file, "account", defaults, options_for)
    ]
    organizations = [
        OrganizationConfig(*one, file.path)
        for file in files
        for one in _entries(file, "organization", defaults, organization_for)
    ]
    _refuse_duplicates([*accounts, *organizations])
    if not accounts and not organizations:
        raise ConfigError("there is no account to scan", where=str(path), hint="add an [[account]] table")
    digest = _digest(scan, rule, accounts, organizations)
    return Config(scan, rule, output, tuple(accounts), digest, tuple(organizations))


class _File:
    """One TOML file with its environment values filled in."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.data: dict[str, Any] = _with_environment(_parse(path), environ, str(path), "")

    def where(self, key: str) -> str:
        """Name a place in this file."""
        return f"{self.path}: {key}"

    def only_keys(self, allowed: tuple[str, ...]) -> None:
        """Refuse top-level keys that do not belong here."""
        for key in self.data:
            if key not in allowed:
                raise ConfigError(f"unknown key {key!r}", where=self.where(key), hint=_allowed(key, allowed))

    def table(self, key: str) -> dict[str, Any]:
        """Give a table, empty where the key is absent."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise ConfigError("must be a table", where=self.where(key), hint=f"write [{key}]")
        return value

    def validated(self, model: type[_Model], value: dict[str, Any], key: str) -> _Model:
        """Validate a table, turning each complaint into a line that names the key path and what is allowed."""
        try:
            return model.model_validate(value, context={"base": self.path.resolve().parent})
        except ValidationError as error:
            lines = [_complaint(self, model, key, one) for one in error.errors(include_url=False)]
            raise ConfigError("\n".join(dict.fromkeys(lines))) from None


def _parse(path: Path) -> dict[str, Any]:
    """Read one TOML file."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ConfigError(f"is larger than {_MAX_BYTES // 2**20} MiB", where=str(path), hint="name a TOML file")
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        hint = "`k8s-audit-coverage config example` prints a starting file"
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), hint=hint) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 text (byte {error.start})", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML: {error}", where=str(path)) from None


_VARIABLE = re.compile(r"\$(\$)?\{([^}]*)\}")


def _with_environment(value: Any, environ: Mapping[str, str], file: str, key: str) -> Any:  # noqa: ANN401 - TOML
    """Fill in ``${NAME}`` in every string below a value."""
    if isinstance(value, dict):
        return {name: _with_environment(one, environ, file, _join(key, name)) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_environment(one, environ, file, f"{key}[{index}]") for index, one in enumerate(value)]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        if match[1]:
            return f"${{{match[2]}}}"
        if match[2] not in environ:
            hint = "set it, or write $${…} for the text itself"
            raise ConfigError(f"the environment variable {match[2]!r} is not set", where=f"{file}: {key}", hint=hint)
        return environ[match[2]]

    return _VARIABLE.sub(fill, value)


def _included(main: _File, environ: Mapping[str, str]) -> list[_File]:
    """Read the files that ``include`` names, in order of their paths; a pattern that finds nothing is an error."""
    patterns = main.data.get("include", [])
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
        raise ConfigError("must be a list of paths or patterns", where=main.where("include"))
    files = []
    for index, pattern in enumerate(patterns):
        found = _matches(main, f"include[{index}]", pattern)
        if not found:
            hint = f"paths are relative to {main.path.parent}"
            raise ConfigError(f"no file matches {pattern!r}", where=main.where(f"include[{index}]"), hint=hint)
        files += [path for path in found if path not in files]
    loaded = [_File(path, environ) for path in files]
    for file in loaded:
        if "include" in file.data:
            hint = f"only {main.path} may include others"
            raise ConfigError("an included file includes others", where=file.where("include"), hint=hint)
        file.only_keys(_INCLUDED_KEYS)
    return loaded


def _matches(main: _File, key: str, pattern: str) -> list[Path]:
    """Find the files that a pattern means, relative to the main file's folder or absolute."""
    base = main.path.parent
    whole = Path(pattern)
    if whole.is_absolute():
        base, whole = Path(whole.anchor), whole.relative_to(whole.anchor)
    if not whole.name or "\0" in pattern:
        raise ConfigError(f"{pattern!r} names no file", where=main.where(key), hint="write a path or a pattern")
    try:
        found = sorted(path for path in base.glob(str(whole)) if path.is_file())
    except ValueError as error:
        raise ConfigError(f"{pattern!r} is no pattern: {error}", where=main.where(key)) from None
    if any(path.samefile(main.path) for path in found):
        hint = "name a folder of their own, such as accounts.d/*.toml"
        raise ConfigError(f"{pattern!r} matches this file itself", where=main.where(key), hint=hint)
    return found


def _entries(
    file: _File, kind: str, defaults: dict[str, Any], options_for: Callable[[str], type[_Model]]
) -> Iterator[tuple[str, str, _Model]]:
    """Read the ``[[account]]`` or ``[[organization]]`` tables of one file: name, provider and options of each."""
    tables = file.data.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ConfigError("must be a list of tables", where=file.where(kind), hint=f"write [[{kind}]]")
    for index, table in enumerate(tables):
        yield _entry(file, f"{kind}[{index}]", table, defaults, options_for)


def _entry(
    file: _File,
    key: str,
    table: dict[str, Any],
    defaults: dict[str, Any],
    options_for: Callable[[str], type[_Model]],
) -> tuple[str, str, _Model]:
    """Read one table: its name and provider here, the rest by the provider's own model."""
    name, provider = (_text(file, key, table, one) for one in ("name", "provider"))
    if not _NAME.fullmatch(name):
        raise ConfigError("must be 1 to 128 characters without control characters", where=file.where(f"{key}.name"))
    try:
        model = options_for(provider)
    except UsageError as error:
        raise ConfigError(error.what, where=file.where(f"{key}.provider"), hint=error.hint) from None
    inherited = {name: value for name, value in defaults.get(provider, {}).items() if name in model.model_fields}
    own = {name: value for name, value in table.items() if name not in {"name", "provider"}}
    return name, provider, file.validated(model, {**inherited, **own}, key)


def _text(file: _File, key: str, table: dict[str, Any], name: str) -> str:
    """Read a string that every account needs."""
    value = table.get(name)
    if value is None:
        raise ConfigError("is missing", where=file.where(f"{key}.{name}"), hint=f'write {name} = "…"')
    if not isinstance(value, str):
        raise ConfigError(f"must be a string, not {value!r}", where=file.where(f"{key}.{name}"))
    return value


def _refuse_unknown_defaults(
    main: _File, defaults: dict[str, Any], options_for: OptionsFor, organization_for: OrganizationFor
) -> None:
    """Refuse defaults of a provider that is not there, and keys that neither its accounts nor organizations have."""
    for provider, table in defaults.items():
        key = f"defaults.{provider}"
        try:
            of_both = [*options_for(provider).model_fields, *_organization_keys(provider, organization_for)]
        except UsageError as error:
            raise ConfigError(error.what, where=main.where(key), hint=error.hint) from None
        allowed = tuple(dict.fromkeys(of_both))
        if not isinstance(table, dict):
            raise ConfigError("must be a table", where=main.where(key), hint=f"write [{key}]")
        for name in table:
            if name not in allowed:
                where = main.where(f"{key}.{name}")
                raise ConfigError(f"unknown key {name!r}", where=where, hint=_allowed(name, allowed))


def _organization_keys(provider: str, organization_for: OrganizationFor) -> Iterable[str]:
    """Give the keys of a provider's organizations; none where it finds no accounts by itself."""
    try:
        return organization_for(provider).model_fields
    except UsageError:
        return ()


def _refuse_duplicates(accounts: Iterable[AccountConfig | OrganizationConfig]) -> None:
    """Refuse two accounts or organizations of one name, wherever they stand."""
    seen: dict[str, AccountConfig | OrganizationConfig] = {}
    for account in accounts:
        first = seen.setdefault(account.name, account)
        if first is not account:
            also = f"it stands in {first.file} already" if first.file != account.file else "it stands there twice"
            hint = "each account needs a name of its own"
            raise ConfigError(
                f"duplicate account {account.name!r}: {also}", where=f"{account.file}: account", hint=hint
            )


def _complaint(file: _File, model: type[BaseModel], key: str, error: Any) -> str:  # noqa: ANN401 - pydantic's own dict
    """Put one of pydantic's complaints into our own words: file, key path, what is wrong, what is allowed."""
    path = key
    for part in error["loc"]:
        path = f"{path}[{part}]" if isinstance(part, int) else _join(path, str(part))
    where, kind, name = file.where(path), error["type"], str(error["loc"][-1]) if error["loc"] else ""
    if kind == "extra_forbidden":
        return f"{where}: unknown key {name!r} ({_allowed(name, _keys_at(model, error['loc']))})"
    if kind == "missing":
        return f"{where}: is missing (write {name} = …)"
    if kind == "string_too_short" and not error["input"]:
        return f"{where}: must not be empty"
    if kind in _SHAPES:
        return f"{where}: must {_SHAPES[kind].format(**error.get('ctx', {}))}, not {_shown(error['input'])}"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should ").removeprefix("String should ")
    said = message if kind in {"value_error", "assertion_error"} else f"must {message}"
    return f"{where}: {said}, not {_shown(error['input'])}" if kind != "value_error" else f"{where}: {said}"


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Find the keys that are allowed in the table in which a key stood."""
    for part in loc[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            inner = _inner_model(model.model_fields[part].annotation)
            model = inner or model
    return tuple(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    """Find the model inside an annotation such as ``tuple[Model, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _inner_model(one))), None)


def _shown(value: object) -> str:
    """Show a wrong value, but never at length."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _allowed(key: str, allowed: Iterable[str]) -> str:
    """Say what may stand there, the likeliest meant first; and why a secret may not."""
    names = list(allowed)
    if _SECRET.search(key):
        return "secrets are never read from the file: the cloud's own credential chain is used"
    near = difflib.get_close_matches(key, names, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"{meant}allowed: {', '.join(names)}"


def _join(path: str, name: str) -> str:
    """Extend a key path."""
    return f"{path}.{name}" if path else name


def _digest(
    scan: ScanSettings,
    rule: RuleSettings,
    accounts: Iterable[AccountConfig],
    organizations: Sequence[OrganizationConfig],
) -> str:
    """Hash the configuration as it is used, independent of the order and the files in which it was written."""
    shape: dict[str, Any] = {
        "scan": scan.model_dump(mode="json"),
        "rule": rule.model_dump(mode="json"),
        "accounts": {one.name: [one.provider, one.options.model_dump(mode="json")] for one in accounts},
    }
    if organizations:  # left out where there are none, as before there were any
        shape["organizations"] = {
            one.name: [one.provider, one.options.model_dump(mode="json")] for one in organizations
        }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
