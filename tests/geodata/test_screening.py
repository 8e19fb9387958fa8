"""Candidate land: hand-computed cases for every reason, and what must hold on any land."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.places import Exclusion
from geodata.screening import ScreenedTier, TierScreening, screen_land, street_tree
from geodata.tables import DataError
from tests import town

STREETS = street_tree(town.roads())


def parcels(*shapes: shapely.Geometry, land_use: str | None = "3") -> gpd.GeoDataFrame:
    names = [f"P{n}" for n in range(len(shapes))]
    return gpd.GeoDataFrame(
        {"id": names, "land_use": [land_use] * len(shapes), "zone_id": ["W"] * len(shapes)},
        geometry=list(shapes),
        crs=town.CRS,
    )


def water(*shapes: shapely.Geometry, buffer_m: float = 0.0) -> Exclusion:
    return Exclusion("water", buffer_m, gpd.GeoSeries(list(shapes), crs=town.CRS))


def only(land: gpd.GeoDataFrame, exclusions: list[Exclusion], **rule: object) -> ScreenedTier:
    """The land as one tier with sizes of 400 and 2,500 m2 sees it, beside one huge parcel that always passes."""
    big = gpd.GeoDataFrame(
        {"id": ["big"], "land_use": ["3"], "zone_id": ["W"]}, geometry=[town.square(0, 410, 90)], crs=town.CRS
    )
    both = gpd.GeoDataFrame(gpd.pd.concat([land, big], ignore_index=True), crs=town.CRS)
    rules = [TierScreening("t", (400.0, 2500.0), **rule)]  # type: ignore[arg-type]
    return screen_land(both, exclusions, rules, STREETS).tier("t")


@pytest.mark.parametrize(
    ("shape", "rule", "reason"),
    [
        (town.square(100, 410, 20), {"min_area_m2": 401}, "area_below_min"),
        (town.square(100, 410, 20), {"min_area_m2": 400}, None),
        (town.square(100, 410, 100), {"max_area_m2": 9_999}, "area_above_max"),
        (town.square(100, 410, 100), {"max_area_m2": 10_000}, None),
        (town.square(100, 451, 50), {"max_distance_to_street_m": 50}, "too_far_from_street"),
        (town.square(100, 450, 50), {"max_distance_to_street_m": 50}, None),
        (town.square(100, 410, 19), {}, "no_size_fits"),
        (town.square(100, 410, 50), {"land_use": ("3", "2")}, None),
    ],
)
def test_reason_of_one_parcel(shape: shapely.Geometry, rule: dict[str, object], reason: str | None) -> None:
    row = only(parcels(shape), [], **rule).table.iloc[0]
    assert row["reason"] == reason
    assert row["status"] == ("candidate" if reason is None else "rejected")


def test_land_use_is_a_whitelist() -> None:
    tier = only(parcels(town.square(100, 410, 50), land_use="0"), [], land_use=("3",))
    assert tier.table["reason"].tolist() == ["land_use_not_allowed", None]
    tier = only(parcels(town.square(100, 410, 50), land_use=None), [], land_use=("3",))
    assert tier.table["reason"].tolist() == ["land_use_not_allowed", None]


def test_usable_area_is_the_largest_piece_outside_the_buffered_exclusion() -> None:
    """A 100 x 40 m parcel cut by a 10 m ditch at x = 30..40: pieces of 30 and 60 m; with 5 m distance 25 and 55 m."""
    parcel = shapely.box(town.ORIGIN_X + 100, town.ORIGIN_Y + 410, town.ORIGIN_X + 200, town.ORIGIN_Y + 450)
    ditch = shapely.box(town.ORIGIN_X + 130, town.ORIGIN_Y + 300, town.ORIGIN_X + 140, town.ORIGIN_Y + 600)
    for buffer_m, usable in ((0.0, 60 * 40), (5.0, 55 * 40)):
        tier = only(parcels(parcel), [water(ditch, buffer_m=buffer_m)])
        assert tier.table["usable_area_m2"].iloc[0] == pytest.approx(usable)
        assert tier.table["parcel_area_m2"].iloc[0] == pytest.approx(4000.0)
        assert tier.fits[0].tolist() == [True, False]
        assert tier.table.geometry.iloc[0].x > town.ORIGIN_X + 140  # stands on the usable piece
    tier = only(parcels(parcel), [water(ditch)], buffers_m={"water": 52.0})  # the tier's own distance replaces 0 m
    assert tier.table["reason"].iloc[0] == "in_exclusion:water"


def test_the_exclusion_that_takes_most_is_named() -> None:
    parcel = town.square(100, 410, 30)
    layers = [
        water(town.square(100, 410, 10)),
        Exclusion("park", 0.0, gpd.GeoSeries([town.square(105, 410, 40)], crs=town.CRS)),
    ]
    assert only(parcels(parcel), layers).table["reason"].iloc[0] == "in_exclusion:park"


def test_communities_bar_only_the_tiers_that_name_them() -> None:
    land = parcels(town.square(25, 180, 50))  # 5 m north of block A
    near = TierScreening("near", (400.0,))
    far = TierScreening("far", (400.0,), buffers_m={"communities": 60.0})
    both = gpd.GeoDataFrame(gpd.pd.concat([land, parcels(town.square(25, 600, 50))], ignore_index=True), crs=town.CRS)
    screened = screen_land(both, [], [near, far], STREETS, town.communities())
    assert screened.tier("near").table["reason"].tolist() == [None, None]
    assert screened.tier("far").table["reason"].tolist() == ["in_exclusion:communities", None]


def test_no_candidate_left_counts_the_reasons() -> None:
    land = parcels(town.square(100, 410, 10), town.square(120, 410, 10), town.square(140, 410, 100))
    with pytest.raises(DataError) as caught:
        screen_land(land, [], [TierScreening("t", (400.0,), min_area_m2=200.0, max_area_m2=5000.0)], STREETS)
    assert "area_below_min: 2, area_above_max: 1" in caught.value.faults[0].title.en


def test_footpaths_and_building_sites_are_no_streets() -> None:
    roads = town.roads()
    roads["highway"] = "footway"
    roads.loc[0, "highway"] = "construction"
    roads.loc[1, "highway"] = None  # unknown classes count as streets
    assert len(street_tree(roads)) == 1


def test_missing_land_use_and_unknown_exclusion_are_errors() -> None:
    rules = [TierScreening("t", (400.0,), land_use=("3",), buffers_m={"wter": 3.0})]
    with pytest.raises(DataError) as caught:
        screen_land(parcels(town.square(100, 410, 50), land_use=None), [water(town.square(0, 0, 1))], rules, STREETS)
    assert [f.code for f in caught.value.faults] == ["exclusion_unknown", "land_use_missing"]
    assert "did you mean 'water'" in caught.value.faults[0].title.en


squares = st.lists(
    st.builds(town.square, st.integers(0, 400), st.integers(410, 800), st.integers(5, 120)), min_size=1, max_size=8
)


@settings(max_examples=40, deadline=None)
@given(squares, squares, st.sampled_from([0.0, 7.5, 30.0]))
def test_what_holds_on_any_land(shapes: list[shapely.Polygon], wet: list[shapely.Polygon], buffer_m: float) -> None:
    land = parcels(*shapes, town.square(-500, 410, 60))
    tier = screen_land(
        land, [water(*wet, buffer_m=buffer_m)], [TierScreening("t", (400.0, 2500.0), 300.0)], STREETS
    ).tier("t")
    barred = shapely.union_all(shapely.buffer(wet, buffer_m))
    table = tier.table
    assert table["parcel_id"].tolist() == land["id"].tolist()  # nothing is dropped
    assert (table["reason"].isna() == (table["status"] == "candidate")).all()
    assert (tier.fits.any(axis=1) == tier.is_candidate).all()  # a candidate holds a size, a rejected parcel none
    assert (tier.fits <= (np.array([400.0, 2500.0]) <= table["usable_area_m2"].to_numpy()[:, None])).all()
    for parcel, row in zip(land.geometry, table.itertuples(), strict=True):
        left = parcel.difference(barred)
        assert row.usable_area_m2 <= left.area + 1e-6
        assert row.usable_area_m2 >= left.area / max(1, len(shapely.get_parts(left))) - 1e-6
        if row.status == "candidate":
            assert parcel.contains(row.geometry)
            assert not barred.contains(row.geometry)
