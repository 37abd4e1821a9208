"""What a systemd unit's sandboxing leaves of the host's filesystem.

Source: systemd.exec(5), "Sandboxing" and ``LogsDirectory=``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from providers.self_managed.source import Mount, Place, PlaceKind
from scanner.apiserver import Argument
from scanner.model import Evidence

_PROTECTED: Final = {
    "true": ("/usr", "/boot", "/efi"),
    "full": ("/usr", "/boot", "/efi", "/etc"),
    "strict": ("/",),
}
_HOMES: Final = ("/home", "/root", "/run/user")
_DIRECTORIES: Final = {
    "LogsDirectory": "/var/log",
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "RuntimeDirectory": "/run",
    "ConfigurationDirectory": "/etc",
}
_LISTS: Final = ("ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem", *_DIRECTORIES)
_SWITCHES: Final = ("ProtectSystem", "ProtectHome", "PrivateTmp", "RootDirectory", "RootImage")
_YES: Final = frozenset({"yes", "true", "on", "1"})
_NO: Final = frozenset({"", "no", "false", "off", "0"})


@dataclass
class Sandbox:
    """The directives that matter, as the unit and its drop-ins add up to them."""

    _lists: dict[str, list[tuple[str, Argument]]] = field(default_factory=dict)
    _switches: dict[str, Argument] = field(default_factory=dict)

    def add(self, key: str, argument: Argument) -> None:
        """Take one setting into account; an empty value resets a list, and the last one of a switch counts."""
        if key in _LISTS:
            words = argument.text.split()
            known = self._lists.get(key, []) if words else []
            self._lists[key] = [*known, *((word.lstrip("-+"), argument) for word in words)]
        elif key in _SWITCHES:
            self._switches[key] = argument

    @property
    def unread(self) -> str:
        """Say why the filesystem is not known at all; empty where it is."""
        for key in ("RootDirectory", "RootImage"):
            argument = self._switches.get(key)
            if argument is not None and argument.text not in {"", "/"}:
                return f"{key}={argument.text} gives it a root of its own, which is not read"
        return ""

    def mounts(self) -> tuple[Mount, ...]:
        """Give what differs from the host's filesystem; of two with the same path the first counts."""
        return tuple(self._all())

    def _all(self) -> Iterator[Mount]:
        for key, above in _DIRECTORIES.items():
            for name, argument in self._lists.get(key, []):
                yield _host(f"{above}/{name.partition(':')[0]}", key, argument, read_only=False)
        for key in ("ReadWritePaths", "ReadOnlyPaths"):
            for path, argument in self._lists.get(key, []):
                yield _host(path, key, argument, read_only=key == "ReadOnlyPaths")
        for path, argument in self._lists.get("InaccessiblePaths", []):
            what = f"InaccessiblePaths= of the unit hides {path}"
            yield Mount(path, Place(PlaceKind.UNKNOWN, what, evidence=_evidence("InaccessiblePaths", argument)))
        for path, argument in self._lists.get("TemporaryFileSystem", []):
            yield _temporary(path.partition(":")[0], "TemporaryFileSystem", argument)
        yield from self._switched()

    def _switched(self) -> Iterator[Mount]:
        private = self._switches.get("PrivateTmp")
        if private is not None and private.text.lower() not in _NO:
            yield from (_temporary(path, "PrivateTmp", private) for path in ("/tmp", "/var/tmp"))  # noqa: S108 - the unit's
        home = self._switches.get("ProtectHome")
        if home is not None and home.text.lower() not in _NO:
            yield from (_host(path, "ProtectHome", home, read_only=True) for path in _HOMES)
        system = self._switches.get("ProtectSystem")
        if system is not None:
            value = "true" if system.text.lower() in _YES else system.text.lower()
            for path in _PROTECTED.get(value, ()):
                yield _host(path, "ProtectSystem", system, read_only=True)
            if value == "strict":
                yield from (_host(path, "ProtectSystem", system, read_only=False) for path in ("/dev", "/proc", "/sys"))


def _host(path: str, key: str, argument: Argument, *, read_only: bool) -> Mount:
    """Give a part of the host's filesystem that is there, read-only or not."""
    what = f"the host itself, {'read-only' if read_only else 'writable'} by {key}={argument.text}"
    return Mount(path, Place(PlaceKind.HOST, what, path, read_only, evidence=_evidence(key, argument)))


def _temporary(path: str, key: str, argument: Argument) -> Mount:
    """Give a filesystem that lasts as long as the service runs."""
    what = f"a filesystem that {key}={argument.text} makes for the service alone"
    return Mount(path, Place(PlaceKind.EPHEMERAL, what, evidence=_evidence(key, argument)))


def _evidence(key: str, argument: Argument) -> tuple[Evidence, ...]:
    line = "unit" if argument.line is None else f"line {argument.line}"
    return (Evidence(argument.source, line, f"{key}={argument.text}"),)
