"""A metric searched by labels in a contracted topology: with lengths for keys and paths, without for times alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from geodata.engines.engine import NO_KEY, Cells, empty_cells, pair_keys
from geodata.engines.packed_hierarchy import Chordal, PackedHierarchy, packed_hierarchy
from geodata.engines.packed_kernels import split_keys, split_times
from geodata.engines.reach import check_no_way
from geodata.matrix_network import LIMIT_MS, ArcNetwork, Float, Int

LABEL_BYTES = 128_000_000
"""What the labels of the targets may hold at once."""


@dataclass(frozen=True)
class LabelSearch:
    """A metric over a contracted topology; what is needed of it is made when it is first asked for."""

    network: ArcNetwork
    chordal: Chordal

    @cached_property
    def timed(self) -> PackedHierarchy:
        """Times alone: exact whatever the lengths."""
        return packed_hierarchy(self.chordal, np.where(self.network.pair_arc >= 0, self.network.pair_ms, NO_KEY))

    @cached_property
    def packed(self) -> PackedHierarchy:
        """Times and lengths."""
        return packed_hierarchy(self.chordal, pair_keys(self.network))

    def cells(self, sources: Int, targets: Int) -> Cells:
        """All pairs."""
        found = empty_cells(len(sources), len(targets), with_distance=False)
        for columns in self._parts(len(targets)):
            for rows, keys in self.timed.rows(sources, targets[columns]):
                split_times(keys, LIMIT_MS, found.duration_ms[rows, columns], found.unreachable[rows, columns])
        check_no_way(self.network, sources, targets, found.unreachable)
        return found

    def far_cells(self, sources: Int, targets: Int) -> Cells:
        """All pairs with distances."""
        found = empty_cells(len(sources), len(targets), with_distance=True)
        for columns in self._parts(len(targets)):
            for rows, keys in self.packed.rows(sources, targets[columns]):
                at = (rows, columns)
                split_keys(keys, found.duration_ms[at], found.unreachable[at], cast(Float, found.distance_m)[at])
        return found

    def _parts(self, targets: int) -> Iterator[slice]:
        side = max(1, LABEL_BYTES // (8 * (int(self.chordal.depth.max()) + 1)))
        return (slice(at, at + side) for at in range(0, targets, side))

    def pairs(self, source: int, targets: Int) -> list[Int | None]:
        """The pairs passed to each target."""
        return [self.packed.pairs(source, int(target)) for target in targets]
