"""Application Default Credentials in every form, over the real wire."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scanner.model import FailureKind
from tests.emulators.gcp import IMPERSONATED, GcpEmulator
from tests.unit.providers.gke.conftest import Collect


@pytest.fixture(autouse=True)
def project(gcp: GcpEmulator) -> None:
    gcp.cloud.project("payments-prod", "organizations/900")
    gcp.cloud.cluster("payments-prod", "main")


def lead_the_library_to(gcp: GcpEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts stand in the library itself: who impersonates, and who knows the project of a workload's pool."""
    import google.auth.external_account  # noqa: PLC0415 - the library is loaded where it is used
    import google.auth.iam  # noqa: PLC0415 - the same

    base = f"https://{gcp.rest_endpoint}/v1/projects"
    monkeypatch.setattr(google.auth.iam, "_IAM_ENDPOINT", f"{base}/-/serviceAccounts/{{}}:generateAccessToken")
    monkeypatch.setattr(google.auth.external_account, "_CLOUD_RESOURCE_MANAGER", f"{base}/")


@pytest.mark.parametrize(
    ("kind", "issued"),
    [
        ("service_account", set()),
        ("impersonated_service_account", {"service_account", "impersonated"}),
        ("external_account", {"external_account"}),
    ],
)
async def test_files(
    kind: str, issued: set[str], gcp: GcpEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service account's key signs its own tokens, so that none is asked for."""
    lead_the_library_to(gcp, monkeypatch)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", gcp.credentials(kind))
    assert list((await collect(project="payments-prod")).clusters) == ["main"]
    assert set(gcp.tokens.issued) == issued
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    found = await collect(project="payments-prod", credentials_file=gcp.credentials(kind))
    assert list(found.clusters) == ["main"]


async def test_impersonation_by_configuration(gcp: GcpEmulator, collect: Collect) -> None:
    found = await collect(project="payments-prod", impersonate=IMPERSONATED)
    assert list(found.clusters) == ["main"]
    assert found.clusters["main"].parameters["identity"] == IMPERSONATED
    assert "impersonated" in gcp.tokens.issued


async def test_the_metadata_server(gcp: GcpEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    import google.auth.compute_engine._metadata as metadata  # noqa: PLC0415 - it reads its host when it is loaded

    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(gcp.folder / "nothing"))
    monkeypatch.setattr(metadata, "_NO_GCE_CHECK", False)
    for name in ("_GCE_METADATA_HOST", "_GCE_DEFAULT_HOST", "_GCE_METADATA_IP"):
        if hasattr(metadata, name):
            monkeypatch.setattr(metadata, name, gcp.metadata_host)
    monkeypatch.setenv("GCE_METADATA_HOST", gcp.metadata_host)
    monkeypatch.setenv("GCE_METADATA_IP", gcp.metadata_host)
    found = await collect(project="payments-prod")
    assert list(found.clusters) == ["main"], found.failures
    assert set(gcp.tokens.issued) == {"metadata"}


async def test_no_credentials_at_all(gcp: GcpEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(gcp.folder / "nothing"))
    [failure] = (await collect(project="payments-prod")).failures
    assert (failure.kind, failure.whole_account) == (FailureKind.CREDENTIALS, True)
    assert failure.reason.startswith("there are no usable Google credentials: Your default credentials were not found.")
    assert failure.hint == "check credentials_file and impersonate, or the environment that the scan runs in"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "File {} is not a valid json file: Expecting value: line 1 column 1 (char 0)"),
        ("[]", "{} lacks what its type needs, or is none of the forms that Google's library reads"),
        ('{"type": "unheard-of"}', "The file {} does not have a valid type. Type is unheard-of"),
        ('{"type": "service_account"}', "Failed to load service account credentials from {}: Service account info"),
        ('{"type": "impersonated_service_account"}', "{} lacks what its type needs"),
        ('{"type": "external_account"}', "Failed to load external account credentials from {}"),
    ],
)
async def test_a_file_that_holds_none(text: str, said: str, collect: Collect, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    [failure] = (await collect(project="payments-prod", credentials_file=str(path))).failures
    assert (failure.kind, failure.whole_account) == (FailureKind.CREDENTIALS, True)
    assert failure.reason.startswith(f"there are no usable Google credentials: {said.format(path)}")
    [failure] = (await collect(project="payments-prod", credentials_file=str(tmp_path))).failures
    assert failure.reason == f"there are no usable Google credentials: {tmp_path} could not be read: Is a directory"
    [failure] = (await collect(project="payments-prod", credentials_file=str(tmp_path / "none.json"))).failures
    assert (failure.kind, "none.json" in failure.reason) == (FailureKind.CREDENTIALS, True)


async def test_credentials_that_google_does_not_accept(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.tokens.revoked = True
    [failure] = (await collect(project="payments-prod")).failures
    assert (failure.kind, failure.whole_account) == (FailureKind.CREDENTIALS, True)
    assert failure.reason.startswith("container:ListClusters does not accept the credentials: ")
    words = failure.reason.split(": ")
    assert len(words) == len(set(words))


async def test_a_token_endpoint_that_refuses(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.tokens.refused_grants = True
    found = await collect(project="payments-prod", credentials_file=gcp.credentials("impersonated_service_account"))
    [failure] = found.failures
    assert (failure.kind, failure.whole_account) == (FailureKind.CREDENTIALS, True)
    assert "there are no usable Google credentials" in failure.reason


async def test_a_token_endpoint_that_does_not_answer_is_given_up(gcp: GcpEmulator, collect: Collect) -> None:
    """The time limit of a call holds for the token that it needs as well."""
    gcp.tokens.stall = 2.0
    file = gcp.credentials("impersonated_service_account")
    found = await collect(project="payments-prod", credentials_file=file, scan={"call_timeout": 0.3, "retries": 0})
    [failure] = found.failures
    assert (failure.kind, failure.whole_account) == (FailureKind.TIMEOUT, True)
    assert failure.reason == "container:ListClusters gave no answer in time: TimeoutError"


@pytest.fixture
def of_another_universe(gcp: GcpEmulator, tmp_path: Path) -> Path:
    """A service account's file, as a sovereign cloud gives it out."""
    path = tmp_path / "key.json"
    account = json.loads(Path(gcp.environment["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    path.write_text(json.dumps(account | {"universe_domain": "cloud.example"}))
    return path


async def test_credentials_of_another_universe(gcp: GcpEmulator, collect: Collect, of_another_universe: Path) -> None:
    [failure] = (await collect(project="payments-prod", credentials_file=str(of_another_universe))).failures
    assert (failure.kind, failure.whole_account) == (FailureKind.CREDENTIALS, True)
    assert failure.reason == "the Google credentials are of cloud.example, and only googleapis.com is asked"
    assert not gcp.cloud.calls
