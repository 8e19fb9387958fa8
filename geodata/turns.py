"""The turn-expanded graph: states are arcs of segments, transitions are turns; one topology for all classes and hours.

A state stands at the start of its arc. Two things give an arc several states:
- restrictions over via ways: a state of its own for each beginning of a forbidden sequence, so that the end of the
  sequence can be closed for those who came that way (the automaton of Aho and Corasick 1975);
- streets for destination traffic only: a layer for those who start there and have not left, and one for those who have
  arrived and may not leave, so that nobody drives through.
Which states and turns are open, and what they cost, is said by metrics (turn_metric).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.osm_network import StreetNetwork
from geodata.roads import NoStreetError
from geodata.turn_bans import Arcs, TurnBans, turn_bans

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

THROUGH, LEAVING, ARRIVING = 0, 1, 2
"""Layers of states: anywhere; on destination-only streets since the start; on them until the end."""


@dataclass(frozen=True)
class TurnGraph:
    """A network's S states and T transitions; arcs are 2e and 2e + 1 along segment e (see turn_bans)."""

    network: StreetNetwork
    bans: TurnBans
    state_arc: Int
    """[S]."""
    layer: Int
    """[S], THROUGH, LEAVING or ARRIVING."""
    tail: Int
    """[T], state."""
    head: Int
    """[T], state."""
    turns_round: Bool
    """[T], onto the same segment the other way."""
    banned: Int
    """[P], transitions that a restriction closes while it holds ..."""
    banned_by: Int
    """[P], ... and that restriction, index into network.restrictions."""
    start_state: Int
    """[3, 2E], the state in which one starts on an arc, per layer; -1 where there is none."""

    @property
    def state_count(self) -> int:
        """S."""
        return len(self.state_arc)

    @property
    def node(self) -> Int:
        """[T], the network's node where each transition happens."""
        return arc_tail(self.network)[self.state_arc[self.head]]


@dataclass(frozen=True)
class _Expanded:
    """States and transitions before the layers."""

    state_arc: Int
    tail: Int
    head: Int
    base: Int
    """[transitions], the pair of arcs each comes from."""
    closed: Int
    closed_by: Int


def arc_tail(network: StreetNetwork) -> Int:
    """[2E], the node where each arc starts."""
    return np.column_stack([network.u, network.v]).ravel()


def arc_head(network: StreetNetwork) -> Int:
    """[2E], the node where each arc ends."""
    return np.column_stack([network.v, network.u]).ravel()


def turn_graph(network: StreetNetwork, usable: Bool, destination: Bool) -> TurnGraph:
    """The topology over the arcs that somebody may use at some time ([2E]).

    `destination` ([2E]) marks arcs that are for destination traffic only, for somebody at some time. Turning round is
    possible everywhere; metrics say where it is allowed. Raises NoStreetError where no arc is usable.
    """
    if not usable.any():
        raise NoStreetError("no street is open to anybody")
    bans = turn_bans(network, usable)
    tail_arc, head_arc = _pairs(network, usable)
    plain = _expand(tail_arc, head_arc, bans, usable)
    state_arc, layer, tail, head, origin = _layered(plain, destination)
    pair = plain.base[origin]
    by_pair, rule_of_pair = _pair_bans(tail_arc, head_arc, bans, len(usable))
    first, by_first = _joined(pair, by_pair, rule_of_pair)
    second, by_second = _joined(origin, plain.closed, plain.closed_by)
    start_state = np.full((3, len(usable)), -1, dtype=np.int64)
    # an arc's own state comes before its copies for via ways, so that writing backwards leaves the own one
    for number in (THROUGH, LEAVING, ARRIVING):
        states = np.flatnonzero(layer == number)[::-1]
        start_state[number, state_arc[states]] = states
    return TurnGraph(network, bans, state_arc, layer, tail, head, state_arc[tail] == (state_arc[head] ^ 1),
                     np.concatenate([first, second]), np.concatenate([by_first, by_second]), start_state)


def _pairs(network: StreetNetwork, usable: Bool) -> tuple[Int, Int]:
    """All pairs of usable arcs of which the second starts where the first ends, sorted by first and second."""
    arcs = np.flatnonzero(usable)
    start, end = arc_tail(network)[arcs], arc_head(network)[arcs]
    order = np.argsort(start, kind="stable")
    low, high = (np.searchsorted(start[order], end, side=side) for side in ("left", "right"))
    count = high - low
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(arcs, count), arcs[order[np.repeat(low, count) + rank]]


