"""Settled communities end to end in geodata: a town of four blocks with a raster, totals, cells and other sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from geodata.demand import settled
from geodata.demand_generators import with_generators
from geodata.demand_input import CellGrid, DemandInput, GeneratorKind, GeneratorSource, SliverLimits
from geodata.demand_osm import osm_generators
from geodata.places import Places, PlacesInput, collect_places
from geodata.readers import Source
from geodata.tables import Fault
from tests.town import CRS, ORIGIN_X, ORIGIN_Y, Town, square

SIZE = 2.5
"""Persons per household."""
KINDS = (GeneratorKind("shop", ("商店",), "floor_area_m2", 80.0), GeneratorKind("school", (), "heads_count"),
         GeneratorKind("depot", (), "site"))


def town(folder: Path, demand: DemandInput, **layers: gpd.GeoDataFrame) -> PlacesInput:
    """The town's files with some layers changed; no land."""
    made = Town(folder)
    made.layers.update(layers)
    made.write()
    source = {name: Source(folder / "town.gpkg", name) for name in ("communities", "roads", "zones")}
    return PlacesInput(**source, crs_metric=CRS, demand=demand)


def settle(inputs: PlacesInput) -> tuple[Places | None, tuple[Fault, ...]]:
    places, faults = collect_places(inputs)
    assert places is not None, [f.line() for f in faults]
    return settled(places, inputs, SIZE)


def codes(faults: tuple[Fault, ...]) -> list[str]:
    return [f.code for f in faults]


def blocks(folder: Path, **changes: object) -> gpd.GeoDataFrame:
    return Town(folder).layers["communities"].assign(**changes)


def raster(folder: Path, persons: float = 100.0) -> Source:
    """Cells of 100 m with so many persons each, 1.2 x 1 km from (-400, -300) m; the blocks cover 9 cells' worth."""
    path = folder / "p.tif"
    with rasterio.open(path, "w", driver="GTiff", height=10, width=12, count=1, dtype="float64", crs=CRS,
                       transform=from_origin(ORIGIN_X - 400, ORIGIN_Y + 700, 100, 100)) as target:
        target.write(np.full((10, 12), persons), 1)
    return Source(path, unit="persons_per_cell")


def test_nothing_said_nothing_done(tmp_path: Path) -> None:
    inputs = replace(town(tmp_path, DemandInput()), demand=None)
    places, _ = collect_places(inputs)
    assert places is not None
    after, faults = settled(places, inputs, SIZE)
    assert after is places
    assert faults == ()


def test_households_become_persons(tmp_path: Path) -> None:
    """Two blocks know persons, one knows 40 households: 100 persons; the fourth knows nothing, which is an error."""
    given = blocks(tmp_path, population=[300.0, 400.0, np.nan, np.nan], households=[np.nan, np.nan, 40.0, np.nan])
    places, faults = settle(town(tmp_path, DemandInput(), communities=given))
    assert places is not None
    assert places.communities["population"].tolist()[:3] == [300.0, 400.0, 100.0]
    assert places.communities["estimated"].tolist() == [False, False, True, False]
    assert codes(faults) == ["population_of_households", "population_unknown"]
    assert "(D)" in faults[1].line()


def test_a_raster_under_the_blocks(tmp_path: Path) -> None:
    """A block of 150 x 150 m holds 2.25 cells of 100 persons; what no block covers is told for both zones."""
    given = blocks(tmp_path).drop(columns="population")
    places, faults = settle(town(tmp_path, DemandInput(population=raster(tmp_path)), communities=given))
    assert places is not None
    assert places.communities["population"].tolist() == pytest.approx([225.0] * 4)
    assert places.communities["estimated"].all()
    assert places.demand is not None
    assert places.demand.raster is not None
    assert places.demand.raster.total_persons == pytest.approx(12_000.0)
    assert places.demand.raster.placed_persons == pytest.approx(900.0)
    # W has 6 x 9 cells of the raster (from y = -200), E 6 x 9 as well; two blocks each
    told = {f.feature_id: f.title.en.split(" ")[0] for f in faults if f.code == "raster_unplaced"}
    assert told == {"W": "4,950", "E": "4,950"}
    assert [f.title.en.split(" ")[0] for f in faults if f.code == "raster_beyond"] == ["1,200"]
    shown = sum(float(f.title.en.split(" ")[0].replace(",", "")) for f in faults if f.code.startswith("raster_"))
    assert shown + 900.0 == pytest.approx(12_000.0)


