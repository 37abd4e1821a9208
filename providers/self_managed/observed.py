"""Whether the newest record of a log file falls within the look-back window."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

from providers.self_managed.evidence import of_error, of_setting, ok, sentence, unknown
from providers.self_managed.reading import Situation, Window
from providers.self_managed.source import Place, PlaceKind
from scanner.apiserver import Setting
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck

_TAIL: Final = 256 * 1024
_TIMES: Final = ("stageTimestamp", "requestReceivedTimestamp")


def newest_record(situation: Situation, path: Setting, place: Place) -> LinkCheck | None:
    """Look at the end of the log file below root; None where that is not asked for. Records are never quoted."""
    window = situation.window
    if window is None:
        return None
    if place.kind is not PlaceKind.HOST:
        return unknown(f"{path.value} is not on the host", of_setting(path))
    try:
        data, modified = situation.host.read_end(place.host_path, _TAIL)
    except CollectionError as error:
        reason = f"the audit log could not be read: {sentence(error)}"
        return unknown(reason, of_error(error, path.value), permission=error.permission)
    shown = situation.host.show(place.host_path)
    if not data:
        return unknown(f"{shown} is empty", Evidence(shown, "size", "0 bytes"))
    return _judged(window, shown, _time_of_last(data), datetime.fromtimestamp(modified, UTC))


def _judged(window: Window, shown: str, record: datetime | None, modified: datetime) -> LinkCheck:
    newest = record or modified
    locator = "newest record" if record else "last change of the file"
    evidence = Evidence(shown, locator, newest.astimezone(UTC).isoformat(timespec="seconds"))
    if window.begin <= newest <= window.end:
        return ok(f"the {locator} is within the look-back window", evidence)
    return unknown(f"the {locator} is not within the look-back window", evidence)


def _time_of_last(data: bytes) -> datetime | None:
    """Give the time of the last line that is an audit event; None where there is none."""
    for raw in reversed(data.splitlines()):
        try:
            event = json.loads(raw)
        except ValueError:
            continue
        if isinstance(event, dict):
            for name in _TIMES:
                time = _time(event.get(name))
                if time is not None:
                    return time
    return None


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None
