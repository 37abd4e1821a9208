"""AWS on loopback: moto behind HTTP, with what it lacks added and with faults to order.

The adapter under test is not told: ``AWS_ENDPOINT_URL`` in `AwsEmulator.environment` leads boto3 here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from moto.core.exceptions import AccessDeniedError
from moto.iam.access_control import IAMRequest
from moto.iam.models import iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sts.models import sts_backends
from werkzeug.serving import make_server

from tests.emulators.aws import faults, state
from tests.emulators.aws.faults import Answer, Fault
from tests.emulators.aws.organization import Organization
from tests.emulators.aws.state import ABSENT, Group
from tests.emulators.aws.telemetry import Telemetry
from tests.emulators.aws.wire import Call, Environ, StartResponse, read_call, respond

__all__ = ["ABSENT", "HOME_ACCOUNT", "AwsEmulator", "Group", "faults", "role_arn", "running"]

_JSON: Final = "application/x-amz-json-1.1"
HOME_ACCOUNT: Final = "123456789012"
"""The account of the source credentials, before any role is assumed."""


def role_arn(account: str) -> str:
    """Give the ARN of the role that is assumed in an account."""
    return f"arn:aws:iam::{account}:role/audit-scanner"


class AwsEmulator:
    """A WSGI application: faults first, then IAM, then moto, whose answers are completed.

    Attributes:
        organization: What every account sees of its organisation that has none of its own in `organizations`.
    """

    def __init__(self) -> None:
        """Start empty: no account holds anything."""
        self.calls: list[Call] = []
        self.url = ""
        self._app = DomainDispatcherApplication(create_backend_app)
        self._faults: list[Fault] = []
        self._regions: dict[str, Sequence[str]] = {}
        self._fields: dict[tuple[str, str, str], Mapping[str, object]] = {}
        self._log_classes: dict[tuple[str, str, str], str] = {}
        self._enforced: set[str] = set()
        self.organization = Organization()
        self.telemetry = Telemetry()
        self.organizations: dict[str, Organization] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The environment that leads any AWS client here, with the documentation's example credentials."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def add_regions(self, account: str, *regions: str) -> None:
        """Say which regions an account has switched on."""
        self._regions[account] = regions

    def add_cluster(
        self,
        account: str,
        region: str,
        name: str,
        *,
        enabled: Sequence[str] = (),
        version: str = "1.34",
        group: Group | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        """Make a cluster; `fields` replace those of DescribeCluster's answer, ABSENT takes one out."""
        state.add_cluster(account, region, name, enabled=enabled, version=version, group=group)
        self._fields[account, region, name] = {
            "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
            **(fields or {}),
        }
        if group is not None and group.log_class is not None:
            self._log_classes[account, region, f"/aws/eks/{name}/cluster"] = group.log_class

    def inject(self, answer: Answer, action: str | None = None, **selectors: Any) -> None:  # noqa: ANN401 - Fault's fields
        """Let calls meet something else than the real answer: the selectors are those of `Fault`."""
        self._faults.append(Fault(answer, action, **selectors))

    def enforce(self, account: str, policy: str) -> None:
        """Let the account's role do only what this IAM policy allows, by moto's own reading of it."""
        backend = iam_backends[account]["aws"]
        if account not in self._enforced:
            backend.create_role(
                "audit-scanner", json.dumps({"Version": "2012-10-17", "Statement": []}), "/", None, "", [], ""
            )
            self._enforced.add(account)
        backend.put_role_policy("audit-scanner", "least", policy)

    def called(self, action: str) -> list[Call]:
        """Give the calls of one action, in the order in which they came."""
        return [call for call in self.calls if call.action == action]

    def given_keys(self) -> Iterator[str]:
        """Give the secret keys and session tokens of the roles that were assumed so far."""
        for backends in sts_backends.values():
            for role in backends["aws"].assumed_roles:
                yield from (role.secret_access_key, role.session_token)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        call = read_call(environ)
        self.calls.append(call)
        environ[faults.REAL] = self._answer
        for fault in self._faults:
            if fault.takes(call):
                return fault.answer(call, environ, start_response)
        return self._answer(call, environ, start_response)

    def _answer(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as AWS would."""
        if call.account in self._enforced and not _allowed(call, environ):
            return faults.deny()(call, environ, start_response)
        if call.action == "ec2:DescribeRegions":
            return self._describe_regions(call, environ, start_response)
        if call.service in ("account", "config", "organizations"):
            asked = str(call.parameters.get("AccountId", call.account))
            organization = self.organizations.get(call.account, self.organization)
            answer = organization.answer(call, self._regions.get(asked, ()))
            return respond(environ, start_response, 200, json.dumps(answer).encode(), {"Content-Type": _JSON})
        if call.service == "observabilityadmin":
            return self._telemetry(call, environ, start_response)
        return self._complete(call, environ, start_response)

    def _telemetry(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a call of CloudWatch telemetry config."""
        answer = self.telemetry.answer(call)
        if answer is None:
            refused = faults.error(400, "ValidationException", "Telemetry evaluation does not run, or bad input.")
            return refused(call, environ, start_response)
        body = json.dumps(answer).encode()
        return respond(environ, start_response, 200, body, {"Content-Type": "application/json"})

    def _describe_regions(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """List the account's regions: moto gives all there are, whatever the filter."""
        items = "".join(
            f"<item><regionName>{region}</regionName><regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint>"
            "<optInStatus>opt-in-not-required</optInStatus></item>"
            for region in self._regions.get(call.account, ())
        )
        body = f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
        return respond(environ, start_response, 200, body.encode(), {"Content-Type": "text/xml"})

    def _complete(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Let moto answer, and put in what it cannot hold."""
        answered: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(self._app(environ, lambda status, headers, *_: answered.append((status, headers))))
        status, headers = answered[0]
        if status.startswith("200"):
            body = self._completed(call, body)
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    def _completed(self, call: Call, body: bytes) -> bytes:
        """Replace the fields of a cluster, and give log groups their class."""
        if call.action == "eks:DescribeCluster":
            answer = json.loads(body)
            for name, value in self._fields.get((call.account, call.region, str(call.cluster)), {}).items():
                answer["cluster"][name] = value
            answer["cluster"] = {name: value for name, value in answer["cluster"].items() if value is not ABSENT}
            return json.dumps(answer).encode()
        if call.action == "logs:DescribeLogGroups":
            answer = json.loads(body)
            for group in answer["logGroups"]:
                log_class = self._log_classes.get((call.account, call.region, group["logGroupName"]))
                group.update({} if log_class is None else {"logGroupClass": log_class})
            return json.dumps(answer).encode()
        return body


@contextmanager
def running() -> Iterator[AwsEmulator]:
    """Run an empty emulator on a free port of 127.0.0.1, in threads of this process."""
    moto_api_backend.reset()
    faults.stopping.clear()
    emulator = AwsEmulator()
    server = make_server("127.0.0.1", 0, emulator, threaded=True, request_handler=_QuietHandler)
    emulator.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield emulator
    finally:
        faults.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
        moto_api_backend.reset()


class _QuietHandler(MotoRequestHandler):
    """moto's handler without a line on standard error for each request."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""


def _allowed(call: Call, environ: Environ) -> bool:
    """Ask moto's IAM whether the caller's role may do this, on the resource that AWS would check."""
    request = IAMRequest(
        account_id=call.account,
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        data={},
        body=b"",
        headers={
            "Authorization": environ["HTTP_AUTHORIZATION"],
            "X-Amz-Security-Token": environ["HTTP_X_AMZ_SECURITY_TOKEN"],
        },
        action=call.action.partition(":")[2],
    )
    try:
        request.check_action_permitted(_resource(call))
    except AccessDeniedError:
        return False
    return True


def _resource(call: Call) -> str:
    """Give the resource that AWS authorizes the action on.

    ``logs:DescribeLogGroups`` is authorized on the group of an empty name, whatever prefix is asked for.
    """
    place = f"{call.region}:{call.account}"
    if call.action == "eks:DescribeCluster":
        return f"arn:aws:eks:{place}:cluster/{call.cluster}"
    if call.service == "logs":
        return f"arn:aws:logs:{place}:log-group:{call.parameters.get('logGroupName', '')}:log-stream:"
    return "*"
