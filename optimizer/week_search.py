"""Whole vehicle-days: how a routed week tells the calendar which share of the work each day should carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.calendar import WeekCalendar, expected_day_shares
from optimizer.transport import DAYS_PER_WEEK, CollectionArea, whole_up, work_s
from optimizer.vehicle_days import DayAnswer

PACKED_SHARE = 0.985
"""Share of their shifts that vehicles are asked to work; a little room lets trips be packed and days differ."""
TRIES = 2
"""Calendars tried for one number of vehicle-days before one more is allowed."""


@dataclass(frozen=True)
class Week:
    """A calendar with its seven routed days."""

    calendar: WeekCalendar
    days: tuple[DayAnswer, ...]

    @property
    def vehicle_days(self) -> int:
        """Vehicle-days of the week."""
        return sum(len(day.vehicle_days) for day in self.days)

    def cost_cny(self, area: CollectionArea) -> float:
        """Vehicle-days and kilometres of the week, CNY."""
        km = sum(day.distance_m for day in self.days) / 1000.0
        return area.vehicle.day_cost_cny * self.vehicle_days + area.vehicle.cost_cny_per_km * km


@dataclass(frozen=True)
class Aim:
    """How many vehicle-days the next calendar should need, what share of work each day gets, and the try."""

    vehicle_days: int
    day_shares: tuple[float, ...]
    attempt: int


def next_aim(area: CollectionArea, week: Week, aim: Aim | None) -> Aim | None:
    """What to try after a routed week: None once its vehicle-days are the aim, or as few as its work can fill.

    Days alike in work waste up to a vehicle-day each. Instead each day gets a whole number of vehicles, days
    differing by at most one; days that took more than their share get less the next time.
    """
    worked = np.array([day.work_s for day in week.days]) / work_s(area.vehicle)
    total = float(worked.sum())
    if week.vehicle_days <= whole_up(total) or (aim is not None and week.vehicle_days <= aim.vehicle_days):
        return None
    fewest = whole_up(total / PACKED_SHARE)
    if aim is None:
        wanted, attempt = fewest, 1
    elif aim.attempt < TRIES:
        wanted, attempt = max(aim.vehicle_days, fewest), aim.attempt + 1
    else:
        wanted, attempt = max(aim.vehicle_days + 1, fewest), 1
    if wanted >= week.vehicle_days:
        return None
    wish = np.array(spread(wanted)) / wanted
    shares = np.maximum(0.0, expected_day_shares(area, week.calendar) + wish - worked / total)
    return Aim(wanted, tuple(float(s) for s in shares / shares.sum()), attempt)


def spread(count: int) -> tuple[int, ...]:
    """A count dealt out evenly over the days of a week."""
    return tuple(count * (day + 1) // DAYS_PER_WEEK - count * day // DAYS_PER_WEEK for day in range(DAYS_PER_WEEK))


def cheapest(area: CollectionArea, weeks: Sequence[Week]) -> Week:
    """The week of least cost, the earliest of equals."""
    return min(weeks, key=lambda week: week.cost_cny(area))
