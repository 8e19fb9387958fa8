"""What driving costs a vehicle class in a time slot: open arcs and integer milliseconds over one topology.

All that is asked of one slot is asked of the whole of it: a ban that holds at any minute closes the slot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from geodata.osm_conditions import ALWAYS
from geodata.osm_network import StreetNetwork
from geodata.osm_restrictions import Tally
from geodata.osm_tags import VehicleClass, WayRules, node_rules, way_rules
from geodata.roads import NoStreetError
from geodata.turns import ARRIVING, LEAVING, THROUGH, TurnGraph, turn_graph

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

MS_PER_S = 1000.0


@dataclass(frozen=True)
class Slot:
    """Hours of the week with the congestion in them."""

    id: str
    week: int = ALWAYS
    """Minutes of the week as bits (osm_conditions)."""
    duration_factor: Mapping[str, float] | None = None
    """How many times longer a street of a highway value takes than in free flow; `default` for the rest, else 1."""


@dataclass(frozen=True)
class AreaBan:
    """An area that some classes may not drive in at some hours."""

    area: shapely.Polygon | shapely.MultiPolygon
    """Degrees, WGS 84."""
    vehicle_ids: frozenset[str]
    week: int = ALWAYS


@dataclass(frozen=True)
class TurnCosts:
    """Seconds lost at nodes, and where turning round is allowed. The seconds are assumptions."""

    u_turns: Literal["dead_ends", "everywhere", "nowhere"] = "dead_ends"
    u_turn_s: float = 0.0
    signal_s: float = 0.0
    gate_s: float = 0.0
    private_gate_s: float = 600.0
    """At a gate that only those at their destination may pass: dear enough that nobody takes it as a way through."""


@dataclass(frozen=True)
class ArcRules:
    """One class in one slot: what is open and how long it takes."""

    vehicle: VehicleClass
    slot: Slot
    through: Bool
    """[2E]."""
    destination: Bool
    """[2E], a superset of `through`."""
    by_tags: Bool
    """[2E], `destination` as if there were no banned areas."""
    duration_ms: Int
    """[2E], at least 1."""
    blocked: Bool
    """[N], nodes that cannot be passed."""
    delay_ms: Int
    """[N], lost in passing a node."""
    unread: tuple[Tally, ...]


@dataclass(frozen=True)
class Metric:
    """A weight per transition: the time along its tail's arc and of the turn, with what is open."""

    graph: TurnGraph
    rules: ArcRules
    open: Bool
    """[T]."""
    weight_ms: Int
    """[T], at least 1; says nothing where the transition is closed."""
    state_open: Bool
    """[S]."""
    in_core: Bool
    """[2E], arcs from which and to which one comes from and to the largest strongly connected part."""

    def matrix(self, *, backward: bool = False) -> csr_array:
        """The open transitions as a sparse matrix of ms, [S, S]; pairs of states are unique."""
        tail, head = self.graph.tail[self.open], self.graph.head[self.open]
        ends = (head, tail) if backward else (tail, head)
        shape = (self.graph.state_count, self.graph.state_count)
        return csr_array((self.weight_ms[self.open].astype(np.float64), ends), shape=shape)


def arc_rules(network: StreetNetwork, vehicle: VehicleClass, slot: Slot, bans: Sequence[AreaBan] = (),
              costs: TurnCosts | None = None) -> ArcRules:
    """What a class may use in a slot, and at what time cost; areas under a ban are closed to destinations too."""
    return all_arc_rules(network, [vehicle], [slot], bans, costs)[0]


def all_arc_rules(network: StreetNetwork, vehicles: Sequence[VehicleClass], slots: Sequence[Slot],
                  bans: Sequence[AreaBan] = (), costs: TurnCosts | None = None) -> tuple[ArcRules, ...]:
    """The rules of every class in every slot (slots of the first class first); what they share is found once."""
    covered = _covered(network, bans)
    found: list[ArcRules] = []
    for vehicle in vehicles:
        ways: WayRules | None = None
        for slot in slots:
            ways = way_rules(network, vehicle, slot.week, ways)
            closed = [vehicle.id in ban.vehicle_ids and bool(ban.week & slot.week) for ban in bans]
            banned = covered[np.array(closed, dtype=bool)].any(axis=0)
            found.append(_arc_rules(network, vehicle, slot, ways, banned, costs or TurnCosts()))
    return tuple(found)


