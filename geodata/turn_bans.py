"""Turn restrictions resolved on the segments of a network: sequences of arcs that nobody may drive in a row.

Arc 2e runs along segment e from u to v, arc 2e + 1 from v to u. A restriction with a node gives sequences of two arcs,
one with ways gives longer ones. `only_*` is turned into what it forbids: every other arc on the way from `from` over
`via` to `to`. With via ways that includes leaving early: whether that is meant is open among mappers
(graphhopper/graphhopper#2689), and this reading is lawful under the other one too.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.osm_network import StreetNetwork
from geodata.osm_restrictions import Restriction, Tally, tallies

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Arcs = tuple[int, ...]


@dataclass(frozen=True)
class TurnBans:
    """B forbidden sequences of arcs, each with the restriction (index into network.restrictions) it comes from."""

    sequences: tuple[Arcs, ...]
    restriction: Int
    """[B]."""
    named: tuple[Arcs, ...]
    """Paths that mandatory restrictions name ..."""
    named_by: Int
    """... and the restriction of each."""
    unapplied: tuple[Tally, ...]
    """Restrictions that forbid nothing here, with the reason."""


def reverse(arc: int) -> int:
    """The arc along the same segment the other way."""
    return arc ^ 1


def turn_bans(network: StreetNetwork, usable: Bool) -> TurnBans:
    """What the network's restrictions forbid among the usable arcs ([2E])."""
    finder = _Finder.of(network, usable)
    sequences: list[Arcs] = []
    source: list[int] = []
    named: list[Arcs] = []
    named_by: list[int] = []
    counter: Counter[tuple[str, str]] = Counter()
    for row, restriction in enumerate(network.restrictions):
        paths = sorted(set(finder.named(restriction)))
        found = sorted(set(finder.others(set(paths)))) if restriction.mandatory else paths
        if restriction.mandatory:
            named += paths
            named_by += [row] * len(paths)
        if not found:
            counter["restriction_unapplied", finder.why_not(restriction)] += 1
        sequences += found
        source += [row] * len(found)
    return TurnBans(tuple(sequences), np.array(source, dtype=np.int64), tuple(named),
                    np.array(named_by, dtype=np.int64), tallies(counter))


@dataclass(frozen=True)
class _Finder:
    """Looks up segments by ids of OpenStreetMap."""

    network: StreetNetwork
    usable: Bool
    ways_by_id: Int
    """Way indices in the order of their ids."""
    leaving: Int
    """Arcs in the order of their tail nodes."""
    leaves_from: Int
    """[2E], ascending: the tail node of each of `leaving`."""

    @classmethod
    def of(cls, network: StreetNetwork, usable: Bool) -> _Finder:
        """The finder of a network."""
        tail = np.column_stack([network.u, network.v]).ravel()
        order = np.argsort(tail, kind="stable")
        return cls(network, usable, np.argsort(network.way_osm_id, kind="stable"), order, tail[order])

    def segments(self, way_osm_id: int) -> range:
        """Segments of a way, in its order; empty where the way is not in the network."""
        ids = self.network.way_osm_id
        at = int(np.searchsorted(ids, way_osm_id, sorter=self.ways_by_id))
        if at == len(ids) or ids[self.ways_by_id[at]] != way_osm_id:
            return range(0)
        way = self.ways_by_id[at]
        return range(*(int(np.searchsorted(self.network.way, way, side=side)) for side in ("left", "right")))

    def node(self, osm_id: int) -> int | None:
        """Index of a node, None where no segment ends there."""
        at = int(np.searchsorted(self.network.node_osm_id, osm_id))
        return at if at < len(self.network.node_osm_id) and self.network.node_osm_id[at] == osm_id else None

    def tail(self, arc: int) -> int:
        """Node where an arc starts."""
        return int((self.network.v if arc & 1 else self.network.u)[arc >> 1])

    def head(self, arc: int) -> int:
        """Node where an arc ends."""
        return self.tail(reverse(arc))

    def arcs(self, ways: Sequence[int]) -> list[int]:
        """Usable arcs of some ways."""
        both = (arc for way in ways for e in self.segments(way) for arc in (2 * e, 2 * e + 1))
        return [arc for arc in both if self.usable[arc]]

    def onward(self, node: int) -> list[int]:
        """Usable arcs that start at a node."""
        first, last = np.searchsorted(self.leaves_from, [node, node + 1])
        return [int(arc) for arc in self.leaving[first:last] if self.usable[arc]]

    def why_not(self, restriction: Restriction) -> str:
        """The reason why a restriction forbids nothing."""
        ways = (*restriction.from_ways, *restriction.via_ways, *restriction.to_ways)
        if not all(len(self.segments(way)) for way in ways):
            return "way_not_in_network"
        if restriction.via_nodes and self.node(restriction.via_nodes[0]) is None:
            return "via_is_no_junction"
        return "no_such_turn"

    def others(self, named: set[Arcs]) -> Iterator[Arcs]:
        """Whatever leaves the named paths before their end."""
        prefixes = {path[:k] for path in named for k in range(1, len(path) + 1)}
        for prefix in {path[:k] for path in named for k in range(1, len(path))}:
            for arc in self.onward(self.head(prefix[-1])):
                if (*prefix, arc) not in prefixes:
                    yield (*prefix, arc)

    def named(self, restriction: Restriction) -> Iterator[Arcs]:
        """The paths a relation names, from an arc of `from` over `via` to an arc of `to`."""
        starts, ends = self.arcs(restriction.from_ways), set(self.arcs(restriction.to_ways))
        if restriction.via_nodes:
            via = self.node(restriction.via_nodes[0])
            for start in starts:
                if via is not None and self.head(start) == via:
                    yield from ((start, end) for end in ends if self.tail(end) == via
                                and self._meant(restriction, start, end))
            return
        over = set(self.arcs(restriction.via_ways))
        for start in starts:
            path = self._along(start, over, ends, set(restriction.via_ways))
            if path is not None:
                yield path

    def _meant(self, restriction: Restriction, start: int, end: int) -> bool:
        """Where from and to are one way, turning round is what *_u_turn is about, and nothing else."""
        about_turning_round = restriction.kind.endswith("_u_turn")
        one_way = bool(set(restriction.from_ways) & set(restriction.to_ways))
        return not one_way or (end == reverse(start)) == about_turning_round

    def _along(self, start: int, over: set[int], ends: set[int], via_ways: set[int]) -> Arcs | None:
        """The shortest path from an arc along the via ways, each of them used, to an arc of `to`."""
        network = self.network
        queue: deque[Arcs] = deque([(start,)])
        seen = {(start, frozenset[int]())}
        while queue:
            path = queue.popleft()
            used = frozenset(int(network.way_osm_id[network.way[arc >> 1]]) for arc in path[1:])
            onward = self.onward(self.head(path[-1]))
            if used == via_ways:
                for arc in onward:
                    if arc in ends and arc != reverse(path[-1]):
                        return (*path, arc)
            for arc in onward:
                key = (arc, used)
                if arc in over and arc not in path and arc != reverse(path[-1]) and key not in seen:
                    seen.add(key)
                    queue.append((*path, arc))
        return None
