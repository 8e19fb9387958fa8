"""Rasters as they are meant: scaled values, cells as large as on the ground, the system that the study declares."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS, Geod, Transformer
from rasterio.transform import from_origin

from geodata.places import read_table
from geodata.readers import Source
from geodata.readers.population_raster import read_person_grid
from geodata.readers.raster import cell_sides_m
from geodata.slope import read_slopes
from geodata.tables import COMMUNITIES, DataError

PLANE = np.tile(np.arange(10) * 10.0, (10, 1))
"""10 m higher with each cell to the east; 4,500 persons."""
UTM = ("EPSG:32650", 500_000.0, 4_400_000.0)


def mercator() -> tuple[str, float, float]:
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(114.3, 40.0)
    return "EPSG:3857", x, y


def raster(path: Path, cells: np.ndarray, crs: str | None, x: float, y: float, *, scale: float = 1.0,
           offset: float = 0.0) -> Path:
    with rasterio.open(path, "w", driver="GTiff", width=10, height=10, count=1, dtype=cells.dtype, crs=crs, nodata=-99,
                       transform=from_origin(x, y, 100.0, 100.0)) as out:
        out.write(cells, 1)
        out.scales, out.offsets = (scale,), (offset,)
    return path


def test_scale_and_offset_count(tmp_path: Path) -> None:
    """Tenths from 50 on: the same heights and persons as plain ones; a cell without data stays one."""
    cells = (PLANE * 10.0 - 500.0).astype("int16")
    cells[0, 9] = -99
    path = raster(tmp_path / "p.tif", cells, *UTM, scale=0.1, offset=50.0)
    assert read_slopes(Source(path)).share[5, 5] == pytest.approx(0.1, rel=1e-3)
    persons = read_person_grid(Source(path, unit="persons_per_cell")).persons
    assert (persons.sum(), persons[0, 9]) == (pytest.approx(4_500.0 - 90.0), 0.0)


def test_density_counts_true_km2(tmp_path: Path) -> None:
    """1,000 persons per km2 on a square of 1 km of EPSG:3857 at 40 degrees north, which is 0.59 km2."""
    crs, x, y = mercator()
    path = raster(tmp_path / "p.tif", np.full((10, 10), 1000.0), crs, x, y)
    square = gpd.GeoSeries([shapely.box(x, y - 1000, x + 1000, y)], crs=crs).to_crs(4326).iloc[0]
    area_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(square)
    grid = read_person_grid(Source(path, unit="persons_per_km2"))
    assert grid.persons.sum() == pytest.approx(1000.0 * abs(area_m2) / 1e6, rel=1e-5)
    assert 580.0 < grid.persons.sum() < 590.0


def test_slopes_run_over_true_metres(tmp_path: Path) -> None:
    crs, x, y = mercator()
    path = raster(tmp_path / "p.tif", PLANE, crs, x, y)
    lon, lat = Transformer.from_crs(3857, 4326, always_xy=True).transform([x + 500, x + 600], [y - 550, y - 550])
    _, _, run_m = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    assert read_slopes(Source(path)).share[5, 5] == pytest.approx(10.0 / run_m, rel=1e-4)


@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:2263", "EPSG:3035"])
def test_sides_are_those_of_geodesics(crs: str) -> None:
    """UTM, feet, and an equal-area system, whose sides differ and whose areas do not."""
    system = CRS.from_user_input(crs)
    to = Transformer.from_crs(system.geodetic_crs, system, always_xy=True)
    west, south, east, north = system.area_of_use.bounds
    x, y = to.transform(west * 0.7 + east * 0.3, south * 0.5 + north * 0.5)
    at = from_origin(x, y, 1000.0, 1000.0)
    width, length = cell_sides_m(at, system, (4, 2))
    back = Transformer.from_crs(system, system.geodetic_crs, always_xy=True)
    cell = [back.transform(x + 500.0 + dx, y - 2500.0 + dy) for dx, dy in ((0, 0), (1000, 0), (1000, 1000), (0, 1000))]
    area_m2, _ = system.get_geod().polygon_area_perimeter(*zip(*cell, strict=True))
    assert width[2] * length[2] == pytest.approx(abs(area_m2), rel=1e-4)


def test_the_declared_system_is_used(tmp_path: Path) -> None:
    crs, x, y = UTM
    bare, wrong = (raster(tmp_path / f"{n}.tif", PLANE, c, x, y) for n, c in (("a", None), ("b", "EPSG:32651")))
    for path in (bare, wrong):
        source = Source(path, unit="persons_per_cell", crs=crs)
        assert read_person_grid(source).crs == CRS.from_user_input(crs)
        assert read_slopes(source).crs == CRS.from_user_input(crs)
        frame, faults = read_table(source, COMMUNITIES)
        assert frame is not None
        assert frame.crs == CRS.from_user_input(crs)
        assert ("crs_overridden" in [f.code for f in faults]) == (path == wrong)
    for crs_said, code in ((None, "no_crs"), ("EPSG:999999", "crs_unknown"), ("EPSG:2333", "crs_refused")):
        with pytest.raises(DataError) as caught:
            read_person_grid(Source(bare, unit="persons_per_cell", crs=crs_said))
        assert [f.code for f in caught.value.faults] == [code]
