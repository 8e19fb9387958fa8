"""Every mix of sizes the last tier could have, and how much captured material each mix can take in.

The few large sites of the last tier are what a linear relaxation gets most wrong, so the bound tries each mix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.objectives import Coefficients
from optimizer.problem import Problem, SiteStatus, with_allowance

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

MOST = 200_000


@dataclass(frozen=True)
class LastTier:
    """What the mixes are made of: new sites per size with their least cost, on top of sites that must stay."""

    cost_cny_per_year: Float
    """Least extra cost of one more site of a size, [K]."""
    most: Int
    """Sites that could take the size, [K]."""
    capacity_t_per_day: Float
    accepts: Bool
    """[K, M]."""
    kept: Bool
    """Sizes allowed on each site that must stay, [S, K]."""
    base_cny_per_year: float
    """Cost of what must stay and of closing everything that may close."""


def last_tier(problem: Problem, coefficients: Coefficients) -> LastTier:
    """The ingredients of the mixes of sizes of the last tier."""
    level = len(problem.sites) - 1
    sites = problem.sites[level]
    opened, closed = coefficients.open_cny_per_year[level], coefficients.closed_cny_per_year[level]
    keep = np.asarray(sites.status == SiteStatus.KEEP, dtype=bool)
    free = sites.allowed & ~keep[:, None]
    extra = np.where(free, opened - closed[:, None], np.inf)
    least = extra.min(axis=0) if len(sites) else np.full(sites.allowed.shape[1], np.inf)
    staying = np.where(sites.allowed, opened, np.inf)[keep].min(axis=1)
    base = float(closed[~keep].sum() + staying.sum())
    return LastTier(least, free.sum(axis=0), with_allowance(problem.capacity_t_per_day(level)), problem.accepts(level),
                    sites.allowed[keep], base)


def mixes(tier: LastTier, cheaper_than: float) -> Int | None:
    """Every mix of extra sites whose cost lies below a limit, [N, K]; None when there are more than MOST.

    A site of negative extra cost (cheaper open than closed) counts as free here, and the limit is raised by all that
    such sites could save, so that no mix is missed.
    """
    saving = np.minimum(_finite(tier.cost_cny_per_year), 0.0)
    cheaper_than = cheaper_than - float(saving @ tier.most)
    sizes = np.flatnonzero((tier.most > 0) & np.isfinite(tier.cost_cny_per_year))
    rows = np.zeros((1, len(tier.most)), dtype=np.int64)
    for size in sizes:
        cost = max(float(tier.cost_cny_per_year[size]), 0.0)
        grown = [rows]
        frontier = rows
        for _ in range(int(tier.most[size])):
            frontier = frontier.copy()
            frontier[:, size] += 1
            frontier = frontier[frontier @ np.maximum(_finite(tier.cost_cny_per_year), 0.0) < cheaper_than]
            if len(frontier) == 0:
                break
            grown.append(frontier)
            if sum(map(len, grown)) > MOST or (cost == 0.0 and len(grown) > MOST):
                return None
        rows = np.concatenate(grown)
    return rows


def _finite(cost: Float) -> Float:
    return np.where(np.isfinite(cost), cost, 0.0)


def mix_cost_cny_per_year(tier: LastTier, rows: Int) -> Float:
    """Least cost of each mix, [N], with what must stay."""
    return np.asarray(tier.base_cny_per_year + rows @ _finite(tier.cost_cny_per_year), dtype=np.float64)


def most_worth(tier: LastTier, rows: Int, price: Float, most_t_per_day: Float) -> Float:
    """At least the greatest sum of price x tonnes that each mix can take in, [N].

    price [M] >= 0 per t/day, most_t_per_day [M] what could ever arrive. With materials in falling order of price the
    sum telescopes over the sets S_1 < S_2 < ... of the dearest materials; each set takes in at most its supply and at
    most the capacity of the sites that accept one of its materials.
    """
    order = np.argsort(-price, kind="stable")
    falling = np.append(price[order], 0.0)
    worth = np.zeros(len(rows))
    for rank in range(len(order)):
        inside = order[: rank + 1]
        useful = np.asarray(tier.accepts[:, inside].any(axis=1), dtype=bool)
        room = rows[:, useful] @ tier.capacity_t_per_day[useful]
        staying = np.where(tier.kept & useful[None, :], tier.capacity_t_per_day[None, :], 0.0)
        room = room + float(staying.max(axis=1, initial=0.0).sum())
        worth += (falling[rank] - falling[rank + 1]) * np.minimum(room, most_t_per_day[inside].sum())
    return worth
