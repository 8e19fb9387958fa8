"""Slope of parcels from an elevation raster."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.errors
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.transform import Affine
from rasterio.windows import Window

from geodata.crs import to_system
from geodata.readers import Source
from geodata.readers.raster import cell_sides_m, first_band, raster_crs
from geodata.tables import DataError, fault

Float = NDArray[np.float64]

MOST_CELLS = 100_000_000
"""About 4 GB in work."""
MARGIN_CELLS = 2
SEGMENT_M = 1000.0
"""The rim of an area is followed in steps of this length: straight lines bend from one system to another."""


@dataclass(frozen=True)
class SlopeGrid:
    """Slope of every cell of a raster."""

    share: Float
    """Rise over run, [rows, columns]; nan where the cell or a neighbour has no height, and along the rim."""
    at: Affine
    """From column and row to coordinates."""
    crs: CRS


def read_slopes(source: Source, area: gpd.GeoSeries | None = None) -> SlopeGrid:
    """The slopes of an elevation raster (heights in metres, north up), by the eight neighbours of a cell.

    With `area` only the part of the raster around it is read. Horn (1981), Hill shading and the reflectance map,
    Proceedings of the IEEE 69(1), as GDAL and ArcGIS do. Cells are as wide and as high as they are on the ellipsoid
    in their row. DataError: no raster, no CRS, turned, too many cells.
    """
    if not source.path.is_file():
        raise DataError([fault("file_missing", file=str(source.path))])
    try:
        with rasterio.open(source.path) as raster:
            if raster.transform.b or raster.transform.d:
                raise DataError([fault("raster_turned", file=source.file)])
            crs = raster_crs(source, raster.crs)
            window = Window(0, 0, raster.width, raster.height) if area is None else _around(raster, crs, area)
            cells = int(window.width * window.height)
            if cells > MOST_CELLS:
                raise DataError([fault("raster_too_large", file=source.file, cells=f"{cells:,}",
                                       most=f"{MOST_CELLS:,}")])
            height = first_band(raster, window)
            at = raster.window_transform(window)
    except (rasterio.errors.RasterioError, ValueError) as error:
        reason = " ".join(str(error).replace(str(source.path), source.file).split())
        raise DataError([fault("file_unreadable", file=source.file, reason=reason)]) from error
    width_m, length_m = cell_sides_m(at, crs, height.shape)
    return SlopeGrid(_horn(height, width_m[:, None], length_m[:, None]), at, crs)


def _around(raster: rasterio.DatasetReader, crs: CRS, area: gpd.GeoSeries) -> Window:
    """The cells of a raster that hold an area, with the neighbours that slopes need; none where they lie apart."""
    outline = gpd.GeoSeries([shapely.box(*area.total_bounds)], crs=area.crs)
    west, south, east, north = to_system(outline.segmentize(SEGMENT_M), crs).total_bounds
    columns, rows = ~raster.transform @ (np.array([west, east]), np.array([south, north]))
    first = np.floor([min(columns), min(rows)]) - MARGIN_CELLS
    last = np.ceil([max(columns), max(rows)]) + MARGIN_CELLS
    lower = np.clip(first, 0, (raster.width, raster.height))
    upper = np.clip(last, 0, (raster.width, raster.height))
    return Window(*lower.astype(int).tolist(), *(upper - lower).astype(int).tolist())


def _horn(height: Float, width_m: Float, length_m: Float) -> Float:
    out = np.full(height.shape, np.nan)
    if min(height.shape) < 3:
        return out
    north, middle, south = height[:-2], height[1:-1], height[2:]
    across = (north + 2.0 * middle + south)
    along = height[:, :-2] + 2.0 * height[:, 1:-1] + height[:, 2:]
    dx = (across[:, 2:] - across[:, :-2]) / (8.0 * width_m[1:-1])
    dy = (along[2:] - along[:-2]) / (8.0 * length_m[1:-1])
    out[1:-1, 1:-1] = np.where(np.isfinite(height[1:-1, 1:-1]), np.hypot(dx, dy), np.nan)
    return out


def slopes_of(grid: SlopeGrid, areas: gpd.GeoSeries, quantile: float | None) -> Float:
    """Slope of each polygon, rise over run: a quantile of its area, or the mean; nan where no cell has a slope.

    Cells count by the share of them that lies in the polygon, so that one smaller than a cell has the slope there.
    """
    out = np.full(len(areas), np.nan)
    rows = np.flatnonzero(~areas.is_empty.to_numpy())
    if len(rows) == 0 or grid.share.size == 0:
        return out
    shapes = to_system(areas.iloc[rows], grid.crs)
    high, wide = grid.share.shape
    x, y = sorted((grid.at.c, grid.at.c + wide * grid.at.a)), sorted((grid.at.f, grid.at.f + high * grid.at.e))
    data = grid.share[:, ::-1] if grid.at.a < 0 else grid.share
    data = data[::-1] if grid.at.e > 0 else data
    raster = NumPyRasterSource(np.ascontiguousarray(data), x[0], y[0], x[1], y[1], nodata=np.nan,
                               srs_wkt=grid.crs.to_wkt())
    frame = gpd.GeoDataFrame({"row": np.arange(len(rows))}, geometry=shapes.to_numpy(), crs=grid.crs)
    cells = exact_extract(raster, frame, ["values", "coverage"], output="pandas", include_cols=["row"])
    for row, slope, share in zip(cells["row"], cells["values"], cells["coverage"], strict=True):
        out[rows[int(row)]] = _summed_up(np.asarray(slope, dtype=np.float64), np.asarray(share, dtype=np.float64),
                                         quantile)
    return out


def _summed_up(slope: Float, share: Float, quantile: float | None) -> float:
    """The mean by area, or the least slope that at least this share of the area keeps within; nan of nothing."""
    known = np.isfinite(slope) & (share > 0.0)
    slope, share = slope[known], share[known]
    if len(slope) == 0:
        return float("nan")
    if quantile is None:
        return float(slope @ share / share.sum())
    order = np.argsort(slope, kind="stable")
    within = np.cumsum(share[order])
    return float(slope[order][np.searchsorted(within, quantile * within[-1] * (1.0 - 1e-12))])
