"""The inner loops of the packed hierarchy, compiled (numba). Nodes are named by rank, edges lead to higher nodes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.engines.engine import NO_KEY
from geodata.matrix_network import LIMIT_MM, Bool, Float, Int, UInt32

Int32 = NDArray[np.int32]


@njit(cache=True)
def filled(given_first: Int, given_upper: Int) -> tuple[Int, Int32]:
    """Edges after contraction: a node's higher neighbours become neighbours of the lowest of them."""
    count = len(given_first) - 1
    first = np.zeros(count + 1, dtype=np.int64)
    upper = np.empty(4 * len(given_upper) + 16, dtype=np.int32)
    mark = np.full(count, -1, dtype=np.int64)
    child = np.full(count, -1, dtype=np.int64)
    sibling = np.full(count, -1, dtype=np.int64)
    size = 0
    for node in range(count):
        begin = size
        room = given_first[node + 1] - given_first[node]
        below = child[node]
        while below >= 0:
            room += first[below + 1] - first[below]
            below = sibling[below]
        if size + room > len(upper):
            larger = np.empty(2 * (size + room), dtype=np.int32)
            larger[:size] = upper[:size]
            upper = larger
        for edge in range(given_first[node], given_first[node + 1]):
            mark[given_upper[edge]] = node
            upper[size] = given_upper[edge]
            size += 1
        below = child[node]
        while below >= 0:
            for edge in range(first[below], first[below + 1]):
                higher = upper[edge]
                if higher != node and mark[higher] != node:
                    mark[higher] = node
                    upper[size] = higher
                    size += 1
            below = sibling[below]
        first[node + 1] = size
        if size > begin:
            upper[begin:size].sort()
            sibling[node] = child[upper[begin]]
            child[upper[begin]] = node
    return first, upper[:size].copy()


@njit(cache=True)
def customised(first: Int, upper: Int32, up: Int, down: Int, up_from: Int32, down_from: Int32) -> None:
    """Makes every edge as fast as the ways through lower nodes: all triangles, by their lowest node (in place)."""
    for node in range(len(first) - 1):
        for one in range(first[node], first[node + 1]):
            if down[one] >= NO_KEY and up[one] >= NO_KEY:
                continue
            between = first[upper[one]]
            for two in range(one + 1, first[node + 1]):
                while upper[between] != upper[two]:
                    between += 1
                rises = down[one] + up[two]
                if rises < up[between]:
                    up[between], up_from[between] = rises, node
                falls = down[two] + up[one]
                if falls < down[between]:
                    down[between], down_from[between] = falls, node


@njit(cache=True)
def depths(first: Int, upper: Int32) -> Int:
    """Steps from each node to its root."""
    depth = np.zeros(len(first) - 1, dtype=np.int64)
    for node in range(len(depth) - 1, -1, -1):
        if first[node] < first[node + 1]:
            depth[node] = depth[upper[first[node]]] + 1
    return depth


@njit(cache=True)
def preorder(first: Int, upper: Int32) -> Int:
    """Position of each node in a walk over the elimination trees from their roots: every subtree is one piece."""
    count = len(first) - 1
    below = np.ones(count, dtype=np.int64)
    for node in range(count):
        if first[node] < first[node + 1]:
            below[upper[first[node]]] += below[node]
    position = np.empty(count, dtype=np.int64)
    free = np.zeros(count, dtype=np.int64)
    roots = 0
    for node in range(count - 1, -1, -1):
        if first[node] == first[node + 1]:
            position[node] = roots
            roots += below[node]
        else:
            parent = upper[first[node]]
            position[node] = free[parent]
            free[parent] += below[node]
        free[node] = position[node] + 1
    return position


@njit(cache=True)
def meeting_depth(first: Int, upper: Int32, depth: Int, one: int, other: int) -> int:
    """How many nodes two ways to the root have in common: the depth at which they meet and one more, 0 if nowhere."""
    while one != other:
        if one > other:
            one, other = other, one
        if first[one] == first[one + 1]:
            return 0
        one = upper[first[one]]
    return int(depth[one]) + 1


@njit(cache=True)
def shared_depths(first: Int, upper: Int32, depth: Int, position: Int, starts: Int, ends: Int) -> Int32:
    """meeting_depth of every start and end, [starts, ends]; the ends are sorted by position."""
    shared = np.empty((len(starts), len(ends)), dtype=np.int32)
    neighbours = np.empty(len(ends), dtype=np.int64)
    for at in range(1, len(ends)):
        neighbours[at] = meeting_depth(first, upper, depth, ends[at - 1], ends[at])
    places = position[ends]
    for row in range(len(starts)):
        split = np.searchsorted(places, position[starts[row]])
        if split < len(ends):  # from the nearest end on both sides, what is shared only shrinks
            least = meeting_depth(first, upper, depth, starts[row], ends[split])
            shared[row, split] = least
            for at in range(split + 1, len(ends)):
                least = min(least, neighbours[at])
                shared[row, at] = least
        if split > 0:
            least = meeting_depth(first, upper, depth, starts[row], ends[split - 1])
            shared[row, split - 1] = least
            for at in range(split - 1, 0, -1):
                least = min(least, neighbours[at])
                shared[row, at - 1] = least
    return shared


