"""Population rasters: persons and densities by hand, cells put together, and Hong Kong as WorldPop has it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Geod
from rasterio.transform import from_origin

from geodata.places import read_table
from geodata.readers import Source
from geodata.tables import COMMUNITIES

DATA = Path(os.environ.get("RECYNET_DATA", "/nowhere"))
HONG_KONG = DATA / "hong_kong" / "hkg_ppp_2020_UNadj_constrained.tif"
NODATA = -99.0
CELLS = np.array([[10.0, 0.0, 3.0], [NODATA, 20.0, 0.25], [5.0, 1.0, NODATA]])


def raster(path: Path, *, crs: str = "EPSG:4547", origin: tuple[float, float] = (520_000.0, 3_390_000.0),
           side: float = 100.0) -> Path:
    with rasterio.open(path, "w", driver="GTiff", height=3, width=3, count=1, dtype="float64", nodata=NODATA, crs=crs,
                       transform=from_origin(*origin, side, side)) as target:
        target.write(CELLS, 1)
    return path


def test_persons_per_cell(tmp_path: Path) -> None:
    """Five cells hold one person or more; 0.25 persons are told and left out."""
    table, faults = read_table(Source(raster(tmp_path / "p.tif"), unit="persons_per_cell"), COMMUNITIES)
    assert table is not None
    assert dict(zip(table["id"], table["population"], strict=True)) == {
        "r0c0": 10.0, "r0c2": 3.0, "r1c1": 20.0, "r2c0": 5.0, "r2c1": 1.0}
    assert table.geometry.area.tolist() == [10_000.0] * 5
    assert table.geometry.iloc[0].bounds == (520_000.0, 3_389_900.0, 520_100.0, 3_390_000.0)
    assert [f.code for f in faults] == []


def test_density_times_area(tmp_path: Path) -> None:
    """Cells of 1 km2 on the map: persons per km2 are persons, less 1e-5 for what the map makes too large."""
    source = Source(raster(tmp_path / "p.tif", side=1000.0), unit="persons_per_km2")
    table, _ = read_table(source, COMMUNITIES)
    assert table is not None
    areas_m2 = [abs(Geod(ellps="WGS84").geometry_area_perimeter(g)[0]) for g in table.geometry.to_crs(4326)]
    own = read_table(Source(source.path, unit="persons_per_cell"), COMMUNITIES)[0]
    assert own is not None
    true = own["population"].to_numpy() @ areas_m2 / 1e6
    assert true == pytest.approx(39.0, rel=2e-5)
    assert table["population"].sum() == pytest.approx(true, rel=3e-6)


def test_density_in_degrees_uses_the_ellipsoid(tmp_path: Path) -> None:
    source = Source(raster(tmp_path / "p.tif", crs="EPSG:4326", origin=(114.0, 31.0), side=0.1), unit="persons_per_km2")
    table, _ = read_table(source, COMMUNITIES)
    assert table is not None
    area_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(table.geometry.iloc[0])
    assert table["population"].iloc[0] == pytest.approx(10.0 * abs(area_m2) / 1e6, rel=1e-6)


def test_cells_put_together(tmp_path: Path) -> None:
    """Two by two: 30 persons in the first square, then 3.25, 6 and nobody."""
    source = Source(raster(tmp_path / "p.tif"), unit="persons_per_cell", cell_m=210.0)
    table, _ = read_table(source, COMMUNITIES)
    assert table is not None
    assert dict(zip(table["id"], table["population"], strict=True)) == {"r0c0": 30.0, "r0c2": 3.25, "r2c0": 6.0}
    assert table.geometry.area.tolist() == [40_000.0] * 3


@pytest.mark.parametrize("unit", [None, "people"])
def test_the_unit_is_never_guessed(tmp_path: Path, unit: str | None) -> None:
    table, faults = read_table(Source(raster(tmp_path / "p.tif"), unit=unit), COMMUNITIES)
    assert table is None
    assert [f.code for f in faults] == ["raster_unit_missing"]


def test_a_picture_is_no_raster(tmp_path: Path) -> None:
    (tmp_path / "p.tif").write_bytes(b"not a raster")
    table, faults = read_table(Source(tmp_path / "p.tif", unit="persons_per_cell"), COMMUNITIES)
    assert table is None
    assert [f.code for f in faults] == ["file_unreadable"]


@pytest.mark.skipif(not HONG_KONG.is_file(), reason="RECYNET_DATA/hong_kong is not there")
@pytest.mark.parametrize("cell_m", [None, 500.0])
def test_nobody_is_lost_in_hong_kong(cell_m: float | None) -> None:
    """7,496,988 persons in the file; what is left out is told."""
    table, faults = read_table(Source(HONG_KONG, unit="persons_per_cell", cell_m=cell_m), COMMUNITIES)
    assert table is not None
    told = sum(float(f.title.en.split()[0].replace(",", "")) for f in faults if f.code == "cells_left_out")
    assert table["population"].sum() + told == pytest.approx(7_496_988, abs=1.5)
    assert len(table) < (41_300 if cell_m is None else 3_000)
