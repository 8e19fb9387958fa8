"""What the audit finds, feature by feature, and what it stays silent about."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geodata.audit import audit_places
from geodata.crs import GCJ02, WGS84, reread
from geodata.places import PlacesInput, collect_places, read_places
from geodata.readers import Source
from tests import town

HANKOU = Path(__file__).parents[2] / "configs" / "studies" / "hankou" / "hankou.gpkg"


def findings(folder: Path, **layers: gpd.GeoDataFrame) -> set[tuple[str, str | None]]:
    """Code and feature id of everything the audit finds in the town with some layers changed."""
    place = town.Town(folder)
    place.layers.update(layers)
    place.write()
    sources = {name: Source(folder / "town.gpkg", name) for name in place.layers}
    inputs = PlacesInput(**sources)  # type: ignore[arg-type]
    places, _ = collect_places(inputs)
    assert places is not None
    return {(f.code, f.feature_id) for f in audit_places(places, inputs)}


def test_the_town_has_only_missing_tags(tmp_path: Path) -> None:
    assert findings(tmp_path) == {("tag_missing", None)}


def test_doubtful_communities(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"id": ["A", "B", "copy", "sliver", "far"], "population": [1, 0, 1, 1, 1]},
        crs=town.CRS,
        geometry=[
            town.square(25, 25, 150),
            town.square(225, 25, 150),
            town.square(25, 25, 150).reverse(),
            town.square(30, 230, 9),
            town.square(25, 950, 20),
        ],
    )
    assert findings(tmp_path, communities=frame) - {("tag_missing", None)} == {
        ("population_zero", "B"),
        ("geometry_repeated", "copy"),
        ("sliver", "sliver"),
        ("far_from_street", "far"),
    }


def test_doubtful_streets_and_zones(tmp_path: Path) -> None:
    roads = gpd.GeoDataFrame(
        {"id": ["loop", "dot", "fine"], "highway": ["primary"] * 3},
        crs=town.CRS,
        geometry=[
            town.line((0, 0), (200, 200), (200, 0), (0, 200)),
            town.line((0, 0), (0, 0.3)),
            town.line((0, 0), (400, 0)),
        ],
    )
    zones = gpd.GeoDataFrame(
        {"id": ["all", "empty"]}, crs=town.CRS, geometry=[town.square(0, 0, 400), town.square(900, 900, 9)]
    )
    assert findings(tmp_path, roads=roads, zones=zones) - {("tag_missing", None)} == {
        ("line_crosses_itself", "loop"),
        ("line_too_short", "dot"),
        ("zone_empty", "empty"),
    }


def test_points_are_no_slivers(tmp_path: Path) -> None:
    frame = town.communities()
    assert findings(tmp_path, communities=frame.set_geometry(frame.centroid)) == {("tag_missing", None)}


@pytest.mark.parametrize("moved", ["communities", "roads", None])
def test_a_layer_in_gcj02_read_as_wgs84_is_suspected(tmp_path: Path, moved: str | None) -> None:
    """Hankou's real blocks and streets, one of the two shifted the way a map service draws them."""
    layers = {name: gpd.read_file(HANKOU, layer=name) for name in ("communities", "roads")}
    if moved is not None:
        frame = layers[moved]
        xy = shapely.get_coordinates(frame.geometry.array)
        shifted = reread(gpd.GeoSeries(gpd.points_from_xy(xy[:, 0], xy[:, 1]), crs=frame.crs), WGS84, GCJ02)
        layers[moved] = frame.set_geometry(
            gpd.GeoSeries(
                shapely.set_coordinates(frame.geometry.array.copy(), shapely.get_coordinates(shifted.array)),
                crs=frame.crs,
            )
        )
    for name, frame in layers.items():
        frame.to_file(tmp_path / "h.gpkg", layer=name)
    inputs = PlacesInput(
        Source(tmp_path / "h.gpkg", "communities", columns={"id": "community_id"}), Source(tmp_path / "h.gpkg", "roads")
    )
    suspected = [f for f in audit_places(read_places(inputs), inputs) if f.code == "datum_suspect"]
    assert [f.layer for f in suspected] == ([] if moved is None else [moved])
    assert all("GCJ-02" in f.title.en for f in suspected)
