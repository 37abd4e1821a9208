"""Azure in a storm: one subscription by its lists, several by Resource Graph, and a tenant with its own sign-in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from providers.aks.graph import QUERY
from tests.e2e.storms.sky import PAGED, Place, Trouble
from tests.emulators.azure import AzureEmulator, Fault, running
from tests.emulators.azure.arm import SIGN_IN
from tests.emulators.azure.identity import SECRET
from tests.emulators.azure.state import MANAGED

# The package has a function of this name, too.
product: Final = import_module("providers.aks.permissions")
_BOTH: Final = ("kube-audit", "guard")
_STORAGE: Final = "Microsoft.Storage/storageAccounts"
_EVENT_HUBS: Final = "Microsoft.EventHub/namespaces"
_DATADOG: Final = "Microsoft.Datadog/monitors"
_RULES: Final = "Microsoft.Insights/dataCollectionRules"
_FAULTS: Final[dict[str, Callable[[str], Fault]]] = {
    "denied": partial(Fault, "status", status=403, code="AuthorizationFailed"),
    "throttled": partial(Fault, "status", status=429, code="TooManyRequests"),
    "server error": partial(Fault, "body", status=500, body="<html><h1>500 Internal Server Error</h1></html>"),
    "no answer in time": partial(Fault, "hang", seconds=90),
    "reset": partial(Fault, "drop"),
    "malformed": partial(Fault, "body", status=200, body='{"value": 7, "properties": []'),
    "another shape": partial(Fault, "body", status=200, body='{"value": 7, "properties": [], "data": 1, "tables": 2}'),
    "empty": partial(Fault, "body", status=200, body=""),
    "empty object": partial(Fault, "body", status=200, body="{}"),
    "truncated": partial(Fault, "truncate"),
    "expired": partial(Fault, "status", status=401, code="ExpiredAuthenticationToken"),
}
_PAGED: Final[dict[str, Callable[[str], Fault]]] = {
    PAGED[0]: partial(Fault, "again"),
    PAGED[1]: partial(Fault, "lost"),
}
_OF_CONTAINERS: Final = f"{QUERY} of containers"


class AksSky:
    """Azure."""

    shapes: Final = ("subscription", "management_group", "tenant")
    named: Final = frozenset(
        {value for name, value in vars(product).items() if isinstance(value, str) and name.startswith(("LIST", "READ"))}
    ) - {product.LIST_DESCENDANTS} | {product.QUERY_LOGS, QUERY, _OF_CONTAINERS, SIGN_IN}
    """But for the call that is made only where Resource Graph does not answer, which a calm scan never sees."""
    beside: Final = frozenset(
        {
            # Logs that are sent to a workspace as well are kept there, whatever becomes of the other destinations.
            product.READ_EVENT_HUBS,
            product.READ_RESOURCES,
            # For how long records are kept is told beside the verdict, unless the rule counts it.
            product.READ_TABLE,
            product.READ_LIFECYCLE,
            # The newest records are told beside the verdict.
            product.QUERY_LOGS,
            # A subscription's clusters are listed without its name, which a note says.
            product.READ_SUBSCRIPTIONS,
        }
    )

    covered: Final[frozenset[tuple[str, str]]] = frozenset()
    everywhere: Final = frozenset({product.READ_SUBSCRIPTIONS})

    def __init__(self, azure: AzureEmulator) -> None:
        """Start without any subscription."""
        self._emulator = azure
        self._azure = azure.azure
        self._azure.groups = {name: ["audit", "allLogs"] for name in ("kube-audit", "kube-audit-admin", "guard")}
        self._newest = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.head = "".join(
            f'[defaults.aks.endpoints]\n{name} = "{host}"\n' if not number else f'{name} = "{host}"\n'
            for number, (name, host) in enumerate(azure.endpoints.items())
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads Azure's libraries to the emulator."""
        return {**self._emulator.environment, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What else may happen to subscriptions."""
        gone = partial(Fault, "status", status=404, code="ResourceNotFound", operation=product.READ_SETTINGS)
        return {
            "a cluster is deleted": Trouble(
                "subscription",
                lambda place: self._azure.faults.append(
                    gone(f"{place.key}/resourceGroups/platform/providers/{MANAGED}/archive/")
                ),
                "PASS",
                "cluster archive in subscription",
            ),
            "a subscription's clusters are denied": Trouble(
                "management_group",
                lambda place: self._azure.deny(product.LIST_CLUSTERS, f"/subscriptions/{place.key}"),
                "UNKNOWN",
                product.LIST_CLUSTERS,
            ),
            "every list is denied": Trouble(
                "subscription",
                lambda place: self._azure.deny("*", f"/subscriptions/{place.key}"),
                "UNKNOWN",
                product.LIST_CONNECTED,
            ),
        }

    def add(self, shape: str, number: int, fault: str = "") -> Place:  # noqa: ARG002 - the same for every cloud
        """Make a subscription, alone in its management group and its tenant."""
        key = self._azure.subscription(number)
        self._azure.management_groups[f"group-{key}"] = [key]
        self._populate(key)
        name = f"{shape}-{number:04}"
        keys = {
            "subscription": f'subscription = "{key}"',
            "management_group": f'management_group = "group-{key}"',
            "tenant": f'tenant = true\ntenant_id = "{key}"\n'
            f'credential = "client_secret"\nclient_secret_file = "{self._secret()}"',
        }
        if shape == "tenant":
            self._azure.tenants[key] = [key]
            self._emulator.issuer.known.add(key)
        return Place(name, f'[[account]]\nname = "{name}"\nprovider = "aks"\n{keys[shape]}\n', key)

    def calls(self, place: Place) -> frozenset[str]:
        """Give the calls that name its subscription, its group, its workspace or its tenant."""
        return frozenset(one.operation for one in tuple(self._azure.asked) if place.key in one.text)

    def methods(self, calls: Iterable[str]) -> frozenset[str]:
        """Give the calls as the product names them."""
        return frozenset(calls)

    def faults(self, call: str) -> Iterable[str]:
        """Give the faults of any call, and those of lists that have pages."""
        yield from _FAULTS
        # A partner's resource stands on the first page, beyond which nobody looks for it.
        if call in {product.LIST_CLUSTERS, product.LIST_CONNECTED, product.READ_PERMISSIONS, QUERY, _OF_CONTAINERS}:
            yield from _PAGED

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a call go wrong for whatever names the place."""
        made = (_PAGED | _FAULTS)[fault](place.key)
        made.operation = call
        self._azure.faults.append(made)

    def words(self, call: str, fault: str) -> tuple[str, ...]:  # noqa: ARG002 - the same for every cloud
        """Give the action that the report names; a group of which nothing is shown counts as one without any."""
        if call == SIGN_IN:
            return ("azure.identity",)
        return (QUERY, product.READ_SUBSCRIPTIONS) if call == _OF_CONTAINERS else (call,)

    def sources(self, call: str) -> tuple[str, ...]:
        """Give the call as evidence names it."""
        return (call,)

    def secrets(self) -> Iterable[str]:
        """Give the application's secret, and all tokens."""
        yield SECRET
        yield from self._emulator.issuer.given

    def _secret(self) -> str:
        return self._emulator.file("client-secret", SECRET)

    def _populate(self, key: str) -> None:
        """Make clusters that send their logs to each kind of destination, so that every call is made."""
        azure = self._azure
        rule = azure.resource(key, _RULES, "nothing-changed", properties={"dataFlows": []})
        workspace = azure.workspace(key, f"logs-{key}", defaultDataCollectionRuleResourceId=rule)
        archive = azure.resource(key, _STORAGE, "archive", properties={})
        hubs = azure.resource(key, _EVENT_HUBS, "siem", properties={})
        partner = azure.resource(key, _DATADOG, "datadog", properties={})
        to_workspace = {"workspaceId": workspace, "logAnalyticsDestinationType": "Dedicated"}
        # No Arc-connected cluster is among them: what its policy is nobody knows, so that it never passes.
        settings: dict[str, list[dict[str, Any]]] = {
            "main": [to_workspace],
            "archive": [{"storageAccountId": archive}],
            "streamed": [
                to_workspace,
                {"eventHubAuthorizationRuleId": f"{hubs}/authorizationRules/send", "eventHubName": "audit"},
                {"marketplacePartnerId": partner},
            ],
        }
        for name, found in settings.items():
            cluster = azure.cluster(key, name)
            for number, properties in enumerate(found):
                logs = ("@audit",) if name == "main" else _BOTH
                azure.setting(cluster, *logs, name=f"audit-{number}", **properties)
            azure.records.setdefault(f"customer-logs-{key}", []).extend(
                (cluster.lower(), log, self._newest) for log in _BOTH
            )


@contextmanager
def sky(_folder: Path) -> Iterator[AksSky]:
    """Run Azure."""
    with running() as azure:
        yield AksSky(azure)
