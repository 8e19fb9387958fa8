"""Multipliers for the certificate: linear programme, links, ascent, then a scenario for every mix that would undercut.

The bound itself is computed in optimizer/bound.py; nothing here needs to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.between import between_mixes
from optimizer.bound import (
    Bound,
    Case,
    between_tiers,
    evaluated,
    lower_bound,
    most_arriving_t_per_day,
    most_entering_t_per_day,
    over_mixes,
    priced_arcs,
    site_prices,
    with_row_prices,
    with_row_prices_at_first,
)
from optimizer.configurations import TierSites, last_tier, mix_cost_cny_per_year, most_worth
from optimizer.first_tier import FirstTier, choose
from optimizer.multipliers import Multipliers, Scenario, link_table
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.pools import last_tier_limits, last_tier_pools
from optimizer.prices import NO_WAY, onward_prices
from optimizer.problem import Problem
from optimizer.row_limits import RowLimits, row_limits
from optimizer.solvers.ascent import as_stored, raise_bound
from optimizer.solvers.assignment import HOPELESS
from optimizer.solvers.case_dual import Cases, Start
from optimizer.solvers.certify_areas import AreaEffort, case_multipliers
from optimizer.solvers.first_tier_lp import Relaxed, relax
from optimizer.solvers.link_dual import link_prices
from optimizer.solvers.row_ascent import MovingRows, as_stored_rows, likely_mix

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

REACH_SHARE = 0.01
"""How far above the best bound an ascent aims, as a share of the first tier's fixed cost in the linear programme."""


USEFUL_SHARE = 0.1
"""Arcs dearer than this share of a site's cost at the part prices are left out of the relaxation of a mix."""


@dataclass(frozen=True)
class Effort:
    """How much work the certificate may take, counted in steps."""

    part_steps: int = 25
    joint_steps: int = 60
    scenario_steps: int = 40
    scenarios: int = 24
    areas: AreaEffort = field(default_factory=AreaEffort)


def capacity_prices(problem: Problem, coefficients: Coefficients, level: int) -> Float:
    """A price per t/day on the capacity of each site of a tier between first and last, CNY per year, [J].

    The slope of cost over capacity between the two largest sizes that fit: what one more tonne a day costs where
    sites are well used. Sites with one size pay the part that its fixed cost leaves to the links.
    """
    capacity, virtual = problem.capacity_t_per_day(level), problem.sites[level].virtual
    if virtual.any():  # direct ways have room for anything
        real = ~virtual
        own = _slopes(capacity, problem.sites[level].allowed[real], coefficients.open_cny_per_year[level][real])
        out = np.zeros(len(virtual))
        out[real] = own
        return out
    return _slopes(capacity, problem.sites[level].allowed, coefficients.open_cny_per_year[level])


def _slopes(capacity: Float, allowed: Bool, cost: Float) -> Float:
    """The slope of cost over capacity at each site, see capacity_prices."""
    largest_first = np.argsort(-capacity, kind="stable")
    sizes = [k for k in largest_first if allowed[:, k].any()]
    if len(sizes) < 2:
        return np.zeros(len(allowed))
    big, small = sizes[0], sizes[1]
    step = float(np.median(cost[:, big]) - np.median(cost[:, small]))
    slope = max(step, 0.0) / max(float(capacity[big] - capacity[small]), 1e-9)
    dear = np.where(allowed, cost - slope * capacity[None, :], np.inf).min(axis=1)
    ceiling = np.where(allowed, cost / capacity[None, :], np.inf).min(axis=1)
    return np.asarray(np.where(dear >= 0.0, slope, np.where(np.isfinite(ceiling), ceiling, 0.0)))


def blank(problem: Problem, coefficients: Coefficients) -> Multipliers:
    """Multipliers with capacity prices only."""
    last, nothing = len(problem.sites) - 1, np.empty(0)
    per_t = tuple(as_stored(capacity_prices(problem, coefficients, level)) if 0 < level < last else nothing
                  for level in range(last + 1))
    per_m3 = tuple(np.zeros(len(problem.sites[level])) if 0 < level < last else nothing for level in range(last + 1))
    zero = Scenario(np.zeros(len(problem.demand.part_ids)), np.zeros(len(problem.network.materials)),
                    np.zeros(len(problem.site_rows)))
    index = np.empty(0, dtype=np.int64)
    return Multipliers((zero,), index, index, nothing, per_t, per_m3)


