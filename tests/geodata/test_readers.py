"""Files to checked tables: formats, encodings, column names, ids, zones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geodata.crs import wgs84_to_gcj02
from geodata.places import ExclusionInput, Places, PlacesInput, distances_m, read_places, read_table, zone_of
from geodata.readers import Source, read_source
from geodata.readers.encoding import garbled_columns
from geodata.tables import COMMUNITIES, EXISTING_SITES, LAND, ROADS, ZONES, DataError, as_text
from tests import town

HANKOU = Path(__file__).parents[2] / "configs" / "studies" / "hankou" / "hankou.gpkg"
DATA = Path(os.environ.get("RECYNET_DATA", "/nowhere"))
needs_xinwu = pytest.mark.skipif(not (DATA / "wuxi_xinwu").is_dir(), reason="RECYNET_DATA/wuxi_xinwu is not there")


def town_input(folder: Path, **changes: object) -> PlacesInput:
    """The town's layers, written to a GeoPackage."""
    town.Town(folder).write()
    layers = {name: Source(folder / "town.gpkg", name) for name in ("communities", "roads", "land", "zones")}
    return PlacesInput(**{**layers, **changes})  # type: ignore[arg-type]


def write(frame: gpd.GeoDataFrame, path: Path) -> None:
    """A layer in the format of the suffix; .zip is a zipped shapefile in a folder with a Chinese name."""
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".zip":
        folder = path.parent / "街区"
        folder.mkdir()
        frame.to_file(folder / "街区.shp", encoding="UTF-8")
        shutil.make_archive(str(path.with_suffix("")), "zip", path.parent, "街区")
    else:
        frame.to_file(path, encoding="UTF-8")


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".zip", ".fgb", ".parquet"])
def test_every_vector_format_gives_the_same_table(tmp_path: Path, suffix: str) -> None:
    frame = town.communities().to_crs("EPSG:4326").rename(columns={"id": "编号", "population": "人口"})
    path = tmp_path / f"blocks{suffix}"
    write(frame, path)
    table, faults = read_table(Source(path, columns={"id": "编号", "population": "人口"}), COMMUNITIES)
    assert table is not None
    assert [f.code for f in faults] == []
    order = np.argsort(table["id"].to_numpy())  # FlatGeobuf sorts by place
    assert table["id"].to_numpy()[order].tolist() == list("ABCD")
    assert table["population"].to_numpy()[order].tolist() == [300.0, 400.0, 500.0, 600.0]
    assert np.isnan(table["households"]).all()
    back = table.to_crs(town.CRS).geometry.to_numpy()[order]
    assert shapely.area(back) == pytest.approx([22_500.0] * 4, rel=1e-6)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_csv_points_with_chinese_headers_in_gcj02(tmp_path: Path, encoding: str) -> None:
    true_x, true_y = np.array([114.27, 114.28]), np.array([30.60, 30.61])
    x, y = wgs84_to_gcj02(true_x, true_y)
    rows = [f"小区{n},{100 * n},{x[n]:.9f},{y[n]:.9f}" for n in range(2)]
    path = tmp_path / "小区.csv"
    path.write_text("\n".join(["名称,人口,经度,纬度", *rows]), encoding=encoding)
    source = Source(path, crs="GCJ-02", encoding=encoding, columns={"id": "名称", "name": "名称", "population": "人口"})
    table, faults = read_table(source, COMMUNITIES)
    assert table is not None
    assert faults == ()
    assert table["name"].tolist() == ["小区0", "小区1"]
    assert np.abs(shapely.get_x(table.geometry.to_numpy()) - true_x).max() < 1e-8
    assert np.abs(shapely.get_y(table.geometry.to_numpy()) - true_y).max() < 1e-8


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("id,population\nA,5\n", "column_missing"),
        ("", "layer_empty"),
        ("id,population,lon,lat\n", "layer_empty"),
        ("id,population,lon,lat\nA,5,114.2,\n", "geometry_null"),
        ("id,population,lon,lat\nA,5,30.6,114.2\n", "lon_lat_swapped"),
    ],
)
def test_faults_of_a_csv(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "c.csv").write_text(text, encoding="utf-8")
    _, faults = read_table(Source(tmp_path / "c.csv", crs="EPSG:4326"), COMMUNITIES)
    assert code in [f.code for f in faults]


def test_a_csv_must_name_its_coordinates_and_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("编号,人口,lon,lat\n甲,5,114.2,30.6\n", encoding="gbk")
    columns = {"id": "编号", "population": "人口"}
    assert "encoding_wrong" in [f.code for f in read_table(Source(tmp_path / "c.csv", columns=columns), COMMUNITIES)[1]]
    source = Source(tmp_path / "c.csv", encoding="gbk", columns=columns)
    assert [f.code for f in read_table(source, COMMUNITIES)[1]] == ["no_crs"]