def test_raster_against_control_totals(tmp_path: Path) -> None:
    """The raster gives each zone 450 persons, the census 900 and 460: the west is told with both figures."""
    zones = Town(tmp_path).layers["zones"].assign(control_persons=[900.0, 460.0])
    given = blocks(tmp_path).drop(columns="population")
    places, faults = settle(town(tmp_path, DemandInput(population=raster(tmp_path)), communities=given, zones=zones))
    assert places is not None
    far = [f.line() for f in faults if f.code == "total_far"]
    assert len(far) == 1
    assert "450" in far[0]
    assert "900" in far[0]
    sums = places.communities.groupby("zone_id")["population"].sum().to_dict()
    assert sums == pytest.approx({"W": 900.0, "E": 460.0})


def test_persons_without_a_place_are_summed_up(tmp_path: Path) -> None:
    """A row without a zone (70 persons) and a zone without a community (90): 160 persons are not placed."""
    (tmp_path / "t.csv").write_text("zone,persons\nW,700\nE,90\nelsewhere,70\n", encoding="utf-8")
    demand = DemandInput(control_totals=Source(tmp_path / "t.csv"))
    western = Town(tmp_path).layers["communities"].iloc[[0, 2]]
    places, faults = settle(town(tmp_path, demand, communities=western))
    assert places is not None
    assert places.demand is not None
    assert places.demand.unplaced_persons == 160.0
    assert places.communities["population"].sum() == pytest.approx(700.0)
    assert {("total_unmatched", "elsewhere"), ("total_unplaced", "东区")} <= {(f.code, f.feature_id) for f in faults}


def test_cells_over_the_zones_with_a_raster(tmp_path: Path) -> None:
    """The zones as communities, squares of 100 m on the raster's grid: every cell has 100 persons, all are placed."""
    outline = gpd.GeoDataFrame({"id": ["all"]}, geometry=[square(-200, -200, 800)], crs=CRS)
    demand = DemandInput(population=raster(tmp_path), cells=CellGrid(side_m=100.0))
    places, faults = settle(town(tmp_path, demand, communities=outline))
    assert places is not None
    assert len(places.communities) == 64
    assert places.communities["population"].to_numpy() == pytest.approx(100.0)
    assert places.communities.groupby("zone_id").size().to_dict() == {"W": 32, "E": 32}
    assert "cells_laid" in codes(faults)


def test_a_raster_fills_what_is_unknown_and_keeps_what_is_known(tmp_path: Path) -> None:
    """In one square two compounds of 40 x 40 m, one of 500 persons: the raster gives the other 0.16 cells."""
    ground = [shapely.box(ORIGIN_X + x, ORIGIN_Y, ORIGIN_X + x + 40, ORIGIN_Y + 40) for x in (0, 50)]
    given = gpd.GeoDataFrame({"id": ["K", "U"], "population": [500.0, np.nan]}, geometry=ground, crs=CRS)
    demand = DemandInput(population=raster(tmp_path), cells=CellGrid(side_m=100.0))
    places, faults = settle(town(tmp_path, demand, communities=given))
    assert places is not None
    assert "population_unknown" not in codes(faults)
    assert sorted(places.communities["population"]) == pytest.approx([16.0, 500.0])


def test_a_raster_cannot_fill_points(tmp_path: Path) -> None:
    given = blocks(tmp_path).drop(columns="population")
    given = given.set_geometry(given.geometry.centroid)
    places, faults = settle(town(tmp_path, DemandInput(population=raster(tmp_path)), communities=given))
    assert (places, codes(faults)) == (None, ["raster_needs_areas"])


def test_slivers_go_last(tmp_path: Path) -> None:
    """A strip beside block A with a share of its zone's total by area is merged into A, persons and all."""
    given = blocks(tmp_path).drop(columns=["population"])
    strip = gpd.GeoDataFrame({"id": ["S"]}, geometry=[shapely.box(
        ORIGIN_X + 175, ORIGIN_Y + 25, ORIGIN_X + 177, ORIGIN_Y + 175)], crs=CRS)
    zones = Town(tmp_path).layers["zones"].assign(control_persons=[45_300.0, 45_000.0])
    together = gpd.GeoDataFrame(pd.concat([given, strip], ignore_index=True), crs=CRS)
    demand = DemandInput(slivers=SliverLimits(min_area_m2=500.0))
    places, faults = settle(town(tmp_path, demand, communities=together, zones=zones))
    assert places is not None
    assert dict(zip(places.communities["id"], places.communities["population"], strict=True)) == pytest.approx(
        {"A": 22_800.0, "B": 22_500.0, "C": 22_500.0, "D": 22_500.0})
    assert [(f.code, f.feature_id) for f in faults] == [("sliver_merged", "S")]


