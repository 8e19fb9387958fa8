"""Persons of a population raster within polygons: exact sums of cells by the share of each that a polygon covers.

Shares are those of exactextract (Baston, exactextract, Apache-2.0): a polygon smaller than a cell gets its part of it,
where a rule of cell centres would give nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from geodata.crs import to_system
from geodata.readers import Source
from geodata.readers.population_raster import PersonGrid, read_person_grid
from geodata.tables import DataError, fault

Float = NDArray[np.float64]

SAME_SHARE = 1e-6
"""Polygons overlap when together they hold this much more than their union."""


@dataclass(frozen=True)
class Zonal:
    """Persons of a raster by polygon; total = placed + unplaced."""

    persons: Float
    """[n]; what several polygons cover together is shared among them in equal parts."""
    total_persons: float
    unplaced_persons: float
    twice_persons: float
    """Persons that would have counted twice or more, had overlaps not been shared."""
    zone_unplaced: Float
    """Persons within each zone but in no polygon, [zones]."""


def zonal_persons(source: Source, areas: gpd.GeoSeries, zones: gpd.GeoSeries) -> Zonal:
    """Persons of a raster in areas (polygons that may overlap) and what lies in zones but in none of them.

    DataError where the raster cannot be used (see read_person_grid) or is not laid out north up.
    """
    grid = read_person_grid(source)
    if grid.at.b or grid.at.d:
        raise DataError([fault("raster_turned", file=source.file)])
    total = float(grid.persons.sum())
    shapes = _shapes(to_system(areas, grid.crs))
    persons = sums(grid, shapes)
    union = shapely.union_all(shapes) if len(shapes) else shapely.Polygon()
    placed = float(sums(grid, np.array([union], dtype=object))[0]) if not union.is_empty else 0.0
    twice = float(persons.sum()) - placed
    if twice > SAME_SHARE * max(placed, 1.0):
        persons = _shared(grid, shapes)
        placed = float(persons.sum())
    else:
        twice = 0.0
    outlines = _shapes(to_system(zones, grid.crs)) if len(zones) else np.empty(0, dtype=object)
    missing = sums(grid, shapely.difference(outlines, union)) if len(outlines) else np.empty(0)
    return Zonal(persons, total, max(total - placed, 0.0), twice, missing)


def sums(grid: PersonGrid, shapes: NDArray[np.object_]) -> Float:
    """Persons in each polygon in the raster's coordinates, [n]; empty shapes hold nobody."""
    some = np.flatnonzero(~shapely.is_empty(shapes))
    persons = np.zeros(len(shapes))
    if len(some):
        found = np.asarray(_extracted(grid, shapes[some], ["sum"])["sum"], dtype=np.float64)
        persons[some] = np.nan_to_num(found)
    return persons


def _shared(grid: PersonGrid, shapes: NDArray[np.object_]) -> Float:
    """Persons per polygon where polygons overlap: a cell covered more than once is divided by its coverage, [n]."""
    some = np.flatnonzero(~shapely.is_empty(shapes))
    found = _extracted(grid, shapes[some], ["cell_id", "coverage"])
    cells, coverage = (list(found[name]) for name in ("cell_id", "coverage"))
    owner = np.repeat(some, [len(c) for c in cells])
    cell = np.concatenate(cells).astype(np.int64)
    share = np.concatenate(coverage).astype(np.float64)
    covered = np.bincount(cell, weights=share, minlength=grid.persons.size)
    north_up = _north_up(grid).ravel()
    persons = np.bincount(owner, weights=north_up[cell] * share / np.maximum(covered[cell], 1.0), minlength=len(shapes))
    return np.asarray(persons, dtype=np.float64)


def _extracted(grid: PersonGrid, shapes: NDArray[np.object_], operations: list[str]) -> gpd.GeoDataFrame:
    rows, columns = grid.persons.shape
    x0, y0 = grid.at @ (0, 0)
    x1, y1 = grid.at @ (columns, rows)
    raster = NumPyRasterSource(_north_up(grid), min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1),
                               srs_wkt=grid.crs.to_wkt())
    frame = gpd.GeoDataFrame({"row": range(len(shapes))}, geometry=shapes, crs=grid.crs)
    return exact_extract(raster, frame, operations, output="pandas")


def _north_up(grid: PersonGrid) -> Float:
    """The cells with the north in the first row and the west in the first column."""
    cells = grid.persons if grid.at.e < 0 else grid.persons[::-1]
    return np.ascontiguousarray(cells if grid.at.a > 0 else cells[:, ::-1])


def _shapes(series: gpd.GeoSeries) -> NDArray[np.object_]:
    return np.asarray(series.array, dtype=object)
