"""Every mix of sizes of the one tier between the first and the last, together with every mix of the last tier.

Stations come in a few sizes, so their capacity cannot follow the tonnes exactly: 300 t/day may have to be built for
274. Prices per tonne alone lose that; trying every mix of sizes of both tiers keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.configurations import MOST, TierSites, room_t_per_day, tier_sites
from optimizer.objectives import Coefficients
from optimizer.placing import least_placed
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Between:
    """Every mix of sizes of the tier between at the prices of some links."""

    rows: Int
    """Sites of each size beside those that must be open, [T, K]; the same list whatever the prices."""
    cost_cny_per_year: Float
    """Least cost of each mix, less the most that links can pay for it, [T]."""
    room_t_per_day: Float
    """Capacity of each mix with what must stay, [T]."""
    price_per_t: float
    """The dearest price per t/day on entering the tier, CNY per year."""
    passed_least: float
    passed_most: float
    """Least and greatest share of a material that the tier passes on."""
    most_t_per_day: float
    """More can never arrive at the tier."""


def between_mixes(problem: Problem, coefficients: Coefficients, link_per_site: Float, price_per_t: Float,
                  most_t_per_day: float) -> Between | None:
    """The mixes of the tier between first and last; None unless there is exactly one, or where there are too many.

    link_per_site [J_1]: sum of the link prices of each site; price_per_t [J_1] on the tonnes entering it; both CNY per
    year. The coefficients hold the prices of side rules. Mixes with more sites of a size than bring `most_t_per_day`
    are covered by the one that has as many as needed.
    """
    if len(problem.sites) != 3:
        return None
    found, sites = tier_sites(problem, coefficients, 1), problem.sites[1]
    listed = _enough(found, most_t_per_day)
    if listed is None:
        return None
    rows, or_more = listed
    free = ~sites.must_open
    few = rows.sum(axis=1) <= np.count_nonzero(free)
    rows, or_more = rows[few], or_more[few]
    opened = np.where(sites.allowed, coefficients.open_cny_per_year[1] - link_per_site[:, None], np.inf)
    closed = coefficients.closed_cny_per_year[1]
    staying = float(closed[free].sum() + opened[~free].min(axis=1).sum())
    cost = staying + least_placed((opened - closed[:, None])[free], rows, or_more)
    room = room_t_per_day(found, rows, np.arange(len(problem.network.materials)))
    passed = problem.passed_share(1)
    return Between(rows, cost, room, float(price_per_t.max(initial=0.0)), float(passed.min()), float(passed.max()),
                   most_t_per_day)


def _enough(found: TierSites, most_t_per_day: float) -> tuple[Int, Bool] | None:
    """Mixes with no more sites of a size than can be needed, and where they stand for more, [N, K] each.

    None when there are more than MOST. They depend on capacities only, not on prices.
    """
    need = np.ceil(most_t_per_day / np.maximum(found.capacity_t_per_day, 1e-9))
    top = np.minimum(found.most, np.maximum(np.minimum(need, 1e9), 1.0)).astype(np.int64)
    if float(np.prod(top + 1.0)) > MOST:
        return None
    grid = np.meshgrid(*(np.arange(n + 1) for n in top), indexing="ij")
    rows = np.stack([axis.ravel() for axis in grid], axis=1)
    return rows, (rows == top) & (top < found.most)


def each_between(last: TierSites, rows: Int, price: Float, most_t_per_day: Float, between: Between) -> Float:
    """Cost of every mix of the tier between less what it earns beside every mix of the last tier, [N, T].

    price [M] per t/day at the last tier, most_t_per_day [M] what can ever arrive there. The tonnes that arrive are
    limited by the sites of both tiers, which is where the price of either ends.
    """
    order = np.argsort(-price, kind="stable")
    falling = np.append(price[order], 0.0)
    room = np.stack([np.minimum(room_t_per_day(last, rows, order[: rank + 1]), most_t_per_day[order[: rank + 1]].sum())
                     for rank in range(len(order))], axis=1)
    step = falling[:-1] - falling[1:]
    all_room = room_t_per_day(last, rows, np.arange(len(price)))
    entering = np.minimum(all_room / max(between.passed_least, 1e-12), between.most_t_per_day)
    worth = between.price_per_t * np.minimum(entering[:, None], between.room_t_per_day[None, :])
    arrives = between.room_t_per_day * between.passed_most
    for rank in np.flatnonzero(step > 0.0):
        worth = worth + step[rank] * np.minimum(room[:, rank, None], arrives[None, :])
    return np.asarray(between.cost_cny_per_year[None, :] - worth)
