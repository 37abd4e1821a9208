"""k3s and RKE2: configuration files with their drop-ins, and systemd units that start a server."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.k3s_settings import (
    ARGUMENT,
    SERVER_KEYS,
    Product,
    product_of,
    read_settings,
    server,
)
from providers.self_managed.source import ApiServerSource, Format, Fragment, ManifestFile, Part, Refused
from providers.self_managed.systemd_unit import is_service, read_service
from providers.self_managed.yaml_nodes import compose_all
from scanner.apiserver import Argument
from scanner.errors import CollectionError, NotFound

_PROGRAMS: Final = {"k3s": Product.K3S, "rke2": Product.RKE2}
_AGENT_KEYS: Final = frozenset(
    {
        *("token", "server", "node-label", "node-taint", "node-name", "node-ip", "node-external-ip", "kubelet-arg"),
        *("kube-proxy-arg", "profile", "selinux", "protect-kernel-defaults", "data-dir", "private-registry"),
        *("system-default-registry", "snapshotter", "agent-token", "cloud-provider-name"),
    }
)
_SHORT: Final = {"c": "config", "d": "data-dir", "t": "token", "s": "server"}
_VARIABLES: Final = {
    "RKE2_AUDIT_POLICY_FILE": "audit-policy-file",
    "RKE2_CIS_PROFILE": "profile",
    "RKE2_DATA_DIR": "data-dir",
    "RKE2_CONFIG_FILE": "config",
    "K3S_CONFIG_FILE": "config",
}
_HOMES: Final = {Product.K3S: "/var/lib/rancher/k3s", Product.RKE2: "/var/lib/rancher/rke2"}
_COMMON: Final = (b"disable", b"cni", b"profile", b"token")
"""Settings whose names are common words; the others tell by themselves that a file may be of this kind."""
_DISTINCT: Final = tuple(sorted(key.encode() for key in SERVER_KEYS if key.encode() not in _COMMON))
_SUFFIXES: Final = (".yaml", ".yml")


_Found = tuple[list[Field], tuple[Argument, ...]]
"""Documents of configuration files, and why there may be more of them."""


class K3s:
    """The settings of a k3s or RKE2 server."""

    title: Final = "k3s or RKE2 configuration"
    signs: Final = (*_DISTINCT, *(key + end for key in _COMMON for end in (b":", b'"', b"+")), b"k3s", b"rke2")

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the settings; a unit and the configuration file of the same host belong together."""
        if file.data.lstrip()[:1] == b"[" or b"[Service]" in file.data:
            return tuple(_of_unit(file)) if is_service(file) else ()
        root = file.fields[0] if len(file.fields) == 1 else None
        keys = {key.removesuffix("+") for key, _ in root.entries()} if root is not None else set()
        if root is None or not keys or "kind" in keys or "apiVersion" in keys:
            return ()
        is_home = file.path.parent.name in {"k3s", "rke2"} and keys <= _AGENT_KEYS
        if not keys & SERVER_KEYS and not is_home and not ({"token", "server"} <= keys <= _AGENT_KEYS):
            return ()
        return (Fragment(file, root, _assemble),)


FORMAT: Final[Format] = K3s()


def _of_unit(file: ManifestFile) -> Iterator[Part]:
    """Read the commands of a unit that start a server, or say that it starts an agent."""
    service = read_service(file)
    for command in service.commands:
        words = service.words(command)
        product = _PROGRAMS.get(posixpath.basename(words[0].text)) if words else None
        role = next((word.text for word in words[1:] if not word.text.startswith("-")), "") if product else ""
        if role == "server":
            yield Fragment(file, Field(file.shown, None, number=command.line or 1), _assemble)
        elif role == "agent":
            reason = f"starts an agent of {product}, which runs no API server"
            yield Refused(file.shown, reason, "give the configuration of a server")


def _assemble(fragments: Sequence[Fragment]) -> tuple[ApiServerSource | Refused, ...]:
    """Give one server for each host: a unit reads its configuration file, a configuration file its drop-ins."""
    units = [one for one in fragments if one.content.node is None]
    hosts = {one.manifest.host.root for one in units if one.manifest.host.root is not None}
    configs = [one for one in fragments if one.content.node is not None and one.manifest.host.root not in hosts]
    mains = {one.manifest.shown for one in configs if not _is_drop_in(one.manifest)}
    drop_ins: dict[str, list[Fragment]] = {}
    for one in configs:
        if _is_drop_in(one.manifest) and _main_of(one.manifest) not in mains:
            drop_ins.setdefault(_main_of(one.manifest), []).append(one)
    sources = [source for one in units for source in _unit_sources(one.manifest)]
    for one in configs:
        if one.manifest.shown in mains:
            file = one.manifest
            found = _drop_ins(file.list_beside, file.read_beside, file.show_beside, f"{file.path.name}.d")
            sources.append(_config_source(file, ([one.content, *found[0]], found[1])))
    sources += [_config_source(group[0].manifest, ([one.content for one in group], ())) for group in drop_ins.values()]
    return tuple(sources)


def _is_drop_in(file: ManifestFile) -> bool:
    return posixpath.dirname(file.shown).endswith(".d")


def _main_of(file: ManifestFile) -> str:
    """Name the file that a drop-in belongs to: ``config.yaml.d/a.yaml`` to ``config.yaml``."""
    return posixpath.dirname(file.shown).removesuffix(".d")


