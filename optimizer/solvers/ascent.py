"""Raising the bound: subgradient ascent on the prices of the parts and of the links to the stations.

Deflected subgradients with a Polyak step towards a little above the best value; the step shrinks after failures
(Camerini, Fratta and Maffioli 1975, Mathematical Programming Study 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.bound import between_tiers, priced_arcs
from optimizer.first_tier import FirstTier, choose
from optimizer.multipliers import Multipliers, Scenario, link_table
from optimizer.objectives import Coefficients
from optimizer.prices import unserved_cny_per_year
from optimizer.problem import Problem
from optimizer.solvers.row_ascent import FixedRows, MovingRows, as_stored_rows

Float = NDArray[np.float64]
Int = NDArray[np.int64]

PATIENCE = 6
FIRST_FACTOR = 0.5
SHRINK = 0.6
KEEP_DIRECTION = 0.6


@dataclass(frozen=True)
class Ascent:
    """Where the ascent ended: multipliers with one scenario, and its value before the last tier's sites."""

    multipliers: Multipliers
    value_cny_per_year: float
    steps: int


def raise_bound(problem: Problem, coefficients: Coefficients, tier: FirstTier, start: Multipliers, *,
                reach_cny_per_year: float, steps: int, move_links: bool,
                mix: Int | None = None, enough_cny_per_year: float = np.inf) -> Ascent:
    """The best multipliers found from `start` (one scenario) in a number of steps.

    With a `mix` of sizes of the last tier the prices of the side rules move as well, and the value counts its cost.
    `reach` is how much the value may still rise; steps aim at the best value so far plus it. Stops above `enough`.
    """
    scenario = start.scenarios[0]
    part_price, link = scenario.part_price.copy(), link_table(problem, start)
    unserved = float(unserved_cny_per_year(problem, coefficients).sum())
    rules = (FixedRows(problem, coefficients, tier, scenario.row) if mix is None else
             MovingRows(problem, coefficients, tier, scenario.row, mix))
    best = (-np.inf, part_price, link, scenario.row)
    part_way, link_way = np.zeros_like(part_price), None if link is None else np.zeros_like(link)
    factor, waited, arcs, done = FIRST_FACTOR, 0, None, 0
    for step in range(steps):
        done = step + 1
        if arcs is None or move_links:
            arcs = priced_arcs(problem, coefficients, start, scenario.end_price, link)
        chosen = choose(rules.tier, arcs.value[tier.arc] + part_price[tier.part], pick=True)
        between, margins = between_tiers(problem, rules.coefficients, start, link)
        value = unserved - float(part_price.sum()) + float(chosen.value.sum()) + between - rules.credit_cny_per_year
        value += rules.last_tier_cny_per_year()
        if value > best[0]:
            best, waited = (value, part_price.copy(), None if link is None else link.copy(), rules.row), 0
        else:
            waited += 1
        if best[0] >= enough_cny_per_year:
            break
        if waited >= PATIENCE:
            factor, waited = factor * SHRINK, 0
            part_price, link = best[1].copy(), None if best[2] is None else best[2].copy()
            part_way[:] = 0.0
            rules.go_back(best[3])
            if link_way is not None:
                link_way[:] = 0.0
            continue
        used = chosen.taken & (chosen.margin < 0.0)[tier.site]
        slope = np.bincount(tier.part[used], minlength=len(part_price)) - 1.0
        part_way = KEEP_DIRECTION * part_way + (1.0 - KEEP_DIRECTION) * slope
        way = np.where((part_price <= 0.0) & (part_way < 0.0), 0.0, part_way)
        norm = float(way @ way)
        if move_links and link is not None and link_way is not None:
            share = np.zeros_like(link)
            np.add.at(share, (tier.part[used], arcs.via[tier.arc[used]]), 1.0)
            share -= (margins[1] < 0.0)[None, :]
            share[(link <= 0.0) & (share < 0.0)] = 0.0
            link_way = KEEP_DIRECTION * link_way + (1.0 - KEEP_DIRECTION) * share
            norm += float((link_way**2).sum())
        norm += rules.turn(chosen, margins, start)
        if norm < 1e-12:
            break
        stride = factor * (best[0] + reach_cny_per_year - value) / norm
        part_price = np.maximum(part_price + stride * way, 0.0)
        rules.go(stride)
        if move_links and link is not None and link_way is not None:
            link = np.maximum(link + stride * link_way, 0.0)
    value, part_price, link, row = best
    return Ascent(with_prices(start, Scenario(part_price, scenario.end_price, row), link), value, done)


def with_prices(multipliers: Multipliers, scenario: Scenario, link: Float | None) -> Multipliers:
    """The same multipliers with one scenario and a table of link prices, rounded to what a file stores."""
    rounded = Scenario(as_stored(scenario.part_price), as_stored(scenario.end_price), as_stored_rows(scenario.row))
    if link is None:
        return replace(multipliers, scenarios=(rounded,))
    stored = as_stored(link)
    part, site = np.nonzero(stored > 0.0)
    return replace(multipliers, scenarios=(rounded,), link_part=part, link_site=site, link_value=stored[part, site])


def as_stored(values: Float) -> Float:
    """Values as single precision keeps them, tiny ones dropped: the file and the claim then agree."""
    single = values.astype(np.float32).astype(np.float64)
    return np.where(single < 1e-3, 0.0, single)
