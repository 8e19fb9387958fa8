"""Hosts among real places: the points of interest of Porto Alegre, and hexagons with schools, on its OSM streets."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geodata.candidates import street_sites
from geodata.crs import to_metric
from geodata.hosts import HostKind, HostPlan, HostSites, host_sites
from geodata.points_of_interest import PointsInput, read_points
from geodata.readers import Source, read_source
from geodata.roads import Access, access_for, driving, read_streets, walking
from tests.geodata.test_hosts import NOWHERE

DATA = os.environ.get("RECYNET_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="RECYNET_DATA does not name the folder that holds porto_alegre/")
CRS = "EPSG:31982"
"""SIRGAS 2000 / UTM 22S."""
KINDS = (HostKind("landmark", ("landmark",), (True,)), HostKind("school", ("school",), (True,)))


def place() -> Path:
    return Path(str(DATA)) / "porto_alegre"


@cache
def streets() -> tuple[Access, Access]:
    lines = to_metric(read_source(Source(place() / "poa_osm.pbf")).frame, CRS)
    read = read_streets(lines)
    return access_for(read, walking()), access_for(read, driving("truck", {"default": 20.0}))


def points(folder: Path) -> gpd.GeoDataFrame:
    """The file of places as it is, all of one kind, and the middles of hexagons with schools as a table."""
    hexagons = pd.read_csv(place() / "poa_hexgrid.csv")
    schools = hexagons[hexagons["schools"] > 0]
    schools[["id", "lon", "lat"]].assign(kind="school").to_csv(folder / "schools.csv", index=False)
    landmarks = Source(place() / "poa_points_of_interest.csv", crs="EPSG:4326")
    found, faults = read_points([PointsInput("poa", landmarks, "landmark"),
                                 PointsInput("hex", Source(folder / "schools.csv", crs="EPSG:4326"))], CRS)
    assert not [f for f in faults if f.severity == "error"]
    return found


def homes() -> gpd.GeoDataFrame:
    hexagons = pd.read_csv(place() / "poa_hexgrid.csv")
    lived_in = hexagons[hexagons["population"] > 0]
    middles = gpd.GeoSeries(gpd.points_from_xy(lived_in["lon"], lived_in["lat"]), crs="EPSG:4326").to_crs(CRS)
    return gpd.GeoDataFrame({"id": lived_in["id"].to_numpy()}, geometry=shapely.buffer(middles.to_numpy(), 150.0),
                            crs=CRS)


def hosts(folder: Path) -> tuple[gpd.GeoDataFrame, HostSites]:
    found = points(folder)
    return found, host_sites(HostPlan(found, KINDS, 80.0, 800.0, 60.0), homes(), *streets(), [], NOWHERE)


def test_all_fifteen_landmarks_are_accounted_for(tmp_path: Path) -> None:
    found, sites = hosts(tmp_path)
    landmarks = {i for i in found["id"] if i.startswith("poa-")}
    assert len(landmarks) == 15
    told = {r.site_id: r for r in sites.rejected}
    assert set(sites.ids) | set(told) == set(found["id"])
    assert set(sites.ids).isdisjoint(told)
    assert "poa-public_market" in sites.ids
    assert len(landmarks & set(sites.ids)) >= 10
    assert sites.kind_ids == tuple(sorted(sites.kind_ids))  # landmarks first, as listed


def test_snapping_and_spacing_against_plain_distances(tmp_path: Path) -> None:
    """Every kept host is within reach of a street both use, every one told too far is not, none has a near twin."""
    found, sites = hosts(tmp_path)
    on_foot, by_truck = streets()
    common = shapely.union_all(on_foot.streets.lines[np.intersect1d(on_foot.edge, by_truck.edge)])
    at = dict(zip(found["id"], found.geometry, strict=True))
    assert all(at[i].distance(common) <= 80.0 for i in sites.ids)
    far = [r for r in sites.rejected if any(reason.code == "too_far_from_street" for reason in r.reasons)]
    assert all(at[r.site_id].distance(common) > 80.0 for r in far)
    assert all(r.snap_m == pytest.approx(at[r.site_id].distance(common)) for r in far)
    apart = shapely.distance(sites.geometry[:, None], sites.geometry[None, :])
    assert apart[~np.eye(len(sites.ids), dtype=bool)].min() >= 60.0


def test_streets_fill_the_room_between_hosts(tmp_path: Path) -> None:
    _, sites = hosts(tmp_path)
    along = street_sites(homes(), *streets(), 250.0, sites.xy)
    assert len(along.ids) > len(sites.ids)
    distance = shapely.distance(shapely.points(along.xy), shapely.union_all(shapely.points(sites.xy)))
    assert distance.min() > 250.0 - 1e-6


def test_ids_stay_when_other_places_are_added(tmp_path: Path) -> None:
    _, both = hosts(tmp_path)
    alone, _ = read_points([PointsInput("poa", Source(place() / "poa_points_of_interest.csv", crs="EPSG:4326"),
                                        "landmark")], CRS)
    sites = host_sites(HostPlan(alone, KINDS, 80.0, 800.0, 60.0), homes(), *streets(), [], NOWHERE)
    assert set(sites.ids) == {i for i in both.ids if i.startswith("poa-")}
