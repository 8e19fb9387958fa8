"""The side rules' part of the ascent: how far the relaxed plan exceeds each rule, and what follows for its price.

Rules are measured in their own largest amount, so that a count, a square metre and a yuan move alike.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from optimizer.bound import with_row_prices, with_row_prices_at_first
from optimizer.configurations import last_tier, mix_cost_cny_per_year
from optimizer.first_tier import FirstTier, SiteChoices
from optimizer.multipliers import Multipliers
from optimizer.objectives import Coefficients
from optimizer.problem import Problem, with_allowance

Float = NDArray[np.float64]
Int = NDArray[np.int64]

KEEP_DIRECTION = 0.6
"""As in ascent.py."""


def likely_mix(problem: Problem, coefficients: Coefficients, t_per_day: float) -> Int:
    """Extra sites of each size of the last tier for so many tonnes, all of the size that is cheapest per tonne, [K]."""
    ingredients = last_tier(problem, coefficients)
    kept = np.where(ingredients.kept, ingredients.capacity_t_per_day[None, :], 0.0).max(axis=1, initial=0.0).sum()
    per_t = ingredients.first_cny_per_year / ingredients.capacity_t_per_day
    mix, size = np.zeros(len(per_t), dtype=np.int64), int(np.argmin(per_t))
    need = max(t_per_day - float(kept), 0.0) / float(ingredients.capacity_t_per_day[size])
    mix[size] = min(math.ceil(need - 1e-6), int(ingredients.most[size]))
    return mix


class FixedRows:
    """Prices of the side rules that an ascent leaves as they are, and the costs they make."""

    def __init__(self, problem: Problem, coefficients: Coefficients, tier: FirstTier, row: Float) -> None:
        """`coefficients` and `tier` without prices of rules, `row` [R] the prices."""
        self._problem, self._bare = problem, (coefficients, tier)
        self.set(row)

    def set(self, row: Float) -> None:
        """Take other prices."""
        self.row = row
        self.coefficients = with_row_prices(self._problem, self._bare[0], row)
        self.tier = with_row_prices_at_first(self._problem, self._bare[1], row)
        self.credit_cny_per_year = self._problem.rows.credit(row)

    def last_tier_cny_per_year(self) -> float:
        """What the last tier adds to the value."""
        return 0.0

    def turn(self, chosen: SiteChoices, margins: tuple[Float, ...],  # noqa: ARG002 (what moving prices look at)
             multipliers: Multipliers) -> float:  # noqa: ARG002
        """Choose a direction after an answer of the relaxation; the square of its length."""
        return 0.0

    def go(self, stride: float) -> None:
        """Move along the direction."""

    def go_back(self, row: Float) -> None:
        """Return to earlier prices, with no direction."""


class MovingRows(FixedRows):
    """Prices of the side rules raised with the others, for one mix of sizes of the last tier."""

    def __init__(self, problem: Problem, coefficients: Coefficients, tier: FirstTier, row: Float, mix: Int) -> None:
        """`mix` is the number of extra sites of each size of the last tier, [K]."""
        super().__init__(problem, coefficients, tier, row)
        self._mix, largest = mix, np.zeros(len(problem.rows))
        for entries in problem.rows.tiers:
            np.maximum.at(largest, entries.row, np.abs(entries.amount))
        self._unit = np.where(largest > 0.0, largest, 1.0)
        self._way = np.zeros(len(problem.rows))

    def last_tier_cny_per_year(self) -> float:
        """Cost of the mix at the present prices."""
        return float(mix_cost_cny_per_year(last_tier(self._problem, self.coefficients), self._mix[None, :])[0])

    def turn(self, chosen: SiteChoices, margins: tuple[Float, ...], multipliers: Multipliers) -> float:
        """The direction follows how far the relaxed plan exceeds each rule."""
        slope = self.slope(chosen, margins, multipliers)
        self._way = KEEP_DIRECTION * self._way + (1.0 - KEEP_DIRECTION) * slope
        self._way = np.where((self.row <= 0.0) & (self._way < 0.0), 0.0, self._way)
        return float(self._way @ self._way)

    def go(self, stride: float) -> None:
        """Move along the direction, to prices of at least 0."""
        self.set(np.maximum(self.row + stride * self._way / self._unit, 0.0))

    def go_back(self, row: Float) -> None:
        """Return to earlier prices, with no direction."""
        self._way = np.zeros_like(self._way)
        self.set(row)

    def slope(self, chosen: SiteChoices, margins: tuple[Float, ...], multipliers: Multipliers) -> Float:
        """How far the relaxed plan exceeds each rule, in units, [R]."""
        problem, rows = self._problem, self._problem.rows
        value = self._taken(0, (chosen.margin < 0.0) | self.tier.must_open, _sizes(self.tier, chosen))
        for level in range(1, len(problem.sites) - 1):
            earned = multipliers.site_per_t[level][:, None] * with_allowance(problem.capacity_t_per_day(level))[None, :]
            sites = problem.sites[level]
            cost = np.where(sites.allowed, self.coefficients.open_cny_per_year[level] - earned, np.inf)
            value += self._taken(level, (margins[level] < 0.0) | sites.must_open, np.argmin(cost, axis=1))
        value += self._last(self.coefficients)
        return np.asarray((value - rows.most) / self._unit, dtype=np.float64)

    def _taken(self, level: int, opened: NDArray[np.bool_], size: Int) -> Float:
        entries = self._problem.rows.tiers[level]
        site, kind = np.divmod(entries.option, entries.sizes)
        here = opened[site] & (size[site] == kind)
        return np.bincount(entries.row[here], weights=entries.amount[here],
                           minlength=len(self._unit)).astype(np.float64)

    def _last(self, priced: Coefficients) -> Float:
        """What the last tier takes: sites that must be open, and the cheapest sites of each size of the mix."""
        problem, level = self._problem, len(self._problem.sites) - 1
        sites = problem.sites[level]
        cost = np.where(sites.allowed, priced.open_cny_per_year[level], np.inf)
        value = self._taken(level, sites.must_open, np.argmin(cost, axis=1))
        extra = np.where(sites.must_open[:, None], np.inf, cost - priced.closed_cny_per_year[level][:, None])
        for size in np.flatnonzero(self._mix).tolist():
            cheapest = np.zeros(len(sites), dtype=bool)
            cheapest[np.argsort(extra[:, size], kind="stable")[: int(self._mix[size])]] = True
            value += self._taken(level, cheapest, np.full(len(sites), size))
        return value


def _sizes(tier: FirstTier, chosen: SiteChoices) -> Int:
    """The cheapest size of each site that holds the arcs taken, [J]."""
    count = tier.site_count
    use = np.stack([np.bincount(tier.site[chosen.taken], weights=tier.use[chosen.taken, d], minlength=count)
                    for d in range(tier.use.shape[1])], axis=1)
    holds = np.ones(tier.open_cny_per_year.shape, dtype=bool)
    for d in range(use.shape[1]):
        holds &= np.less_equal(use[:, [d]], tier.capacity[None, :, d] * (1.0 + 1e-9))
    cost = np.where(holds, tier.open_cny_per_year, np.inf)
    lost = np.isinf(cost).all(axis=1, keepdims=True)
    cost = np.where(lost, tier.open_cny_per_year, cost)
    return np.asarray(np.argmin(cost, axis=1), dtype=np.int64)


def as_stored_rows(price: Float) -> Float:
    """Prices as single precision keeps them; a yuan of a budget may cost very little, so none is dropped."""
    return np.asarray(np.maximum(price, 0.0).astype(np.float32).astype(np.float64))
