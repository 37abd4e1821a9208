"""systemd units that run kube-apiserver on the host, with their drop-ins and environment files.

Source: systemd.unit(5), systemd.service(5) ("Command lines") and systemd.exec(5) ("Environment").
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from providers.self_managed.source import ApiServerSource, Format, ManifestFile, Mount, View
from providers.self_managed.systemd_sandbox import Sandbox
from providers.self_managed.systemd_words import Environments, split_words
from providers.self_managed.words import server_arguments
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
_CONTAINER_TOOLS: Final = frozenset({"docker", "podman", "nerdctl", "rkt", "ctr"})


class Systemd:
    """A service unit whose ExecStart runs kube-apiserver."""

    title: Final = "systemd unit"
    signs: Final = (b"[Service]",)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Put the unit, its drop-ins and its environment together."""
        if not _SERVICE.search(file.text):
            return ()
        service = _service(file)
        sources = [source for command in service.commands if (source := _source(service, command)) is not None]
        return tuple(sources)


FORMAT: Final[Format] = Systemd()


@dataclass
class _Service:
    """What the unit and its drop-ins add up to."""

    commands: list[Argument] = field(default_factory=list)
    environments: Environments = field(default_factory=Environments)
    working_directory: str = "/"
    unread: list[Argument] = field(default_factory=list)
    sandbox: Sandbox = field(default_factory=Sandbox)


def _service(file: ManifestFile) -> _Service:
    service = _Service(environments=Environments(file.host))
    _merge(service, file.text, file.shown)
    for name, data in _drop_ins(file, service):
        _merge(service, data.decode("utf-8", "replace"), name)
    return service


def _merge(service: _Service, text: str, shown: str) -> None:
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


def _drop_ins(file: ManifestFile, service: _Service) -> list[tuple[str, bytes]]:
    """Read the drop-ins in the order of their names; what may not be read may change anything."""
    found: dict[str, tuple[str, bytes]] = {}
    folder = f"{file.path.name}.d"
    if file.host.root is not None:
        for directory in _UNIT_DIRECTORIES:
            found |= _read_all(service, file.host.list, file.host.read, file.host.show, f"{directory}/{folder}")
    found |= _read_all(service, file.list_beside, file.read_beside, file.show_beside, folder)
    return [found[name] for name in sorted(found)]


def _read_all(
    service: _Service,
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


def _source(service: _Service, command: Argument) -> ApiServerSource | None:
    """Read one command; None where it does not run kube-apiserver."""
    bare = command.text.lstrip(_PREFIXES)
    prefixes = command.text[: len(command.text) - len(bare)]
    environment = service.environments.resolve()
    words = split_words(replace(command, text=bare), None if ":" in prefixes else environment)
    if "@" in prefixes:
        del words[1:2]  # the name that the process gets
    in_container = bool(words) and posixpath.basename(words[0].text) in _CONTAINER_TOOLS
    arguments = server_arguments(_within_container(words) if in_container else words, environment)
    if arguments is None:
        return None
    unread = "it runs in a container whose mounts are not read" if in_container else service.sandbox.unread
    mounts: tuple[Mount, ...] | None = () if in_container else None
    return ApiServerSource(
        file=command.source,
        line=command.line or 1,
        arguments=(*arguments, *service.unread),
        view=View(mounts, unread, service.working_directory, service.sandbox.mounts()),
    )


def _within_container(words: list[Argument]) -> list[Argument]:
    """Leave out the words for the container tool: its ``--name`` may be kube-apiserver too."""
    names = [
        index for index, word in enumerate(words) if posixpath.basename(word.text) in {"kube-apiserver", "hyperkube"}
    ]
    return words[names[-1] :] if names else words
