"""Layers are RFC 7946 to the letter, and what cannot be written so is refused with every fault."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon

from service.geojson import LayerError, write_layer
from service.layer_schema import load_schema
from tests.service.rfc7946 import faults_of, signed_area
from tests.service.small_run import ATTRIBUTION, ESTIMATED, TIERS, small_layers, small_streets


def written(folder: Path, name: str, features: geopandas.GeoDataFrame) -> str:
    path = folder / f"{name}.geojson"
    write_layer(path, name, features, title=name, attribution=ATTRIBUTION, estimated=ESTIMATED)
    return path.read_text(encoding="utf-8")


def frame(rows: list[dict[str, object]], geometry: list[object]) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(rows, geometry=geometry, crs="EPSG:4326")


@pytest.mark.parametrize("name", [*small_layers(), "streets"])
def test_every_layer_conforms(tmp_path: Path, name: str) -> None:
    features = {**small_layers(), "streets": small_streets()}[name]
    schema = load_schema(name, TIERS)
    text = written(tmp_path, name, features)
    assert faults_of(text, schema.document if schema else None) == []
    assert len(json.loads(text)["features"]) == len(features) > 0
    assert json.loads(text)["attribution"] == ATTRIBUTION
    assert json.loads(text)["estimated"] == ESTIMATED


def test_the_checker_sees_a_clockwise_ring_a_crs_and_a_wrong_bbox() -> None:
    ring = [[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]
    assert signed_area(ring) < 0
    bad = {"type": "FeatureCollection", "crs": {}, "bbox": [0, 0, 2, 2], "features": [
        {"type": "Feature", "id": "a", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}]}
    assert len(faults_of(json.dumps(bad))) == 3


def test_holes_run_the_other_way_and_single_parts_become_multi(tmp_path: Path) -> None:
    shell = [(114.0, 30.0), (114.0, 30.1), (114.1, 30.1), (114.1, 30.0)]
    hole = [(114.02, 30.02), (114.05, 30.02), (114.05, 30.05), (114.02, 30.05)]
    layer = small_layers()["communities"].head(1).set_geometry([Polygon(shell, [hole])])
    geometry = json.loads(written(tmp_path, "communities", layer))["features"][0]["geometry"]
    assert geometry["type"] == "MultiPolygon"
    outer, inner = geometry["coordinates"][0]
    assert signed_area(outer) > 0 > signed_area(inner)


def test_missing_values_are_null_and_whole_numbers_stay_whole(tmp_path: Path) -> None:
    layer = small_layers()["communities"]
    layer["parts_count"] = layer["parts_count"].astype(float)
    layer.loc[0, "parts_count"] = float("nan")
    rows = [f["properties"] for f in json.loads(written(tmp_path, "communities", layer))["features"]]
    assert rows[0]["parts_count"] is None
    assert [type(r["parts_count"]) for r in rows[1:]] == [int] * (len(rows) - 1)


def test_all_faults_of_a_layer_are_named_at_once(tmp_path: Path) -> None:
    layer = frame([{"id": "a", "part_id": "x"}, {"id": "a", "part_id": "y"}], [Point(0, 0), Point(0, 95)])
    with pytest.raises(LayerError) as raised:
        written(tmp_path, "unserved", layer)
    for fault in ("id 'a' is repeated", "outside the globe", "'reason' is missing", "'unserved_t_per_day' is missing"):
        assert fault in str(raised.value)
    assert not (tmp_path / "unserved.geojson").exists()


@pytest.mark.parametrize(("change", "fault"), [
    (lambda t: t.to_crs(32650), "CRS"),
    (lambda t: t.set_crs(None, allow_override=True), "CRS"),
    (lambda t: t.assign(surprise=1), "'surprise' is not in the schema"),
    (lambda t: t.assign(unserved_t_per_day=float("inf")), "infinite"),
    (lambda t: t.assign(id=[7]), "not a non-empty string"),
])
def test_a_layer_that_breaks_its_promise_is_refused(tmp_path: Path, change, fault: str) -> None:
    with pytest.raises(LayerError, match=fault):
        written(tmp_path, "unserved", change(small_layers()["unserved"]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-179, 179), st.floats(-85, 85)), min_size=2, max_size=6, unique=True),
       st.text(min_size=1, max_size=8))
def test_any_line_and_any_text_survive(tmp_path_factory: pytest.TempPathFactory, places, word: str) -> None:
    layer = frame([{"id": "l", "word": word}], [LineString(places)])
    text = written(tmp_path_factory.mktemp("any"), "free", layer)
    assert faults_of(text) == []
    feature = json.loads(text)["features"][0]
    assert feature["properties"]["word"] == word
    for (x, y), (u, v) in zip(places, feature["geometry"]["coordinates"], strict=True):
        assert abs(x - u) <= 5.1e-8
        assert abs(y - v) <= 5.1e-8


def test_an_empty_layer_is_a_collection_without_features(tmp_path: Path) -> None:
    text = written(tmp_path, "unserved", small_layers()["unserved"].head(0))
    assert json.loads(text)["features"] == []
    assert "bbox" not in json.loads(text)
