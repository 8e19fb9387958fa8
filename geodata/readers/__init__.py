"""Readers, one file per family of formats; a suffix picks the reader.

A reader takes a Source and returns the file's own columns with geometry, in the file's coordinates, and notes on what
it left out (sums in tables). It renames and repairs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from geodata.readers.csv_points import read_csv_points
from geodata.readers.geoparquet import read_geoparquet
from geodata.readers.graphml import read_graphml
from geodata.readers.osm import read_osm
from geodata.readers.osm_points import OSM_POINTS, read_osm_points
from geodata.readers.population_raster import read_population_raster
from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.readers.spreadsheet import read_spreadsheet
from geodata.readers.vector import read_vector
from geodata.tables import DataError, fault

__all__ = ["OSM_POINTS", "READERS", "TABLES", "Read", "Source", "read_source", "renames_of"]

READERS: Mapping[str, Callable[[Source], Read]] = MappingProxyType({
    ".gpkg": read_vector, ".geojson": read_vector, ".json": read_vector, ".shp": read_vector, ".zip": read_vector,
    ".fgb": read_vector, ".parquet": read_geoparquet, ".geoparquet": read_geoparquet, ".pbf": read_osm,
    ".osm": read_osm, ".graphml": read_graphml, ".csv": read_csv_points, ".xlsx": read_spreadsheet,
    ".tif": read_population_raster, ".tiff": read_population_raster})
TABLES = frozenset({".csv", ".xlsx"})
"""Formats whose coordinates stand in two columns, which a study may name as lon and lat."""




def renames_of(source: Source) -> dict[str, str]:
    """{ours: theirs} of the columns that are still there: a point table's reader has used up lon and lat."""
    used = {"lon", "lat"} if source.path.suffix.lower() in TABLES else set()
    return {ours: theirs for ours, theirs in source.columns.items() if ours not in used}


def read_source(source: Source) -> Read:
    """The layer as the file has it; DataError when it is missing, empty of geometry or unreadable."""
    reader = READERS.get(source.path.suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise DataError([fault("format_unknown", file=source.file, suffix=source.path.suffix, known=known)])
    if not source.path.is_file():
        raise DataError([fault("file_missing", file=str(source.path), layer=source.layer)])
    if source.layer == OSM_POINTS and source.is_osm:
        return read_osm_points(source)
    return reader(source)
