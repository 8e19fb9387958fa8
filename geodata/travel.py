"""Walking and driving: places inserted into a graph, many-to-many matrices, and paths edge by edge.

Dijkstra of scipy on the least duration; distances are those of the time-optimal path. Directions are never mixed up:
a matrix towards a place is searched on the reversed graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geodata.roads import Access, Snap, _ways

Float = NDArray[np.float64]
Int = NDArray[np.int64]

CHUNK = 64
FEW_TARGETS = 100
"""Ways to fewer targets than one node in so many are added up target by target, not for every node at once."""
SHORTEST_EDGE_M = 1e-3
"""Two places at one spot are this far apart: a zero would vanish from a sparse matrix."""


@dataclass(frozen=True)
class Graph:
    """A profile's streets with places inserted. Node ids: street nodes first, then one node per place."""

    access: Access
    place_node: Int
    """Node of each inserted place."""
    tail: Int
    head: Int
    length_m: Float
    duration_s: Float
    edge: Int
    """Street edge of each arc."""
    from_m: Float
    to_m: Float
    """Where on the street edge the arc starts and ends."""
    node_count: int

    def matrix(self, *, backward: bool = False) -> csr_array:
        """Durations as a sparse matrix (arcs are unique per node pair)."""
        ends = (self.head, self.tail) if backward else (self.tail, self.head)
        return csr_array((self.duration_s, ends), shape=(self.node_count, self.node_count))


def graph_with(access: Access, snap: Snap) -> Graph:
    """The graph of a profile with places as nodes of their own, splitting the edges they lie on."""
    streets = access.streets
    count = len(streets.node_xy)
    edges = access.edge
    place_node = count + np.arange(len(snap.edge))
    on = np.concatenate([edges, snap.edge, edges])
    along = np.concatenate([np.zeros(len(edges)), np.clip(snap.along_m, 0.0, streets.length_m[snap.edge]),
                            streets.length_m[edges]])
    rank = np.concatenate([np.zeros(len(edges)), np.ones(len(snap.edge)), np.full(len(edges), 2.0)])
    node = np.concatenate([streets.u[edges], place_node, streets.v[edges]])
    order = np.lexsort((rank, along, on))
    on, along, node = on[order], along[order], node[order]
    pair = np.flatnonzero(on[:-1] == on[1:])
    a, b, e, start, stop = node[pair], node[pair + 1], on[pair], along[pair], along[pair + 1]

    forward, backward = _ways(streets, access.profile)
    ahead, back = forward[e], backward[e]
    tail, head = np.concatenate([a[ahead], b[back]]), np.concatenate([b[ahead], a[back]])
    edge = np.concatenate([e[ahead], e[back]])
    from_m, to_m = np.concatenate([start[ahead], stop[back]]), np.concatenate([stop[ahead], start[back]])
    length = np.maximum(np.abs(to_m - from_m), SHORTEST_EDGE_M)
    duration = length / access.profile.speeds(streets.highway)[edge]
    total = count + len(snap.edge)
    keep = _fastest_of_parallel(tail, head, duration, total)
    return Graph(access, place_node, tail[keep], head[keep], length[keep], duration[keep], edge[keep],
                 from_m[keep], to_m[keep], total)


def _fastest_of_parallel(tail: Int, head: Int, duration: Float, nodes: int) -> Int:
    """Indices that keep the fastest arc of each node pair, without loops, sorted by (tail, head)."""
    key = tail * np.int64(nodes) + head
    order = np.lexsort((duration, key))
    order = order[tail[order] != head[order]]
    return np.asarray(order[np.diff(key[order], prepend=-1) > 0], dtype=np.int64)


@dataclass(frozen=True)
class Times:
    """Duration and the distance of the time-optimal path; inf where there is no way."""

    duration_s: Float
    distance_m: Float


def times(graph: Graph, sources: Int, targets: Int, *, backward: bool = False) -> Times:
    """From every source node to every target node, [S, T]; with `backward` from every target to every source."""
    matrix = graph.matrix(backward=backward)
    duration = np.full((len(sources), len(targets)), np.inf)
    distance = np.full_like(duration, np.inf)
    length = _lengths(graph, backward=backward)
    few = len(targets) * FEW_TARGETS < graph.node_count
    for rows in _chunks(len(sources)):
        found, before = dijkstra(matrix, indices=sources[rows], return_predecessors=True)
        duration[rows] = found[:, targets]
        metres = _along(before, length, targets) if few else _accumulate(before, length, targets)
        distance[rows] = np.where(np.isfinite(duration[rows]), metres, np.inf)
    return Times(duration, distance)


