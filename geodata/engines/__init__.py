"""Engines of many-to-many travel times, one file each; all give the same whole milliseconds, cell by cell.

An engine orders a topology once and then searches any metric over it. No file, place or street belongs here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from geodata.engines.engine import NO_KEY, Cells, EngineMissingError, Order, Search
from geodata.engines.hierarchy import is_installed, order_hierarchy
from geodata.engines.labels import order_labels
from geodata.engines.shortest import order_shortest
from geodata.matrix_network import Topology

__all__ = ["AUTO", "ENGINES", "NO_KEY", "Cells", "EngineMissingError", "Order", "Search", "chosen_engine"]

AUTO = "auto"
WORTH_ORDERING = 64
"""Places on the smaller side from which ordering the nodes pays: it costs as much as some 200 searches, and a
topology is used for several vehicle classes."""

ENGINES: Mapping[str, Callable[[Topology], Order]] = MappingProxyType({
    "hierarchy": order_hierarchy, "labels": order_labels, "shortest": order_shortest})


def chosen_engine(engine: str, smaller_side: int) -> str:
    """The name of the engine to use for so many places on the smaller side. ValueError on an unknown name."""
    if engine == AUTO:
        return "labels" if smaller_side >= WORTH_ORDERING and is_installed() else "shortest"
    if engine not in ENGINES:
        raise ValueError(f"no engine '{engine}'; there are {AUTO}, {', '.join(sorted(ENGINES))}")
    return engine
