"""Places are snapped onto the nearest segment that can be left and reached, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geodata.crs import to_metric
from geodata.osm_network import StreetNetwork, read_network
from geodata.turn_metric import Slot, arc_rules, metric, topology
from geodata.turn_snap import SegmentLines, snapper
from geodata.turn_times import turn_times
from tests.geodata.osm_xml import LAT, LON, M_PER_DEGREE_LAT, M_PER_DEGREE_LON, TRUCK, Town, metric_of
from tests.geodata.test_turns_properties import network_of, random_town

CRS = "EPSG:4547"


def points(*xy: tuple[float, float]) -> np.ndarray:
    """Points in metres of the town, in the metric CRS."""
    degrees = [(LON + x / M_PER_DEGREE_LON, LAT + y / M_PER_DEGREE_LAT) for x, y in xy]
    return to_metric(gpd.GeoSeries(shapely.points(degrees), crs="EPSG:4326"), CRS).to_numpy()


def town() -> Town:
    """A two-way street a-b, beside it c-d that nobody can leave, and b-e for light vehicles."""
    xy = {"a": (0, 0), "b": (400, 0), "c": (0, 50), "d": (400, 50), "e": (800, 0)}
    return Town(xy).way(1, "ab").way(2, "cd", oneway="yes").way(3, "be", maxweight="3.5")


def way_of(network: StreetNetwork, segment: np.ndarray) -> list[int]:
    return network.way_osm_id[network.way[segment]].tolist()


def test_places_lie_on_the_nearest_segment_of_the_core(tmp_path: Path) -> None:
    network = read_network(town().write(tmp_path / "t.osm"))
    found = snapper(SegmentLines.of(network, CRS), metric_of(network)).snap(points((100, 40), (700, 0), (-30, 0)))
    assert way_of(network, found.places.segment) == [1, 1, 1]
    assert found.places.share == pytest.approx([0.25, 1.0, 0.0], abs=0.001)
    assert found.distance_m == pytest.approx([40, 300, 30], rel=0.01)


def test_places_for_several_classes_are_on_what_all_can_use(tmp_path: Path) -> None:
    network = read_network(town().write(tmp_path / "t.osm"))
    rules = [arc_rules(network, v, Slot("always")) for v in (TRUCK, replace(TRUCK, id="van", gvw_t=2.0, axle_t=1.0))]
    graph = topology(network, rules)
    truck, van = (metric(graph, r) for r in rules)
    lines = SegmentLines.of(network, CRS)
    chosen = [way_of(network, snapper(lines, *metrics).snap(points((700, 0))).places.segment)
              for metrics in ((truck,), (van,), (truck, van))]
    assert chosen == [[1], [3], [1]]


def test_snapped_places_reach_one_another_and_none_is_nearer() -> None:
    network = network_of(random_town(5, 4, 5))
    chosen = metric_of(network)
    lines = SegmentLines.of(network, CRS)
    rng = np.random.default_rng(1)
    asked = points(*rng.uniform(-50, 350, (40, 2)).tolist())
    found = snapper(lines, chosen).snap(asked)
    assert turn_times(chosen, found.places, found.places).reached.all()
    core = lines.lines[chosen.in_core.reshape(-1, 2).any(axis=1)]
    assert found.distance_m == pytest.approx(shapely.distance(asked[:, None], core[None, :]).min(axis=1))
    on = shapely.line_interpolate_point(lines.lines[found.places.segment], found.places.share, normalized=True)
    assert shapely.distance(on, asked) == pytest.approx(found.distance_m, abs=1e-6)


def test_a_network_without_a_common_street_is_refused(tmp_path: Path) -> None:
    town = Town({"a": (0, 0), "b": (100, 0), "c": (0, 500), "d": (100, 500)}).way(1, "ab", hgv="no")
    town.way(2, "cd", goods="no")
    network = read_network(town.write(tmp_path / "t.osm"))
    van = replace(TRUCK, id="van", access_keys=("goods", "motor_vehicle"))
    heavy = replace(TRUCK, id="heavy", access_keys=("hgv", "motor_vehicle"))
    with pytest.raises(ValueError, match="no segment"):
        snapper(SegmentLines.of(network, CRS), metric_of(network, van), metric_of(network, heavy))