def test_a_sliver_with_three_persons_is_no_answer_for_its_neighbour(tmp_path: Path) -> None:
    """Block A knows no persons; a strip beside it with 3 is merged into it, and A is still an error."""
    given = blocks(tmp_path, population=[np.nan, 400.0, 500.0, 600.0])
    strip = gpd.GeoDataFrame({"id": ["S"], "population": [3.0]}, geometry=[shapely.box(
        ORIGIN_X + 175, ORIGIN_Y + 25, ORIGIN_X + 177, ORIGIN_Y + 175)], crs=CRS)
    together = gpd.GeoDataFrame(pd.concat([given, strip], ignore_index=True), crs=CRS)
    _, faults = settle(town(tmp_path, DemandInput(slivers=SliverLimits(min_area_m2=500.0)), communities=together))
    told = [f for f in faults if f.code == "population_unknown"]
    assert [f.severity for f in told] == ["error"]
    assert "(A)" in told[0].line()


def generators(folder: Path, text: str) -> DemandInput:
    (folder / "g.csv").write_text(text, encoding="utf-8")
    return DemandInput(generators=(GeneratorSource(Source(folder / "g.csv", crs=CRS)),))


def test_generators_follow_the_communities(tmp_path: Path) -> None:
    """A school with pupils, a shop by its Chinese word without size, tonnes given for a depot, and a zoo."""
    demand = generators(tmp_path, "id,x,y,kind,heads_count,floor_area_m2,t_per_day\n"
                        f"1,{ORIGIN_X + 100},{ORIGIN_Y + 100},school,700,,\n"
                        f"2,{ORIGIN_X + 300},{ORIGIN_Y + 100},商店,,,\n"
                        f"3,{ORIGIN_X + 300},{ORIGIN_Y + 300},depot,,,1.5\n"
                        f"4,{ORIGIN_X + 300},{ORIGIN_Y + 300},zoo,,,1.5\n")
    homes, _ = settle(town(tmp_path, demand))
    assert homes is not None
    places, faults = with_generators(homes, demand, KINDS)
    table = places.communities
    assert table["id"].tolist() == ["A", "B", "C", "D", "school:1", "shop:2", "depot:3"]
    assert table["kind"].tolist() == [None] * 4 + ["school", "shop", "depot"]
    assert table["size"].tolist()[4:] == [700.0, 80.0, 1.0]
    assert table["t_per_day"].tolist()[6] == 1.5
    assert table["population"].tolist() == [300.0, 400.0, 500.0, 600.0, 0.0, 0.0, 0.0]
    assert table["zone_id"].tolist()[4:] == ["W", "E", "E"]
    assert places.demand is not None
    assert places.demand.assumed_sizes == {"shop": 1}
    assert set(codes(faults)) == {"generator_unknown", "generator_size_assumed"}
    unknown = next(f.line() for f in faults if f.code == "generator_unknown")
    assert "zoo" in unknown
    assert "(1 rows)" in unknown


def test_a_generator_without_size_is_an_error(tmp_path: Path) -> None:
    demand = generators(tmp_path, f"id,x,y,kind\n1,{ORIGIN_X + 100},{ORIGIN_Y + 100},school\n")
    homes, _ = settle(town(tmp_path, demand))
    assert homes is not None
    _, faults = with_generators(homes, demand, KINDS)
    assert [(f.severity, f.code, f.feature_id) for f in faults] == [("error", "generator_without_size", "1")]


def test_a_generator_far_from_streets_is_told(tmp_path: Path) -> None:
    demand = generators(tmp_path, f"id,x,y,kind\n1,{ORIGIN_X + 2_000},{ORIGIN_Y},shop\n")
    homes, _ = settle(town(tmp_path, demand))
    assert homes is not None
    assert "generator_far" in codes(with_generators(homes, demand, KINDS)[1])