@njit(cache=True)
def labels(first: Int, upper: Int32, depth: Int, value: Int, nodes: Int, width: int) -> Int:
    """Least key between each node and what lies above it, by depth, [nodes, width]."""
    found = np.full((len(nodes), width), NO_KEY, dtype=np.int64)
    for row in range(len(nodes)):
        key, node = found[row], nodes[row]
        key[depth[node]] = 0
        while first[node] < first[node + 1]:
            here = key[depth[node]]
            for edge in range(first[node], first[node + 1]):
                at = depth[upper[edge]]
                key[at] = min(key[at], here + value[edge])
            node = upper[first[node]]
    return found


@njit(cache=True)
def label(first: Int, upper: Int32, depth: Int, value: Int, node: int, width: int) -> tuple[Int, Int]:
    """Least key between a node and what lies above it, by depth, and the edge by which it is entered (-1: none)."""
    key = np.full(width, NO_KEY, dtype=np.int64)
    by = np.full(width, -1, dtype=np.int64)
    key[depth[node]] = 0
    while True:
        here = key[depth[node]]
        if here < NO_KEY:
            for edge in range(first[node], first[node + 1]):
                at = depth[upper[edge]]
                if here + value[edge] < key[at]:
                    key[at], by[at] = here + value[edge], edge
        if first[node] == first[node + 1]:
            return key, by
        node = upper[first[node]]


@njit(cache=True)
def put_cells(found: Int, start: Int, end: Int, shared: Int32) -> None:
    """Puts the least sum of two labels, over the depths at which the ways to the root are one, into [starts, ends]."""
    for row in range(len(start)):
        one = start[row]
        for column in range(len(end)):
            other = end[column]
            best = NO_KEY
            for at in range(shared[row, column]):
                span = one[at] + other[at]
                best = span if span < best else best
            found[row, column] = best


@njit(cache=True)
def reorder(given: Int, column_of: Int, out: Int) -> None:
    """out = given[:, column_of], row by row (numpy moves single numbers slowly)."""
    for row in range(given.shape[0]):
        for column in range(len(column_of)):
            out[row, column] = given[row, column_of[column]]


@njit(cache=True)
def split_times(keys: Int, limit: int, duration: UInt32, unreachable: Bool) -> None:
    """Puts keys that are milliseconds, and where there is no way (the limit or more), into arrays."""
    for row in range(keys.shape[0]):
        for column in range(keys.shape[1]):
            key = keys[row, column]
            unreachable[row, column] = key >= limit
            duration[row, column] = 0 if key >= limit else key


@njit(cache=True)
def split_keys(keys: Int, duration: UInt32, unreachable: Bool, distance: Float) -> None:
    """Puts milliseconds, where there is no way, and metres of keys into arrays."""
    for row in range(keys.shape[0]):
        for column in range(keys.shape[1]):
            key = keys[row, column]
            unreachable[row, column] = key >= NO_KEY
            key = 0 if key >= NO_KEY else key
            duration[row, column] = key >> 30
            distance[row, column] = (key & (LIMIT_MM - 1)) / 1000.0


@njit(cache=True)
def unpacked(first: Int, upper: Int32, up_from: Int32, down_from: Int32, edge: int, rises: bool) -> Int:
    """The pairs behind an edge, in the direction of travel."""
    pairs = np.empty(16, dtype=np.int64)
    size = 0
    todo = [(edge, rises)]
    while len(todo) > 0:
        edge, rises = todo.pop()
        origin = up_from[edge] if rises else down_from[edge]
        if origin < 0:
            if size == len(pairs):
                larger = np.empty(2 * size, dtype=np.int64)
                larger[:size] = pairs
                pairs = larger
            pairs[size] = -1 - origin
            size += 1
            continue
        lower = np.searchsorted(first, edge, side="right") - 1
        span = upper[first[origin]:first[origin + 1]]
        to_lower = first[origin] + np.searchsorted(span, lower)
        to_upper = first[origin] + np.searchsorted(span, upper[edge])
        before, after = (to_lower, to_upper) if rises else (to_upper, to_lower)
        todo.append((after, True))
        todo.append((before, False))
    return pairs[:size].copy()