def within(graph: Graph, sources: Int, targets: Int, limit_s: float) -> Iterator[tuple[slice, Float]]:
    """Durations from sources to targets in chunks of rows, inf beyond the limit: (rows, [rows, T])."""
    matrix = graph.matrix()
    for rows in _chunks(len(sources)):
        yield rows, dijkstra(matrix, indices=sources[rows], limit=limit_s)[:, targets]


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def _lengths(graph: Graph, *, backward: bool) -> csr_array:
    ends = (graph.head, graph.tail) if backward else (graph.tail, graph.head)
    return csr_array((graph.length_m, ends), shape=(graph.node_count, graph.node_count))


def _along(before: NDArray[np.int32], length: csr_array, targets: Int) -> Float:
    """Length of the way to each target, [rows, T], walked back step by step: quicker where targets are few."""
    count = before.shape[1]
    table = length.tocoo()
    key = table.row.astype(np.int64) * count + table.col
    order = np.argsort(key, kind="stable")
    key, metres = key[order], table.data[order]
    total = np.zeros((len(before), len(targets)))
    row, column = (i.ravel() for i in np.indices(total.shape))
    at = np.tile(targets, len(before))
    while True:
        previous = before[row, at].astype(np.int64)
        going = previous >= 0
        if not going.any():
            return total
        row, column, at, previous = row[going], column[going], at[going], previous[going]
        total[row, column] += metres[np.searchsorted(key, previous * count + at)]
        at = previous


def _accumulate(before: NDArray[np.int32], length: csr_array, targets: Int) -> Float:
    """Length of the shortest-path tree from each row's source to the targets, by pointer doubling."""
    rows, nodes = before.shape
    own = np.arange(nodes)
    parent = np.where(before < 0, own, before).astype(np.int64)
    step = np.zeros((rows, nodes))
    for row in range(rows):
        at = np.flatnonzero(before[row] >= 0)
        step[row, at] = length[parent[row, at], at]
    while True:
        further = np.take_along_axis(parent, parent, axis=1)
        if np.array_equal(further, parent):
            break
        step += np.take_along_axis(step, parent, axis=1)
        parent = further
    return np.asarray(step[:, targets], dtype=np.float64)


@dataclass(frozen=True)
class Paths:
    """Time-optimal paths as street geometry, from one source at a time."""

    graph: Graph
    _key: Int
    """tail * nodes + head of each arc, ascending."""

    @classmethod
    def of(cls, graph: Graph) -> Paths:
        """Paths over a graph (its arcs are sorted by tail and head)."""
        return cls(graph, graph.tail * np.int64(graph.node_count) + graph.head)

    def lines(self, source: int, targets: Int) -> list[Float]:
        """Vertices of the path to each target, [k, 2] each; ValueError where there is no way."""
        _, before = dijkstra(self.graph.matrix(), indices=int(source), return_predecessors=True)
        return [self._vertices(self._nodes(before, source, int(target))) for target in targets]

    def _nodes(self, before: NDArray[np.int32], source: int, target: int) -> Int:
        out = [target]
        while out[-1] != source:
            previous = int(before[out[-1]])
            if previous < 0:
                raise ValueError(f"no way from node {source} to node {target}")
            out.append(previous)
        return np.array(out[::-1], dtype=np.int64)

    def _vertices(self, nodes: Int) -> Float:
        if len(nodes) == 1:
            place = int(np.flatnonzero(self.graph.tail == nodes[0])[0])
            return self._piece(place)[:1]
        arcs = np.searchsorted(self._key, nodes[:-1] * np.int64(self.graph.node_count) + nodes[1:])
        pieces = [self._piece(int(arc)) for arc in arcs]
        return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])

    def _piece(self, arc: int) -> Float:
        """Vertices of one arc, in the direction of travel."""
        streets = self.graph.access.streets
        edge = self.graph.edge[arc]
        xy = streets.coords[streets.first[edge]:streets.first[edge + 1]]
        start, stop = self.graph.from_m[arc], self.graph.to_m[arc]
        low, high = min(start, stop), max(start, stop)
        if low > 0.0 or high < streets.length_m[edge]:
            walked = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
            inner = xy[(walked > low + 1e-9) & (walked < high - 1e-9)]
            ends = shapely.get_coordinates(shapely.line_interpolate_point(streets.lines[edge], [low, high]))
            xy = np.vstack([ends[:1], inner, ends[1:]])
        return xy if start <= stop else xy[::-1]
