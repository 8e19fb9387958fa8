"""Coordinates: which metric system, how exact the map datums are undone, which datums are refused."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from geodata.crs import (
    bd09_to_wgs84,
    checked_metric_crs,
    declared,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    in_china,
    metric_crs_for,
    metric_crs_of,
    private_datum,
    reread,
    to_metric,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from geodata.tables import DataError

METRES_PER_DEGREE = 111_320.0
longitudes, latitudes = st.floats(74.0, 134.0), st.floats(18.5, 53.0)


@pytest.mark.parametrize(
    ("place", "longitude", "latitude", "crs"),
    [
        ("Wuhan", 114.27, 30.6, "EPSG:4547"),
        ("Wuxi", 120.4, 31.5, "EPSG:4549"),
        ("Beijing", 116.4, 39.9, "EPSG:4548"),
        ("Urumqi", 87.6, 43.8, "EPSG:4538"),
        ("Kashgar", 76.0, 39.5, "EPSG:4534"),
        ("Fuyuan", 134.3, 48.4, "EPSG:4554"),
        ("Sanya", 109.5, 18.25, "EPSG:4545"),
        ("Lhasa", 91.1, 29.65, "EPSG:4539"),
        ("Porto Alegre", -51.2, -30.0, "EPSG:32722"),
        ("Heidelberg", 8.7, 49.4, "EPSG:32632"),
        ("Seoul", 127.0, 37.5, "EPSG:32652"),
        ("Hanoi", 105.85, 21.03, "EPSG:32648"),
        ("Ulaanbaatar", 106.9, 47.9, "EPSG:32648"),
        ("Fiji", 179.99, -17.0, "EPSG:32760"),
    ],
)
def test_metric_system_of_a_place(place: str, longitude: float, latitude: float, crs: str) -> None:
    assert metric_crs_of(longitude, latitude) == crs, place


@given(longitudes, latitudes)
def test_the_zone_of_a_place_in_china_is_the_nearest_meridian(longitude: float, latitude: float) -> None:
    name = metric_crs_of(longitude, latitude)
    if not name.startswith("EPSG:45"):
        return
    crs = CRS.from_user_input(name)
    meridian = next(p.value for p in crs.coordinate_operation.params if p.name == "Longitude of natural origin")
    easting = next(p.value for p in crs.coordinate_operation.params if p.name == "False easting")
    assert abs(longitude - meridian) <= 1.5 + 1e-9
    assert easting == 500_000.0  # without zone prefix
    assert "CGCS2000" in crs.name


def test_published_values_of_the_map_datums() -> None:
    """Values that the common open converters print in their manuals."""
    x, y = wgs84_to_gcj02(np.array([116.404]), np.array([39.915]))
    assert (x[0], y[0]) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-9)
    x, y = gcj02_to_bd09(np.array([116.404]), np.array([39.915]))
    assert (x[0], y[0]) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-9)


@given(longitudes, latitudes)
def test_inverse_undoes_the_map_datums_within_a_millimetre(longitude: float, latitude: float) -> None:
    x, y = np.array([longitude]), np.array([latitude])
    for forward, inverse in ((wgs84_to_gcj02, gcj02_to_wgs84), (wgs84_to_bd09, bd09_to_wgs84)):
        back_x, back_y = inverse(*forward(x, y))
        assert abs(back_x[0] - longitude) * METRES_PER_DEGREE < 1e-3
        assert abs(back_y[0] - latitude) * METRES_PER_DEGREE < 1e-3


def test_a_declared_map_datum_comes_back_on_wgs84() -> None:
    true = gpd.GeoDataFrame(geometry=[shapely.box(114.2, 30.5, 114.3, 30.6)], crs="EPSG:4326")
    for datum, forward in (("GCJ-02", wgs84_to_gcj02), ("BD-09", wgs84_to_bd09)):
        moved = true.set_geometry(
            shapely.transform(true.geometry.array, lambda xy, f=forward: np.column_stack(f(*xy.T)))
        )
        metres = Geod(ellps="WGS84").inv(*moved.geometry[0].exterior.coords[0], *true.geometry[0].exterior.coords[0])[2]
        assert 300 < metres < 1500  # the shift is real
        for given_crs in ("EPSG:4326", None):  # declared WGS 84 by its file, or without any CRS
            frame = moved.set_crs(given_crs, allow_override=True)
            back, _ = declared(frame, datum, "f", None)
            assert back.crs == true.crs
            assert shapely.equals_exact(back.geometry[0], true.geometry[0], tolerance=1e-9)
    assert moved.geometry[0] != true.geometry[0]  # the input is left as it was


def test_reread_is_the_way_there_and_back() -> None:
    points = to_metric(gpd.GeoSeries(gpd.points_from_xy([114.27, 120.4], [30.6, 31.5]), crs="EPSG:4326"), "EPSG:4547")
    there = reread(points, "EPSG:4326", "GCJ-02")
    assert (there.distance(points) > 300).all()
    assert (reread(there, "GCJ-02").distance(points) < 1e-3).all()


@pytest.mark.parametrize("code", [2327, 2379, 4610, 2401, 4214])
def test_datums_without_public_shift_are_refused(code: int) -> None:
    frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy([100.0], [30.0]), crs=f"EPSG:{code}")
    assert private_datum(frame.crs) is not None
    with pytest.raises(DataError) as caught:
        declared(frame, None, "survey.shp", "land")
    assert caught.value.faults[0].code == "crs_refused"


def test_swapped_and_impossible_coordinates_are_refused() -> None:
    for x, y, code in ((30.6, 114.3, "lon_lat_swapped"), (520_000.0, 3_390_000.0, "coordinates_impossible")):
        with pytest.raises(DataError) as caught:
            declared(gpd.GeoDataFrame(geometry=gpd.points_from_xy([x], [y]), crs="EPSG:4326"), None, "f", None)
        assert [f.code for f in caught.value.faults] == [code]


def test_an_override_is_noted_and_a_missing_crs_refused() -> None:
    frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy([520_000.0], [3_390_000.0]), crs="EPSG:32650")
    read, notes = declared(frame, "EPSG:4547", "f", None)
    assert read.crs == CRS.from_epsg(4547)
    assert [n.code for n in notes] == ["crs_overridden"]
    assert declared(frame, "EPSG:32650", "f", None)[1] == ()
    with pytest.raises(DataError, match="no_crs"):
        declared(frame.set_crs(None, allow_override=True), None, "f", None)


def test_metric_crs_of_a_layer_and_a_named_one() -> None:
    layer = gpd.GeoDataFrame(geometry=gpd.points_from_xy([114.2, 114.4], [30.5, 30.7]), crs="EPSG:4326")
    assert metric_crs_for(to_metric(layer, "EPSG:32650")) == "EPSG:4547"
    assert in_china(layer.geometry)
    assert to_wgs84(to_metric(layer, "EPSG:4547")).geometry.geom_equals_exact(layer.geometry, 1e-9).all()
    assert checked_metric_crs("EPSG:4549") == "EPSG:4549"
    for bad in ("EPSG:4326", "EPSG:2263", "EPSG:2379", "EPSG:1"):  # degrees, US feet, Xi'an 1980, unknown
        with pytest.raises(DataError):
            checked_metric_crs(bad)
