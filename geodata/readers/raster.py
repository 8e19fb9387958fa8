"""What all rasters have in common: their values, their system and how large their cells truly are."""

from __future__ import annotations

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Geod, Proj
from pyproj.exceptions import CRSError
from rasterio.transform import Affine
from rasterio.windows import Window

from geodata.crs import private_datum
from geodata.readers.source import Source
from geodata.tables import DataError, fault

Float = NDArray[np.float64]

SPAN_M = 500.0
"""Cells of a projected raster are measured over about this length: that of one small cell drowns in rounding."""
_GEOD = Geod(ellps="WGS84")


def first_band(raster: rasterio.DatasetReader, window: Window | None = None) -> Float:
    """Values of the first band with its scale and offset applied, [rows, columns]; NaN where there are none."""
    values = np.asarray(raster.read(1, masked=True, window=window).astype(np.float64).filled(np.nan))
    scale, offset = float(raster.scales[0]), float(raster.offsets[0])
    return values if (scale, offset) == (1.0, 0.0) else values * scale + offset


def raster_crs(source: Source, found: rasterio.crs.CRS | None) -> CRS:
    """The system that the study declares, else the file's own. DataError: none, unknown, or without public shift."""
    if source.crs is None:
        if found is None:
            raise DataError([fault("no_crs", file=source.file)])
        crs = CRS.from_wkt(found.to_wkt())
    else:
        try:
            crs = CRS.from_user_input(source.crs)
        except CRSError as error:
            raise DataError([fault("crs_unknown", file=source.file, crs=source.crs)]) from error
    if datum := private_datum(crs):
        raise DataError([fault("crs_refused", file=source.file, crs=crs.name, datum=datum)])
    return crs


def cell_sides_m(at: Affine, crs: CRS, shape: tuple[int, ...]) -> tuple[Float, Float]:
    """West-east and south-north side of the cells of each row, m, on the ellipsoid; projected ones in their middle.

    A metre of a projected system need not be one: at 40 degrees north EPSG:3857 draws it 1.31 m long. Systems that
    say nothing of the earth, and rows beyond it, have the sides of the grid.
    """
    rows = shape[0]
    if crs.is_geographic:
        latitude = at.f + (np.arange(rows) + 0.5) * at.e
        nothing = np.zeros(rows)
        _, _, width = _GEOD.inv(nothing, latitude, np.full(rows, abs(at.a)), latitude)
        _, _, length = _GEOD.inv(nothing, latitude - abs(at.e) / 2, nothing, latitude + abs(at.e) / 2)
        return np.asarray(width, dtype=np.float64), np.asarray(length, dtype=np.float64)
    unit_m = float(crs.axis_info[0].unit_conversion_factor)
    plain = np.hypot(at.a, at.d) * unit_m, np.hypot(at.b, at.e) * unit_m
    if not crs.is_projected:
        return np.full(rows, plain[0]), np.full(rows, plain[1])
    x, y = at @ (np.full(rows, shape[1] / 2.0), np.arange(rows) + 0.5)
    return (_true_m(crs, x, y, (at.a, at.d), plain[0]), _true_m(crs, x, y, (at.b, at.e), plain[1]))


def _true_m(crs: CRS, x: Float, y: Float, step: tuple[float, float], plain_m: float) -> Float:
    """Length on the ellipsoid of a step in projected coordinates around each point, m."""
    half = max(1.0, SPAN_M / plain_m) / 2.0
    project, geod = Proj(crs), crs.get_geod() or _GEOD
    west = project(x - half * step[0], y - half * step[1], inverse=True)
    east = project(x + half * step[0], y + half * step[1], inverse=True)
    known = np.isfinite(np.array([*west, *east])).all(axis=0)
    out = np.full(len(x), plain_m)
    _, _, length = geod.inv(*(np.asarray(c)[known] for c in (*west, *east)))
    out[known] = np.asarray(length) / (2.0 * half)
    return out
