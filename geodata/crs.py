"""Coordinates: the only caller of to_crs. Into the study's metric system, out to WGS 84, and China's map datums.

CGCS2000 and WGS 84 are treated as equal (they differ by less than a metre).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geodata.tables import DataError, Fault, fault

Float = NDArray[np.float64]
Frame = TypeVar("Frame", gpd.GeoDataFrame, gpd.GeoSeries)

WGS84 = "EPSG:4326"
GCJ02 = "GCJ-02"
BD09 = "BD-09"
_PRIVATE_DATUMS = ("xian 1980", "xi'an 1980", "beijing 1954", "new beijing")

# Outline of China with its coastal waters, about 30 km generous: it only chooses between two good projections.
_CHINA = shapely.Polygon([
    (73.3, 39.5), (74.9, 37.0), (78.5, 34.3), (78.4, 31.5), (81.2, 29.8), (88.0, 27.7), (92.0, 27.5), (97.3, 28.0),
    (97.4, 24.0), (99.0, 21.8), (101.7, 20.9), (102.5, 22.3), (105.3, 23.0), (106.6, 21.8), (108.0, 21.3),
    (107.5, 17.8), (110.5, 17.3), (115.0, 20.5), (120.0, 21.3), (122.5, 21.5), (123.2, 26.0), (124.0, 31.0),
    (123.0, 38.0), (124.3, 39.7), (126.5, 41.2), (128.3, 41.3), (130.7, 42.0), (131.4, 44.6), (133.3, 44.8),
    (135.0, 48.7), (131.0, 48.3), (127.7, 50.0), (125.7, 53.3), (120.0, 53.6), (119.6, 52.0), (117.6, 49.8),
    (115.3, 48.0), (119.5, 47.3), (111.7, 45.1), (111.5, 43.4), (105.0, 41.5), (96.5, 42.9), (91.2, 45.3),
    (90.9, 47.0), (87.5, 49.3), (85.4, 48.3), (82.3, 45.5), (79.8, 44.9), (80.3, 42.2), (76.5, 40.6)])


def metric_crs_of(longitude: float, latitude: float) -> str:
    """The metric system of a place, as EPSG:<n>: in China the CGCS2000 3-degree Gauss-Kruger zone (EPSG 4534-4554,
    without zone prefix) of its longitude, elsewhere its UTM zone on WGS 84."""
    if shapely.contains_xy(_CHINA, longitude, latitude):
        zone = min(max(round(longitude / 3.0), 25), 45)
        return f"EPSG:{4534 + zone - 25}"
    zone = min(int((longitude + 180.0) // 6.0) + 1, 60)
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def metric_crs_for(frame: gpd.GeoDataFrame) -> str:
    """The metric system of the middle of a layer, as EPSG:<n>."""
    west, south, east, north = to_wgs84(frame).total_bounds
    return metric_crs_of((west + east) / 2.0, (south + north) / 2.0)


def checked_metric_crs(name: str) -> str:
    """The name, if it is a projected system in metres; DataError otherwise."""
    try:
        crs = CRS.from_user_input(name)
    except CRSError as error:
        raise DataError([fault("crs_unknown", crs=name)]) from error
    if not crs.is_projected or {axis.unit_name for axis in crs.axis_info[:2]} != {"metre"}:
        raise DataError([fault("crs_not_metric", crs=name)])
    if datum := private_datum(crs):
        raise DataError([fault("crs_refused", crs=name, datum=datum)])
    return name


def to_metric(frame: Frame, crs_metric: str) -> Frame:
    """The layer in the study's metric system."""
    return frame.to_crs(crs_metric)


def to_wgs84(frame: Frame) -> Frame:
    """The layer in longitude and latitude on WGS 84 (x is longitude)."""
    return frame.to_crs(WGS84)


def to_system(frame: Frame, crs: CRS) -> Frame:
    """The layer in the system of another file, such as a raster's."""
    return frame.to_crs(crs)


