"""Projects between the default and full Data Access: what is missing stands in the finding, for whom beside it."""

from __future__ import annotations

import pytest

from scanner.assessment import assess
from scanner.model import Capability, ClusterResult, Grade, LinkState, Recorded, RequestCategory, RuleSettings, Status
from tests.emulators.gcp import GcpEmulator
from tests.unit.providers.gke.conftest import ORGANIZATION, READS, Collect, P, channel, main_of

GKE = "container.googleapis.com"


@pytest.fixture
def bare(gcp: GcpEmulator) -> GcpEmulator:
    """A project that was left as it was made."""
    gcp.cloud.folder("10", ORGANIZATION)
    gcp.cloud.project("payments-prod", "folders/10")
    gcp.cloud.cluster("payments-prod", "main")
    return gcp


async def judged(collect: Collect, **rule: object) -> ClusterResult:
    settings = RuleSettings.model_validate(rule)
    return assess(await main_of(collect, rule=settings), settings)


def recorded(result: ClusterResult) -> dict[Capability, Recorded]:
    return {one.capability: one.recorded for one in result.capabilities}


def message(result: ClusterResult, category: RequestCategory) -> str:
    [found] = [one for one in result.findings if one.category is category]
    return found.message


@pytest.mark.usefixtures("bare")
async def test_the_default_records_writes_and_says_that_reads_are_missing(collect: Collect) -> None:
    result = await judged(collect)
    assert result.status is Status.FAIL
    assert {one.grade for one in result.findings} == {Grade.PARTIAL}
    assert message(result, RequestCategory.API_CALLS) == (
        "API calls are not covered (partial, minimum is required): Data Access audit logs of type ADMIN_READ are not "
        "switched on for container.googleapis.com; Data Access audit logs of type DATA_READ are not switched on for "
        "container.googleapis.com: get, list and watch, those of secrets among them, leave no entry."
    )
    assert message(result, RequestCategory.RBAC_DENIALS).endswith(
        ": denied get, list and watch, those of secrets among them, leave no entry."
    )
    assert message(result, RequestCategory.AUTHENTICATION).endswith(
        ": get, list and watch that fail authentication leave no entry."
    )
    assert recorded(result) == {
        Capability.SECRET_READS: Recorded.NO,
        Capability.POD_CREATION: Recorded.YES,
        Capability.POD_EXEC: Recorded.PARTLY,
        Capability.RBAC_CHANGES: Recorded.YES,
        Capability.TOKEN_REQUESTS: Recorded.YES,
        Capability.DELETECOLLECTION: Recorded.YES,
        Capability.IMPERSONATION: Recorded.PARTLY,
        Capability.DISCOVERY: Recorded.NO,
    }
    [execution] = [one for one in result.capabilities if one.capability is Capability.POD_EXEC]
    assert execution.reason.startswith("get by WebSocket clients is not recorded: Data Access audit logs of type")


@pytest.mark.parametrize(
    ("on", "off", "loss"),
    [
        ("ADMIN_READ", "DATA_READ", "reads of data (such as pod logs)"),
        ("DATA_READ", "ADMIN_READ", "reads of metadata (such as listing pods)"),
    ],
)
async def test_one_kind_of_reads_leaves_the_other_open(
    on: str, off: str, loss: str, bare: GcpEmulator, collect: Collect
) -> None:
    """Google does not say which of the two carries reads of secrets, so that one of them proves nothing about these."""
    bare.cloud.audit(ORGANIZATION, "allServices", **{on: ()})
    result = await judged(collect)
    assert result.status is Status.FAIL
    assert message(result, RequestCategory.API_CALLS) == (
        f"API calls are not covered (partial, minimum is required): Data Access audit logs of type {off} are not "
        f"switched on for container.googleapis.com: {loss} leave no entry, and Google does not say whether reads of "
        "secrets are among them."
    )
    assert recorded(result)[Capability.SECRET_READS] is Recorded.UNKNOWN
    assert recorded(result)[Capability.POD_CREATION] is Recorded.YES
    [advice] = result.remediations
    assert f"logType: {off}" in advice.code
    assert f"logType: {on}" not in advice.code


