"""Tags -> what a vehicle class may do: per direction open, open to its destination only, and how fast.

Worked out once per wording of the tags (StreetNetwork.way_tag_sets), not per way. The most specific tag wins: the
keys of a class are folded from the least to the most specific, and within a key the direction, then the conditions.
A condition that restricts counts when it holds at any minute of the time asked about, one that frees only when it
holds throughout. What is not understood is counted and leaves the rest as it was.
Source: OpenStreetMap wiki, "Key:access", "Conditional restrictions", "Key:oneway", "Key:maxspeed".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.osm_conditions import ALWAYS, Condition, clauses
from geodata.osm_network import LIMITS, MODES, StreetNetwork, Tags
from geodata.osm_restrictions import Tally, tallies
from geodata.osm_values import km_per_h, metres, tonnes
from geodata.street_classes import ROUNDABOUTS

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

CLOSED, TO_DESTINATION, OPEN = 0.0, 1.0, 2.0
_OPEN_WORDS = frozenset({"yes", "designated", "permissive", "official", "discouraged", "public"})
_DESTINATION_WORDS = frozenset({"destination", "private", "customers", "delivery", "permit", "residents",
                                "residential"})
_CLOSED_WORDS = frozenset({"no", "agricultural", "forestry", "emergency", "military", "use_sidepath", "dismount",
                           "restricted", "none"})
_ONEWAY = frozenset({"yes", "true", "1"})
_REVERSED = frozenset({"-1", "reverse"})
_TWO_WAYS = frozenset({"no", "false", "0", "alternating"})
_KNOWN_PARTS = frozenset({"forward", "backward", "conditional", "physical", "both", *MODES})
_TALK = frozenset({"source", "note", "type", "signed", "description"})
DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class VehicleClass:
    """One class of vehicle: its size, its speeds, and the keys of OpenStreetMap that are about it."""

    id: str
    gvw_t: float
    axle_t: float
    height_m: float
    width_m: float
    length_m: float
    speed_cap_km_per_h: float
    speed_km_per_h: Mapping[str, float]
    """Usual speed per highway value where no limit is tagged; the classes listed here are those it may use."""
    share_of_maxspeed: float | None
    """Usual speed as a share of a tagged limit; None: that of the table, or the limit where that is lower."""
    access_keys: tuple[str, ...]
    """Most specific first, as in hgv, goods, motor_vehicle, vehicle, access; `except` of restrictions is read too."""
    opening_keys: frozenset[str]
    """Keys by which a tag opens a street of a class that is not listed, as motor_vehicle=yes on a footway does."""
    opened_speed_km_per_h: float
    """Usual speed on streets that are opened that way."""
    may_use_motorroad: bool
    passes_barriers: frozenset[str]
    """Kinds of barrier that let it through where no access is tagged."""


@dataclass(frozen=True)
class WayRules:
    """Rules of T wordings in the two directions (column 0 forward, 1 backward)."""

    through: Bool
    """[T, 2], open to everybody of the class."""
    destination: Bool
    """[T, 2], open at least to those who start or end there; a superset of `through`."""
    speed_km_per_h: Float
    """[T, 2], free flow."""
    conditional: Bool
    """[T], whether a condition is tagged, so that the hours may matter."""
    unread: tuple[Tally, ...]
    """Tags that were not understood, with the number of ways that carry them."""


@dataclass
class _Case:
    """One wording, one vehicle, one time; collects what is not understood."""

    tags: Mapping[str, str]
    vehicle: VehicleClass
    week: int
    unread: set[tuple[str, str]]

    def fold(self, names: Sequence[str], default: float, rank: Callable[[str], float | None]) -> tuple[float, float]:
        """What the last of the names says, as ranks (higher is freer): for anybody, and at one's destination."""
        through = at_end = default
        for name in names:
            value = self.tags.get(name)
            if value is not None:
                said = rank(value)
                if said is None:
                    self.unread.add((name, value))
                else:
                    through = at_end = said
            text = self.tags.get(f"{name}:conditional")
            for clause in clauses(text) if text else ():
                said = rank(clause.value)
                if said is None or clause.condition is None:
                    self.unread.add((f"{name}:conditional", clause.text))
                    continue
                if not clause.condition.at_destination and self._holds(clause.condition, said < through):
                    through = said
                if self._holds(clause.condition, said < at_end):
                    at_end = said
        return through, at_end

    def _holds(self, condition: Condition, stricter: bool) -> bool:
        own = {"weight": self.vehicle.gvw_t, "weightrating": self.vehicle.gvw_t, "axleload": self.vehicle.axle_t,
               "height": self.vehicle.height_m, "width": self.vehicle.width_m, "length": self.vehicle.length_m}
        if not all(bound.holds(own[bound.quantity]) for bound in condition.bounds):
            return False
        return bool(condition.week & self.week) if stricter else not self.week & ~condition.week


