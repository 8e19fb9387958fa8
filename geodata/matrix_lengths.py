"""Distances and paths of the fastest ways: Dijkstra's algorithm on (milliseconds, millimetres), compiled (numba).

Both numbers share one integer, milliseconds x 2^30 + millimetres, so that of equally fast ways the shortest is found.
That is exact as long as the millimetres of the result stay below 2^30, which the times of the engine tell: where they
do not, the milliseconds found differ from theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from geodata.engines.engine import Cells
from geodata.matrix_network import LIMIT_MM, LIMIT_MS, ArcNetwork, Float, Int, PathTooLongError, Topology

NONE = np.iinfo(np.int64).max
TOO_LONG = LIMIT_MS * LIMIT_MM


@dataclass(frozen=True)
class Tree:
    """Fastest ways from one node: the key of each node (NONE: not reached) and the pair by which it is entered."""

    key: Int
    pair_into: Int


def fastest_tree(network: ArcNetwork, source: int, targets: Int) -> Tree:
    """The fastest ways from a node, of equally fast ones the shortest, searched until all targets are settled."""
    first, keys = _by_tail(network.topology), _keys(network)
    key, into = _tree(first, network.topology.pair_head, keys, source, np.unique(targets))
    return Tree(key, into)


def lengths_m(network: ArcNetwork, sources: Int, targets: Int, cells: Cells) -> Float:
    """Distances of the fastest ways, [S, T] in metres, 0 where there is none; nodes must be unique.

    PathTooLongError where a way is 1,073 km or longer.
    """
    backward = len(targets) < len(sources)
    keys = _keys(network)
    if backward:
        flip = np.lexsort((network.topology.pair_tail, network.topology.pair_head))
        head, keys = network.topology.pair_tail[flip], keys[flip]
        first = np.searchsorted(network.topology.pair_head[flip], np.arange(network.node_count + 1))
        found = _rows(first, head, keys, targets, sources).T
    else:
        found = _rows(_by_tail(network.topology), network.topology.pair_head, keys, sources, targets)
    found = np.where(found == NONE, 0, found)
    if not np.array_equal(found >> 30, cells.duration_ms):
        raise PathTooLongError(f"a fastest path is {LIMIT_MM / 1e6:.0f} km or longer: no distance can be given")
    return np.asarray((found & (LIMIT_MM - 1)) / 1000.0, dtype=np.float64)


def _by_tail(topology: Topology) -> Int:
    return np.searchsorted(topology.pair_tail, np.arange(topology.node_count + 1)).astype(np.int64)


def _keys(network: ArcNetwork) -> Int:
    return np.where(network.pair_arc >= 0, network.pair_ms * LIMIT_MM + network.pair_mm, NONE)


@njit(cache=True)
def _rows(first: Int, head: Int, keys: Int, starts: Int, ends: Int) -> Int:
    """Keys from each start to each end, [starts, ends]."""
    found = np.empty((len(starts), len(ends)), dtype=np.int64)
    for row in range(len(starts)):
        key, _ = _tree(first, head, keys, starts[row], ends)
        for column in range(len(ends)):
            found[row, column] = key[ends[column]]
    return found


@njit(cache=True)
def _tree(first: Int, head: Int, keys: Int, source: int, ends: Int) -> tuple[Int, Int]:
    """Least key of each settled node and the pair it is entered by; ends when all of `ends` (unique) are settled."""
    count = len(first) - 1
    best = np.full(count, NONE, dtype=np.int64)
    into = np.full(count, -1, dtype=np.int64)
    wanted = np.zeros(count, dtype=np.bool_)
    wanted[ends] = True
    left = len(ends)
    heap_key = np.empty(len(head) + 1, dtype=np.int64)
    heap_node = np.empty(len(head) + 1, dtype=np.int64)
    best[source] = 0
    heap_key[0], heap_node[0], size = 0, source, 1
    while size > 0 and left > 0:
        at_key, node = heap_key[0], heap_node[0]
        size -= 1
        if size > 0:
            _sift_down(heap_key, heap_node, size, heap_key[size], heap_node[size])
        if at_key > best[node]:
            continue
        if wanted[node]:
            left -= 1
        for pair in range(first[node], first[node + 1]):
            if keys[pair] == NONE:
                continue
            reached = at_key + keys[pair]
            if reached < best[head[pair]] and reached < TOO_LONG:
                best[head[pair]], into[head[pair]] = reached, pair
                _sift_up(heap_key, heap_node, size, reached, head[pair])
                size += 1
    return best, into


@njit(cache=True)
def _sift_up(heap_key: Int, heap_node: Int, at: int, key: int, node: int) -> None:
    while at > 0 and heap_key[(at - 1) >> 1] > key:
        up = (at - 1) >> 1
        heap_key[at], heap_node[at] = heap_key[up], heap_node[up]
        at = up
    heap_key[at], heap_node[at] = key, node


@njit(cache=True)
def _sift_down(heap_key: Int, heap_node: Int, size: int, key: int, node: int) -> None:
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and heap_key[child + 1] < heap_key[child]:
            child += 1
        if heap_key[child] >= key:
            break
        heap_key[at], heap_node[at] = heap_key[child], heap_node[child]
        at = child
    heap_key[at], heap_node[at] = key, node