def test_settings_come_from_the_zones(tmp_path: Path) -> None:
    zones = Town(tmp_path).layers["zones"].assign(setting=["城市", None])
    places, _ = settle(town(tmp_path, DemandInput(), zones=zones))
    assert places is not None
    assert places.communities["setting"].tolist() == ["城市", None, "城市", None]


def test_generators_of_openstreetmap(tmp_path: Path) -> None:
    """A supermarket by its value, a baker by the key `shop`, a school by key=value; a bench is nobody's source."""
    nodes = {"a": {"shop": "supermarket", "name": "超市"}, "b": {"shop": "bakery"}, "c": {"amenity": "school"},
             "d": {"amenity": "bench"}}
    text = "".join(f'<node id="{n}" version="1" lat="30.6{n}" lon="114.3">' + "".join(
        f'<tag k="{k}" v="{v}"/>' for k, v in tags.items()) + "</node>" for n, tags in enumerate(nodes.values(), 1))
    (tmp_path / "places.osm").write_text(f'<osm version="0.6">{text}</osm>', encoding="utf-8")
    demand = DemandInput(generators=(GeneratorSource(Source(tmp_path / "places.osm"), name="osm"),))
    kinds = (GeneratorKind("shop", (), "floor_area_m2", 80.0),
             GeneratorKind("mall", ("supermarket",), "floor_area_m2", 9.0),
             GeneratorKind("pupils", ("amenity=school",), "heads_count", 500.0))
    homes, _ = settle(town(tmp_path, demand))
    assert homes is not None
    places, faults = with_generators(homes, demand, kinds)
    table = places.communities.iloc[4:]
    assert dict(zip(table["kind"], table["size"], strict=True)) == {"mall": 9.0, "shop": 80.0, "pupils": 500.0}
    assert "超市" in set(table["name"])
    assert [f.title.en.split(" ")[0] for f in faults if f.code == "generator_others"] == ["1"]


def test_a_place_drawn_as_point_and_area_counts_once(tmp_path: Path) -> None:
    """A school's area with a point of its name, a nameless one, one of another name, and a shop within."""
    corners = [(30.600, 114.300), (30.600, 114.301), (30.601, 114.301), (30.601, 114.300)]
    nodes = "".join(f'<node id="{n}" version="1" lat="{y}" lon="{x}"/>' for n, (y, x) in enumerate(corners, 1))
    inside = ({"amenity": "school", "name": "S"}, {"amenity": "school"}, {"amenity": "school", "name": "T"},
              {"shop": "books"})
    nodes += "".join(f'<node id="{n}" version="1" lat="30.6005" lon="114.3005">' + "".join(
        f'<tag k="{k}" v="{v}"/>' for k, v in tags.items()) + "</node>" for n, tags in enumerate(inside, 5))
    way = '<way id="9" version="1">' + "".join(f'<nd ref="{n}"/>' for n in (1, 2, 3, 4, 1))
    way += '<tag k="amenity" v="school"/><tag k="name" v="S"/></way>'
    (tmp_path / "p.osm").write_text(f'<osm version="0.6">{nodes}{way}</osm>', encoding="utf-8")
    known = {word: GeneratorKind(word, (), "heads_count", 500.0) for word in ("school", "shop")}
    frame, faults = osm_generators(GeneratorSource(Source(tmp_path / "p.osm")), CRS, known)
    assert frame is not None
    assert sorted(zip(frame["kind"], frame["name"].fillna("-"), frame.geom_type, strict=True)) == [
        ("school", "S", "MultiPolygon"), ("school", "T", "Point"), ("shop", "-", "Point")]
    assert [f.title.en.split(" ")[0] for f in faults if f.code == "generator_twice"] == ["2"]


def test_limits_are_errors_not_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More cells than a machine can hold, of a raster and of a grid, are refused with their number."""
    given = blocks(tmp_path).drop(columns="population")
    monkeypatch.setattr("geodata.readers.population_raster.MOST_CELLS", 100)
    places, faults = settle(town(tmp_path, DemandInput(population=raster(tmp_path)), communities=given))
    assert (places, codes(faults)) == (None, ["raster_too_large"])
    assert "120 cells" in faults[0].line()
    monkeypatch.setattr("geodata.cells.MOST_CELLS", 50)
    places, faults = settle(town(tmp_path, DemandInput(cells=CellGrid(side_m=20.0))))
    assert (places, codes(faults)) == (None, ["cells_too_many"])
