"""OpenStreetMap files (.osm.pbf, .osm) -> things with their tags: points, streets, areas with their holes.

Areas are closed ways and multipolygon relations, put together by libosmium. Ids are n<node>, w<way> and r<relation>.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import osmium
import osmium.filter
import shapely
from osmium.geom import WKBFactory
from osmium.osm import NODE, WAY, Area, Node, Relation, TagList, Way

from geodata.osm_areas_messages import AREA_MESSAGES
from geodata.readers.source import OSM_SUFFIXES
from geodata.tables import DataError, Fault, fault

_AREA_RELATIONS = frozenset({"multipolygon", "boundary"})


@dataclass(frozen=True)
class Thing:
    """One feature of OpenStreetMap; degrees on WGS 84."""

    id: str
    tags: Mapping[str, str]
    geometry: shapely.Geometry


@dataclass(frozen=True)
class Things:
    """What a file or a download holds of the keys that were asked for, each in the order of its ids."""

    points: tuple[Thing, ...]
    streets: tuple[Thing, ...]
    """Ways with a highway tag, as lines, vertices as mapped."""
    areas: tuple[Thing, ...]
    faults: tuple[Fault, ...]
    """What was left out, counted."""


def read_things(path: Path, keys: Collection[str]) -> Things:
    """Streets, and points and areas with one of the keys.

    DataError: file_missing, format_unknown, file_unreadable, layer_empty (no street).
    """
    if not path.is_file():
        raise DataError([fault("file_missing", file=str(path))])
    if path.suffix.lower() not in OSM_SUFFIXES:
        raise DataError([fault("format_unknown", file=path.name, suffix=path.suffix, known=".osm.pbf, .osm")])
    reading = _Reading(path.name)
    try:
        reading.read(path, keys)
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).replace(str(path), path.name).split())
        raise DataError([fault("file_unreadable", file=path.name, reason=reason)]) from error
    if not reading.streets:
        raise DataError([fault("layer_empty", file=path.name, layer="highway")])
    return reading.things()


def in_order(things: Iterable[Thing]) -> tuple[Thing, ...]:
    """Things by kind and number of their id."""
    return tuple(sorted(things, key=lambda thing: (thing.id[0], int(thing.id[1:]))))


class _Reading:
    """One pass over a file: what was found, and what was wanted but has no geometry."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.points: list[Thing] = []
        self.streets: list[Thing] = []
        self.areas: list[Thing] = []
        self.wanted: set[str] = set()
        self.open_ways: Counter[str] = Counter()
        self.cut_streets = 0
        self.squares = 0
        self._wkb = WKBFactory()

    def read(self, path: Path, keys: Collection[str]) -> None:
        keys = set(keys)
        of_keys = osmium.filter.KeyFilter(*sorted(keys))
        points = osmium.filter.KeyFilter(*sorted(keys))
        points.enable_for(NODE)
        ways = osmium.filter.KeyFilter("highway", *sorted(keys))
        ways.enable_for(WAY)
        for thing in osmium.FileProcessor(path).with_areas(of_keys).with_filter(points).with_filter(ways):
            if isinstance(thing, Node):
                self.points.append(Thing(f"n{thing.id}", _tags(thing.tags), shapely.Point(thing.lon, thing.lat)))
            elif isinstance(thing, Way):
                self._way(thing, keys)
            elif isinstance(thing, Area):
                self._area(thing, keys)
            elif isinstance(thing, Relation) and thing.tags.get("type") in _AREA_RELATIONS:
                tags = _tags(thing.tags)
                if keys & tags.keys():
                    self.wanted.add(f"r{thing.id}")

    def _way(self, way: Way, keys: set[str]) -> None:
        tags = _tags(way.tags)
        self.squares += "highway" in tags and tags.get("area") == "yes"
        if "highway" in tags and tags.get("area") != "yes":
            line, whole = _line(way)
            self.cut_streets += not whole
            if not line.is_empty:
                self.streets.append(Thing(f"w{way.id}", tags, line))
        if not keys & tags.keys():
            return
        if way.is_closed():
            self.wanted.add(f"w{way.id}")
        else:
            self.open_ways[sorted(keys & tags.keys())[0]] += 1

    def _area(self, area: Area, keys: set[str]) -> None:
        name, tags = f"{'w' if area.from_way() else 'r'}{area.orig_id()}", _tags(area.tags)
        self.wanted.discard(name)
        if keys & tags.keys():  # the filter of libosmium chooses relations only
            self.areas.append(Thing(name, tags, shapely.from_wkb(bytes.fromhex(self._wkb.create_multipolygon(area)))))

    def things(self) -> Things:
        faults = []
        if self.cut_streets:
            faults.append(fault("osm_streets_cut", file=self.file, count=self.cut_streets,
                                messages=AREA_MESSAGES))
        if self.squares:
            faults.append(fault("osm_streets_areas", file=self.file, count=self.squares, messages=AREA_MESSAGES))
        if self.wanted:
            some = sorted(self.wanted, key=lambda name: (name[0], int(name[1:])))
            faults.append(fault("osm_areas_incomplete", file=self.file, count=len(some), some=", ".join(some[:5]),
                                messages=AREA_MESSAGES))
        if self.open_ways:
            said = ", ".join(f"{key} {count}" for key, count in sorted(self.open_ways.items()))
            faults.append(fault("osm_ways_open", file=self.file, count=self.open_ways.total(), keys=said,
                                messages=AREA_MESSAGES))
        return Things(in_order(self.points), in_order(self.streets), in_order(self.areas), tuple(faults))


def _line(way: Way) -> tuple[shapely.Geometry, bool]:
    """The way as mapped, and whether the file has all of its nodes; where some are missing, the pieces between them."""
    runs: list[list[tuple[float, float]]] = [[]]
    whole = True
    for node in way.nodes:
        if not node.location.valid():
            whole = False
            runs.append([])
        elif not runs[-1] or runs[-1][-1] != (node.lon, node.lat):
            runs[-1].append((node.lon, node.lat))
    lines = [shapely.LineString(run) for run in runs if len(run) > 1]
    return (lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)), whole


def _tags(tags: TagList) -> dict[str, str]:
    return {tag.k: tag.v for tag in tags}
