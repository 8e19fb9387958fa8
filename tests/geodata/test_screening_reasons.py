"""All reasons of a parcel with what was measured, against a plain second opinion; layers that bar only where named."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.land_survey import LandSurvey, compactness_share
from geodata.places import Exclusion
from geodata.points_of_interest import NamedLayer
from geodata.rejections import Rejection, joined_text, told_apart
from geodata.screening import ScreenedTier, TierScreening, screen_land, screen_tier, street_tree
from geodata.screening_rules import RectangleRule
from geodata.suitability import Criterion, SuitabilityRule
from geodata.tables import DataError
from tests import town
from tests.geodata.test_screening import parcels

STREETS = street_tree(town.roads())


def screened(land: gpd.GeoDataFrame, exclusions: list[Exclusion], rule: TierScreening,
             survey: LandSurvey | None = None) -> ScreenedTier:
    return screen_tier(land, exclusions, rule, STREETS, town.communities(), survey)


def layer(name: str, *shapes: shapely.Geometry, buffer_m: float = 0.0, named: bool = False) -> Exclusion:
    kind = NamedLayer if named else Exclusion
    return kind(name, buffer_m, gpd.GeoSeries(list(shapes), crs=town.CRS))


def test_every_broken_rule_is_told_in_order() -> None:
    """A parcel of 15 x 15 m, 60 m from a street, of the wrong class and on a slope nobody measured."""
    rule = TierScreening("t", (400.0,), 300.0, land_use=("3",), max_distance_to_street_m=50.0, max_slope_share=0.08,
                         max_access_m=100.0)
    found = screened(parcels(town.square(100, 460, 15), land_use="0"), [], rule).rejections[0]
    assert [r.code for r in found] == ["land_use_not_allowed", "area_below_min", "too_far_from_street",
                                       "too_far_from_truck_street", "slope_unknown", "no_size_fits"]
    assert joined_text(found) == ("land_use_not_allowed; area_below_min 225 < 300; too_far_from_street 60 > 50; "
                                  "too_far_from_truck_street inf > 100; slope_unknown; no_size_fits 225 < 400")


def test_all_exclusions_that_take_land_are_named_the_largest_first() -> None:
    """900 m2, of which a park takes 600 and water 450, 300 of them together."""
    west, south = town.ORIGIN_X, town.ORIGIN_Y
    park = layer("park", shapely.box(west + 110, south + 400, west + 140, south + 500))
    water = layer("water", shapely.box(west, south + 425, west + 200, south + 500))
    for order in ([park, water], [water, park]):
        found = screened(parcels(town.square(100, 410, 30)), order, TierScreening("t", (400.0,)))
        assert [r.short for r in found.rejections[0]] == ["in_exclusion:park", "in_exclusion:water"]
        assert found.rejections[0][0].comparison == "150 < 400"
        assert found.table["reason"].tolist() == ["in_exclusion:park"]
    touching = layer("road", shapely.box(town.ORIGIN_X + 130, town.ORIGIN_Y + 400, town.ORIGIN_X + 140,
                                         town.ORIGIN_Y + 500))  # shares an edge, takes nothing
    found = screened(parcels(town.square(100, 410, 30)), [park, touching], TierScreening("t", (400.0,)))
    assert [r.subject for r in found.rejections[0]] == ["park"]


def test_land_that_is_taken_whole_is_told_by_its_parcel() -> None:
    """Nothing usable: the point lies on the parcel."""
    whole = layer("lake", town.square(90, 400, 60))
    found = screened(parcels(town.square(100, 410, 30)), [whole], TierScreening("t", (400.0,)))
    assert found.table["usable_area_m2"].tolist() == [0.0]
    assert town.square(100, 410, 30).contains(found.table.geometry.iloc[0])
    assert found.rejections[0][0].text == "in_exclusion:lake 0 < 400"


def test_points_bar_only_where_a_rule_names_them() -> None:
    school = layer("school", shapely.Point(town.ORIGIN_X + 110, town.ORIGIN_Y + 420), named=True)
    land = parcels(town.square(100, 410, 25))
    assert screened(land, [school], TierScreening("t", (400.0,))).is_candidate.all()
    near = screened(land, [school], TierScreening("t", (400.0,), buffers_m={"school": 30.0}))
    assert near.table["reason"].tolist() == ["in_exclusion:school"]


def test_the_shape_decides_which_sizes_fit() -> None:
    """A strip of 100 x 8 m has the area of two sizes and the shape of neither."""
    strip = shapely.box(town.ORIGIN_X + 100, town.ORIGIN_Y + 410, town.ORIGIN_X + 200, town.ORIGIN_Y + 418)
    land = parcels(strip, town.square(210, 410, 26))
    rule = TierScreening("t", (400.0, 600.0), rectangle=RectangleRule(max_aspect=2.0))
    found = screened(land, [], rule)
    assert found.fits.tolist() == [[False, False], [True, True]]
    (reason,) = found.rejections[0]
    assert reason.code == "no_rectangle_fits"
    assert reason.limit == 400.0
    assert reason.measured == pytest.approx(8 * 16, rel=0.06)  # 8 m wide, twice as long


def test_a_low_score_rejects_only_where_that_is_asked() -> None:
    land = parcels(town.square(100, 410, 30), town.square(100, 480, 30))
    criteria = (Criterion("near", "distance_to_street_m", 100.0, 0.0),)
    shown = screened(land, [], TierScreening("t", (400.0,), suitability=SuitabilityRule(criteria, (1.0,))))
    assert shown.suitability is not None
    assert shown.suitability.total.tolist() == pytest.approx([0.9, 0.2])
    assert shown.is_candidate.all()
    strict = screened(land, [], TierScreening("t", (400.0,), suitability=SuitabilityRule(criteria, (1.0,), 0.5)))
    assert [row and row[0].text for row in strict.rejections] == [(), "score_below_min 0.2 < 0.5"]


def test_criteria_by_hand() -> None:
    """Distances to a class of streets, to homes and to a layer; how compact; areas."""
    roads = town.roads()
    roads["highway"] = ["primary" if line.bounds[1] == line.bounds[3] == town.ORIGIN_Y else "residential"
                        for line in roads.geometry]
    land = parcels(town.square(25, 410, 20))
    criteria = (Criterion("main", "distance_to_street_m", 1000.0, 0.0, street_classes=("primary",)),
                Criterion("homes", "distance_m", 0.0, 100.0, layer="communities"),
                Criterion("pond", "distance_m", 0.0, 100.0, layer="pond"),
                Criterion("form", "compactness_share", 0.0, 1.0), Criterion("area", "parcel_area_m2", 0.0, 800.0))
    pond = layer("pond", town.square(60, 410, 5))
    found = screened(land, [pond], TierScreening("t", (400.0,), suitability=SuitabilityRule(criteria, (0.2,) * 5)),
                     LandSurvey(roads=roads)).suitability
    assert found is not None
    assert {name: values[0] for name, values in found.measured.items()} == pytest.approx({
        "criterion_main_m": 410.0, "criterion_homes_m": 35.0, "criterion_pond_m": 15.0,
        "criterion_form_share": np.pi / 4, "criterion_area_m2": 400.0})
    assert found.total[0] == pytest.approx(0.2 * (0.59 + 0.35 + 0.15 + np.pi / 4 + 0.5))
    assert compactness_share(np.array([shapely.Polygon()], dtype=object)).tolist() == [0.0]


def test_what_a_rule_needs_and_nobody_gave() -> None:
    rule = TierScreening("t", (400.0,), max_slope_share=0.1, suitability=SuitabilityRule(
        (Criterion("far", "distance_m", 0.0, 1.0, layer="watr"),), (1.0,)))
    with pytest.raises(DataError) as caught:
        screen_land(parcels(town.square(0, 410, 30)), [layer("water", town.square(0, 0, 1))], [rule], STREETS)
    assert {f.code for f in caught.value.faults} == {"layer_unknown", "elevation_missing"}
    assert any("did you mean 'water'" in f.title.en for f in caught.value.faults)


shapes = st.lists(st.builds(town.square, st.integers(0, 300), st.integers(410, 700), st.integers(5, 90)), min_size=1,
                  max_size=6)


@settings(max_examples=30, deadline=None)
@given(shapes, st.lists(shapes, min_size=1, max_size=3), st.sampled_from([0.0, 12.0]))
def test_a_second_opinion(squares: list[shapely.Polygon], wet: list[list[shapely.Polygon]], buffer_m: float) -> None:
    """Areas, blockers and reasons as plain loops over overlays have them."""
    layers = [layer(f"layer{n}", *some, buffer_m=buffer_m) for n, some in enumerate(wet)]
    rule = TierScreening("t", (400.0, 900.0), 200.0, 5000.0, max_distance_to_street_m=120.0)
    seen = screened(parcels(*squares), layers, rule)
    roads = shapely.union_all(np.asarray(town.roads().geometry.array, dtype=object))
    for shape, row, reasons in zip(squares, seen.table.itertuples(), seen.rejections, strict=True):
        barriers = {e.name: shapely.union_all(shapely.buffer(list(e.geometries), buffer_m)) for e in layers}
        left = shape.difference(shapely.union_all(list(barriers.values())))
        usable = max((part.area for part in shapely.get_parts(left)), default=0.0)
        assert row.usable_area_m2 == pytest.approx(usable, abs=1e-4)
        taken = {name: shape.intersection(b).area for name, b in barriers.items()}
        expected = {"area_below_min": shape.area < 200, "area_above_max": shape.area > 5000,
                    "too_far_from_street": shape.distance(roads) > 120,
                    "in_exclusion": usable < 400 - 1e-6 and shape.area >= 400,
                    "no_size_fits": shape.area < 400}
        assert {r.code for r in reasons} == {code for code, holds in expected.items() if holds}
        named = [r.subject for r in reasons if r.code == "in_exclusion"]
        if named:
            assert {name for name, area in taken.items() if area > 1e-6} == set(named)
            assert taken[str(named[0])] == pytest.approx(max(taken.values()), abs=1e-4)


@pytest.mark.parametrize(("measured", "limit", "texts"), [
    (0.14, 0.08, ("0.14", "0.08")), (499.96, 500.0, ("499.96", "500")), (12345.6, 500.0, ("12346", "500")),
    (0.08004, 0.08, ("0.08004", "0.08")), (float("inf"), 50.0, ("inf", "50")), (0.0, 2.0, ("0", "2")),
    (3.0, 3.0, ("3", "3"))])
def test_numbers_are_told_apart(measured: float, limit: float, texts: tuple[str, str]) -> None:
    assert told_apart(measured, limit) == texts


def test_reasons_as_text() -> None:
    assert Rejection("slope_above_max", 0.14, 0.08).text == "slope_above_max 0.14 > 0.08"
    assert Rejection("near_duplicate", 3.0, 30.0, True, "P1").text == "near_duplicate:P1 3 < 30"
    assert Rejection("slope_unknown").text == "slope_unknown"
    assert joined_text(()) is None
