"""Small towns written as OpenStreetMap XML, and a checker that reads turn restrictions straight from such a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from geodata.osm_network import StreetNetwork
from geodata.osm_tags import VehicleClass
from geodata.turn_metric import AreaBan, Metric, Slot, TurnCosts, arc_rules, metric, topology
from geodata.turn_places import Places
from geodata.turn_times import Route, routes

LON, LAT = 114.3, 30.6
M_PER_DEGREE_LAT = 110_900.0
M_PER_DEGREE_LON = 95_800.0

TRUCK = VehicleClass(
    "truck", gvw_t=8.0, axle_t=5.5, height_m=3.2, width_m=2.4, length_m=7.5, speed_cap_km_per_h=80.0,
    speed_km_per_h={"motorway": 70.0, "primary": 36.0, "residential": 18.0, "service": 9.0}, share_of_maxspeed=1.0,
    access_keys=("hgv", "goods", "motor_vehicle", "vehicle", "access"),
    opening_keys=frozenset({"hgv", "motor_vehicle"}),
    opened_speed_km_per_h=5.0, may_use_motorroad=True, passes_barriers=frozenset({"gate", "lift_gate"}))


@dataclass
class Town:
    """Nodes by name in metres, ways by number, relations; written as one .osm file."""

    xy: Mapping[str, tuple[float, float]]
    ways: dict[int, tuple[Sequence[str], dict[str, str]]] = field(default_factory=dict)
    relations: list[tuple[dict[str, str], list[tuple[str, int | str, str]]]] = field(default_factory=list)
    node_tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def way(self, number: int, nodes: str | Sequence[str], **tags: str) -> Town:
        """A street along nodes ("abc" or names); a tag's colon is written as two underscores."""
        self.ways[number] = (list(nodes), {"highway": "residential",
                                           **{key.replace("__", ":"): value for key, value in tags.items()}})
        return self

    def restrict(self, kind: str, from_: int | Sequence[int], via: str | int | Sequence[int], to: int | Sequence[int],
                 key: str = "restriction", **tags: str) -> Town:
        """A restriction over a node (its name) or ways (their numbers)."""
        members: list[tuple[str, int | str, str]] = [("way", way, "from") for way in _many(from_)]
        members += [("node", via, "via")] if isinstance(via, str) else [("way", way, "via") for way in _many(via)]
        members += [("way", way, "to") for way in _many(to)]
        self.relations.append(({"type": "restriction", key: kind, **tags}, members))
        return self

    def apart(self) -> Town:
        """The town with a street far off that can be driven both ways, for towns that do not hang together."""
        self.xy = {**self.xy, "far": (5000, 5000), "off": (5100, 5000)}
        return self.way(90, ["far", "off"])

    def id(self, name: str) -> int:
        """The id of a node in the file."""
        return 1000 + list(self.xy).index(name)

    def write(self, path: Path, missing: str = "") -> Path:
        """The town as a file, without the nodes that are said to be missing."""
        root = ElementTree.Element("osm", version="0.6")
        for name, (x, y) in self.xy.items():
            if name not in missing:
                lon, lat = LON + x / M_PER_DEGREE_LON, LAT + y / M_PER_DEGREE_LAT
                node = ElementTree.SubElement(root, "node", id=str(self.id(name)), version="1", lon=f"{lon:.7f}",
                                              lat=f"{lat:.7f}")
                _tag(node, self.node_tags.get(name, {}))
        for number, (nodes, tags) in self.ways.items():
            way = ElementTree.SubElement(root, "way", id=str(number), version="1")
            for name in nodes:
                ElementTree.SubElement(way, "nd", ref=str(self.id(name)))
            _tag(way, tags)
        for number, (tags, members) in enumerate(self.relations, start=1):
            relation = ElementTree.SubElement(root, "relation", id=str(number), version="1")
            for kind, ref, role in members:
                reference = self.id(ref) if isinstance(ref, str) else ref
                ElementTree.SubElement(relation, "member", type=kind, ref=str(reference), role=role)
            _tag(relation, tags)
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
        return path


def _many(value: int | Sequence[int]) -> Sequence[int]:
    return [value] if isinstance(value, int) else value


def _tag(element: ElementTree.Element, tags: Mapping[str, str]) -> None:
    for key, value in tags.items():
        ElementTree.SubElement(element, "tag", k=key, v=value)


def cross() -> dict[str, tuple[float, float]]:
    """A crossing x with w, e, s, n around it, 100 m away."""
    return {"x": (0, 0), "w": (-100, 0), "e": (100, 0), "s": (0, -100), "n": (0, 100)}


