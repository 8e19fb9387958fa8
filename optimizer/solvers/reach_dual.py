"""How far parts would reach for a station: the dual of siting stations for given loads, by subgradient (compiled).

Stations come in mixes of sizes, so what counts is a cost per number of stations; links pay for the stations that are
reached (Erlenkotter 1978, Operations Research 26). Only the result is used, as multipliers of the bound.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

KEEP, PATIENCE, SHRINK = 0.8, 12, 0.7
STEPS = 900
LEAST_NORM = 0.01
"""Where directions cancel out, steps grow no longer than ten times those along the last one."""
FAR_CNY = 1e8
"""Ways dearer than that, per year and part, are none."""


def reach_prices(extra: Float, cost_of_count: Float, dearer: Float, steps: int = STEPS) -> Float:
    """What each part pays at most above its cheapest station, [n], CNY per year.

    extra [n, J_1] from optimizer/links.py, cost_of_count [N + 1] the least cost of so many stations in all (inf where
    so many are not possible), dearer [J_1] what a site costs more than the cheapest.
    """
    stations = extra.shape[1]
    third = min(3, stations - 1)
    price = np.partition(extra, third, axis=1)[:, third].copy()
    counts = np.flatnonzero(np.isfinite(cost_of_count[:stations + 1]))
    if not len(counts) or not len(extra):
        return np.zeros(len(extra))
    aim = float(np.median(np.diff(cost_of_count[counts]))) if len(counts) > 1 else float(cost_of_count[counts[0]])
    paid, slope, way = np.zeros(stations), np.zeros(len(extra)), np.zeros(len(extra))
    # where there is no way, nobody reaches at any price
    price = np.minimum(price, np.where(extra < FAR_CNY, extra, 0.0).max(axis=1) + abs(aim) / len(extra))
    best, kept, waited, factor = -np.inf, price.copy(), 0, 1.0
    for _ in range(steps):
        _paid(price, extra, paid)
        paid -= dearer
        order = np.argsort(-paid, kind="stable")
        top = np.concatenate([[0.0], np.cumsum(paid[order])])
        net = cost_of_count[counts] - top[counts]
        at = int(np.argmin(net))
        value = float(price.sum() + net[at])
        if value > best:
            best, kept, waited = value, price.copy(), 0
        else:
            waited += 1
            if waited >= PATIENCE:
                factor, waited, price = factor * SHRINK, 0, kept.copy()
                way[:] = 0.0
                continue
        opened = np.zeros(stations)
        opened[order[:counts[at]]] = 1.0
        _slope(price, extra, opened, slope)
        slope[(price <= 0.0) & (slope < 0.0)] = 0.0
        if not slope.any():
            break
        way = KEEP * way + (1.0 - KEEP) * slope
        norm = max(float(way @ way), LEAST_NORM * float(slope @ slope))
        price = np.maximum(price + factor * (best + max(abs(aim), 1.0) - value) / norm * way, 0.0)
    return np.asarray(kept)


@njit(cache=True, fastmath=True)
def _paid(price: Float, extra: Float, paid: Float) -> None:
    """What all parts together pay to each station."""
    paid[:] = 0.0
    for i in range(extra.shape[0]):
        for t in range(extra.shape[1]):
            over = price[i] - extra[i, t]
            if over > 0.0:
                paid[t] += over


@njit(cache=True, fastmath=True)
def _slope(price: Float, extra: Float, opened: Float, slope: Float) -> None:
    for i in range(extra.shape[0]):
        reached = 0.0
        for t in range(extra.shape[1]):
            if opened[t] > 0.0 and price[i] > extra[i, t]:
                reached += opened[t]
        slope[i] = 1.0 - reached
