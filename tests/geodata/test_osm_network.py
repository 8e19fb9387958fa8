"""OpenStreetMap files to columns: where streets are cut, what is kept, and what is counted as left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod

from geodata.osm_network import StreetNetwork, read_network
from geodata.tables import DataError
from tests.geodata.osm_xml import Town, cross


def named(town: Town, network: StreetNetwork) -> set[tuple[int, str, str]]:
    """Segments as way, node, node."""
    name = {town.id(n): n for n in town.xy}
    return {(int(network.way_osm_id[w]), name[int(network.node_osm_id[u])], name[int(network.node_osm_id[v])])
            for w, u, v in zip(network.way, network.u, network.v, strict=True)}


def count(network: StreetNetwork, reason: str) -> int:
    return sum(tally.count for tally in network.left_out if tally.reason == reason)


def test_streets_are_cut_at_junctions_and_ends_only(tmp_path: Path) -> None:
    town = Town({**cross(), "b": (50, 20)}).way(1, "wxbe").way(2, "sxn")
    network = read_network(town.write(tmp_path / "t.osm"))
    assert named(town, network) == {(1, "w", "x"), (1, "x", "e"), (2, "s", "x"), (2, "x", "n")}
    assert np.diff(network.first).tolist() == [2, 3, 2, 2]
    assert network.node_osm_id.tolist() == sorted(network.node_osm_id.tolist())


def test_lengths_are_geodesic_and_coordinates_those_of_the_file(tmp_path: Path) -> None:
    town = Town({**cross(), "b": (50, 20)}).way(1, "wxbe").way(2, "sxn")
    network = read_network(town.write(tmp_path / "t.osm"))
    geod = Geod(ellps="WGS84")
    for e in range(network.segment_count):
        line = network.lonlat[network.first[e]:network.first[e + 1]]
        assert network.length_m[e] == pytest.approx(geod.line_length(*line.T), abs=1e-6)
        assert line[0] == pytest.approx(network.node_lonlat[network.u[e]], abs=1e-9)
        assert line[-1] == pytest.approx(network.node_lonlat[network.v[e]], abs=1e-9)
    assert network.length_m[0] == pytest.approx(100.0, rel=0.01)


def test_barriers_and_signals_cut_streets_and_keep_their_tags(tmp_path: Path) -> None:
    town = Town({"a": (0, 0), "b": (50, 0), "c": (80, 0), "d": (120, 0), "p": (150, 0)}).way(1, "abcdp")
    town.node_tags = {"b": {"barrier": "bollard", "colour": "red"}, "c": {"highway": "traffic_signals"},
                      "d": {"highway": "crossing"}}
    network = read_network(town.write(tmp_path / "t.osm"))
    assert named(town, network) == {(1, "a", "b"), (1, "b", "c"), (1, "c", "p")}
    tags = {int(network.node_osm_id[k]): network.node_tag_sets[network.node_tags[k]]
            for k in np.flatnonzero(network.node_tags >= 0)}
    assert tags == {town.id("b"): (("barrier", "bollard"),), town.id("c"): (("highway", "traffic_signals"),)}


def test_one_wording_of_the_tags_that_matter_is_one_set(tmp_path: Path) -> None:
    town = Town(cross()).way(1, "wx", name="First", maxspeed="30").way(2, "xe", name="Second", maxspeed="30")
    town.way(3, "sx")
    network = read_network(town.write(tmp_path / "t.osm"))
    assert len(network.way_tag_sets) == 2
    assert network.tag_set[0] == network.tag_set[1] != network.tag_set[2]
    assert dict(network.way_tag_sets[network.tag_set[0]]) == {"highway": "residential", "maxspeed": "30"}


def test_a_way_is_cut_where_a_node_is_missing_never_bridged(tmp_path: Path) -> None:
    town = Town({"a": (0, 0), "b": (50, 0), "c": (100, 0), "d": (150, 0), "f": (200, 0)}).way(1, "abcdf")
    network = read_network(town.write(tmp_path / "t.osm", missing="c"))
    assert named(town, network) == {(1, "a", "b"), (1, "d", "f")}
    assert count(network, "node_missing_from_file") == 1


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    town = Town(cross()).way(1, "wx").way(2, "xe", highway="construction").way(3, "sxn", area="yes").way(4, "s")
    town.relations.append(({"type": "restriction", "restriction": "no_flying"},
                           [("way", 1, "from"), ("node", "x", "via"), ("way", 1, "to")]))
    town.relations.append(({"type": "restriction", "restriction": "no_u_turn"}, [("way", 1, "from"), ("way", 1, "to")]))
    network = read_network(town.write(tmp_path / "t.osm"))
    assert named(town, network) == {(1, "w", "x")}
    assert count(network, "way_left_out") == 2
    assert count(network, "way_without_segment") == 1
    assert count(network, "restriction_kind") == 1
    assert count(network, "restriction_members") == 1
    assert network.restrictions == ()


def test_a_ring_and_a_street_that_meets_itself(tmp_path: Path) -> None:
    town = Town({**cross(), "q": (200, 100)}).way(1, "xenx").way(2, "wx")
    network = read_network(town.write(tmp_path / "t.osm"))
    assert named(town, network) == {(1, "x", "x"), (2, "w", "x")}


def test_restrictions_are_read_with_modes_exceptions_and_conditions(tmp_path: Path) -> None:
    town = Town(cross()).way(1, "wx").way(2, "xe").way(3, "sx")
    town.restrict("no_left_turn", 1, "x", 2, **{"except": "bus;hgv"})
    town.restrict("only_straight_on", 1, "x", 2, key="restriction:hgv")
    town.restrict("no_right_turn @ (Mo-Fr 07:00-09:00 AND weight>7.5)", 3, "x", 2, key="restriction:conditional")
    town.restrict("no_right_turn @ (SH)", 3, "x", 2, key="restriction:conditional")
    network = read_network(town.write(tmp_path / "t.osm"))
    first, second, third = network.restrictions
    assert first.exempt == {"bus", "hgv"}
    assert (second.mode, second.mandatory) == ("hgv", True)
    assert third.condition.week.bit_count() == 5 * 120
    assert len(third.condition.bounds) == 1
    assert count(network, "restriction_condition") == 1


@pytest.mark.parametrize(("text", "code"), [("<osm version='0.6'></osm>", "layer_empty"), ("<osm", "file_unreadable")])
def test_useless_files_are_named(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "t.osm"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_network(path)
    assert [found.code for found in caught.value.faults] == [code]
