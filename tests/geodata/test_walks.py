"""Walking arcs against means of networkx distances over the places where a part's residents stand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geodata.parts import PartLimits, Parts, demand_parts
from geodata.roads import Snap, access_for, read_streets, walking
from geodata.walks import walking_arcs
from tests.geodata.small_streets import CRS, grid, reference, shortest


def joined(first: Snap, second: Snap) -> Snap:
    return Snap(*(np.concatenate([getattr(first, name), getattr(second, name)])
                  for name in ("edge", "along_m", "distance_m")))


@pytest.mark.parametrize("max_m", [120.0, 200.0, 600.0])
@pytest.mark.parametrize("seed", range(4))
def test_mean_walking_distance(seed: int, max_m: float) -> None:
    """Every pair of part and site: the mean over standing points, both ways off the street included."""
    rng = np.random.default_rng(seed)
    streets = read_streets(grid(seed))
    access = access_for(streets, walking())
    shapes = [shapely.box(x, y, x + 110, y + 110) for x, y in rng.uniform(0, 220, (5, 2))] + [shapely.Point(340, 150)]
    table = gpd.GeoDataFrame({"id": list("ABCDEF"), "households": rng.uniform(100, 2500, 6)}, geometry=shapes, crs=CRS)
    parts = demand_parts(table, access, PartLimits(1000.0, 1e6))
    sites = access.snap(shapely.points(rng.uniform(-20, 320, (8, 2))))
    arcs = walking_arcs(access, sites, parts, max_m)

    graph = reference(streets, access.profile, joined(sites, parts.standing))
    expected = {}
    for part in range(len(parts.ids)):
        for site in range(8):
            standing = np.flatnonzero(parts.part_of == part)
            on_street = [shortest(graph, ("place", site), ("place", 8 + k))[1] for k in standing]
            mean = np.mean(on_street) + parts.standing.distance_m[standing].mean() + sites.distance_m[site]
            if mean <= max_m and max(on_street) <= 2 * max_m:
                expected[part, site] = mean
    found = dict(zip(zip(arcs.part.tolist(), arcs.site.tolist(), strict=True), arcs.distance_m, strict=True))
    assert found.keys() == expected.keys()
    assert len(found) > 0
    assert [found[key] for key in expected] == pytest.approx(list(expected.values()), abs=0.05)
    assert list(found) == sorted(found)


def street_of_300_m() -> tuple[gpd.GeoDataFrame, Parts]:
    roads = gpd.GeoDataFrame({"highway": ["residential"]}, geometry=[shapely.LineString([(0, 0), (300, 0)])], crs=CRS)
    access = access_for(read_streets(roads), walking())
    table = gpd.GeoDataFrame({"id": ["A"], "households": [10.0]}, geometry=[shapely.box(0, 2, 300, 50)], crs=CRS)
    return roads, demand_parts(table, access, PartLimits(None, 1e9))


def test_by_hand() -> None:
    """Residents stand at 75 and 225 m; a site 20 m beside the street at 100 m: (25 + 125) / 2 + 20 = 95 m."""
    roads, parts = street_of_300_m()
    access = access_for(read_streets(roads), walking())
    site = access.snap(shapely.points([(100, -20), (300, 0)]))
    arcs = walking_arcs(access, site, parts, 160.0)
    assert arcs.distance_m.tolist() == pytest.approx([95.0, 150.0], abs=0.01)
    assert walking_arcs(access, site, parts, 96.0).site.tolist() == [0]
    assert walking_arcs(access, site, parts, 94.0).site.tolist() == []


def test_walking_ignores_one_way_signs() -> None:
    roads, parts = street_of_300_m()
    access = access_for(read_streets(roads.assign(oneway=["yes"])), walking())
    arcs = walking_arcs(access, access.snap(shapely.points([(0, 0), (300, 0)])), parts, 500.0)
    assert arcs.distance_m.tolist() == pytest.approx([150.0, 150.0], abs=0.01)
