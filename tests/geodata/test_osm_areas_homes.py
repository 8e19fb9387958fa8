"""Where people live by OpenStreetMap: blocks, streets that are shared out, persons by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geodata.osm_areas import read_things
from geodata.osm_places import Area, osm_places
from geodata.osm_places_area import area_of_box, area_of_streets
from geodata.osm_places_cells import cell_communities
from geodata.osm_places_homes import Communities, Units, estimated_communities, storeys, whole_numbers
from geodata.readers import Source
from geodata.street_blocks import street_blocks, street_metres
from geodata.tables import DataError
from service.init_config import load_init_config
from tests.geodata.osm_area_town import OsmTown, degrees

MEANINGS = load_init_config().meanings()
M2_EACH = MEANINGS.homes.floor_m2_per_person


def lived_in(town: OsmTown, folder: Path, units: Units = "both", persons: float | None = None) -> Communities:
    things = read_things(town.write(folder / "town.osm"), MEANINGS.keys())
    area = area_of_streets(things.streets, "town")
    places = osm_places(things, area, MEANINGS, "town.osm")
    return estimated_communities(things.areas, places, area, MEANINGS, "town.osm", units, persons)


def by_place(found: Communities) -> dict[tuple[int, int], int]:
    """Persons by the column and row of 100 m that a community's middle lies in."""
    corner = 500_000.0, found.frame.total_bounds[1]
    return {(int((p.x - corner[0]) // 100), int((p.y - corner[1]) // 100)): int(persons)
            for p, persons in zip(found.frame.representative_point(), found.frame["population"], strict=True)}


# -- blocks ---------------------------------------------------------------------------------------------------


def grid(columns: int, rows: int) -> np.ndarray:
    lines = [shapely.LineString([(100 * c, 0), (100 * c, 100 * rows)]) for c in range(columns + 1)]
    lines += [shapely.LineString([(0, 100 * r), (100 * columns, 100 * r)]) for r in range(rows + 1)]
    return np.array(lines, dtype=object)


@given(st.integers(1, 5), st.integers(1, 5))
def test_streets_cut_their_outline_into_blocks(columns: int, rows: int) -> None:
    outline = shapely.box(0, 0, 100 * columns, 100 * rows)
    blocks = street_blocks(grid(columns, rows), outline)
    assert len(blocks) == columns * rows
    assert shapely.area(blocks) == pytest.approx(1e4)
    middles = shapely.get_coordinates(shapely.centroid(blocks))
    assert middles.tolist() == sorted(middles.tolist())


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 4).filter(lambda p: p[:2] != p[2:]), min_size=1, max_size=10))
def test_blocks_share_out_all_ground_once(drawn: list[tuple[int, int, int, int]]) -> None:
    streets = np.array([shapely.LineString([p[:2], p[2:]]) for p in drawn], dtype=object)
    outline = shapely.box(2, 2, 18, 18)
    blocks = street_blocks(streets, outline)
    assert shapely.area(blocks).sum() == pytest.approx(256.0)
    assert shapely.union_all(blocks).area == pytest.approx(256.0)


def test_a_street_that_ends_near_the_rim_is_taken_on_to_it() -> None:
    outline = shapely.box(0, 0, 400, 400)
    near, far = shapely.LineString([(200, 50), (200, 350)]), shapely.LineString([(200, 150), (200, 250)])
    assert len(street_blocks(np.array([near], dtype=object), outline)) == 2
    assert len(street_blocks(np.array([far], dtype=object), outline)) == 1


def test_a_street_along_the_rim_makes_no_hole() -> None:
    streets = shapely.transform(grid(2, 2), lambda xy: xy + 1e-7)
    blocks = street_blocks(streets, shapely.box(0, 0, 200, 200))
    assert shapely.area(blocks) == pytest.approx([1e4] * 4)


