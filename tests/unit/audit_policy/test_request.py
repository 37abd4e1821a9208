"""Requests beyond the recorded ones."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from scanner.audit_policy.request import attributes, refused_timeout
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
        ("fieldSelector=metadata.name%3Da%5C", "list", ""),
        ("fieldSelector=metadata.name=a,x=b%5C", "list", ""),
        ("fieldSelector=metadata.name=b,metadata.name=a", "list", "a"),
        ("fieldSelector=metadata.name=a,metadata.name==b", "list", "b"),
        ("fieldSelector=metadata.name=,metadata.name=a", "list", ""),
        ("limit=&fieldSelector=metadata.name=a", "list", ""),
        ("timeoutSeconds=&fieldSelector=metadata.name=a", "list", ""),
        pytest.param(f"limit={'0' * 5000}1&fieldSelector=metadata.name=a", "list", "a", id="zeros"),
        pytest.param(f"limit={'1' * 5000}&fieldSelector=metadata.name=a", "list", "", id="ones"),
        ("limit=-9223372036854775808&fieldSelector=metadata.name=a", "list", "a"),
        ("timeoutSeconds=x&fieldSelector=metadata.name=a&watch=1", "watch", ""),
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


@pytest.mark.parametrize(
    "selector",
    [
        "",
        " ",
        "a",
        "!a",
        "! a , b",
        "a=",
        "a=,b",
        "a==b,c!=d",
        "a in (b)",
        "a notin(b, c)",
        "a in ()",
        "a in (,)",
        "a in (,b,,)",
        "in in (in)",
        "a>1,b<-2",
        "example.com/a=b",
        f"a={'b' * 63}",
    ],
)
def test_a_list_by_labels_keeps_the_name_that_its_field_selector_asks_for(selector: str) -> None:
    url = f"{PODS}?labelSelector={quote(selector)}&fieldSelector=metadata.name%3Dp1"
    assert attributes("GET", url).name == "p1"


@pytest.mark.parametrize(
    "selector",
    [
        "a=(",
        "a,",
        ",a",
        "a=,",
        "!",
        "!!a",
        "!a=b",
        "a b",
        "a=b c",
        "a=b=c",
        "a===b",
        "a=!b",
        "a in b",
        "a in (b",
        "a in (b c)",
        "a in (b))",
        "a in (=)",
        "a within (b)",
        "a>",
        "a>b",
        "a=-b",
        "a in (-b)",
        "-a",
        "/a",
        "A.com/a",
        "a/b/c",
        f"{'a' * 64}",
        f"a={'b' * 64}",
        f"{'a.' * 127}b/c",
        "a=b\u00e9",
    ],
)
def test_one_option_that_cannot_be_read_takes_the_others_with_it(selector: str) -> None:
    url = f"{PODS}?labelSelector={quote(selector)}&fieldSelector=metadata.name%3Dp1"
    assert (attributes("GET", url).verb, attributes("GET", url).name) == ("list", "")
    assert attributes("GET", f"{url}&watch=true").verb == "watch"


@pytest.mark.parametrize(
    "timeout",
    [
        "",
        "0",
        "-0",
        "10s",
        "1h30m",
        "1.5h",
        ".5s",
        "1.s",
        "-3ms",
        "5\u00b5s",
        "9223372036854775807ns",
        "2562047h",
        pytest.param(f"{'0' * 5000}1.{'5' * 5000}s", id="long"),
    ],
)
def test_timeouts_that_the_server_reads(timeout: str) -> None:
    assert refused_timeout(f"{PODS}?timeout={quote(timeout)}&timeout=bogus") == ""


@pytest.mark.parametrize(
    "timeout",
    [
        "bogus",
        "1",
        "s",
        ".s",
        "1d",
        "1h ",
        "--1s",
        "1_0s",
        "9223372036854775808ns",
        "2562048h",
        "\u0661s",
        pytest.param(f"{'9' * 5000}s", id="long"),
    ],
)
def test_timeouts_that_the_server_refuses(timeout: str) -> None:
    assert refused_timeout(f"{PODS}?timeout={quote(timeout)}") == timeout
