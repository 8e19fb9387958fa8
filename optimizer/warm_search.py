"""Ruin and recreate among the sites around an edit: their parts and arcs alone, all other loads taken as given."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import arc_of_part, books
from optimizer.assemble import assemble
from optimizer.first_tier import FirstTier, first_tier
from optimizer.objectives import Coefficients
from optimizer.plan import Plan
from optimizer.pools import Pools, pools_of
from optimizer.problem import Problem
from optimizer.row_repair import lawful_sites
from optimizer.siting import stations_of_sites
from optimizer.solvers.assignment import transport, upward
from optimizer.solvers.moves import settle_and_improve
from optimizer.solvers.ruin_recreate import FirstTierPlan, improve
from optimizer.warm_scope import Scope, held_outside

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

WORTH_CNY_PER_YEAR = 1.0


def searched_around(problem: Problem, coefficients: Coefficients, plan: Plan, scope: Scope, guide: Float,
                    iterations: int, seed: int, time_limit_s: float) -> Plan:
    """The plan, or a cheaper one that differs in sites of the first tier within the scope.

    `guide` [n] are prices of serving each part, as the bound's multipliers hold them.
    """
    upper = plan.open_sites[1:]
    if not all(len(opened.site) for opened in upper) or not scope.may_change[0].any():
        return plan
    held = held_outside(problem, plan, scope)
    tier = first_tier(held, coefficients)
    up = upward(held, coefficients, upper)
    sent = plan.flows[0]
    served = transport(held, up, sent.origin, sent.t_per_day)
    station, arc_cost = stations_of_sites(held, coefficients, tier, up, served)
    pools = pools_of(held, tier, upper, station)
    inside = _arcs_inside(tier, plan, scope)
    if not inside.any():
        return plan
    size = plan.open_sites[0].size_of(len(held.sites[0]))
    small, rest = _part_of_tier(tier, inside, scope.may_change[0]), _drawn_by_others(held, tier, plan, pools, inside)
    own = np.isin(np.arange(len(plan.site_of_part)), small.part) & _served_inside(plan, scope)
    start = FirstTierPlan(np.where(own, plan.site_of_part, -1), np.where(scope.may_change[0], size, -1))
    begin = time.monotonic()
    found = improve(small, arc_cost[inside], guide, Pools(pools.draw[inside], pools.limit - rest), start,
                    iterations=iterations, seed=seed, cool=True,
                    on_step=lambda _, __: time.monotonic() - begin > time_limit_s)
    site_of_part = np.where(np.isin(np.arange(len(own)), small.part), found.site_of_part, plan.site_of_part)
    sizes = np.where(scope.may_change[0], found.size_of_site, size)
    other = assemble(held, coefficients, upper, site_of_part, sizes)
    if not (other.site_of_part >= 0).any():
        return plan
    other = settle_and_improve(held, coefficients, tier, other)
    if lawful_sites(problem, plan.open_sites) and not lawful_sites(problem, other.open_sites):
        return plan
    before, after = (books(problem, p).objective_cny_per_year for p in (plan, other))
    return other if after < before - WORTH_CNY_PER_YEAR else plan


def _served_inside(plan: Plan, scope: Scope) -> Bool:
    return (plan.site_of_part >= 0) & scope.may_change[0][np.maximum(plan.site_of_part, 0)]


def _arcs_inside(tier: FirstTier, plan: Plan, scope: Scope) -> Bool:
    """Arcs to sites of the scope, of parts that use such a site or none, [E]."""
    free = (plan.site_of_part < 0) | _served_inside(plan, scope)
    return np.asarray(scope.may_change[0][tier.site] & free[tier.part], dtype=bool)


def _part_of_tier(tier: FirstTier, inside: Bool, may_change: Bool) -> FirstTier:
    """The tier with some of its arcs and sites; sites that must open cost nothing but what a larger size adds."""
    site = tier.site[inside]
    cost = np.where(may_change[:, None], tier.open_cny_per_year, np.inf)
    least = cost.min(axis=1, initial=np.inf)
    duty = np.where(tier.must_open & np.isfinite(least), least - tier.closed_cny_per_year, 0.0)
    return replace(
        tier, arc=tier.arc[inside], part=tier.part[inside], site=site, use=tier.use[inside], families=(),
        first=np.searchsorted(site, np.arange(tier.site_count + 1)),
        open_cny_per_year=cost - duty[:, None])


def _drawn_by_others(problem: Problem, tier: FirstTier, plan: Plan, pools: Pools, inside: Bool) -> Float:
    """What the parts outside draw from the shared limits."""
    arc = arc_of_part(problem, plan.site_of_part)
    used = np.isin(tier.arc, arc[arc >= 0]) & ~inside
    return np.asarray(pools.draw[used].sum(axis=0), dtype=np.float64)
