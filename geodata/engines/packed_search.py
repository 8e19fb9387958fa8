"""Keys and paths of the fastest ways by Dijkstra's algorithm, compiled (numba); done when all targets are settled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from geodata.engines.engine import NO_KEY, pair_keys
from geodata.matrix_network import LIMIT_MM, LIMIT_MS, ArcNetwork, Int, Topology

TOO_LONG = LIMIT_MS * LIMIT_MM


def searched_keys(network: ArcNetwork, sources: Int, targets: Int) -> Int:
    """Keys from every source to every target, [S, T], searched from the smaller side; no node twice on a side."""
    keys, topology = pair_keys(network), network.topology
    if len(targets) >= len(sources):
        return _rows(_by_tail(topology), topology.pair_head, keys, sources, targets)
    turned = np.lexsort((topology.pair_tail, topology.pair_head))
    first = np.searchsorted(topology.pair_head[turned], np.arange(network.node_count + 1)).astype(np.int64)
    return np.ascontiguousarray(_rows(first, topology.pair_tail[turned], keys[turned], targets, sources).T)


@dataclass(frozen=True)
class Prepared:
    """What every search of a metric needs: where the pairs of each node begin, and their keys."""

    first: Int
    keys: Int


def prepared(network: ArcNetwork) -> Prepared:
    """A metric ready for searched_pairs."""
    return Prepared(_by_tail(network.topology), pair_keys(network))


def searched_pairs(network: ArcNetwork, source: int, targets: Int, ready: Prepared | None = None) -> list[Int | None]:
    """The pairs passed from a node to each target, None where there is no way.

    `ready` spares the time to prepare the network again.
    """
    topology, ready = network.topology, ready or prepared(network)
    key, into = _tree(ready.first, topology.pair_head, ready.keys, source, np.unique(targets))
    return [_walked(topology, into, source, int(target)) if key[target] < NO_KEY else None for target in targets]


def _walked(topology: Topology, into: Int, source: int, target: int) -> Int:
    pairs = []
    while target != source:
        pairs.append(into[target])
        target = int(topology.pair_tail[into[target]])
    return np.array(pairs[::-1], dtype=np.int64)


def _by_tail(topology: Topology) -> Int:
    return np.searchsorted(topology.pair_tail, np.arange(topology.node_count + 1)).astype(np.int64)


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
    best = np.full(count, NO_KEY, dtype=np.int64)
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
