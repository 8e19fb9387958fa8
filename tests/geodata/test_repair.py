"""What is put right in a layer, what is left alone, and that every change is listed."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely
import shapely.affinity

from geodata.readers import Source
from geodata.repair import repaired
from geodata.tables import COMMUNITIES, ROADS
from tests import town


def layer(folder: Path, frame: gpd.GeoDataFrame, **values: object) -> Source:
    frame.to_file(folder / "x.gpkg", layer="x", driver="GPKG")
    return Source(folder / "x.gpkg", "x", **values)  # type: ignore[arg-type]


def test_a_bow_tie_becomes_its_two_halves(tmp_path: Path) -> None:
    """Two triangles of 50 m2 each; the sound square stays bit for bit."""
    tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    shapes = [shapely.affinity.translate(tie, town.ORIGIN_X, town.ORIGIN_Y), town.square(50, 50, 10)]
    frame = gpd.GeoDataFrame({"id": ["tie", "square"], "population": [1, 2]}, geometry=shapes, crs=town.CRS)
    found = repaired(layer(tmp_path, frame), COMMUNITIES)
    assert found.frame is not None
    assert [(r.feature_id, r.code) for r in found.repairs] == [("tie", "geometry_invalid")]
    back = found.frame.to_crs(town.CRS)
    assert back.geometry.is_valid.all()
    assert back.geometry.area.tolist() == pytest.approx([50.0, 100.0], rel=1e-6)
    assert found.left == ()


def test_empty_rows_copies_and_ids(tmp_path: Path) -> None:
    """The copy goes, the row without a shape goes, the second A is called A-3 because A-2 is taken."""
    shapes = [town.square(0, 0, 10), town.square(20, 0, 10), town.square(0, 0, 10), None, town.square(40, 0, 10)]
    frame = gpd.GeoDataFrame({"id": ["A", "A", "B", "C", "A-2"], "population": [1, 2, 1, 4, 5]}, geometry=shapes,
                             crs=town.CRS)
    found = repaired(layer(tmp_path, frame), COMMUNITIES)
    assert found.frame is not None
    assert found.frame["id"].tolist() == ["A", "A-3", "A-2"]
    assert found.frame["population"].tolist() == [1.0, 2.0, 5.0]
    assert {(r.feature_id, r.code) for r in found.repairs} == {
        ("C", "geometry_null"), ("B", "geometry_repeated"), ("A-3", "id_repeated")}


def test_an_outline_without_ground_is_left_and_told(tmp_path: Path) -> None:
    """All corners on one line: nobody knows what was meant."""
    flat = shapely.affinity.translate(shapely.Polygon([(0, 0), (10, 0), (20, 0)]), town.ORIGIN_X, town.ORIGIN_Y)
    frame = gpd.GeoDataFrame({"id": ["flat"], "population": [1]}, geometry=[flat], crs=town.CRS)
    found = repaired(layer(tmp_path, frame), COMMUNITIES)
    assert found.frame is not None
    assert found.repairs == ()
    assert [(f.code, f.feature_id) for f in found.left] == [("geometry_invalid", "flat")]


def test_rows_without_an_id_get_one(tmp_path: Path) -> None:
    shapes = [town.square(0, 0, 10), town.square(20, 0, 10)]
    frame = gpd.GeoDataFrame({"id": ["A", None], "population": [1, 2]}, geometry=shapes, crs=town.CRS)
    found = repaired(layer(tmp_path, frame), COMMUNITIES)
    assert found.frame is not None
    assert found.frame["id"].tolist() == ["A", "communities-2"]
    assert [(r.feature_id, r.code) for r in found.repairs] == [("communities-2", "id_missing")]


def test_the_same_place_with_other_people_is_left_to_somebody_who_knows(tmp_path: Path) -> None:
    shapes = [town.square(0, 0, 10), town.square(0, 0, 10)]
    frame = gpd.GeoDataFrame({"id": ["A", "B"], "population": [1, 2]}, geometry=shapes, crs=town.CRS)
    found = repaired(layer(tmp_path, frame), COMMUNITIES)
    assert found.frame is not None
    assert len(found.frame) == 2
    assert found.repairs == ()


def test_exchanged_coordinates(tmp_path: Path) -> None:
    true = gpd.GeoDataFrame({"id": ["A"], "population": [1]}, geometry=[shapely.Point(114.3, 30.6)], crs="EPSG:4326")
    wrong = true.set_geometry(gpd.GeoSeries([shapely.Point(30.6, 114.3)], crs="EPSG:4326"))
    for frame, codes in ((true, []), (wrong, ["lon_lat_swapped"])):
        found = repaired(layer(tmp_path, frame), COMMUNITIES)
        assert found.frame is not None
        assert found.frame.geometry.iloc[0].equals(shapely.Point(114.3, 30.6))
        assert [r.code for r in found.repairs] == codes


def test_what_cannot_be_read_is_left(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"id": ["A"], "population": ["many"]}, geometry=[town.square(0, 0, 10)], crs=town.CRS)
    found = repaired(layer(tmp_path, frame), COMMUNITIES)
    assert [f.code for f in found.left] == ["value_not_number"]
    missing = repaired(Source(tmp_path / "none.gpkg"), ROADS)
    assert missing.frame is None
    assert [(f.code, f.layer) for f in missing.left] == [("file_missing", "roads")]