async def test_levels_are_united(bare: GcpEmulator, collect: Collect) -> None:
    bare.cloud.audit(ORGANIZATION, "allServices", ADMIN_READ=())
    bare.cloud.audit("folders/10", GKE, DATA_READ=())
    result = await judged(collect, grade="complete")
    assert result.status is Status.PASS
    assert set(recorded(result).values()) == {Recorded.YES}
    assert result.message == "Audit policy covers 3 event categories at Metadata logging level."


@pytest.mark.parametrize("service", ["storage.googleapis.com", "k8s.io"])
async def test_another_service_proves_nothing(service: str, bare: GcpEmulator, collect: Collect) -> None:
    bare.cloud.audit(P, service, **READS)
    result = await judged(collect)
    about = [note.text for note in result.notes if "k8s.io" in note.text]
    if service == "k8s.io":
        assert result.status is Status.UNKNOWN
        assert "; ".join(about) == (
            "projects/payments-prod has auditConfigs for k8s.io, and no documentation says whether that counts: "
            "container.googleapis.com is the service that it names"
        )
    else:
        assert (result.status, about) == (Status.FAIL, [])


async def test_data_write_alone_changes_nothing(bare: GcpEmulator, collect: Collect) -> None:
    bare.cloud.audit(P, "allServices", DATA_WRITE=())
    cluster = await main_of(collect)
    assert channel(cluster, "data_write").exported.state is LinkState.OK
    result = assess(cluster, RuleSettings())
    assert (result.status, {one.grade for one in result.findings}) == (Status.FAIL, {Grade.PARTIAL})


async def test_exempted_members_are_blind_spots_united_over_all_levels(bare: GcpEmulator, collect: Collect) -> None:
    robot = "serviceAccount:deploy@payments-prod.iam.gserviceaccount.com"
    bare.cloud.audit(P, GKE, ADMIN_READ=("user:eve@example.com", robot), DATA_READ=(robot,))
    bare.cloud.audit("folders/10", "allServices", DATA_WRITE=(robot,))
    bare.cloud.audit(ORGANIZATION, "allServices", DATA_READ=("group:sre@example.com",), ADMIN_READ=())
    bare.cloud.audit(ORGANIZATION, "storage.googleapis.com", DATA_READ=("user:nobody@example.com",))
    bare.cloud.bind(ORGANIZATION, "roles/container.admin", robot)
    bare.cloud.bind(P, "roles/viewer", "user:eve@example.com")
    bare.cloud.bind(P, "roles/owner", robot)
    result = await judged(collect)
    assert result.status is Status.PASS
    exempted = [spot for spot in result.blind_spots if "exempted" in spot.what]
    assert [(spot.identity, spot.grave) for spot in exempted] == [
        ("group:sre@example.com", True),
        (robot, True),
        ("user:eve@example.com", False),
    ]
    assert exempted[1].what == (
        "ADMIN_READ, DATA_READ, DATA_WRITE entries of that account and whoever gets hold of it are exempted from "
        "Data Access audit logs by projects/payments-prod, folders/10; it holds roles/owner in projects/payments-prod, "
        "roles/container.admin in organizations/900"
    )
    assert exempted[0].what.startswith("DATA_READ entries of everybody in that group are exempted")
    assert exempted[0].evidence.locator == "organizations/900 auditConfigs[0]"


async def test_exempting_everybody_is_as_good_as_off(bare: GcpEmulator, collect: Collect) -> None:
    bare.cloud.audit(P, GKE, ADMIN_READ=("allUsers",), DATA_READ=())
    result = await judged(collect)
    assert result.status is Status.FAIL
    assert "ADMIN_READ is switched on, but allUsers is exempted, so that nobody's requests are left" in result.message
    [advice] = result.remediations
    assert (
        f"# take allUsers out of exemptedMembers of {GKE} ADMIN_READ in the policy of projects/payments-prod"
        in advice.code
    )
    assert "auditLogConfigs" not in advice.code
    [spot] = [one for one in result.blind_spots if one.identity == "allUsers"]
    assert spot.grave
    assert spot.what.startswith("ADMIN_READ entries of everybody are exempted from")


