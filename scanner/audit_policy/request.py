"""From a method and a URL to the attributes that rules are matched on, as Kubernetes' RequestInfoFactory does it.

Source: ``k8s.io/apiserver/pkg/endpoints/request/requestinfo.go``, v1.34 to v1.36.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from urllib.parse import unquote, urlsplit

from scanner.audit_policy.selectors import is_field_selector, is_integer, is_label_selector, required_field
from scanner.audit_policy.types import RequestAttributes
from scanner.errors import RequestError

_API_PREFIXES: Final = ("api", "apis")
_SPECIAL_VERBS: Final = ("proxy", "watch")
_NAMESPACE_SUBRESOURCES: Final = ("status", "finalize")
_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INTEGER_OPTIONS: Final = ("limit", "timeoutSeconds")
_NONE_OF_THE_PATH_SEGMENT_NAMES: Final = (".", "..")
_GROUPED_PARTS, _RESOURCE_PARTS, _SUBRESOURCE_PARTS = 3, 3, 3
_DURATION: Final = re.compile(r"[+-]?(?:0|((?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+))")
_DURATION_PART: Final = re.compile(r"0*([0-9]*)\.?([0-9]*)([^0-9.]+)")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_MAX_DURATION: Final = 2**63 - 1
_MOST_DIGITS: Final = 19


def attributes(method: str, url: str, user: str | None = None, groups: tuple[str, ...] = ()) -> RequestAttributes:
    """Give the attributes of a request.

    Args:
        method: The HTTP method, in the case in which it was sent.
        url: A path with an optional query, or a whole URL.
        user: The user's name; None for a request that failed authentication.
        groups: All groups of the user, ``system:authenticated`` included.

    Raises:
        RequestError: The API server answers such a URL before it authenticates the request, and never audits it.
    """
    path, query = _split(url)
    who = _Who(user, tuple(groups))
    parts = path.strip("/").split("/")
    plain = RequestAttributes(method.lower(), who.user, who.groups, is_resource=False, path=path)
    if len(parts) < _RESOURCE_PARTS or parts[0] not in _API_PREFIXES:
        return plain
    prefix, *parts = parts
    group = ""
    if prefix != "api":
        if len(parts) < _GROUPED_PARTS:
            return plain
        group, *parts = parts
    return _resource_request(method, url, path, query, who, group, parts[1:])


def refused_timeout(url: str) -> str:
    """Give the ``timeout`` of a URL where the API server cannot read it; empty where nothing is wrong with it.

    A request with such a timeout, unless it is long-running, is answered with 400 before it is authenticated, and has
    one audit event alone, without a user, at ResponseStarted.

    Source: ``k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go``, v1.34 to v1.36, confirmed by the audit logs
    of a running kube-apiserver 1.36.2.
    """
    timeout = _parse_query(_split(url)[1]).get("timeout", [""])[0]
    return "" if not timeout or _is_duration(timeout) else timeout


def _is_duration(text: str) -> bool:
    """Tell whether Go's ``time.ParseDuration`` reads a text: such as ``1h30m``, at most some 292 years."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return False
    parts = _DURATION_PART.findall(match[1] or "")
    if any(len(whole) > _MOST_DIGITS for whole, _, _ in parts):
        return False
    total = sum(int(Fraction(f"0{whole}.{rest[:_MOST_DIGITS]}0") * _NANOSECONDS[unit]) for whole, rest, unit in parts)
    return total <= _MAX_DURATION + text.startswith("-")


@dataclass(frozen=True, slots=True)
class _Who:
    """The identity that a request carries."""

    user: str | None
    groups: tuple[str, ...]


def _split(url: str) -> tuple[str, str]:
    """Split off scheme, host and query, and decode the path once."""
    parsed = urlsplit(url) if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url) else None
    raw, query = (parsed.path, parsed.query) if parsed else (url.split("#", 1)[0].partition("?")[::2])
    if _BAD_ESCAPE.search(raw):
        message = f"invalid URL escape in {raw}"
        raise RequestError(message, where=url, hint="the API server answers 400 and audits nothing")
    return unquote(raw, errors="surrogateescape"), query


def _resource_request(
    method: str, url: str, path: str, query: str, who: _Who, group: str, parts: list[str]
) -> RequestAttributes:
    """Read what stands after the version: ``[watch|proxy/][namespaces/x/]resource[/name[/subresource]]``."""
    verb = _VERBS.get(method, "")
    if parts[0] in _SPECIAL_VERBS:
        if len(parts) == 1:
            message = f"unable to determine kind and namespace from url, {url}"
            raise RequestError(message, where=url, hint="the API server answers 500 and audits nothing")
        verb, *parts = parts
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > _SUBRESOURCE_PARTS - 1 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) >= _SUBRESOURCE_PARTS and verb != "proxy" else ""
    if not name and verb == "get":
        verb, name = _list_or_watch(query)
    elif not name and verb == "delete":
        verb = "deletecollection"
    return RequestAttributes(
        verb,
        who.user,
        who.groups,
        api_group=group,
        resource=parts[0],
        subresource=subresource,
        namespace=namespace,
        name=name,
        path=path,
    )


def _parse_query(query: str) -> dict[str, list[str]]:
    """Parse a query as Go's ``url.ParseQuery`` does: pairs with ``;`` or a bad escape are left out."""
    options: dict[str, list[str]] = {}
    for pair in query.split("&"):
        if not pair or ";" in pair or _BAD_ESCAPE.search(pair):
            continue
        key, _, value = pair.partition("=")
        options.setdefault(unquote(key.replace("+", " ")), []).append(unquote(value.replace("+", " ")))
    return options


def _list_or_watch(query: str) -> tuple[str, str]:
    """Tell list from watch, and find the one name that a field selector asks for."""
    options = _parse_query(query)
    watch = "watch" in options and options["watch"][0].lower() not in ("false", "0")
    name = _selected_name(options) if _options_are_readable(options) else ""
    return ("watch" if watch else "list"), name


def _options_are_readable(options: Mapping[str, list[str]]) -> bool:
    """Tell whether all list options decode; where one doesn't, none but ``watch`` counts."""
    return (
        all(is_integer(options[key][0]) for key in _INTEGER_OPTIONS if key in options)
        and is_label_selector(options.get("labelSelector", [""])[0])
        and is_field_selector(options.get("fieldSelector", [""])[0])
    )


def _selected_name(options: Mapping[str, list[str]]) -> str:
    """Give the name that the field selector requires of ``metadata.name``; empty for none, or for an invalid one."""
    name = required_field(options.get("fieldSelector", [""])[0], "metadata.name") or ""
    return "" if name in _NONE_OF_THE_PATH_SEGMENT_NAMES or "/" in name or "%" in name else name
