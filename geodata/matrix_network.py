"""A directed network with integer travel times, as arrays: its topology apart from its times and lengths.

A topology is sorted once and may carry any number of metrics (vehicle class, hour of the day), each an ArcNetwork.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
UInt32 = NDArray[np.uint32]

LIMIT_MS = 2**31 - 1
"""Arcs and fastest paths stay below it (24.8 days): contraction hierarchies count in 32 bits and use it as infinity."""
LIMIT_MM = 2**30
"""Lengths of arcs stay below it (1,073 km), and distances of cells too."""


class NetworkError(ValueError):
    """Arrays that are no network: wrong shapes, node ids out of range, negative or fractional times."""


class PathTooLongError(OverflowError):
    """A fastest path that lasts 24.8 days or more, or, where distances are asked for, of 1,073 km or more."""


@dataclass(frozen=True)
class Topology:
    """Which node every arc leads to; built by topology_of.

    A pair is an ordered pair of different nodes that at least one arc joins. Pairs are sorted by (tail, head).
    """

    tail: Int
    head: Int
    node_count: int
    node_xy: Float | None
    """Coordinates in any unit, [node_count, 2]: they only help to order the nodes."""
    pair_tail: Int
    pair_head: Int
    by_pair: Int
    """Arcs that are no loops, sorted by pair."""
    first: Int
    """Where each pair starts in by_pair, [pairs]."""

    @property
    def pair_count(self) -> int:
        """Number of ordered node pairs that an arc joins."""
        return len(self.first)


def topology_of(tail: ArrayLike, head: ArrayLike, node_count: int, node_xy: ArrayLike | None = None) -> Topology:
    """The topology of arcs tail -> head, [arcs]; loops and parallel arcs are allowed.

    NetworkError on shapes that do not fit and node ids out of range.
    """
    if not 0 < node_count < LIMIT_MS:
        raise NetworkError(f"a network has between 1 and {LIMIT_MS - 1} nodes, not {node_count}")
    ends = [_node_ids(values, node_count, name) for values, name in ((tail, "tail"), (head, "head"))]
    if len(ends[0]) != len(ends[1]):
        raise NetworkError(f"{len(ends[0])} tails but {len(ends[1])} heads")
    xy = None if node_xy is None else np.ascontiguousarray(node_xy, dtype=np.float64)
    if xy is not None and (xy.shape != (node_count, 2) or not np.isfinite(xy).all()):
        raise NetworkError(f"coordinates are finite and of shape ({node_count}, 2), not {xy.shape}")
    key = ends[0] * np.int64(node_count) + ends[1]
    order = np.argsort(key, kind="stable")
    order = order[ends[0][order] != ends[1][order]]
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    lead = order[first]
    return Topology(ends[0], ends[1], node_count, xy, ends[0][lead], ends[1][lead], order, first)


def _node_ids(values: ArrayLike, node_count: int, name: str) -> Int:
    given = np.asarray(values)
    if given.ndim != 1 or (given.dtype.kind not in "iu" and given.size):
        raise NetworkError(f"{name}: node ids are a row of integers, not {given.dtype} of shape {given.shape}")
    ids = given.astype(np.int64)
    if len(ids) and (ids.min() < 0 or ids.max() >= node_count):
        raise NetworkError(f"{name}: node ids lie between 0 and {node_count - 1}, not {ids.min()} to {ids.max()}")
    return ids


@dataclass(frozen=True)
class ArcNetwork:
    """A topology with one metric; built by arc_network or with_metric.

    Of parallel arcs the fastest counts, of equally fast ones the shortest. Closed arcs are not there for this metric.
    """

    topology: Topology
    duration_ms: UInt32
    """Of every arc as given, at least 1, [arcs]; meaningless where closed."""
    length_mm: Int
    closed: Bool
    pair_ms: Int
    """Of the best open arc of every pair, [pairs]; 0 where all are closed."""
    pair_mm: Int
    pair_arc: Int
    """Which arc that is; -1 where all are closed."""

    @property
    def tail(self) -> Int:
        """Node each arc leaves, [arcs]."""
        return self.topology.tail

    @property
    def head(self) -> Int:
        """Node each arc enters, [arcs]."""
        return self.topology.head

    @property
    def length_m(self) -> Float:
        """Length of each arc, rounded to millimetres, [arcs]."""
        return np.asarray(self.length_mm / 1000.0, dtype=np.float64)

    @property
    def node_count(self) -> int:
        """Number of nodes."""
        return self.topology.node_count

    @cached_property
    def longest_possible_ms(self) -> int:
        """No simple path lasts longer: every node is left once, along its slowest arc."""
        slowest = np.zeros(self.node_count, dtype=np.int64)
        np.maximum.at(slowest, self.topology.pair_tail, self.pair_ms)
        return int(slowest.sum())

    @cached_property
    def fastest_m_per_s(self) -> float:
        """The highest speed on any pair (whole millimetres over whole milliseconds); 0 without open arcs."""
        return float((self.pair_mm / np.maximum(self.pair_ms, 1)).max(initial=0.0))

    def nodes(self, ids: ArrayLike) -> Int:
        """Node ids as an array; NetworkError where there is no such node."""
        return _node_ids(ids, self.node_count, "places")


def arc_network(tail: ArrayLike, head: ArrayLike, duration_ms: ArrayLike, length_m: ArrayLike, node_count: int, *,
                node_xy: ArrayLike | None = None, closed: ArrayLike | None = None) -> ArcNetwork:
    """The network of arcs tail -> head with integer milliseconds and metres, [arcs] each.

    Zero durations count as 1 ms. NetworkError where the arrays do not fit together or an open arc has no valid time.
    """
    return with_metric(topology_of(tail, head, node_count, node_xy), duration_ms, length_m, closed)


def with_metric(topology: Topology, duration_ms: ArrayLike, length_m: ArrayLike,
                closed: ArrayLike | None = None) -> ArcNetwork:
    """A topology with times (integer ms), lengths (m) and closed arcs, [arcs] each. NetworkError as in arc_network."""
    count = len(topology.tail)
    shut = np.zeros(count, dtype=np.bool_) if closed is None else np.asarray(closed)
    if shut.dtype != np.bool_ or shut.shape != (count,):
        raise NetworkError(f"closed: {count} booleans, not {shut.dtype} of shape {shut.shape}")
    duration = _durations(np.asarray(duration_ms), shut)
    length = _lengths(np.asarray(length_m, dtype=np.float64), count)
    key = (duration.astype(np.int64) << 30) | length
    key[shut] = np.iinfo(np.int64).max
    pair_ms, pair_mm = np.zeros(topology.pair_count, dtype=np.int64), np.zeros(topology.pair_count, dtype=np.int64)
    pair_arc = np.full(topology.pair_count, -1, dtype=np.int64)
    if topology.pair_count:
        sorted_key = key[topology.by_pair]
        best = np.minimum.reduceat(sorted_key, topology.first)
        pair = np.repeat(np.arange(len(best)), np.diff(topology.first, append=len(sorted_key)))
        hits = np.flatnonzero(sorted_key == best[pair])[::-1]
        pair_arc[pair[hits]] = topology.by_pair[hits]  # the first of equals is written last
        pair_arc[best == np.iinfo(np.int64).max] = -1
        open_pairs = pair_arc >= 0
        pair_ms[open_pairs] = duration[pair_arc[open_pairs]]
        pair_mm[open_pairs] = length[pair_arc[open_pairs]]
    return ArcNetwork(topology, duration, length, shut, pair_ms, pair_mm, pair_arc)


def _durations(given: NDArray[np.generic], closed: Bool) -> UInt32:
    if given.shape != closed.shape or (given.dtype.kind not in "iu" and given.size):
        raise NetworkError(f"durations: {len(closed)} whole milliseconds, not {given.dtype} of shape {given.shape}")
    counted = given[~closed]
    if len(counted) and (counted.min() < 0 or counted.max() >= LIMIT_MS):
        raise NetworkError(f"durations of open arcs lie between 0 and {LIMIT_MS - 1} ms, "
                           f"not {counted.min()} to {counted.max()}")
    return np.where(closed, 1, np.maximum(given, 1)).astype(np.uint32)


def _lengths(given: Float, count: int) -> Int:
    if given.shape != (count,):
        raise NetworkError(f"lengths: {count} numbers, not shape {given.shape}")
    if len(given) and not (np.isfinite(given).all() and given.min() >= 0.0 and given.max() < LIMIT_MM / 1000.0 - 1.0):
        raise NetworkError(f"lengths lie between 0 and {LIMIT_MM / 1000.0:.0f} m, not {given.min()} to {given.max()}")
    return np.round(given * 1000.0).astype(np.int64)
