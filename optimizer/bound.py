"""A lower bound on every plan of a problem, from stored multipliers, with numpy alone.

Lagrangian relaxation. Any multipliers >= 0 give a valid bound; good ones give a tight one.
- `part_price` w_i dualises "a part uses at most one site"; what is left of the first tier is one 0-1 knapsack per
  site and size.
- `link` W_it dualises "part i reaches station t only if t is open"; `site_per_t`, `site_per_m3` dualise the
  capacities of the tiers between the first and the last.
- `end_price` k_m dualises "what arrives at the last tier fits into its sites", one vector per scenario; every mix of
  sizes of the last tier is then tried, each against the scenario that serves it best.
- `row` dualises the side rules over open sites (optimizer/site_rows.py): counts, spacing, land, budget, parcels.
The downstream path of every walking arc is priced over all sites in closed form (optimizer/prices.py). Single
sourcing above the first choice, minimum throughputs and volume of the last tier are left out: the bound stays valid
and `dropped` names them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.configurations import last_tier, mix_cost_cny_per_year, mixes, most_worth, possible
from optimizer.first_tier import FirstTier, choose, first_tier
from optimizer.objectives import Coefficients
from optimizer.prices import ArcPrices, SitePrices, arc_prices, onward_prices, unserved_cny_per_year
from optimizer.problem import Problem, with_allowance

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Scenario:
    """Multipliers that belong together: a price per part, per tonne at the last tier, and per unit of a side rule."""

    part_price: Float
    """CNY per year, [n]."""
    end_price: Float
    """CNY per year per t/day, [M]."""
    row: Float = field(default_factory=lambda: np.empty(0))
    """Per Problem.site_rows, CNY per year per unit of the rule, [R]."""


@dataclass(frozen=True)
class Multipliers:
    """Everything the bound needs besides the problem itself."""

    scenarios: tuple[Scenario, ...]
    link_part: Int
    link_site: Int
    link_value: Float
    site_per_t: tuple[Float, ...]
    """Per tier, [J_l]; empty for the first and the last tier."""
    site_per_m3: tuple[Float, ...]


@dataclass(frozen=True)
class Bound:
    """A lower bound and how it came about."""

    value_cny_per_year: float
    scenario_cny_per_year: tuple[float, ...]
    """First tier and the tiers between, per scenario, before the last tier's sites."""
    mixes_tried: int
    binding_mix: tuple[int, ...]
    """Extra sites of each size of the last tier in the mix that binds (empty where the ceiling binds)."""
    dropped: tuple[str, ...]
    """Parts of the model the bound leaves out."""


class BadMultipliersError(ValueError):
    """Multipliers that are negative, not finite, or do not fit the problem."""


def check_multipliers(problem: Problem, multipliers: Multipliers) -> None:
    """Raise BadMultipliersError unless every multiplier is finite, not negative and of the right shape."""
    tiers = len(problem.sites)
    if len(multipliers.site_per_t) != tiers or len(multipliers.site_per_m3) != tiers:
        raise BadMultipliersError("site prices are needed for every tier, no more and no less")
    links = (multipliers.link_part, multipliers.link_site)
    if multipliers.link_part.ndim != 1 or any(a.dtype.kind != "i" for a in links):
        raise BadMultipliersError("links are pairs of whole numbers")
    n, materials, last = len(problem.demand.part_ids), len(problem.network.materials), len(problem.sites) - 1
    arrays = [(s.part_price, (n,)) for s in multipliers.scenarios]
    arrays += [(s.end_price, (materials,)) for s in multipliers.scenarios]
    arrays += [(s.row, (len(problem.site_rows),)) for s in multipliers.scenarios]
    arrays += [(multipliers.link_value, multipliers.link_part.shape)]
    for level in range(last + 1):
        shape = (len(problem.sites[level]),) if 0 < level < last else (0,)
        arrays += [(multipliers.site_per_t[level], shape), (multipliers.site_per_m3[level], shape)]
    for array, shape in arrays:
        if array.shape != shape or not np.isfinite(array).all() or (array < 0.0).any():
            raise BadMultipliersError(f"a multiplier of shape {array.shape} is negative, not finite or misplaced")
    inside = ((multipliers.link_part >= 0) & (multipliers.link_part < n)
              & (multipliers.link_site >= 0) & (multipliers.link_site < len(problem.sites[1])))
    if not multipliers.scenarios or multipliers.link_site.shape != multipliers.link_part.shape or not inside.all():
        raise BadMultipliersError("there is no scenario, or a link names an unknown part or site")
    if last == 1 and len(multipliers.link_value):
        raise BadMultipliersError("links need a tier between the first and the last")