def way_rules(network: StreetNetwork, vehicle: VehicleClass, week: int = ALWAYS,
              other: WayRules | None = None) -> WayRules:
    """What the class may do on each wording of `network.way_tag_sets` at the minutes of `week` (see osm_conditions).

    `other` are its rules at other hours: then only what is conditional is worked out again.
    """
    count = len(network.way_tag_sets)
    through, destination = np.zeros((2, count, 2), dtype=bool)
    speed, conditional = np.zeros((count, 2)), np.ones(count, dtype=bool)
    if other is not None:
        through, destination = other.through.copy(), other.destination.copy()
        speed, conditional = other.speed_km_per_h.copy(), other.conditional.copy()
    ways = np.bincount(network.way_tags, minlength=count)
    unread: Counter[tuple[str, str]] = Counter()
    for row in np.flatnonzero(conditional):
        pairs = network.way_tag_sets[row]
        case = _Case(dict(pairs), vehicle, week, _unknown_keys(pairs))
        conditional[row] = any(key.endswith(":conditional") for key, _ in pairs)
        ranks = _oneway(case)
        for column, direction in enumerate(DIRECTIONS):
            access = _access(case, direction)
            through[row, column] = ranks[column] == OPEN and access[0] == OPEN
            destination[row, column] = ranks[column] == OPEN and access[1] >= TO_DESTINATION
            speed[row, column] = _speed(case, direction)
        for key, value in case.unread:
            unread[f"tag {key}", value] += int(ways[row])
    # whether a tag is understood does not depend on the hours
    return WayRules(through, destination, speed, conditional, tallies(unread) if other is None else other.unread)


def _unknown_keys(pairs: Tags) -> set[tuple[str, str]]:
    """Keys with a part nobody reads, such as hgv:lanes; maxspeed:type and the like only explain."""
    found = set()
    for key, value in pairs:
        base, *parts = key.split(":")
        if (base in MODES or base in LIMITS or base == "oneway") and not set(parts) & _TALK \
                and not set(parts) <= _KNOWN_PARTS and not (base == "oneway" and "conditional" not in parts):
            found.add((key, value))
    return found


def _access(case: _Case, direction: str) -> tuple[float, float]:
    """Through and at the destination: access tags, then what the vehicle is too large or heavy for."""
    through, at_end = _street_access(case, direction)
    if case.tags.get("motorroad") == "yes" and not case.vehicle.may_use_motorroad:
        return CLOSED, CLOSED
    fits_through, fits_at_end = _fits(case, direction)
    return through if fits_through else CLOSED, at_end if fits_at_end else CLOSED


def _street_access(case: _Case, direction: str) -> tuple[float, float]:
    """What the access keys say; a class of street that is not listed is only opened by the class's opening keys."""
    listed = case.tags["highway"] in case.vehicle.speed_km_per_h
    keys = [key for key in reversed(case.vehicle.access_keys) if listed or key in case.vehicle.opening_keys]
    names = [name for key in keys for name in (key, f"{key}:{direction}")]
    return case.fold(names, OPEN if listed else CLOSED, _access_rank)


def _access_rank(word: str) -> float | None:
    ranks = [OPEN if part in _OPEN_WORDS else TO_DESTINATION if part in _DESTINATION_WORDS else
             CLOSED if part in _CLOSED_WORDS else None for part in word.replace(" ", "").split(";")]
    known = [rank for rank in ranks if rank is not None]
    return max(known) if len(known) == len(ranks) else None


def _fits(case: _Case, direction: str) -> tuple[bool, bool]:
    """Whether the vehicle keeps all limits of weight and size: through, and at its destination."""
    own = case.vehicle
    sizes = (("maxweight", own.gvw_t, tonnes), ("maxweightrating", own.gvw_t, tonnes),
             ("maxaxleload", own.axle_t, tonnes), ("maxheight", own.height_m, metres),
             ("maxwidth", own.width_m, metres), ("maxlength", own.length_m, metres))
    through = at_end = True
    for base, value, parse in sizes:
        if any(key.startswith(base) for key in case.tags):
            limits = case.fold(_names(case, base, direction), math.inf, parse)
            physical = case.fold([f"{base}:physical"], math.inf, parse)
            through &= value <= min(limits[0], physical[0])
            at_end &= value <= min(limits[1], physical[1])
    return through, at_end