def _arc_rules(network: StreetNetwork, vehicle: VehicleClass, slot: Slot, ways: WayRules, banned: Bool,
               costs: TurnCosts) -> ArcRules:
    nodes = node_rules(network, vehicle, slot.week)
    free = ~np.repeat(banned, 2)
    tag_set = network.tag_set
    through, by_tags = (column[tag_set].ravel() for column in (ways.through, ways.destination))
    table = slot.duration_factor or {}
    factor = np.array([table.get(dict(tags)["highway"], table.get("default", 1.0)) for tags in network.way_tag_sets])
    ms_per_m = MS_PER_S * 3.6 * factor[:, None] / ways.speed_km_per_h
    duration = np.rint(network.length_m[:, None] * ms_per_m[tag_set]).astype(np.int64).ravel()
    delay_s = (costs.signal_s * nodes.signal + costs.gate_s * (nodes.gate & ~nodes.private)
               + costs.private_gate_s * nodes.private)
    tagged = network.node_tags >= 0
    blocked, delay = np.zeros(len(tagged), dtype=bool), np.zeros(len(tagged), dtype=np.int64)
    blocked[tagged] = nodes.blocked[network.node_tags[tagged]]
    delay[tagged] = np.rint(delay_s * MS_PER_S).astype(np.int64)[network.node_tags[tagged]]
    return ArcRules(vehicle, slot, through & free, by_tags & free, by_tags, np.maximum(duration, 1), blocked, delay,
                    (*ways.unread, *nodes.unread))


def _covered(network: StreetNetwork, bans: Sequence[AreaBan]) -> Bool:
    """[bans, E], segments of which a part (more than a touch of the border) lies in the area."""
    covered = np.zeros((len(bans), network.segment_count), dtype=bool)
    if len(bans):
        rows = np.repeat(np.arange(network.segment_count), np.diff(network.first))
        lines = shapely.linestrings(network.lonlat, indices=rows)
        tree = shapely.STRtree(lines)
        for row, ban in enumerate(bans):
            near = tree.query(ban.area, predicate="intersects")
            covered[row, near[~shapely.touches(lines[near], ban.area)]] = True
    return covered


def topology(network: StreetNetwork, rules: Sequence[ArcRules]) -> TurnGraph:
    """The one turn graph for several classes and slots: every arc that one of them may use."""
    usable = np.logical_or.reduce([r.by_tags for r in rules])
    return turn_graph(network, usable, np.logical_or.reduce([r.destination & ~r.through for r in rules]))


def metric(graph: TurnGraph, rules: ArcRules, costs: TurnCosts | None = None) -> Metric:
    """The weights of one class and slot. Raises NoStreetError where no arc can be reached from and to another.

    A dead end, where turning round is allowed, is an arc behind which no other street leads on, turn restrictions
    aside: barriers make dead ends on both sides; streets for destination traffic lead nowhere for those who pass by,
    and neither do streets from which there is no way back.
    """
    costs = costs or TurnCosts()
    arc, layer = graph.state_arc, graph.layer
    only = rules.destination & ~rules.through
    state_open = np.where(layer == THROUGH, rules.through[arc], only[arc])
    node = graph.node
    possible = state_open[graph.tail] & state_open[graph.head]
    turning = graph.turns_round
    ahead = possible & ~turning & ~rules.blocked[node]
    leads_on = ahead & _leads_on(graph, rules, ahead | (possible & turning))
    dead_end = np.bincount(arc[graph.tail[leads_on]], minlength=len(rules.through))[arc[graph.tail]] == 0
    round_allowed = {"dead_ends": dead_end, "everywhere": np.ones_like(turning), "nowhere": np.zeros_like(turning)}
    is_open = ahead | (possible & turning & round_allowed[costs.u_turns])
    is_open[graph.banned[_holding(graph, rules)[graph.banned_by]]] = False
    weight = rules.duration_ms[arc[graph.tail]] + np.where(turning, round(costs.u_turn_s * MS_PER_S),
                                                           rules.delay_ms[node])
    return Metric(graph, rules, is_open, weight, state_open, _core(graph, rules, is_open, state_open))


