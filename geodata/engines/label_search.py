"""A metric searched by labels in a contracted topology: with lengths for keys and paths, without for times alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geodata.engines.engine import NO_KEY, Cells, pair_keys
from geodata.engines.packed_hierarchy import Chordal, PackedHierarchy, packed_hierarchy
from geodata.engines.packed_kernels import split_times
from geodata.engines.reach import check_no_way
from geodata.matrix_network import LIMIT_MS, ArcNetwork, Int


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
        shape = (len(sources), len(targets))
        duration, unreachable = np.empty(shape, dtype=np.uint32), np.empty(shape, dtype=np.bool_)
        split_times(self.timed.keys(sources, targets), LIMIT_MS, duration, unreachable)
        check_no_way(self.network, sources, targets, unreachable)
        return Cells(duration, unreachable)

    def keys(self, sources: Int, targets: Int) -> Int:
        """Keys, [S, T]."""
        return self.packed.keys(sources, targets)

    def pairs(self, source: int, targets: Int) -> list[Int | None]:
        """The pairs passed to each target."""
        return [self.packed.pairs(source, int(target)) for target in targets]
