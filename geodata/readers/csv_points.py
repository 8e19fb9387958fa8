"""Point tables in CSV: one column of longitude (or easting) and one of latitude (or northing)."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from geodata.readers.source import Source
from geodata.tables import DataError, fault

_NAMES = (("lon", ("lon", "lng", "longitude", "x", "经度")), ("lat", ("lat", "latitude", "y", "纬度")))


def read_csv_points(source: Source) -> gpd.GeoDataFrame:
    """One point per row, rows without coordinates with a null geometry, no CRS (the study must name it).

    The coordinate columns are found by name (lon, lng, longitude, x, 经度; lat, latitude, y, 纬度) or named in the
    study as columns lon and lat.
    """
    encoding = source.encoding or "utf-8-sig"
    try:
        table = pd.read_csv(source.path, encoding=encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError([fault("encoding_wrong", file=source.file, encoding=encoding)]) from error
    except pd.errors.EmptyDataError as error:
        raise DataError([fault("layer_empty", file=source.file)]) from error
    except pd.errors.ParserError as error:
        raise DataError([fault("file_unreadable", file=source.file, reason=str(error))]) from error
    found: list[str] = []
    for ours, names in _NAMES:
        wanted = (source.columns[ours],) if ours in source.columns else names
        column = next((c for c in table.columns if str(c).strip().lower() in wanted or c in wanted), None)
        if column is None:
            raise DataError([fault("column_missing", file=source.file, column=wanted[0],
                                   known=", ".join(map(str, table.columns)))])
        found.append(column)
    x, y = (pd.to_numeric(table[c], errors="coerce").to_numpy(dtype=np.float64) for c in found)
    points = gpd.points_from_xy(x, y)
    points[~(np.isfinite(x) & np.isfinite(y))] = None
    return gpd.GeoDataFrame(table.drop(columns=found), geometry=points)