@pytest.mark.parametrize(
    ("resource", "command"),
    [("folders/10", "gcloud resource-manager folders"), (ORGANIZATION, "gcloud organizations")],
)
async def test_everybody_is_taken_out_of_the_policy_that_exempts_them(
    resource: str, command: str, bare: GcpEmulator, collect: Collect
) -> None:
    bare.cloud.audit(resource, "allServices", ADMIN_READ=("allAuthenticatedUsers",), DATA_READ=())
    number = resource.partition("/")[2]
    [advice] = (await judged(collect)).remediations
    assert advice.code == (
        f"{command} get-iam-policy {number} --format=yaml > policy.yaml\n"
        f"# take allAuthenticatedUsers out of exemptedMembers of allServices ADMIN_READ in the policy of {resource}\n"
        f"{command} set-iam-policy {number} policy.yaml"
    )
    bare.cloud.policies.clear()
    bare.cloud.audit(resource, "allServices", ADMIN_READ=("allAuthenticatedUsers",))
    [advice] = (await judged(collect)).remediations
    live = [line for line in advice.code.splitlines() if not line.startswith("#")]
    assert live == [
        f"{command} get-iam-policy {number} --format=yaml > policy.yaml",
        f"{command} set-iam-policy {number} policy.yaml",
        "gcloud projects get-iam-policy payments-prod --format=yaml > policy.yaml",
        "gcloud projects set-iam-policy payments-prod policy.yaml",
    ]
    assert "logType: DATA_READ" in advice.code
    assert "logType: ADMIN_READ" not in advice.code


async def test_exemptions_above_that_cannot_be_read_are_told(bare: GcpEmulator, collect: Collect) -> None:
    bare.cloud.audit(P, GKE, **READS)
    bare.cloud.deny("resourcemanager.folders.getIamPolicy")
    result = await judged(collect)
    assert result.status is Status.UNKNOWN
    [note] = [note for note in result.notes if note.text.startswith("whether folders/10 exempts anybody")]
    assert note.text.endswith("could not be read: resourcemanager:getIamPolicy is denied")
    assert result.permissions_missing == ("resourcemanager.folders.getIamPolicy",)


@pytest.mark.usefixtures("bare")
async def test_the_advice_names_project_folder_and_organisation(collect: Collect) -> None:
    [advice] = (await judged(collect)).remediations
    assert advice.code == (
        "gcloud projects get-iam-policy payments-prod --format=yaml > policy.yaml\n"
        "# add to policy.yaml, beside bindings, and leave its etag as it is:\n"
        "#   auditConfigs:\n"
        "#   - service: container.googleapis.com\n"
        "#     auditLogConfigs:\n"
        "#     - logType: ADMIN_READ\n"
        "#     - logType: DATA_READ\n"
        "gcloud projects set-iam-policy payments-prod policy.yaml\n"
        "# or for all projects below a folder or the organisation at once:\n"
        "#   gcloud resource-manager folders get-iam-policy 10 --format=yaml > policy.yaml\n"
        "#   gcloud resource-manager folders set-iam-policy 10 policy.yaml\n"
        "#   gcloud organizations get-iam-policy 900 --format=yaml > policy.yaml\n"
        "#   gcloud organizations set-iam-policy 900 policy.yaml"
    )


async def test_where_no_command_can_help_the_advice_says_so(bare: GcpEmulator, collect: Collect) -> None:
    """_Required keeps its entries 400 days, whatever anybody configures; the other buckets may keep them longer."""
    bare.cloud.audit(P, GKE, **READS)
    bare.cloud.bucket("payments-prod", "_Default", days=3650)
    result = await judged(collect, min_retention_days=500, links=("generated", "exported", "delivered", "retained"))
    assert result.status is Status.FAIL
    codes = [one.code for one in result.remediations]
    assert any("# no command meets a longer [rule] min_retention_days for these" in code for code in codes)
    assert not any("$" in code for code in codes)
