"""The keys of a ``self_managed`` account in the configuration."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from scanner.model import Settings
from scanner.ports import AccountOptions

_Name = Annotated[str, Field(min_length=1)]


class ClusterOptions(Settings):
    """``[[account.cluster]]``: where the files of one cluster's control plane are.

    Relative paths start at the directory of the configuration file, which is handed over as ``base`` in the validation
    context; without it they start at the working directory.
    """

    name: _Name = Field(description="The cluster's name in reports.", examples=["fra-1"])
    paths: tuple[_Name, ...] = Field(
        strict=False,
        examples=[["hosts/*/etc/kubernetes/manifests/kube-apiserver.yaml"]],
        description="Files or globs; each file found is one control-plane node.",
    )
    version: str | None = Field(
        default=None,
        pattern=r"^v?1\.\d+(\.\d+)?$",
        examples=["1.34"],
        description='The Kubernetes version, such as "1.34"; otherwise it is read from the files.',
    )
    root: _Name | None = Field(
        default=None,
        examples=["hosts/*"],
        description="The mounted host filesystem that each path lies in; may hold *.",
    )
    policy: _Name | None = Field(
        default=None,
        examples=["audit-policy.yaml"],
        description="A copy of the audit policy, used where the file itself is not found below root.",
    )
    location: str = Field(default="", description="The site or zone in reports.")

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic hands over whatever its caller gave
        """Keep the directory at which relative paths start."""
        if isinstance(context, dict) and "base" in context:
            self._base = Path(context["base"]).absolute()

    @property
    def base(self) -> Path:
        """The directory at which relative paths start."""
        return self._base

    @field_validator("paths")
    @classmethod
    def _paths_are_there(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            message = "must name at least one file or glob"
            raise ValueError(message)
        return value

    @field_validator("root")
    @classmethod
    def _root_is_no_deep_glob(cls, value: str | None) -> str | None:
        if value is not None and "**" in value:
            message = "must not hold **: * stands for one directory"
            raise ValueError(message)
        return value

    @field_validator("version")
    @classmethod
    def _version_without_v(cls, value: str | None, _info: ValidationInfo) -> str | None:
        return value.removeprefix("v") if value is not None else None


class SelfManagedOptions(AccountOptions):
    """``[[account]]`` with ``provider = "self_managed"``."""

    cluster: tuple[ClusterOptions, ...] = Field(
        strict=False,
        description="The clusters, one [[account.cluster]] table each.",
    )

    @field_validator("cluster")
    @classmethod
    def _clusters_are_told_apart(cls, value: tuple[ClusterOptions, ...]) -> tuple[ClusterOptions, ...]:
        if not value:
            message = "must name at least one cluster"
            raise ValueError(message)
        repeated = [name for name, count in Counter(cluster.name for cluster in value).items() if count > 1]
        if repeated:
            message = f"must not name a cluster twice: {', '.join(repeated)}"
            raise ValueError(message)
        return value
