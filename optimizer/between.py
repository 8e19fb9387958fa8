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
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]

CELLS = 4_000_000
"""Pairs of mixes looked at together; bounds memory."""


@dataclass(frozen=True)
class Between:
    """Mixes of the tier between, none of which is beaten by another of as many sites, at the prices of some links."""

    count: Int
    """Sites of each mix that need not be open, [T]."""
    cost_cny_per_year: Float
    """Least cost of each mix, less the most that links can pay for as many sites, [T]."""
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
    year. The coefficients hold the prices of side rules. More sites of a size than bring `most_t_per_day` are not
    listed: what they cost at least and what links could pay for them is charged to every mix.
    """
    if len(problem.sites) != 3:
        return None
    found = tier_sites(problem, coefficients, 1)
    rows = _enough(found, most_t_per_day)
    if rows is None:
        return None
    keep = problem.sites[1].must_open
    rows = rows[rows.sum(axis=1) <= np.count_nonzero(~keep)]
    cost = np.maximum(_paid_by_the_best(problem, found, rows, link_per_site),
                      _paid_site_by_site(problem, coefficients, rows, link_per_site))
    cost = cost + found.base_cny_per_year - float(link_per_site[keep].sum())
    count, room = rows.sum(axis=1), room_t_per_day(found, rows, np.arange(len(problem.network.materials)))
    kept = _unbeaten(count, cost, room)
    passed = problem.passed_share(1)
    return Between(count[kept], cost[kept], room[kept], float(price_per_t.max(initial=0.0)), float(passed.min()),
                   float(passed.max()), most_t_per_day)


def _paid_by_the_best(problem: Problem, found: TierSites, rows: Int, link_per_site: Float) -> Float:
    """Cost of the cheapest sites of each size, less what the links of the best paid sites bring together, [N]."""
    cost = found.cost_cny_per_year[rows, np.arange(rows.shape[1])].sum(axis=1)
    free = -np.sort(-link_per_site[~problem.sites[1].must_open])
    top = np.concatenate([[0.0], np.cumsum(free)])
    cheapest = float(found.first_cny_per_year.min())
    spare = np.maximum(free - cheapest, 0.0).sum() if np.isfinite(cheapest) else 0.0
    return np.asarray(cost - top[rows.sum(axis=1)] - spare)


def _paid_site_by_site(problem: Problem, coefficients: Coefficients, rows: Int, link_per_site: Float) -> Float:
    """Cost less links of the sites of each size where that is least, [N]; sizes may share a site here."""
    sites = problem.sites[1]
    extra = coefficients.open_cny_per_year[1] - coefficients.closed_cny_per_year[1][:, None] - link_per_site[:, None]
    net = np.where(sites.allowed & ~sites.must_open[:, None], extra, np.inf)
    least = np.cumsum(np.concatenate([np.zeros((1, net.shape[1])), np.sort(net, axis=0)]), axis=0)
    spare = np.maximum(-net.min(axis=1, initial=np.inf), 0.0).sum()
    return np.asarray(least[rows, np.arange(rows.shape[1])].sum(axis=1) - spare)


def _enough(found: TierSites, most_t_per_day: float) -> Int | None:
    """Mixes with no more sites of a size than can be needed, [N, K]; None when there are more than MOST."""
    need = np.ceil(most_t_per_day / np.maximum(found.capacity_t_per_day, 1e-9))
    top = np.minimum(found.most, np.maximum(np.minimum(need, 1e9), 1.0)).astype(np.int64)
    cost = found.cost_cny_per_year
    # sites cheaper open than closed (or earning the price of a rule) are counted as far as they pay
    paying = np.where(np.isfinite(cost), cost, np.inf).argmin(axis=0)
    top = np.minimum(np.maximum(top, paying), found.most)
    if float(np.prod(top + 1.0)) > MOST:
        return None
    grid = np.meshgrid(*(np.arange(n + 1) for n in top), indexing="ij")
    return np.stack([axis.ravel() for axis in grid], axis=1)


def _unbeaten(count: Int, cost: Float, room: Float) -> Int:
    """Positions of the mixes that no other of as many sites beats in both cost and room."""
    order = np.lexsort((-room, cost, count))
    out, best, last = [], -np.inf, -1
    for at in order:
        if count[at] != last:
            last, best = int(count[at]), -np.inf
        if room[at] > best and np.isfinite(cost[at]):
            best = float(room[at])
            out.append(int(at))
    return np.array(out, dtype=np.int64)


def with_between(last: TierSites, rows: Int, price: Float, most_t_per_day: Float, between: Between) -> Float:
    """Least of cost less worth over the mixes of the tier between, for each mix of the last tier, [N].

    price [M] per t/day at the last tier, most_t_per_day [M] what can ever arrive there. The tonnes that arrive are
    limited by the sites of both tiers, which is where the price of either ends.
    """
    out = np.empty(len(rows))
    block = max(1, CELLS // max(len(between.room_t_per_day), 1))
    for start in range(0, len(rows), block):
        here = slice(start, start + block)
        out[here] = each_between(last, rows[here], price, most_t_per_day, between).min(axis=1)
    return out


def each_between(last: TierSites, rows: Int, price: Float, most_t_per_day: Float, between: Between) -> Float:
    """Cost less worth of every mix of the tier between with every mix of the last tier, [N, T]."""
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
