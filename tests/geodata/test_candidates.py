"""Candidate sites along streets: apart from one another, on streets both can use, with lasting ids."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from geodata.candidates import REACH_M, street_sites
from geodata.roads import Access, Streets, access_for, driving, read_streets, walking
from tests.geodata.small_streets import CRS, grid

TRUCK = driving("truck", {"default": 20.0})


def both(roads: gpd.GeoDataFrame) -> tuple[Streets, Access, Access]:
    streets = read_streets(roads)
    return streets, access_for(streets, walking()), access_for(streets, TRUCK)


def blocks(*corners: tuple[float, float], side: float = 60.0) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": [f"C{k}" for k in range(len(corners))]}, crs=CRS,
                            geometry=[shapely.box(x, y, x + side, y + side) for x, y in corners])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), spacing=st.floats(15.0, 200.0))
def test_spacing_and_place(seed: int, spacing: float) -> None:
    """No two sites within the spacing; each on a street both can use, near a community, where its snap says."""
    rng = np.random.default_rng(seed)
    streets, on_foot, by_truck = both(grid(seed))
    communities = blocks(*rng.uniform(0, 250, (4, 2)).tolist())
    sites = street_sites(communities, on_foot, by_truck, spacing)
    assert len(sites.ids) >= 1
    assert len(sites.xy) < 2 or pdist(sites.xy).min() > spacing
    assert np.isin(sites.snap.edge, on_foot.edge).all()
    assert np.isin(sites.snap.edge, by_truck.edge).all()
    lines = streets.lines[sites.snap.edge]
    on_street = shapely.get_coordinates(shapely.line_interpolate_point(lines, sites.snap.along_m))
    assert on_street == pytest.approx(sites.xy)
    assert (sites.snap.distance_m == 0).all()
    assert sites.ids == tuple(f"P{round(x)}-{round(y)}" for x, y in sites.xy)
    assert len(set(sites.ids)) == len(sites.ids)
    near = shapely.distance(shapely.points(sites.xy), shapely.union_all(communities.geometry.to_numpy()))
    entrances = len(communities)  # an entrance may lie further away than the points along the streets
    assert (np.sort(near)[: max(0, len(near) - entrances)] <= REACH_M + 1e-6).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_room_is_left(seed: int) -> None:
    """Every spot along the streets near a community has a site within the spacing, or nearly so."""
    spacing, step = 60.0, 25.0
    streets, on_foot, by_truck = both(grid(seed))
    communities = blocks((20.0, 20.0), (150.0, 130.0))
    sites = street_sites(communities, on_foot, by_truck, spacing)
    area = shapely.union_all(communities.geometry.to_numpy())
    for e in np.intersect1d(on_foot.edge, by_truck.edge):
        for along in np.arange(0.0, streets.length_m[e], 5.0):
            spot = shapely.line_interpolate_point(streets.lines[e], along)
            if shapely.distance(spot, area) <= REACH_M - step:
                assert np.hypot(*(sites.xy - shapely.get_coordinates(spot)).T).min() <= spacing + step


def test_the_entrance_of_a_community_comes_first() -> None:
    """The street point nearest to its middle is a site, whatever else is."""
    roads = gpd.GeoDataFrame({"highway": ["residential"]}, geometry=[shapely.LineString([(0, 0), (300, 0)])], crs=CRS)
    sites = street_sites(blocks((37.0, 10.0)), *both(roads)[1:], 100.0)
    assert sites.xy[0].tolist() == pytest.approx([67.0, 0.0])
    assert sites.ids[0] == "P67-0"


def test_the_same_inputs_give_the_same_sites() -> None:
    communities = blocks((20.0, 20.0), (150.0, 130.0))
    first = street_sites(communities, *both(grid(3))[1:], 50.0)
    again = street_sites(communities, *both(grid(3))[1:], 50.0)
    assert first.ids == again.ids
    assert np.array_equal(first.xy, again.xy)


def test_a_community_far_away_does_not_rename_the_others() -> None:
    """Ids are made of places: what happens elsewhere leaves them alone."""
    town = grid(3)
    village = town.translate(5000, 0)
    road = shapely.LineString([shapely.get_coordinates(town.geometry.iloc[0])[0],
                               shapely.get_coordinates(village.iloc[0])[0]])
    roads = gpd.GeoDataFrame({"highway": [*town.highway, *town.highway, "primary"],
                              "oneway": [*town.oneway, *town.oneway, "no"]},
                             geometry=[*town.geometry, *village, road], crs=CRS)
    here = street_sites(blocks((20.0, 20.0)), *both(roads)[1:], 50.0)
    with_village = street_sites(blocks((20.0, 20.0), (5020.0, 20.0)), *both(roads)[1:], 50.0)
    assert set(here.ids) < set(with_village.ids)


def test_only_streets_that_both_can_use() -> None:
    roads = gpd.GeoDataFrame({"highway": ["residential", "footway", "motorway"]}, crs=CRS, geometry=[
        shapely.LineString([(0, 0), (200, 0)]), shapely.LineString([(0, 0), (0, 200)]),
        shapely.LineString([(200, 0), (200, 200)])])
    sites = street_sites(blocks((20.0, 20.0), side=150.0), *both(roads)[1:], 30.0)
    assert len(sites.ids) > 3
    assert (sites.xy[:, 1] == 0).all()


def test_no_street_in_common() -> None:
    roads = gpd.GeoDataFrame({"highway": ["footway", "motorway"]}, crs=CRS, geometry=[
        shapely.LineString([(0, 0), (0, 200)]), shapely.LineString([(0, 0), (200, 0)])])
    sites = street_sites(blocks((20.0, 20.0)), *both(roads)[1:], 30.0)
    assert sites.ids == ()
    assert sites.xy.shape == (0, 2)
