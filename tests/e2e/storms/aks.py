"""Azure in a storm: one subscription by its lists, several by Resource Graph, a tenant with its own sign-in.

The subscriptions of organisations are found in a management group, or in a tenant of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from providers.aks.graph import QUERY
from tests.e2e.storms.sky import PAGED, SHORT, Place, Trouble
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
_ALIKE: Final = frozenset({"another shape", "empty", "empty object"})
"""Faults that are malformed answers as another one is."""
_PAGED: Final[dict[str, Callable[[str], Fault]]] = {
    PAGED[0]: partial(Fault, "again"),
    PAGED[1]: partial(Fault, "lost"),
}
_MADE: Final = _FAULTS | _PAGED | {SHORT: partial(Fault, "short")}
_OF_CONTAINERS: Final = f"{QUERY} of containers"
_IN_ORGANIZATIONS: Final = ("directory", "domain")
"""The shapes that are organisations: all below a management group, or of a tenant."""
_FINDING: Final = frozenset(
    {product.LIST_DESCENDANTS, product.READ_SUBSCRIPTIONS, product.READ_PERMISSIONS, QUERY, _OF_CONTAINERS}
)
"""What subscriptions are found by, where several are looked for."""


class AksSky:
    """Azure."""

    shapes: Final = ("subscription", "management_group", "tenant", *_IN_ORGANIZATIONS)
    named: Final = frozenset(
        {value for name, value in vars(product).items() if isinstance(value, str) and name.startswith(("LIST", "READ"))}
    ) | {product.QUERY_LOGS, QUERY, _OF_CONTAINERS, SIGN_IN}
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
    afresh: Final = frozenset(_IN_ORGANIZATIONS)
    replaced: Final[Mapping[str, frozenset[str]]] = dict.fromkeys(_IN_ORGANIZATIONS, _FINDING)
    """Resource Graph and the list of Resource Manager stand in for each other, and each subscription's own for both."""

    def __init__(self, azure: AzureEmulator) -> None:
        """Start without any subscription."""
        self._emulator = azure
        self._azure = azure.azure
        self._azure.page_size = 2
        self._calm: dict[str, str] = {}
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

        def lose_the_rest_of_both_lists(place: Place) -> None:
            for one in (_OF_CONTAINERS, product.LIST_DESCENDANTS):
                self.strike(place, one, PAGED[1])

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
            "neither list is whole": Trouble(
                "directory", lose_the_rest_of_both_lists, "UNKNOWN", product.LIST_DESCENDANTS
            ),
            "every list is denied": Trouble(
                "subscription",
                lambda place: self._azure.deny("*", f"/subscriptions/{place.key}"),
                "UNKNOWN",
                product.LIST_CONNECTED,
            ),
        }

    def add(self, shape: str, number: int, fault: str = "") -> Place:  # noqa: ARG002 - the same for every cloud
        """Make a subscription, alone in its management group and its tenant, or an organisation of three."""
        if shape in _IN_ORGANIZATIONS:
            return self._add_organization(shape, number)
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

    def faults(self, shape: str, call: str) -> Iterable[str]:
        """Give the faults of any call, and those of lists that have pages.

        Subscriptions of organisations are read alike wherever they were found, and as those that are entered are.
        """
        is_reading = shape in _IN_ORGANIZATIONS and call not in {*_FINDING, SIGN_IN}
        if is_reading and shape == "domain":
            return
        yield from (fault for fault in _FAULTS if not is_reading or fault not in _ALIKE)
        # A partner's resource stands on the first page, beyond which nobody looks for it.
        is_one = shape == "subscription" and call == product.READ_SUBSCRIPTIONS
        if call in {product.LIST_CLUSTERS, product.LIST_CONNECTED, *_FINDING} and not is_one:
            yield from _PAGED
        if call in {QUERY, _OF_CONTAINERS}:
            yield SHORT

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a call go wrong for whatever names the place; for the first subscription alone where it is about one."""
        made = _MADE[fault](self._only(place, call) or place.key)
        made.operation = call
        self._azure.faults.append(made)

    def spares(self, place: Place, call: str) -> frozenset[str]:
        """Give the accounts beside the first subscription of an organisation, where a call is about that one."""
        others = {place.name, *(f"{place.name}/{_subscription(place.key, number)}" for number in (1, 2))}
        return frozenset(others) if self._only(place, call) else frozenset()

    def spreads(self, call: str, fault: str) -> bool:  # noqa: ARG002 - the same for every cloud
        """Tell that none does: each call is hit by itself."""
        return False

    def _only(self, place: Place, call: str) -> str:
        """Give the one subscription for which a call goes wrong; empty where it does for all that is the place's."""
        shape = place.name.partition("-")[0]
        if shape not in _IN_ORGANIZATIONS or call in {*_FINDING, SIGN_IN}:
            return ""
        return _subscription(place.key, 0)

    def _add_organization(self, shape: str, number: int) -> Place:
        """Make one of three subscriptions: with all kinds of clusters (in a directory), with one, and with none."""
        azure, key, name = self._azure, f"9{number:06}", f"{shape}-{number:04}"
        group = tenant = f"group-{key}"
        if shape == "domain":
            group = tenant = _subscription(key, 9)
            self._emulator.issuer.known.add(tenant)
        for one in range(3):
            found = azure.subscription(int(f"{key}{one}"), f"team-{one}", group=group)
            if shape == "domain":
                azure.subscriptions[found]["tenantId"] = tenant
                azure.tenants.setdefault(tenant, []).append(found)
        if shape == "directory":
            self._populate(_subscription(key, 0))
        archive = azure.resource(_subscription(key, 1), _STORAGE, "archive", properties={})
        azure.setting(azure.cluster(_subscription(key, 1), "main"), *_BOTH, storageAccountId=archive)
        scope = f'management_group = "{group}"'
        if shape == "domain":
            scope = f'tenant = true\ntenant_id = "{tenant}"\ncredential = "client_secret"'
            scope += f'\nclient_secret_file = "{self._secret()}"'
        return Place(name, f'[[organization]]\nname = "{name}"\nprovider = "aks"\n{scope}\n', key)

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


def _subscription(key: str, number: int) -> str:
    """Give the id of one subscription of an organisation, as the emulator makes it."""
    return f"{key}{number}-3333-4444-5555-666677778888"


@contextmanager
def sky(_folder: Path) -> Iterator[AksSky]:
    """Run Azure."""
    with running() as azure:
        yield AksSky(azure)
