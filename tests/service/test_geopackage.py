"""plan.gpkg opens everywhere: version 1.2, every layer with its types, a default style that is well-formed QML."""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ElementTree
from contextlib import closing
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from service.geopackage import GEOMETRY_COLUMN, write_geopackage
from service.palette import load_palette
from tests.service.small_run import ATTRIBUTION, ESTIMATED, TIERS, small_layers


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpkg") / "plan.gpkg"
    layers = small_layers()
    write_geopackage(path, layers, titles={n: f"title of {n}" for n in layers}, attribution=ATTRIBUTION,
                     estimated=ESTIMATED)
    return path


def rows(package: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(package)) as db:
        return db.execute(query).fetchall()


def test_it_is_geopackage_1_2(package: Path) -> None:
    assert rows(package, "PRAGMA user_version") == [(10200,)]
    assert rows(package, "PRAGMA application_id") == [(0x47504B47,)]
    assert rows(package, "PRAGMA integrity_check") == [("ok",)]


def test_every_layer_reads_back_whole(package: Path) -> None:
    for name, features in small_layers().items():
        read = pyogrio.read_dataframe(package, layer=name)
        assert read["id"].tolist() == features["id"].tolist()
        assert read.crs.to_epsg() == 4326
        for column in set(features.columns) - {"geometry"}:
            assert column in read.columns
        assert np.allclose(read.geometry.bounds, features.geometry.bounds, atol=1e-7)


def test_a_column_without_values_keeps_its_declared_type(package: Path) -> None:
    info = pyogrio.read_info(package, layer=TIERS[0])
    kinds = dict(zip(info["fields"], info["ogr_types"], strict=True))
    assert kinds["capacity_m3_per_day"] == "OFTReal"  # null throughout in this run
    assert kinds["parcel_id"] == "OFTString"


def test_every_layer_has_one_default_style_that_parses(package: Path) -> None:
    styles = rows(package, "SELECT f_table_name, f_geometry_column, styleQML, useAsDefault, f_table_catalog, "
                           "f_table_schema FROM layer_styles")
    assert sorted(s[0] for s in styles) == sorted(small_layers())
    for _, column, qml, default, catalog, schema in styles:
        root = ElementTree.fromstring(str(qml))
        assert root.tag == "qgis"
        renderer = root.find("renderer-v2")
        assert renderer is not None
        names = {s.get("name") for s in renderer.iter("symbol")}
        used = {e.get("symbol") for e in [*renderer.iter("range"), *renderer.iter("category")]}
        assert used <= names
        assert (column, default, catalog, schema) == (GEOMETRY_COLUMN, 1, "", "")
    assert rows(package, "SELECT data_type FROM gpkg_contents WHERE table_name='layer_styles'") == [("attributes",)]


def test_sites_are_sized_by_load_and_communities_coloured_by_capture(package: Path) -> None:
    styles = dict(rows(package, "SELECT f_table_name, styleQML FROM layer_styles"))
    for tier in TIERS:
        assert "load_t_per_day" in str(styles[tier])
    assert "flow_t_per_day" in str(styles["flows"])
    classes = ElementTree.fromstring(str(styles["communities"])).findall(".//range")
    assert [float(c.get("upper", "nan")) for c in classes] == [*load_palette().capture_breaks, 1.0]


def test_the_provenance_travels_with_every_layer(package: Path) -> None:
    for name, identifier, description in rows(package, "SELECT table_name, identifier, description FROM gpkg_contents"):
        if name == "layer_styles":
            continue
        assert identifier == f"title of {name}"
        assert ATTRIBUTION in str(description)
        assert ESTIMATED[0] in str(description)
    assert ATTRIBUTION in str(rows(package, "SELECT metadata FROM gpkg_metadata"))


def test_a_layer_without_features_keeps_its_columns_and_style(tmp_path: Path) -> None:
    layers = {name: layer.head(0) for name, layer in small_layers().items()}
    write_geopackage(tmp_path / "plan.gpkg", layers, titles={}, attribution=ATTRIBUTION, estimated=[])
    for name, layer in layers.items():
        info = pyogrio.read_info(tmp_path / "plan.gpkg", layer=name)
        assert info["features"] == 0
        assert set(info["fields"]) == set(layer.columns) - {"geometry"}
    assert rows(tmp_path / "plan.gpkg", "SELECT count(*) FROM layer_styles") == [(len(layers),)]
