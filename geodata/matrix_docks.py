"""Matrices between places that are no nodes: each is left and reached through docks, nodes at a known time from it.

The network stays as it is whatever places there are, so what was computed between its nodes can be kept: a further
place asks for the rows and columns of its docks only. Two kinds of docks:
- a place on an arc is left through the arc's head and reached through its tail; on the same arc there are direct ways;
- where nodes are arcs and arcs are turns (a turn-expanded graph), a place is left and reached through the node it lies
  on, and the time driven along it until there is taken off again at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from geodata.engines import NO_KEY
from geodata.matrices import Matrix, Router
from geodata.matrix_network import LIMIT_MM, LIMIT_MS, ArcNetwork, Bool, Float, Int, NetworkError, PathTooLongError

BLOCK_CELLS = 8_000_000
"""Pairs of docks that are joined at once."""


@dataclass(frozen=True)
class Docks:
    """K docks of places 0 ... place_count - 1, sorted by place; a place may have none and is then not reached."""

    place_count: int
    place: Int
    node: Int
    duration_ms: Int
    """Between place and node, [K]; negative where the way from or to the node passes the place."""
    length_mm: Int
    """The same in millimetres, [K]; of the same sign, or zero."""

    def __post_init__(self) -> None:
        if len({len(c) for c in (self.place, self.node, self.duration_ms, self.length_mm)}) != 1:
            raise NetworkError("docks: columns of different lengths")
        if len(self.place) and (self.place[0] < 0 or self.place[-1] >= self.place_count or
                                (np.diff(self.place) < 0).any()):
            raise NetworkError("docks are sorted by place, and places count from 0")


@dataclass(frozen=True)
class Direct:
    """Ways between places that pass no dock."""

    source: Int
    target: Int
    duration_ms: Int
    length_mm: Int


@dataclass(frozen=True)
class OnArcs:
    """Places on arcs, K rows sorted by place: one per arc (a two-way street is two arcs)."""

    place_count: int
    place: Int
    arc: Int
    share: Float
    """How far along the arc from its tail, 0 to 1."""

    def __post_init__(self) -> None:
        if not ((self.share >= 0.0) & (self.share <= 1.0)).all():
            raise NetworkError("places lie between the ends of their arcs: shares from 0 to 1")


def docks_on_arcs(network: ArcNetwork, at: OnArcs) -> tuple[Docks, Docks]:
    """Docks through which places on open arcs are left, and those through which they are reached."""
    at = _open(network, at)
    into_ms, into_mm = _into(network, at)
    whole_ms, whole_mm = network.duration_ms[at.arc].astype(np.int64), network.length_mm[at.arc]
    return (Docks(at.place_count, at.place, network.head[at.arc], whole_ms - into_ms, whole_mm - into_mm),
            Docks(at.place_count, at.place, network.tail[at.arc], into_ms, into_mm))


def direct_on_arcs(network: ArcNetwork, sources: OnArcs, targets: OnArcs) -> Direct:
    """Ways along one open arc, from each source to the targets that are not behind it."""
    sources, targets = _open(network, sources), _open(network, targets)
    order = np.argsort(targets.arc, kind="stable")
    low, high = (np.searchsorted(targets.arc[order], sources.arc, side=side) for side in ("left", "right"))
    count = high - low
    row = np.repeat(np.arange(len(count)), count)
    column = order[np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)]
    ahead = targets.share[column] >= sources.share[row]
    row, column = row[ahead], column[ahead]
    from_ms, from_mm = _into(network, sources)
    to_ms, to_mm = _into(network, targets)
    return Direct(sources.place[row], targets.place[column], to_ms[column] - from_ms[row],
                  to_mm[column] - from_mm[row])


def docked_matrix(router: Router, starts: Docks, ends: Docks, direct: Direct | None = None, *,
                  with_distance: bool = False, between: Callable[[Int, Int], Matrix] | None = None) -> Matrix:
    """From every place of `starts` to every place of `ends`, the least over their docks and direct ways.

    `between` finds the matrix between nodes, with distances if those are wanted (default: the router; a MatrixCache
    otherwise). A place behind another on the same node is reached by going round. Errors as in Router.matrix.
    """
    find = between or (lambda rows, columns: router.matrix(rows, columns, with_distance=with_distance))
    rows, row_of = np.unique(starts.node, return_inverse=True)
    columns, column_of = np.unique(ends.node, return_inverse=True)
    nodes = find(rows, columns)
    if with_distance and nodes.distance_m is None:
        raise ValueError("the matrix between nodes has no distances")
    best = np.full((starts.place_count, ends.place_count), NO_KEY, dtype=np.int64)
    start_key, end_key = (_key(side, with_distance) for side in (starts, ends))
    _check_lengths(nodes, starts, ends)
    end_first, end_place = _groups(ends.place)
    for part in _parts(starts.place, len(ends.place)):
        start_first, start_place = _groups(starts.place[part])
        if len(end_first) == 0:
            break
        found = _node_keys(nodes, row_of[part], column_of, with_distance)
        offset = start_key[part][:, None] + end_key[None, :]
        found += offset
        same = (starts.node[part][:, None] == ends.node[None, :]) & (offset < 0)
        if same.any():
            _go_round(router, starts.node[part], same, offset, found, with_distance)
        least = np.minimum.reduceat(np.minimum.reduceat(found, start_first, axis=0), end_first, axis=1)
        best[np.ix_(start_place, end_place)] = np.minimum(least, NO_KEY)
    if direct is not None:
        np.minimum.at(best, (direct.source, direct.target), _key(direct, with_distance))
    return _matrix(best, with_distance)


def _matrix(best: Int, with_distance: bool) -> Matrix:
    unreachable = best >= NO_KEY
    best = np.where(unreachable, 0, best)
    if best.size and best.min() < 0:
        raise NetworkError("a way between places takes less than no time: a dock takes off more than was driven")
    if best.size and best.max() >= LIMIT_MS * LIMIT_MM:
        raise PathTooLongError(f"a fastest way between places lasts {LIMIT_MS} ms or more")
    distance = (best % LIMIT_MM) / 1000.0 if with_distance else None
    return Matrix((best // LIMIT_MM).astype(np.uint32), unreachable, distance)


def _key(ways: Docks | Direct, with_distance: bool) -> Int:
    """Milliseconds and millimetres as one number; without distances only the first count."""
    key = ways.duration_ms.astype(np.int64) * LIMIT_MM
    return key + ways.length_mm if with_distance else key


def _check_lengths(nodes: Matrix, starts: Docks, ends: Docks) -> None:
    """PathTooLongError where the millimetres of a sum might not fit beside its milliseconds."""
    if nodes.distance_m is not None:
        longest_m = nodes.distance_m.max(initial=0.0) + sum(
            np.abs(side.length_mm).max(initial=0) / 1000.0 for side in (starts, ends))
        if longest_m >= LIMIT_MM / 1000.0 - 1.0:
            raise PathTooLongError(f"a way of {longest_m / 1000.0:.0f} km between places; below 1,073 km can be told")


def _node_keys(nodes: Matrix, rows: Int, columns: Int, with_distance: bool) -> Int:
    """Keys between docks; so much more than NO_KEY where there is no way that no offset brings it below."""
    pick = np.ix_(rows, columns)
    key = nodes.duration_ms[pick].astype(np.int64) * LIMIT_MM
    if with_distance and nodes.distance_m is not None:
        key += np.round(nodes.distance_m[pick] * 1000.0).astype(np.int64)
    key[nodes.unreachable[pick]] = 2 * NO_KEY - 1
    return key


def _go_round(router: Router, start_node: Int, behind: Bool, offset: Int, found: Int, with_distance: bool) -> None:
    """Corrects pairs of docks on one node of which the end lies behind the start (in place)."""
    row, column = np.nonzero(behind)
    nodes, node_of = np.unique(start_node[row], return_inverse=True)
    round_trip = np.array([_round_trip(router, int(node), with_distance) for node in nodes], dtype=np.int64)
    found[row, column] = round_trip[node_of] + offset[row, column]


def _round_trip(router: Router, node: int, with_distance: bool) -> int:
    """Key of the fastest way from a node back to it, 2 NO_KEY - 1 where there is none."""
    topology = router.network.topology
    low, high = np.searchsorted(topology.pair_tail, [node, node + 1])
    onward = np.flatnonzero(router.network.pair_arc[low:high] >= 0) + low
    if len(onward) == 0:
        return 2 * NO_KEY - 1
    back = router.matrix(topology.pair_head[onward], [node], with_distance=with_distance)
    keys = _node_keys(back, np.arange(len(onward)), np.zeros(1, dtype=np.int64), with_distance)[:, 0]
    steps = router.network.pair_ms[onward] * LIMIT_MM
    if with_distance:
        steps += router.network.pair_mm[onward]
    return int(np.where(keys < NO_KEY, keys + steps, keys).min())


def _open(network: ArcNetwork, at: OnArcs) -> OnArcs:
    there = ~network.closed[at.arc]
    return OnArcs(at.place_count, at.place[there], at.arc[there], at.share[there])


def _into(network: ArcNetwork, at: OnArcs) -> tuple[Int, Int]:
    """Whole milliseconds and millimetres from the arc's tail to the place."""
    return (np.rint(at.share * network.duration_ms[at.arc]).astype(np.int64),
            np.rint(at.share * network.length_mm[at.arc]).astype(np.int64))


def _groups(place: Int) -> tuple[Int, Int]:
    """Where each place starts in a sorted column, and which place it is."""
    first = np.flatnonzero(np.diff(place, prepend=-1))
    return first, place[first]


def _parts(place: Int, width: int) -> Iterator[slice]:
    """Slices of docks that hold whole places and not too many pairs."""
    first = np.append(_groups(place)[0], len(place))
    begin = 0
    while begin < len(place):
        wanted = begin + max(1, BLOCK_CELLS // max(1, width))
        end = int(first[max(np.searchsorted(first, wanted, side="right") - 1, np.searchsorted(first, begin) + 1)])
        yield slice(begin, end)
        begin = end
