"""The first tier by itself against every set of arcs, and the whole bound of a chain against its formula."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from optimizer.accounts import all_coefficients
from optimizer.bound import lower_bound
from optimizer.first_tier import choose, first_tier
from optimizer.multipliers import Multipliers, Scenario
from optimizer.problem import Problem, SiteStatus
from optimizer.row_builders import at_least_open
from tests.optimizer.brute_force import Prices
from tests.optimizer.small_problems import Shape, chain_problem, small_problem

DAYS = 365.0
MEASURES = ("households", "tonnes", "cubic metres", "all")


def limited_by(measure: str, seed: int) -> Problem:
    """Seven parts within reach of three sites that one measure limits, or all of them."""
    existing = ((0, 1, SiteStatus.KEEP), (0, 2, SiteStatus.MAY_CLOSE))
    problem = small_problem(seed, Shape(parts=7, sites=(3, 2), sizes=2, existing=existing))
    low, high = problem.network.tiers
    changes = {"households": {"capacity_t_per_day": 1e6, "capacity_m3_per_day": None},
               "tonnes": {"capacity_m3_per_day": None}, "cubic metres": {"capacity_t_per_day": 1e6}, "all": {}}[measure]
    low = low.model_copy(update={"sizes": tuple(s.model_copy(update=changes) for s in low.sizes)})
    return replace(problem, network=problem.network.model_copy(update={"tiers": (low, high)}),
                   max_households_per_site=900.0 if measure in ("households", "all") else None)


def best_set(problem: Problem, site: int, value: np.ndarray) -> tuple[float, float]:
    """Least cost of the site open, and of the site at all, over every size and every set of arcs that fits."""
    known, walk = Prices(problem), problem.walk
    arcs = np.flatnonzero(walk.site == site)
    q = {e: problem.demand.generated_t_per_day[walk.part[e]] * walk.captured_share[e] for e in arcs}
    m3 = np.array([known.m3(0, m) for m in range(len(problem.network.materials))])
    best = np.inf
    for k in np.flatnonzero(problem.sites[0].allowed[site]):
        size = problem.network.tiers[0].sizes[k]
        for chosen in itertools.chain.from_iterable(itertools.combinations(arcs, n) for n in range(len(arcs) + 1)):
            fits = (sum(q[e].sum() for e in chosen) <= size.capacity_t_per_day
                    and sum(q[e] @ m3 for e in chosen) <= (size.capacity_m3_per_day or np.inf)
                    and sum(problem.demand.households[walk.part[e]] for e in chosen)
                    <= (problem.max_households_per_site or np.inf))
            if fits:
                best = min(best, known.open(0, site, int(k)) + sum(value[e] for e in chosen))
    keep = problem.sites[0].status[site] == SiteStatus.KEEP
    return best, best if keep else min(best, known.closed(0, site))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seed", range(4))
def test_every_site_finds_its_best_set(measure: str, seed: int) -> None:
    """All measures are kept at once, whichever of them limit the sites."""
    problem = limited_by(measure, seed)
    tier = first_tier(problem, all_coefficients(problem))
    value = np.random.default_rng(seed).uniform(-3e5, 5e4, len(problem.walk.part))
    found = choose(tier, value[tier.arc], pick=True)
    for site in range(3):
        opened, least = best_set(problem, site, value)
        assert found.value[site] == pytest.approx(least)
        assert found.margin[site] == pytest.approx(opened - Prices(problem).closed(0, site))
        taken = tier.arc[found.taken & (tier.site == site)]
        sizes = [Prices(problem).open(0, site, int(k)) for k in np.flatnonzero(problem.sites[0].allowed[site])]
        assert any(opened == pytest.approx(cost + value[taken].sum()) for cost in sizes)


def test_a_measure_that_cannot_bind_is_left_out() -> None:
    """One site, two parts of 400 households and 0.2 t/day: the cap of 500 households binds, 2 t/day do not."""
    problem = chain_problem()
    twice = {name: np.repeat(getattr(problem.demand, name), 2, axis=0)
             for name in ("community_of", "zone_of", "persons", "households")}
    demand = replace(problem.demand, part_ids=("a", "b"), generated_t_per_day=np.full((2, 2), 0.1), **twice)
    walk = replace(problem.walk, part=np.array([0, 1]), site=np.zeros(2, dtype=np.int64), distance_m=np.ones(2),
                   captured_share=np.ones(2))
    problem = replace(problem, demand=demand, walk=walk, max_households_per_site=500.0)
    tier = first_tier(problem, all_coefficients(problem))
    found = choose(tier, np.array([-100_000.0, -90_000.0]), pick=True)
    assert found.value.tolist() == pytest.approx([46_000 - 100_000])  # site + the better part
    assert found.taken.tolist() == [True, False]


def chain_bound(problem: Problem, link: float, per_t: float, per_m3: float, part: float, end: float,
                quota: tuple[float, float]) -> float:
    """The Lagrangian of the chain written out: one part, one point, one station, one centre, all prices explicit."""
    known, q = Prices(problem), np.array([0.6, 0.3])
    unserved, m3 = known.unserved(0), np.array([1 / 0.2, 1 / 0.05])
    serve = sum(DAYS * q[m] * (known.entering(0, m) + known.haul(0, 0, 0, m) + known.entering(1, m)
                               + known.haul(1, 0, 0, m) + known.entering(2, m)) for m in (0, 1)) - unserved
    serve += link + per_t * q.sum() + per_m3 * float(q @ m3) + end * q.sum() + part
    point = min(serve, 0.0) + known.open(0, 0, 0) - quota[0]
    station = known.open(1, 0, 0) - link - per_t * 20.0 - per_m3 * 100.0 - quota[1]
    centre, room = known.open(2, 0, 0), end * min(100.0, q.sum())
    keep = [int(s.status[0]) == SiteStatus.KEEP for s in problem.sites]
    return (unserved - part + sum(quota) + (point if keep[0] else min(point, 0.0))
            + (station if keep[1] else min(station, 0.0)) + (centre - room if keep[2] else min(0.0, centre - room)))


@pytest.mark.parametrize("status", [SiteStatus.NEW, SiteStatus.KEEP])
@pytest.mark.parametrize("seed", range(30))
def test_the_bound_of_a_chain_is_its_lagrangian(seed: int, status: SiteStatus) -> None:
    """Every kind of multiplier in full and in its place: not one part of it may go missing."""
    problem, rng = chain_problem(), np.random.default_rng(seed)
    low, middle, high = problem.network.tiers
    middle = middle.model_copy(update={"sizes": (middle.sizes[0].model_copy(update={"capacity_m3_per_day": 100.0}),)})
    materials = tuple(m.model_copy(update={"price_cny_per_t": 5000.0}) for m in problem.network.materials)
    problem = replace(
        problem, network=problem.network.model_copy(update={"tiers": (low, middle, high), "materials": materials}),
        sites=tuple(replace(s, status=np.array([int(status)])) for s in problem.sites))
    problem = replace(problem, site_rows=tuple(at_least_open(problem, tier, 0, 1, "r:c") for tier in (0, 1)))
    link, part, end = rng.uniform(0, 1e6), rng.uniform(0, 5e5), float(rng.choice([0.0, 5e6]) * rng.random())
    per_t, per_m3, quota = rng.uniform(0, 2e4), rng.uniform(0, 4e3), (rng.uniform(0, 1e5), rng.uniform(0, 5e5))
    one, none = np.zeros(1, dtype=np.int64), np.empty(0)
    scenarios = [Scenario(np.array([part]), np.zeros(2), np.array(quota))]
    if end > 0.0:
        scenarios.append(Scenario(np.array([part]), np.full(2, end), np.array(quota)))
    multipliers = Multipliers(tuple(scenarios), one, one, np.array([link]), (none, np.array([per_t]), none),
                              (none, np.array([per_m3]), none))
    bound = lower_bound(problem, all_coefficients(problem), multipliers, np.inf)
    known = Prices(problem)
    if end == 0.0:
        assert bound.value_cny_per_year == pytest.approx(chain_bound(problem, link, per_t, per_m3, part, 0.0, quota))
        return
    # every mix against the scenario that serves it best
    starts = np.array([chain_bound(problem, link, per_t, per_m3, part, e, quota) for e in (0.0, end)])
    centre, worth = known.open(2, 0, 0), np.array([0.0, end * 0.9])
    if status == SiteStatus.KEEP:
        assert bound.value_cny_per_year == pytest.approx(starts.max())
    else:
        starts -= np.minimum(0.0, centre - worth)
        assert bound.value_cny_per_year == pytest.approx(min(starts.max(), (starts + centre - worth).max()))
