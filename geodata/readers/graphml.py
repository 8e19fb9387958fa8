"""Street graphs saved by OSMnx (.graphml): every street once, with its class, direction and drawn geometry.

OSMnx keeps a two-way street as two opposite edges; one of them is enough here, where a street has a direction tag.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.tables import DataError, fault, text_column

LENGTH_GRID_M = 0.01
"""Opposite edges of one street differ in length by less than this."""


def read_graphml(source: Source) -> Read:
    """Streets in the graph's coordinates: id (u-v-key), highway, oneway (yes or no) and maxspeed as tagged."""
    import osmnx  # takes two seconds to import and only this format needs it

    try:
        graph = osmnx.load_graphml(source.path)
        edges = osmnx.graph_to_gdfs(graph, nodes=False, fill_edge_geometry=True).reset_index()
    except Exception as error:  # whatever the XML parser, networkx or osmnx make of a file that is no such graph
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError([fault("file_unreadable", file=source.file, reason=reason)]) from error
    oneway = edges["oneway"].fillna(False).astype(bool) if "oneway" in edges else pd.Series(True, index=edges.index)
    ends = np.sort(edges[["u", "v"]].to_numpy(), axis=1)
    same = pd.DataFrame({"low": ends[:, 0], "high": ends[:, 1],
                         "length": (edges.geometry.length if edges.crs.is_projected else edges["length"])
                         .div(LENGTH_GRID_M).round()})
    kept = (oneway | ~same.where(~oneway).duplicated()).to_numpy()
    streets = edges[kept]
    return Read(gpd.GeoDataFrame({
        "id": text_column(f"{u}-{v}-{k}" for u, v, k in zip(streets["u"], streets["v"], streets["key"], strict=True)),
        "highway": text_column(_first(value) for value in _column(streets, "highway")),
        "oneway": text_column("yes" if one else "no" for one in oneway[kept]),
        "maxspeed": text_column(_first(value) for value in _column(streets, "maxspeed")),
    }, geometry=streets.geometry.to_numpy(), crs=streets.crs))


def _column(frame: gpd.GeoDataFrame, name: str) -> list[object]:
    return list(frame[name]) if name in frame else [None] * len(frame)


def _first(value: object) -> str | None:
    """A tag as text; the first of a list, which simplification makes where merged ways differ."""
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None or value != value else str(value)
