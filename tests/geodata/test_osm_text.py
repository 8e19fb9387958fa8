"""Files as lines of text: every letter of tags and roles comes back, nodes are told apart, missing ones are marked."""

from __future__ import annotations

import tempfile
from pathlib import Path

import osmium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata import osm_text
from geodata.osm_text import MISSING, NodeRows, TagReader, all_tags, lines, members
from tests.geodata.osm_xml import LAT, LON, Town, cross

AWKWARD = "no @ (Mo-Fr 07:00-09:00, Sa 50%); a=b,c@d 路\n\u2028x"


def test_every_letter_of_a_tag_comes_back(tmp_path: Path) -> None:
    town = Town(cross()).way(1, "wxe", hgv__conditional=AWKWARD, name="highway=primary,hgv=no").way(2, "sxn")
    town.relations.append(({"type": "restriction", "note": AWKWARD}, [("way", 1, "from, @%"), ("node", "x", "via")]))
    found = list(lines(town.write(tmp_path / "t.osm")))
    assert [(line.kind, line.id) for line in found] == [("w", 1), ("w", 2), ("r", 1)]
    reader = TagReader.of({"hgv", "highway"})
    assert reader.pairs(found[0].tags) == (("hgv:conditional", AWKWARD), ("highway", "residential"))
    assert all_tags(found[0].tags)["name"] == "highway=primary,hgv=no"
    assert all_tags(found[2].tags) == {"type": "restriction", "note": AWKWARD}
    assert [(m.type, m.ref, m.role) for m in members(found[2].rest)] == [
        ("w", 1, "from, @%"), ("n", town.id("x"), "via")]


def test_keys_are_whole_words(tmp_path: Path) -> None:
    town = Town(cross()).way(1, "wx", was__hgv="no", hgv_note="x", hgv="yes", maxhgv="1", access__hgv="no")
    (line,) = lines(town.write(tmp_path / "t.osm"))
    assert TagReader.of({"hgv"}).pairs(line.tags) == (("hgv", "yes"),)


@pytest.mark.parametrize("at_once", [1, 10_000])
def test_nodes_come_way_by_way_with_their_places(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(osm_text, "AT_ONCE", at_once)
    town = Town(cross()).way(1, "wxe").way(2, "ns")
    rows = NodeRows()
    for line in lines(town.write(tmp_path / "t.osm", missing="n")):
        rows.add(line.rest)
    found = rows.rows()
    assert list(rows.sizes) == [3, 2]
    assert found[:, 0].tolist() == [town.id(name) for name in "wxens"]
    assert found[3, 1:].tolist() == [MISSING, MISSING]
    assert found[1, 1:].tolist() == [round(LON * 1e7), round(LAT * 1e7)]
    assert len(NodeRows().rows()) == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(-1_799_999_999, 1_799_999_999), st.integers(-899_999_999, 899_999_999)),
                min_size=2, max_size=6, unique=True))
def test_places_are_those_of_the_objects_to_the_last_unit(places: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.osm.pbf"
        with osmium.SimpleWriter(str(path)) as writer:
            for number, (x, y) in enumerate(places):
                node = osmium.osm.mutable.Node(id=10**10 + number, version=1, location=(x / 1e7, y / 1e7))
                writer.add_node(node)
            refs = [10**10 + number for number in range(len(places))]
            writer.add_way(osmium.osm.mutable.Way(id=1, version=1, nodes=refs, tags={"highway": "service"}))
        rows = NodeRows()
        (line,) = lines(path)
        rows.add(line.rest)
        objects = [(n.ref, n.location.x, n.location.y)
                   for way in osmium.FileProcessor(str(path)).with_locations() if way.is_way() for n in way.nodes]
        assert [tuple(row) for row in rows.rows().tolist()] == objects
