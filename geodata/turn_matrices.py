"""The turn-expanded graph as a network of geodata.matrices: states are its nodes, transitions its arcs.

With `docked_matrix` any engine finds the times of turn_times: a place is left and reached through the start of the arc
it lies on, and the time driven until the place is taken off at the start.
"""

from __future__ import annotations

import numpy as np

from geodata.matrix_docks import Docks
from geodata.matrix_network import ArcNetwork, Topology, topology_of, with_metric
from geodata.turn_metric import Metric
from geodata.turn_places import Ends, Places, starts_of, stops_of
from geodata.turns import TurnGraph, arc_tail

MM_PER_M = 1000.0


def state_topology(graph: TurnGraph) -> Topology:
    """The topology that all metrics of a turn graph share; its coordinates are degrees, for the order only."""
    xy = graph.network.node_lonlat[arc_tail(graph.network)[graph.state_arc]]
    return topology_of(graph.tail, graph.head, graph.state_count, xy)


def state_network(topology: Topology, metric: Metric) -> ArcNetwork:
    """A metric over the topology of its graph (state_topology): the time and length of the arc that is left behind."""
    length_m = metric.graph.network.length_m[metric.graph.state_arc[metric.graph.tail] >> 1]
    return with_metric(topology, metric.weight_ms, length_m, ~metric.open)


def state_docks(metric: Metric, sources: Places, targets: Places) -> tuple[Docks, Docks]:
    """Docks through which sources are left (of negative time) and targets are reached."""
    return (_docks(starts_of(metric, sources), len(sources.segment), -1),
            _docks(stops_of(metric, targets), len(targets.segment), 1))


def _docks(ends: Ends, count: int, sign: int) -> Docks:
    into_mm = np.rint(ends.into_m * MM_PER_M).astype(np.int64)
    return Docks(count, ends.place, ends.state, sign * ends.into_ms, sign * into_mm)
