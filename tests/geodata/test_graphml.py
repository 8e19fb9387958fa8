"""A street graph of OSMnx gives every street once, with its direction, class and drawn line."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import osmnx
import pytest
import shapely

from geodata.readers import Source, read_source
from geodata.roads import read_streets
from geodata.tables import DataError


def saved(folder: Path) -> Path:
    """Three nodes: a bent two-way street, a one-way street, and a second two-way street between the same ends."""
    graph = nx.MultiDiGraph(crs="EPSG:4326")
    for node, (x, y) in enumerate([(114.30, 30.60), (114.31, 30.60), (114.31, 30.61)]):
        graph.add_node(node, x=x, y=y)
    bend = shapely.LineString([(114.30, 30.60), (114.305, 30.603), (114.31, 30.60)])
    two_way = {"osmid": 7, "highway": ["residential", "tertiary"], "oneway": False, "length": 1150.0}
    graph.add_edge(0, 1, **two_way, geometry=bend, reversed=False)
    graph.add_edge(1, 0, **two_way, geometry=bend.reverse(), reversed=True)
    straight = {"osmid": 8, "highway": "primary", "oneway": False, "length": 957.0, "maxspeed": "40"}
    graph.add_edge(0, 1, **straight, reversed=False)
    graph.add_edge(1, 0, **straight, reversed=True)
    graph.add_edge(2, 1, osmid=9, highway="secondary", oneway=True, length=1109.0, reversed=False)
    path = folder / "streets.graphml"
    osmnx.save_graphml(graph, path)
    return path


def test_every_street_once_with_its_direction(tmp_path: Path) -> None:
    found = read_source(Source(saved(tmp_path))).frame
    assert sorted(zip(found["highway"], found["oneway"], strict=True)) == [
        ("primary", "no"), ("residential", "no"), ("secondary", "yes")]
    by_class = found.set_index("highway")
    assert by_class.loc["primary", "maxspeed"] == "40"
    assert found["id"].is_unique
    assert found.crs == "EPSG:4326"
    assert len(by_class.loc["residential"].geometry.coords) == 3
    assert by_class.loc["secondary"].geometry.coords[0] == pytest.approx((114.31, 30.61))


def test_the_graph_carries_travellers(tmp_path: Path) -> None:
    """Two streets join the same two nodes, the third may be driven one way only."""
    streets = read_streets(read_source(Source(saved(tmp_path))).frame.to_crs("EPSG:4547"))
    assert len(streets.node_xy) == 3
    assert sorted(zip(streets.highway, streets.forward, streets.backward, strict=True)) == [
        ("primary", True, True), ("residential", True, True), ("secondary", True, False)]


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    path = tmp_path / "streets.graphml"
    path.write_text("<graphml><unfinished")
    with pytest.raises(DataError) as caught:
        read_source(Source(path))
    assert [f.code for f in caught.value.faults] == ["file_unreadable"]
