"""Persons of a raster in polygons: by hand, against cells cut one by one, on partitions, and on Hong Kong."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod
from rasterio.transform import from_origin

from geodata.population_zonal import sums, zonal_persons
from geodata.readers import Source
from geodata.readers.population_raster import PersonGrid, read_person_grid
from geodata.tables import DataError

DATA = Path(os.environ.get("RECYNET_DATA", "/nowhere"))
HONG_KONG = DATA / "hong_kong" / "hkg_ppp_2020_UNadj_constrained.tif"
HERE = "EPSG:4547"
X, Y = 520_000.0, 3_390_000.0
CORNER = np.array([X, Y])
NODATA = -99.0
NO_ZONES = gpd.GeoSeries([], crs=HERE)


def raster(path: Path, cells: np.ndarray, *, crs: str = HERE, origin: tuple[float, float] = (X, Y + 300.0),
           side: float = 100.0) -> Path:
    with rasterio.open(path, "w", driver="GTiff", height=cells.shape[0], width=cells.shape[1], count=1, dtype="float64",
                       nodata=NODATA, crs=crs, transform=from_origin(*origin, side, side)) as target:
        target.write(cells, 1)
    return path


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    """Metres from the lower left corner of the raster."""
    return shapely.box(X + x0, Y + y0, X + x1, Y + y1)


def areas(*shapes: shapely.Geometry) -> gpd.GeoSeries:
    return gpd.GeoSeries(list(shapes), crs=HERE)


CELLS = np.arange(9.0).reshape(3, 3)


def test_half_cells_count_half(tmp_path: Path) -> None:
    """Columns hold 9, 12 and 15 persons from the west; one and a half columns are 15, a cell without data nobody."""
    source = Source(raster(tmp_path / "p.tif", CELLS), unit="persons_per_cell")
    found = zonal_persons(source, areas(box(0, 0, 150, 300), box(200, 0, 300, 300), box(900, 0, 950, 50)), NO_ZONES)
    assert found.persons == pytest.approx([15.0, 15.0, 0.0])
    assert (found.total_persons, found.unplaced_persons, found.twice_persons) == pytest.approx((36.0, 6.0, 0.0))
    holed = np.where(CELLS == 8.0, NODATA, CELLS)
    found = zonal_persons(Source(raster(tmp_path / "h.tif", holed), unit="persons_per_cell"),
                          areas(box(200, 0, 300, 300)), NO_ZONES)
    assert (found.persons[0], found.total_persons) == pytest.approx((7.0, 28.0))


def test_persons_per_km2(tmp_path: Path) -> None:
    """A quarter of a cell of 1 km2 with 8 persons per km2 holds 2, less 1e-5: a km2 of the map is smaller on earth."""
    area_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(areas(box(2500, 0, 3000, 500)).to_crs(4326).iloc[0])
    source = Source(raster(tmp_path / "p.tif", CELLS, side=1000.0, origin=(X, Y + 3000.0)), unit="persons_per_km2")
    persons = 8.0 * abs(area_m2) / 1e6
    assert persons == pytest.approx(2.0, rel=2e-5)
    found = zonal_persons(source, areas(box(2500, 0, 3000, 500)), NO_ZONES).persons
    assert found == pytest.approx([persons], rel=3e-6)


def test_density_in_degrees(tmp_path: Path) -> None:
    """The whole of a cell in degrees holds its density times its area on the ellipsoid."""
    path = raster(tmp_path / "p.tif", np.full((2, 2), 5.0), crs="EPSG:4326", origin=(114.0, 31.0), side=0.01)
    cell = shapely.box(114.0, 30.99, 114.01, 31.0)
    area_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(cell)
    found = zonal_persons(Source(path, unit="persons_per_km2"), gpd.GeoSeries([cell], crs="EPSG:4326"), NO_ZONES)
    assert found.persons[0] == pytest.approx(5.0 * abs(area_m2) / 1e6, rel=1e-6)


def test_what_overlaps_is_shared(tmp_path: Path) -> None:
    """The middle column (12 persons) lies in one area whole and in another by half: 2 to 1, nobody counts twice."""
    source = Source(raster(tmp_path / "p.tif", CELLS), unit="persons_per_cell")
    found = zonal_persons(source, areas(box(0, 0, 150, 300), box(100, 0, 300, 300)), NO_ZONES)
    assert found.persons == pytest.approx([9.0 + 4.0, 8.0 + 15.0])
    assert (found.unplaced_persons, found.twice_persons) == pytest.approx((0.0, 6.0), abs=1e-6)


def test_zones_say_where_persons_are_left(tmp_path: Path) -> None:
    """West and east of the middle hold 15 and 21 persons; a community takes the first column, so 6 and 21 are left."""
    source = Source(raster(tmp_path / "p.tif", CELLS), unit="persons_per_cell")
    found = zonal_persons(source, areas(box(0, 0, 100, 300)), areas(box(0, 0, 150, 300), box(150, 0, 300, 300)))
    assert found.zone_unplaced == pytest.approx([6.0, 21.0])
    assert found.unplaced_persons == pytest.approx(27.0)


def test_a_grid_from_south_to_north_is_the_same() -> None:
    up = PersonGrid(CELLS, from_origin(X, Y + 300.0, 100.0, 100.0), CRS.from_user_input(HERE))
    down = PersonGrid(CELLS[::-1], from_origin(X, Y, 100.0, -100.0), up.crs)
    shapes = np.array([box(20, 130, 250, 290)], dtype=object)
    assert sums(down, shapes) == pytest.approx(sums(up, shapes))


def test_a_turned_grid_is_refused(tmp_path: Path) -> None:
    with rasterio.open(tmp_path / "t.tif", "w", driver="GTiff", height=3, width=3, count=1, dtype="float64", crs=HERE,
                       transform=rasterio.Affine(70.0, 70.0, X, 70.0, -70.0, Y)) as target:
        target.write(CELLS, 1)
    with pytest.raises(DataError) as raised:
        zonal_persons(Source(tmp_path / "t.tif", unit="persons_per_cell"), areas(box(0, 0, 1, 1)), NO_ZONES)
    assert [f.code for f in raised.value.faults] == ["raster_turned"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_against_cells_cut_one_by_one(seed: int) -> None:
    """Triangles anywhere: persons are the sums of cells by the share of each that the triangle covers."""
    rng = np.random.default_rng(seed)
    cells = rng.uniform(0.0, 50.0, (4, 5))
    grid = PersonGrid(cells, from_origin(X, Y + 400.0, 100.0, 100.0), CRS.from_user_input(HERE))
    corners = rng.uniform(-100.0, 600.0, (3, 3, 2)) + CORNER
    shapes = np.array([shapely.Polygon(c) for c in corners], dtype=object)
    squares = [[box(100 * c, 400 - 100 * (r + 1), 100 * (c + 1), 400 - 100 * r) for c in range(5)] for r in range(4)]
    expected = [sum(cells[r, c] * shapely.area(shapely.intersection(s, squares[r][c])) / 1e4
                    for r in range(4) for c in range(5)) for s in shapes]
    assert sums(grid, shapes) == pytest.approx(expected, rel=1e-5, abs=1e-4)


def partition(rng: np.random.Generator, side: int, extent: float) -> np.ndarray:
    """side x side irregular quadrangles that fill a square of the extent from the corner."""
    at = np.linspace(0.0, extent, side + 1)
    x, y = np.meshgrid(at, at)
    inner = np.zeros_like(x, dtype=bool)
    inner[1:-1, 1:-1] = True
    shift = extent / side / 3.0
    x, y = (v + np.where(inner, rng.uniform(-shift, shift, v.shape), 0.0) for v in (x, y))
    corners = [np.stack([x, y], axis=2)[r:r + side, c:c + side] for r, c in ((0, 0), (0, 1), (1, 1), (1, 0))]
    rings = np.stack(corners, axis=2).reshape(-1, 4, 2) + CORNER
    return np.array([shapely.Polygon(ring) for ring in rings], dtype=object)


@pytest.mark.parametrize("cells", [40, 500])
def test_2025_zones_keep_the_total_and_none_is_empty(cells: int) -> None:
    """Zones smaller than cells (40 x 40) and far larger than cells (500 x 500): the sum of a partition is the total."""
    rng = np.random.default_rng(cells)
    extent = 45_000.0
    persons = rng.uniform(1.0, 100.0, (cells, cells))
    grid = PersonGrid(persons, from_origin(X, Y + extent, extent / cells, extent / cells), CRS.from_user_input(HERE))
    found = sums(grid, partition(rng, 45, extent))
    assert found.sum() == pytest.approx(persons.sum(), rel=1e-6)
    assert (found > 0.0).all()


@pytest.mark.skipif(not HONG_KONG.is_file(), reason="RECYNET_DATA/hong_kong is not there")
def test_hong_kong_is_kept_whole() -> None:
    """WorldPop's 7,496,988 persons over hexagons of another system (EPSG:2326): placed and unplaced make the total."""
    source = Source(HONG_KONG, unit="persons_per_cell")
    west, south, east, north = 801_000.0, 801_000.0, 862_000.0, 848_000.0
    at = [(x, y) for x in np.arange(west, east, 2_000.0) for y in np.arange(south, north, 2_000.0)]
    squares = gpd.GeoSeries([shapely.box(x, y, x + 2_000.0, y + 2_000.0) for x, y in at], crs="EPSG:2326")
    found = zonal_persons(source, squares, gpd.GeoSeries([], crs="EPSG:2326"))
    assert found.total_persons == pytest.approx(7_496_988, abs=1.0)
    assert found.persons.sum() + found.unplaced_persons == pytest.approx(found.total_persons, rel=1e-6)
    assert found.unplaced_persons < 0.01 * found.total_persons
    assert read_person_grid(source).persons.min() == 0.0