def in_china(frame: gpd.GeoSeries) -> bool:
    """True when the middle of a layer lies in China."""
    west, south, east, north = to_wgs84(frame).total_bounds
    return bool(shapely.contains_xy(_CHINA, (west + east) / 2.0, (south + north) / 2.0))


def reread(points: gpd.GeoSeries, datum: str, onto: str = WGS84) -> gpd.GeoSeries:
    """Points where they would lie if their coordinates had been given in `datum` (GCJ-02, BD-09) - or, with datum
    WGS 84, where a map service that works in `onto` would draw them. In the system they came in."""
    inverse, forward = {GCJ02: gcj02_to_wgs84, BD09: bd09_to_wgs84}, {GCJ02: wgs84_to_gcj02, BD09: wgs84_to_bd09}
    move = inverse[datum] if datum != WGS84 else forward[onto]
    lonlat = to_wgs84(points)
    moved = shapely.transform(np.asarray(lonlat.array, dtype=object), _on_coordinates(move))
    return gpd.GeoSeries(moved, index=points.index, crs=WGS84).to_crs(points.crs)


def private_datum(crs: CRS) -> str | None:
    """Name of a datum whose shift to WGS 84 is not public (Xi'an 1980, Beijing 1954), or None."""
    geodetic = crs.geodetic_crs
    name = geodetic.datum.name if geodetic is not None and geodetic.datum is not None else crs.name
    return name if any(word in name.lower() for word in _PRIVATE_DATUMS) else None


def declared(frame: gpd.GeoDataFrame, crs: str | None, file: str,
             layer: str | None) -> tuple[gpd.GeoDataFrame, tuple[Fault, ...]]:
    """The layer with the coordinates the study declares (or the file's own), on a public datum, with notes.

    GCJ-02 and BD-09 come back on WGS 84. DataError: no CRS, unknown CRS, a datum without public shift,
    coordinates that cannot be longitude and latitude.
    """
    notes: list[Fault] = []
    if crs in (GCJ02, BD09):
        lonlat = to_wgs84(frame) if frame.crs is not None else frame.set_crs(WGS84)
        _check_degrees(lonlat, crs, file, layer)
        inverse = gcj02_to_wgs84 if crs == GCJ02 else bd09_to_wgs84
        moved = shapely.transform(np.asarray(lonlat.geometry.array, dtype=object), _on_coordinates(inverse))
        return lonlat.set_geometry(gpd.GeoSeries(moved, index=lonlat.index, crs=WGS84)), ()
    if crs is not None:
        try:
            meant = CRS.from_user_input(crs)
        except CRSError as error:
            raise DataError([fault("crs_unknown", file=file, layer=layer, crs=crs)]) from error
        if frame.crs is not None and frame.crs != meant:
            notes.append(fault("crs_overridden", file=file, layer=layer, found=_name(frame.crs), crs=crs))
        frame = frame.set_crs(meant, allow_override=True)
    if frame.crs is None:
        raise DataError([fault("no_crs", file=file, layer=layer)])
    if datum := private_datum(frame.crs):
        raise DataError([fault("crs_refused", file=file, layer=layer, crs=_name(frame.crs), datum=datum)])
    if frame.crs.is_geographic:
        _check_degrees(frame, _name(frame.crs), file, layer)
    elif not np.isfinite(to_wgs84(frame).total_bounds).all() and len(frame) and not frame.geometry.isna().all():
        raise DataError([fault("coordinates_impossible", file=file, layer=layer, crs=_name(frame.crs),
                               bounds=_bounds(frame))])
    return frame, tuple(notes)


def looks_swapped(frame: gpd.GeoDataFrame) -> bool:
    """True where degrees make sense only as latitude first, longitude second."""
    west, south, east, north = frame.total_bounds
    return bool(west >= -90.0 and east <= 90.0 and 90.0 < max(abs(south), abs(north)) <= 180.0)


