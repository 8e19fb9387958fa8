"""Turn restrictions as OpenStreetMap maps them: one row per rule of a relation. Nothing is resolved here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geodata.osm_conditions import Condition, clauses

KINDS = frozenset({"no_left_turn", "no_right_turn", "no_straight_on", "no_u_turn", "no_entry", "no_exit",
                   "only_left_turn", "only_right_turn", "only_straight_on", "only_u_turn"})
_OLD_HOURS = ("day_on", "day_off", "hour_on", "hour_off")


@dataclass(frozen=True)
class Tally:
    """What was left out or not understood, and how often."""

    reason: str
    detail: str
    count: int


def tallies(counter: Mapping[tuple[str, str], int]) -> tuple[Tally, ...]:
    """Counted (reason, detail) pairs as rows, in order."""
    return tuple(Tally(reason, detail, count) for (reason, detail), count in sorted(counter.items()))


@dataclass(frozen=True)
class Member:
    """A member of a relation: n or w, its id and its role."""

    type: str
    ref: int
    role: str


@dataclass(frozen=True)
class Restriction:
    """One rule about turning, with the ids of OpenStreetMap."""

    osm_id: int
    kind: str
    from_ways: tuple[int, ...]
    via_nodes: tuple[int, ...]
    via_ways: tuple[int, ...]
    to_ways: tuple[int, ...]
    exempt: frozenset[str]
    """Modes named by `except`."""
    mode: str | None
    """The only mode it is about (restriction:hgv=...); None: every vehicle."""
    condition: Condition
    """When it holds."""

    @property
    def mandatory(self) -> bool:
        """Whether it names the only way on, rather than one that is forbidden."""
        return self.kind.startswith("only_")


def restrictions_of(osm_id: int, tags: Mapping[str, str], members: Sequence[Member],
                    unread: Counter[tuple[str, str]]) -> list[Restriction]:
    """The rules of one relation; what is not understood is added to `unread`.

    Old hours (day_on, hour_on...) are not read: the rule is kept at all hours, and counted.
    """
    from_ways, to_ways = (tuple(m.ref for m in members if m.role == role and m.type == "w") for role in ("from", "to"))
    via_nodes, via_ways = (tuple(m.ref for m in members if m.role == "via" and m.type == kind) for kind in ("n", "w"))
    if not from_ways or not to_ways or bool(via_nodes) == bool(via_ways) or len(via_nodes) > 1:
        unread["restriction_members", ",".join(sorted(f"{m.role}/{m.type}" for m in members))] += 1
        return []
    exempt = frozenset(word.strip() for word in tags.get("except", "").split(";") if word.strip())
    mode_of_type = tags.get("type", "").partition(":")[2]
    found = []
    for key, text in tags.items():
        if key.partition(":")[0] != "restriction":
            continue
        parts = key.split(":")[1:]
        conditional = bool(parts) and parts[-1] == "conditional"
        modes = parts[:-1] if conditional else parts
        if len(modes) > 1:
            unread["restriction_key", key] += 1
            continue
        mode = modes[0] if modes else mode_of_type or None
        for kind, condition in _rules(text, conditional, unread):
            found.append(Restriction(osm_id, kind, from_ways, via_nodes, via_ways, to_ways, exempt, mode, condition))
    if found and any(key in tags for key in _OLD_HOURS):
        unread["restriction_hours_ignored", ",".join(f"{k}={tags[k]}" for k in _OLD_HOURS if k in tags)] += 1
    return found


def _rules(text: str, conditional: bool, unread: Counter[tuple[str, str]]) -> list[tuple[str, Condition]]:
    """Kind and condition of each rule in a tag."""
    if not conditional:
        if text not in KINDS:
            unread["restriction_kind", text] += 1
            return []
        return [(text, Condition())]
    found = []
    for clause in clauses(text):
        if clause.condition is None or clause.value not in KINDS:
            unread["restriction_condition", clause.text] += 1
        else:
            found.append((clause.value, clause.condition))
    return found
