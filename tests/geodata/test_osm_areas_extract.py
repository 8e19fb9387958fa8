"""An extract holds its streets as the file does: the same network, tags of nodes and turn restrictions."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from geodata.osm_areas_extract import Extract, write_street_extract
from geodata.osm_network import StreetNetwork, read_network
from geodata.tables import DataError
from tests.geodata.osm_xml import Town


def town(folder: Path) -> Path:
    """Streets 1 to 4 around a crossing with a signal, a rule from 1 to 3 and one from 1 to 4."""
    place = Town({"w": (-100, 0), "o": (0, 0), "e": (100, 0), "n": (0, 100), "s": (0, -100)})
    place.way(1, "wo").way(2, "oe").way(3, "on").way(4, "os")
    place.restrict("no_left_turn", 1, "o", 3).restrict("no_right_turn", 1, "o", 4)
    place.node_tags["o"] = {"highway": "traffic_signals"}
    return place.write(folder / "town.osm")


def test_an_extract_of_every_street_is_the_same_network(tmp_path: Path) -> None:
    source, target = town(tmp_path), tmp_path / "all.osm.pbf"
    assert write_street_extract(source, target, {1, 2, 3, 4}) == Extract(5, 4, 2)
    assert_same(read_network(target), read_network(source))


def test_a_rule_goes_with_its_streets(tmp_path: Path) -> None:
    source, target = town(tmp_path), tmp_path / "some.osm.pbf"
    assert write_street_extract(source, target, {1, 2, 3}) == Extract(4, 3, 1)
    some, whole = read_network(target), read_network(source)
    assert some.way_osm_id.tolist() == [1, 2, 3]
    assert some.restrictions == whole.restrictions[:1]
    assert (some.node_tags >= 0).sum() == 1


def test_the_same_streets_give_the_same_bytes(tmp_path: Path) -> None:
    source = town(tmp_path)
    for name in ("a.osm.pbf", "b.osm.pbf"):
        write_street_extract(source, tmp_path / name, {1, 2})
    assert (tmp_path / "a.osm.pbf").read_bytes() == (tmp_path / "b.osm.pbf").read_bytes()


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.osm.pbf").write_text("no pbf")
    with pytest.raises(DataError) as error:
        write_street_extract(tmp_path / "bad.osm.pbf", tmp_path / "out.osm.pbf", {1})
    assert [fault.code for fault in error.value.faults] == ["file_unreadable"]


def assert_same(one: StreetNetwork, other: StreetNetwork) -> None:
    for field in fields(StreetNetwork):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs, field.name
