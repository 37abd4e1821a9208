"""Object stores, for what several machines write and one reads: ``s3://``, ``gs://`` and ``az://`` through obstore.

Credentials are those of each cloud's own chain in the environment, the workload's identity included. obstore reads its
settings from the variables that the cloud's own tools use (``AWS_REGION``, ``AWS_ENDPOINT_URL_S3``, …);
``AWS_ALLOW_HTTP`` lets it talk to a store on this machine without TLS.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from scanner.cli.storage_errors import said, shown
from scanner.errors import JournalError, ReportError, UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES: Final = ("s3", "gs", "az")
_RETRIES: Final = 5
_RETRY_TIMEOUT: Final = timedelta(seconds=60)
_EXTRA: Final = 'install the extra "objectstore": pip install "k8s-audit-coverage[objectstore]"'


def is_url(place: str) -> bool:
    """Say whether a place is in an object store; UsageError for a URL of another kind."""
    scheme, separator, rest = place.partition("://")
    if not separator:
        scheme, separator, rest = place.partition(":")
        if separator and scheme.lower() in SCHEMES:
            hint = f"write {scheme.lower()}://{rest.lstrip('/')}, or ./{place} for a directory of that name"
            raise UsageError("is no URL: two slashes belong after the colon", where=shown(place), hint=hint)
        return False
    if scheme not in SCHEMES:
        hint = f"there are {', '.join(f'{one}://' for one in SCHEMES)}, or name a directory"
        raise UsageError(f"{scheme}:// is no object store that can be used", where=shown(place), hint=hint)
    return True


class Bucket:
    """A prefix within a bucket."""

    def __init__(self, url: str) -> None:
        """Prepare to use it; nothing is asked for yet."""
        self.url = url.rstrip("/")
        _refuse_secrets(url)
        if not urlsplit(self.url).netloc:
            raise UsageError("names no bucket", where=url, hint="write s3://bucket/prefix")
        self._store = _store(self.url)

    def check(self) -> None:
        """Find out before the scan whether objects can be written there after it, with one that holds nothing."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - see _store

        try:
            self._store.put(".k8s-audit-coverage", b"")
        except (BaseError, OSError) as error:
            what, hint = said(error)
            hint = hint or "name another place with --output, or let this identity write there"
            raise UsageError(f"reports cannot be written there: {what}", where=self.url, hint=hint) from None

    def put(self, file: Path, name: str = "") -> str:
        """Upload a file, under its own name unless another is given, and give its URL."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - see _store

        url = f"{self.url}/{name or file.name}"
        try:
            self._store.put(name or file.name, file)
        except (BaseError, OSError) as error:
            hint = f"it stays at {file}"
            raise ReportError(f"cannot be written: {said(error).what}", where=url, hint=hint) from None
        return url

    def clear(self, name: str) -> None:
        """Leave an object of this name with nothing in it; so it takes no permission to delete."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - see _store

        try:
            self._store.put(name, b"")
        except (BaseError, OSError) as error:
            what, hint = said(error)
            raise ReportError(f"cannot be written: {what}", where=f"{self.url}/{name}", hint=hint) from None

    def get(self, name: str, file: Path) -> bool:
        """Download an object, if there is one; False where there is none."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - see _store

        try:
            found = self._store.get(name)
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise self._unread(name, error) from None
        try:
            with file.open("wb") as target:
                for chunk in found:
                    target.write(chunk)
        except (BaseError, OSError) as error:
            raise self._unread(name, error) from None
        return True

    def names(self) -> Iterator[str]:
        """List the objects that stand directly at the prefix."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - see _store

        try:
            for page in self._store.list():
                for entry in page:
                    if "/" not in entry["path"]:
                        yield entry["path"]
        except (BaseError, OSError) as error:
            what, hint = said(error)
            hint = hint or "check the name, and let this identity list what is there and read it"
            raise JournalError(f"cannot be listed: {what}", where=self.url, hint=hint) from None

    def _unread(self, name: str, error: Exception) -> JournalError:
        """Give the error for an object that is there and cannot be read."""
        what, hint = said(error)
        return JournalError(f"cannot be read: {what}", where=f"{self.url}/{name}", hint=hint)


def _store(url: str) -> ObjectStore:
    """Make the client; imported here, because only a run that uses an object store needs it."""
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - see above
        from obstore.store import from_url  # noqa: PLC0415 - see above
    except ImportError:
        raise UsageError("object stores cannot be used", where=url, hint=_EXTRA) from None
    try:
        return from_url(url, retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_TIMEOUT})
    except (BaseError, ValueError) as error:
        what, hint = said(error)
        raise UsageError(f"cannot be used: {what}", where=url, hint=hint) from None


def _refuse_secrets(url: str) -> None:
    """Refuse what would be ignored in a URL and end up in logs."""
    hint = "write s3://bucket/prefix, and let the environment hold the credentials"
    if "@" in urlsplit(url).netloc:
        raise UsageError("holds a user or a password", where=shown(url), hint=hint)
    if "?" in url or "#" in url:
        raise UsageError("holds a query or a fragment", where=shown(url).partition("#")[0], hint=hint)