def test_a_street_counts_in_equal_parts_for_the_blocks_along_it() -> None:
    streets = grid(3, 3)
    blocks = street_blocks(streets, shapely.box(0, 0, 300, 300))
    metres = street_metres(blocks, streets)
    # pieces of 25 m near a crossing touch the blocks across as well, so that sums are exact and parts nearly so
    assert metres.sum() == pytest.approx(8 * 300.0)
    assert metres[4] == pytest.approx(200.0, rel=0.1)
    assert metres[0] == metres[2] == metres[6] == metres[8] == pytest.approx(300.0, rel=0.1)


def test_a_street_far_from_every_unit_counts_for_none() -> None:
    unit = np.array([shapely.box(0, 0, 100, 100)], dtype=object)
    street = np.array([shapely.LineString([(0, 120), (100, 120)])], dtype=object)
    assert street_metres(unit, street).tolist() == [0.0]
    assert street_metres(unit[:0], street).tolist() == []


# -- persons --------------------------------------------------------------------------------------------------


def test_persons_are_floor_area_over_the_area_of_each(tmp_path: Path) -> None:
    town = OsmTown()
    town.streets(2, 1, 100.0)
    town.box(20, 20, 50, 40, building="apartments", building__levels="4")
    town.box(120, 20, 50, 40, building="house")
    found = lived_in(town, tmp_path)
    assert found.method == "floor_area"
    flats, house = 2000 * 4 * 0.9 / M2_EACH, 2000 * 1.5 / M2_EACH
    persons = by_place(found)
    assert persons[0, 0] == pytest.approx(flats, abs=1)
    assert persons[1, 0] == pytest.approx(house, abs=1)
    assert "1 of 2 buildings" in next(f.title.en for f in found.faults if f.code == "levels_assumed")


@pytest.mark.parametrize(("text", "number"), [("5", 5.0), ("4;6", 6.0), ("2.5", 2.5), (None, None), ("many", None),
                                              ("0", None), ("5000", None)])
def test_storeys_of_a_tag(text: str | None, number: float | None) -> None:
    assert storeys(text) == number


def test_buildings_that_are_something_else_have_nobody(tmp_path: Path) -> None:
    town = OsmTown()
    town.streets(2, 1, 100.0)
    town.box(20, 20, 40, 40, building="apartments", building__levels="1")
    town.box(120, 60, 30, 30, building="yes", amenity="townhall")
    town.box(120, 20, 30, 30, building="yes")                # inside the commercial land below
    town.box(110, 10, 50, 45, landuse="commercial")
    assert by_place(lived_in(town, tmp_path)).keys() == {(0, 0)}


def test_residential_land_comes_first_and_blocks_where_it_is_missing(tmp_path: Path) -> None:
    town = OsmTown()
    town.streets(3, 1, 100.0)
    homes = town.box(5, 5, 90, 90, landuse="residential")           # most of the first block
    part = town.box(105, 5, 30, 90, landuse="residential")          # a third of the second
    for column in range(3):
        town.box(100 * column + 10, 20, 20, 20, building="apartments")
        town.box(100 * column + 60, 20, 20, 20, building="apartments")
    found = lived_in(town, tmp_path).frame
    kinds = dict(zip(found["id"], found["kind"], strict=True))
    assert [kinds[f"w{n}"] for n in (homes, part)] == ["residential", "residential"]
    assert list(kinds.values()).count("block") == 2
    shapes = found.geometry.to_numpy()
    assert sum(shapely.area(shapes)) == pytest.approx(shapely.union_all(shapes).area)
    each = 400 * 5 * 0.9 / M2_EACH
    assert found["population"].sum() == pytest.approx(6 * each, abs=1)
    assert set(lived_in(town, tmp_path, "residential").frame["kind"]) == {"residential"}
    assert set(lived_in(town, tmp_path, "blocks").frame["kind"]) == {"block"}


def test_without_buildings_persons_follow_residential_streets(tmp_path: Path) -> None:
    town = OsmTown()
    town.streets(2, 2, 200.0)
    town.way([(0, 100), (100, 100)], highway="living_street")
    found = lived_in(town, tmp_path)
    assert found.method == "street_length"
    total = MEANINGS.homes.persons_per_street_m * (6 * 400 + 100)
    assert found.frame["population"].sum() == pytest.approx(total, rel=0.01)
    assert found.frame["population"].max() < 1.3 * found.frame["population"].min()


