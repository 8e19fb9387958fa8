"""A place by name, when online: its outline from Nominatim, its features from the Overpass API, through OSMnx."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import geopandas as gpd
import pandas as pd
import shapely

from geodata.crs import to_wgs84
from geodata.osm_areas import Thing, Things, in_order
from geodata.osm_areas_classes import Meanings
from geodata.osm_areas_messages import AREA_MESSAGES
from geodata.osm_places import Area
from geodata.osm_places_area import area_of
from geodata.osm_servers import OVERPASS_URL, Servers
from geodata.tables import DataError, Fault, fault

MOST_VALUES = 3
CORNER_M = 20.0
_BUSY = (429, 504)
_MOST_RETRIES = 2
_KIND = {"node": "n", "way": "w", "relation": "r"}


@dataclass(frozen=True)
class Fetched:
    """What was downloaded: the area of the place and the things in it."""

    area: Area
    things: Things
    display_name: str
    """What Nominatim calls the place."""


def download(place: str, meanings: Meanings, servers: Servers) -> Fetched:
    """The outline of a place and its streets, areas and points with one of the tags that mean something.

    Needs the network. DataError: place_unknown, download_failed, nothing_inside (no street).
    """
    from osmnx import features_from_polygon, geocode_to_gdf
    from osmnx._errors import InsufficientResponseError

    with _settings(servers):
        with _told(servers.nominatim_url):
            try:
                found = geocode_to_gdf(place)
            except (InsufficientResponseError, TypeError) as error:  # nothing found, or a place without an outline
                raise DataError([fault("place_unknown", place=place, messages=AREA_MESSAGES)]) from error
        area = area_of(found.geometry.iloc[0], place)
        with _told(servers.overpass_url):
            try:
                features = features_from_polygon(_around(area, meanings.streets.margin_m), tags_of(meanings))
            except InsufficientResponseError as error:
                raise DataError([fault("nothing_inside", file=place, messages=AREA_MESSAGES)]) from error
    things = things_of(features, place)
    if not things.streets:
        raise DataError([fault("nothing_inside", file=place, messages=AREA_MESSAGES)])
    return Fetched(area, things, str(found["display_name"].iloc[0]))


def tags_of(meanings: Meanings) -> dict[str, bool | str | list[str]]:
    """What to ask for: every highway, and of each key the values that mean something, or all where these are many.

    A question repeats the outline for each value, and servers refuse long ones.
    """
    asked: dict[str, bool | str | list[str]] = {"highway": True}
    for key in sorted(meanings.keys()):
        several = [c.tags[key] for c in meanings.classes() if key in c.tags]
        values = sorted({value for some in several for value in some})
        asked[key] = True if len(values) > MOST_VALUES or not all(several) else values
    return asked


def things_of(features: gpd.GeoDataFrame, file: str) -> Things:
    """Features of OSMnx (index: element, id; one column per tag) as things."""
    points, streets, areas = [], [], []
    other = squares = 0
    names = [column for column in features.columns if column != features.geometry.name]
    for (element, number), shape, row in zip(features.index, features.geometry, features[names].to_numpy(dtype=object),
                                             strict=True):
        tags = {name: str(value) for name, value in zip(names, row, strict=True) if not pd.isna(value)}
        thing = Thing(f"{_KIND[element]}{number}", tags, shape)
        if shape.geom_type == "Point":
            points.append(thing)
        elif shape.geom_type.endswith("Polygon"):
            areas.append(thing)
            squares += "highway" in tags
        elif "highway" in tags and shape.geom_type.endswith("LineString"):
            streets.append(thing)
        else:
            other += 1
    faults: list[Fault] = []
    if squares:
        faults.append(fault("osm_streets_areas", file=file, count=squares, messages=AREA_MESSAGES))
    if other:
        faults.append(fault("osm_ways_open", file=file, count=other, keys="-", messages=AREA_MESSAGES))
    return Things(in_order(points), in_order(streets), in_order(areas), tuple(faults))


def _around(area: Area, margin_m: float) -> shapely.Geometry:
    """The area with a margin, in degrees, with few corners."""
    around = shapely.simplify(shapely.buffer(area.outline, margin_m + CORNER_M), CORNER_M)
    return to_wgs84(gpd.GeoSeries([around], crs=area.crs_metric)).iloc[0]


def _only_whole_answers() -> Callable[..., None]:
    """A hook for each answer: what OSMnx would pass over or wait for without end becomes an error."""
    busy: Counter[str] = Counter()

    def check(response: Any, *_: object, **__: object) -> None:
        if response.status_code in _BUSY and busy[response.url] < _MOST_RETRIES:
            busy[response.url] += 1  # OSMnx waits a minute and asks again
            return
        response.raise_for_status()
        said = response.json() if "json" in response.headers.get("Content-Type", "") else None
        if isinstance(said, dict) and "remark" in said:  # Overpass ran out of time or memory: the answer has holes
            raise OSError(str(said["remark"]))

    return check


@contextmanager
def _settings(servers: Servers) -> Iterator[None]:
    """OSMnx set to our servers, and back: its settings, and its way to look up hosts, belong to the whole process."""
    from osmnx import settings

    wanted = {"overpass_url": servers.overpass_url, "nominatim_url": servers.nominatim_url,
              "requests_timeout": servers.timeout_s, "use_cache": False, "log_console": False,
              "doh_url_template": None, "requests_kwargs": {"hooks": {"response": _only_whole_answers()}},
              "overpass_rate_limit": servers.overpass_url == OVERPASS_URL}
    before, look_up = {name: getattr(settings, name) for name in wanted}, socket.getaddrinfo
    try:
        for name, value in wanted.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)
        socket.getaddrinfo = look_up


@contextmanager
def _told(url: str) -> Iterator[None]:
    """A failed request (of requests: an OSError) as one DataError that names the server."""
    from osmnx._errors import ResponseStatusCodeError

    try:
        yield
    except (ResponseStatusCodeError, OSError, ValueError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        cause = " ".join(str(error).split()).rpartition("Caused by ")[2]
        reason = f"{type(error).__name__}: {cause}"[:200]
        raise DataError([fault("download_failed", server=urlsplit(url).netloc or url, reason=reason,
                               messages=AREA_MESSAGES)]) from error
