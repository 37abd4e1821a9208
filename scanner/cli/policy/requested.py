"""The request that ``policy explain`` is asked about: from a method and a URL, or from options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from scanner.audit_policy.events import is_long_running
from scanner.audit_policy.request import attributes, refused_timeout
from scanner.audit_policy.types import RequestAttributes
from scanner.cli.policy.identity import Identity
from scanner.errors import UsageError
from scanner.knowledge.resources import ApiResource, resource_knowledge

_VERBS: Final = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy")
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
_OF_ONE_OBJECT: Final = ("get", "update", "patch", "delete")
_CONNECTIONS: Final = {"exec": "exec", "attach": "attach", "portforward": "portforward", "port-forward": "portforward"}
_RESOURCE_OPTIONS: Final = ("--resource", "--api-group", "--namespace", "--name")


@dataclass(frozen=True, slots=True)
class Requested:
    """A request, and what was assumed about it because nobody said so; sentences without a full stop.

    Attributes:
        is_refused: Whether the API server answers it with 400 before it authenticates it, so that it has no user.
    """

    attributes: RequestAttributes
    assumptions: tuple[str, ...] = ()
    is_refused: bool = False


def requested(arguments: argparse.Namespace, who: Identity) -> Requested:
    """Read the request from the options.

    Raises:
        UsageError: The options contradict each other, or don't say which request.
        RequestError: The API server answers the URL of ``--request`` before it audits anything.
    """
    given = _given(arguments)
    if "--request" in given:
        _refuse_together("--request", [option for option in given if option != "--request"], "the URL says it all")
        return _from_url(arguments.request, who)
    if "--path" in given:
        hint = "--path is for requests that are about no resource"
        _refuse_together("--path", [option for option in given if option in _RESOURCE_OPTIONS], hint)
        return _path_request(arguments, who)
    if "--verb" in given and "--resource" in given:
        return _resource_request(arguments, who)
    missing = [option for option in ("--verb", "--resource") if option not in given]
    hint = 'give --verb and --resource, or --path, or --request "METHOD URL"'
    what = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing" if given else "which request?"
    raise UsageError(what, where="policy explain", hint=hint)


def _given(arguments: argparse.Namespace) -> list[str]:
    """Name the options that say which request."""
    values = {
        "--request": arguments.request,
        "--verb": arguments.verb,
        "--path": arguments.path,
        "--resource": arguments.resource,
        "--api-group": arguments.api_group,
        "--namespace": arguments.namespace or None,
        "--name": arguments.name or None,
    }
    return [option for option, value in values.items() if value is not None]


def _refuse_together(option: str, others: Sequence[str], hint: str) -> None:
    """Refuse options that contradict another one."""
    if others:
        raise UsageError("not allowed together", where=f"{option} and {', '.join(others)}", hint=hint)


def _from_url(text: str, who: Identity) -> Requested:
    """Read ``METHOD URL``."""
    method, _, url = text.strip().partition(" ")
    url = url.strip()
    if not url or not method.isalpha() or not (url.startswith("/") or "://" in url):
        hint = 'write the method and the URL, such as --request "GET /api/v1/namespaces/default/secrets"'
        raise UsageError("not a method and a URL", where=f"--request {text}", hint=hint)
    assumed = () if method.isupper() else (f"the method {method} was read as {method.upper()}",)
    found = attributes(method.upper(), url, who.user, who.groups)
    timeout = refused_timeout(url)
    if not timeout or is_long_running(found):
        return Requested(found, assumed)
    why = (
        f"the timeout {timeout} is no duration, so that the API server answers 400 before it authenticates the request"
    )
    return Requested(replace(found, user=None, groups=()), (*assumed, why), is_refused=True)


def _path_request(arguments: argparse.Namespace, who: Identity) -> Requested:
    """Read a request for a path; its verb is the HTTP method in lower case."""
    path = arguments.path
    if not path.startswith("/"):
        raise UsageError("a path begins with /", where=f"--path {path}", hint=f"write --path /{path}")
    verb = _known(arguments.verb or "get", _METHODS, "the verb of a request for a path is its HTTP method")
    found = attributes(verb.upper(), path.replace("%", "%25").replace("?", "%3F").replace("#", "%23"), who.user)
    if found.is_resource:
        hint = f'give it as a request instead: --request "{verb.upper()} {path}"'
        raise UsageError(f"this is a request for the resource {found.resource}", where=f"--path {path}", hint=hint)
    assumed = () if arguments.verb else ("the verb is get",)
    return Requested(RequestAttributes(verb, who.user, who.groups, is_resource=False, path=path), assumed)


def _resource_request(arguments: argparse.Namespace, who: Identity) -> Requested:
    """Read a request for a resource."""
    name, subresource = _split(arguments.resource)
    verb = arguments.verb.lower()
    if verb in _CONNECTIONS:
        part = _CONNECTIONS[verb]
        hint = f"write --verb get (WebSocket) or --verb create (SPDY) with --resource pods/{part}"
        raise UsageError(f"no request has the verb {verb}", where="--verb", hint=hint)
    verb = _known(verb, _VERBS, "the verbs of requests for resources")
    resource, group, known, assumed = _resolve(name, arguments.api_group)
    namespace = arguments.namespace
    if (resource, group) == ("namespaces", "") and arguments.name and not namespace:
        namespace = arguments.name
        assumed += (f"the namespace is {namespace}: a request for a Namespace object has its name as namespace",)
    found = RequestAttributes(
        verb,
        who.user,
        who.groups,
        api_group=group,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=arguments.name,
    )
    return Requested(found, (*assumed, *_remarks(found, known)))


def _split(text: str) -> tuple[str, str]:
    """Split off the subresource."""
    resource, slash, subresource = text.partition("/")
    if not resource or (slash and not subresource) or "/" in subresource or "*" in text:
        hint = "write a resource such as secrets, or one with its subresource such as pods/exec"
        raise UsageError("not a resource", where=f"--resource {text}", hint=hint)
    return resource, subresource


def _known(verb: str, verbs: tuple[str, ...], what: str) -> str:
    """Read a verb; UsageError for one that no request has."""
    if verb.lower() not in verbs:
        raise UsageError(f"no such request has the verb {verb}", where="--verb", hint=f"{what}: {', '.join(verbs)}")
    return verb.lower()


def _resolve(name: str, asked: str | None) -> tuple[str, str, ApiResource | None, tuple[str, ...]]:
    """Find the resource and its API group: ``deployments.apps`` and short names as kubectl reads them."""
    resource, dot, group = name.partition(".")
    if dot:
        if asked is not None and asked != group:
            hint = f"leave --api-group out: {name} says it"
            raise UsageError("not allowed together", where=f"--resource {name} and --api-group {asked}", hint=hint)
        return resource, group, resource_knowledge().find(group, resource), ()
    if asked is not None:
        return name, asked, resource_knowledge().find(asked, name), ()
    groups = resource_knowledge().groups_of(name)
    if groups:
        return name, groups[0], resource_knowledge().find(groups[0], name), _group_assumed(name, groups)
    aliases = resource_knowledge().named(name)
    if aliases:
        group, known = aliases[0]
        title = group or "core"
        return known.plural, group, known, (f"{name} was read as {known.plural} of the API group {title}",)
    return name, "", None, (f"the API group is core (no resource {name} is known; say --api-group for another)",)


def _group_assumed(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Say which API group was taken, unless that is the core group."""
    if not groups[0]:
        return ()
    others = ", ".join(groups[1:])
    return (f"the API group of {name} is {groups[0]}" + (f" (also served by {others})" if others else ""),)


def _remarks(request: RequestAttributes, known: ApiResource | None) -> tuple[str, ...]:
    """Say what no real request looks like, or what an empty value stands for."""
    remarks = []
    if known and known.namespaced and not request.namespace:
        what = "over all namespaces" if request.verb in ("list", "watch") else "without a namespace"
        remarks.append(f"the request is {what}, so its namespace is empty; --namespace sets one")
    if known and not known.namespaced and request.namespace and known.plural != "namespaces":
        remarks.append(f"{known.plural} have no namespace: a real request for them has an empty one")
    if request.verb in _OF_ONE_OBJECT and not request.name:
        remarks.append(f"a real {request.verb} names an object; --name sets one")
    return tuple(remarks)
