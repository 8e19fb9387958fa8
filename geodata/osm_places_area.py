"""Where a new study is: an outline from a file, a box, or the extent of the streets, and its metric system."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely

from geodata.crs import WGS84, declared, in_china, metric_crs_of, to_metric, to_wgs84
from geodata.osm_areas import Thing
from geodata.osm_areas_messages import AREA_MESSAGES
from geodata.osm_places import Area, polygons_of
from geodata.readers import Source, read_source
from geodata.tables import DataError, fault


def area_of(outline: shapely.Geometry, name: str) -> Area:
    """The area of an outline in degrees on WGS 84; DataError: boundary_no_area."""
    shape = polygons_of(shapely.make_valid(outline))
    if shape.is_empty:
        raise DataError([fault("boundary_no_area", file=name, messages=AREA_MESSAGES)])
    west, south, east, north = shape.bounds
    crs_metric = metric_crs_of((west + east) / 2.0, (south + north) / 2.0)
    return Area(to_metric(gpd.GeoSeries([shape], crs=WGS84), crs_metric).iloc[0], crs_metric, name)


def area_of_file(source: Source) -> Area:
    """All polygons of a layer as one area. DataError with the faults of the file, or boundary_no_area."""
    frame, _ = declared(read_source(source).frame, source.crs, source.file, source.layer)
    shapes = np.asarray(to_wgs84(frame).geometry.array, dtype=object)
    return area_of(shapely.union_all(shapely.make_valid(shapes[~shapely.is_missing(shapes)])), source.path.stem)


def area_of_box(box: tuple[float, float, float, float], name: str) -> Area:
    """The area of west, south, east, north in degrees on WGS 84."""
    return area_of(shapely.box(*box), name)


def area_of_streets(streets: Sequence[Thing], name: str) -> Area:
    """The box around all streets."""
    return area_of(shapely.box(*shapely.total_bounds([street.geometry for street in streets])), name)


def lies_in_china(area: Area) -> bool:
    """Whether the middle of an area lies in China, where map services shift their coordinates."""
    return in_china(gpd.GeoSeries([area.outline], crs=area.crs_metric))
