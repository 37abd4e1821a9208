"""systemd units that run kube-apiserver on the host, with their drop-ins and environment files."""

from __future__ import annotations

import posixpath
from typing import Final

from providers.self_managed.source import ApiServerSource, Format, ManifestFile, Mount, View
from providers.self_managed.systemd_unit import Service, is_service, read_service
from providers.self_managed.words import server_arguments
from scanner.apiserver import Argument

_CONTAINER_TOOLS: Final = frozenset({"docker", "podman", "nerdctl", "rkt", "ctr"})


class Systemd:
    """A service unit whose ExecStart runs kube-apiserver."""

    title: Final = "systemd unit"
    signs: Final = (b"[Service]",)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Put the unit, its drop-ins and its environment together."""
        if not is_service(file):
            return ()
        service = read_service(file)
        sources = [source for command in service.commands if (source := _source(service, command)) is not None]
        return tuple(sources)


FORMAT: Final[Format] = Systemd()


def _source(service: Service, command: Argument) -> ApiServerSource | None:
    """Read one command; None where it does not run kube-apiserver."""
    words = service.words(command)
    environment = service.environments.resolve()
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
