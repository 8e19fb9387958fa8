"""Trips into shifts: the fewest vehicle-days that hold a day's trips, with a proven lower bound."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ortools.sat.python import cp_model

DETERMINISTIC_S = 1.0
"""CP-SAT's deterministic time for each number of vehicles tried, unless told otherwise; the same on every machine."""
KINDS_FOR_PATTERNS = 8
"""With at most so many different durations (full loads), shifts are counted by pattern, not trip by trip."""
MOST_PATTERNS = 5000
DUST_S = 1e-6


@dataclass(frozen=True)
class Shifts:
    """Trip indices of every vehicle-day, and the fewest vehicle-days that is proven possible at all."""

    trips: tuple[tuple[int, ...], ...]
    bound_count: int


def pack_shifts(durations_s: Sequence[float], work_s: float, effort_s: float = DETERMINISTIC_S) -> Shifts:
    """Trips packed into the fewest shifts found; each trip must fit a shift, else ValueError.

    First-fit and best-fit decreasing; where they miss the lower bound, CP-SAT looks for one shift fewer, and
    again, within a deterministic budget of `effort_s` each time. Where it proves there is none, that is the bound.
    """
    if durations_s and not max(durations_s) <= work_s + DUST_S:
        raise ValueError(f"a trip of {max(durations_s)} s does not fit a shift of {work_s} s")
    capacity = math.floor(work_s + DUST_S)
    # a trip within a second of the whole shift fills it
    seconds = [min(capacity, math.ceil(d - DUST_S)) for d in durations_s]
    best = min((_decreasing(seconds, capacity, best_fit) for best_fit in (False, True)), key=len)
    bound = lower_bound(seconds, capacity)
    while len(best) > bound:
        fewer, impossible = _fewer(seconds, capacity, len(best) - 1, effort_s)
        if impossible:
            bound = len(best)
        if fewer is None:
            break
        best = fewer
    return Shifts(tuple(tuple(sorted(b)) for b in sorted(best)), bound)


def lower_bound(seconds: Sequence[int], capacity: int) -> int:
    """Fewest shifts by total over capacity, by most trips in a shift, and by Martello and Toth's L2 (1990)."""
    if not seconds:
        return 0
    filled = list(accumulate(sorted(seconds)))
    most = max(1, bisect_right(filled, capacity))
    best = max(-(-filled[-1] // capacity), -(-len(seconds) // most))
    for small in sorted({s for s in seconds if 2 * s <= capacity}):
        large = [s for s in seconds if s > capacity - small]
        middle = [s for s in seconds if capacity - small >= s and 2 * s > capacity]
        rest = sum(s for s in seconds if small <= s and 2 * s <= capacity)
        free = len(middle) * capacity - sum(middle)
        best = max(best, len(large) + len(middle) + max(0, -(-(rest - free) // capacity)))
    return max(best, sum(2 * s > capacity for s in seconds))


def _decreasing(seconds: Sequence[int], capacity: int, best_fit: bool) -> list[list[int]]:
    bins: list[list[int]] = []
    room: list[int] = []
    for item in sorted(range(len(seconds)), key=lambda i: (-seconds[i], i)):
        fitting = [b for b in range(len(bins)) if room[b] >= seconds[item]]
        if not fitting:
            bins.append([item])
            room.append(capacity - seconds[item])
            continue
        chosen = min(fitting, key=lambda b: (room[b], b)) if best_fit else fitting[0]
        bins[chosen].append(item)
        room[chosen] -= seconds[item]
    return bins


def _fewer(seconds: Sequence[int], capacity: int, count: int,
           effort_s: float) -> tuple[list[list[int]] | None, bool]:
    """At most `count` shifts for the trips if CP-SAT finds them, and whether it proves that there are none."""
    patterns = _patterns(seconds, capacity)
    model = cp_model.CpModel()
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = effort_s
    if patterns:
        kinds = sorted(set(seconds), reverse=True)
        times = [model.new_int_var(0, count, "") for _ in patterns]
        for k, kind in enumerate(kinds):
            model.add(sum(p[k] * t for p, t in zip(patterns, times, strict=True)) >= seconds.count(kind))
        model.add(sum(times) <= count)
        status = solver.solve(model)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            used = [p for p, t in zip(patterns, times, strict=True) for _ in range(solver.value(t))]
            return _dealt(seconds, kinds, used), False
        return None, status == cp_model.INFEASIBLE
    order = sorted(range(len(seconds)), key=lambda i: (-seconds[i], i))
    # the longest trip goes into the first shift, the second longest into one of the first two, and so on
    inside = {(i, b): model.new_bool_var("") for rank, i in enumerate(order) for b in range(min(count, rank + 1))}
    for rank, i in enumerate(order):
        model.add_exactly_one(inside[i, b] for b in range(min(count, rank + 1)))
    for b in range(count):
        model.add(sum(seconds[i] * inside[i, b] for i in order if (i, b) in inside) <= capacity)
    status = solver.solve(model)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        shifts = [[i for i in order if (i, b) in inside and solver.value(inside[i, b])] for b in range(count)]
        return [b for b in shifts if b], False
    return None, status == cp_model.INFEASIBLE


def _patterns(seconds: Sequence[int], capacity: int) -> list[tuple[int, ...]]:
    """Fillings of a shift as trips of each kind (longest first) to which no trip can be added; none if too many."""
    kinds = sorted(set(seconds), reverse=True)
    if len(kinds) > KINDS_FOR_PATTERNS:
        return []
    partial: list[tuple[tuple[int, ...], int]] = [((), capacity)]
    for k, kind in enumerate(kinds):
        grown = []
        for counts, room in partial:
            most = min(seconds.count(kind), room // kind)
            # the last kind always fills up
            fewest = most if k == len(kinds) - 1 else 0
            grown += [((*counts, c), room - c * kind) for c in range(fewest, most + 1)]
        partial = grown
        if len(partial) > MOST_PATTERNS:
            return []
    return [counts for counts, _ in partial]


def _dealt(seconds: Sequence[int], kinds: Sequence[int], used: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Trips dealt into the patterns chosen, which may hold more than there are."""
    left = {kind: [i for i, s in enumerate(seconds) if s == kind] for kind in kinds}
    shifts = []
    for pattern in used:
        shift: list[int] = []
        for kind, count in zip(kinds, pattern, strict=True):
            shift += left[kind][:count]
            left[kind] = left[kind][count:]
        shifts.append(shift)
    return [s for s in shifts if s]