def test_coordinate_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,population,E,N\nA,5,520000,3390000\n", encoding="utf-8")
    source = Source(tmp_path / "c.csv", crs="EPSG:4547", columns={"lon": "E", "lat": "N"})
    table, faults = read_table(source, COMMUNITIES)
    assert faults == ()
    assert table is not None
    assert table.geometry[0] == shapely.Point(520_000, 3_390_000)


def test_rows_without_an_id_column_are_numbered_and_noted(tmp_path: Path) -> None:
    town.roads().to_file(tmp_path / "roads.gpkg")
    table, faults = read_table(Source(tmp_path / "roads.gpkg"), ROADS)
    assert table is not None
    assert table["id"].tolist() == [f"row-{n}" for n in range(1, 13)]
    assert [(f.code, f.severity) for f in faults] == [("id_synthetic", "note")]


def test_every_fault_of_a_layer_is_found_at_once(tmp_path: Path) -> None:
    frame = town.communities()
    frame["id"] = ["A", None, "C", "C"]
    frame["population"] = [np.inf, 5.0, -1.0, 7.0]
    frame["households"] = [1.0, -2.0, 3.0, 4.0]
    frame.to_file(tmp_path / "c.gpkg")
    table, faults = read_table(Source(tmp_path / "c.gpkg"), COMMUNITIES)
    assert {(f.code, f.feature_id) for f in faults} == {
        ("value_not_number", "A"),
        ("id_missing", "row-2"),
        ("id_repeated", "C"),
        ("value_too_small", "C"),
        ("value_too_small", "row-2"),
    }
    assert table is not None
    assert "A" not in table["id"].tolist()  # a row without a number cannot be computed with


def test_class_codes_are_text_without_decimals() -> None:
    assert [as_text(v) for v in (3, 3.0, "3", " 07 ", 2.5)] == ["3", "3", "3", "07", "2.5"]


def test_places_are_metric_and_under_our_names(tmp_path: Path) -> None:
    places = read_places(town_input(tmp_path))
    assert places.crs_metric == town.CRS
    assert list(places.communities.columns) == [
        "id",
        "population",
        "households",
        "name",
        "geometry",
        "area_m2",
        "zone_id",
    ]
    assert places.communities["zone_id"].tolist() == ["W", "E", "W", "E"]
    assert places.land["zone_id"].tolist() == ["W", "E", "E"]
    assert places.land["area_m2"].tolist() == pytest.approx([22_500.0, 3_600.0, 400.0])
    assert places.zones["name"].tolist() == ["西区", "东区"]
    assert len(places.existing_sites) == 0
    assert {"id", "tier", "status", "size", "closing_cost_cny", "zone_id"} <= set(places.existing_sites.columns)


def test_optional_layers_may_be_left_out(tmp_path: Path) -> None:
    places = read_places(town_input(tmp_path, zones=None, land=None))
    assert places.communities["zone_id"].tolist() == [None] * 4
    assert len(places.land) == len(places.zones) == 0


def test_a_zone_named_in_the_file_wins_and_an_unknown_one_is_reported(tmp_path: Path) -> None:
    frame = town.communities()
    frame["district"] = ["东区", "E", "北区", None]
    frame.to_file(tmp_path / "named.gpkg")
    places = read_places(
        town_input(tmp_path, communities=Source(tmp_path / "named.gpkg", columns={"zone": "district"}))
    )
    assert places.communities["zone_id"].tolist() == ["E", "E", "W", "E"]  # by name, by id, by place, by place
    assert [(f.code, f.feature_id) for f in places.faults if f.code == "zone_unknown"] == [("zone_unknown", "C")]


def test_zone_is_that_of_the_largest_overlap() -> None:
    zones = town.zones()
    shapes = gpd.GeoSeries(
        [
            town.square(190, 0, 30),
            town.square(185, 0, 20),
            town.square(2000, 0, 10),
            shapely.Point(town.ORIGIN_X + 300, town.ORIGIN_Y + 5),
        ],
        crs=town.CRS,
    )
    assert zone_of(shapes, zones) == ["E", "W", None, "E"]


def test_multi_part_streets_become_single_lines_with_ids(tmp_path: Path) -> None:
    parts = shapely.MultiLineString([town.line((0, 0), (0, 200)), town.line((0, 200), (0, 400))])
    roads = gpd.GeoDataFrame(
        {"id": ["a", "b"], "highway": ["['primary', 'residential']", None]},
        crs=town.CRS,
        geometry=[parts, town.line((0, 0), (400, 0))],
    )
    roads.to_file(tmp_path / "roads.gpkg")
    places = read_places(town_input(tmp_path, roads=Source(tmp_path / "roads.gpkg")))
    assert places.roads["id"].tolist() == ["a.1", "a.2", "b"]
    assert places.roads["highway"].tolist() == ["primary", "primary", None]
    assert set(places.roads.geom_type) == {"LineString"}
    assert places.roads.length.tolist() == pytest.approx([200.0, 200.0, 400.0])


