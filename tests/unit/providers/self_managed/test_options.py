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
