"""The weekly calendar: on which days each point is visited, so that nothing overflows and each day has its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optimizer.transport import DAYS_PER_WEEK, NO_LOAD, OVERFULL, ROUNDING, CollectionArea, Float, RoutingWarning
from optimizer.visits import expected_work_s


@dataclass(frozen=True)
class Visit:
    """One visit of a point: its index in the area, the day (1 to 7), days since the visit before."""

    point: int
    day: int
    gap_days: int


@dataclass(frozen=True)
class Frequencies:
    """Visits a week of every point of an area (0: none), and what the planner must know about them."""

    per_week: tuple[int, ...]
    warnings: tuple[RoutingWarning, ...]


@dataclass(frozen=True)
class WeekCalendar:
    """Visit days of every point of an area: its evenly spaced pattern, `shift` days (0 to 6) later."""

    per_week: tuple[int, ...]
    shift: tuple[int, ...]

    @cached_property
    def days(self) -> tuple[tuple[int, ...], ...]:
        """Visit days (1 to 7, ascending) of every point."""
        return tuple(tuple(sorted((d + s) % DAYS_PER_WEEK + 1 for d in visit_pattern(f))) if f else ()
                     for f, s in zip(self.per_week, self.shift, strict=True))

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


def visit_frequencies(area: CollectionArea) -> Frequencies:
    """The fewest visits a week each point's storage allows; daily, with a warning, where even that is too few."""
    warnings: list[RoutingWarning] = []
    per_week: list[int] = []
    for point, point_id in enumerate(area.point_ids):
        if area.load_t_per_day[point] == 0.0 and area.load_m3_per_day[point] == 0.0:
            warnings.append(RoutingWarning(NO_LOAD, point_id, "nothing arises here, so no visit is planned"))
            per_week.append(0)
            continue
        allowed_days = area.days_between_visits(point)
        fewest = smallest_frequency(allowed_days)
        if fewest is None:
            warnings.append(RoutingWarning(OVERFULL, point_id, (
                f"storage lasts {allowed_days:.2f} days, so that even daily visits come too late")))
        per_week.append(DAYS_PER_WEEK if fewest is None else fewest)
    return Frequencies(tuple(per_week), tuple(warnings))


def week_calendar(area: CollectionArea, per_week: Sequence[int], day_shares: Sequence[float] | None = None,
                  start: WeekCalendar | None = None) -> WeekCalendar:
    """Visit days that give each day its share of the week's expected work (equal shares if none are given).

    `start` is a calendar to improve; without it one is built from the largest visits down.
    """
    table = work_by_shift(area, per_week)
    shares = np.full(DAYS_PER_WEEK, 1.0 / DAYS_PER_WEEK) if day_shares is None else np.asarray(day_shares)
    target = shares * float(table[:, 0].sum())
    return WeekCalendar(tuple(per_week), tuple(fitted_shifts(table, target, None if start is None else start.shift)))


def expected_day_shares(area: CollectionArea, calendar: WeekCalendar) -> Float:
    """Each day's share of the week's expected work, [7]."""
    table = work_by_shift(area, calendar.per_week)
    by_day = table[np.arange(len(calendar.shift)), list(calendar.shift)].sum(axis=0)
    total = float(by_day.sum())
    return np.asarray(by_day / total if total else np.zeros(DAYS_PER_WEEK), dtype=np.float64)


def work_by_shift(area: CollectionArea, per_week: Sequence[int]) -> Float:
    """Expected seconds of work on each day if a point's pattern starts some days later, [n, 7 shifts, 7 days]."""
    out = np.zeros((len(per_week), DAYS_PER_WEEK, DAYS_PER_WEEK))
    for point, frequency in enumerate(per_week):
        if frequency == 0:
            continue
        pattern = visit_pattern(frequency)
        for day, gap in zip(pattern, gaps_before(pattern), strict=True):
            seconds = expected_work_s(area, point, gap)
            for shift in range(DAYS_PER_WEEK):
                out[point, shift, (day + shift) % DAYS_PER_WEEK] = seconds
    return out


def fitted_shifts(table: Float, target: Float, start: Sequence[int] | None = None) -> list[int]:
    """Shift of each point's pattern, 0 to 6, so that the squared distance of day sums from a target is small.

    Without a start, the largest comes first and each goes where it fits best. Then moves of one or two points
    together while they help. `table` is [n, 7 shifts, 7 days].
    """
    n = len(table)
    excess = -np.asarray(target, dtype=np.float64)
    shift = [0] * n if start is None else list(start)
    if start is not None:
        excess = excess + table[np.arange(n), shift].sum(axis=0)
    else:
        for point in sorted(range(n), key=lambda p: (-float(table[p].max()), p)):
            shift[point] = int(np.argmin(((excess + table[point]) ** 2).sum(axis=1)))
            excess = excess + table[point, shift[point]]
    _improve(table, shift, excess)
    return shift


def _improve(table: Float, shift: list[int], excess: Float) -> None:
    """Apply to `shift` each point's best move, alone or with one other, until none lowers the sum of squares."""
    n = len(shift)
    points = np.arange(n)
    tolerance = 1e-9 * max(1.0, float((table.max(axis=(1, 2), initial=0.0) ** 2).sum()))
    improved = n > 0
    while improved:
        improved = False
        for point in range(n):
            change = table - table[points, shift][:, None, :]
            alone = 2.0 * change @ excess + (change**2).sum(axis=2)
            # |e + a + b|^2 - |e|^2 = alone(a) + alone(b) + 2 a.b; a partner's zero change is the move alone
            both = alone[point][:, None, None] + alone[None] + 2.0 * np.einsum("ad,nbd->anb", change[point], change)
            both[:, point, :] = alone[point][:, None]
            best = int(np.argmin(both))
            if both.flat[best] < -tolerance:
                own, partner, other = (int(i) for i in np.unravel_index(best, both.shape))
                excess = excess + change[point, own]
                shift[point] = own
                if partner != point:
                    excess = excess + change[partner, other]
                    shift[partner] = other
                improved = True
