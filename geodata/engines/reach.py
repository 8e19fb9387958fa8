"""Whether what an engine counts as unreachable is so, or only further than its numbers can say."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from geodata.matrix_network import LIMIT_MS, ArcNetwork, Bool, Int, PathTooLongError


def check_no_way(network: ArcNetwork, sources: Int, targets: Int, unreachable: Bool) -> None:
    """PathTooLongError where a way does lead from a source to a target that counts as unreachable, [S, T].

    Nothing is searched where no path of the network can be that long.
    """
    if not unreachable.any() or network.longest_possible_ms < LIMIT_MS:
        return
    there = network.pair_arc >= 0
    ends = (network.topology.pair_tail[there], network.topology.pair_head[there])
    arcs = csr_array((np.ones(there.sum()), ends), shape=(network.node_count, network.node_count))
    _, part = connected_components(arcs, directed=True, connection="strong")
    rows = np.flatnonzero(unreachable.any(axis=1))
    for where in np.unique(part[sources[rows]]):  # all of a strongly connected part reach the same
        alike = rows[part[sources[rows]] == where]
        seen = np.zeros(network.node_count, dtype=np.bool_)
        seen[breadth_first_order(arcs, int(sources[alike[0]]), return_predecessors=False)] = True
        if (unreachable[alike] & seen[targets]).any():
            raise PathTooLongError(f"a fastest path from node {sources[alike[0]]} lasts {LIMIT_MS} ms or more")