def test_existing_sites_and_exclusions_are_read(tmp_path: Path) -> None:
    sites = gpd.GeoDataFrame(
        {"id": ["S"], "tier": ["some_tier"], "status": ["keep"]},
        crs=town.CRS,
        geometry=[town.square(10, 10, 5).centroid],
    )
    sites.to_file(tmp_path / "sites.gpkg")
    water = gpd.GeoDataFrame(geometry=[town.square(0, 500, 50)], crs=town.CRS).to_crs("EPSG:4326")
    water.to_file(tmp_path / "water.geojson")
    places = read_places(
        town_input(
            tmp_path,
            existing_sites=Source(tmp_path / "sites.gpkg"),
            exclusions=(ExclusionInput("water", 5.0, Source(tmp_path / "water.geojson")),),
        )
    )
    assert places.existing_sites["closing_cost_cny"].tolist() == [0.0]
    assert places.existing_sites["zone_id"].tolist() == ["W"]
    assert places.exclusions[0].geometries.area.sum() == pytest.approx(2500.0, rel=1e-6)
    sites.assign(status="perhaps").to_file(tmp_path / "sites.gpkg")
    _, faults = read_table(Source(tmp_path / "sites.gpkg"), EXISTING_SITES)
    assert [f.code for f in faults] == ["value_not_allowed"]


def test_an_area_column_that_differs_is_reported(tmp_path: Path) -> None:
    town.land().assign(area_m2=[22_500.0, 3_700.0, 4_000.0]).to_file(tmp_path / "land.gpkg")
    places = read_places(town_input(tmp_path, land=Source(tmp_path / "land.gpkg")))
    assert [(f.code, f.feature_id) for f in places.faults if f.code == "area_differs"] == [("area_differs", "P3")]


def test_distance_to_the_nearest_street() -> None:
    shapes = gpd.GeoSeries([town.square(25, 25, 150), town.square(410, 100, 10)], crs=town.CRS)
    assert distances_m(shapes, town.roads().geometry).tolist() == pytest.approx([25.0, 10.0])
    assert np.isinf(distances_m(shapes, town.roads().geometry.iloc[:0])).all()


def test_heights_are_dropped_and_nothing_else_changes(tmp_path: Path) -> None:
    flat = town.land()
    flat.set_geometry(shapely.force_3d(flat.geometry.array, z=12.0)).to_file(tmp_path / "land.gpkg")
    table, _ = read_table(Source(tmp_path / "land.gpkg"), LAND)
    assert table is not None
    assert table.geometry.geom_equals_exact(flat.geometry, 0).all()


def test_wrong_encodings_are_recognised() -> None:
    chinese = "道路等级"
    gbk_as_latin = chinese.encode("gbk").decode("latin-1")
    utf8_as_gbk = "汉口小区名称".encode().decode("gbk")
    frame = gpd.GeoDataFrame(
        {gbk_as_latin: ["x"], "wrong": [utf8_as_gbk], "right": [chinese], "french": ["Müller"]},
        geometry=[shapely.Point(0, 0)],
    )
    assert garbled_columns(frame) == [gbk_as_latin, "wrong"]


def test_words_with_accents_are_not_taken_for_chinese() -> None:
    """Two high letters in a row are a character of GB 2312, but a Finnish or Portuguese name is mostly ASCII."""
    names = ["Pääskynen", "Rua São João", "Øster Allé", "Äänekoski"]
    assert garbled_columns(pd.DataFrame({"name": names[:1]})) == []
    assert garbled_columns(pd.DataFrame({"name": names})) == []


def test_hankou_has_the_counts_its_readme_states() -> None:
    places = read_places(
        PlacesInput(
            Source(HANKOU, "communities", columns={"id": "community_id", "zone": "district"}),
            Source(HANKOU, "roads"),
            Source(HANKOU, "candidate_land", columns={"id": "parcel_id", "zone": "district"}),
            Source(HANKOU, "zones", columns={"id": "adcode", "name": "district"}),
        )
    )
    assert (len(places.communities), len(places.roads), len(places.land), len(places.zones)) == (986, 20_369, 317, 3)
    assert places.communities["population"].sum() == 2_279_853
    assert places.crs_metric == "EPSG:4547"
    census = {"420102": 965_260, "420103": 647_932, "420104": 666_661}
    assert places.land["zone_id"].notna().all()
    assert places.communities.groupby("zone_id")["population"].sum().to_dict() == census


