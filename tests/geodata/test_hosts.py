"""Hosts: which places of interest become candidates, from tables and from OpenStreetMap; the others with reasons."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.candidates import street_sites
from geodata.hosts import HostKind, HostPlan, HostSites, host_sites
from geodata.points_of_interest import POINTS, PointsInput, is_called, named_layers, read_points
from geodata.readers import Source, read_source
from geodata.roads import Access, access_for, driving, read_streets, walking
from geodata.tables import DataError, text_column
from tests.geodata.small_streets import CRS, grid

SHOP, SCHOOL = HostKind("shop", ("supermarket",), (True, True)), HostKind("school", ("amenity=school",), (True, False))
NOWHERE = np.empty((0, 2))


def street(*classes: str) -> tuple[Access, Access]:
    """Streets of 400 m from west to east, 100 m apart, as walkers and a truck see them."""
    lines = [shapely.LineString([(0, 100 * n), (400, 100 * n)]) for n in range(len(classes))]
    lines += [shapely.LineString([(0, 100 * n), (0, 100 * n + 100)]) for n in range(len(classes) - 1)]
    streets = read_streets(gpd.GeoDataFrame({"highway": [*classes, *["residential"] * (len(classes) - 1)]},
                                            geometry=lines, crs=CRS))
    return access_for(streets, walking()), access_for(streets, driving("truck", {"default": 20.0}))


def places(*rows: tuple[str, str, shapely.Geometry]) -> gpd.GeoDataFrame:
    words = [frozenset({kind, f"amenity={kind}"}) for _, kind, _ in rows]
    return gpd.GeoDataFrame({"id": text_column(i for i, _, _ in rows), "name": text_column(None for _ in rows),
                             "words": words}, geometry=[shape for _, _, shape in rows], crs=CRS)


def homes() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": ["C"]}, geometry=[shapely.box(0, 20, 300, 80)], crs=CRS)


def found(points: gpd.GeoDataFrame, access: tuple[Access, Access], *, reach_m: float = 50.0, apart_m: float = 30.0,
          kinds: tuple[HostKind, ...] = (SHOP, SCHOOL), existing: np.ndarray = NOWHERE) -> HostSites:
    plan = HostPlan(points, kinds, reach_m, 500.0, apart_m)
    return host_sites(plan, homes(), *access, [f"E{n}" for n in range(len(existing))], existing)


def why(sites: HostSites) -> dict[str, str]:
    return {r.site_id: "; ".join(reason.text for reason in r.reasons) for r in sites.rejected}


def test_preferred_kinds_come_first_and_stay() -> None:
    """A school 10 m from a shop is the same place, whichever comes first in the file; the bank is no host."""
    rows = [("s", "school", shapely.Point(100, 5)), ("m", "supermarket", shapely.Point(110, 5)),
            ("t", "school", shapely.Point(300, 5)), ("b", "bank", shapely.Point(200, 5))]
    for order in (rows, rows[::-1]):
        sites = found(places(*order), street("residential"))
        assert (sites.ids, sites.kind_ids) == (("m", "t"), ("shop", "school"))
        assert sites.fits.tolist() == [[True, True], [True, False]]
        assert why(sites) == {"s": "near_duplicate:m 10 < 30"}


def test_an_outline_reaches_further_than_its_middle() -> None:
    """A mall of 100 x 100 m, 40 m from the street with its edge and 90 m with its middle."""
    mall = shapely.box(100, 40, 200, 140)
    sites = found(places(("m", "supermarket", mall), ("p", "supermarket", shapely.Point(300, 90))),
                  street("residential"))
    assert sites.ids == ("m",)
    assert sites.xy.tolist() == [[150.0, 90.0]]
    assert why(sites) == {"p": "too_far_from_street 90 > 50"}


def test_the_street_must_serve_walkers_and_the_truck() -> None:
    """Beside a footway alone there is nothing for the truck, beside a motorway nothing for walkers."""
    access = street("residential", "footway")
    sites = found(places(("a", "supermarket", shapely.Point(200, 5)), ("b", "supermarket", shapely.Point(200, 95))),
                  access)
    assert sites.ids == ("a",)
    assert why(sites) == {"b": "too_far_from_street 95 > 50"}


def test_existing_sites_and_places_out_of_reach_of_everybody() -> None:
    lonely = shapely.Point(1200, 0)
    sites = found(places(("a", "supermarket", shapely.Point(200, 5)), ("far", "school", lonely)),
                  street("residential"), existing=np.array([[205.0, 5.0]]), reach_m=900.0)
    assert sites.ids == ()
    assert sites.fits.shape == (0, 2)
    assert why(sites) == {"a": "near_duplicate:E0 5 < 30", "far": "too_far_from_communities 900 > 500"}


def test_what_is_rejected_pushes_nobody_out() -> None:
    """The shop has no street; the school beside it, which reaches one, stays."""
    rows = places(("shop", "supermarket", shapely.Point(200, 60)), ("school", "school", shapely.box(190, 40, 210, 75)))
    assert found(rows, street("residential")).ids == ("school",)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), apart=st.floats(0.0, 120.0), reach=st.floats(5.0, 80.0))
def test_every_place_is_either_a_candidate_or_told(seed: int, apart: float, reach: float) -> None:
    rng = np.random.default_rng(seed)
    roads = grid(seed % 7)
    streets = read_streets(roads)
    access = access_for(streets, walking()), access_for(streets, driving("truck", {"default": 20.0}))
    rows = places(*[(f"p{n}", str(rng.choice(["supermarket", "school", "bank"])), shapely.Point(rng.uniform(0, 300, 2)))
                    for n in range(25)])
    sites = found(rows, access, reach_m=reach, apart_m=apart)
    asked = {i for i, words in zip(rows["id"], rows["words"], strict=True) if "bank" not in words}
    assert set(sites.ids) | {r.site_id for r in sites.rejected} == asked
    assert len(sites.ids) + len(sites.rejected) == len(asked)
    distance = np.hypot(*(sites.xy[:, None] - sites.xy[None, :]).transpose(2, 0, 1))
    assert (distance[~np.eye(len(sites.ids), dtype=bool)] >= apart).all()
    common = shapely.union_all(streets.lines[np.intersect1d(access[0].edge, access[1].edge)])
    assert (shapely.distance(shapely.points(sites.xy), common) <= reach).all()
    for gone in sites.rejected:
        for reason in gone.reasons:
            assert reason.measured is not None
            assert reason.limit is not None
            assert (reason.measured < reason.limit) == reason.below
    kinds = list(sites.kind_ids)
    assert kinds == sorted(kinds, key=["shop", "school"].index)


def test_points_along_streets_keep_away_from_hosts_and_otherwise_stay() -> None:
    access = street("residential")
    without = street_sites(homes(), *access, 60.0)
    nowhere = street_sites(homes(), *access, 60.0, NOWHERE)
    assert without.ids == nowhere.ids
    taken = np.array([[150.0, 10.0]])
    thinned = street_sites(homes(), *access, 60.0, taken)
    assert len(thinned.ids) > 2
    assert np.hypot(*(thinned.xy - taken).T).min() > 60.0


def table(folder: Path, text: str, name: str = "places.csv") -> Source:
    (folder / name).write_text(text, encoding="utf-8")
    return Source(folder / name, crs="EPSG:4326")


def test_tables_say_what_places_are(tmp_path: Path) -> None:
    """Kinds and tags, several in one cell, capitals; the kind that a study gives a whole file."""
    tagged = table(tmp_path, "id,name,kind,amenity,shop,lon,lat\n1,Big,,, Supermarket;bakery,114.27,30.61\n"
                             "2,Old,school,,,114.28,30.61\n3,Two,,school,,114.28,30.62\n")
    plain = table(tmp_path, "id,lon,lat\n1,114.3,30.6\n", "bins.csv")
    points, faults = read_points([PointsInput("osm", tagged), PointsInput("bins", plain, "Waste point")], "EPSG:4547")
    assert points["id"].tolist() == ["osm-1", "osm-2", "osm-3", "bins-1"]
    assert points["words"].tolist()[0] == {"supermarket", "shop=supermarket", "bakery", "shop=bakery"}
    assert is_called(points["words"], ["school"]) == [False, True, True, False]
    assert is_called(points["words"], ["Amenity=School"]) == [False, False, True, False]
    assert is_called(points["words"], ["waste point"]) == [False, False, False, True]
    assert points.crs == "EPSG:4547"
    assert not [f for f in faults if f.severity == "error"]
    (layer,) = named_layers(points, {"school": ("school",)})
    assert (layer.name, layer.buffer_m, len(layer.geometries)) == ("school", 0.0, 2)


def test_a_table_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    points, faults = read_points([PointsInput("poi", Source(tmp_path / "none.csv"))], "EPSG:4547")
    assert len(points) == 0
    assert [f.code for f in faults] == ["file_missing"]


OSM = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6">
 <node id="1" lat="30.6100" lon="114.2700"><tag k="amenity" v="school"/><tag k="name" v="一小"/></node>
 <node id="2" lat="30.6110" lon="114.2710"><tag k="shop" v="supermarket"/></node>
 <node id="3" lat="30.6120" lon="114.2720"><tag k="highway" v="crossing"/></node>
 <node id="4" lat="30.6130" lon="114.2730"/><node id="5" lat="30.6130" lon="114.2740"/>
 <node id="6" lat="30.6140" lon="114.2740"/><node id="7" lat="30.6140" lon="114.2730"/>
 <way id="10"><nd ref="4"/><nd ref="5"/><nd ref="6"/><nd ref="7"/><nd ref="4"/>
  <tag k="building" v="yes"/><tag k="office" v="government"/></way>
 <way id="11"><nd ref="4"/><nd ref="5"/><tag k="highway" v="residential"/></way>
</osm>
"""


