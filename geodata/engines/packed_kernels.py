"""The inner loops of the packed hierarchy, compiled (numba). Nodes are named by rank, edges lead to higher nodes."""

from __future__ import annotations

import numpy as np
from numba import njit

from geodata.engines.engine import NO_KEY
from geodata.matrix_network import Int


@njit(cache=True)
def filled(given_first: Int, given_upper: Int) -> tuple[Int, Int]:
    """Edges after contraction: a node's higher neighbours become neighbours of the lowest of them."""
    count = len(given_first) - 1
    first = np.zeros(count + 1, dtype=np.int64)
    upper = np.empty(4 * len(given_upper) + 16, dtype=np.int64)
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
            larger = np.empty(2 * (size + room), dtype=np.int64)
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
def customised(first: Int, upper: Int, up: Int, down: Int, up_from: Int, down_from: Int) -> None:
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
def ancestors(first: Int, upper: Int, depth: Int, nodes: Int, width: int) -> Int:
    """The node at each depth on the way from each node to its root, [nodes, width]; -1 below the node."""
    chain = np.full((len(nodes), width), -1, dtype=np.int64)
    for row in range(len(nodes)):
        node = nodes[row]
        while True:
            chain[row, depth[node]] = node
            if first[node] == first[node + 1]:
                break
            node = upper[first[node]]
    return chain


@njit(cache=True)
def labels(first: Int, upper: Int, depth: Int, value: Int, nodes: Int, width: int) -> Int:
    """Least key between each node and what lies above it, by depth, [nodes, width]."""
    found = np.empty((len(nodes), width), dtype=np.int64)
    for row in range(len(nodes)):
        found[row] = label(first, upper, depth, value, nodes[row], width)[0]
    return found


@njit(cache=True)
def label(first: Int, upper: Int, depth: Int, value: Int, node: int, width: int) -> tuple[Int, Int]:
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
def cells(start: Int, end: Int, start_chain: Int, end_chain: Int, start_depth: Int, end_depth: Int) -> Int:
    """Least sum of two labels over the depths at which the ways to the root are one, [starts, ends]."""
    found = np.empty((len(start), len(end)), dtype=np.int64)
    for row in range(len(start)):
        for column in range(len(end)):
            low, high = 0, min(start_depth[row], end_depth[column]) + 1  # the ways part between them
            while low < high:
                middle = (low + high) >> 1
                if start_chain[row, middle] == end_chain[column, middle]:
                    low = middle + 1
                else:
                    high = middle
            best = NO_KEY
            for at in range(low):
                best = min(best, start[row, at] + end[column, at])
            found[row, column] = best
    return found


@njit(cache=True)
def unpacked(first: Int, upper: Int, up_from: Int, down_from: Int, edge: int, rises: bool) -> Int:
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
