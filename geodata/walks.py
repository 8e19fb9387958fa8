"""Walking arcs: which candidate site each demand part can reach on foot, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.parts import Parts
from geodata.roads import Access, Snap
from geodata.travel import graph_with, within

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class WalkArcs:
    """Arcs sorted by part, then site."""

    part: Int
    site: Int
    distance_m: Float


def walking_arcs(on_foot: Access, sites: Snap, parts: Parts, max_m: float) -> WalkArcs:
    """Arcs whose mean walking distance over the part's standing points is at most `max_m` metres.

    No standing point may be further than twice the limit (the search stops there).
    """
    place = Snap(np.concatenate([sites.edge, parts.standing.edge]),
                 np.concatenate([sites.along_m, parts.standing.along_m]),
                 np.concatenate([sites.distance_m, parts.standing.distance_m]))
    graph = graph_with(on_foot, place)
    count = len(sites.edge)
    source, target = graph.place_node[:count], graph.place_node[count:]
    starts = np.flatnonzero(np.diff(parts.part_of, prepend=-1))
    size = np.diff(np.append(starts, len(parts.part_of)))
    speed = float(on_foot.profile.speed_m_per_s["default"])
    off_street = sites.distance_m
    found: list[tuple[Int, Int, Float]] = []
    for rows, seconds in within(graph, source, target, 2.0 * max_m / speed):
        metres = seconds * speed + parts.standing.distance_m
        mean = np.add.reduceat(metres, starts, axis=1) / size + off_street[rows, None]
        site, part = np.nonzero(mean <= max_m)
        found.append((part, site + rows.start, mean[site, part]))
    part = np.concatenate([f[0] for f in found]).astype(np.int64)
    site = np.concatenate([f[1] for f in found]).astype(np.int64)
    distance = np.concatenate([f[2] for f in found])
    order = np.lexsort((site, part))
    return WalkArcs(part[order], site[order], distance[order])
