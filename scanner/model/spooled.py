"""Results that are kept on disk, so that a run of any size can be gone through without ever being in memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeVar

from scanner.model.result import ClusterResult, Status

T_co = TypeVar("T_co", covariant=True)


class Spooled(Sequence[T_co]):
    """Things that are kept elsewhere, in the order of reports; each is read anew when it is asked for."""


class SpooledClusters(Spooled[ClusterResult]):
    """The clusters of an account that are kept elsewhere."""

    @property
    @abstractmethod
    def statuses(self) -> Mapping[Status, int]:
        """How many clusters there are of each status, known without reading them."""
