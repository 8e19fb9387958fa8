"""Times and routes on the turn-expanded graph: places on segments, exact many-to-many integer milliseconds.

Dijkstra of scipy, whose floats hold integers below 2**53 exactly. A place lies on a segment and may be left and
reached in both directions of it, as far as they are open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geodata.turn_metric import Metric
from geodata.turns import ARRIVING, LEAVING, THROUGH

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

CHUNK = 64


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
class TurnTimes:
    """Times from S to T places; the mask alone says what is reached."""

    duration_ms: Int
    """[S, T], -1 where `reached` is False."""
    reached: Bool
    """[S, T]."""


@dataclass(frozen=True)
class Route:
    """One time-optimal route."""

    arcs: tuple[int, ...]
    """In their order; the first and the last are driven in part."""
    duration_ms: int
    length_m: float
    lonlat: Float
    """[k, 2], k >= 2, degrees."""


@dataclass(frozen=True)
class _Ends:
    """States at which places begin or end, in the order of the places."""

    place: Int
    state: Int
    into_ms: Int
    """Time from the start of the state's arc to the place."""


def _ends(metric: Metric, places: Places, layers: tuple[int, ...]) -> _Ends:
    found: list[tuple[Int, Int, Int]] = []
    every = np.arange(len(places.segment))
    for side in (0, 1):
        arc = 2 * places.segment + side
        share = 1.0 - places.share if side else places.share
        into = np.rint(share * metric.rules.duration_ms[arc]).astype(np.int64)
        for layer in layers:
            state = metric.graph.start_state[layer, arc]
            there = (state >= 0) & metric.state_open[state]
            found.append((every[there], state[there], into[there]))
    place, state, into = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(place, kind="stable")
    return _Ends(place[order], state[order], into[order])


def _starts(metric: Metric, places: Places) -> _Ends:
    return _ends(metric, places, (THROUGH, LEAVING))


def _stops(metric: Metric, places: Places) -> _Ends:
    """Where a place is reached; in a state for a via way as well as in the arc's own."""
    own = _ends(metric, places, (THROUGH, LEAVING, ARRIVING))
    graph = metric.graph
    twins = _twins(graph.state_arc, graph.layer)
    low, high = (np.searchsorted(twins.key, twins.of(graph.state_arc[own.state], graph.layer[own.state]), side=side)
                 for side in ("left", "right"))
    count = high - low
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    state = twins.state[np.repeat(low, count) + rank]
    return _Ends(np.repeat(own.place, count), state, np.repeat(own.into_ms, count))


@dataclass(frozen=True)
class _Twins:
    """States in the order of their arc and layer."""

    key: Int
    state: Int

    @staticmethod
    def of(arc: Int, layer: Int) -> Int:
        """The key of an arc in a layer."""
        return np.asarray(3 * arc + layer, dtype=np.int64)


def _twins(arc: Int, layer: Int) -> _Twins:
    key = _Twins.of(arc, layer)
    order = np.argsort(key, kind="stable")
    return _Twins(key[order], order)


def turn_times(metric: Metric, sources: Places, targets: Places) -> TurnTimes:
    """Least times from every source to every target, [S, T] in ms, with the mask of what is reached at all."""
    starts, stops = _starts(metric, sources), _stops(metric, targets)
    best = np.full((len(sources.segment), len(targets.segment)), np.inf)
    matrix = metric.matrix()
    for rows in _chunks(len(starts.state)):
        found = dijkstra(matrix, indices=starts.state[rows])
        for row, distance in zip(range(rows.start, rows.stop), found, strict=True):
            span = _from_one(metric, matrix, starts, row, stops, distance)
            place = starts.place[row]
            np.minimum.at(best[place], stops.place, span)
    reached = np.isfinite(best)
    return TurnTimes(np.where(reached, best, -1.0).astype(np.int64), reached)


def _from_one(metric: Metric, matrix: csr_array, starts: _Ends, row: int, stops: _Ends, distance: Float) -> Float:
    """Times from one start to all stops; what lies behind on the same arc is reached by going round."""
    into = starts.into_ms[row]
    span = distance[stops.state] - into + stops.into_ms
    behind = (stops.state == starts.state[row]) & (stops.into_ms < into)
    if behind.any():
        span[behind] = _round_trip(metric, matrix, int(starts.state[row])) - into + stops.into_ms[behind]
    return np.asarray(span, dtype=np.float64)


