"""Raising the Lagrangian bound of capacitated siting, with an average of the relaxed plans as a by-product.

The volume method (Barahona and Anbil 2000, Mathematical Programming 87): the direction is taken from an exponential
average of the relaxed plans, which tends to the optimum of the linear relaxation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import SitingTask
from optimizer.classic.site_prices import Prices, Relaxed, relax

Float = NDArray[np.float64]

PATIENCE = 12
SHRINK = 0.7
GROW = 1.1
FIRST_FACTOR = 0.5
LEAST_FACTOR = 2e-4
KEEP = 0.9
"""Weight of the average so far; the newest relaxed plan gets the rest."""


@dataclass(frozen=True)
class Ascent:
    """The best prices found, their bound, and the averaged relaxed plan: site weights [I] and shares [I, J]."""

    prices: Prices
    bound: float
    weight: Float
    share: Float
    steps: int


def first_prices(task: SitingTask) -> Float:
    """Prices that are optimal where every site costs in proportion to what it is used, per client."""
    room = np.minimum(task.capacity, task.demand.sum())
    per_unit = np.maximum(task.fixed, 0.0) / np.maximum(room, 1e-300)
    whole = task.cost + per_unit[:, None] * task.demand[None, :]
    least: Float = np.where(task.arcs, whole, np.inf).min(axis=0)
    return least


def raise_bound(task: SitingTask, start: Float, *, steps: int, deadline_s: float, exact: bool, best_known: float,
                on_step: Callable[[int, Relaxed], float] | None = None, factor: float = FIRST_FACTOR) -> Ascent:
    """The best prices in a number of steps from client prices; `deadline_s` is a time of time.monotonic().

    `on_step(step, relaxed)` may return the cost of a better plan than `best_known`, at which steps then aim.
    """
    relaxed = relax(task, start, exact=exact)
    best, average, weight = relaxed, relaxed.served * relaxed.weight[:, None], relaxed.weight
    waited, step = 0, 0
    for step in range(1, steps + 1):
        if on_step is not None:
            best_known = min(best_known, on_step(step, relaxed))
        target = best_known if np.isfinite(best_known) else best.bound + 0.05 * abs(best.bound) + 1e-6
        if time.monotonic() > deadline_s or factor < LEAST_FACTOR or target - best.bound <= 1e-9 * abs(target):
            break
        slope = 1.0 - average.sum(axis=0)
        norm = float(slope @ slope)
        if norm < 1e-12:
            break
        stride = factor * max(1.05 * target - 0.05 * best.bound - relaxed.bound, 1e-9) / norm
        relaxed = relax(task, best.prices.client + stride * slope, exact=exact)
        now = relaxed.served * relaxed.weight[:, None]
        average = KEEP * average + (1.0 - KEEP) * now
        weight = KEEP * weight + (1.0 - KEEP) * relaxed.weight
        if relaxed.bound > best.bound:
            better = relaxed.bound - best.bound > 1e-5 * abs(best.bound)
            best, waited = relaxed, 0 if better else waited + 1
            if float(slope @ (1.0 - now.sum(axis=0))) > 0.0:
                factor = min(GROW * factor, 2.0)
        else:
            waited += 1
        if waited >= PATIENCE:
            factor, waited = factor * SHRINK, 0
    return Ascent(best.prices, best.bound, weight, average, step)
