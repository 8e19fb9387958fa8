"""A random small street grid as a table of lines, and the same streets as a networkx graph built by hand."""

from __future__ import annotations

import itertools

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely

from geodata.roads import Profile, Snap, Streets

CRS = "EPSG:4547"
SPEED_M_PER_S = {"primary": 12.0, "residential": 5.0, "default": 7.0}
DRIVE = Profile("car", SPEED_M_PER_S, {"footway"})


def grid(seed: int, size: int = 4, oneway_share: float = 0.4) -> gpd.GeoDataFrame:
    """Bent streets between the nodes of a jittered grid, some one-way, some doubled by a second, longer street.

    A ring of two-way streets runs around it, so that most of it hangs together.
    """
    rng = np.random.default_rng(seed)
    node = {(i, j): np.array([100.0 * i, 100.0 * j]) + rng.uniform(-20, 20, 2)
            for i in range(size) for j in range(size)}
    pairs = [((i, j), (i + a, j + b)) for i in range(size) for j in range(size) for a, b in ((1, 0), (0, 1))
             if i + a < size and j + b < size]
    lines, oneway, highway = [], [], []
    for a, b in pairs:
        for again in range(2 if rng.random() < 0.3 else 1):
            start, stop = (node[a], node[b]) if rng.random() < 0.5 else (node[b], node[a])
            bend = (start + stop) / 2 + rng.uniform(-15, 15, 2) + (40.0, 40.0) * np.array(again)
            lines.append(shapely.LineString([start, bend, stop]))
            border = all(a[k] == b[k] and a[k] in (0, size - 1) for k in (0, 1) if a[k] == b[k])
            tag = rng.choice(["yes", "-1"]) if rng.random() < oneway_share and not border else "no"
            oneway.append(str(tag))
            highway.append(str(rng.choice(["primary", "residential", "tertiary"])))
    return gpd.GeoDataFrame({"highway": highway, "oneway": oneway}, geometry=lines, crs=CRS)


def reference(streets: Streets, profile: Profile, snap: Snap | None = None) -> nx.DiGraph:
    """The streets with places ("place", k) on them; each arc has seconds and metres, the faster of parallel ones.

    Streets are walked place by place in the order of their metres, as anybody would do on paper.
    """
    graph = nx.DiGraph()
    for e in range(len(streets.u)):
        kind = str(streets.highway[e])
        if kind in profile.barred:
            continue
        speed = profile.speed_m_per_s.get(kind, profile.speed_m_per_s["default"])
        stations = [(0.0, -1.0, ("node", int(streets.u[e]))),
                    (float(streets.lines[e].length), np.inf, ("node", int(streets.v[e])))]
        if snap is not None:
            stations += [(float(snap.along_m[k]), float(k), ("place", int(k))) for k in np.flatnonzero(snap.edge == e)]
        stations.sort(key=lambda s: s[:2])
        for (at, _, a), (to, _, b) in itertools.pairwise(stations):
            ahead = streets.forward[e] or not profile.keeps_oneway
            back = streets.backward[e] or not profile.keeps_oneway
            for tail, head, open_to in ((a, b, ahead), (b, a, back)):
                metres = to - at
                seconds = metres / speed
                if open_to and not (graph.has_edge(tail, head) and graph[tail][head]["s"] <= seconds):
                    graph.add_edge(tail, head, s=seconds, m=metres)
    return graph


def shortest(graph: nx.DiGraph, a: object, b: object) -> tuple[float, float]:
    """Seconds and metres of the fastest path, inf where there is none."""
    try:
        path = nx.dijkstra_path(graph, a, b, weight="s")
    except nx.NetworkXNoPath:
        return np.inf, np.inf
    return nx.path_weight(graph, path, "s"), nx.path_weight(graph, path, "m")
