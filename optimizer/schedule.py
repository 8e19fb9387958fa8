"""Trips placed in a shift: one after the other, with the break between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from optimizer.network import Vehicle
from optimizer.plan import Trip


def placed_in_shift(trips: Sequence[Trip], vehicle: Vehicle) -> tuple[Trip, ...]:
    """The trips with their start and arrival times since the start of the shift, longest first.

    The break follows the first trip that ends after half of the shift's work (or the last trip).
    """
    ordered = sorted(trips, key=lambda t: (-t.duration_s, t.stops))
    half_s = 0.5 * sum(t.duration_s for t in ordered)
    placed: list[Trip] = []
    clock_s = 0.0
    rested = False
    for trip in ordered:
        if not rested and clock_s >= half_s > 0.0:
            clock_s += vehicle.break_s
            rested = True
        shift_by_s = clock_s - trip.start_s
        placed.append(replace(trip, start_s=clock_s, arrival_s=tuple(a + shift_by_s for a in trip.arrival_s)))
        clock_s += trip.duration_s
    return tuple(placed)
