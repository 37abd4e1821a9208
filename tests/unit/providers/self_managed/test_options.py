"""The keys of a self_managed account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.self_managed.options import SelfManagedOptions


def test_defaults_and_base(world: Path) -> None:
    options = SelfManagedOptions.model_validate({"cluster": [{"name": "a", "paths": ["x"]}]}, context={"base": world})
    (cluster,) = options.cluster
    assert (cluster.version, cluster.root, cluster.policy, cluster.location) == (None, None, None, "")
    assert cluster.base == world


@pytest.mark.parametrize("context", [None, {}, {"other": 1}])
def test_without_a_base_paths_start_here(context: dict[str, int] | None) -> None:
    options = SelfManagedOptions.model_validate({"cluster": [{"name": "a", "paths": ["x"]}]}, context=context)
    assert options.cluster[0].base == Path.cwd()


def test_a_version_may_have_its_v() -> None:
    options = SelfManagedOptions.model_validate({"cluster": [{"name": "a", "paths": ["x"], "version": "v1.34.1"}]})
    assert options.cluster[0].version == "1.34.1"


@pytest.mark.parametrize(
    ("options", "place", "message"),
    [
        ({}, ("cluster",), "Field required"),
        ({"cluster": []}, ("cluster",), "Value error, must name at least one cluster"),
        (
            {"cluster": [{"name": "a", "paths": ["x"]}, {"name": "a", "paths": ["y"]}]},
            ("cluster",),
            "Value error, must not name a cluster twice: a",
        ),
        (
            {"cluster": [{"name": "a", "paths": []}]},
            ("cluster", 0, "paths"),
            "Value error, must name at least one file or glob",
        ),
        (
            {"cluster": [{"name": "a", "paths": ["x"], "root": "a/**"}]},
            ("cluster", 0, "root"),
            "Value error, must not hold **: * stands for one directory",
        ),
        ({"cluster": [{"name": "a", "paths": "x"}]}, ("cluster", 0, "paths"), "Input should be a valid tuple"),
        ({"cluster": [{"name": "a", "paths": [1]}]}, ("cluster", 0, "paths", 0), "Input should be a valid string"),
        (
            {"cluster": [{"name": "a", "paths": ["x"], "path": "x"}]},
            ("cluster", 0, "path"),
            "Extra inputs are not permitted",
        ),
        (
            {"cluster": [{"name": "a", "paths": ["x"], "version": "34"}]},
            ("cluster", 0, "version"),
            r"String should match pattern '^v?1\.\d+(\.\d+)?$'",
        ),
    ],
)
def test_errors(options: dict[str, Any], place: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SelfManagedOptions.model_validate(options)
    (error,) = caught.value.errors()
    assert (error["loc"], error["msg"]) == (place, message)


LIVE_AND_SOURCES: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "has neither paths, nor kubeconfig, context or in_cluster for a live cluster"),
    ({"in_cluster": True, "context": "prod"}, "context cannot stand beside in_cluster: it is another way to reach"),
    ({"context": "prod", "paths": ["x"]}, "paths cannot stand beside context: a live cluster is read through its API"),
    ({"kubeconfig": "k", "root": "/"}, "root cannot stand beside kubeconfig: a live cluster is read through its API"),
    ({"paths": ["x"], "allow_exec": True}, "allow_exec is only used with kubeconfig or context"),
    ({"in_cluster": True, "allow_insecure_tls": True}, "allow_insecure_tls is only used with kubeconfig or context"),
    ({"context": "prod", "service_account": "/sa"}, "service_account is only used with in_cluster"),
    ({"paths": ["x"], "revision": "main"}, "revision is only used with source"),
    ({"paths": ["x"], "source": "-", "revision": "main"}, "revision needs a Git repository on this machine"),
    ({"paths": ["x"], "source": "https://h/r", "revision": "main"}, "revision needs a Git repository on this machine"),
    ({"paths": ["x"], "source": ".", "revision": "--output=/x"}, "String should match pattern"),
    ({"paths": ["x"], "ca_file": "ca.pem"}, "ca_file is only used with https:// URLs"),
    ({"paths": ["http://h/x"]}, "names a URL that is not https://"),
    ({"paths": ["x"], "source": "s3://b/x.tar"}, "names a URL that is not https://"),
    ({"paths": ["x"], "policy": "file:///x"}, "names a URL that is not https://"),
    ({"paths": ["https://[::1/x"]}, "names a URL that is none"),
    ({"paths": ["https://h:port/x"]}, "names a URL that is none"),
    ({"paths": ["https:///x"]}, "names a URL that is none"),
    ({"paths": ["https://h/x"], "source": "x.tar"}, "paths must lie within source"),
    ({"paths": ["-"], "source": "x.tar"}, "paths must lie within source"),
)


@pytest.mark.parametrize(("keys", "message"), LIVE_AND_SOURCES)
def test_keys_that_do_not_fit_together_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SelfManagedOptions.model_validate({"cluster": [{"name": "a", **keys}]})
    (error,) = caught.value.errors()
    assert message in error["msg"]


def test_standard_input_can_be_read_once_only() -> None:
    clusters = [{"name": "a", "paths": ["-"]}, {"name": "b", "paths": ["x"], "source": "-"}]
    with pytest.raises(ValidationError, match="must not read standard input for more than one cluster"):
        SelfManagedOptions.model_validate({"cluster": clusters})


@pytest.mark.parametrize(
    ("keys", "live", "identity"),
    [
        ({"paths": ["a", "b"]}, False, "a"),
        ({"paths": ["a"], "source": "https://me:secret@h/x.tgz?sig=secret"}, False, "https://h/x.tgz: a"),
        ({"paths": ["https://h:444/x?token=secret"]}, False, "https://h:444/x"),
        ({"context": "prod", "kubeconfig": "k"}, True, "prod"),
        ({"kubeconfig": "k"}, True, "k"),
        ({"in_cluster": True}, True, "in_cluster"),
    ],
)
def test_a_cluster_is_told_by_how_it_is_read(keys: dict[str, Any], live: bool, identity: str) -> None:  # noqa: FBT001
    (cluster,) = SelfManagedOptions.model_validate({"cluster": [{"name": "a", **keys}]}).cluster
    assert (cluster.is_live, cluster.id) == (live, identity)