def link_table(problem: Problem, multipliers: Multipliers) -> Float | None:
    """Link multipliers as a table, [n, J_1]; None where there are none."""
    if len(multipliers.link_value) == 0:
        return None
    table = np.zeros((len(problem.demand.part_ids), len(problem.sites[1])))
    np.add.at(table, (multipliers.link_part, multipliers.link_site), multipliers.link_value)
    return table


def site_prices(problem: Problem, multipliers: Multipliers, end_price: Float) -> SitePrices:
    """The prices the multipliers put on tonnes entering the tiers above the first."""
    last = len(problem.sites) - 1
    def between(arrays: tuple[Float, ...]) -> tuple[Float | None, ...]:
        return tuple(arrays[level] if 0 < level < last else None for level in range(last + 1))
    return SitePrices(between(multipliers.site_per_t), between(multipliers.site_per_m3), end_price)


def priced_arcs(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, end_price: Float,
                link: Float | None) -> ArcPrices:
    """Every walking arc priced down to the end of the chain at the multipliers."""
    onward = onward_prices(problem, coefficients, site_prices(problem, multipliers, end_price))
    return arc_prices(problem, coefficients, onward[1], link)


def with_row_prices(problem: Problem, coefficients: Coefficients, row: Float) -> Coefficients:
    """The coefficients with opening costs raised or lowered by the prices of the side rules."""
    charges = [problem.rows.charge(level, row) for level in range(len(problem.sites))]
    if all(charge is None for charge in charges):
        return coefficients
    opened = (cost if charge is None else cost + charge
              for cost, charge in zip(coefficients.open_cny_per_year, charges, strict=True))
    return replace(coefficients, open_cny_per_year=tuple(opened))


def with_row_prices_at_first(problem: Problem, tier: FirstTier, row: Float) -> FirstTier:
    """The first tier with opening costs raised or lowered by the prices of the side rules."""
    charge = problem.rows.charge(0, row)
    return tier if charge is None else replace(tier, open_cny_per_year=tier.open_cny_per_year + charge)


def between_tiers(problem: Problem, coefficients: Coefficients, multipliers: Multipliers,
                  link: Float | None) -> tuple[float, tuple[Float, ...]]:
    """Least cost of the tiers between first and last at the multipliers, and each site's margin of opening.

    The coefficients hold the prices of the side rules already (with_row_prices).
    """
    total, margins = 0.0, [np.empty(0)]
    for level in range(1, len(problem.sites) - 1):
        sites = problem.sites[level]
        volume = problem.capacity_m3_per_day(level)
        per_m3 = multipliers.site_per_m3[level][:, None]
        limited = np.where(np.isfinite(volume), with_allowance(volume), 0.0)[None, :]
        earned = multipliers.site_per_t[level][:, None] * with_allowance(problem.capacity_t_per_day(level))[None, :]
        earned = earned + np.where((per_m3 > 0.0) & ~np.isfinite(volume)[None, :], np.inf, per_m3 * limited)
        opened = np.where(sites.allowed, coefficients.open_cny_per_year[level] - earned, np.inf).min(axis=1)
        if level == 1 and link is not None:
            opened = opened - link.sum(axis=0)
        closed = coefficients.closed_cny_per_year[level]
        margin = opened - closed
        total += float(np.where(sites.must_open, opened, closed + np.minimum(margin, 0.0)).sum())
        margins.append(margin)
    return total, tuple(margins)


def most_arriving_t_per_day(problem: Problem) -> Float:
    """At least what could ever arrive at the last tier, per material, [M]: every part at its best arc."""
    best = np.zeros((len(problem.demand.part_ids), len(problem.network.materials)))
    np.maximum.at(best, problem.walk.part, problem.captured_t_per_day)
    passed = np.prod([problem.passed_share(level) for level in range(len(problem.sites) - 1)], axis=0)
    return np.asarray(best.sum(axis=0) * passed, dtype=np.float64)