def test_places_of_openstreetmap(tmp_path: Path) -> None:
    """Nodes as points, closed ways as areas; streets and crossings are no places."""
    (tmp_path / "town.osm").write_text(OSM, encoding="utf-8")
    points, faults = read_points([PointsInput("osm", Source(tmp_path / "town.osm"))], "EPSG:4547")
    assert not [f for f in faults if f.severity == "error"]
    kinds = dict(zip(points["id"], points.geometry.geom_type, strict=True))
    assert kinds == {"osm-node/1": "Point", "osm-node/2": "Point", "osm-way/10": "MultiPolygon"}
    assert points["name"].tolist()[0] == "一小"
    assert is_called(points["words"], ["office=government"]) == [False, False, True]
    streets = read_source(Source(tmp_path / "town.osm")).frame
    assert streets["highway"].tolist() == ["residential"]


def test_an_extract_without_places(tmp_path: Path) -> None:
    bare = OSM.replace('k="amenity"', 'k="ref"').replace('k="shop"', 'k="ref"').replace('k="office"', 'k="ref"')
    (tmp_path / "bare.osm").write_text(bare, encoding="utf-8")
    _, faults = read_points([PointsInput("osm", Source(tmp_path / "bare.osm"))], "EPSG:4547")
    assert [f.code for f in faults] == ["layer_empty"]
    with pytest.raises(DataError):
        read_source(Source(tmp_path / "bare.osm", layer=POINTS.name))