def _round_trip(metric: Metric, matrix: csr_array, state: int) -> float:
    """The least time to come back to the start of a state's arc, inf where one cannot."""
    nexts, steps = _onward(matrix, state)
    if len(nexts) == 0:
        return np.inf
    back = dijkstra(metric.matrix(backward=True), indices=state)
    return float((steps + back[nexts]).min())


def _onward(matrix: csr_array, state: int) -> tuple[Int, Float]:
    row = slice(matrix.indptr[state], matrix.indptr[state + 1])
    return matrix.indices[row], matrix.data[row]


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def routes(metric: Metric, sources: Places, source: int, targets: Places, wanted: Int) -> list[Route | None]:
    """The time-optimal routes from one source to the wanted targets (indices); None where there is no way."""
    starts, stops = _starts(metric, sources), _stops(metric, targets)
    rows = np.flatnonzero(starts.place == source)
    if len(rows) == 0:
        return [None] * len(wanted)
    matrix = metric.matrix()
    found, before = dijkstra(matrix, indices=starts.state[rows], return_predecessors=True)
    spans = np.array([_from_one(metric, matrix, starts, int(row), stops, distance)
                      for row, distance in zip(rows, found, strict=True)])
    result: list[Route | None] = []
    for target in wanted:
        columns = np.flatnonzero(stops.place == target)
        if len(columns) == 0 or not np.isfinite(spans[:, columns]).any():
            result.append(None)
            continue
        which, column = np.unravel_index(int(np.argmin(spans[:, columns])), (len(rows), len(columns)))
        start, stop = int(starts.state[rows[which]]), int(columns[column])
        states = _states(metric, matrix, before[which], start, int(stops.state[stop]),
                         bool(stops.into_ms[stop] < starts.into_ms[rows[which]]))
        result.append(_route(metric, states, int(spans[which, stop]), float(sources.share[source]),
                             float(targets.share[target])))
    return result


def _states(metric: Metric, matrix: csr_array, before: NDArray[np.int32], start: int, stop: int,
            behind: bool) -> list[int]:
    """States of the route; `behind`: if the stop is the start itself, one must go round."""
    if start == stop and behind:
        nexts, steps = _onward(matrix, start)
        back, toward = dijkstra(metric.matrix(backward=True), indices=start, return_predecessors=True)
        at = int(nexts[np.argmin(steps + back[nexts])])
        round_trip = [start, at]
        while at != start:
            at = int(toward[at])
            round_trip.append(at)
        return round_trip
    states = [stop]
    while states[-1] != start:
        states.append(int(before[states[-1]]))
    return states[::-1]


def _route(metric: Metric, states: list[int], duration_ms: int, from_share: float, to_share: float) -> Route:
    network = metric.graph.network
    arcs = [int(metric.graph.state_arc[state]) for state in states]
    pieces: list[Float] = []
    total = 0.0
    for number, arc in enumerate(arcs):
        line = network.lonlat[network.first[arc >> 1]:network.first[(arc >> 1) + 1]]
        start = (1.0 - from_share if arc & 1 else from_share) if number == 0 else 0.0
        stop = (1.0 - to_share if arc & 1 else to_share) if number == len(arcs) - 1 else 1.0
        total += network.length_m[arc >> 1] * (stop - start)
        ahead = line[::-1] if arc & 1 else line
        pieces.append(ahead if (start, stop) == (0.0, 1.0) else part_of(ahead, start, stop))
    return Route(tuple(arcs), duration_ms, total, np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])]))


def part_of(line: Float, start: float, stop: float) -> Float:
    """The vertices between two shares of a line's length, [k, 2] with k >= 2.

    Shares are taken on degrees scaled by the cosine of the latitude, good to a millimetre on one segment of a city.
    """
    scale = np.array([np.cos(np.radians(line[:, 1].mean())), 1.0])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*(np.diff(line, axis=0) * scale).T))])
    along /= along[-1] if along[-1] > 0.0 else 1.0
    ends = np.column_stack([np.interp([start, stop], along, line[:, k]) for k in (0, 1)])
    inner = line[(along > start) & (along < stop)]
    return np.vstack([ends[:1], inner, ends[1:]])