def end_price_guess(problem: Problem, coefficients: Coefficients) -> Float:
    """What a t/day of last-tier capacity costs at the cheapest allowed size that accepts each material, [M]."""
    ingredients = last_tier(problem, coefficients)
    per_t = np.where(ingredients.most > 0, ingredients.first_cny_per_year / ingredients.capacity_t_per_day, np.inf)
    guess = np.where(ingredients.accepts, per_t[:, None], np.inf).min(axis=0)
    return np.where(np.isfinite(guess), np.maximum(guess, 0.0), 0.0)


def relaxed_at(problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers,
               end_price: Float, sizes: Int | None = None, rules: RowLimits | None = None) -> Relaxed | None:
    """The first tier's linear relaxation at the multipliers' prices, with side rules as rows where they are given.

    With last-tier `sizes` their capacity is kept, and only arcs that look useful at the multipliers' part prices enter:
    less room makes none of the others attractive.
    """
    value = priced_arcs(problem, coefficients, multipliers, end_price, link_table(problem, multipliers)).value[tier.arc]
    parts = len(problem.demand.part_ids)
    if sizes is None:
        found = relax(tier, value, parts, rules=rules)
        if found is None and rules is not None:  # out of time: without prices of the rules, better than nothing
            found = relax(tier, value, parts)
            return None if found is None else replace(found, row_price=np.zeros(len(rules)))
        return found
    reduced = value + multipliers.scenarios[0].part_price[tier.part]
    typical = np.where(np.isfinite(tier.open_cny_per_year), tier.open_cny_per_year, 0.0).max(axis=1)
    useful = reduced <= USEFUL_SHARE * typical[tier.site]
    return relax(tier, value, parts, last_tier_pools(problem, tier, sizes), within=useful, rules=rules)


def with_links(problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers,
               relaxed: Relaxed) -> Multipliers:
    """The multipliers with link prices that fit the loads of a relaxed first tier (three or more tiers only)."""
    if len(problem.sites) < 3:
        return multipliers
    nothing = np.zeros(len(problem.network.materials))
    onward = onward_prices(problem, coefficients, site_prices(problem, multipliers, nothing))[1]
    q = problem.captured_t_per_day[tier.arc] * relaxed.arc_share[:, None]
    trip = np.minimum(coefficients.trip_cny[0], NO_WAY)[tier.site]
    path = (q @ problem.trips_per_t(0) * DAYS_PER_YEAR)[:, None] * trip + q @ onward.T
    cost = np.zeros((len(problem.demand.part_ids), len(problem.sites[1])))
    np.add.at(cost, tier.part, path)
    earned = multipliers.site_per_t[1][:, None] * problem.capacity_t_per_day(1)[None, :]
    fixed = np.where(problem.sites[1].allowed, coefficients.open_cny_per_year[1] - earned, np.inf).min(axis=1)
    fixed = np.maximum(np.where(np.isfinite(fixed), fixed, 1e12) - coefficients.closed_cny_per_year[1], 0.0)
    table = as_stored(link_prices(_dear_where_no_way(cost, q, tier, fixed), fixed))
    part, site = np.nonzero(table)
    return replace(multipliers, link_part=part, link_site=site, link_value=table[part, site])


def _dear_where_no_way(cost: Float, q: Float, tier: FirstTier, fixed: Float) -> Float:
    """Costs of links [n, J_1] where 'no way' costs no more than it must to be avoided: huge prices would be useless."""
    tonnes = np.bincount(tier.part, weights=q.sum(axis=1), minlength=len(cost))
    way = cost <= HOPELESS * np.maximum(tonnes, 1e-9)[:, None]
    dear = np.where(way, cost, 0.0).max(axis=1) + np.where(fixed < NO_WAY / 10.0, fixed, 0.0).max(initial=0.0)
    return np.where(way, cost, dear[:, None])


