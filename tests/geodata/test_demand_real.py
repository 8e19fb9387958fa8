"""Demand of real places: Xinwu's census total over its blocks, districts of two cities, Porto Alegre, Hong Kong."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geodata.cells import laid_in_cells
from geodata.demand import settled
from geodata.demand_generators import with_generators
from geodata.demand_input import CellGrid, DemandInput, GeneratorKind, GeneratorSource, SliverLimits
from geodata.demand_totals import Totals, fitted, read_totals
from geodata.places import Places, PlacesInput, collect_places
from geodata.readers import Source
from geodata.tables import Fault

DATA = Path(os.environ.get("RECYNET_DATA", "/nowhere"))
PERSONS_PER_HOUSEHOLD = 2.64


def needs(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=f"RECYNET_DATA/{folder} is not there")


def settle(inputs: PlacesInput) -> tuple[Places, tuple[Fault, ...]]:
    raw, faults = collect_places(inputs)
    assert raw is not None, [f.line() for f in faults]
    places, faults = settled(raw, inputs, PERSONS_PER_HOUSEHOLD)
    assert places is not None, [f.line() for f in faults]
    return places, faults


@needs("wuxi_xinwu")
def test_xinwu_from_its_census_total(tmp_path: Path) -> None:
    """72.0215 万 over 690 residential polygons by area: what rounding to whole persons gave others.

    They measured areas in the neighbouring UTM zone, whose scale varies by 1e-4 over the district.
    """
    folder = DATA / "wuxi_xinwu"
    census = pd.read_csv(folder / "census.csv")
    total = int(census.loc[(census["item"] == "常住人口") & (census["year"] == 2020), "value"].iloc[0])
    (tmp_path / "totals.csv").write_text(f"行政区,常住人口(万人)\n新吴,{total / 1e4}\n", encoding="utf-8-sig")
    demand = DemandInput(control_totals=Source(
        tmp_path / "totals.csv", columns={"zone": "行政区", "persons": "常住人口(万人)"}))
    inputs = PlacesInput(
        Source(folder / "communities.gpkg", "communities", columns={"id": "community_id"}),
        Source(folder / "roads.gpkg", "road_centerlines"),
        zones=Source(folder / "boundary.gpkg", "boundary", columns={"id": "adcode"}), demand=demand)
    places, faults = settle(inputs)
    shared = gpd.read_file(folder / "communities.gpkg", layer="communities").set_index("community_id")
    persons = places.communities.set_index("id")["population"]
    assert persons.sum() == pytest.approx(total, rel=1e-9)
    assert ((persons - shared["population_est"]).abs() < 1.0 + 1e-4 * persons).all()
    assert places.communities["estimated"].all()
    assert {f.code for f in faults} == {"total_matched", "unit_of_heading"}
    merged, told = settle(PlacesInput(inputs.communities, inputs.roads, zones=inputs.zones, demand=DemandInput(
        control_totals=demand.control_totals, slivers=SliverLimits(min_area_m2=2_000.0))))
    small = merged.communities["area_m2"] < 2_000.0
    assert merged.communities["population"].sum() == pytest.approx(total, rel=1e-9)
    assert int(small.sum()) == sum(f.code == "sliver_alone" for f in told)
    assert len(persons) - len(merged.communities) == sum(f.code == "sliver_merged" for f in told)


@needs("china_named_cities")
def test_districts_of_foshan_and_chongqing(tmp_path: Path) -> None:
    """Fourteen districts in hexagons: every district has its census figure, by the layer's column or by a table."""
    given = gpd.read_file(DATA / "china_named_cities" / "districts_wgs84.gpkg", layer="districts")
    foshan = given[given["city"] == "佛山市"].to_crs("EPSG:4546").reset_index(drop=True)
    zones = gpd.GeoDataFrame({"id": foshan["adcode"].astype(str), "name": foshan["district"],
                              "control_persons": foshan["population_2020"].astype(float)}, geometry=foshan.geometry)
    communities = gpd.GeoDataFrame({
        "id": zones["id"], "population": np.nan, "households": np.nan, "weight": np.nan, "name": zones["name"],
        "zone_id": zones["id"], "estimated": False}, geometry=foshan.geometry)
    cells = laid_in_cells(communities, zones, CellGrid(h3_resolution=7)).assign(estimated=True)
    totals, _ = read_totals(DemandInput(), zones, Source(tmp_path / "districts.gpkg"))
    assert totals is not None
    table, _, faults = fitted(cells, totals, zones, 0.1)
    sums = table.groupby("zone_id")["population"].sum()
    assert sums.to_dict() == pytest.approx(dict(zip(zones["id"], zones["control_persons"], strict=True)), rel=1e-9)
    assert table["area_m2"].sum() == pytest.approx(foshan.geometry.area.sum(), rel=1e-4)
    assert faults == ()
    text = "区,人口(万人)\n" + "\n".join(f"{n.removesuffix('区')},{p / 1e4}" for n, p in
                                      zip(foshan["district"], foshan["population_2020"], strict=True))
    (tmp_path / "t.csv").write_text(text + "\n合计,949.879\n沙坪坝区,147.7345\n", encoding="utf-8-sig")
    read, told = read_totals(
        DemandInput(control_totals=Source(tmp_path / "t.csv", columns={"zone": "区", "persons": "人口(万人)"})),
        zones.assign(control_persons=np.nan), None)
    assert isinstance(read, Totals)
    assert dict(read.persons) == pytest.approx(totals.persons)
    assert [f.feature_id for f in told if f.code == "total_unmatched"] == ["沙坪坝区"]