def _names(case: _Case, base: str, direction: str) -> list[str]:
    modes = [f":{key}" for key in reversed(case.vehicle.access_keys) if key != "access"]
    return [name for mode in ("", *modes) for name in (base + mode, f"{base}{mode}:{direction}")]


def _oneway(case: _Case) -> tuple[float, float]:
    """Whether one may go forward and backward (OPEN or CLOSED)."""
    implied = case.tags.get("junction") in ROUNDABOUTS or case.tags["highway"] == "motorway"
    modes = [f"oneway:{key}" for key in reversed(case.vehicle.access_keys) if key != "access"]
    names = ["oneway", *modes]
    forward, _ = case.fold(names, OPEN, lambda word: _oneway_rank(word, forward=True))
    backward, _ = case.fold(names, CLOSED if implied else OPEN, lambda word: _oneway_rank(word, forward=False))
    return forward, backward


def _oneway_rank(word: str, *, forward: bool) -> float | None:
    """A street whose direction changes (reversible) is closed: nobody knows when it is open."""
    if word in _TWO_WAYS:
        return OPEN
    if word in _ONEWAY:
        return OPEN if forward else CLOSED
    if word in _REVERSED:
        return CLOSED if forward else OPEN
    return CLOSED if word == "reversible" else None


def _speed(case: _Case, direction: str) -> float:
    """Usual speed: a share of the tagged limit, else the table (share_of_maxspeed); never above the class's own cap."""
    vehicle = case.vehicle
    limit, _ = case.fold(_names(case, "maxspeed", direction), math.inf, km_per_h)
    usual = vehicle.speed_km_per_h.get(case.tags["highway"], vehicle.opened_speed_km_per_h)
    if vehicle.share_of_maxspeed is None:
        return min(vehicle.speed_cap_km_per_h, usual, limit)
    return min(vehicle.speed_cap_km_per_h, limit * vehicle.share_of_maxspeed if math.isfinite(limit) else usual)


@dataclass(frozen=True)
class NodeRules:
    """Rules of K wordings of nodes."""

    blocked: Bool
    """[K]."""
    gate: Bool
    """[K], passable, but it must be opened."""
    private: Bool
    """[K], passable for those who are at their destination only."""
    signal: Bool
    """[K], traffic lights."""
    unread: tuple[Tally, ...]


_GATES = frozenset({"gate", "lift_gate", "swing_gate", "sliding_gate", "hampshire_gate", "chain", "bump_gate",
                    "toll_booth", "border_control", "sliding_beam", "wicket_gate"})


def node_rules(network: StreetNetwork, vehicle: VehicleClass, week: int = ALWAYS) -> NodeRules:
    """What barriers and signals of `network.node_tag_sets` mean for the class at the minutes of `week`.

    A barrier blocks unless the class passes that kind or an access tag lets it; directions are not told apart.
    """
    count = len(network.node_tag_sets)
    blocked, gate, private, signal = np.zeros((4, count), dtype=bool)
    nodes = np.bincount(network.node_tags[network.node_tags >= 0], minlength=count)
    unread: Counter[tuple[str, str]] = Counter()
    for row, pairs in enumerate(network.node_tag_sets):
        case = _Case(dict(pairs), vehicle, week, _unknown_keys(pairs))
        signal[row] = case.tags.get("highway") == "traffic_signals"
        kind = case.tags.get("barrier")
        if kind is not None and kind != "no":
            rising = case.tags.get("bollard") == "rising"
            passes = kind in vehicle.passes_barriers or (rising and "rising_bollard" in vehicle.passes_barriers)
            through, at_end = case.fold(case.vehicle.access_keys[::-1], OPEN if passes else CLOSED, _access_rank)
            blocked[row] = at_end == CLOSED or not _fits(case, "forward")[1]
            gate[row] = kind in _GATES and not blocked[row]
            private[row] = through != OPEN and not blocked[row]
        for key, value in case.unread:
            unread[f"tag {key}", value] += int(nodes[row])
    return NodeRules(blocked, gate, private, signal, tallies(unread))
