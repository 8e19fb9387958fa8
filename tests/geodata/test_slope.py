"""Slopes of planes and cones whose slope is known, on metric and geographic grids, with cells that have no height."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import Affine, from_origin

from geodata.readers import Source
from geodata.slope import read_slopes, slopes_of
from geodata.tables import DataError

CRS = "EPSG:4547"
X, Y = 500_000.0, 3_390_000.0
CELL_M = 10.0


def raster(folder: Path, height: np.ndarray, *, crs: str | None = CRS, at: Affine | None = None,
           nodata: float | None = None) -> Source:
    rows, columns = height.shape
    with rasterio.open(folder / "dem.tif", "w", driver="GTiff", width=columns, height=rows, count=1, dtype="float64",
                       crs=crs, transform=at or from_origin(X, Y + rows * CELL_M, CELL_M, CELL_M),
                       nodata=nodata) as out:
        out.write(height, 1)
    return Source(folder / "dem.tif")


def plane(east: float, north: float, size: int = 40) -> np.ndarray:
    """Heights that rise by so much per metre to the east and to the north."""
    x = (np.arange(size) + 0.5) * CELL_M
    return 100.0 + east * x[None, :] + north * x[::-1, None]


def areas(*shapes: shapely.Geometry) -> gpd.GeoSeries:
    return gpd.GeoSeries(list(shapes), crs=CRS)


@pytest.mark.parametrize(("east", "north"), [(0.0, 0.0), (0.08, 0.0), (0.0, -0.12), (0.03, 0.04)])
def test_a_plane_has_its_slope_everywhere(tmp_path: Path, east: float, north: float) -> None:
    grid = read_slopes(raster(tmp_path, plane(east, north)))
    parcels = areas(shapely.box(X + 100, Y + 100, X + 180, Y + 150), shapely.box(X + 103, Y + 204, X + 106, Y + 207))
    for quantile in (None, 0.9):
        assert slopes_of(grid, parcels, quantile) == pytest.approx(np.full(2, np.hypot(east, north)), abs=1e-9)


def test_mean_and_quantile_count_by_area(tmp_path: Path) -> None:
    """Flat west of x = 200, 0.2 east of it: a parcel from 100 to 350 lies flat on 0.4 of its area."""
    x = (np.arange(40) + 0.5) * CELL_M
    grid = read_slopes(raster(tmp_path, np.tile(np.maximum(0.0, x - 200.0) * 0.2, (40, 1))))
    parcel = areas(shapely.box(X + 100, Y + 100, X + 350, Y + 200))
    # Horn's window reaches one cell to each side, so the two cells at the edge have a slope between
    middle = grid.share[20, 10:35]
    assert slopes_of(grid, parcel, None)[0] == pytest.approx(middle.mean(), abs=1e-9)
    assert middle[0] == 0.0
    assert middle[-1] == pytest.approx(0.2)
    assert slopes_of(grid, parcel, 0.9)[0] == pytest.approx(0.2)
    assert slopes_of(grid, parcel, 0.1)[0] == pytest.approx(0.0, abs=1e-9)


def test_degrees_are_as_long_as_they_are(tmp_path: Path) -> None:
    """A slope of 0.1 to the east at 30.6 degrees north; cells of 1 arc second are 26.6 m wide there."""
    step = 1.0 / 3600.0
    rows, columns = 30, 40
    at = from_origin(114.27, 30.61, step, step)
    metres = np.arange(columns) * step * 111_320.0 * np.cos(np.radians(30.606))
    grid = read_slopes(raster(tmp_path, np.tile(metres * 0.1, (rows, 1)), crs="EPSG:4326", at=at))
    parcel = gpd.GeoSeries([shapely.box(114.273, 30.604, 114.276, 30.607)], crs="EPSG:4326").to_crs(CRS)
    assert slopes_of(grid, parcel, None)[0] == pytest.approx(0.1, rel=2e-3)


def test_where_no_height_is_known(tmp_path: Path) -> None:
    """Cells without data have no slope, nor have their neighbours, the rim, or parcels outside; the rest counts."""
    height = plane(0.05, 0.0)
    height[:, :20] = -9999.0
    grid = read_slopes(raster(tmp_path, height, nodata=-9999.0))
    assert np.isnan(grid.share[:, :21]).all()
    assert np.isnan(grid.share[0]).all()
    assert np.isfinite(grid.share[1:-1, 21:-1]).all()
    found = slopes_of(grid, areas(shapely.box(X + 20, Y + 20, X + 150, Y + 150),  # without height
                                  shapely.box(X + 150, Y + 100, X + 300, Y + 200),  # partly
                                  shapely.box(X + 5000, Y, X + 5050, Y + 50), shapely.Polygon()), None)
    assert np.isnan(found[[0, 2, 3]]).all()
    assert found[1] == pytest.approx(0.05)


def test_a_raster_stored_from_south_to_north(tmp_path: Path) -> None:
    rise = np.maximum(0.0, (np.arange(40.0) - 20.0) * CELL_M * 0.3)  # flat in the south, steep in the north
    height = np.tile(rise[:, None], (1, 40))
    flipped = read_slopes(raster(tmp_path, height, at=Affine(CELL_M, 0.0, X, 0.0, CELL_M, Y)))
    south, north = areas(shapely.box(X + 50, Y + 50, X + 150, Y + 150)), areas(
        shapely.box(X + 50, Y + 250, X + 150, Y + 350))
    assert slopes_of(flipped, south, None)[0] == pytest.approx(0.0, abs=1e-9)
    assert slopes_of(flipped, north, None)[0] == pytest.approx(0.3)


def test_what_cannot_be_used(tmp_path: Path) -> None:
    turned = Affine(CELL_M, 1.0, X, 1.0, -CELL_M, Y + 400.0)
    with pytest.raises(DataError) as caught:
        read_slopes(raster(tmp_path, plane(0, 0), at=turned))
    assert caught.value.faults[0].code == "raster_turned"
    with pytest.raises(DataError) as caught:
        read_slopes(raster(tmp_path, plane(0, 0), crs=None))
    assert caught.value.faults[0].code == "no_crs"
    source = raster(tmp_path, plane(0, 0), crs=None)
    for crs, code in (("GCJ-02", "crs_unknown"), ("EPSG:999999", "crs_unknown")):
        with pytest.raises(DataError) as caught:
            read_slopes(Source(source.path, crs=crs))
        assert caught.value.faults[0].code == code
    (tmp_path / "no.tif").write_text("no raster", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_slopes(Source(tmp_path / "no.tif"))
    assert caught.value.faults[0].code == "file_unreadable"
    with pytest.raises(DataError) as caught:
        read_slopes(Source(tmp_path / "missing.tif"))
    assert caught.value.faults[0].code == "file_missing"


@pytest.mark.parametrize("geographic", [False, True])
def test_a_part_of_a_raster_has_the_same_slopes(tmp_path: Path, geographic: bool) -> None:
    """Only what lies around the parcels is read, and that does not change them."""
    rng = np.random.default_rng(5)
    height = rng.uniform(0, 30, (200, 240)).cumsum(axis=0)
    step = 1.0 / 3600.0
    source = raster(tmp_path, height, crs="EPSG:4326", at=from_origin(114.22, 30.63, step, step)) if geographic \
        else raster(tmp_path, height)
    parcels = areas(*(shapely.box(X + 900 + 70 * n, Y + 800 + 90 * n, X + 940 + 70 * n, Y + 850 + 90 * n)
                      for n in range(4)))
    if geographic:
        parcels = gpd.GeoSeries([shapely.box(114.25 + n * 1e-3, 30.59, 114.2505 + n * 1e-3, 30.5904)
                                 for n in range(4)], crs="EPSG:4326").to_crs(CRS)
    whole, part = read_slopes(source), read_slopes(source, parcels)
    assert part.share.size < whole.share.size / 4
    for quantile in (None, 0.9):
        assert slopes_of(part, parcels, quantile) == pytest.approx(slopes_of(whole, parcels, quantile))
        assert np.isfinite(slopes_of(part, parcels, quantile)).all()


def test_parcels_beside_the_raster_have_no_slope(tmp_path: Path) -> None:
    parcels = areas(shapely.box(X - 9000, Y - 9000, X - 8900, Y - 8900))
    grid = read_slopes(raster(tmp_path, plane(0.1, 0.0)), parcels)
    assert np.isnan(slopes_of(grid, parcels, None)).all()