def _expand(tail_arc: Int, head_arc: Int, bans: TurnBans, usable: Bool) -> _Expanded:
    """One state per usable arc, and one per beginning (of two arcs or more) of a longer forbidden sequence."""
    arcs = np.flatnonzero(usable)
    own = np.full(len(usable), -1, dtype=np.int64)
    own[arcs] = np.arange(len(arcs))
    sequences: dict[Arcs, list[int]] = {}
    for sequence, rule in zip(bans.sequences, bans.restriction.tolist(), strict=True):
        if len(sequence) > 2:
            sequences.setdefault(sequence, []).append(rule)
    beginnings = sorted({s[:k] for s in sequences for k in range(2, len(s))})
    copy = {beginning: len(arcs) + row for row, beginning in enumerate(beginnings)}
    first_of = np.searchsorted(tail_arc, np.arange(len(usable) + 1))
    tail, head, base = own[tail_arc], own[head_arc], np.arange(len(tail_arc))
    more: list[tuple[int, int, int]] = []
    closed: list[tuple[int, int]] = []
    for beginning, state in copy.items():
        for pair in range(first_of[beginning[-1]], first_of[beginning[-1] + 1]):
            driven = (*beginning, int(head_arc[pair]))
            suffixes = [driven[k:] for k in range(len(driven) - 1)]
            closed += [(len(tail) + len(more), rule) for s in suffixes for rule in sequences.get(s, ())]
            onto = next((copy[s] for s in suffixes if s in copy), int(own[driven[-1]]))
            more.append((state, onto, pair))
        if len(beginning) == 2:
            pairs = slice(first_of[beginning[0]], first_of[beginning[0] + 1])
            head[pairs][head_arc[pairs] == beginning[1]] = state
    added = np.array(more, dtype=np.int64).reshape(-1, 3)
    shut = np.array(closed, dtype=np.int64).reshape(-1, 2)
    last = np.array([b[-1] for b in beginnings], dtype=np.int64)
    return _Expanded(np.concatenate([arcs, last]), np.concatenate([tail, added[:, 0]]),
                     np.concatenate([head, added[:, 1]]), np.concatenate([base, added[:, 2]]), shut[:, 0], shut[:, 1])


def _layered(plain: _Expanded, destination: Bool) -> tuple[Int, Int, Int, Int, Int]:
    """States and transitions with the layers of destination traffic, and the plain transition each comes from."""
    count = len(plain.state_arc)
    doubled = np.flatnonzero(destination[plain.state_arc])
    copy = np.full(count, -1, dtype=np.int64)
    copy[doubled] = np.arange(len(doubled))
    state_arc = np.concatenate([plain.state_arc, plain.state_arc[doubled], plain.state_arc[doubled]])
    layer = np.repeat([THROUGH, LEAVING, ARRIVING], [count, len(doubled), len(doubled)])
    tail_copy, head_copy = copy[plain.tail], copy[plain.head]
    to, fro = np.flatnonzero(head_copy >= 0), np.flatnonzero(tail_copy >= 0)
    inside = np.flatnonzero((tail_copy >= 0) & (head_copy >= 0))
    leaving, arriving = count + copy, count + len(doubled) + copy
    every = np.arange(len(plain.tail))
    tail = np.concatenate([plain.tail, leaving[plain.tail[fro]], leaving[plain.tail[inside]], plain.tail[to],
                           arriving[plain.tail[inside]]])
    head = np.concatenate([plain.head, plain.head[fro], leaving[plain.head[inside]], arriving[plain.head[to]],
                           arriving[plain.head[inside]]])
    return state_arc, layer, tail, head, np.concatenate([every, fro, inside, to, inside])


def _pair_bans(tail_arc: Int, head_arc: Int, bans: TurnBans, arcs: int) -> tuple[Int, Int]:
    """Pairs of arcs (their index) that a restriction forbids, and the restriction."""
    short = [(s[0], s[1], rule) for s, rule in zip(bans.sequences, bans.restriction.tolist(), strict=True)
             if len(s) == 2]
    table = np.array(short, dtype=np.int64).reshape(-1, 3)
    key = tail_arc * np.int64(arcs) + head_arc
    order = np.argsort(key, kind="stable")
    found = np.searchsorted(key, table[:, 0] * np.int64(arcs) + table[:, 1], sorter=order)
    return order[found], table[:, 2]


def _joined(of: Int, wanted: Int, value: Int) -> tuple[Int, Int]:
    """Rows at which `of` equals one of `wanted`, each with the value that goes with it."""
    order = np.argsort(of, kind="stable")
    low, high = (np.searchsorted(of[order], wanted, side=side) for side in ("left", "right"))
    count = high - low
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return order[np.repeat(low, count) + rank], np.repeat(value, count)
