"""Doubts about the street layer: islands, dead classes, tags that nobody can read, lines drawn twice."""

from __future__ import annotations

import re
from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from geodata.roads import read_streets
from geodata.tables import Fault, fault

ISLANDS_TOLD = 20
"""The longest islands are told one by one."""
SHORT_ISLAND_M = 50.0
"""Shorter ones are counted only."""
ONEWAY = frozenset({"yes", "no", "true", "false", "1", "-1", "0", "reverse", "reversible", "alternating", "1.0",
                    "true.0"})
_MAXSPEED = re.compile(r"^\s*(\d+(\.\d+)?\s*(km/h|kmh|mph)?|none|walk|signals|variable|[A-Z]{2}:[\w:]+)\s*$",
                       re.IGNORECASE)
UNUSABLE = frozenset({"construction", "proposed", "planned", "abandoned", "razed", "platform", "raceway"})


def audit_streets(roads: gpd.GeoDataFrame, file: str, layer: str) -> Iterable[Fault]:
    """Warnings and notes on streets, by feature id."""
    if len(roads) == 0:
        return
    yield from _repeats(roads, file, layer)
    yield from _tags(roads, file, layer)
    yield from _islands(roads, file, layer)


def _repeats(roads: gpd.GeoDataFrame, file: str, layer: str) -> Iterable[Fault]:
    first: dict[bytes, str] = {}
    lines = shapely.to_wkb(shapely.normalize(np.asarray(roads.geometry.array, dtype=object)))
    for feature, line in zip(roads["id"], lines, strict=True):
        if line in first:
            yield fault("line_repeated", file=file, layer=layer, feature_id=feature, other=first[line])
        first.setdefault(line, feature)


def _tags(roads: gpd.GeoDataFrame, file: str, layer: str) -> Iterable[Fault]:
    for feature, highway, oneway, maxspeed in zip(roads["id"], roads["highway"], roads["oneway"], roads["maxspeed"],
                                                  strict=True):
        if oneway is not None and oneway.strip().lower() not in ONEWAY:
            yield fault("oneway_unreadable", file=file, layer=layer, feature_id=feature, value=oneway)
        if maxspeed is not None and not _MAXSPEED.match(maxspeed):
            yield fault("maxspeed_unreadable", file=file, layer=layer, feature_id=feature, value=maxspeed)
        if highway in UNUSABLE:
            yield fault("street_not_in_use", file=file, layer=layer, feature_id=feature, highway=highway)


def _islands(roads: gpd.GeoDataFrame, file: str, layer: str) -> Iterable[Fault]:
    """Parts of the network that touch the longest part nowhere."""
    streets = read_streets(roads)
    count = len(streets.node_xy)
    graph = csr_array((np.ones(len(streets.u)), (streets.u, streets.v)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    of_edge = label[streets.u]
    length_m = np.bincount(of_edge, weights=streets.length_m, minlength=int(label.max(initial=0)) + 1)
    main = int(np.argmax(length_m))
    xy = streets.node_xy[streets.u]
    tree = shapely.STRtree(np.asarray(roads.geometry.array, dtype=object))
    islands = [i for i in np.argsort(-length_m, kind="stable").tolist() if i != main and length_m[i] > 0.0]
    told = [i for i in islands if length_m[i] >= SHORT_ISLAND_M][:ISLANDS_TOLD]
    for island in told:
        edge = int(np.flatnonzero(of_edge == island)[0])
        line = int(tree.query_nearest(shapely.Point(xy[edge]), all_matches=False)[0])
        yield fault("street_island", file=file, layer=layer, feature_id=roads["id"].iloc[line],
                    length=f"{length_m[island]:,.0f}")
    if len(islands) > len(told):
        rest = sum(length_m[i] for i in islands if i not in told)
        yield fault("street_islands_more", file=file, layer=layer, count=len(islands) - len(told),
                    length=f"{rest:,.0f}")