def test_streets_in_a_small_block_count_up_to_a_cap(tmp_path: Path) -> None:
    town = OsmTown()
    town.streets(1, 1, 30.0)  # 120 m around 0.09 ha
    found = lived_in(town, tmp_path)
    cap = MEANINGS.homes.max_street_m_per_ha * 0.09 * MEANINGS.homes.persons_per_street_m
    assert found.frame["population"].sum() == pytest.approx(cap, abs=1.0)


def test_a_total_is_kept_to_the_person(tmp_path: Path) -> None:
    town = OsmTown()
    town.streets(3, 3, 70.0)
    assert lived_in(town, tmp_path, persons=12_347).frame["population"].sum() == 12_347


def test_where_nobody_lives_is_said(tmp_path: Path) -> None:
    town = OsmTown()
    town.streets(2, 2, 100.0, highway="primary")
    with pytest.raises(DataError) as error:
        lived_in(town, tmp_path)
    assert error.value.faults[-1].code == "nobody_found"


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=30))
def test_whole_numbers_keep_the_sum_and_stay_near(values: list[float]) -> None:
    given_values = np.array(values)
    found = whole_numbers(given_values)
    assert found.sum() == round(float(given_values.sum()))
    assert (np.abs(found - given_values) < 1.0 + 1e-6).all()


# -- a population file ----------------------------------------------------------------------------------------


def points(folder: Path, rows: list[tuple[str, float, float, float]]) -> Source:
    frame = gpd.GeoDataFrame({"id": [r[0] for r in rows], "population": [r[3] for r in rows]},
                             geometry=[shapely.Point(degrees(r[1], r[2])) for r in rows], crs="EPSG:4326")
    frame.to_file(folder / "people.gpkg")
    return Source(folder / "people.gpkg")


def test_cells_inside_are_kept_and_the_others_counted_with_their_persons(tmp_path: Path) -> None:
    source = points(tmp_path, [("a", 10, 10, 100), ("b", 50, 50, 0), ("c", 90, 90, 250.5), ("d", 500, 10, 1000)])
    area = area_of_box((*degrees(0, 0), *degrees(100, 100)), "box")
    found = cell_communities(source, area)
    assert dict(zip(found.frame["id"], found.frame["population"], strict=True)) == {"a": 100.0, "c": 250.5}
    said = {f.code: f.title.en for f in found.faults}
    assert "1 cells (1,000 persons)" in said["cells_outside"]
    assert "1 cells" in said["cells_without_people"]
    assert cell_communities(source, area, 7000).frame["population"].sum() == 7000


def test_a_population_file_without_persons_is_refused(tmp_path: Path) -> None:
    source = points(tmp_path, [("a", 10, 10, 100)])
    with pytest.raises(DataError) as error:
        cell_communities(replace(source, columns={"population": "inhabitants"}),
                         area_of_box((*degrees(0, 0), *degrees(100, 100)), "box"))
    assert [f.code for f in error.value.faults] == ["column_missing"]


def test_households_are_scaled_with_persons(tmp_path: Path) -> None:
    """400 persons in 160 households made 4,000 are 1,600 households, cell by cell; unknown ones stay unknown."""
    crs = "EPSG:32650"
    squares = [shapely.box(5e5 + 100 * n, 3.4e6, 5e5 + 100 * n + 90, 3.4e6 + 90) for n in range(3)]
    gpd.GeoDataFrame({"id": ["a", "b", "c"], "population": [100.0, 200.0, 100.0], "households": [40.0, 120.0, np.nan]},
                     geometry=squares, crs=crs).to_file(tmp_path / "c.gpkg")
    area = Area(shapely.box(499_000, 3_399_000, 501_000, 3_401_000), crs, "x")
    found = cell_communities(Source(tmp_path / "c.gpkg"), area, 4000).frame
    assert found["population"].tolist() == [1000.0, 2000.0, 1000.0]
    assert found["households"].tolist() == pytest.approx([400.0, 1200.0, np.nan], nan_ok=True)