def base_multipliers(problem: Problem, coefficients: Coefficients, tier: FirstTier, effort: Effort,
                     row: Float | None = None) -> Multipliers:
    """One scenario with the last tier unpriced, raised as far as the effort allows.

    With prices of side rules `row` [R], stations and links are priced to match them, and they move as well.
    """
    at = np.zeros(len(problem.site_rows)) if row is None else row
    priced, priced_tier = with_row_prices(problem, coefficients, at), with_row_prices_at_first(problem, tier, at)
    multipliers = blank(problem, priced)
    rough = relaxed_at(problem, priced, priced_tier, multipliers, end_price_guess(problem, priced))
    if rough is not None:
        multipliers = with_links(problem, priced, priced_tier, multipliers, rough)
    zero = multipliers.scenarios[0].end_price
    relaxed = relaxed_at(problem, priced, priced_tier, multipliers, zero)
    if relaxed is None:
        return multipliers
    free = Scenario(as_stored(relaxed.part_price), zero, at)
    multipliers = replace(multipliers, scenarios=(free,))
    reach = reach_cny_per_year(tier, relaxed)
    ascent = raise_bound(problem, coefficients, tier, multipliers, reach_cny_per_year=reach,
                         steps=effort.part_steps, move_links=False)
    mix = None
    if row is not None:
        tonnes = float(problem.captured_t_per_day[tier.arc].sum(axis=1) @ relaxed.arc_share)
        mix = likely_mix(problem, priced, tonnes)
    ascent = raise_bound(problem, coefficients, tier, ascent.multipliers, reach_cny_per_year=reach,
                         steps=effort.joint_steps, move_links=True, mix=mix)
    return ascent.multipliers


def rule_prices(problem: Problem, coefficients: Coefficients, tier: FirstTier) -> Float | None:
    """Prices of the side rules in the first tier's relaxation, [R]; None where none of them binds there."""
    rules = row_limits(problem, tier)
    if rules is None:
        return None
    relaxed = relaxed_at(problem, coefficients, tier, blank(problem, coefficients),
                         end_price_guess(problem, coefficients), rules=rules)
    if relaxed is None or not relaxed.row_price.any():
        return None
    row = np.zeros(len(problem.site_rows))
    row[rules.number] = as_stored_rows(relaxed.row_price)
    return row


def upper_rules_bind(problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers) -> bool:
    """Whether the relaxed plan breaks a rule above the first tier; shared parcels apart, which seldom matter."""
    concerned = np.array([row.code != "parcel_overbuilt" for row in problem.site_rows], dtype=bool)
    if not concerned.any():
        return False
    scenario, link = multipliers.scenarios[0], link_table(problem, multipliers)
    arcs = priced_arcs(problem, coefficients, multipliers, scenario.end_price, link)
    chosen = choose(tier, arcs.value[tier.arc] + scenario.part_price[tier.part], pick=True)
    _, margins = between_tiers(problem, coefficients, multipliers, link)
    used = tier.arc[chosen.taken & (chosen.margin < 0.0)[tier.site]]
    mix = likely_mix(problem, coefficients, float(problem.captured_t_per_day[used].sum()))
    rules = MovingRows(problem, coefficients, tier, np.zeros(len(problem.site_rows)), mix)
    return bool((rules.slope(chosen, margins, multipliers)[concerned] > 1e-6).any())


def first_look(problem: Problem, coefficients: Coefficients, tier: FirstTier) -> tuple[Multipliers, Start]:
    """Multipliers with one scenario that leaves the last tier unpriced, and where the first case begins."""
    base, guess = blank(problem, coefficients), end_price_guess(problem, coefficients)
    if between_mixes(problem, coefficients, np.zeros(len(problem.sites[1])), np.zeros(len(problem.sites[1])),
                     most_entering_t_per_day(problem)) is not None:
        # every mix of the tier between is tried, so its capacity needs no price of its own
        base = replace(base, site_per_t=tuple(np.zeros_like(prices) for prices in base.site_per_t))
    finder = Cases(problem, coefficients, tier, base, base.scenarios[0].row)
    free, begin = finder.first_look(guess)
    return replace(base, scenarios=(free,)), begin


def certificate(problem: Problem, coefficients: Coefficients, tier: FirstTier, look: tuple[Multipliers, Start],
                ceiling_cny_per_year: float, likely: tuple[int, ...], effort: Effort,
                on_bound: Callable[[Bound], bool] = lambda _: False) -> tuple[Multipliers, list[Case]]:
    """The best multipliers found from a first look without prices of side rules, and with prices where rules bind; all
    scenarios evaluated.

    `likely` is the mix of a good plan's extra sites of the last tier; `on_bound` ends the work by returning True.
    """
    base, begin = look
    found, cases = case_multipliers(problem, coefficients, tier, base, begin, ceiling_cny_per_year, effort.areas,
                                    likely, on_bound)
    row = rule_prices(problem, coefficients, tier)
    if row is None and upper_rules_bind(problem, coefficients, tier, found):
        row = np.zeros(len(problem.site_rows))
    if row is None:
        return found, cases
    ruled = base_multipliers(problem, coefficients, tier, effort, row=row)
    other = price_mixes(problem, coefficients, tier, ruled, ceiling_cny_per_year, effort)
    others = [evaluated(problem, coefficients, other, scenario, tier) for scenario in other.scenarios]
    proofs = [(found, cases), (other, others)]
    return max(proofs, key=lambda p: over_mixes(problem, p[1], ceiling_cny_per_year).value_cny_per_year)


