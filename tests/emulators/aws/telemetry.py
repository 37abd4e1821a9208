"""CloudWatch telemetry config (Observability Admin), which moto lacks: state of evaluation, and rows by region."""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from tests.emulators.aws.wire import Call

CLUSTER: Final = "AWS::EKS::Cluster"
VPC: Final = "AWS::EC2::VPC"
CHANGED: Final = 1_772_355_600_000
"""2026-03-01T09:00:00Z in milliseconds."""

_SOURCES: Final = {
    "api": "EKS_API_LOGS",
    "audit": "EKS_AUDIT_LOGS",
    "authenticator": "EKS_AUTHENTICATOR_LOGS",
    "controllerManager": "EKS_CONTROLLER_MANAGER_LOGS",
    "scheduler": "EKS_SCHEDULER_LOGS",
}
_MOST_RESULTS: Final = 50
_MOST_TYPES: Final = 9


@dataclass
class Telemetry:
    """What it says; tests change it at any time.

    Attributes:
        home: The region that manages evaluation in others; None where each region stands for itself.
        states: The state of evaluation and, of one that failed, the reason; a region that is not here was not started.
        rows: The telemetry configurations that each region's endpoint knows.
        page_size: Rows on one page, however many more are asked for.
    """

    home: str | None = None
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    page_size: int = _MOST_RESULTS

    def start(self, home: str, *others: str) -> None:
        """Turn evaluation on in one region, and from there in others."""
        self.home = home if others else None
        self.states = dict.fromkeys((home, *others), ("RUNNING", ""))

    def vpc(self, account: str, *regions: str, arn: bool = False) -> None:
        """Let it have evaluated an account's default VPC in some regions."""
        for region in regions:
            name = f"vpc-{zlib.crc32(f'{account}/{region}'.encode()):08x}"
            self.row(region, account, VPC, f"arn:aws:ec2:{region}:{account}:vpc/{name}" if arn else name)

    def cluster(
        self, account: str, region: str, name: str, *enabled: str, arn: bool = False, changed: int = CHANGED
    ) -> None:
        """Let it have evaluated a cluster: a row for each log type."""
        identifier = f"arn:aws:eks:{region}:{account}:cluster/{name}" if arn else name
        for log_type, source in _SOURCES.items():
            state = "Enabled" if log_type in enabled else "Disabled"
            self.row(
                region,
                account,
                CLUSTER,
                identifier,
                TelemetrySourceType=source,
                TelemetryConfigurationState={"Logs": state},
                LastUpdateTimeStamp=changed,
            )

    def row(self, region: str, account: str, kind: str, identifier: str, **fields: object) -> None:
        """Let a region's endpoint know a row; `fields` come on top."""
        row = {"AccountIdentifier": account, "ResourceType": kind, "ResourceIdentifier": identifier}
        state = {"TelemetryConfigurationState": {"Logs": "NotApplicable"}}
        self.rows[region].append({**row, **state, **fields})

    def answer(self, call: Call) -> dict[str, Any] | None:
        """Answer a call; None for a request that the service refuses."""
        if call.action == "observabilityadmin:GetTelemetryEvaluationStatusForOrganization":
            return self._status(call.region)
        return self._listed(call)

    def _status(self, region: str) -> dict[str, Any]:
        """Say whether evaluation runs here; the home region also says where else."""
        status, reason = self.states.get(region, ("NOT_STARTED", ""))
        found: dict[str, Any] = {"Status": status, **({"FailureReason": reason} if reason else {})}
        if self.home is not None and region in self.states:
            found["HomeRegion"] = self.home
        if region == self.home:
            found["RegionStatuses"] = [
                {"Region": one, "Status": state, **({"FailureReason": why} if why else {})}
                for one, (state, why) in self.states.items()
                if one != region
            ]
        return found

    def _listed(self, call: Call) -> dict[str, Any] | None:
        """Give a page of rows, in the order of the types that are asked for."""
        types = call.parameters.get("ResourceTypes")
        most = call.parameters.get("MaxResults", _MOST_RESULTS)
        known = self.states.get(call.region, ("", ""))[0] == "RUNNING"
        if not known or not isinstance(types, list) or not 1 <= len(types) <= _MOST_TYPES:
            return None
        if not isinstance(most, int) or not 1 <= most <= _MOST_RESULTS:
            return None
        rows = [row for kind in types for row in self.rows[call.region] if row["ResourceType"] == kind]
        size = min(most, self.page_size)
        start = int(str(call.parameters.get("NextToken") or "page-0").removeprefix("page-"))
        more = {"NextToken": f"page-{start + size}"} if start + size < len(rows) else {}
        return {"TelemetryConfigurations": rows[start : start + size], **more}
