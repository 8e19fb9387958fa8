"""Communities as cells: nobody is lost, zones keep their persons, H3 agrees with cells that others made."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.cells import laid_in_cells, without_empty
from geodata.cells_slivers import merged_slivers
from geodata.crs import to_metric
from geodata.demand_input import CellGrid, SliverLimits

DATA = Path(os.environ.get("RECYNET_DATA", "/nowhere"))
HEXAGONS = DATA / "porto_alegre" / "poa_hexgrid.csv"
CRS = "EPSG:4547"
X, Y = 520_000.0, 3_390_000.0


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    return shapely.box(X + x0, Y + y0, X + x1, Y + y1)


def table(shapes: list[shapely.Geometry], persons: list[float], zone: list[str | None] | None = None,
          crs: str = CRS) -> gpd.GeoDataFrame:
    count = len(shapes)
    frame = gpd.GeoDataFrame({
        "id": [f"C{n}" for n in range(count)], "population": persons, "households": np.array(persons) / 2.0,
        "weight": np.nan, "name": None, "zone_id": pd.Series(zone or [None] * count, dtype=object)},
        geometry=shapes, crs=crs)
    return frame.assign(area_m2=frame.geometry.area)


def zones(*shapes: shapely.Geometry) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": [f"Z{n}" for n in range(len(shapes))]}, geometry=list(shapes), crs=CRS)


NO_ZONES = gpd.GeoDataFrame({"id": []}, geometry=[], crs=CRS)


def test_squares_by_hand() -> None:
    """A community of 300 x 100 m with 60 persons over squares of 200 m from the origin: 40 persons west, 20 east."""
    cells = laid_in_cells(table([box(0, 0, 300, 100)], [60.0]), NO_ZONES, CellGrid(side_m=200.0))
    column, row = int(X // 200), int(Y // 200)
    assert cells["id"].tolist() == [f"x{column}y{row}", f"x{column + 1}y{row}"]
    assert cells["population"].tolist() == pytest.approx([40.0, 20.0])
    assert cells["households"].tolist() == pytest.approx([20.0, 10.0])
    assert cells["area_m2"].tolist() == pytest.approx([20_000.0, 10_000.0])


def test_cells_are_cut_along_zones() -> None:
    """The same community with a border of zones at 100 m: the western square falls into two, each with 20 persons."""
    halves = zones(box(-1000, -1000, 100, 1000), box(100, -1000, 1000, 1000))
    cells = laid_in_cells(table([box(0, 0, 300, 100)], [60.0], ["Z1"]), halves, CellGrid(side_m=200.0))
    name = f"x{int(X // 200)}y{int(Y // 200)}"
    assert dict(zip(cells["id"], cells["population"], strict=True)) == pytest.approx(
        {f"{name}.Z0": 20.0, f"{name}.Z1": 20.0, f"x{int(X // 200) + 1}y{int(Y // 200)}": 20.0})
    assert cells["zone_id"].tolist() == ["Z0", "Z1", "Z1"]


def test_what_lies_outside_all_zones_is_kept() -> None:
    cells = laid_in_cells(table([box(0, 0, 200, 200)], [60.0]), zones(box(0, 0, 50, 200)), CellGrid(side_m=200.0))
    name = f"x{int(X // 200)}y{int(Y // 200)}"
    assert dict(zip(cells["id"], cells["population"], strict=True)) == pytest.approx(
        {f"{name}.Z0": 15.0, f"{name}.outside": 45.0})
    assert set(cells["zone_id"]) == {"Z0", None}


def test_unknown_persons_stay_unknown() -> None:
    """A cell shared by a community with persons and one without falls into two: nobody guesses, nobody is lost."""
    cells = laid_in_cells(table([box(0, 0, 100, 100), box(100, 0, 300, 100)], [np.nan, 8.0]), NO_ZONES,
                          CellGrid(side_m=200.0))
    west, east = f"x{int(X // 200)}y{int(Y // 200)}", f"x{int(X // 200) + 1}y{int(Y // 200)}"
    assert dict(zip(cells["id"], cells["population"], strict=True)) == pytest.approx(
        {west: 4.0, f"{west}.unknown": np.nan, east: 4.0}, nan_ok=True)
    assert cells["area_m2"].tolist() == pytest.approx([10_000.0] * 3)


def test_points_fill_whole_cells() -> None:
    """Two points in one square and one on a border between two: three persons counts, nobody twice."""
    points = [shapely.Point(X + 10, Y + 10), shapely.Point(X + 90, Y + 90), shapely.Point(X + 200, Y + 50)]
    cells = laid_in_cells(table(points, [5.0, 7.0, 9.0]), NO_ZONES, CellGrid(side_m=200.0))
    assert cells["population"].sum() == pytest.approx(21.0)
    assert cells["area_m2"].tolist() == pytest.approx([40_000.0] * len(cells))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([CellGrid(side_m=170.0), CellGrid(h3_resolution=9),
                                                CellGrid(h3_resolution=10)]))
def test_nobody_is_lost(seed: int, grid: CellGrid) -> None:
    """Squares and points anywhere, with or without zones: the sums of all and of every zone stay the same."""
    rng = np.random.default_rng(seed)
    shapes: list[shapely.Geometry] = [box(x, y, x + w, y + w) for x, y, w in rng.uniform(20, 900, (5, 3))]
    shapes += [shapely.Point(X + x, Y + y) for x, y in rng.uniform(0, 900, (4, 2))]
    persons = rng.uniform(0.0, 5000.0, 9)
    own = [None] * 5 + ["Z0" if s.x < X + 450 else "Z1" for s in shapes[5:]]
    halves = zones(box(-2000, -2000, 450, 4000), box(450, -2000, 4000, 4000)) if seed % 2 else NO_ZONES
    cells = laid_in_cells(table(shapes, persons.tolist(), own if seed % 2 else None), halves, grid)
    assert cells["population"].sum() == pytest.approx(persons.sum(), rel=1e-9)
    assert cells["id"].is_unique
    if seed % 2:
        west = sum(p * (s.intersection(halves.geometry[0]).area / s.area if s.area else s.x < X + 450)
                   for p, s in zip(persons, shapes, strict=True))
        assert cells.loc[cells["zone_id"] == "Z0", "population"].sum() == pytest.approx(west, rel=1e-6)


def test_cells_without_anybody_are_left_out() -> None:
    cells = laid_in_cells(table([box(0, 0, 200, 200), box(200, 0, 400, 200)], [0.0, 8.0]), NO_ZONES,
                          CellGrid(side_m=200.0))
    kept, empty = without_empty(cells)
    assert (kept["population"].tolist(), empty) == ([8.0], 1)


@pytest.mark.skipif(not HEXAGONS.is_file(), reason="RECYNET_DATA/porto_alegre is not there")
def test_porto_alegre_hexagons() -> None:
    """Centres of 1,227 published H3 cells (812,935 persons) fall into the very cells they are the centres of."""
    rows = pd.read_csv(HEXAGONS)
    points = gpd.GeoSeries(gpd.points_from_xy(rows["lon"], rows["lat"]), crs="EPSG:4326")
    metric = to_metric(points, "EPSG:32722")
    given_cells = table(list(metric), rows["population"].astype(float).tolist(), crs="EPSG:32722")
    cells = laid_in_cells(given_cells, NO_ZONES.set_crs("EPSG:32722", allow_override=True), CellGrid(h3_resolution=9))
    assert dict(zip(cells["id"], cells["population"], strict=True)) == dict(
        zip(rows["id"], rows["population"].astype(float), strict=True))
    assert cells["population"].sum() == 812_935.0
    area = np.array([h3.cell_area(name, unit="m^2") for name in cells["id"]])
    assert cells["area_m2"].to_numpy() == pytest.approx(area, rel=0.003)


def test_slivers_join_the_longest_border() -> None:
    """A strip between two blocks touches the western one along 100 m and the northern one along 10 m."""
    blocks = [box(0, 0, 100, 100), box(100, 0, 110, 100), box(0, 100, 110, 200)]
    merged = merged_slivers(table(blocks, [50.0, 3.0, 70.0]), SliverLimits(min_area_m2=2_000.0))
    assert merged.into == (("C1", "C0"),)
    assert merged.communities["id"].tolist() == ["C0", "C2"]
    assert merged.communities["population"].tolist() == [53.0, 70.0]
    assert merged.communities["area_m2"].tolist() == pytest.approx([11_000.0, 11_000.0])


def test_slivers_stay_in_their_zone() -> None:
    """The longer border leads into another zone; the shorter one of the same zone wins."""
    blocks = [box(0, 0, 100, 100), box(100, 0, 110, 100), box(0, 100, 110, 200)]
    merged = merged_slivers(table(blocks, [50.0, 3.0, 70.0], ["Z0", "Z1", "Z1"]), SliverLimits(min_area_m2=2_000.0))
    assert merged.into == (("C1", "C2"),)


def test_slivers_of_slivers_and_gaps() -> None:
    """Four strips in a row with gaps of half a metre: small ones join until all are large enough; persons add up."""
    blocks = [box(0, 0, 10, 100), box(10.5, 0, 22, 100), box(22.5, 0, 35, 100), box(35.5, 0, 200, 100)]
    merged = merged_slivers(table(blocks, [1.0, 2.0, 3.0, 100.0]), SliverLimits(min_area_m2=2_000.0))
    assert (merged.communities["area_m2"] >= 2_000.0).all()
    assert merged.communities["population"].sum() == 106.0
    assert {into for _, into in merged.into} <= set(merged.communities["id"])


def test_a_sliver_without_neighbours_stays_and_is_told() -> None:
    merged = merged_slivers(table([box(0, 0, 100, 100), box(300, 0, 301, 10)], [5.0, 1.0]),
                            SliverLimits(min_area_m2=500.0))
    assert (merged.alone, len(merged.communities)) == (("C1",), 2)


@pytest.mark.parametrize("persons", [[np.nan, 3.0], [500.0, np.nan]])
def test_a_sliver_does_not_hide_unknown_persons(persons: list[float]) -> None:
    merged = merged_slivers(table([box(0, 0, 100, 100), box(100, 0, 101, 100)], persons), SliverLimits(500.0))
    assert merged.into == (("C1", "C0"),)
    assert np.isnan(merged.communities["population"].iloc[0])


def test_an_estimated_sliver_makes_the_whole_estimated() -> None:
    parts = table([box(0, 0, 100, 100), box(100, 0, 101, 100), box(300, 0, 400, 100)], [50.0, 3.0, 9.0])
    merged = merged_slivers(parts.assign(estimated=[False, True, False]), SliverLimits(500.0))
    assert merged.communities["estimated"].tolist() == [True, False]


def test_few_persons_are_a_sliver_too() -> None:
    merged = merged_slivers(table([box(0, 0, 100, 100), box(100, 0, 200, 100)], [500.0, 4.0]),
                            SliverLimits(min_persons=20.0))
    assert merged.into == (("C1", "C0"),)
    assert merged.communities["population"].tolist() == [504.0]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_merging_keeps_persons_and_ground(seed: int) -> None:
    """A wall of bricks of random widths: what is merged adds up, and no brick is left that touches and is too small."""
    rng = np.random.default_rng(seed)
    shapes = []
    for row in range(4):
        cuts = np.concatenate([[0.0], np.sort(rng.uniform(5, 495, 6)), [500.0]])
        shapes += [box(a, 50 * row, b, 50 * row + 50) for a, b in pairwise(cuts) if b - a > 0.01]
    persons = rng.uniform(0, 100, len(shapes))
    before = table(shapes, persons.tolist())
    merged = merged_slivers(before, SliverLimits(min_area_m2=2_500.0))
    assert merged.communities["population"].sum() == pytest.approx(persons.sum())
    assert merged.communities["area_m2"].sum() == pytest.approx(before["area_m2"].sum(), rel=1e-6)
    assert (merged.communities["area_m2"] >= 2_500.0 * (1 - 1e-9)).all()
    assert merged.alone == ()


def test_a_zone_that_only_touches_gets_nobody() -> None:
    """Two communities that fill one zone each share a border: the line between them is no piece of either."""
    halves = zones(box(0, 0, 200, 200), box(200, 0, 400, 200))
    cells = laid_in_cells(table([box(0, 0, 200, 200), box(200, 0, 400, 200)], [10.0, 30.0], ["Z0", "Z1"]), halves,
                          CellGrid(side_m=400.0))
    assert cells.groupby("zone_id")["population"].sum().to_dict() == pytest.approx({"Z0": 10.0, "Z1": 30.0})
    assert cells["area_m2"].sum() == pytest.approx(80_000.0)
