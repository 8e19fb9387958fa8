"""Street lines -> a directed graph with lengths, classes and geometry; places snapped onto its edges.

Lines are split wherever two lines share a vertex (as OpenStreetMap means it); lines that cross without a common
vertex stay apart (bridges, tunnels). Everything is in the study's metric CRS.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

NODE_GRID_M = 0.01
"""Vertices that round to the same cell of this grid are the same node."""

NEVER_OPEN = frozenset({"construction", "proposed", "abandoned", "razed", "services", "rest_area", "elevator",
                        "corridor"})
FOOT_ONLY = frozenset({"footway", "path", "steps", "pedestrian", "cycleway", "bridleway", "track"})
MOTOR_ONLY = frozenset({"motorway", "motorway_link"})


class NoStreetError(ValueError):
    """A network that is of no use to somebody who must travel on it."""


@dataclass(frozen=True)
class Streets:
    """The street network as arrays; edge e runs from node u[e] to v[e] along coords[first[e]:first[e + 1]]."""

    node_xy: Float
    u: Int
    v: Int
    length_m: Float
    highway: NDArray[np.object_]
    forward: Bool
    backward: Bool
    coords: Float
    first: Int
    lines: NDArray[np.object_]
    """One shapely LineString per edge."""


@dataclass(frozen=True)
class Profile:
    """Who travels: a speed per street class (m/s) and the classes that are barred."""

    name: str
    speed_m_per_s: Mapping[str, float]
    """The key `default` is used for classes that are not listed."""
    barred: Collection[str]
    keeps_oneway: bool = True

    def speeds(self, highway: NDArray[np.object_]) -> Float:
        """Speed on each edge, m/s."""
        classes, index = np.unique(highway.astype(str), return_inverse=True)
        table = [self.speed_m_per_s.get(c, self.speed_m_per_s["default"]) for c in classes]
        return np.asarray(table, dtype=np.float64)[index]

    def may_use(self, highway: NDArray[np.object_]) -> Bool:
        """Whether each edge is open to this traveller."""
        return ~np.isin(highway.astype(str), sorted(set(self.barred) | NEVER_OPEN))


def walking(speed_m_per_s: float = 1.25) -> Profile:
    """A pedestrian: both ways on everything but motorways (4.5 km/h, assumption)."""
    return Profile("walk", {"default": speed_m_per_s}, MOTOR_ONLY, keeps_oneway=False)


def driving(name: str, speed_km_per_h: Mapping[str, float], barred: Collection[str] = ()) -> Profile:
    """A vehicle class with its speed table (km/h) and further barred classes."""
    speeds = {highway: speed / 3.6 for highway, speed in speed_km_per_h.items()}
    return Profile(name, speeds, FOOT_ONLY | set(barred))


def read_streets(roads: gpd.GeoDataFrame) -> Streets:
    """The street network of a table of lines (metric CRS) with the columns geometry, highway and, if known, oneway.

    Raises NoStreetError where there is no line at all.
    """
    if roads.geometry.is_empty.all():
        raise NoStreetError("there is no street line")
    parts = roads.explode(index_parts=False, ignore_index=True)
    parts = parts[shapely.length(parts.geometry.to_numpy()) > 0].reset_index(drop=True)
    lines = shapely.remove_repeated_points(shapely.force_2d(parts.geometry.to_numpy()), NODE_GRID_M)
    xy, line_of = shapely.get_coordinates(lines, return_index=True)
    vertex, node_xy = _merge_vertices(xy)
    ends = np.flatnonzero(np.diff(line_of, prepend=-1, append=line_of[-1] + 1))
    is_node = np.bincount(vertex)[vertex] > 1
    is_node[ends[:-1]] = True
    is_node[ends[1:] - 1] = True

    at = np.flatnonzero(is_node)
    same_line = line_of[at[:-1]] == line_of[at[1:]]
    start, stop = at[:-1][same_line], at[1:][same_line]
    counts = stop - start + 1
    first = np.concatenate([[0], np.cumsum(counts)])
    coords = xy[np.repeat(start - first[:-1], counts) + np.arange(first[-1])]
    edges = shapely.linestrings(coords, indices=np.repeat(np.arange(len(start)), counts))
    line = line_of[start]
    highway = _text(parts, "highway", "unclassified")[line]
    forward, backward = _directions(_text(parts, "oneway", "no")[line])
    used, renumbered = np.unique(np.concatenate([vertex[start], vertex[stop]]), return_inverse=True)
    u, v = renumbered[: len(start)], renumbered[len(start):]
    return Streets(node_xy[used], u, v, shapely.length(edges), highway, forward, backward, coords, first, edges)


def _merge_vertices(xy: Float) -> tuple[Int, Float]:
    grid = np.round(xy / NODE_GRID_M).astype(np.int64)
    key = grid[:, 0] * np.int64(2**33) + grid[:, 1]
    _, first_seen, vertex = np.unique(key, return_index=True, return_inverse=True)
    return vertex.astype(np.int64), xy[first_seen]


def _text(frame: gpd.GeoDataFrame, column: str, default: str) -> NDArray[np.object_]:
    if column not in frame.columns:
        return np.full(len(frame), default, dtype=object)
    values = frame[column].fillna(default).astype(str).to_numpy(dtype=object)
    return np.asarray(values, dtype=object)


def _directions(oneway: NDArray[np.object_]) -> tuple[Bool, Bool]:
    """Open forwards and backwards. A motorway without a tag stays two-way: centre lines are often drawn once."""
    tag = np.char.lower(oneway.astype(str))
    only_forward = np.isin(tag, ["yes", "true", "1", "true.0", "1.0"])
    only_backward = np.isin(tag, ["-1", "reverse"])
    return ~only_backward, ~only_forward


@dataclass(frozen=True)
class Snap:
    """Places on the network: edge, metres along it, and how far away the place is."""

    edge: Int
    along_m: Float
    distance_m: Float


@dataclass(frozen=True)
class Access:
    """The part of the network a profile can use: edges of its largest strongly connected part."""

    streets: Streets
    profile: Profile
    edge: Int
    """Edges that belong, ascending."""
    tree: shapely.STRtree
    component_share: float
    """Share of the usable street length that lies in the largest strongly connected part."""

    def snap(self, geometries: NDArray[np.object_]) -> Snap:
        """The nearest edge of each point or polygon, with the place on it nearest to the geometry."""
        index, hit = self.tree.query_nearest(geometries, all_matches=False)
        order = np.argsort(index, kind="stable")
        edge = self.edge[hit[order]]
        lines = self.streets.lines[edge]
        nearest = shapely.get_point(shapely.shortest_line(lines, geometries), 0)
        return Snap(edge, shapely.line_locate_point(lines, nearest), shapely.distance(lines, geometries))

    def locate(self, edge: Int, points: NDArray[np.object_]) -> Snap:
        """Places of points known to lie on given edges."""
        lines = self.streets.lines[edge]
        return Snap(edge, shapely.line_locate_point(lines, points), shapely.distance(lines, points))


def access_for(streets: Streets, profile: Profile, closed: Bool | None = None) -> Access:
    """What a profile can use: its largest strongly connected part. NoStreetError when there is none.

    `closed` ([edges]) bars further edges, one by one.
    """
    usable = profile.may_use(streets.highway)
    if closed is not None:
        usable &= ~closed
    forward, backward = _ways(streets, profile)
    if not usable.any():
        raise NoStreetError(f"no street is open to '{profile.name}'")
    heads = np.concatenate([streets.u[usable & forward], streets.v[usable & backward]])
    tails = np.concatenate([streets.v[usable & forward], streets.u[usable & backward]])
    count = len(streets.node_xy)
    graph = csr_array((np.ones(len(heads)), (heads, tails)), shape=(count, count))
    _, label = connected_components(graph, directed=True, connection="strong")
    length = np.bincount(label[streets.u[usable]], weights=streets.length_m[usable], minlength=label.max() + 1)
    main = int(np.argmax(length))
    inside = usable & (label[streets.u] == main) & (label[streets.v] == main)
    edge = np.flatnonzero(inside)
    if len(edge) == 0:
        raise NoStreetError(f"no two places of the network can be reached both ways by '{profile.name}'")
    share = float(streets.length_m[edge].sum() / streets.length_m[usable].sum())
    return Access(streets, profile, edge, shapely.STRtree(streets.lines[edge]), share)


def _ways(streets: Streets, profile: Profile) -> tuple[Bool, Bool]:
    if profile.keeps_oneway:
        return streets.forward, streets.backward
    both = np.ones(len(streets.u), dtype=bool)
    return both, both