@needs_xinwu
def test_gbk_shapefile_of_a_planning_office() -> None:
    path = next((DATA / "wuxi_xinwu" / "planner_formats").rglob("*.shp"))
    table, faults = read_table(Source(path, encoding="GBK", columns={"highway": "道路等级"}), ROADS)
    assert table is not None
    assert [f.code for f in faults] == ["id_synthetic"]
    assert len(table) == 5_835
    assert {"高速公路", "主干路"} <= set(table["highway"])
    _, faults = read_table(Source(path, columns={"highway": "道路等级"}), ROADS)
    assert {"text_garbled", "column_missing"} <= {f.code for f in faults}


@needs_xinwu
def test_gcj02_boundary_meets_the_true_outline_after_conversion() -> None:
    folder = DATA / "wuxi_xinwu"
    path = next((folder / "planner_formats").glob("*.geojson"))

    def outline(source: Source) -> shapely.Geometry:
        table, _ = read_table(source, ZONES)
        assert table is not None
        return table.to_crs("EPSG:4549").geometry.union_all()

    true = outline(Source(folder / "boundary.gpkg"))
    overlap = {}
    for crs in (None, "GCJ-02"):
        found = outline(Source(path, crs=crs))
        overlap[crs] = found.intersection(true).area / found.union(true).area
    assert overlap[None] == pytest.approx(0.895, abs=0.005)
    assert overlap["GCJ-02"] == pytest.approx(0.977, abs=0.005)


def test_reading_repairs_and_drops_nothing(tmp_path: Path) -> None:
    frame = town.communities()
    frame.loc[1, "geometry"] = None
    frame.to_file(tmp_path / "c.gpkg")
    raw = read_source(Source(tmp_path / "c.gpkg")).frame
    assert len(raw) == 4
    with pytest.raises(DataError, match="geometry_null"):
        read_places(town_input(tmp_path, communities=Source(tmp_path / "c.gpkg")))


def test_places_is_frozen(tmp_path: Path) -> None:
    places: Places = read_places(town_input(tmp_path))
    with pytest.raises(AttributeError):
        places.crs_metric = "EPSG:4326"  # type: ignore[misc]


OSM = """<osm version="0.6">
<node id="1" lat="30.60" lon="114.27"/><node id="2" lat="30.61" lon="114.27"/><node id="3" lat="30.61" lon="114.28"/>
<way id="10"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/><tag k="oneway" v="-1"/><tag k="maxspeed" v="60"/>
<tag k="name" v="&quot;a&quot;,oneway"/></way>
<way id="11"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="1"/><tag k="highway" v="tertiary"/>
<tag k="junction" v="roundabout"/></way>
<way id="12"><nd ref="2"/><nd ref="3"/><tag k="waterway" v="canal"/></way>
<way id="13"><nd ref="2"/><nd ref="3"/><tag k="highway" v="residential"/></way>
</osm>"""


def test_streets_of_an_osm_extract(tmp_path: Path) -> None:
    (tmp_path / "town.osm").write_text(OSM, encoding="utf-8")
    table, faults = read_table(Source(tmp_path / "town.osm"), ROADS)
    assert table is not None
    assert faults == ()
    rows = {row.id: (row.highway, row.oneway, row.maxspeed) for row in table.itertuples()}
    assert rows == {
        "10": ("primary", "-1", "60"),
        "11": ("tertiary", "yes", None),
        "13": ("residential", None, None),
    }
    assert table.geometry[1].is_closed


def test_an_osm_extract_without_streets_is_empty(tmp_path: Path) -> None:
    (tmp_path / "bare.osm").write_text(OSM.replace("highway", "old_highway"), encoding="utf-8")
    assert [f.code for f in read_table(Source(tmp_path / "bare.osm"), ROADS)[1]] == ["layer_empty"]
    (tmp_path / "broken.osm.pbf").write_bytes(b"nothing")
    assert [f.code for f in read_table(Source(tmp_path / "broken.osm.pbf"), ROADS)[1]] == ["file_unreadable"]


@pytest.mark.skipif(not (DATA / "porto_alegre").is_dir(), reason="RECYNET_DATA/porto_alegre is not there")
def test_a_real_extract_has_the_ways_its_readme_counts() -> None:
    table, faults = read_table(Source(DATA / "porto_alegre" / "poa_osm.pbf"), ROADS)
    assert table is not None
    assert faults == ()
    main = ("motorway", "trunk", "primary", "secondary", "tertiary")
    drivable = {*main, *(f"{name}_link" for name in main), "unclassified", "residential", "living_street", "service"}
    assert abs(table["highway"].isin(drivable).sum() - 12_281) <= 20  # a few closed service ways are mapped as areas
    assert table["maxspeed"].notna().sum() == pytest.approx(5_388, abs=30)
