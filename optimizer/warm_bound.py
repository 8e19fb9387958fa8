"""The old certificate's multipliers in the words of an edited problem, and a bound from them.

Any multipliers give a valid bound, so ids that are new may get whatever is likely to be good: what its nearest
neighbour has. A few ascent steps on the scenario that decides then mend the most of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.bound import (
    Bound,
    Case,
    all_cases,
    bound_of,
    evaluated,
    links_of,
    most_arriving_t_per_day,
    with_row_prices,
)
from optimizer.configurations import last_tier, mix_cost_cny_per_year, most_worth
from optimizer.first_tier import FirstTier, first_tier
from optimizer.links import Reach
from optimizer.multipliers import Multipliers, Scenario
from optimizer.objectives import Coefficients
from optimizer.problem import Problem
from optimizer.solvers.ascent import as_stored, raise_bound
from optimizer.solvers.row_ascent import as_stored_rows

Float = NDArray[np.float64]
Int = NDArray[np.int64]

REACH_SHARE = 0.002
"""How far above its value the ascent aims, as a share of the gap-free cost of opening every site once."""


def carried_multipliers(old: Problem, multipliers: Multipliers, new: Problem) -> Multipliers:
    """The multipliers of one problem for another with the same network, by ids of parts, sites and side rules.

    New parts and rules get 0, new sites of a tier what the old site has whose drives from below are most alike.
    """
    part = _positions(old.demand.part_ids, new.demand.part_ids)
    source = [_like(old, new, level) if level else np.empty(0, dtype=np.int64) for level in range(len(new.sites))]
    last = len(new.sites) - 1
    scenarios = tuple(Scenario(_taken(s.part_price, part), s.end_price, _rows(old, s, new),
                               None if s.reach is None else _reach_of(old, s.reach, new, part),
                               None if s.area is None else s.area[source[last]]) for s in multipliers.scenarios)
    per_t, per_m3 = (tuple(prices[source[n]] if 0 < n < last else prices for n, prices in enumerate(tiers))
                     for tiers in (multipliers.site_per_t, multipliers.site_per_m3))
    link_part, link_site, link_value = _links(old, multipliers, part, source)
    return Multipliers(scenarios, link_part, link_site, link_value, per_t, per_m3)


def _reach_of(old: Problem, reach: Reach, new: Problem, part: Int) -> Reach:
    """A reach by ids; parts that measured it from a site that is gone measure it from one they can walk to."""
    walk = new.walk
    to = _positions(new.sites[0].ids, old.sites[0].ids)
    site = np.where(part >= 0, to[reach.site[np.maximum(part, 0)]], -1)
    near = np.zeros(len(site), dtype=np.int64)
    order = np.argsort(-walk.distance_m, kind="stable")  # the nearest is written last
    near[walk.part[order]] = walk.site[order]
    return Reach(_taken(reach.price, part), np.where(site >= 0, site, near), _taken(reach.share, part))


def _rows(old: Problem, scenario: Scenario, new: Problem) -> Float:
    """Prices of the new problem's side rules, [R]."""
    prices = {_row_key(row): price for row, price in zip(old.site_rows, scenario.row, strict=True)}
    return np.array([prices.get(_row_key(r), 0.0) for r in new.site_rows], dtype=np.float64)


def _row_key(row: object) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in ("code", "clause", "subject_id"))


def _positions(old: tuple[str, ...], new: tuple[str, ...]) -> Int:
    """Position in `old` of each id of `new`, -1 where it is new."""
    position = {name: n for n, name in enumerate(old)}
    return np.array([position.get(name, -1) for name in new], dtype=np.int64)


def _taken(values: Float, at: Int) -> Float:
    return np.where(at >= 0, values[np.maximum(at, 0)], 0.0)


def _like(old: Problem, new: Problem, level: int) -> Int:
    """For each site of the new problem the old one it takes its prices from: itself, else the most alike, [J]."""
    same = _positions(old.sites[level].ids, new.sites[level].ids)
    fresh, known = np.flatnonzero(same < 0), np.flatnonzero(same >= 0)
    if len(fresh) and len(known):
        drive = np.where(np.isfinite(new.legs[level - 1].loaded_s), new.legs[level - 1].loaded_s, 1e9)
        for row in fresh:
            apart = np.abs(drive[:, known] - drive[:, [row]]).sum(axis=0)
            same[row] = same[known[int(np.argmin(apart))]]
    return np.maximum(same, 0)


