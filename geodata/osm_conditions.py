"""Conditional tags of OpenStreetMap: "no @ (Mo-Fr 07:00-19:00 AND weight>7.5)" -> clauses with hours and bounds.

A week is an integer of 10,080 bits, one per minute from Monday 00:00 local time, so that hours can be compared,
kept and hashed as numbers. It is a week without public holidays: what is said about PH has no effect in it. Understood
are weekdays and clock times of the opening_hours syntax; whatever needs a calendar (school holidays, months, sunrise)
is not, and the clause says so.
Source: OpenStreetMap wiki, "Conditional restrictions" and "Key:opening_hours/specification".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from geodata.osm_values import metres, tonnes

DAY_MINUTES = 1440
WEEK_MINUTES = 7 * DAY_MINUTES
ALWAYS = (1 << WEEK_MINUTES) - 1

_DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_HOLIDAY = re.compile(r"^ph\b\s*")
_DAY_PART = re.compile(r"^(mo|tu|we|th|fr|sa|su)(?:\s*-\s*(mo|tu|we|th|fr|sa|su))?\b\s*")
_TIME_PART = re.compile(r"^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$")
_WHOLE_DAY = frozenset({"24/7", "24h", "24 h", "24 hours"})
_NEVER = frozenset({"off", "closed"})
_BOUND = re.compile(r"^(weight|weightrating|axleload|height|width|length)\s*(<=|>=|==|=|<|>)\s*(.+)$")
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
DESTINATION_WORDS = frozenset({"destination", "delivery", "loading", "unloading"})
_UNITS: Mapping[str, Callable[[str], float | None]] = MappingProxyType({
    "weight": tonnes, "weightrating": tonnes, "axleload": tonnes, "height": metres, "width": metres,
    "length": metres})


@dataclass(frozen=True)
class Bound:
    """What a vehicle must be like for a condition to hold, in t or m."""

    quantity: str
    relation: str
    limit: float

    def holds(self, value: float) -> bool:
        """Whether a vehicle's own value meets the bound."""
        return {">": value > self.limit, ">=": value >= self.limit, "<": value < self.limit,
                "<=": value <= self.limit}.get(self.relation, value == self.limit)


@dataclass(frozen=True)
class Condition:
    """All that must hold at once: minutes of the week, bounds on the vehicle, and whether it must be at its end."""

    week: int = ALWAYS
    bounds: tuple[Bound, ...] = ()
    at_destination: bool = False


@dataclass(frozen=True)
class Clause:
    """One "value @ condition"; the condition is None where it is not understood."""

    value: str
    condition: Condition | None
    text: str


def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a conditional tag in their order; the last one that holds wins."""
    found = []
    for part in _split(text):
        value, at, condition = part.partition("@")
        found.append(Clause(value.strip().lower(), _condition(condition) if at else None, part.strip()))
    return tuple(found)


def _split(text: str) -> Iterator[str]:
    """Cut at the semicolons that stand outside of brackets."""
    depth, start = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == ";" and depth == 0:
            yield text[start:at]
            start = at + 1
    if text[start:].strip():
        yield text[start:]


def _condition(text: str) -> Condition | None:
    inner = text.strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    week, bounds, at_destination = ALWAYS, [], False
    for part in _AND.split(inner.strip()):
        word = part.strip().lower()
        bound = _BOUND.match(word)
        if bound:
            limit = _UNITS[bound[1]](bound[3])
            if limit is None:
                return None
            bounds.append(Bound(bound[1], bound[2], limit))
        elif word in DESTINATION_WORDS:
            at_destination = True
        else:
            hours = week_of(word)
            if hours is None:
                return None
            week &= hours
    return Condition(week, tuple(bounds), at_destination)


def week_of(hours: str) -> int | None:
    """Minutes of the week as bits, of "Mo-Fr 07:00-09:00,16:00-19:00; Sa 10:00-12:00"; None: not understood.

    A later rule (after a semicolon) replaces what earlier ones said about its days, as the specification wants.
    """
    spans: list[list[tuple[int, int]]] = [[] for _ in _DAYS]
    for rule in hours.lower().split(";"):
        if not rule.strip():
            continue
        groups = _groups(rule)
        if groups is None:
            return None
        for days, _ in groups:
            for day in days:
                spans[day] = []
        for days, times in groups:
            for day in days:
                spans[day].extend(times)
    if not hours.strip(" ;"):
        return None
    week = 0
    for day, times in enumerate(spans):
        for start, stop in times:
            week |= span(day * DAY_MINUTES + start, day * DAY_MINUTES + stop)
    return week


def span(start_min: int, stop_min: int) -> int:
    """The minutes from start to stop (not included) as bits of the week, going round its end."""
    bits = ((1 << (stop_min - start_min)) - 1) << start_min
    return (bits & ALWAYS) | (bits >> WEEK_MINUTES)


def _groups(rule: str) -> list[tuple[list[int], list[tuple[int, int]]]] | None:
    """Days with their times, of one rule; days without a time are whole days."""
    groups: list[tuple[list[int], list[tuple[int, int]]]] = []
    days: list[int] | None = None
    times: list[tuple[int, int]] = []
    closed = False
    for part in rule.split(","):
        rest = part.strip()
        holiday, named = _HOLIDAY.match(rest), _DAY_PART.match(rest)
        named = holiday or named
        if named:
            if times:
                groups.append((list(range(7)) if days is None else days, times))
                days, times = None, []
            days = (days or []) + ([] if holiday else _day_range(named[1], named[2] or named[1]))
            rest = rest[named.end():].strip().lstrip(":").strip()
            if not rest:
                continue
        if rest in _NEVER:
            closed = True
        else:
            time = _times(rest)
            if time is None:
                return None
            times.append(time)
    whole = [] if closed else [(0, DAY_MINUTES)]
    groups.append((list(range(7)) if days is None else days, times or whole))
    return groups


def _day_range(first: str, last: str) -> list[int]:
    start, stop = _DAYS.index(first), _DAYS.index(last)
    return [(start + k) % 7 for k in range((stop - start) % 7 + 1)]


def _times(text: str) -> tuple[int, int] | None:
    if text in _WHOLE_DAY:
        return 0, DAY_MINUTES
    match = _TIME_PART.match(text)
    if match is None:
        return None
    start, stop = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if start >= DAY_MINUTES or stop > 2 * DAY_MINUTES or int(match[2]) > 59 or int(match[4]) > 59:
        return None
    return start, stop if stop > start else stop + DAY_MINUTES
