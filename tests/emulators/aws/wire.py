"""AWS requests as they come over the wire, and errors as each service words them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from moto.iam.models import get_account_id_from

Environ = dict[str, Any]
StartResponse = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Call:
    """One API call.

    Attributes:
        action: As IAM spells it: ``eks:ListClusters``.
        account: The account that the credentials belong to.
        cluster: The cluster that the call is about, where it is about one.
        parameters: The body's or query's fields.
    """

    action: str
    account: str
    region: str
    cluster: str | None
    parameters: dict[str, object]

    @property
    def service(self) -> str:
        """The signing name of the service."""
        return self.action.partition(":")[0]


_OPERATION_OF_PATH: Final = {1: "ListClusters", 2: "DescribeCluster"}


def read_call(environ: Environ) -> Call:
    """Read a signed request; its body stays readable for whoever answers it."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    scope = environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].partition(",")[0]
    access_key, _date, region, service, _ = scope.split("/")
    operation, parameters = _operation(environ, service, body)
    group = parameters.get("logGroupName")
    cluster = parameters.get("name") if service == "eks" else None
    if isinstance(group, str) and group.startswith("/aws/eks/"):
        cluster = group.split("/")[3]
    return Call(
        f"{service}:{operation}",
        get_account_id_from(access_key),
        region,
        cluster if isinstance(cluster, str) else None,
        parameters,
    )


def _operation(environ: Environ, service: str, body: bytes) -> tuple[str, dict[str, object]]:
    """Tell the operation and its parameters, in the protocol of the service."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2], json.loads(body)
    if service == "eks":
        parts = environ["PATH_INFO"].strip("/").split("/")
        query: dict[str, object] = dict(parse_qs(environ.get("QUERY_STRING", "")))
        if len(parts) == 2:
            query["name"] = unquote(parts[1])
        return _OPERATION_OF_PATH[len(parts)], query
    if service == "account":
        return environ["PATH_INFO"].strip("/")[:1].upper() + environ["PATH_INFO"].strip("/")[1:], json.loads(body)
    if service == "observabilityadmin":
        return environ["PATH_INFO"].strip("/"), json.loads(body or b"{}")
    form: dict[str, object] = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    return str(form.pop("Action")), form


def respond(
    environ: Environ, start_response: StartResponse, status: int, body: bytes, headers: dict[str, str]
) -> Iterable[bytes]:
    """Answer a request."""
    del environ
    start_response(f"{status} Answer", [*headers.items(), ("Content-Length", str(len(body)))])
    return [body]


def refuse(
    call: Call, environ: Environ, start_response: StartResponse, status: int, code: str, message: str
) -> Iterable[bytes]:
    """Answer with an error in the words and the shape of the service that is called."""
    if call.service in ("account", "eks", "observabilityadmin"):
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
        body = json.dumps({"message": message})
    elif call.service in ("config", "logs", "organizations"):
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        body = json.dumps({"__type": code, "message": message})
    elif call.service == "ec2":
        headers = {"Content-Type": "text/xml"}
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
            "<RequestID>made-up</RequestID></Response>"
        )
    else:
        headers = {"Content-Type": "text/xml"}
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            "<RequestId>made-up</RequestId></ErrorResponse>"
        )
    return respond(environ, start_response, status, body.encode(), headers)
