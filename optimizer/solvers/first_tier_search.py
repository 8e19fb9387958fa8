"""The first tier searched under given open sites above: prices, a dive where nothing is served yet, then regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.first_tier_plan import FirstTierPlan
from optimizer.first_tier_rules import first_tier_rules
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.pools import Pools, last_tier_limits, last_tier_pools
from optimizer.prices import unserved_cny_per_year
from optimizer.problem import Problem
from optimizer.solvers.assignment import Served, Upward, path_cost, transport, upward
from optimizer.solvers.certify import capacity_prices
from optimizer.solvers.column_dive import dive
from optimizer.solvers.column_dual import DualEffort
from optimizer.solvers.column_neighbourhoods import Neighbourhoods, RegionEffort, improve_by_regions, shared_parts
from optimizer.solvers.column_prices import raised
from optimizer.solvers.columns import Packing, Prices
from optimizer.solvers.fractional_dive import fractional_dive
from optimizer.solvers.upper_search import fitting_share
from optimizer.solvers.upper_tiers import Supply
from optimizer.solvers.volume_dual import volume_dual

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

HAIR = 1e-6
SPARED_SHARE = 2e-3
"""Part of the room of all stations together that is left free, so that whole points can share it out."""
PRICE_STEPS = 60
AIM_SHARE = 0.01
"""Subgradient steps before a search, and how far above the best bound they aim, as a share of all penalties."""
VOLUME_STEPS = 150
"""Steps to the fractional first tier that a new one is made from."""
RELAXED = DualEffort(steps=40, rounds=5)
"""Effort of the linear relaxation of each area of a new first tier."""


@dataclass(frozen=True)
class Found:
    """A first tier, the part prices that describe it, [n], and the prices of the last tier's limits."""

    plan: FirstTierPlan
    part_price: Float
    end_price: Float
    hit_time_limit: bool


