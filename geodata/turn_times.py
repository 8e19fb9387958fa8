"""Times, distances and routes on the turn-expanded graph by the Dijkstra of scipy: the oracle of faster engines.

Its floats hold integers below 2**53 exactly, so that times are whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geodata.turn_metric import Metric
from geodata.turn_places import Ends, Places, starts_of, stops_of

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

CHUNK = 64


@dataclass(frozen=True)
class TurnTimes:
    """Times and distances from S to T places; the mask alone says what is reached."""

    duration_ms: Int
    """[S, T], -1 where `reached` is False."""
    distance_m: Float
    """[S, T], of the time-optimal route, -1 where `reached` is False."""
    reached: Bool
    """[S, T]."""


@dataclass(frozen=True)
class Route:
    """One time-optimal route."""

    arcs: tuple[int, ...]
    """In their order; the first and the last are driven in part."""
    duration_ms: int
    distance_m: float
    lonlat: Float
    """[k, 2], k >= 2, degrees."""


@dataclass(frozen=True)
class _Search:
    """All that is reached from one place in one direction."""

    metric: Metric
    place: int
    state: int
    into_ms: int
    into_m: float
    time_ms: Float
    """[S], from the start of the state's arc; inf where there is no way."""
    before: NDArray[np.int32]
    lap: tuple[int, ...]
    """The shortest way round back to the state, empty where it is not asked for or there is none."""
    lap_ms: float

    def behind(self, stops: Ends) -> Bool:
        """Stops on the same arc that the place has passed already."""
        return np.asarray((stops.state == self.state) & (stops.into_ms < self.into_ms), dtype=np.bool_)

    def span_ms(self, stops: Ends) -> Float:
        """Time to each stop."""
        span = self.time_ms[stops.state] - self.into_ms + stops.into_ms
        span[self.behind(stops)] += self.lap_ms
        return span

    def span_m(self, stops: Ends, which: Int) -> Float:
        """Distance driven to some of the stops (indices), which must be reached."""
        arc_m = self.metric.graph.network.length_m[self.metric.graph.state_arc >> 1]
        span = _along_tree(self.before, arc_m)[stops.state[which]] - self.into_m + stops.into_m[which]
        span[self.behind(stops)[which]] += arc_m[list(self.lap[:-1])].sum()
        return np.maximum(span, 0.0)

    def states(self, stops: Ends, stop: int) -> tuple[int, ...]:
        """The states on the way to a stop."""
        if self.behind(stops)[stop]:
            return self.lap
        states = [int(stops.state[stop])]
        while states[-1] != self.state:
            states.append(int(self.before[states[-1]]))
        return tuple(states[::-1])


def _along_tree(before: NDArray[np.int32], arc_m: Float) -> Float:
    """[S], length of the tree of shortest paths from its root to the start of each state's arc, by doubling."""
    parent = np.where(before < 0, np.arange(len(before)), before)
    length = np.where(before < 0, 0.0, arc_m[parent])
    while True:
        further = parent[parent]
        if np.array_equal(further, parent):
            return np.asarray(length, dtype=np.float64)
        length = length + length[parent]
        parent = further


def _searches(metric: Metric, starts: Ends, stops: Ends) -> Iterator[_Search]:
    matrix = metric.matrix()
    for first in range(0, len(starts.state), CHUNK):
        rows = slice(first, first + CHUNK)
        found, before = dijkstra(matrix, indices=starts.state[rows], return_predecessors=True)
        for k, time_ms in enumerate(found):
            state, into_ms = int(starts.state[first + k]), int(starts.into_ms[first + k])
            passed = bool(((stops.state == state) & (stops.into_ms < into_ms)).any())
            lap, lap_ms = _lap(metric, matrix, state) if passed else ((), np.inf)
            yield _Search(metric, int(starts.place[first + k]), state, into_ms, float(starts.into_m[first + k]),
                          time_ms, before[k], lap, lap_ms)


def _lap(metric: Metric, matrix: csr_array, state: int) -> tuple[tuple[int, ...], float]:
    """The quickest way from a state round to itself (states, from it to it) and its ms; (), inf where there is none."""
    row = slice(matrix.indptr[state], matrix.indptr[state + 1])
    nexts, steps = matrix.indices[row], matrix.data[row]
    if len(nexts) == 0:
        return (), np.inf
    back, toward = dijkstra(metric.matrix(backward=True), indices=state, return_predecessors=True)
    total = steps + back[nexts]
    best = int(np.argmin(total))
    if not np.isfinite(total[best]):
        return (), np.inf
    lap = [state, int(nexts[best])]
    while lap[-1] != state:
        lap.append(int(toward[lap[-1]]))
    return tuple(lap), float(total[best])


def turn_times(metric: Metric, sources: Places, targets: Places) -> TurnTimes:
    """Least times from every source to every target, [S, T] in ms, and the distances of those routes."""
    starts, stops = starts_of(metric, sources), stops_of(metric, targets)
    duration = np.full((len(sources.segment), len(targets.segment)), np.inf)
    distance = np.full_like(duration, -1.0)
    for search in _searches(metric, starts, stops):
        span = search.span_ms(stops)
        order = np.lexsort((span, stops.place))
        best = order[np.diff(stops.place[order], prepend=-1) > 0]
        best = best[span[best] < duration[search.place, stops.place[best]]]
        duration[search.place, stops.place[best]] = span[best]
        distance[search.place, stops.place[best]] = search.span_m(stops, best)
    reached = np.isfinite(duration)
    return TurnTimes(np.where(reached, duration, -1.0).astype(np.int64), distance, reached)


def routes(metric: Metric, sources: Places, source: int, targets: Places, wanted: Int) -> list[Route | None]:
    """The time-optimal routes from one source to the wanted targets (indices); None where there is no way."""
    one = Places(sources.segment[[source]], sources.share[[source]])
    stops = stops_of(metric, targets)
    searches = list(_searches(metric, starts_of(metric, one), stops))
    spans = np.array([search.span_ms(stops) for search in searches]).reshape(len(searches), len(stops.place))
    result: list[Route | None] = []
    for target in wanted:
        columns = np.flatnonzero(stops.place == target)
        reach = spans[:, columns]
        if not np.isfinite(reach).any():
            result.append(None)
            continue
        row, column = np.unravel_index(int(np.argmin(reach)), reach.shape)
        stop = int(columns[column])
        states = searches[row].states(stops, stop)
        ends = float(one.share[0]), float(targets.share[target])
        result.append(_route(metric, states, int(spans[row, stop]), *ends))
    return result


def _route(metric: Metric, states: tuple[int, ...], duration_ms: int, from_share: float, to_share: float) -> Route:
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
