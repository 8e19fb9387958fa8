"""The weekly calendar: on which days each point is visited, so that nothing overflows and days are alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optimizer.transport import (
    DAYS_PER_WEEK,
    NO_LOAD,
    OVERFULL,
    ROUNDING,
    CollectionArea,
    Float,
    RoutingWarning,
    loads,
)


@dataclass(frozen=True)
class Visit:
    """One visit of a point: its index in the area, the day (1 to 7), days since the visit before."""

    point: int
    day: int
    gap_days: int


@dataclass(frozen=True)
class WeekCalendar:
    """Visit days (1 to 7, ascending) of every point of an area; none for a point without load."""

    days: tuple[tuple[int, ...], ...]
    warnings: tuple[RoutingWarning, ...]

    @cached_property
    def visits(self) -> tuple[Visit, ...]:
        """All visits of the week, by day and then by point."""
        found = [Visit(point, day, gap) for point, days in enumerate(self.days)
                 for day, gap in zip(days, gaps_before(days), strict=True)]
        return tuple(sorted(found, key=lambda v: (v.day, v.point)))


def visit_pattern(frequency: int) -> tuple[int, ...]:
    """Days 0 to 6 of `frequency` visits spaced as evenly as whole days allow; ValueError outside 1 to 7."""
    if not 1 <= frequency <= DAYS_PER_WEEK:
        raise ValueError(f"frequency {frequency} is not between 1 and {DAYS_PER_WEEK}")
    return tuple(k * DAYS_PER_WEEK // frequency for k in range(frequency))


def gaps_before(days: tuple[int, ...]) -> tuple[int, ...]:
    """Days since the previous visit for each of ascending visit days, cyclic over the week."""
    if len(days) == 1:
        return (DAYS_PER_WEEK,)
    return tuple((day - days[k - 1]) % DAYS_PER_WEEK for k, day in enumerate(days))


def smallest_frequency(longest_gap_days: float) -> int | None:
    """Fewest evenly spaced visits a week whose longest gap stays within the limit; None if daily is too rare."""
    for frequency in range(1, DAYS_PER_WEEK + 1):
        if max(gaps_before(visit_pattern(frequency))) <= longest_gap_days * (1.0 + ROUNDING):
            return frequency
    return None


def week_calendar(area: CollectionArea) -> WeekCalendar:
    """Visit days of every point: the fewest visits its storage allows, shifted so that days carry alike loads.

    A point whose storage is too small even for daily visits is visited daily, with a warning.
    """
    warnings: list[RoutingWarning] = []
    frequency: list[int] = []
    for point, point_id in enumerate(area.point_ids):
        if area.load_t_per_day[point] == 0.0 and area.load_m3_per_day[point] == 0.0:
            warnings.append(RoutingWarning(NO_LOAD, point_id, "nothing arises here, so no visit is planned"))
            frequency.append(0)
            continue
        allowed_days = area.days_between_visits(point)
        fewest = smallest_frequency(allowed_days)
        if fewest is None:
            warnings.append(RoutingWarning(OVERFULL, point_id, (
                f"storage lasts {allowed_days:.2f} days, so that even daily visits come too late")))
        frequency.append(DAYS_PER_WEEK if fewest is None else fewest)
    daily_loads = np.array([loads(area.vehicle, float(t), float(v)) for t, v in
                            zip(area.load_t_per_day, area.load_m3_per_day, strict=True)])
    shift = balanced_shifts(daily_loads, frequency)
    days = tuple(tuple(sorted((d + s) % DAYS_PER_WEEK + 1 for d in visit_pattern(f))) if f else ()
                 for f, s in zip(frequency, shift, strict=True))
    return WeekCalendar(days, tuple(warnings))


def loads_by_shift(daily_loads: Float, frequency: list[int]) -> Float:
    """Vehicle loads on each day if a point's pattern starts a given number of days later, [n, 7 shifts, 7 days]."""
    out = np.zeros((len(frequency), DAYS_PER_WEEK, DAYS_PER_WEEK))
    for point, f in enumerate(frequency):
        if f == 0:
            continue
        pattern = visit_pattern(f)
        for day, gap in zip(pattern, gaps_before(pattern), strict=True):
            for shift in range(DAYS_PER_WEEK):
                out[point, shift, (day + shift) % DAYS_PER_WEEK] = gap * daily_loads[point]
    return out


def balanced_shifts(daily_loads: Float, frequency: list[int]) -> list[int]:
    """Shift of each point's pattern, 0 to 6, that keeps the sum of squared day loads small.

    Largest load first, each where it hurts least; then moves of one or two points together while they help.
    """
    table = loads_by_shift(daily_loads, frequency)
    n = len(frequency)
    shift = [0] * n
    day_loads = np.zeros(DAYS_PER_WEEK)
    for point in sorted(range(n), key=lambda p: (-float(table[p].max()), p)):
        shift[point] = int(np.argmin(((day_loads + table[point]) ** 2).sum(axis=1).round(9)))
        day_loads = day_loads + table[point, shift[point]]
    _improve(table, shift, day_loads)
    return shift


def _improve(table: Float, shift: list[int], day_loads: Float) -> None:
    """Apply to `shift` the best move of each point alone or with one other, until none lowers the sum of squares."""
    n = len(shift)
    points = np.arange(n)
    tolerance = 1e-9 * max(1.0, float((day_loads**2).sum()))
    improved = n > 0
    while improved:
        improved = False
        for point in range(n):
            change = table - table[points, shift][:, None, :]
            alone = 2.0 * change @ day_loads + (change**2).sum(axis=2)
            # (L + a + b)^2 - L^2 = alone(a) + alone(b) + 2 a.b; the zero change of a partner is the move alone
            both = alone[point][:, None, None] + alone[None] + 2.0 * np.einsum("ad,nbd->anb", change[point], change)
            both[:, point, :] = alone[point][:, None]
            best = int(np.argmin(both))
            if both.flat[best] < -tolerance:
                own, partner, other = (int(i) for i in np.unravel_index(best, both.shape))
                day_loads = day_loads + change[point, own]
                shift[point] = own
                if partner != point:
                    day_loads = day_loads + change[partner, other]
                    shift[partner] = other
                improved = True