def _drop_ins(
    lister: Callable[[str], tuple[str, ...]], reader: Callable[[str], bytes], show: Callable[[str], str], directory: str
) -> _Found:
    """Read the drop-ins of a directory in the order of their names; what may not be read may hold anything."""
    documents: list[Field] = []
    try:
        for name in lister(directory):
            if name.endswith(_SUFFIXES):
                documents += _documents(reader(f"{directory}/{name}"), show(f"{directory}/{name}"))
    except NotFound:
        pass
    except CollectionError as error:
        return documents, (Argument("", error.where, unread=f"the drop-in {error.where} {error.what}"),)
    return documents, ()


def _documents(data: bytes, shown: str) -> list[Field]:
    text = data.decode("utf-8-sig", "replace")
    return [Field(shown, node, body=text) for node in compose_all(text, shown)]


def _config_source(file: ManifestFile, found: _Found) -> ApiServerSource | Refused:
    """Read configuration files without a unit."""
    documents, unread = found
    settings = read_settings(documents)
    refused = None if unread else _without_server(file, settings)
    if refused is not None:
        return refused
    product = product_of(settings, str(file.path))
    more = [*unread]
    if not settings.keys() & SERVER_KEYS and not _has_server_data(file, settings, product):
        why = "an agent may have the same settings: nothing in the file tells that this is a server"
        more.append(Argument("", file.shown, documents[0].line, why))
    one = server(settings, product, file.shown, *more)
    return ApiServerSource(file.shown, documents[0].line, one.arguments, one.view, files=one.files, tool=_tool(product))


def _has_server_data(file: ManifestFile, settings: dict[str, tuple[Argument, ...]], product: Product) -> bool:
    """Say whether the host has the directory in which a server, and no agent, keeps its data."""
    names = [product] if product in _HOMES else list(_HOMES)
    given = settings.get("data-dir", ())
    homes = [given[-1].text] if given else [_HOMES[name] for name in names]
    return file.host.root is not None and any(file.host.is_directory(f"{home}/server") for home in homes)


def _without_server(file: ManifestFile, settings: dict[str, tuple[Argument, ...]]) -> Refused | None:
    """Say that a server runs no API server, and takes it from another one; None where it runs one."""
    off = settings.get("disable-apiserver", ())
    if not off or off[-1].text.lower() not in {"true", "1"}:
        return None
    reason = "sets disable-apiserver: this server runs no API server, and another one does"
    return Refused(file.shown, reason, "give the configuration of a server that runs one")


def _unit_sources(file: ManifestFile) -> Iterator[ApiServerSource | Refused]:
    """Read the servers that a unit starts: the configuration file, the environment, then the words."""
    service = read_service(file)
    for command in service.commands:
        words = service.words(command)
        product = _PROGRAMS.get(posixpath.basename(words[0].text)) if words else None
        if product is None or "server" not in [word.text for word in words]:
            continue
        given = _of_words(words[1:])
        environment = service.environments.resolve()
        for variable, key in _VARIABLES.items():
            value = environment.values.get(variable, "")
            if value and key not in given:
                given[key] = (Argument(value, file.shown, command.line, key=variable),)
        hidden = next((why for name in _VARIABLES if (why := environment.why_unread(name))), "")
        documents, unread = _configuration(file, product, given)
        if hidden:
            unread = (
                *unread,
                Argument("", file.shown, command.line, f"settings may stand in the environment: {hidden}"),
            )
        settings = read_settings(documents)
        for key, values in given.items():
            settings[key] = (*settings.get(key, ()), *values) if key == ARGUMENT else values
        refused = None if unread or service.unread else _without_server(file, settings)
        if refused is not None:
            yield refused
            continue
        more = (*unread, *service.unread)
        found = server(settings, product, file.shown, *more)
        yield ApiServerSource(
            file.shown, command.line or 1, found.arguments, found.view, files=found.files, tool=_tool(product)
        )


def _tool(product: Product) -> str:
    return "rke2" if product is Product.RKE2 else "k3s"


def _of_words(words: Sequence[Argument]) -> dict[str, tuple[Argument, ...]]:
    """Read ``--key=value``, ``--key value`` and ``-k value``; what is not known to take a value may have one."""
    settings: dict[str, tuple[Argument, ...]] = {}
    waiting = ""
    for word in words:
        if word.text.startswith("-"):
            name, equals, value = word.text.lstrip("-").partition("=")
            name = _SHORT.get(name, name)
            waiting = "" if equals else name
            if not equals:
                continue
        elif waiting:
            name, value, waiting = waiting, word.text, ""
        elif word.unread:
            name, value = ARGUMENT, ""
        else:
            continue
        added = Argument(value, word.source, word.line, word.unread, name)
        settings[name] = (*settings.get(name, ()), added)
    return settings


def _configuration(file: ManifestFile, product: Product, given: dict[str, tuple[Argument, ...]]) -> _Found:
    """Read the configuration file of a unit's host with its drop-ins, or say why it may hold more."""
    named = given.get("config", ())
    path = named[-1].text if named else f"/etc/rancher/{product.value.lower()}/config.yaml"
    host = file.host
    documents: list[Field] = []
    try:
        documents = _documents(host.read(path), host.show(path))
    except NotFound as error:
        if host.root is None:
            return [], (Argument("", error.where, unread=f"settings may stand in {path}: {error.what} ({error.hint})"),)
    except CollectionError as error:
        return [], (Argument("", error.where, unread=f"the configuration {error.where} {error.what}"),)
    found, unread = _drop_ins(host.list, host.read, host.show, f"{path}.d")
    return [*documents, *found], unread
