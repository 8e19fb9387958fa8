"""OpenStreetMap extracts (.osm.pbf, .osm): every way with a highway tag, through GDAL's OSM driver.

Vertices are kept as mapped, so that streets which share a node share a vertex. Turn restrictions are not read.
"""

from __future__ import annotations

import re

import geopandas as gpd
import pandas as pd
import pyogrio
import pyogrio.errors

from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.street_classes import ROUNDABOUTS
from geodata.tables import DataError, fault, text_column

_TAGS = ("oneway", "maxspeed", "junction")


def read_osm(source: Source) -> Read:
    """Streets on WGS 84: id (OSM way), highway, oneway and maxspeed as tagged; untagged roundabouts are one-way."""
    try:
        ways = pyogrio.read_dataframe(source.path, layer="lines", columns=["osm_id", "highway", "other_tags"],
                                      where="highway IS NOT NULL")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        reason = " ".join(str(error).replace(str(source.path), source.file).split())
        raise DataError([fault("file_unreadable", file=source.file, reason=reason)]) from error
    if not isinstance(ways, gpd.GeoDataFrame) or len(ways) == 0:
        raise DataError([fault("layer_empty", file=source.file, layer="lines")])
    tags = {name: tag_of(ways["other_tags"], name) for name in _TAGS}
    round_ways = tags["junction"].isin(ROUNDABOUTS) & tags["oneway"].isna()
    oneway = ["yes" if is_round else tag for is_round, tag in zip(round_ways, tags["oneway"], strict=True)]
    return Read(gpd.GeoDataFrame({
        "id": text_column(ways["osm_id"]), "highway": text_column(ways["highway"]), "oneway": text_column(oneway),
        "maxspeed": tags["maxspeed"]}, geometry=ways.geometry.to_numpy(), crs=ways.crs))


def tag_of(other_tags: pd.Series, name: str) -> pd.Series:
    """One tag out of GDAL's hstore text ("key"=>"value",...), None where it is absent."""
    pattern = re.compile(rf'(?:^|,)"{re.escape(name)}"=>"((?:[^"\\]|\\.)*)"')
    found = (pattern.search(text) if isinstance(text, str) else None for text in other_tags)
    return text_column(match.group(1) if match else None for match in found)
