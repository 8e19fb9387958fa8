"""Fastest ways between places on the turn-expanded graph, transition by transition, as a matrix counts them.

The way found is the one of the cell of docked_matrix: of equally fast ways the shortest. Its milliseconds and
millimetres add up to the cell, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.engines import NO_KEY
from geodata.matrices import Router
from geodata.matrix_network import LIMIT_MM
from geodata.turn_matrices import state_docks
from geodata.turn_metric import Metric
from geodata.turn_places import Places

Int = NDArray[np.int64]


@dataclass(frozen=True)
class DrivenWay:
    """One fastest way between two places."""

    states: Int
    """States passed; the arcs of the first and of the last are driven in part."""
    duration_ms: int
    distance_mm: int


def driven_ways(router: Router, metric: Metric, places: Places, source: int, targets: Int) -> list[DrivenWay | None]:
    """The fastest way from one place to each of others; None where there is none.

    The router must be one of turn_matrices.state_network of the metric.
    """
    one, others = (Places(places.segment[rows], places.share[rows]) for rows in (np.array([source]), targets))
    starts, ends = state_docks(metric, one, others)
    nodes, node_of = np.unique(ends.node, return_inverse=True)
    best_key = np.full(len(targets), NO_KEY, dtype=np.int64)
    best: list[Int | None] = [None] * len(targets)
    for node, before_ms, before_mm in zip(starts.node, starts.duration_ms, starts.length_mm, strict=True):
        pairs = router.search.pairs(int(node), nodes)
        keys = np.array([_key(router, found) for found in pairs], dtype=np.int64)
        lap: tuple[Int | None, int] | None = None
        for row, place in enumerate(ends.place):
            found, key = pairs[node_of[row]], int(keys[node_of[row]])
            offset = int((before_ms + ends.duration_ms[row]) * LIMIT_MM + before_mm + ends.length_mm[row])
            if ends.node[row] == node and offset < 0:  # the target lies behind: round to it
                lap = lap or _lap(router, int(node))
                found, key = lap
            if found is not None and key + offset < best_key[place]:
                best_key[place], best[place] = key + offset, np.concatenate(
                    [[node], router.network.topology.pair_head[found]])
    return [None if states is None else DrivenWay(states, int(key // LIMIT_MM), int(key % LIMIT_MM))
            for states, key in zip(best, best_key, strict=True)]


def _key(router: Router, pairs: Int | None) -> int:
    if pairs is None:
        return NO_KEY
    return int(router.network.pair_ms[pairs].sum()) * LIMIT_MM + int(router.network.pair_mm[pairs].sum())


def _lap(router: Router, node: int) -> tuple[Int | None, int]:
    """The fastest way from a state round to itself: its pairs and its key."""
    topology = router.network.topology
    low, high = np.searchsorted(topology.pair_tail, [node, node + 1])
    laps: list[tuple[int, Int]] = []
    for pair in range(int(low), int(high)):
        if router.network.pair_arc[pair] >= 0:
            back = router.search.pairs(int(topology.pair_head[pair]), np.array([node]))[0]
            if back is not None:
                lap = np.concatenate([[pair], back])
                laps.append((_key(router, lap), lap))
    if not laps:
        return None, NO_KEY
    key, lap = min(laps, key=lambda found: found[0])
    return lap, key
