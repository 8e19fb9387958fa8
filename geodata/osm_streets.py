"""The streets of an OpenStreetMap file for everybody who uses them: walkers on foot, one driver per vehicle class.

All share the file's segments, so that an edge of the walkers' network is a segment of the drivers'. Walkers may use
everything but motorways and what the tags `foot` and `access` close; private ways are walked, since who lives there
starts there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.crs import WGS84, to_metric
from geodata.driver import StreetUse
from geodata.matrix_cache import MatrixCache
from geodata.osm_network import StreetNetwork
from geodata.osm_restrictions import Tally
from geodata.osm_street_messages import STREET_MESSAGES
from geodata.osm_tags import VehicleClass, way_rules
from geodata.roads import MOTOR_ONLY, Streets, access_for, walking
from geodata.tables import Fault, fault
from geodata.turn_bans import TurnBans
from geodata.turn_driver import TurnDriver, TurnStreets
from geodata.turn_metric import ArcRules, AreaBan, Slot, TurnCosts, all_arc_rules, metric, topology
from geodata.turn_snap import SegmentLines

Bool = NDArray[np.bool_]
EXAMPLES = 3
"""So many kinds of what was left out are written out."""
M_PER_KM = 1000.0


@dataclass(frozen=True)
class Terms:
    """What drives depend on besides streets, class and hours: areas under a ban, seconds lost at nodes."""

    bans: Sequence[AreaBan] = ()
    costs: TurnCosts = field(default_factory=TurnCosts)


def osm_use(network: StreetNetwork, crs_metric: str, driven: Sequence[tuple[VehicleClass, Slot]], terms: Terms,
            file: str, cache: MatrixCache | None = None) -> StreetUse:
    """Walkers and vehicles on the streets of a file; one class with its hours per tier after the first.

    Classes of one id are the same, and slots of one id. `file` is named in the notes. NoStreetError when the streets
    are of no use to one of them.
    """
    lines = SegmentLines.of(network, crs_metric)
    streets = streets_of(network, lines, crs_metric)
    closed = ~walkable(network)
    rules = _rules(network, driven, terms)
    shared = TurnStreets(topology(network, list(rules.values())), lines, cache)
    drivers = {who: shared.driver(metric(shared.graph, own, terms.costs)) for who, own in rules.items()}
    notes = [*_left_out(network.left_out, file), *_restrictions(network, shared.graph.bans, file)]
    notes += [*_conditions(network, file), *_walk_notes(streets, closed, file)]
    for own, driver in zip(rules.values(), drivers.values(), strict=True):
        notes += _driver_notes(driver, own, terms, file)
    notes += _unused(network, [slot for _, slot in driven], file)
    return StreetUse(streets, access_for(streets, walking(), closed),
                     tuple(drivers[vehicle.id, slot.id] for vehicle, slot in driven), tuple(dict.fromkeys(notes)))


def _rules(network: StreetNetwork, driven: Sequence[tuple[VehicleClass, Slot]],
           terms: Terms) -> dict[tuple[str, str], ArcRules]:
    """The rules of each class in each of its slots."""
    rules: dict[tuple[str, str], ArcRules] = {}
    for vehicle in {vehicle.id: vehicle for vehicle, _ in driven}.values():
        slots = list({slot.id: slot for other, slot in driven if other.id == vehicle.id}.values())
        for own in all_arc_rules(network, [vehicle], slots, terms.bans, terms.costs):
            rules[vehicle.id, own.slot.id] = own
    return rules


def streets_of(network: StreetNetwork, lines: SegmentLines, crs_metric: str) -> Streets:
    """The segments as edges: u, v and coordinates in the metric CRS, lengths of the drawn lines."""
    nodes = to_metric(gpd.GeoSeries(shapely.points(network.node_lonlat), crs=WGS84), crs_metric)
    highway = np.array([dict(tags)["highway"] for tags in network.way_tag_sets], dtype=object)[network.tag_set]
    both = np.ones(network.segment_count, dtype=bool)
    return Streets(shapely.get_coordinates(nodes.to_numpy()), network.u, network.v, shapely.length(lines.lines),
                   highway, both, both, shapely.get_coordinates(lines.lines), network.first, lines.lines)


def walkable(network: StreetNetwork) -> Bool:
    """[E], where one may walk: foot=* and access=* are read, one-way is for vehicles."""
    listed = {dict(tags)["highway"] for tags in network.way_tag_sets} - MOTOR_ONLY
    walker = VehicleClass(
        "walk", gvw_t=0.0, axle_t=0.0, height_m=0.0, width_m=0.0, length_m=0.0, speed_cap_km_per_h=4.5,
        speed_km_per_h=dict.fromkeys(listed, 4.5), share_of_maxspeed=1.0, access_keys=("foot", "access"),
        opening_keys=frozenset({"foot"}), opened_speed_km_per_h=4.5, may_use_motorroad=False,
        passes_barriers=frozenset())
    by_wording = np.asarray(way_rules(network, walker).destination.any(axis=1), dtype=np.bool_)
    return by_wording[network.tag_set]


def _left_out(tallies: Sequence[Tally], file: str) -> Iterator[Fault]:
    """One note per reason, with the most frequent kinds."""
    for reason in sorted({tally.reason for tally in tallies}):
        rows = [tally for tally in tallies if tally.reason == reason]
        yield fault(f"osm_{reason}", file=file, layer="highway", messages=STREET_MESSAGES,
                    count=sum(tally.count for tally in rows), details=_written(rows))


def _written(rows: Sequence[Tally]) -> str:
    most = sorted(rows, key=lambda tally: (-tally.count, tally.detail))[:EXAMPLES]
    return ", ".join(f"{tally.detail} ({tally.count})" for tally in most)


def _conditions(network: StreetNetwork, file: str) -> Iterator[Fault]:
    """How many ways have tags with conditions."""
    conditional = [any(key.endswith(":conditional") for key, _ in tags) for tags in network.way_tag_sets]
    count = int(np.array(conditional, dtype=bool)[network.way_tags].sum())
    if count:
        yield fault("osm_conditions", file=file, layer="highway", messages=STREET_MESSAGES, count=count)


def _restrictions(network: StreetNetwork, bans: TurnBans, file: str) -> Iterator[Fault]:
    yield from _left_out(bans.unapplied, file)
    if network.restrictions:
        yield fault("osm_restrictions", file=file, layer="highway", messages=STREET_MESSAGES,
                    applied=len(np.unique(bans.restriction)), total=len(network.restrictions))


def _walk_notes(streets: Streets, closed: Bool, file: str) -> Iterator[Fault]:
    closed_m = float(streets.length_m[closed & ~np.isin(streets.highway.astype(str), sorted(MOTOR_ONLY))].sum())
    if closed_m > 0.0:
        yield fault("osm_closed_on_foot", file=file, layer="highway", messages=STREET_MESSAGES,
                    km=f"{closed_m / M_PER_KM:.1f}")


def _driver_notes(driver: TurnDriver, rules: ArcRules, terms: Terms, file: str) -> Iterator[Fault]:
    kinds: Counter[tuple[str, str]] = Counter()
    for tally in rules.unread:
        kinds[tally.reason, tally.detail] += tally.count
    if kinds:
        rows = [Tally("", f"{reason.removeprefix('tag ')}={detail}", count)
                for (reason, detail), count in kinds.items()]
        yield fault("osm_tags_unread", file=file, layer="highway", messages=STREET_MESSAGES, vehicle=driver.name,
                    count=sum(kinds.values()), kinds=len(kinds), details=_written(rows))
    yield fault("streets_component", file=file, layer="highway", messages=STREET_MESSAGES, vehicle=driver.name,
                share=f"{driver.component_share:.1%}")
    holding = [ban for ban in terms.bans if driver.name in ban.vehicle_ids and ban.week & rules.slot.week]
    if holding:
        shut = (rules.by_tags & ~rules.destination).reshape(-1, 2).any(axis=1)
        km = float(driver.streets.graph.network.length_m[shut].sum()) / M_PER_KM
        yield fault("streets_banned", file=file, layer="highway", messages=STREET_MESSAGES, vehicle=driver.name,
                    count=len(holding), km=f"{km:.1f}")


def _unused(network: StreetNetwork, slots: Sequence[Slot], file: str) -> Iterator[Fault]:
    known = {dict(tags)["highway"] for tags in network.way_tag_sets} | {"default"}
    for slot in slots:
        for name in slot.duration_factor or {}:
            if name not in known:
                yield fault("congestion_unused", file=file, layer="highway", messages=STREET_MESSAGES, name=name)
