"""Layers of a new study: classes by tags, what is cut, what is left out and counted; land without common ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.osm_areas import read_things
from geodata.osm_areas_classes import Meanings, TagClass, class_of
from geodata.osm_places import Area, OsmPlaces, osm_places, without_nested
from geodata.osm_places_area import area_of, area_of_box, area_of_streets
from geodata.tables import DataError
from service.init_config import load_init_config
from tests.geodata.osm_area_town import OsmTown, degrees

MEANINGS = load_init_config().meanings()


def town() -> OsmTown:
    made = OsmTown()
    made.streets(2, 2, 200.0)
    return made


def box(west: float, south: float, east: float, north: float) -> Area:
    return area_of_box((*degrees(west, south), *degrees(east, north)), "box")


def layers(made: OsmTown, folder: Path, area: Area | None = None, meanings: Meanings = MEANINGS) -> OsmPlaces:
    things = read_things(made.write(folder / "town.osm"), meanings.keys())
    return osm_places(things, area or area_of_streets(things.streets, "town"), meanings, "town.osm")


def counted(places: OsmPlaces, code: str) -> int:
    """Sum of the first number of every note of a code."""
    return sum(int("".join(c for c in fault.title.en.partition(":")[2] or fault.title.en if c.isdigit() or c == " ")
                   .split()[0]) for fault in places.faults if fault.code == code)


def test_the_first_class_that_holds_names_the_thing() -> None:
    classes = (TagClass("a", {"landuse": ("brownfield",)}), TagClass("b", {"landuse": (), "railway": ("yard",)}))
    assert class_of({"landuse": "brownfield"}, classes) is classes[0]
    assert class_of({"landuse": "meadow"}, classes) is classes[1]
    assert class_of({"railway": "yard"}, classes) is classes[1]
    assert class_of({"railway": "rail"}, classes) is None
    assert class_of({"landuse": "lane; brownfield"}, classes) is classes[0]


def test_land_has_the_class_of_its_tags(tmp_path: Path) -> None:
    made = town()
    ids = {made.box(10, 10, 50, 50, landuse="industrial"): "industrial",
           made.box(110, 10, 50, 50, landuse="brownfield"): "brownfield",
           made.box(210, 10, 50, 50, landuse="railway"): "railway",
           made.box(310, 10, 50, 50, amenity="parking"): "parking"}
    made.box(10, 210, 50, 50, amenity="parking", parking="underground")
    made.box(110, 210, 50, 50, landuse="forest")
    land = layers(made, tmp_path).land
    assert dict(zip(land["id"], land["land_use"], strict=True)) == {f"w{n}": kind for n, kind in ids.items()}
    assert land.area.to_numpy() == pytest.approx(2500.0, rel=2e-3)


def test_an_estate_is_cut_along_its_streets(tmp_path: Path) -> None:
    made = OsmTown()
    made.streets(2, 2, 200.0, highway="service")            # a cross in the middle, and a street around
    made.way([(0, 100), (400, 100)], highway="footway")     # nobody drives there
    made.way([(100, 200), (100, 300)], highway="service")   # a dead end
    estate = made.box(10, 10, 380, 380, landuse="industrial", name="Works")
    small = made.box(410, 10, 100, 100, landuse="brownfield")
    whole = made.box(10, 500, 300, 300, landuse="brownfield")  # large, but no street crosses it
    places = layers(made, tmp_path, box(-1, -1, 600, 900))
    land = places.land.set_index("id")
    assert sorted(land.index) == sorted([*(f"w{estate}.{n}" for n in (1, 2, 3, 4)), f"w{small}", f"w{whole}"])
    cut = land.drop([f"w{small}", f"w{whole}"])
    assert cut.area.to_numpy() == pytest.approx(190.0**2, rel=2e-3)
    assert set(cut["land_use"]) == {"industrial"}
    assert set(cut["name"]) == {"Works"}
    assert counted(places, "land_cut") == 1


def test_every_area_of_a_kind_is_kept_or_counted(tmp_path: Path) -> None:
    made = town()
    for at in range(6):
        made.box(60 * at, 10, 40, 40, landuse="commercial")        # the last ones lie beyond the box
    made.box(10, 120, 10, 10, landuse="commercial")                # too small
    made.box(10, 20, 20, 20, landuse="commercial")                 # inside the first
    places = layers(made, tmp_path, box(-1, -1, 205, 401))
    assert len(places.land) == 4
    assert counted(places, "osm_outside") == 2
    assert counted(places, "osm_too_small") == 1
    assert counted(places, "osm_inside_other") == 1


def test_exclusions_are_cut_to_the_area_with_its_buffer(tmp_path: Path) -> None:
    made = town()
    made.box(100, 100, 1000, 50, natural="water")
    (water,) = layers(made, tmp_path, box(0, 0, 400, 400)).exclusions
    assert (water.name, water.buffer_m) == ("water", 20.0)
    assert water.frame.area.sum() == pytest.approx((300 + 20) * 50, rel=2e-3)


def test_streets_are_whole_and_those_far_out_are_counted(tmp_path: Path) -> None:
    made = town()
    made.way([(1000, 0), (1100, 0)], highway="residential")
    made.way([(0, 30), (50, 30)], highway="construction")
    made.way([(0, 60), (30, 60), (30, 90), (0, 60)], highway="tertiary", junction="roundabout")
    places = layers(made, tmp_path, box(0, 0, 300, 400))
    assert len(places.roads) == 6 + 1
    assert counted(places, "osm_streets_outside") == 1
    assert counted(places, "osm_streets_class") == 1
    assert places.roads.set_index("highway").loc["tertiary", "oneway"] == "yes"
    assert places.roads.total_bounds[2] - places.roads.total_bounds[0] == pytest.approx(400.0, rel=2e-3)


def test_points_of_interest_are_nodes_and_the_middle_of_areas(tmp_path: Path) -> None:
    made = town()
    made.node(20, 20, shop="supermarket", name="Markt")
    made.box(100, 100, 40, 40, amenity="school")
    made.node(900, 20, shop="supermarket")
    points = layers(made, tmp_path).points_of_interest
    assert sorted(zip(points["kind"], points["name"], strict=True)) == [("school", None), ("supermarket", "Markt")]
    assert (points.geometry.geom_type == "Point").all()


def test_a_boundary_without_streets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        layers(town(), tmp_path, box(5000, 5000, 6000, 6000))
    assert [fault.code for fault in error.value.faults] == ["nothing_inside"]


def test_an_outline_without_an_area_is_refused() -> None:
    with pytest.raises(DataError) as error:
        area_of(shapely.LineString([degrees(0, 0), degrees(10, 10)]), "line")
    assert [fault.code for fault in error.value.faults] == ["boundary_no_area"]


rectangles = st.lists(st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 8)] * 2), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(rectangles)
def test_land_has_no_common_ground_and_loses_none(drawn: list[tuple[int, int, int, int]]) -> None:
    shapes = np.array([shapely.box(x, y, x + w, y + h) for x, y, w, h in drawn], dtype=object)
    apart = without_nested(shapes, 1.0)
    assert shapely.area(apart).sum() == pytest.approx(shapely.union_all(shapes).area)
    assert shapely.union_all(apart).area == pytest.approx(shapely.union_all(shapes).area)
    assert all(shapely.difference(a, b).area < 1e-9 for a, b in zip(apart, shapes, strict=True))
    largest = int(np.argmax(shapely.area(shapes)))
    assert shapely.equals(apart[largest], shapes[largest])
