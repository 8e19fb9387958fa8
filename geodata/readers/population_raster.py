"""Population rasters (GeoTIFF): cells with people as squares, alone or several together.

WorldPop and others give persons per cell or persons per km2; which of the two is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.errors
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.transform import Affine

from geodata.crs import BD09, GCJ02
from geodata.readers.raster import cell_sides_m, first_band, raster_crs
from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.tables import DataError, fault, text_column

Float = NDArray[np.float64]

PER_CELL, PER_KM2 = "persons_per_cell", "persons_per_km2"
LEAST_PERSONS = 0.5
"""A square with fewer is nobody's home: what it holds is told, not used."""
MOST_CELLS = 200_000_000
"""About 3 GB in work; a country should be clipped to the area of the study first."""


@dataclass(frozen=True)
class PersonGrid:
    """A population raster in memory."""

    persons: Float
    """Per cell, [rows, columns]; cells without data and negative ones hold nobody."""
    at: Affine
    """From column and row to coordinates."""
    crs: CRS
    """What the study declares, else the file's own."""
    file_crs: CRS | None = None


def read_population_raster(source: Source) -> Read:
    """Squares with id (row and column of the first cell) and population, persons, in the raster's coordinates.

    The study's `unit` says what a cell holds; with `cell_m` so many cells are put together that a side is about as
    long. DataError: no unit, not a raster, no CRS, nobody in it.
    """
    # Chinese map datums are undone by whoever places the layer; the system that is declared, too, is set there
    grid = read_person_grid(replace(source, crs=None) if source.crs in (GCJ02, BD09) else source)
    persons, at = grid.persons, grid.at
    factor = _together(source.cell_m, at, grid.crs, persons.shape)
    blocks = _summed(persons, factor)
    row, column = np.nonzero(blocks >= LEAST_PERSONS)
    if not len(row):
        raise DataError([fault("layer_empty", file=source.file)])
    faint = float(persons.sum() - blocks[row, column].sum())
    notes = () if faint < 1.0 else (fault("cells_left_out", file=source.file, persons=f"{faint:,.0f}",
                                          share=f"{faint / persons.sum():.2%}", least=f"{LEAST_PERSONS:g}"),)
    frame = gpd.GeoDataFrame({
        "id": text_column(f"r{r * factor}c{c * factor}" for r, c in zip(row, column, strict=True)),
        "population": blocks[row, column]}, geometry=_squares(at, row * factor, column * factor, factor),
        crs=grid.file_crs)
    return Read(frame, notes)


def read_person_grid(source: Source) -> PersonGrid:
    """The persons of every cell. DataError: no unit, not a raster, no CRS, too many cells for the memory."""
    if source.unit not in (PER_CELL, PER_KM2):
        raise DataError([fault("raster_unit_missing", file=source.file, found=source.unit or "-",
                               known=f"{PER_CELL}, {PER_KM2}")])
    try:
        with rasterio.open(source.path) as raster:
            if raster.width * raster.height > MOST_CELLS:
                raise DataError([fault("raster_too_large", file=source.file, cells=f"{raster.width * raster.height:,}",
                                       most=f"{MOST_CELLS:,}")])
            cells = first_band(raster)
            at, crs = raster.transform, raster.crs
    except (rasterio.errors.RasterioError, ValueError) as error:
        reason = " ".join(str(error).replace(str(source.path), source.file).split())
        raise DataError([fault("file_unreadable", file=source.file, reason=reason)]) from error
    own = raster_crs(source, crs)
    persons = np.where(cells > 0.0, cells, 0.0)
    if source.unit == PER_KM2:
        persons = persons * _areas_km2(at, own, cells.shape)
    return PersonGrid(persons, at, own, None if crs is None else CRS.from_wkt(crs.to_wkt()))


def _squares(at: Affine, row: NDArray[np.int64], column: NDArray[np.int64], size: int) -> NDArray[np.object_]:
    x0, y0 = at @ (column, row)
    x1, y1 = at @ (column + size, row + size)
    return np.asarray(shapely.box(np.minimum(x0, x1), np.minimum(y0, y1), np.maximum(x0, x1), np.maximum(y0, y1)))


def _summed(persons: Float, factor: int) -> Float:
    """Sums over squares of factor x factor cells; the rim is filled up with nobody."""
    rows, columns = (-(-n // factor) for n in persons.shape)
    padded = np.zeros((rows * factor, columns * factor))
    padded[:persons.shape[0], :persons.shape[1]] = persons
    return np.asarray(padded.reshape(rows, factor, columns, factor).sum(axis=(1, 3)))


def _areas_km2(at: Affine, crs: CRS, shape: tuple[int, ...]) -> Float:
    """Area of the cells of each row on the ellipsoid, [rows, 1], km2."""
    width_m, length_m = cell_sides_m(at, crs, shape)
    return np.asarray((width_m * length_m / 1e6)[:, None])


def _together(cell_m: float | None, at: Affine, crs: CRS, shape: tuple[int, ...]) -> int:
    """How many cells make up the side of a square."""
    if cell_m is None:
        return 1
    side_m = 1000.0 * float(np.sqrt(_areas_km2(at, crs, shape)[shape[0] // 2, 0]))
    return max(1, round(cell_m / side_m))
