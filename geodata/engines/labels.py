"""Labels over a contraction hierarchy: a key per node of the way to the root, a cell is the least sum of two labels.

The order of the nodes comes from RoutingKit (engine `hierarchy`); everything else is compiled here. It costs more per
metric than `hierarchy` and less per cell, and has distances with the times.
"""

from __future__ import annotations

from dataclasses import dataclass

from geodata.engines.hierarchy import order_hierarchy
from geodata.engines.label_search import LabelSearch
from geodata.engines.packed_hierarchy import Chordal
from geodata.matrix_network import ArcNetwork, Topology


@dataclass(frozen=True)
class LabelOrder:
    """A topology contracted."""

    chordal: Chordal
    engine: str = "labels"

    def search(self, network: ArcNetwork) -> LabelSearch:
        """A metric over it."""
        return LabelSearch(network, self.chordal)


def order_labels(topology: Topology) -> LabelOrder:
    """The topology contracted in RoutingKit's order. EngineMissingError without its package."""
    return LabelOrder(order_hierarchy(topology).chordal)
