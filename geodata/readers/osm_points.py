"""Points of interest of OpenStreetMap extracts (.osm.pbf, .osm): nodes and areas with the tags that name a use."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pyogrio
import pyogrio.errors

from geodata.readers.osm import tag_of
from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.tables import DataError, fault, text_column

OSM_POINTS = "points_of_interest"
"""Layer by which a source asks for these places instead of the streets."""
TAGS = ("amenity", "shop", "office", "leisure", "tourism")
"""Keys whose values say what a place is used for."""


def read_osm_points(source: Source) -> Read:
    """Places with id (node/1, way/2, relation/3), name and one column per tag, on WGS 84.

    Nodes come as points, closed ways and relations as areas. DataError: unreadable, or no such place.
    """
    found = [_layer(source, layer) for layer in ("points", "multipolygons")]
    frames = [frame for frame in found if len(frame)]
    if not frames:
        raise DataError([fault("layer_empty", file=source.file, layer="points")])
    return Read(gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=frames[0].crs))


def _layer(source: Source, layer: str) -> gpd.GeoDataFrame:
    try:
        raw = pyogrio.read_dataframe(source.path, layer=layer)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        reason = " ".join(str(error).replace(str(source.path), source.file).split())
        raise DataError([fault("file_unreadable", file=source.file, reason=reason)]) from error
    # a key is a column of its own or one of GDAL's other tags, by layer
    tags = {name: text_column(raw[name]) if name in raw else tag_of(raw["other_tags"], name) for name in TAGS}
    used = pd.concat([tags[name].notna() for name in TAGS], axis=1).any(axis=1).to_numpy()
    ids = [f"node/{i}" for i in raw["osm_id"]] if layer == "points" else [
        f"way/{way}" if way is not None and not pd.isna(way) else f"relation/{i}"
        for i, way in zip(raw["osm_id"], raw["osm_way_id"], strict=True)]
    frame = gpd.GeoDataFrame({"id": text_column(ids), "name": text_column(raw["name"]), **tags},
                             geometry=raw.geometry.to_numpy(), crs=raw.crs)
    return frame[used].reset_index(drop=True)