class FirstTierSearch:
    """Searches of one problem's first tier; holds what they share."""

    def __init__(self, problem: Problem, coefficients: Coefficients, tier: FirstTier) -> None:
        self.problem, self.coefficients, self.tier = problem, coefficients, tier
        self._near = shared_parts(tier, len(problem.demand.part_ids))

    def better(self, upper: tuple[OpenSites, ...], start: FirstTierPlan, supply: Supply, priced: Coefficients,
               part_price: Float, end_price: Float, passes: float, *, filled: bool, anew: bool, seed: int,
               watch: Callable[[float, float], float]) -> Found:
        """The start or a better first tier under open sites of tiers 1 and up.

        With `filled` the rooms of the open sites above are limits; without, station room costs what more of it would,
        so that the stations can be sized for the loads afterwards. With `anew` a first tier from the linear relaxation
        may replace the start. `supply` is what the start sends up, `priced` holds openings as side rules price them;
        prices [n] and per limit of the last tier are guesses. `watch` gets the share done and the present cost, and
        returns the seconds left.
        """
        packing, room_price = self._packing(upper, supply, priced, filled=filled)
        ends = len(last_tier_limits(self.problem, upper[-1].size)[1])
        end = end_price if len(end_price) == ends else np.zeros(ends)
        rules = np.zeros(packing.rule_count)
        prices = Prices(part_price, np.concatenate([room_price, end]), rules)
        at_stake = float(unserved_cny_per_year(self.problem, self.coefficients).sum())
        prices, _ = raised(packing, prices, PRICE_STEPS, AIM_SHARE * at_stake + 1.0)
        if anew:
            start, prices = self._begun(packing, start, prices, lambda: watch(0.0, 0.0))
        else:
            start = dive(packing, start, prices)
        found, prices, hit = improve_by_regions(packing, start, prices, self._near, RegionEffort(passes),
                                                seed=seed, watch=watch)
        return Found(found, prices.part, prices.pool[len(room_price):], hit)

    def _begun(self, packing: Packing, start: FirstTierPlan, prices: Prices,
               left_s: Callable[[], float]) -> tuple[FirstTierPlan, Prices]:
        """The start with more sites for parts it leaves out, or a plan from the linear relaxation where it is better;
        also the prices of this relaxation."""
        free = volume_dual(packing, prices, VOLUME_STEPS)
        other = fractional_dive(packing, replace(free.prices, rule=prices.rule), free.arc_share, self._near,
                                RELAXED, left_s)
        plans = [dive(packing, start, prices), dive(packing, other.plan, other.prices)]
        cost = [Neighbourhoods(packing, plan, prices, self._near, seed=1).with_fines() for plan in plans]
        return plans[int(np.argmin(cost))], other.prices

    def _packing(self, upper: tuple[OpenSites, ...], supply: Supply, priced: Coefficients, *,
                 filled: bool) -> tuple[Packing, Float]:
        """The first tier as a packing, and a guess at the prices of station room, [R less those of the last tier]."""
        problem, tier = self.problem, self.tier
        up = upward(problem, self.coefficients, upper)
        served = None
        if filled:  # loads that do not fit are to shrink to what does
            share = (1.0 - HAIR) * fitting_share(problem, upper, supply.t_per_day.sum(axis=0))
            served = transport(problem, up, supply.site, supply.t_per_day * min(share, 1.0))
        station, arc_cost = stations_of_sites(problem, self.coefficients, tier, up, served)
        q = problem.captured_t_per_day[tier.arc]
        end = last_tier_pools(problem, tier, upper[-1].size)
        if not filled and len(upper) > 1:
            price = capacity_prices(problem, priced, 1)[up.station]
            arc_cost = arc_cost + price[station[tier.site]] * q.sum(axis=1)
            return self._packed(arc_cost, end, upper, priced), np.empty(0)
        bulk = q @ problem.m3_per_t(problem.network.tiers[1].state)
        if served is not None:  # how stations share the room among them is settled later, at these prices
            here = station[tier.site]
            arc_cost = arc_cost + ((served.price_per_t - served.price_per_t.min())[here] * q.sum(axis=1)
                                   + (served.price_per_m3 - served.price_per_m3.min())[here] * bulk)
        room = np.array([up.capacity_t_per_day.sum(), up.capacity_m3_per_day.sum()])
        limited = np.isfinite(room)
        draw = np.stack([q.sum(axis=1), bulk], axis=1)[:, limited]
        guess = np.zeros(2) if served is None else np.array([served.price_per_t.min(), served.price_per_m3.min()])
        pools = Pools(np.concatenate([draw, end.draw], axis=1),
                      np.concatenate([room[limited] * (1.0 - SPARED_SHARE), end.limit]))
        return self._packed(arc_cost, pools, upper, priced), guess[limited]

    def _packed(self, arc_cost: Float, pools: Pools, upper: tuple[OpenSites, ...], priced: Coefficients) -> Packing:
        problem, tier = self.problem, self.tier
        allowed = np.isfinite(tier.open_cny_per_year)
        own = replace(tier, open_cny_per_year=np.where(allowed, priced.open_cny_per_year[0], np.inf))
        rules = first_tier_rules(problem, upper, np.argmin(tier.open_cny_per_year, axis=1))
        return Packing(_duty_free(own), arc_cost, pools, rules, len(problem.demand.part_ids))


def _duty_free(tier: FirstTier) -> FirstTier:
    """The first tier with sites that must stay at no cost but that of a larger size: closing them saves nothing."""
    cost = tier.open_cny_per_year
    duty = np.where(tier.must_open, cost.min(axis=1, initial=np.inf), 0.0) - tier.closed_cny_per_year
    return replace(tier, open_cny_per_year=np.where(tier.must_open[:, None], cost - duty[:, None], cost))


def stations_of_sites(problem: Problem, coefficients: Coefficients, tier: FirstTier, up: Upward,
                      served: Served | None = None) -> tuple[Int, Float]:
    """The open station each site of the first tier would use, [J_0], and each arc's yearly cost through it, [E].

    Sites that are served already keep the station of the larger share; the others take the cheapest, the worth of a
    station's room included.
    """
    q = problem.captured_t_per_day[tier.arc]
    everything = np.zeros((tier.site_count, q.shape[1]))
    np.add.at(everything, tier.site, q)
    path = path_cost(problem, up, np.arange(tier.site_count), everything)
    if served is not None:
        bulk = everything @ problem.m3_per_t(problem.network.tiers[1].state)
        path = path + everything.sum(axis=1)[:, None] * served.price_per_t + bulk[:, None] * served.price_per_m3
    station = np.argmin(path, axis=1)
    if served is not None:
        station[served.site] = np.argmax(served.share, axis=1)
    here = station[tier.site]
    loads = q @ problem.trips_per_t(0)
    cost = loads * up.trip_cny_per_year[tier.site, here] + (q * up.onward_cny_per_year[here]).sum(axis=1)
    cost = cost + coefficients.arriving_cny_per_year(q, tier.arc)
    return station, cost - unserved_cny_per_year(problem, coefficients)[tier.part]
