"""What is known of Kubernetes and the clouds, kept as data with source and date; this module is the typed loader.

A provider's file names the logs that exist, what each gives to the three categories by itself and together with others,
and the advice for each broken link.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache, cached_property
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scanner.knowledge.data_files import data_file
from scanner.model import Grade, RequestCategory


def _grade(value: object) -> object:
    """Read a grade's name as the data files spell it."""
    return Grade.from_label(value) if isinstance(value, str) else value


Gives = Mapping[RequestCategory, Annotated[Grade, BeforeValidator(_grade)]]


class _Data(BaseModel):
    """Base of the data models: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Data):
    """Where a fact comes from, and the date of the copy that was read."""

    what: str
    source: str
    date: date


class LogKnowledge(_Data):
    """What one log carries.

    Attributes:
        from_policy: True where its records are the events that the audit policy makes.
        gives: The grade that it reaches for a category by itself.
        any_record_is: Categories of which any record in it is an example: one recent record shows them observed.
        carries: Verbs of which every event stands in it; None for all of them where its records are the policy's events
            and it gives all of them, that is to say `complete`.
        carries_some: Verbs of which some events stand in it, and nobody says which.
        without: What is missing for a category when the log is missing, in words.
    """

    title: str
    from_policy: bool
    gives: Gives
    carries: frozenset[str] | None = None
    carries_some: frozenset[str] = frozenset()
    any_record_is: tuple[RequestCategory, ...] = ()
    without: Mapping[RequestCategory, str] = Field(default_factory=dict)


class Combination(_Data):
    """What several logs reach together.

    Attributes:
        carries: Verbs of which every event stands in one of them.
        without: What is missing for a category when all of them are missing, in words, instead of those of each.
    """

    logs: tuple[str, ...]
    gives: Gives = Field(default_factory=dict)
    carries: frozenset[str] = frozenset()
    without: Mapping[RequestCategory, str] = Field(default_factory=dict)


class Advice(_Data):
    """Constant text about a broken link; ``$name`` and the like are filled in for each cluster."""

    title: str
    text: str
    code: str = ""
    language: str = "text"


class ProviderKnowledge(_Data):
    """All that is known of one provider's logs.

    Attributes:
        policy: The id of the published audit policy that it runs; empty where each cluster has its own.
        retention_steps: The numbers of days that its store accepts as retention; empty where any number will do.
        remediation: Advice by the name of the broken link, ``authorizer``, or ``start`` for an API server that does not
            start; one that ends in ``_for_ever`` stands in where more days are asked for than the store accepts, one
            that ends in the name of a tool where that writes the settings, and any other that begins with a link's name
            where a cluster's parameter ``<link>_advice`` asks for it.
    """

    provider: str
    title: str
    policy: str = ""
    sources: tuple[Source, ...]
    logs: Mapping[str, LogKnowledge]
    together: tuple[Combination, ...]
    retention_steps: tuple[int, ...] = ()
    remediation: Mapping[str, Advice]

    # The same few questions are asked of every cluster, a dozen times each.
    @cached_property
    def _answers(self) -> dict[tuple[frozenset[str], RequestCategory, Grade], Grade]:
        return {}

    @cached_property
    def _verbs_carried(self) -> dict[tuple[frozenset[str], str], bool]:
        return {}

    @cached_property
    def _contributors(self) -> dict[RequestCategory, frozenset[str]]:
        return {category: self._contributing(category) for category in RequestCategory}

    def carried(self, logs: frozenset[str], category: RequestCategory, policy: Grade) -> Grade:
        """Give the grade that a set of logs reaches for a category under an audit policy of that grade."""
        asked = (logs, category, policy)
        if asked not in self._answers:
            self._answers[asked] = self._reached(logs, category, policy)
        return self._answers[asked]

    def relevant(self, category: RequestCategory) -> frozenset[str]:
        """Give the logs that can contribute to a category."""
        return self._contributors[category]

    def carries_all(self, logs: frozenset[str]) -> bool:
        """Tell whether one of some logs carries whatever the audit policy records."""
        return any(
            known.from_policy and known.carries is None and known.gives.get(RequestCategory.API_CALLS) is Grade.COMPLETE
            for known in (self.logs[log] for log in logs)
        )

    def carries(self, logs: frozenset[str], verb: str) -> bool:
        """Tell whether every event of a verb stands in some logs."""
        if (logs, verb) not in self._verbs_carried:
            joint = (one.carries for one in self.together if logs.issuperset(one.logs))
            single = (self.logs[log].carries or frozenset() for log in logs)
            found = self.carries_all(logs) or any(verb in verbs for verbs in (*single, *joint))
            self._verbs_carried[logs, verb] = found
        return self._verbs_carried[logs, verb]

    def may_carry(self, logs: frozenset[str], verb: str) -> bool:
        """Tell whether some events of a verb may stand in some logs."""
        known = [self.logs[log] for log in logs]
        return self.carries(logs, verb) or any(
            verb in one.carries_some or (one.from_policy and one.carries is None) for one in known
        )

    def losses(self, missing: frozenset[str], category: RequestCategory) -> tuple[str, ...]:
        """Say in words what a category lacks without some logs, in the order of the data file."""
        joint = [one for one in self.together if missing.issuperset(one.logs) and one.without.get(category)]
        told = {log for one in joint for log in one.logs}
        single = [known.without.get(category, "") for log, known in self.logs.items() if log in missing - told]
        return tuple(dict.fromkeys(text for text in (*(one.without[category] for one in joint), *single) if text))

    def advice(self, link: str, days: int, tool: str = "") -> Advice | None:
        """Give the advice for a broken link, where records are to be kept for a number of days.

        `tool` is what writes the settings, such as ``kops``: it may have a place of its own for them.
        """
        special = [f"{link}_for_ever"] if self.retention_steps and days > self.retention_steps[-1] else []
        names = (*special, f"{link}_{tool}", link)
        return next((self.remediation[name] for name in names if name in self.remediation), None)

    def retention_step(self, days: int) -> int:
        """Give the first number of days that the store accepts and that is at least `days`, or `days` itself."""
        return next((step for step in self.retention_steps if step >= days), days)

    def _reached(self, logs: frozenset[str], category: RequestCategory, policy: Grade) -> Grade:
        """Find the best of what the logs reach one by one and together."""
        single = [self._capped(self.logs[log].gives, (log,), category, policy) for log in logs]
        joint = [
            self._capped(one.gives, one.logs, category, policy) for one in self.together if logs.issuperset(one.logs)
        ]
        return max([*single, *joint], default=Grade.NONE)

    def _contributing(self, category: RequestCategory) -> frozenset[str]:
        """Find the logs that give something to a category, by themselves or with others."""
        alone = {log for log, known in self.logs.items() if known.gives.get(category, Grade.NONE) > Grade.NONE}
        joint = {log for one in self.together if one.gives.get(category, Grade.NONE) > Grade.NONE for log in one.logs}
        return frozenset(alone | joint)

    def _capped(self, gives: Gives, logs: tuple[str, ...], category: RequestCategory, policy: Grade) -> Grade:
        """Give a log's grade, no higher than the policy's where its records are the policy's events."""
        grade = gives.get(category, Grade.NONE)
        return min(grade, policy) if any(self.logs[log].from_policy for log in logs) else grade


@cache
def provider_knowledge(kind: str) -> ProviderKnowledge:
    """Load what is known of a provider; FileNotFoundError where there is no such data file."""
    return ProviderKnowledge.model_validate(data_file("providers", f"{kind}.yaml"))
