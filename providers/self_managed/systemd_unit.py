"""systemd service units with their drop-ins and environment files.

Source: systemd.unit(5), systemd.service(5) ("Command lines") and systemd.exec(5) ("Environment").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from providers.self_managed.source import ManifestFile
from providers.self_managed.systemd_sandbox import Sandbox
from providers.self_managed.systemd_words import Environments, split_words
from scanner.apiserver import Argument
from scanner.errors import CollectionError, NotFound

_SERVICE: Final = re.compile(r"(?m)^\s*\[Service\]\s*$")
_UNIT_DIRECTORIES: Final = (
    "/usr/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
)
"""Where drop-ins may lie beside the unit's own directory; a name in a later one replaces an earlier one."""
_PREFIXES: Final = "@-:+!|"


def is_service(file: ManifestFile) -> bool:
    """Say whether a file is a service unit."""
    return _SERVICE.search(file.text) is not None


@dataclass
class Service:
    """What the unit and its drop-ins add up to."""

    commands: list[Argument] = field(default_factory=list)
    environments: Environments = field(default_factory=Environments)
    working_directory: str = "/"
    unread: list[Argument] = field(default_factory=list)
    sandbox: Sandbox = field(default_factory=Sandbox)

    def words(self, command: Argument) -> list[Argument]:
        """Split one command into its words, the program first, with the variables that systemd replaces."""
        bare = command.text.lstrip(_PREFIXES)
        prefixes = command.text[: len(command.text) - len(bare)]
        words = split_words(replace(command, text=bare), None if ":" in prefixes else self.environments.resolve())
        if "@" in prefixes:
            del words[1:2]  # the name that the process gets
        return words


def read_service(file: ManifestFile) -> Service:
    """Put a unit, its drop-ins and its environment together."""
    service = Service(environments=Environments(file.host))
    _merge(service, file.text, file.shown)
    for name, data in _drop_ins(file, service):
        _merge(service, data.decode("utf-8", "replace"), name)
    return service


def _merge(service: Service, text: str, shown: str) -> None:
    """Add the settings of one file; an empty value resets a list."""
    for key, argument in _settings(text, shown):
        if key == "ExecStart":
            service.commands = [*service.commands, argument] if argument.text else []
        elif key == "WorkingDirectory":
            service.working_directory = argument.text.removeprefix("-") or "/"
        elif key == "Environment":
            service.environments.add(argument)
        elif key == "EnvironmentFile":
            service.environments.add_file(argument)
        else:
            service.sandbox.add(key, argument)


def _settings(text: str, shown: str) -> Iterator[tuple[str, Argument]]:
    """Give the keys and values of the [Service] section, continuations joined, comments among them left out."""
    section = ""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        stripped = raw.strip()
        if stripped.startswith(("#", ";")):
            continue
        first = first if parts else number
        if raw.rstrip().endswith("\\"):
            parts.append(raw.rstrip()[:-1])
            continue
        # A continued line keeps its line break, so that each word's line can be counted; it is white space anyway.
        whole = "\n".join([*parts, raw]).strip()
        parts = []
        if whole.startswith("["):
            section = whole
        elif section == "[Service]" and "=" in whole:
            key, _, value = whole.partition("=")
            yield key.strip(), Argument(value.strip(), shown, first)


def _drop_ins(file: ManifestFile, service: Service) -> list[tuple[str, bytes]]:
    """Read the drop-ins in the order of their names; what may not be read may change anything."""
    found: dict[str, tuple[str, bytes]] = {}
    folder = f"{file.path.name}.d"
    if file.host.root is not None:
        for directory in _UNIT_DIRECTORIES:
            found |= _read_all(service, file.host.list, file.host.read, file.host.show, f"{directory}/{folder}")
    found |= _read_all(service, file.list_beside, file.read_beside, file.show_beside, folder)
    return [found[name] for name in sorted(found)]


def _read_all(
    service: Service,
    lister: Callable[[str], tuple[str, ...]],
    reader: Callable[[str], bytes],
    show: Callable[[str], str],
    directory: str,
) -> dict[str, tuple[str, bytes]]:
    """Read the drop-ins of one directory, by name; a directory that is not there has none."""
    found: dict[str, tuple[str, bytes]] = {}
    try:
        for name in lister(directory):
            if name.endswith(".conf"):
                found[name] = (show(f"{directory}/{name}"), reader(f"{directory}/{name}"))
    except NotFound:
        pass
    except CollectionError as error:
        service.unread.append(Argument("", error.where, unread=f"the drop-in {error.where} {error.what}"))
    return found
