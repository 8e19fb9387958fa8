"""GeoParquet, through geopandas and pyarrow."""

from __future__ import annotations

import geopandas as gpd
import pyarrow

from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.tables import DataError, fault


def read_geoparquet(source: Source) -> Read:
    """The layer with the file's own columns; DataError when the file is damaged or has no geometry."""
    try:
        return Read(gpd.read_parquet(source.path))
    except (pyarrow.ArrowException, ValueError, KeyError, TypeError, OSError) as error:
        reason = " ".join(str(error).replace(str(source.path), source.file).split())
        raise DataError([fault("file_unreadable", file=source.file, reason=reason or type(error).__name__)]) from error
