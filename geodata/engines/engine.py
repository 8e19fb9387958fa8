"""What an engine is: it orders a topology, then searches metrics over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from geodata.matrix_network import ArcNetwork, Bool, Int, UInt32


class EngineMissingError(ImportError):
    """An engine whose package is not installed."""


@dataclass(frozen=True)
class Cells:
    """Fastest times in whole milliseconds and where there is no way (the time is 0 there), [S, T] each."""

    duration_ms: UInt32
    unreachable: Bool


class Search(Protocol):
    """One metric, ready to be searched."""

    def cells(self, sources: Int, targets: Int) -> Cells:
        """From every source node to every target node. PathTooLongError where a cell reaches the limit."""
        ...


class Order(Protocol):
    """A topology, ordered once."""

    @property
    def engine(self) -> str:
        """Name of the engine."""
        ...

    def search(self, network: ArcNetwork) -> Search:
        """A metric over this topology."""
        ...
