"""The variables of a Kubespray inventory: which value counts where several files set one, and what Ansible fills in.

Source: Ansible's "Using variables", Understanding variable precedence: ``group_vars/all``, then the groups from parent
to child, then the hosts, then what is given on the command line; within a group the files in the order of their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from yaml.nodes import ScalarNode

from providers.self_managed.fields import Field
from providers.self_managed.source import Fragment

_GROUPS: Final = {
    "all": 0,
    "k8s_cluster": 1,
    "k8s-cluster": 1,
    "kube_control_plane": 2,
    "kube-control-plane": 2,
    "kube-master": 2,
}
"""Groups that every control-plane node is in, children after their parents."""
_COMMAND_LINE: Final = 3
_FOLDERS: Final = frozenset({"group_vars", "host_vars"})
_EXPRESSION: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_TEMPLATE: Final = re.compile(r"\{[{%#]")
_PATHS: Final = {"kube_config_dir": "/etc/kubernetes", "kube_cert_dir": "{{ kube_config_dir }}/ssl"}
_FILLED_IN: Final = "Ansible fills in the value; give the static pod manifest instead"
_VAULT: Final = "the value is encrypted with Ansible Vault"
_DEEPEST: Final = 5
"""How often a value may name a variable whose value names another one."""


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a variable.

    Attributes:
        field: Where it is set; a place without a value where Kubespray's default counts.
        text: The value, as far as it is known.
        unread: Why it is not known; empty where it is.
    """

    field: Field
    text: str
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of the control-plane nodes of one inventory.

    Attributes:
        name: The inventory's directory; empty for the one that is read from.
        first: The document that is named where nothing is set.
        narrower: Documents of single hosts and of groups that not every control-plane node may be in.
    """

    name: str
    first: Field
    values: Mapping[str, Field]
    narrower: tuple[Field, ...] = ()

    def get(self, name: str) -> Field:
        """Give a variable as it is written; a place without a value where it is not set."""
        return self.values.get(name) or self.first.get(name)

    def read(self, name: str, default: str = "") -> Value:
        """Give a variable's value, with the variables that it names filled in where they are paths that are known."""
        return self.fill(self.get(name), default)

    def fill(self, field: Field, default: str = "") -> Value:
        """Give the value of what is written somewhere, as `read` does."""
        if isinstance(field.node, ScalarNode) and field.node.tag == "!vault":
            return Value(field, "", _VAULT)
        text = self._filled(field.text if field else default, _DEEPEST)
        return Value(field, text, _FILLED_IN if _TEMPLATE.search(text) else "")

    def is_on(self, name: str) -> bool | None:
        """Say whether a variable that is off by default is true to Jinja; None where that is not known."""
        value = self.read(name)
        if value.unread:
            return None
        node = value.field.node
        if isinstance(node, ScalarNode) and node.style in {"'", '"'}:
            return bool(value.text)  # a text: even "false" is true
        return value.field.truth

    def _filled(self, text: str, depth: int) -> str:
        if not depth:
            return text

        def value(match: re.Match[str]) -> str:
            known = self.get(match[1]).text or _PATHS.get(match[1], "")
            return self._filled(known, depth - 1) or match[0]

        return _EXPRESSION.sub(value, text)


def inventories(fragments: Sequence[Fragment]) -> tuple[Variables, ...]:
    """Put the files of each inventory together; files outside of any are given on the command line, for all of them."""
    files = [(_inventory(one.content.file), _rank(one.content.file), one.content) for one in fragments]
    names = dict.fromkeys(name for name, _, _ in files if name is not None)
    return tuple(
        _variables(name, [(rank, field) for own, rank, field in files if own in {name, None}])
        for name in names or {"": None}
    )


def _variables(name: str, files: Iterable[tuple[int | None, Field]]) -> Variables:
    files = list(files)
    ranked = sorted(((rank, field) for rank, field in files if rank is not None), key=lambda one: (one[0], one[1].file))
    values = {key: value for _, field in ranked for key, value in field.entries()}
    narrower = tuple(field for rank, field in files if rank is None)
    return Variables(name, ranked[0][1] if ranked else narrower[0], values, narrower)


def in_inventory(file: str) -> bool:
    """Say whether a file lies in an inventory's directory of variables."""
    return _inventory(file) is not None


def _inventory(file: str) -> str | None:
    """Give the directory of the inventory that a file belongs to; None for a file outside of any."""
    parts = PurePosixPath(file).parts
    index = next((index for index, part in enumerate(parts) if part in _FOLDERS), None)
    return None if index is None else "/".join(parts[:index])


def _rank(file: str) -> int | None:
    """Give the precedence of a file; None where not every control-plane node may be in its group."""
    parts = PurePosixPath(file).parts
    index = next((index for index, part in enumerate(parts) if part in _FOLDERS), None)
    if index is None:
        return _COMMAND_LINE
    group = PurePosixPath(parts[index + 1]).stem if index + 1 < len(parts) else ""
    return _GROUPS.get(group) if parts[index] == "group_vars" else None
