"""Names of sources for messages and reports: what may be secret in a URL is left out."""

from __future__ import annotations

from urllib.parse import urlsplit

WEB = "https://"


def is_web(name: str) -> bool:
    """Say whether a source is an address."""
    return name.startswith(WEB)


def is_address(name: str) -> bool:
    """Say whether an address can be one: it has a host, and its port is a number."""
    try:
        parts = urlsplit(name)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def shown_url(url: str) -> str:
    """Name an address without user, password, query and fragment: any of them may be a credential."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = f"[{host}]" if ":" in host else host
    return f"{WEB}{address}{'' if parts.port is None else f':{parts.port}'}{parts.path}"


def shown_path(name: str) -> str:
    """Name a path, an address or standard input."""
    return shown_url(name) if is_web(name) else name


def last_part(name: str) -> str:
    """Give the last part of a path or URL, which is what a file is called."""
    path = urlsplit(name).path if is_web(name) else name
    return path.rstrip("/").rpartition("/")[2].strip(".")[-100:] or "file"
