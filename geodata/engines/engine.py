"""What an engine is: it orders a topology, then searches metrics over it.

Distances travel as keys, milliseconds x 2^30 + millimetres in one integer: the least key is the shortest of the
fastest ways. That is exact where the millimetres of the result stay below 2^30, which the milliseconds tell: where
they do not, the key's are not those of the fastest way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from geodata.matrix_network import LIMIT_MM, ArcNetwork, Bool, Float, Int, UInt32

NO_KEY = 2**61
"""Stands for no way; twice as much still fits, and every key of a path below the limits is less."""


class EngineMissingError(ImportError):
    """An engine whose package is not installed."""


@dataclass(frozen=True)
class Cells:
    """Fastest times in whole milliseconds and where there is no way (other numbers are 0 there), [S, T] each."""

    duration_ms: UInt32
    unreachable: Bool
    distance_m: Float | None = None
    """Of the shortest of the fastest ways; None where it was not asked for."""


class Search(Protocol):
    """One metric, ready to be searched; nodes may repeat, in any order. Memory beside the result is bounded."""

    def cells(self, sources: Int, targets: Int) -> Cells:
        """From every source node to every target node. PathTooLongError where a cell reaches the limit."""
        ...

    def far_cells(self, sources: Int, targets: Int) -> Cells:
        """The same with distances, as keys tell them: they may be wrong where limits are passed, without a word."""
        ...

    def pairs(self, source: int, targets: Int) -> list[Int | None]:
        """The pairs of nodes passed on the shortest of the fastest ways to each target; None where there is none."""
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


def empty_cells(rows: int, columns: int, *, with_distance: bool) -> Cells:
    """Room for so many cells, all zero and reachable."""
    shape = (rows, columns)
    return Cells(np.zeros(shape, dtype=np.uint32), np.zeros(shape, dtype=np.bool_),
                 np.zeros(shape) if with_distance else None)


def pair_keys(network: ArcNetwork) -> Int:
    """Key of every pair of a topology, [pairs], NO_KEY where it is closed."""
    return np.where(network.pair_arc >= 0, network.pair_ms * LIMIT_MM + network.pair_mm, NO_KEY)
