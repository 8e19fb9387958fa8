"""Edits files: what is read, and one clear line in both languages for everything that is wrong."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geodata.tables import DataError
from optimizer.network import Network
from service.edit_merge import edits_text
from service.edit_messages import EDIT_MESSAGES
from service.edits import KINDS, PROPERTIES, Edit, network_faults, read_edits
from tests.service.tiny_town import packaged_network

POINT = {"type": "Point", "coordinates": [114.2, 30.6]}
SQUARE = {"type": "Polygon",
          "coordinates": [[[114.2, 30.6], [114.3, 30.6], [114.3, 30.7], [114.2, 30.7], [114.2, 30.6]]]}
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


def feature(name: object, geometry: object = None, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}


def written(folder: Path, *features: object, **members: object) -> Path:
    path = folder / "edits.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features), **members}), encoding="utf-8")
    return path


def codes(folder: Path, *features: object, **members: object) -> list[tuple[str, str | None]]:
    """Code and feature of every error of a file."""
    with pytest.raises(DataError) as caught:
        read_edits(written(folder, *features, **members))
    return [(f.code, f.feature_id) for f in caught.value.faults if f.severity == "error"]


def test_every_kind_is_read(tmp_path: Path) -> None:
    found = read_edits(written(
        tmp_path, feature("a", edit="lock", site_id="S1", keep_size=True), feature(7, edit="forbid", site_id="S2"),
        feature("c", POINT, edit="move", site_id="S3", new_site_id="N", note="closer"),
        feature("d", SQUARE, edit="add", tier_id="transfer_station", size_id="medium"),
        feature("e", SQUARE, edit="no_go", tier_ids=["sorting_center"]),
        feature("f", edit="size", site_id="S4", size_id="k")))
    assert found.faults == ()
    assert [(e.id, e.kind, e.site_id, e.tier_ids, e.size_id) for e in found.edits] == [
        ("a", "lock", "S1", (), None), ("7", "forbid", "S2", (), None), ("c", "move", "S3", (), None),
        ("d", "add", None, ("transfer_station",), "medium"), ("e", "no_go", None, ("sorting_center",), None),
        ("f", "size", "S4", (), "k")]
    assert found.edits[0].keep_size
    assert found.edits[2].added_site_id == "N"
    assert found.edits[3].added_site_id == "d"
    assert found.edits[3].geometry is not None
    assert found.edits[3].geometry.equals(shapely.from_geojson(json.dumps(SQUARE)))


def test_empty_cells_of_a_gis_table_are_not_given(tmp_path: Path) -> None:
    row = feature("a", edit="forbid", site_id="S", size_id=None, note="", keep_size=None)
    found = read_edits(written(tmp_path, row))
    assert found.edits == (Edit("a", "forbid", "S"),)


@pytest.mark.parametrize(("row", "code"), [
    (feature(None, edit="forbid", site_id="S"), "edit_no_id"),
    (feature("x"), "edit_kind_unknown"),
    (feature("x", edit="lok", site_id="S"), "edit_kind_unknown"),
    (feature("x", edit="forbid"), "edit_property_missing"),
    (feature("x", edit="size", site_id="S"), "edit_property_missing"),
    (feature("x", POINT, edit="add"), "edit_property_missing"),
    (feature("x", edit="forbid", site_id="S", size_id="k"), "edit_property_idle"),
    (feature("x", edit="lock", site_id="S", siz_id="k"), "edit_property_unknown"),
    (feature("x", edit="lock", site_id=["S"]), "edit_property_wrong"),
    (feature("x", edit="lock", site_id="S", keep_size="yes"), "edit_property_wrong"),
    (feature("x", SQUARE, edit="no_go", tier_ids="transfer_station"), "edit_property_wrong"),
    (feature("x", edit="lock", site_id="S", keep_size=True, size_id="k"), "edit_size_twice"),
    (feature("x", edit="move", site_id="S"), "edit_geometry_missing"),
    (feature("x", POINT, edit="no_go"), "edit_geometry_type"),
    (feature("x", BOW_TIE, edit="no_go"), "edit_geometry_invalid"),
    (feature("x", {"type": "Point", "coordinates": ["a", 1]}, edit="add", tier_id="t"), "edit_geometry_invalid"),
    (feature("x", {"type": "Point", "coordinates": [520000.0, 3390000.0]}, edit="add", tier_id="t"),
     "edit_coordinates_wrong"),
])
def test_each_fault_names_its_feature_and_nothing_else(tmp_path: Path, row: dict[str, Any], code: str) -> None:
    found = codes(tmp_path, feature("good", edit="forbid", site_id="S"), row)
    assert found == [(code, "feature 2" if row["id"] is None else "x")]


def test_all_faults_of_a_file_come_together(tmp_path: Path) -> None:
    found = codes(tmp_path, feature("a", edit="forbid"), feature("b", POINT, edit="no_go"), feature("a", edit="what"))
    assert sorted(found) == [("edit_geometry_type", "b"), ("edit_id_repeated", "a"), ("edit_kind_unknown", "a"),
                             ("edit_property_missing", "a")]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"type": "FeatureCollection"}',
                                  '{"type": "FeatureCollection", "features": [3]}'])
def test_a_file_that_is_no_feature_collection(tmp_path: Path, text: str) -> None:
    path = tmp_path / "edits.geojson"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_edits(path)
    assert [f.code for f in caught.value.faults] == ["edits_unreadable"]


def test_a_file_without_edits_a_missing_one_and_another_crs(tmp_path: Path) -> None:
    assert codes(tmp_path) == [("edits_no_feature", None)]
    good = feature("a", edit="forbid", site_id="S")
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
    assert codes(tmp_path, good, crs=named) == [("edits_not_wgs84", None)]
    read_edits(written(tmp_path, good, crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}))
    with pytest.raises(DataError) as caught:
        read_edits(tmp_path / "nowhere.geojson")
    assert [f.code for f in caught.value.faults] == ["edits_unreadable"]


def test_columns_that_mean_nothing_are_noted(tmp_path: Path) -> None:
    found = read_edits(written(tmp_path, feature("a", edit="forbid", site_id="S", annual_cost_cny_per_year=3.0)))
    assert [(f.code, f.severity, f.feature_id) for f in found.faults] == [("edit_property_ignored", "note", "a")]


def test_tiers_and_sizes_must_be_of_the_network() -> None:
    network = Network.model_validate(packaged_network())
    tier = network.tiers[1]
    right = Edit("a", "add", tier_ids=(tier.id,), size_id=tier.sizes[0].id)
    no_tier = Edit("b", "add", tier_ids=("transfer_statoin",))
    no_size = Edit("c", "add", tier_ids=(tier.id,), size_id="k")
    faults = network_faults((right, no_tier, no_size), network)
    assert [(f.code, f.feature_id) for f in faults] == [("edit_tier_unknown", "b"), ("edit_size_unknown", "c")]
    assert "did you mean 'transfer_station'" in faults[0].line("en")


def test_every_message_is_whole_in_both_languages() -> None:
    for code, message in EDIT_MESSAGES.items():
        for text in (message.title, message.action):
            assert text.zh.strip(), code
            assert text.en.strip(), code
            assert _holes(text.zh) <= _holes(text.en) or _holes(text.en) <= _holes(text.zh), code


def _holes(text: str) -> set[str]:
    import string

    return {name.removesuffix("_zh").removesuffix("_en") for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_schema_names_every_kind_and_property_in_both_languages() -> None:
    document = json.loads((files("service") / "layer_schemas" / "edits.json").read_text(encoding="utf-8"))
    declared = document["properties"]["properties"]["properties"]
    assert set(declared) == set(PROPERTIES)
    assert tuple(declared["edit"]["enum"]) == KINDS
    assert all(entry["title"] and entry["x-title-zh"] for entry in declared.values())


letters = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
names = st.text(letters, min_size=1).filter(lambda s: s == s.strip())


@given(name=names, site=names, note=names, x=st.floats(-179, 179), y=st.floats(-89, 89))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, name: str, site: str, note: str,
                                       x: float, y: float) -> None:
    point = shapely.Point(round(x, 6), round(y, 6))
    edits = (Edit(name, "move", site, ("t",), "k", False, "N", point, note, "edits.geojson"),
             Edit(name + "2", "no_go", None, ("t", "u"), geometry=point.buffer(0.5, quad_segs=1)),
             Edit(name + "3", "forbid", site))
    path = tmp_path_factory.mktemp("edits") / "edits.geojson"
    path.write_text(edits_text(edits), encoding="utf-8")
    read = read_edits(path).edits
    for was, now in zip(edits, read, strict=True):
        assert (was.id, was.kind, was.site_id, was.tier_ids, was.size_id, was.new_site_id, was.note) == (
            now.id, now.kind, now.site_id, now.tier_ids, now.size_id, now.new_site_id, now.note)
        if was.geometry is None:
            assert now.geometry is None
        else:
            assert now.geometry is not None
            assert shapely.hausdorff_distance(was.geometry, now.geometry) < 1e-8
