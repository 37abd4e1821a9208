"""Requests beyond the recorded ones."""

from __future__ import annotations

import pytest

from scanner.audit_policy.request import attributes
from scanner.audit_policy.types import RequestAttributes
from scanner.errors import RequestError

PODS = "/api/v1/namespaces/default/pods"


def test_the_identity_is_carried_along() -> None:
    assert attributes(
        "DELETE", "https://host:6443/apis/apps/v1/deployments?x=1", "alice", ("dev",)
    ) == RequestAttributes(
        verb="deletecollection",
        user="alice",
        groups=("dev",),
        api_group="apps",
        resource="deployments",
        path="/apis/apps/v1/deployments",
    )


@pytest.mark.parametrize(
    ("query", "verb", "name"),
    [
        ("fieldSelector=metadata.name=a,,", "list", "a"),
        ("fieldSelector=spec.x!=1,metadata.name%3Da", "list", "a"),
        ("fieldSelector=metadata.name=a%5C,b", "list", "a,b"),
        ("fieldSelector=metadata.name=a%5Cb", "list", ""),
        ("fieldSelector=metadata.name=a=b", "list", ""),
        ("fieldSelector=metadata.name=..", "list", ""),
        ("fieldSelector=metadata.name=%2525", "list", ""),
        ("fieldSelector=metadata.name!=a", "list", ""),
        ("limit=5&fieldSelector=metadata.name=a", "list", "a"),
        ("limit=99999999999999999999&fieldSelector=metadata.name=a", "list", ""),
        ("watch=FALSE", "list", ""),
        ("watch=1;x&limit=5", "list", ""),
        ("watch=%zz", "list", ""),
        ("&watch", "watch", ""),
    ],
)
def test_lists_and_watches(query: str, verb: str, name: str) -> None:
    found = attributes("GET", f"{PODS}?{query}")
    assert (found.verb, found.name) == (verb, name)


def test_an_url_that_the_server_cannot_read_is_an_error() -> None:
    with pytest.raises(RequestError) as caught:
        attributes("GET", "/api/%zz")
    assert (
        str(caught.value) == "/api/%zz: invalid URL escape in /api/%zz (the API server answers 400 and audits nothing)"
    )
    with pytest.raises(RequestError) as caught:
        attributes("GET", "/api/v1/watch")
    assert caught.value.what == "unable to determine kind and namespace from url, /api/v1/watch"
