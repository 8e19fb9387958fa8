"""Places on segments as states of the turn-expanded graph.

A place may be left and reached in both directions of its segment, as far as they are open to the class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.turn_metric import Metric
from geodata.turns import ARRIVING, LEAVING, THROUGH

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """P places on segments."""

    segment: Int
    """[P]."""
    share: Float
    """[P], how far along the segment from its node u, 0 to 1."""

    def __post_init__(self) -> None:
        if len(self.segment) != len(self.share) or not ((self.share >= 0.0) & (self.share <= 1.0)).all():
            raise ValueError("every place needs a segment and a share from 0 to 1")


@dataclass(frozen=True)
class Ends:
    """K states in which places are left or reached, sorted by place; a place may have none."""

    place: Int
    state: Int
    into_ms: Int
    """Time from the start of the state's arc to the place."""
    into_m: Float


def _ends(metric: Metric, places: Places, layers: tuple[int, ...]) -> Ends:
    found: list[tuple[Int, Int, Int, Float]] = []
    every = np.arange(len(places.segment))
    for side in (0, 1):
        arc = 2 * places.segment + side
        share = 1.0 - places.share if side else places.share
        into = np.rint(share * metric.rules.duration_ms[arc]).astype(np.int64)
        for layer in layers:
            state = metric.graph.start_state[layer, arc]
            there = (state >= 0) & metric.state_open[state]
            into_m = share * metric.graph.network.length_m[places.segment]
            found.append((every[there], state[there], into[there], into_m[there]))
    place, state, into_ms, metres = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(place, kind="stable")
    return Ends(place[order], state[order], into_ms[order], metres[order])


def starts_of(metric: Metric, places: Places) -> Ends:
    """The states in which places are left."""
    return _ends(metric, places, (THROUGH, LEAVING))


def stops_of(metric: Metric, places: Places) -> Ends:
    """The states in which places are reached: those for via ways as well as the arcs' own."""
    own = _ends(metric, places, (THROUGH, LEAVING, ARRIVING))
    graph = metric.graph
    key = 3 * graph.state_arc + graph.layer
    order = np.argsort(key, kind="stable")
    low, high = (np.searchsorted(key[order], key[own.state], side=side) for side in ("left", "right"))
    count = high - low
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    state = order[np.repeat(low, count) + rank]
    return Ends(np.repeat(own.place, count), state, np.repeat(own.into_ms, count), np.repeat(own.into_m, count))