@needs("porto_alegre")
def test_porto_alegre_with_schools_and_jobs() -> None:
    """812,935 persons in 1,124 cells (103 are empty), and jobs of the same file as offices: 337,921 employees."""
    folder = DATA / "porto_alegre"
    cells = Source(folder / "poa_hexgrid.csv", crs="EPSG:4326")
    offices = Source(cells.path, crs="EPSG:4326", columns={"heads_count": "jobs"})
    demand = DemandInput(cells=CellGrid(h3_resolution=9), generators=(GeneratorSource(offices, "office"),))
    inputs = PlacesInput(cells, Source(folder / "poa_osm.pbf"), demand=demand)
    homes, faults = settle(inputs)
    assert (len(homes.communities), homes.communities["population"].sum()) == (1_124, 812_935.0)
    assert shapely.get_dimensions(np.asarray(homes.communities.geometry.array, dtype=object)).tolist() == [2] * 1_124
    assert "cells_laid" in {f.code for f in faults}
    places, told = with_generators(homes, demand, [GeneratorKind("office", (), "heads_count")])
    mine = places.communities["kind"].notna()
    assert places.communities.loc[mine, "size"].sum() == 337_921.0
    without = set(pd.read_csv(cells.path).query("jobs.isna()")["id"])  # the file has no figure there
    assert len(without) == 5
    errors = {(f.code, f.feature_id) for f in told if f.severity == "error"}
    assert errors == {("generator_without_size", name) for name in without}


@needs("hong_kong")
def test_hong_kong_estates_have_households() -> None:
    """241 public estates as points with 837,800 flats and no persons: 2.64 each, and said so."""
    source = Source(DATA / "hong_kong" / "public_housing_estates.csv", crs="EPSG:4326",
                    columns={"households": "flats", "name": "estate"})
    streets = gpd.GeoDataFrame({"highway": ["residential"]}, crs="EPSG:4326",
                               geometry=[shapely.LineString([(114.0, 22.3), (114.2, 22.4)])])
    communities, faults = _estates(source, streets)
    assert communities["population"].sum() == pytest.approx(837_800 * PERSONS_PER_HOUSEHOLD)
    assert communities["estimated"].all()
    assert "population_of_households" in {f.code for f in faults}


def _estates(source: Source, streets: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, tuple[Fault, ...]]:
    """The estates settled beside a street of our own (the area has none), whatever its distance."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        streets.to_file(Path(folder) / "roads.gpkg", layer="roads")
        inputs = PlacesInput(source, Source(Path(folder) / "roads.gpkg", "roads"), demand=DemandInput())
        places, _ = collect_places(inputs)
        assert places is not None
        after, faults = settled(places, inputs, PERSONS_PER_HOUSEHOLD)
        assert after is not None
        return after.communities, faults
