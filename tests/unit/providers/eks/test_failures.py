"""What botocore raises, put into words: the errors that no server can be made to cause, or only slowly."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InfiniteLoopConfigError,
    InvalidRegionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from providers.eks.failures import evidence, translate
from scanner.errors import (
    CollectionError,
    CredentialsError,
    Malformed,
    NotFound,
    PermissionDenied,
    Throttled,
    Unreachable,
)
from scanner.model import CollectionFailure, Evidence, FailureKind

ACTION = "eks:ListClusters"
URL = "https://eks.eu-west-1.amazonaws.com/clusters?include=all"


def answered(code: str, message: str = "", status: int = 400, attempts: int = 1) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": attempts - 1},  # type: ignore[typeddict-item]
        },
        "ListClusters",
    )


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (answered("AccessDeniedException", "no"), PermissionDenied, "eks:ListClusters is denied"),
        (answered("AccessDenied", "no"), PermissionDenied, "eks:ListClusters is denied"),
        (answered("UnauthorizedOperation", "no"), PermissionDenied, "eks:ListClusters is denied"),
        (answered("403", "", 403), PermissionDenied, "eks:ListClusters is denied"),
        (
            answered("ExpiredTokenException", "The security token included in the request is expired"),
            CredentialsError,
            (
                "eks:ListClusters does not accept the credentials: ExpiredTokenException: The security token"
                " included in the"
                " request is expired"
            ),
        ),
        (
            answered("UnrecognizedClientException", "The security token included in the request is invalid."),
            CredentialsError,
            (
                "eks:ListClusters does not accept the credentials: UnrecognizedClientException: The security token"
                " included"
                " in the request is invalid."
            ),
        ),
        (answered("Throttling", attempts=6), Throttled, "eks:ListClusters was still throttled after 6 attempts"),
        (answered("429", status=429), Throttled, "eks:ListClusters was still throttled after 1 attempt"),
        (answered("ResourceNotFoundException", "No cluster."), NotFound, "eks:ListClusters finds nothing: No cluster."),
        (
            answered("500", "<html>", 500, attempts=3),
            Unreachable,
            "eks:ListClusters still answered HTTP 500 after 3 attempts",
        ),
        (
            answered("InvalidParameterException", "bad\n  include"),
            CollectionError,
            "eks:ListClusters was refused: InvalidParameterException: bad include",
        ),
        (answered("Odd"), CollectionError, "eks:ListClusters was refused: Odd"),
        (
            NoCredentialsError(),
            CredentialsError,
            "there are no usable AWS credentials: Unable to locate credentials",
        ),
        (
            PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            CredentialsError,
            "there are no usable AWS credentials: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY",
        ),
        (
            ProfileNotFound(profile="audit"),
            CredentialsError,
            "there are no usable AWS credentials: The config profile (audit) could not be found",
        ),
        (
            CredentialRetrievalError(provider="custom-process", error_msg="exit 1"),
            CredentialsError,
            "there are no usable AWS credentials: Error when retrieving credentials from custom-process: exit 1",
        ),
        (
            UnauthorizedSSOTokenError(),
            CredentialsError,
            (
                "there are no usable AWS credentials: The SSO session associated with this profile has expired or is"
                " otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile."
            ),
        ),
        (ReadTimeoutError(endpoint_url=URL), Unreachable, "eks:ListClusters gave no answer in time"),
        (ConnectTimeoutError(endpoint_url=URL), Unreachable, "eks:ListClusters gave no answer in time"),
        (
            EndpointConnectionError(endpoint_url=URL),
            Unreachable,
            (
                "eks:ListClusters could not be reached: Could not connect to the endpoint URL:"
                ' "https://eks.eu-west-1.amazonaws.com"'
            ),
        ),
        (
            ConnectionClosedError(endpoint_url=URL),
            Unreachable,
            (
                "eks:ListClusters could not be reached: Connection was closed before we received a valid response from"
                ' endpoint URL: "https://eks.eu-west-1.amazonaws.com".'
            ),
        ),
        (
            ProxyConnectionError(proxy_url="http://user:password@proxy:3128/x"),
            Unreachable,
            'eks:ListClusters could not be reached: Failed to connect to proxy URL: "http://proxy:3128"',
        ),
        (
            SSLError(endpoint_url=URL, error=OSError("self-signed certificate")),
            Unreachable,
            (
                "eks:ListClusters could not be reached: SSL validation failed for https://eks.eu-west-1.amazonaws.com"
                " self-signed certificate"
            ),
        ),
        (
            ResponseParserError("<html>"),
            Malformed,
            "the answer to eks:ListClusters cannot be understood: its body is not what the API describes",
        ),
        (
            AttributeError("'list' object has no attribute 'get'"),
            Malformed,
            "the answer to eks:ListClusters cannot be understood: its body is not what the API describes",
        ),
        (BotoCoreError(), CollectionError, "eks:ListClusters failed: An unspecified error occurred"),
    ],
)
def test_each_error_becomes_ours_with_its_words(error: Exception, kind: type[CollectionError], what: str) -> None:
    translated = translate(error, ACTION, "eu-west-1")
    assert isinstance(translated, kind)
    assert translated.what == what
    assert translated.where == "eks:ListClusters of eu-west-1"


def test_a_denial_names_the_permission_and_who_can_grant_it() -> None:
    denied = translate(answered("AccessDeniedException", "because no identity-based policy allows it"), ACTION, "x")
    assert denied.permission == "eks:ListClusters"
    assert denied.hint == (
        "allow eks:ListClusters: `k8s-audit-coverage providers eks --permissions` prints the policy that is needed"
    )
    by_organisation = "with an explicit deny in a service control policy"
    assert translate(answered("AccessDeniedException", by_organisation), ACTION, "x").hint == (
        "a service control policy of the organisation denies it: allow eks:ListClusters there"
    )


def test_a_role_that_can_no_longer_be_assumed_within_another_call_is_called_so() -> None:
    expired = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole")
    translated = translate(expired, ACTION, "eu-west-1")
    assert translated.what == "sts:AssumeRole for eks:ListClusters of eu-west-1 is denied"
    assert translated.permission == "sts:AssumeRole"


def test_a_region_that_is_off_is_hinted_at() -> None:
    assert translate(answered("UnrecognizedClientException"), ACTION, "me-south-1").hint == (
        "check that the credentials are current, and that the region is switched on for the account (else leave it out"
        " of regions)"
    )
    assert translate(answered("ExpiredToken"), ACTION, "x").hint == "check that the credentials are current"


def test_an_error_of_ours_is_passed_on() -> None:
    ours = Malformed("ours")
    assert translate(ours, ACTION, "x") is ours


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answered("AccessDenied"), FailureKind.PERMISSION),
        (NoCredentialsError(), FailureKind.CREDENTIALS),
        (answered("ResourceNotFoundException"), FailureKind.NOT_FOUND),
        (answered("Throttling"), FailureKind.THROTTLED),
        (ReadTimeoutError(endpoint_url=URL), FailureKind.TIMEOUT),
        (EndpointConnectionError(endpoint_url=URL), FailureKind.UNREACHABLE),
        (ValueError(), FailureKind.MALFORMED),
        (answered("Odd"), FailureKind.MALFORMED),
    ],
)
def test_failures_are_sorted_by_kind(error: Exception, kind: FailureKind) -> None:
    found = CollectionFailure.of(translate(error, ACTION, "eu-west-1"), "region eu-west-1", operation=ACTION)
    assert (found.kind, found.scope, found.operation, found.whole_account) == (kind, "region eu-west-1", ACTION, False)


def test_evidence_quotes_what_the_service_said_and_cuts_pages_short() -> None:
    assert evidence(Malformed("it has no clusters"), ACTION) == Evidence(ACTION, "error", "it has no clusters")
    ours = Malformed("not this")
    ours.__cause__ = answered("500", "<html> " + "page " * 500)
    quoted = evidence(ours, ACTION).value
    assert quoted.startswith("500: <html> page page")
    assert quoted.endswith(" ...")
    assert len(quoted) <= 600
    nameless = Malformed("")
    nameless.__cause__ = KeyError()
    assert evidence(nameless, ACTION).value == "KeyError"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Invalid endpoint: not a url"),
        InvalidRegionError(region_name="eu west"),
        ConfigParseError(path="config"),
        InfiniteLoopConfigError(source_profile="a", visited_profiles=["a"]),
    ],
)
def test_a_mistake_in_the_configuration_of_the_machine_is_no_answer_of_aws(error: Exception) -> None:
    found = translate(error, ACTION, "eu-west-1")
    assert isinstance(found, CredentialsError)
    assert found.what.startswith("the AWS configuration of this machine cannot be used: ")
    assert found.hint == (
        "check the account's profile in the AWS configuration files, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
    )


def test_credentials_that_are_expired_when_they_are_new_hint_at_the_clock() -> None:
    stale = RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired.")
    found = translate(stale, ACTION, "eu-west-1")
    assert isinstance(found, CredentialsError)
    assert found.hint == "check this machine's clock, and what hands out the credentials"
    with pytest.raises(RuntimeError, match="ours"):
        translate(RuntimeError("ours"), ACTION, "eu-west-1")


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        (
            "sts:GetCallerIdentity",
            "no policy need allow it, so one denies it: look for a Deny in the policies of this identity",
        ),
        ("ec2:DescribeRegions", "allow ec2:DescribeRegions, or list the account's regions in the configuration"),
    ],
)
def test_a_denial_that_the_printed_policy_does_not_mend_has_its_own_hint(action: str, hint: str) -> None:
    assert translate(answered("AccessDenied", "no"), action, "x").hint == hint
