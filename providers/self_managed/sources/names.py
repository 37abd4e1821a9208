"""Names of sources for messages and reports: what may be secret in a URL is left out."""

from __future__ import annotations

from urllib.parse import urlsplit

WEB = "https://"


def is_web(name: str) -> bool:
    """Say whether a source is an address."""
    return name.startswith(WEB)


def shown_url(url: str) -> str:
    """Name an address without user, password, query and fragment: any of them may be a credential."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "https://…"
    address = f"[{host}]" if ":" in host else host
    return f"{WEB}{address}{'' if port is None else f':{port}'}{parts.path}"


def shown_path(name: str) -> str:
    """Name a path, an address or standard input."""
    return shown_url(name) if is_web(name) else name


def last_part(name: str) -> str:
    """Give the last part of a path or URL, which is what a file is called."""
    path = urlsplit(name).path if is_web(name) else name
    return path.rstrip("/").rpartition("/")[2].strip(".")[-100:] or "file"