def _check_degrees(frame: gpd.GeoDataFrame, crs: str, file: str, layer: str | None) -> None:
    if len(frame) == 0 or frame.geometry.isna().all():
        return
    west, south, east, north = frame.total_bounds
    if looks_swapped(frame):
        raise DataError([fault("lon_lat_swapped", file=file, layer=layer, bounds=_bounds(frame))])
    if not (-180.0 <= west <= east <= 180.0 and -90.0 <= south <= north <= 90.0):
        raise DataError([fault("coordinates_impossible", file=file, layer=layer, crs=crs, bounds=_bounds(frame))])


def _bounds(frame: gpd.GeoDataFrame) -> str:
    return ", ".join(f"{value:.6g}" for value in frame.total_bounds)


def _name(crs: CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.name)


# -- the map datums of Chinese map services -------------------------------------------------------------------
# Published approximations: GCJ-02 as reverse-engineered on the Krasovsky 1940 ellipsoid, BD-09 on top of it.

_A = 6378245.0
_EE = 0.00669342162296594323
_X_PI = np.pi * 3000.0 / 180.0
_ITERATIONS = 4  # leaves less than a micrometre of the forward formula's own value


def wgs84_to_gcj02(longitude: Float, latitude: Float) -> tuple[Float, Float]:
    """GCJ-02 degrees of WGS 84 degrees, elementwise. The caller declares that the place lies in mainland China."""
    x, y = longitude - 105.0, latitude - 35.0
    root = np.sqrt(np.abs(x))
    waves = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    north = (-100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
             + (waves + 20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi * y / 3.0)
                + 160.0 * np.sin(np.pi * y / 12.0) + 320.0 * np.sin(np.pi * y / 30.0)) * 2.0 / 3.0)
    east = (300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
            + (waves + 20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi * x / 3.0)
               + 150.0 * np.sin(np.pi * x / 12.0) + 300.0 * np.sin(np.pi * x / 30.0)) * 2.0 / 3.0)
    phi = np.radians(latitude)
    magic = 1.0 - _EE * np.sin(phi) ** 2
    d_latitude = np.degrees(north / ((_A * (1.0 - _EE)) / (magic * np.sqrt(magic))))
    d_longitude = np.degrees(east / (_A / np.sqrt(magic) * np.cos(phi)))
    return longitude + d_longitude, latitude + d_latitude


def gcj02_to_bd09(longitude: Float, latitude: Float) -> tuple[Float, Float]:
    """BD-09 degrees of GCJ-02 degrees, elementwise."""
    radius = np.hypot(longitude, latitude) + 2e-5 * np.sin(latitude * _X_PI)
    angle = np.arctan2(latitude, longitude) + 3e-6 * np.cos(longitude * _X_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def wgs84_to_bd09(longitude: Float, latitude: Float) -> tuple[Float, Float]:
    """BD-09 degrees of WGS 84 degrees, elementwise."""
    return gcj02_to_bd09(*wgs84_to_gcj02(longitude, latitude))


def gcj02_to_wgs84(longitude: Float, latitude: Float) -> tuple[Float, Float]:
    """WGS 84 degrees of GCJ-02 degrees by fixed-point iteration, elementwise."""
    return _inverse(wgs84_to_gcj02, longitude, latitude)


def bd09_to_wgs84(longitude: Float, latitude: Float) -> tuple[Float, Float]:
    """WGS 84 degrees of BD-09 degrees by fixed-point iteration through GCJ-02, elementwise."""
    return gcj02_to_wgs84(*_inverse(gcj02_to_bd09, longitude, latitude))


def _inverse(forward: Callable[[Float, Float], tuple[Float, Float]], longitude: Float,
             latitude: Float) -> tuple[Float, Float]:
    x, y = np.array(longitude, dtype=np.float64), np.array(latitude, dtype=np.float64)
    for _ in range(_ITERATIONS):
        ahead_x, ahead_y = forward(x, y)
        x, y = x + (longitude - ahead_x), y + (latitude - ahead_y)
    return x, y


def _on_coordinates(move: Callable[[Float, Float], tuple[Float, Float]]) -> Callable[[Float], Float]:
    return lambda xy: np.column_stack(move(xy[:, 0], xy[:, 1]))
