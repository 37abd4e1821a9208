from __future__ import annotations

import pytest
import requests
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2

from providers.gke.failures import ServiceDisabledError, asked_to_wait, translate
from providers.gke.session import is_transient
from scanner.errors import (
    CollectionError,
    CredentialsError,
    Malformed,
    NotFound,
    PermissionDenied,
    Throttled,
    TimedOut,
    Unreachable,
)


def refusal(reason: str, **metadata: str) -> google_errors.Forbidden:
    info = error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata)
    return google_errors.Forbidden("no", details=[info], error_info=info)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (google_errors.Unauthorized("expired"), CredentialsError, "does not accept the credentials: expired"),
        (google_errors.TooManyRequests("slow"), Throttled, "was still throttled after all attempts"),
        (google_errors.NotFound("gone"), NotFound, "finds nothing: gone"),
        (google_errors.GatewayTimeout("late"), TimedOut, "gave no answer in time"),
        (requests.ReadTimeout("late"), TimedOut, "gave no answer in time"),
        (TimeoutError(), TimedOut, "gave no answer in time"),
        (google_errors.ServiceUnavailable("down"), Unreachable, "could not be reached: down"),
        (requests.ConnectionError("refused"), Unreachable, "could not be reached: refused"),
        (google_errors.BadRequest("bad"), CollectionError, "was refused: bad"),
        (requests.JSONDecodeError("half", "{", 1), Malformed, "cannot be understood: half"),
        (KeyError("name"), Malformed, "cannot be understood: 'name'"),
        (ValueError(), Malformed, "cannot be understood: ValueError"),
        (auth_errors.RefreshError("revoked"), CredentialsError, "there are no usable Google credentials: revoked"),
        (auth_errors.RefreshError(), CredentialsError, "there are no usable Google credentials: RefreshError"),
        (
            auth_errors.RefreshError("invalid_grant: Bad Request", {"error": "invalid_grant"}),
            CredentialsError,
            "there are no usable Google credentials: invalid_grant: Bad Request",
        ),
        (auth_errors.TransportError("no route"), Unreachable, "the issuer of tokens could not be reached: no route"),
        (
            google_errors.ServiceUnavailable("Getting metadata from plugin failed with error: revoked"),
            CredentialsError,
            "there are no usable Google credentials: Getting metadata from plugin failed",
        ),
    ],
)
def test_every_error_says_what_failed_and_where(error: Exception, kind: type[CollectionError], said: str) -> None:
    found = translate(error, "logging:ListSinks", "projects/p", "logging.sinks.list")
    assert type(found) is kind
    assert not found.said or found.said not in found.what
    assert said in found.what
    assert found.where == "logging:ListSinks of projects/p"
    assert found.permission == ""
    assert translate(found, "other", "elsewhere") is found


def test_a_denial_names_the_permission_that_google_names_or_the_one_that_the_call_needs() -> None:
    named = translate(refusal("IAM_PERMISSION_DENIED", permission="a.b.c"), "x:Y", "projects/p", "d.e.f")
    assert (type(named), named.permission) == (PermissionDenied, "a.b.c")
    bucket = "projects/p/locations/global/buckets/b"
    unnamed = translate(google_errors.Forbidden("no"), "x:Y", bucket, "d.e.f")
    assert (unnamed.where, unnamed.permission) == (f"x:Y of {bucket}", "d.e.f")
    assert unnamed.hint.startswith("grant d.e.f on projects/p: ")


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("SECURITY_POLICY_VIOLATED", "VPC Service Controls"),
        ("USER_PROJECT_DENIED", "serviceusage.services.use"),
        ("BILLING_DISABLED", "enable billing"),
    ],
)
def test_a_denial_that_no_permission_mends_asks_for_none(reason: str, advice: str) -> None:
    found = translate(refusal(reason), "x:Y", "projects/p", "d.e.f")
    assert (type(found), found.permission) == (PermissionDenied, "")
    assert advice in found.hint
    assert reason in found.what


def test_an_api_that_is_off_is_named() -> None:
    off = refusal("SERVICE_DISABLED", service="logging.googleapis.com", consumer="projects/7")
    found = translate(off, "x:Y", "projects/p", "d.e.f")
    assert isinstance(found, ServiceDisabledError)
    assert (found.consumer, found.hint) == ("7", "gcloud services enable logging.googleapis.com --project=7")
    nameless = translate(refusal("SERVICE_DISABLED"), "x:Y", "projects/p", "d.e.f")
    assert (nameless.what, nameless.hint) == (
        "the API is not enabled",
        "gcloud services enable SERVICE --project=PROJECT",
    )


def test_what_kubernetes_engine_says_without_a_reason_is_no_missing_permission() -> None:
    said = google_errors.Forbidden("Kubernetes Engine API is not enabled for this project. Please ensure it is enabled")
    found = translate(said, "container:ListClusters", "projects/p", "container.clusters.list")
    assert isinstance(found, ServiceDisabledError)
    assert (found.consumer, found.permission) == ("p", "")


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (google_errors.TooManyRequests("x"), True),
        (google_errors.BadGateway("x"), True),
        (google_errors.Forbidden("x"), False),
        (requests.ConnectTimeout("x"), True),
        (requests.JSONDecodeError("x", "", 0), False),
    ],
)
def test_only_what_may_pass_is_asked_again(error: Exception, again: bool) -> None:  # noqa: FBT001 - the answer
    assert is_transient(error) is again


@pytest.mark.parametrize(
    "error",
    [
        google_errors.ServiceUnavailable("Tls handshake failed: CERTIFICATE_VERIFY_FAILED: unable to get local issuer"),
        requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
        auth_errors.TransportError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    ],
)
def test_an_authority_that_is_not_known_is_told_from_a_network_that_is_down(error: Exception) -> None:
    found = translate(error, "logging:ListSinks", "projects/p")
    assert isinstance(found, Unreachable)
    assert found.hint == (
        "the certificate is of no known authority: name your proxy's in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH (gRPC) and"
        " REQUESTS_CA_BUNDLE (REST, tokens)"
    )


def test_a_proxys_password_stays_out_of_what_is_said() -> None:
    error = requests.exceptions.ProxyError("cannot connect to http://bob:hunter2@proxy.example.com:3128/ (refused)")
    found = translate(error, "logging:ListSinks", "projects/p")
    assert "http://proxy.example.com:3128/" in found.what
    assert "hunter2" not in f"{found.what}{found.said}{found.hint}"


@pytest.mark.parametrize(
    ("details", "quota", "seconds"),
    [
        ([error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=3, nanos=500_000_000))], {}, 3.5),
        ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}], {}, 2.5),
        ([{"retryDelay": "soon"}, error_details_pb2.Help()], {}, None),
        ([], {"quota_unit": "1/min/{project}"}, 15.0),
        ([], {"quota_limit": "ReadRequestsPerMinutePerProject", "quota_unit": ""}, 15.0),
        ([], {"quota_unit": "1/d/{project}", "quota_limit": "RequestsPerDay"}, None),
        ([], {}, None),
    ],
)
def test_how_long_to_wait_is_taken_from_what_google_says(
    details: list[object], quota: dict[str, str], seconds: float | None
) -> None:
    info = error_details_pb2.ErrorInfo(reason="RATE_LIMIT_EXCEEDED", domain="googleapis.com", metadata=quota)
    assert asked_to_wait(google_errors.TooManyRequests("slow", details=details, error_info=info)) == seconds
    assert asked_to_wait(TimeoutError()) is None