def _links(old: Problem, multipliers: Multipliers, part: Int, source: list[Int]) -> tuple[Int, Int, Float]:
    """Link prices as part, site and value of the new problem."""
    if not len(multipliers.link_value):
        return multipliers.link_part, multipliers.link_site, multipliers.link_value
    table = np.zeros((len(old.demand.part_ids), len(old.sites[1])))
    np.add.at(table, (multipliers.link_part, multipliers.link_site), multipliers.link_value)
    now = np.where((part >= 0)[:, None], table[np.maximum(part, 0)][:, source[1]], 0.0)
    rows, sites = np.nonzero(now)
    return rows, sites, now[rows, sites]


def warm_cases(problem: Problem, coefficients: Coefficients, multipliers: Multipliers) -> list[Case]:
    """The scenarios of carried multipliers evaluated: what warm_bound begins with. No plan is needed for it."""
    return all_cases(problem, coefficients, _stored(multipliers))


def warm_bound(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, ceiling_cny_per_year: float,
               steps: int, enough_cny_per_year: float = np.inf,
               cases: list[Case] | None = None) -> tuple[Multipliers, Bound]:
    """The bound at multipliers of the problem; below `enough` it is raised by steps on the scenario that decides it.

    `cases` are those of warm_cases at these multipliers, where they are known already.
    """
    multipliers = _stored(multipliers)
    cases = all_cases(problem, coefficients, multipliers) if cases is None else list(cases)
    bound = bound_of(problem, cases, ceiling_cny_per_year)
    good = bound.value_cny_per_year >= enough_cny_per_year or not np.isfinite(bound.value_cny_per_year)
    if good or not steps or not bound.binding_mix:
        return multipliers, bound
    tier = first_tier(problem, coefficients)
    at = _deciding(problem, coefficients, multipliers, bound)
    raised = _raised(problem, coefficients, tier, multipliers, at, steps)
    if raised is None:
        return multipliers, bound
    cases[at] = evaluated(problem, coefficients, raised, raised.scenarios[at], tier)  # the others are as they were
    better = bound_of(problem, cases, ceiling_cny_per_year)
    return (raised, better) if better.value_cny_per_year > bound.value_cny_per_year else (multipliers, bound)


def _raised(problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers, at: int,
            steps: int) -> Multipliers | None:
    """The multipliers with the part prices of one scenario after some steps of ascent; None where no step helps.

    Prices of links that a scenario derives from its reach do not depend on its part prices: they are held fixed.
    """
    scenario = multipliers.scenarios[at]
    start = replace(multipliers, scenarios=(scenario,))
    if scenario.reach is not None:
        link = links_of(problem, coefficients, multipliers, scenario)
        rows, sites = np.nonzero(link) if link is not None else (multipliers.link_part, multipliers.link_site)
        value = multipliers.link_value if link is None else link[rows, sites]
        start = replace(start, scenarios=(replace(scenario, reach=None),), link_part=rows, link_site=sites,
                        link_value=value)
    ascent = raise_bound(problem, coefficients, tier, start, reach_cny_per_year=_reach(tier), steps=steps,
                         move_links=False)
    if np.array_equal(ascent.multipliers.scenarios[0].part_price, scenario.part_price):
        return None
    scenarios = list(multipliers.scenarios)
    scenarios[at] = replace(scenario, part_price=ascent.multipliers.scenarios[0].part_price)
    return _stored(replace(multipliers, scenarios=tuple(scenarios)))


def _deciding(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, bound: Bound) -> int:
    """The scenario that judges the binding mix of the last tier best."""
    row, supply = np.array([bound.binding_mix], dtype=np.int64), most_arriving_t_per_day(problem)
    judged = []
    for base, scenario in zip(bound.scenario_cny_per_year, multipliers.scenarios, strict=True):
        ingredients = last_tier(problem, with_row_prices(problem, coefficients, scenario.row))
        worth = most_worth(ingredients, row, scenario.end_price, supply)
        judged.append(base + float((mix_cost_cny_per_year(ingredients, row) - worth)[0]))
    return int(np.argmax(judged))


def _stored_reach(reach: Reach) -> Reach:
    return Reach(as_stored(reach.price), reach.site, reach.share.astype(np.float32).astype(np.float64))


def _reach(tier: FirstTier) -> float:
    cheapest = tier.open_cny_per_year.min(axis=1, initial=np.inf)
    return REACH_SHARE * max(float(cheapest[np.isfinite(cheapest)].sum()) * 0.2, 1.0)


def _stored(multipliers: Multipliers) -> Multipliers:
    """The multipliers as the file will hold them."""
    return Multipliers(tuple(Scenario(as_stored(s.part_price), as_stored(s.end_price), as_stored_rows(s.row),
                                      None if s.reach is None else _stored_reach(s.reach), s.area)
                             for s in multipliers.scenarios),
                       multipliers.link_part, multipliers.link_site, as_stored(multipliers.link_value),
                       tuple(map(as_stored, multipliers.site_per_t)), tuple(map(as_stored, multipliers.site_per_m3)))
