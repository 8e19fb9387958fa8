"""Tables of places: one column of longitude (or easting) and one of latitude (or northing), whatever the file."""

from __future__ import annotations

import re
import unicodedata

import geopandas as gpd
import numpy as np
import pandas as pd

from geodata.numbers import as_degrees
from geodata.readers.grid import Grid
from geodata.readers.source import Source
from geodata.tables import DataError, Fault, fault

_NAMES = (("lon", ("lon", "lng", "longitude", "x", "经度", "东经", "东坐标", "x坐标")),
          ("lat", ("lat", "latitude", "y", "纬度", "北纬", "北坐标", "y坐标")))
_BRACKETS = re.compile(r"[(\[（【].*$")


def places_of(grid: Grid, source: Source) -> tuple[gpd.GeoDataFrame, tuple[Fault, ...]]:
    """One point per row, rows without coordinates with a null geometry, no CRS; sums that were left out as notes.

    The coordinate columns are found by name (lon, lng, longitude, x, 经度, 东经; lat, latitude, y, 纬度, 北纬; what
    stands in brackets does not count) or named in the study as columns lon and lat. DataError where they are missing.
    """
    table = grid.table
    lon, lat = (_coordinate(table, source, ours, names) for ours, names in _NAMES)
    x, y = (np.array([as_degrees(v) for v in table[c].to_numpy(dtype=object)], dtype=np.float64) for c in (lon, lat))
    points = gpd.points_from_xy(x, y)
    points[~(np.isfinite(x) & np.isfinite(y))] = None
    notes = tuple(fault("sum_row_left_out", file=source.file, layer=source.layer, feature_id=f"row-{row}", word=word)
                  for row, word in grid.sums.items())
    return gpd.GeoDataFrame(table.drop(columns=[lon, lat]), geometry=points), notes


def _coordinate(table: pd.DataFrame, source: Source, ours: str, names: tuple[str, ...]) -> str:
    given = source.columns.get(ours)
    for column in table.columns:
        plain = _BRACKETS.sub("", unicodedata.normalize("NFKC", str(column))).strip().lower()
        last = plain.rsplit("_", 1)[-1]  # of a heading in several rows
        if (column == given) if given is not None else plain in names or last in names:
            return str(column)
    known = ", ".join(map(str, table.columns))
    raise DataError([fault("column_missing", file=source.file, layer=source.layer, column=given or names[0],
                           known=known)])
