"""An organisation's accounts and units, and its AWS Config aggregator, whose queries moto does not answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.emulators.aws.wire import Call

ROOT: Final = "r-ab12"


@dataclass
class Organization:
    """What Organizations, Account Management and AWS Config say; tests change it at any time.

    Attributes:
        page_size: Accounts, units, regions and rows on one page.
        rows: The aggregator's rows, as its queries see them.
        sources: What DescribeConfigurationAggregatorSourcesStatus says.
        aggregator: The name of the one aggregator.
    """

    page_size: int = 20
    accounts: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, str]] = field(default_factory=list)
    aggregator: str = "organization"

    def add(self, account: str, name: str, *, unit: str = ROOT, **fields: str) -> None:
        """Add an account to a unit; `fields` take the place of ``State``."""
        self.accounts.append((unit, {"Id": account, "Name": name, **(fields or {"State": "ACTIVE"})}))

    def unit(self, number: int, parent: str = ROOT) -> str:
        """Make a unit, and give its id."""
        made = f"ou-ab12-{number:08}"
        self.units[made] = parent
        return made

    def record(self, account: str, *regions: str, recording: bool = True, **group: object) -> None:
        """Let a recorder run in some regions; it records everything unless `group` says otherwise."""
        for region in regions:
            self.recorder(account, region, {"Recording": recording, "RecordingGroup": group or {"AllSupported": True}})

    def recorder(self, account: str, region: str, configuration: dict[str, object]) -> None:
        """Let the aggregator know a recorder with this configuration."""
        place = {"accountId": account, "awsRegion": region}
        configuration = {"Name": "default", **configuration}
        self.rows.append(
            {"resourceType": "AWS::Config::ConfigurationRecorder", **place, "configuration": configuration}
        )

    def capture(self, account: str, region: str, name: str, *enabled: str, at: str = "2026-03-01T09:00:00Z") -> None:
        """Let the aggregator know a cluster, in the shape of its CloudFormation type."""
        types = [{"Type": one} for one in enabled]
        row = {"accountId": account, "awsRegion": region, "resourceName": name, "configurationItemCaptureTime": at}
        arn = f"arn:aws:eks:{region}:{account}:cluster/{name}"
        logging = {"Logging": {"ClusterLogging": {"EnabledTypes": types}}}
        self.rows.append({"resourceType": "AWS::EKS::Cluster", **row, "arn": arn, "configuration": logging})

    def answer(self, call: Call, regions: Sequence[str]) -> dict[str, Any]:
        """Answer a call; KeyError for one that is not known here."""
        answers: dict[str, Callable[[], tuple[str, Sequence[Any]]]] = {
            "organizations:ListAccounts": lambda: ("Accounts", [one for _, one in self.accounts]),
            "organizations:ListAccountsForParent": lambda: ("Accounts", self._below(call)),
            "organizations:ListOrganizationalUnitsForParent": lambda: ("OrganizationalUnits", self._units(call)),
            "account:ListRegions": lambda: ("Regions", [{"RegionName": one} for one in regions]),
            "config:SelectAggregateResourceConfig": lambda: ("Results", self._selected(call)),
            "config:DescribeConfigurationAggregatorSourcesStatus": lambda: (
                "AggregatedSourceStatusList",
                self.sources,
            ),
        }
        key, found = answers[call.action]()
        start = int(str(call.parameters.get("NextToken") or 0))
        more = {"NextToken": str(start + self.page_size)} if start + self.page_size < len(found) else {}
        return {key: list(found[start : start + self.page_size]), **more}

    def _below(self, call: Call) -> list[dict[str, str]]:
        """Give the accounts directly below a unit."""
        return [one for unit, one in self.accounts if unit == call.parameters["ParentId"]]

    def _units(self, call: Call) -> list[dict[str, str]]:
        """Give the units directly below a unit."""
        return [
            {"Id": unit, "Name": unit} for unit, parent in self.units.items() if parent == call.parameters["ParentId"]
        ]

    def _selected(self, call: Call) -> list[str]:
        """Answer a query by the fields, the conditions and the one grouping that stand in it."""
        assert call.parameters["ConfigurationAggregatorName"] == self.aggregator
        fields, _, rest = str(call.parameters["Expression"]).removeprefix("SELECT ").partition(" WHERE ")
        conditions, _, group = rest.partition(" GROUP BY ")
        wanted = dict(one.split(" = ") for one in conditions.split(" AND "))
        rows = [row for row in self.rows if all(row.get(name) == value.strip("'") for name, value in wanted.items())]
        if group:
            counted = Counter(row[group] for row in rows)
            return [json.dumps({"COUNT(*)": number, group: value}) for value, number in counted.items()]
        roots = {one.strip().split(".")[0]: one.strip() for one in fields.split(",")}
        return [json.dumps({name: row[name] for name in roots if name in row}) for row in rows]