def reach_cny_per_year(tier: FirstTier, relaxed: Relaxed) -> float:
    """How far an ascent aims above its best value, CNY per year."""
    cheapest = tier.open_cny_per_year.min(axis=1)
    spent = relaxed.open_share @ np.where(np.isfinite(cheapest), cheapest, 0.0)
    return REACH_SHARE * max(float(spent), 1.0)


def price_mixes(problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers,
                ceiling_cny_per_year: float, effort: Effort,
                on_bound: Callable[[Bound], None] | None = None) -> Multipliers:
    """Scenarios added one by one for the mix of last-tier sizes that binds, until none undercuts or none can be helped.

    A mix too small for what would be captured gets prices on the tonnes that arrive (the duals of its capacity).
    """
    ingredients = last_tier(problem, coefficients)
    position: dict[tuple[int, ...], int] = {}
    raised: set[tuple[int, ...]] = set()
    while True:
        bound = lower_bound(problem, coefficients, multipliers, ceiling_cny_per_year)
        if on_bound is not None:
            on_bound(bound)
        mix = bound.binding_mix
        if not mix or mix in raised or len(position) >= effort.scenarios:
            return multipliers
        row = np.array([mix], dtype=np.int64)
        if mix not in position:
            added = np.repeat(np.arange(len(mix)), row[0])
            scenario = _scenario_for(problem, coefficients, tier, multipliers, added, ingredients)
            if scenario is None:
                return multipliers
            position[mix] = len(multipliers.scenarios)
            multipliers = replace(multipliers, scenarios=(*multipliers.scenarios, scenario))
            continue
        raised.add(mix)
        scenario = multipliers.scenarios[position[mix]]
        own = last_tier(problem, with_row_prices(problem, coefficients, scenario.row))
        worth = most_worth(own, row, scenario.end_price, most_arriving_t_per_day(problem))
        moving = row[0] if scenario.row.any() else None
        cost = 0.0 if moving is not None else float(mix_cost_cny_per_year(own, row)[0])
        enough = ceiling_cny_per_year - (cost - float(worth[0]))
        reach = REACH_SHARE * max(float(tier.open_cny_per_year.min(axis=1).clip(0, 1e15).sum()) * 0.2, 1.0)
        ascent = raise_bound(problem, coefficients, tier, replace(multipliers, scenarios=(scenario,)),
                             reach_cny_per_year=reach, steps=effort.scenario_steps, move_links=False,
                             mix=moving, enough_cny_per_year=enough)
        scenarios = list(multipliers.scenarios)
        scenarios[position[mix]] = ascent.multipliers.scenarios[0]
        multipliers = replace(multipliers, scenarios=tuple(scenarios))


def _scenario_for(problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers,
                  added: Int, ingredients: TierSites) -> Scenario | None:
    """Prices from the relaxation within the capacity of a mix; None where neither that nor a side rule binds."""
    staying = np.where(ingredients.kept, ingredients.capacity_t_per_day[None, :], -1.0).argmax(axis=1)
    sizes = np.concatenate([added, staying]).astype(np.int64)
    zero = np.zeros(len(problem.network.materials))
    rules = row_limits(problem, tier, added)
    relaxed = relaxed_at(problem, coefficients, tier, multipliers, zero, sizes, rules)
    if relaxed is None:
        return None
    end_price = as_stored(relaxed.pool_price @ _limit_coefficients(problem, sizes))
    row = np.zeros(len(problem.site_rows))
    if rules is not None:
        row[rules.number] = as_stored_rows(relaxed.row_price)
    return Scenario(as_stored(relaxed.part_price), end_price, row) if end_price.any() or row.any() else None


def _limit_coefficients(problem: Problem, sizes: Int) -> Float:
    """Coefficients of the last tier's limits per tonne that arrives there, [R, M]."""
    level = len(problem.sites) - 1
    passed = np.prod([problem.passed_share(below) for below in range(level)], axis=0)
    coefficients, _ = last_tier_limits(problem, sizes)
    return np.asarray(coefficients / np.where(passed > 0.0, passed, 1.0))