def _leads_on(graph: TurnGraph, rules: ArcRules, links: Bool) -> Bool:
    """[T], transitions of destination traffic, and those within a strongly connected part if all may turn round."""
    passing = links & (graph.layer[graph.tail] == THROUGH) & (graph.layer[graph.head] == THROUGH)
    arc = graph.state_arc
    shape = (len(rules.through), len(rules.through))
    table = csr_array((np.ones(passing.sum()), (arc[graph.tail[passing]], arc[graph.head[passing]])), shape=shape)
    _, label = connected_components(table, directed=True, connection="strong")
    together = label[arc[graph.tail]] == label[arc[graph.head]]
    return np.asarray((passing & together) | (graph.layer[graph.tail] != THROUGH), dtype=np.bool_)


def _holding(graph: TurnGraph, rules: ArcRules) -> Bool:
    """Which restrictions of the network are about the class and hold at any minute of the slot.

    A mandatory one is not about a class whose tags close all that it names (straight on into a street for buses);
    where only a banned area closes it, it holds.
    """
    vehicle = rules.vehicle
    keys = set(vehicle.access_keys) - {"access", "vehicle"}
    own = {"weight": vehicle.gvw_t, "weightrating": vehicle.gvw_t, "axleload": vehicle.axle_t,
           "height": vehicle.height_m, "width": vehicle.width_m, "length": vehicle.length_m}
    leads = np.zeros(len(graph.network.restrictions), dtype=bool)
    for path, row in zip(graph.bans.named, graph.bans.named_by, strict=True):
        leads[row] |= rules.by_tags[list(path)].all()
    about = [
        (r.mode is None or r.mode in vehicle.access_keys) and not (r.exempt & keys)
        and bool(r.condition.week & rules.slot.week) and all(b.holds(own[b.quantity]) for b in r.condition.bounds)
        for r in graph.network.restrictions]
    mandatory = [r.mandatory for r in graph.network.restrictions]
    return np.asarray(np.array(about, dtype=bool) & (leads | ~np.array(mandatory, dtype=bool)), dtype=np.bool_)


def _core(graph: TurnGraph, rules: ArcRules, is_open: Bool, state_open: Bool) -> Bool:
    """[2E], arcs in the largest strongly connected part, or destination-only with a way out to it and in from it.

    The largest is the one with the greatest street length.
    """
    tail, head = graph.tail[is_open], graph.head[is_open]
    shape = (graph.state_count, graph.state_count)
    links = csr_array((np.ones(len(tail)), (tail, head)), shape=shape)
    _, label = connected_components(links, directed=True, connection="strong")
    sizes = np.bincount(label, minlength=int(label.max()) + 1)
    looped = np.zeros(len(sizes), dtype=bool)
    looped[label[tail[label[tail] == label[head]]]] = True
    length = np.where(state_open & (graph.layer == THROUGH), graph.network.length_m[graph.state_arc >> 1], 0.0)
    total = np.bincount(label, weights=length) * looped
    if total.max() <= 0.0:
        raise NoStreetError(f"no two places of the network can be reached both ways by '{rules.vehicle.id}'")
    core = label == int(np.argmax(total))
    comes_from, leads_to = _reached(core, tail, head), _reached(core, head, tail)
    out, start = np.zeros((2, len(rules.through)), dtype=bool)
    layers = ((THROUGH, core, core), (LEAVING, leads_to, None), (ARRIVING, None, comes_from))
    for layer, can_start, can_end in layers:
        states = np.flatnonzero(state_open & (graph.layer == layer))
        if can_start is not None:
            start[graph.state_arc[states[can_start[states]]]] = True
        if can_end is not None:
            out[graph.state_arc[states[can_end[states]]]] = True
    return start & out


def _reached(core: Bool, tail: Int, head: Int) -> Bool:
    """States that can be reached from the core along the transitions tail -> head."""
    reached = core.copy()
    while True:
        further = head[reached[tail] & ~reached[head]]
        if len(further) == 0:
            return reached
        reached[further] = True


