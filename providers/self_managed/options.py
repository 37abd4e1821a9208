"""The keys of a ``self_managed`` account in the configuration."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from providers.self_managed.sources.names import is_address, shown_path
from scanner.model import SHOWN_AS_SET, Settings
from scanner.ports import AccountOptions

SERVICE_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the kubelet mounts a pod's service account."""
STANDARD_INPUT: Final = "-"

_FILES_ONLY: Final = ("paths", "root", "source", "revision")
_EXCLUSIONS: Final = (
    ("in_cluster", ("kubeconfig", "context"), "it is another way to reach a cluster"),
    *(
        (live, _FILES_ONLY, "a live cluster is read through its API")
        for live in ("in_cluster", "kubeconfig", "context")
    ),
)
"""Keys that exclude others, and why."""
_NEEDS: Final = {
    "revision": ("source",),
    "service_account": ("in_cluster",),
    "allow_exec": ("kubeconfig", "context"),
    "allow_insecure_tls": ("kubeconfig", "context"),
}
"""Keys that mean nothing without one of others."""

_Name = Annotated[str, Field(min_length=1)]


class ClusterOptions(Settings):
    """``[[account.cluster]]``: where one cluster is read: the files of its control plane, or its own API.

    Relative paths start at the directory of the configuration file, which is handed over as ``base`` in the validation
    context; without it they start at the working directory. With `source` they start there.
    """

    name: _Name = Field(description="The cluster's name in reports.", examples=["fra-1"])
    paths: tuple[_Name, ...] = Field(
        default=(),
        strict=False,
        examples=[["hosts/*/etc/kubernetes/manifests/kube-apiserver.yaml"]],
        description='Files, directories, globs, https:// URLs, or "-" for standard input; not for a live cluster.',
        json_schema_extra=SHOWN_AS_SET,
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
        description="A copy of the audit policy, or its https:// URL, used where the file itself cannot be read.",
    )
    source: _Name | None = Field(
        default=None,
        examples=["hosts.tar.gz"],
        description="Where paths, root and policy start: a directory, a tar archive, its https:// URL, "
        '"-" for an archive on standard input, or a Git repository.',
    )
    revision: _Name | None = Field(
        default=None,
        pattern=r"^[^-\s][^\s]*$",
        examples=["main"],
        description="The commit, branch or tag of the Git repository in source that is read in place of its files.",
    )
    ca_file: _Name | None = Field(
        default=None,
        examples=["internal-ca.pem"],
        description="The certificate authorities trusted for https:// URLs, in place of the system's own.",
    )
    kubeconfig: _Name | None = Field(
        default=None,
        examples=["kubeconfig"],
        description="A live cluster's kubeconfig; without it, context is looked for in KUBECONFIG or ~/.kube/config.",
    )
    context: _Name | None = Field(
        default=None,
        examples=["prod"],
        description="A live cluster's context; without it, the current one of kubeconfig.",
    )
    in_cluster: bool = Field(
        default=False, description="Read the live cluster that this runs in, with its pod's service account."
    )
    service_account: _Name = Field(
        default=SERVICE_ACCOUNT, description="For in_cluster: where the service account is mounted."
    )
    allow_exec: bool = Field(
        default=False, description="Let the kubeconfig's exec plugin run to get credentials; it may be any program."
    )
    allow_insecure_tls: bool = Field(
        default=False, description="Let the kubeconfig switch off the check of the server's certificate."
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

    @property
    def is_live(self) -> bool:
        """Whether the cluster is read through its own API."""
        return self.in_cluster or self.kubeconfig is not None or self.context is not None

    @property
    def id(self) -> str:
        """What tells the cluster from others where nothing better is known: its first path or its context."""
        if self.is_live:
            return "in_cluster" if self.in_cluster else self.context or self.kubeconfig or ""
        first = shown_path(self.paths[0])
        return f"{shown_path(self.source)}: {first}" if self.source else first

    @property
    def reads_standard_input(self) -> bool:
        """Whether standard input is read for it."""
        return STANDARD_INPUT in {self.source, *self.paths}

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

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        """Refuse a cluster that is read in two ways or in none, and keys that would be ignored."""
        given = {name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default}
        if not self.is_live and not self.paths:
            message = "has neither paths, nor kubeconfig, context or in_cluster for a live cluster"
            raise ValueError(message)
        for key, useless, why in _EXCLUSIONS:
            for other in useless:
                if key in given and other in given:
                    message = f"{other} cannot stand beside {key}: {why}"
                    raise ValueError(message)
        for key, needed in _NEEDS.items():
            if key in given and not given & set(needed):
                message = f"{key} is only used with {' or '.join(needed)}"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _source_can_be_read(self) -> Self:
        """Refuse what no source can be, and standard input that would be read twice."""
        web = [one for one in (self.source, *self.paths, self.policy) if one and "://" in one]
        strange = [one for one in web if not one.startswith("https://")]
        if strange:
            message = "names a URL that is not https://: nothing is read from an address that is not verified"
            raise ValueError(message)
        if not all(is_address(one) for one in web):
            message = "names a URL that is none: https://HOST/PATH is expected"
            raise ValueError(message)
        if self.source is not None and any(one in self.paths for one in (*web, STANDARD_INPUT)):
            message = "paths must lie within source: name URLs and - without it"
            raise ValueError(message)
        if self.revision is not None and (self.source == STANDARD_INPUT or self.source in web):
            message = "revision needs a Git repository on this machine as source"
            raise ValueError(message)
        if self.ca_file is not None and not web:
            message = "ca_file is only used with https:// URLs"
            raise ValueError(message)
        return self


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
        if sum(cluster.reads_standard_input for cluster in value) > 1:
            message = "must not read standard input for more than one cluster"
            raise ValueError(message)
        return value
