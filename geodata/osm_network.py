"""OpenStreetMap files (.osm.pbf, .osm) -> the street network as columns: nodes, segments, tags, turn restrictions.

A segment runs between two nodes that matter (junctions, ends, barriers, signals). Coordinates are those of the file
(WGS 84, degrees); lengths are geodesic. Ways of one wording of the tags that matter share one set of tags, so that a
rule is worked out once per wording. Ferries (route=ferry without highway) are not read.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from geodata.osm_restrictions import Restriction, Tally, restrictions_of, tallies
from geodata.osm_text import MISSING, UNITS_PER_DEGREE, NodeRows, TagReader, all_tags, lines, members
from geodata.roads import NEVER_OPEN
from geodata.tables import DataError, fault

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Tags = tuple[tuple[str, str], ...]

MODES = ("access", "vehicle", "motor_vehicle", "motorcar", "goods", "hgv", "bicycle", "moped", "mofa", "motorcycle",
         "foot")
LIMITS = ("maxweight", "maxweightrating", "maxaxleload", "maxheight", "maxwidth", "maxlength", "maxspeed")
WAY_KEYS = frozenset({"highway", "oneway", "junction", "motorroad", *MODES, *LIMITS})
NODE_KEYS = frozenset({"highway", "barrier", "bollard", *MODES, *LIMITS})
DEGREES_PER_UNIT = 1.0 / UNITS_PER_DEGREE
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class StreetNetwork:
    """N nodes, E segments, W ways; segment e runs along `lonlat[first[e]:first[e + 1]]` from node u[e] to v[e]."""

    node_osm_id: Int
    """[N], ascending."""
    node_lonlat: Float
    """[N, 2], degrees."""
    node_tags: Int
    """[N], index into `node_tag_sets`, -1 where no tag matters."""
    node_tag_sets: tuple[Tags, ...]
    way_osm_id: Int
    """[W]."""
    way_tags: Int
    """[W], index into `way_tag_sets`."""
    way_tag_sets: tuple[Tags, ...]
    way: Int
    """[E], index of the way, ascending; segments of a way in its order."""
    u: Int
    v: Int
    length_m: Float
    """[E], on the ellipsoid."""
    lonlat: Float
    """[V, 2], degrees."""
    first: Int
    """[E + 1]."""
    restrictions: tuple[Restriction, ...]
    left_out: tuple[Tally, ...]

    @property
    def tag_set(self) -> Int:
        """[E], index into `way_tag_sets`."""
        return self.way_tags[self.way]

    @property
    def segment_count(self) -> int:
        """E."""
        return len(self.u)


@dataclass(frozen=True)
class _Raw:
    """What the file says: ways with their nodes one after the other."""

    way_osm_id: Int
    way_tags: Int
    way_tag_sets: tuple[Tags, ...]
    size: Int
    refs: Int
    xy: Int
    """[refs, 2] in units of 1e-7 degrees; MISSING where the file has no such node."""
    node_tags: Mapping[int, Tags]
    """Of barriers and signals, by the id of OpenStreetMap."""
    restrictions: tuple[Restriction, ...]


def read_network(path: Path, leave_out: Collection[str] = NEVER_OPEN) -> StreetNetwork:
    """The streets of a file whose highway value is not in `leave_out`; areas are left out as well.

    Nodes must come before ways in the file, as in every extract. Everything left out is counted in `left_out`.
    Raises DataError: file_unreadable, layer_empty (no street).
    """
    counter: Counter[tuple[str, str]] = Counter()
    try:
        raw = _read(path, leave_out, counter)
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).replace(str(path), path.name).split())
        raise DataError([fault("file_unreadable", file=path.name, reason=reason)]) from error
    network = _split(raw, counter)
    if network is None:
        raise DataError([fault("layer_empty", file=path.name, layer="highway")])
    return network


def _read(path: Path, leave_out: Collection[str], counter: Counter[tuple[str, str]]) -> _Raw:
    ids, tag_of, nodes = array("q"), array("q"), NodeRows()
    sets: dict[Tags, int] = {}
    node_tags: dict[int, Tags] = {}
    restrictions: list[Restriction] = []
    of_ways, of_nodes = TagReader.of(WAY_KEYS | {"area"}), TagReader.of(NODE_KEYS)
    for line in lines(path):
        if line.kind == "w":
            tags = of_ways.pairs(line.tags)
            left_out = _left_out(tags, leave_out)
            if left_out is not None:
                counter["way_left_out", left_out] += 1
                continue
            ids.append(line.id)
            tag_of.append(sets.setdefault(tags, len(sets)))
            nodes.add(line.rest)
        elif line.kind == "n":
            tags = of_nodes.pairs(line.tags)
            if ("highway", "traffic_signals") in tags or any(key == "barrier" for key, _ in tags):
                node_tags[line.id] = tags
        else:
            about = all_tags(line.tags)
            if about["type"].partition(":")[0] == "restriction":
                restrictions += restrictions_of(line.id, about, members(line.rest), counter)
    kept = [tuple(tag for tag in tags if tag[0].partition(":")[0] in WAY_KEYS) for tags in sets]
    found = {tags: number for number, tags in enumerate(dict.fromkeys(kept))}
    number_of = np.array([found[tags] for tags in kept], dtype=np.int64)
    rows = nodes.rows()
    return _Raw(_ints(ids), number_of[_ints(tag_of)], tuple(found), _ints(nodes.sizes), rows[:, 0], rows[:, 1:],
                node_tags, tuple(restrictions))


def _left_out(tags: Tags, leave_out: Collection[str]) -> str | None:
    """Why a way is left out, None where it is not."""
    named = dict(tags)
    if named["highway"] in leave_out:
        return named["highway"]
    return "area=yes" if named.get("area") == "yes" else None


def _ints(values: array[int]) -> Int:
    return np.array(values, dtype=np.int64)


def _split(raw: _Raw, counter: Counter[tuple[str, str]]) -> StreetNetwork | None:
    """Segments between nodes that matter; a way is cut where nodes are missing from the file. None: no segment."""
    if len(raw.refs) == 0:
        return None
    way_of = np.repeat(np.arange(len(raw.size)), raw.size)
    node_id, seen_at, vertex = np.unique(raw.refs, return_index=True, return_inverse=True)
    present = raw.xy[:, 0] != MISSING
    xy = raw.xy[seen_at] * DEGREES_PER_UNIT
    node_tags, node_tag_sets = _tags_of_nodes(node_id, raw.node_tags)
    # a new run starts with each way and after each missing node; a vertex repeated at once is no street
    new = (np.diff(way_of, prepend=-1) != 0) | np.concatenate([[False], ~present[:-1]])
    again = np.concatenate([[False], (vertex[1:] == vertex[:-1])]) & ~new
    run = np.cumsum(new)
    keep = present & ~again
    if not present.all():
        counter["node_missing_from_file", ""] += len(np.unique(vertex[~present]))
    vertex, way_of, run = vertex[keep], way_of[keep], run[keep]
    matters = (np.bincount(vertex, minlength=len(node_id))[vertex] > 1) | (node_tags[vertex] >= 0)
    border = np.diff(run) != 0
    matters |= np.concatenate([[True], border]) | np.concatenate([border, [True]])

    at = np.flatnonzero(matters)
    same = run[at[:-1]] == run[at[1:]]
    start, stop = at[:-1][same], at[1:][same]
    if len(start) == 0:
        return None
    counts = stop - start + 1
    first = np.concatenate([[0], np.cumsum(counts)])
    lonlat = xy[vertex[np.repeat(start - first[:-1], counts) + np.arange(first[-1])]]
    used, ends = np.unique(np.concatenate([vertex[start], vertex[stop]]), return_inverse=True)
    empty = len(raw.size) - len(np.unique(way_of[start]))
    if empty:
        counter["way_without_segment", ""] += empty
    return StreetNetwork(
        node_id[used], xy[used], node_tags[used], node_tag_sets, raw.way_osm_id, raw.way_tags, raw.way_tag_sets,
        way_of[start], ends[: len(start)], ends[len(start):], _lengths(lonlat, first), lonlat, first,
        raw.restrictions, tallies(counter))


def _tags_of_nodes(node_id: Int, tags: Mapping[int, Tags]) -> tuple[Int, tuple[Tags, ...]]:
    """[nodes], index into the sets, -1 where a node is neither barrier nor signal."""
    found = np.full(len(node_id), -1, dtype=np.int64)
    sets: dict[Tags, int] = {}
    for osm_id, kept in tags.items():
        at = int(np.searchsorted(node_id, osm_id))
        if at < len(node_id) and node_id[at] == osm_id:
            found[at] = sets.setdefault(kept, len(sets))
    return found, tuple(sets)


def _lengths(lonlat: Float, first: Int) -> Float:
    """Geodesic length of each segment, m (Karney 2013, through pyproj)."""
    lon, lat = lonlat.T
    leg = np.zeros(len(lonlat))
    leg[:-1] = _GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2]
    leg[first[1:] - 1] = 0.0  # from the end of one segment to the start of the next
    return np.asarray(np.add.reduceat(leg, first[:-1]), dtype=np.float64)
