"""One fault of every kind is planted in the town; the audit names the feature, and says nothing more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geodata.audit import audit_places
from geodata.places import ExclusionInput, PlacesInput, collect_places
from geodata.readers import Source
from tests import town

Layers = dict[str, gpd.GeoDataFrame]
Plant = Callable[[Layers], None]


def found(folder: Path, plant: Plant) -> set[tuple[str, str | None]]:
    """Code and feature id of what the audit finds in the town after something was planted, but for missing tags."""
    place = town.Town(folder)
    layers: Layers = {**place.layers, "water": frame(["w"], [town.square(600, 600, 5)])}
    plant(layers)
    place.layers.clear()
    place.layers.update(layers)
    place.write()
    path = folder / "town.gpkg"
    known = {name: Source(path, name) for name in layers if name != "water"}
    inputs = PlacesInput(**known, exclusions=(ExclusionInput("water", 0.0, Source(path, "water")),))  # type: ignore[arg-type]
    places, errors = collect_places(inputs)
    assert places is not None
    assert not [e.line() for e in errors if e.severity == "error"]
    return {(f.code, f.feature_id) for f in audit_places(places, inputs)} - {("tag_missing", None)}


def frame(ids: list[str], shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": ids, **columns}, geometry=shapes, crs=town.CRS)


def added(layers: Layers, name: str, row: gpd.GeoDataFrame) -> None:
    """The layer with one more row."""
    layers[name] = gpd.GeoDataFrame(pd.concat([layers[name], row], ignore_index=True), crs=town.CRS)


def street(**tags: object) -> Plant:
    def plant(layers: Layers) -> None:
        roads = layers["roads"].assign(id=[f"s{n}" for n in range(len(layers["roads"]))])
        for column, value in tags.items():
            roads[column] = pd.Series([value, *[None] * (len(roads) - 1)], dtype=object)
        layers["roads"] = roads
    return plant


def extra_street(name: str, line: shapely.LineString) -> Plant:
    def plant(layers: Layers) -> None:
        street()(layers)
        added(layers, "roads", frame([name], [line], highway=["residential"]))
    return plant


def people(**values: list[object]) -> Plant:
    return lambda layers: layers.update(communities=layers["communities"].assign(**values))


def overlap(layers: Layers) -> None:
    added(layers, "communities", frame(["X"], [town.square(30, 30, 150)], population=[10]))


def large(layers: Layers) -> None:
    layers["zones"] = layers["zones"].assign(geometry=layers["zones"].geometry.buffer(3000.0, cap_style="square"))
    layers["zones"] = layers["zones"].iloc[:1]
    added(layers, "communities", frame(["X"], [town.square(-1500, -1500, 1100)], population=[10]))


def far_parcel(layers: Layers) -> None:
    added(layers, "land", frame(["X"], [town.square(100, 1100, 50)], land_use=["3"]))


def barred_parcel(layers: Layers) -> None:
    layers["water"] = frame(["w"], [layers["land"].geometry.iloc[2].buffer(5.0)])


def far_site(layers: Layers) -> None:
    layers["existing_sites"] = frame(["X"], [town.square(0, 30_000, 1).centroid], tier=["station"], status=["keep"])


def split_zone(layers: Layers) -> None:
    added(layers, "communities", frame(["X"], [town.square(195, 185, 10)], population=[10]))


KINDS: dict[str, tuple[Plant, set[tuple[str, str | None]]]] = {
    "overlap": (overlap, {("areas_overlap", "A")}),
    "household size": (people(households=[400, 4, 200, 200]),
                       {("household_size_odd", "A"), ("household_size_odd", "B")}),
    "density": (people(population=[300, 400, 500, 6_000]), {("density_odd", "D")}),
    "same name": (people(name=["甲", "乙", "甲", "丙"]), {("name_repeated", "C")}),
    "nobody": (people(population=[0, 400, 500, 600]), {("population_zero", "A")}),
    "across zones": (split_zone, {("across_zones", "X")}),
    "parcel without street": (far_parcel, {("land_far_from_street", "X")}),
    "parcel in the water": (barred_parcel, {("land_in_exclusion", "P3")}),
    "site elsewhere": (far_site, {("existing_far", "X")}),
    "oneway": (street(oneway="both ways"), {("oneway_unreadable", "s0")}),
    "maxspeed": (street(maxspeed="fast"), {("maxspeed_unreadable", "s0")}),
    "building site": (street(highway="construction"), {("street_not_in_use", "s0")}),
    "street twice": (extra_street("X", town.line((0.0, 0.0), (0.0, 200.0))), {("line_repeated", "X")}),
    "island": (extra_street("X", town.line((20.0, 20.0), (20.0, 120.0))), {("street_island", "X")}),
    "short island": (extra_street("X", town.line((20.0, 20.0), (20.0, 40.0))), {("street_islands_more", None)}),
    "dot": (extra_street("X", town.line((0.0, 0.0), (0.0, 0.1))), {("line_too_short", "X")}),
    "loop": (extra_street("X", town.line((0.0, 0.0), (50.0, 50.0), (50.0, 0.0), (0.0, 50.0))),
             {("line_crosses_itself", "X")}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_is_found_and_nothing_else(tmp_path: Path, kind: str) -> None:
    plant, expected = KINDS[kind]
    assert found(tmp_path, plant) == expected


def test_the_town_itself_is_sound(tmp_path: Path) -> None:
    assert found(tmp_path, lambda _: None) == set()


def test_a_large_community_is_noted(tmp_path: Path) -> None:
    """It also lies far from the streets, being so large only outside of the town."""
    codes = {code for code, feature in found(tmp_path, large) if feature == "X"}
    assert "area_large" in codes


@pytest.mark.parametrize("text", ["50", "50 km/h", "30 mph", "none", "CN:urban", "walk"])
def test_speeds_that_can_be_read(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, street(maxspeed=text)) == set()


def test_every_text_is_in_both_languages_and_says_what_to_do(tmp_path: Path) -> None:
    place = town.Town(tmp_path)
    overlap(place.layers)
    place.write()
    sources = {name: Source(tmp_path / "town.gpkg", name) for name in place.layers}
    inputs = PlacesInput(**sources)  # type: ignore[arg-type]
    places, _ = collect_places(inputs)
    assert places is not None
    line = next(f for f in audit_places(places, inputs) if f.code == "areas_overlap")
    assert "重叠" in line.line("zh")
    assert "overlaps 'X'" in line.line("en")
    assert np.all([part.strip() for part in line.line("en").split(";")])
