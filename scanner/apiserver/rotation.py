"""How long kube-apiserver's own log rotation keeps records.

Sources: ``kube-apiserver --help`` of 1.35 and 1.36 for the defaults; ``gopkg.in/natefinch/lumberjack.v2`` for what they
do: a file is rotated when it reaches its size, and only rotated files are removed, by age and by number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_MINOR_WITH_LIMITS: Final = 36
_MEGABYTES_PER_FILE: Final = 100


@dataclass(frozen=True, slots=True)
class Rotation:
    """The limits that hold for one log file.

    Attributes:
        maxage: Days for which a rotated file is kept; 0 is without limit.
        maxbackup: Number of rotated files that are kept; 0 is without limit.
        maxsize: Megabytes at which the file is rotated; 0 is never.
    """

    maxage: int
    maxbackup: int
    maxsize: int

    @property
    def kept_days(self) -> tuple[float, float]:
        """The days for which a record is kept, at least and at most; `math.inf` is for ever."""
        if self.maxsize == 0:
            return math.inf, math.inf
        at_most = self.maxage or math.inf
        return (0, at_most) if self.maxbackup else (at_most, at_most)

    def describe(self) -> str:
        """Say in words what is kept."""
        if self.maxsize == 0:
            return "the file is never rotated: it grows until the disk is full"
        age = f"{self.maxage} days (--audit-log-maxage)"
        if self.maxbackup:
            number = "1 rotated file" if self.maxbackup == 1 else f"{self.maxbackup} rotated files"
            text = f"at most {number} of {self.maxsize} MB (--audit-log-maxbackup, --audit-log-maxsize)"
            limit = f"{text} and none older than {age}" if self.maxage else text
            return f"{limit}: how far back they reach depends on the traffic"
        if self.maxage:
            return f"rotated files are kept {age}, however many there are"
        return "rotated files are never removed: --audit-log-maxage and --audit-log-maxbackup are 0"


def rotations(
    maxage: int | None, maxbackup: int | None, maxsize: int | None, minor: int | None
) -> tuple[Rotation, ...]:
    """Give the limits that hold, or, where the minor version is not known, those that may hold.

    None is a flag that is not set. The defaults are 0, 0 and 100 MB before Kubernetes 1.36, and 366, 100 and 100 MB
    from it on. A maxsize of 0 is 100 MB before 1.36 (lumberjack's own default) and no rotation from it on.
    """
    if minor is None:
        candidates = [_limits(maxage, maxbackup, maxsize, limited=limited) for limited in (False, True)]
        return tuple(dict.fromkeys(candidates))
    return (_limits(maxage, maxbackup, maxsize, limited=minor >= _MINOR_WITH_LIMITS),)


def _limits(maxage: int | None, maxbackup: int | None, maxsize: int | None, *, limited: bool) -> Rotation:
    """Fill in the defaults from before 1.36, or from it on (`limited`)."""
    size = _MEGABYTES_PER_FILE if maxsize is None or (maxsize == 0 and not limited) else maxsize
    age = (366 if limited else 0) if maxage is None else maxage
    backups = (100 if limited else 0) if maxbackup is None else maxbackup
    return Rotation(age, backups, size)