def scenario_value(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, scenario: Scenario,
                   tier: FirstTier, link: Float | None) -> float:
    """First tier of the bound in one scenario, CNY per year, with every unserved part's penalty as the start.

    The tier holds the prices of the side rules already (with_row_prices_at_first).
    """
    arcs = priced_arcs(problem, coefficients, multipliers, scenario.end_price, link)
    value = arcs.value[tier.arc] + scenario.part_price[tier.part]
    chosen = choose(tier, value, np.zeros(tier.site_count), pick=False)
    unserved = unserved_cny_per_year(problem, coefficients)
    return float(unserved.sum() - scenario.part_price.sum() + chosen.value.sum())


def lower_bound(problem: Problem, coefficients: Coefficients, multipliers: Multipliers,
                ceiling_cny_per_year: float) -> Bound:
    """A value no plan can undercut, never above the ceiling (the objective of a known plan).

    Raises BadMultipliersError. Mixes of the last tier that cost more than the ceiling leaves are not listed.
    """
    if np.isnan(ceiling_cny_per_year):
        raise BadMultipliersError("the ceiling is not a number")
    check_multipliers(problem, multipliers)
    link = link_table(problem, multipliers)
    tier = first_tier(problem, coefficients)
    base = [_before_last_tier(problem, coefficients, multipliers, s, tier, link) for s in multipliers.scenarios]
    value, tried, binding = _over_mixes(problem, coefficients, multipliers, base, ceiling_cny_per_year)
    return Bound(value, tuple(base), tried, binding, dropped_rules(problem))


def _before_last_tier(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, scenario: Scenario,
                      tier: FirstTier, link: Float | None) -> float:
    """First tier, tiers between and the constant of the side rules in one scenario, CNY per year."""
    charged = with_row_prices_at_first(problem, tier, scenario.row)
    between, _ = between_tiers(problem, with_row_prices(problem, coefficients, scenario.row), multipliers, link)
    first = scenario_value(problem, coefficients, multipliers, scenario, charged, link)
    return first + between - problem.rows.credit(scenario.row)


def _over_mixes(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, base: list[float],
                ceiling: float) -> tuple[float, int, tuple[int, ...]]:
    ingredients = [last_tier(problem, with_row_prices(problem, coefficients, s.row)) for s in multipliers.scenarios]
    free = [(start + own.base_cny_per_year, number)
            for number, (start, own, s) in enumerate(zip(base, ingredients, multipliers.scenarios, strict=True))
            if not s.end_price.any()]
    if not free:
        raise BadMultipliersError("one scenario must leave the last tier unpriced")
    known, number = max(free)
    rows = mixes(ingredients[number], ceiling - known)
    if rows is None:
        return -np.inf, 0, ()
    rows = rows[possible(problem, rows)]
    supply = most_arriving_t_per_day(problem)
    best = np.full(len(rows), -np.inf)
    for start, own, scenario in zip(base, ingredients, multipliers.scenarios, strict=True):
        cost = mix_cost_cny_per_year(own, rows)
        best = np.maximum(best, start + cost - most_worth(own, rows, scenario.end_price, supply))
    if len(rows) == 0 or float(best.min()) >= ceiling:
        return ceiling, len(rows), ()
    worst = int(np.argmin(best))
    return float(best[worst]), len(rows), tuple(int(v) for v in rows[worst])


def dropped_rules(problem: Problem) -> tuple[str, ...]:
    """Parts of the model that the bound leaves out (it stays valid), named for the report."""
    last = len(problem.sites) - 1
    out = ["single_sourcing_of_sites"] if problem.single_source else []
    if any(size.min_t_per_day > 0.0 for tier in problem.network.tiers for size in tier.sizes):
        out.append("minimum_throughput")
    if np.isfinite(problem.capacity_m3_per_day(last)).any():
        out.append("volume_of_last_tier")
    if problem.assignment == "nearest":
        out.append("nearest_assignment")
    return tuple(out)
