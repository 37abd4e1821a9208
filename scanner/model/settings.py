"""Settings that more than one layer needs; `scanner.config` reads them from TOML."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from scanner.model.result import Grade, Link

SHOWN_AS_SET: Final[dict[str, Any]] = {"shown_as_set": True}
"""As ``json_schema_extra`` of a key that may be left out, but not together with those that may stand in its place: the
example configuration sets this one."""


class Settings(BaseModel):
    """Base of all settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _list_to_tuple(value: object) -> object:
    """Accept TOML's arrays where strict mode wants the tuple that a frozen model holds."""
    return tuple(value) if isinstance(value, list) else value


FROM_LIST: Final = BeforeValidator(_list_to_tuple)
"""Annotates a tuple that TOML gives as an array."""


def matching(form: str, words: str) -> AfterValidator:
    """Annotate text that must be of a form as a whole, in ASCII; `words` say to a person what is wrong with another."""
    pattern = re.compile(form, re.ASCII)

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            message = f"is {value!r}, {words}"
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _leave_something(globs: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a pattern that every name matches: what is left would be nothing, and look like nothing found."""
    for glob in globs:
        if not glob.strip("*"):
            message = f"holds {glob!r}, which leaves out everything, so that nothing would be read"
            raise ValueError(message)
    return globs


Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], FROM_LIST]
Exclusions = Annotated[Names, AfterValidator(_leave_something)]
"""Names, or patterns of names, of what is left out."""
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class ScanSettings(Settings):
    """``[scan]``: how many things happen at once, and for how long each may take. Times are in seconds."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=16, description="Accounts scanned at the same time."
    )
    max_calls: Annotated[int, Field(ge=1, le=512)] = Field(
        default=32, description="Remote calls in flight at the same time."
    )
    connect_timeout: Seconds = Field(default=10.0, description="Seconds to wait for a connection.")
    call_timeout: Seconds = Field(default=30.0, description="Seconds to wait for the answer to one call.")
    account_timeout: Seconds = Field(
        default=900.0, description="Seconds one account may take; what is not read by then is unknown."
    )
    timeout: Seconds = Field(
        default=3600.0, description="Seconds the whole scan may take; what is not read by then is unknown."
    )
    retries: Annotated[int, Field(ge=0, le=20)] = Field(
        default=5, description="Retries of a call that failed or was throttled."
    )
    window: Seconds = Field(
        default=43_200.0,
        description="Seconds within which all runs of one report must begin: resumed ones, and shards that are merged.",
    )


class RuleSettings(Settings):
    """``[rule]``: what a category needs to pass (docs/rule.md)."""

    grade: Literal["minimum", "complete"] = Field(default="minimum", description="The grade each category must reach.")
    stages: Literal["outcome", "all"] = Field(
        default="outcome", description="The stages that must be kept: those that carry the outcome, or all three."
    )
    min_retention_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        default=30, description="Days that records must be kept."
    )
    links: tuple[Link, ...] = Field(
        default=(Link.GENERATED, Link.EXPORTED, Link.DELIVERED),
        description="The links that decide the verdict; the others are reported beside it.",
    )
    observe: bool = Field(default=False, description="Look for recent records in the store.")
    lookback_hours: Annotated[int, Field(ge=1, le=8760)] = Field(
        default=24, description="How recent an observed record must be."
    )

    @field_validator("links", mode="before")
    @classmethod
    def _links_from_names(cls, value: object) -> object:
        """Accept the link names that TOML can write, where strict mode wants the enum itself."""
        if not isinstance(value, list | tuple):
            return value
        unknown = [item for item in value if item not in set(Link)]
        if unknown:
            message = f"holds {', '.join(map(repr, unknown))}; allowed: {', '.join(Link)}"
            raise ValueError(message)
        return tuple(Link(item) for item in value)

    @field_validator("links")
    @classmethod
    def _links_decide_something(cls, value: tuple[Link, ...]) -> tuple[Link, ...]:
        """Refuse a rule that nothing decides, or one that would judge a link without those before it."""
        missing = [link for link in (Link.GENERATED, Link.EXPORTED, Link.DELIVERED) if link not in value]
        if missing:
            message = f"must hold {', '.join(missing)}: a record that is not made, exported and delivered cannot pass"
            raise ValueError(message)
        return tuple(link for link in Link if link in value)

    @property
    def required_grade(self) -> Grade:
        """The grade as the ordered enum."""
        return Grade.from_label(self.grade)