def metric_of(network: StreetNetwork, vehicle: VehicleClass = TRUCK, slot: Slot | None = None,
              bans: Sequence[AreaBan] = (), costs: TurnCosts | None = None) -> Metric:
    """The metric of one class alone."""
    rules = arc_rules(network, vehicle, slot or Slot("always"), bans, costs)
    return metric(topology(network, [rules]), rules, costs)


def at(network: StreetNetwork, *places: tuple[int, float]) -> Places:
    """Places by way number and share along the way's only segment."""
    segment = [int(np.flatnonzero(network.way_osm_id[network.way] == way)[0]) for way, _ in places]
    return Places(np.array(segment), np.array([share for _, share in places]))


def ways_driven(chosen: Metric, start: tuple[int, float], stop: tuple[int, float]) -> list[int] | None:
    """Numbers of the ways a route uses, one per segment; None where there is none."""
    network = chosen.graph.network
    route = routes(chosen, at(network, start), 0, at(network, stop), np.array([0]))[0]
    return None if route is None else [int(network.way_osm_id[network.way[arc >> 1]]) for arc in route.arcs]


@dataclass(frozen=True)
class Rule:
    """A restriction as the file has it, read without the package under test."""

    kind: str
    from_ways: frozenset[int]
    via_node: int | None
    via_ways: tuple[int, ...]
    to_ways: frozenset[int]


def rules_in_xml(path: Path, modes: Iterable[str]) -> list[Rule]:
    """Unconditional restrictions of a .osm file that are about one of the modes."""
    found = []
    for relation in ElementTree.parse(path).getroot().iter("relation"):
        tags = {tag.get("k", ""): tag.get("v", "") for tag in relation.iter("tag")}
        if set(tags.get("except", "").split(";")) & set(modes):
            continue
        kind = next((tags[k] for k in ("restriction", *(f"restriction:{m}" for m in modes)) if k in tags), None)
        if kind is not None:
            members = [(m.get("type", ""), int(m.get("ref", "0")), m.get("role", "")) for m in relation.iter("member")]
            found.append(rule_of(kind, members))
    return found


def rule_of(kind: str, members: Sequence[tuple[str, int, str]]) -> Rule:
    """A rule of its members (node/way, id, role)."""
    node = [ref for what, ref, role in members if role == "via" and what == "node"]
    return Rule(kind, frozenset(ref for _, ref, role in members if role == "from"), node[0] if node else None,
                tuple(ref for what, ref, role in members if role == "via" and what == "way"),
                frozenset(ref for _, ref, role in members if role == "to"))


def steps_of(network: StreetNetwork, route: Route) -> list[tuple[int, int, int]]:
    """What was driven: way, node it was entered at and node it was left at, with ids of OpenStreetMap."""
    steps = []
    for arc in route.arcs:
        ends = (int(network.node_osm_id[network.u[arc >> 1]]), int(network.node_osm_id[network.v[arc >> 1]]))
        steps.append((int(network.way_osm_id[network.way[arc >> 1]]), *(ends[::-1] if arc & 1 else ends)))
    return steps


def violations(steps: Sequence[tuple[int, int, int]], rules: Iterable[Rule]) -> list[tuple[Rule, int]]:
    """Rules that a sequence of steps breaks, with the step at which it does."""
    broken = []
    ways = {way for way, _, _ in steps}
    for rule in rules:
        if not rule.from_ways & ways:
            continue
        for at_step in range(len(steps) - 1):
            if steps[at_step][0] not in rule.from_ways:
                continue
            if rule.via_node is not None:
                bad = steps[at_step][2] == rule.via_node and _breaks(rule, steps[at_step], steps[at_step + 1])
            else:
                bad = _breaks_over_ways(rule, steps[at_step + 1:])
            if bad:
                broken.append((rule, at_step))
    return broken


def _breaks(rule: Rule, before: tuple[int, int, int], after: tuple[int, int, int]) -> bool:
    named = after[0] in rule.to_ways
    if named and rule.from_ways & rule.to_ways:
        turned = after[0] == before[0] and after[2] == before[1]
        named = turned == rule.kind.endswith("_u_turn")
    return not named if rule.kind.startswith("only_") else named


def _breaks_over_ways(rule: Rule, after: Sequence[tuple[int, int, int]]) -> bool:
    """Only for prohibitions: all via ways one after the other, then `to`."""
    seen = []
    for way, _, _ in after:
        if way in rule.via_ways:
            seen.append(way)
        else:
            return set(seen) == set(rule.via_ways) and way in rule.to_ways and rule.kind.startswith("no_")
    return False
