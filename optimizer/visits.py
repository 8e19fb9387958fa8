"""Visits of points: how much a vehicle takes at once, what is left, and about how long it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optimizer.transport import LEAST_LOAD_SHARE, ROUNDING, CollectionArea, usable_m3, whole_down, work_s

USUAL_FILL_SHARE = 0.9
"""Share of a vehicle that shared trips usually fill; only steers the calendar, which routing then corrects."""


@dataclass(frozen=True)
class Load:
    """What one stop takes: the point's index in its area, t and m3."""

    point: int
    load_t: float
    load_m3: float


def reachable_points(area: CollectionArea) -> list[bool]:
    """Whether a vehicle can drive to each point, load a worthwhile share there and be back unloaded in a shift."""
    least_s = LEAST_LOAD_SHARE * area.vehicle.payload_t * area.vehicle.load_s_per_t
    return [_loading_s(area, point) > least_s for point in range(len(area.point_ids))]


def split_visit(area: CollectionArea, point: int, gap_days: int) -> tuple[list[Load], list[Load]]:
    """Full loads of a visit, which go straight there and back, and the rest (none or one).

    A full load is what one vehicle can take: by mass, by volume, and within a shift.
    """
    load_t = gap_days * float(area.load_t_per_day[point])
    load_m3 = gap_days * float(area.load_m3_per_day[point])
    share = _full_share(area, point, load_t, load_m3)
    if share > 1.0 + ROUNDING:
        return [], [Load(point, load_t, load_m3)]
    count = whole_down(1.0 / share)
    rest = 1.0 - count * share
    if rest <= count * ROUNDING:
        return [Load(point, load_t / count, load_m3 / count)] * count, []
    return [Load(point, share * load_t, share * load_m3)] * count, [Load(point, rest * load_t, rest * load_m3)]


def expected_work_s(area: CollectionArea, point: int, gap_days: int) -> float:
    """About how long a visit keeps vehicles busy: its loading, and its share of driving and unloading.

    A rest is taken to share its trip with others, filled by USUAL_FILL_SHARE.
    """
    vehicle = area.vehicle
    full, rest = split_visit(area, point, gap_days)
    trip_s = _drive_s(area, point) + vehicle.unload_s
    loading_s = sum(vehicle.stop_s + vehicle.load_s_per_t * load.load_t for load in (*full, *rest))
    shared = sum(1.0 / _full_share(area, point, load.load_t, load.load_m3) for load in rest)
    return loading_s + trip_s * (len(full) + min(1.0, shared / USUAL_FILL_SHARE))


def _full_share(area: CollectionArea, point: int, load_t: float, load_m3: float) -> float:
    """Share of an amount at a point that one vehicle can take at once; above 1 where there is room left."""
    vehicle = area.vehicle
    limits = [vehicle.payload_t / load_t if load_t > 0.0 else math.inf,
              usable_m3(vehicle) / load_m3 if load_m3 > 0.0 else math.inf]
    if vehicle.load_s_per_t * load_t > 0.0:
        limits.append(_loading_s(area, point) / (vehicle.load_s_per_t * load_t))
    return min(limits)


def _loading_s(area: CollectionArea, point: int) -> float:
    """Seconds a vehicle can load at a point if it goes there and straight back, -inf without a way."""
    if not np.isfinite(area.distance_m[0, point + 1] + area.distance_m[point + 1, 0]):
        return -math.inf
    vehicle = area.vehicle
    return work_s(vehicle) - _drive_s(area, point) - vehicle.stop_s - vehicle.unload_s


def _drive_s(area: CollectionArea, point: int) -> float:
    """Straight there and back."""
    return float(area.duration_s[0, point + 1] + area.duration_s[point + 1, 0])
