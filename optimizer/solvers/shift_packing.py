"""Trips into shifts: the fewest vehicle-days that hold a day's trips, with a proven lower bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

DETERMINISTIC_S = 2.0
"""CP-SAT's deterministic time for each number of vehicles tried; the same on every machine."""
DUST_S = 1e-6


@dataclass(frozen=True)
class Shifts:
    """Trip indices of every vehicle-day, and the fewest vehicle-days that is proven possible at all."""

    trips: tuple[tuple[int, ...], ...]
    bound_count: int


def pack_shifts(durations_s: Sequence[float], work_s: float) -> Shifts:
    """Trips packed into the fewest shifts found; each trip must fit a shift, else ValueError.

    First-fit and best-fit decreasing; where they miss the bound of Martello and Toth (L2), CP-SAT decides
    each smaller number of shifts within a deterministic budget. What it refutes raises the bound.
    """
    if durations_s and not max(durations_s) <= work_s + DUST_S:
        raise ValueError(f"a trip of {max(durations_s)} s does not fit a shift of {work_s} s")
    capacity = math.floor(work_s + DUST_S)
    # a trip within a second of the whole shift fills it
    seconds = [min(capacity, math.ceil(d - DUST_S)) for d in durations_s]
    best = min((_decreasing(seconds, capacity, best_fit) for best_fit in (False, True)), key=len)
    bound = lower_bound(seconds, capacity)
    proven = True
    for count in range(bound, len(best)):
        status, bins = _decide(seconds, capacity, count)
        if bins is not None:
            best = bins
            break
        proven = proven and status == cp_model.INFEASIBLE
        bound = count + 1 if proven else bound
    return Shifts(tuple(tuple(sorted(b)) for b in sorted(best)), bound)


def lower_bound(seconds: Sequence[int], capacity: int) -> int:
    """Fewest shifts by the bound L2 of Martello and Toth (1990), which includes total over capacity."""
    best = -(-sum(seconds) // capacity) if seconds else 0
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


def _decide(seconds: Sequence[int], capacity: int, count: int) -> tuple[int, list[list[int]] | None]:
    """Whether the trips fit `count` shifts: CP-SAT's status and the shifts if it found them."""
    model = cp_model.CpModel()
    order = sorted(range(len(seconds)), key=lambda i: (-seconds[i], i))
    inside = {(i, b): model.new_bool_var("") for rank, i in enumerate(order) for b in range(min(count, rank + 1))}
    for rank, i in enumerate(order):
        model.add_exactly_one(inside[i, b] for b in range(min(count, rank + 1)))
    for b in range(count):
        model.add(sum(seconds[i] * inside[i, b] for i in order if (i, b) in inside) <= capacity)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = DETERMINISTIC_S
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return int(status), None
    bins = [[i for i in order if (i, b) in inside and solver.value(inside[i, b])] for b in range(count)]
    return int(status), [b for b in bins if b]
