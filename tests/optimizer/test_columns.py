"""Columns of the first tier: their costs, their enumeration, the bound of prices, and choices against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from optimizer.accounts import all_coefficients
from optimizer.first_tier import first_tier
from optimizer.first_tier_plan import FirstTierPlan
from optimizer.pools import Pools
from optimizer.solvers.column_choice import ChoiceEffort, better_choice
from optimizer.solvers.column_dive import dive
from optimizer.solvers.column_neighbourhoods import RegionEffort, improve_by_regions, shared_parts, trimmed
from optimizer.solvers.column_prices import raised
from optimizer.solvers.columns import (
    Columns,
    Packing,
    Prices,
    columns_below,
    columns_of_plan,
    least_of_each_set,
    plan_of_columns,
)
from tests.optimizer.small_problems import Shape, small_problem

SEEDS = range(8)
ROOM_SHARE = 0.6
"""Part of all that could be drawn that the pool of these tests has room for."""


SMALL = Shape(sites=(4, 2, 2), parts=5)


def packing(seed: int, *, pooled: bool = False, shape: Shape = SMALL) -> Packing:
    """A small packing with arc costs that are worth having; pooled: one pool that not everybody fits into."""
    problem = small_problem(seed, shape)
    tier = first_tier(problem, all_coefficients(problem))
    rng = np.random.default_rng(seed)
    cost = -rng.uniform(0.2, 1.5, len(tier.arc)) * float(np.median(tier.open_cny_per_year))
    draw = tier.use[:, 1:2] if pooled else np.zeros((len(tier.arc), 0))
    most = np.zeros(len(problem.demand.part_ids))
    np.maximum.at(most, tier.part, tier.use[:, 1])
    return Packing(tier, cost, Pools(draw, np.array([ROOM_SHARE * most.sum()]) if pooled else np.empty(0)), None,
                   len(problem.demand.part_ids))


def every_column(case: Packing) -> list[tuple[int, int, tuple[int, ...], float]]:
    """All columns that fit, in plain Python: site, size, arcs, cost."""
    tier, found = case.tier, []
    for j in range(tier.site_count):
        arcs = range(int(tier.first[j]), int(tier.first[j + 1]))
        for k in range(tier.open_cny_per_year.shape[1]):
            if not np.isfinite(tier.open_cny_per_year[j, k]):
                continue
            for count in range(1, len(arcs) + 1):
                for chosen in itertools.combinations(arcs, count):
                    if all(sum(tier.use[a, d] for a in chosen) <= tier.capacity[k, d] * (1 + 1e-9) for d in range(3)):
                        cost = tier.open_cny_per_year[j, k] - tier.closed_cny_per_year[j]
                        found.append((j, k, chosen, cost + sum(case.arc_cost[a] for a in chosen)))
    return found


def optimum(case: Packing) -> float:
    """The least cost of any choice of columns, by trying every site for every part."""
    cheapest: dict[tuple[int, frozenset[int]], float] = {}
    for j, _, chosen, cost in every_column(case):
        key = (j, frozenset(chosen))
        cheapest[key] = min(cost, cheapest.get(key, np.inf))
    arcs_of = [[-1, *np.flatnonzero(case.tier.part == i).tolist()] for i in range(case.parts)]
    best = 0.0
    for picked in itertools.product(*arcs_of):
        used = [a for a in picked if a >= 0]
        if (case.pools.draw[used].sum(axis=0) > case.pools.limit * (1 + 1e-9)).any():
            continue
        sets = [(j, frozenset(a for a in used if case.tier.site[a] == j)) for j in set(case.tier.site[used].tolist())]
        best = min(best, sum(cheapest.get(key, np.inf) for key in sets))
    return best


def no_prices(case: Packing) -> Prices:
    return Prices(np.zeros(case.parts), np.zeros(len(case.pools.limit)), np.zeros(0))


def nobody(case: Packing) -> FirstTierPlan:
    return FirstTierPlan(np.full(case.parts, -1), np.full(case.tier.site_count, -1))


def respects(case: Packing, columns: Columns) -> bool:
    """Whether no part or site is used twice and every capacity and pool holds."""
    use, once = columns.total(case.tier.use), np.unique(case.tier.part[columns.arc])
    return bool(len(once) == len(columns.arc) and len(np.unique(columns.site)) == len(columns)
                and (use <= case.tier.capacity[columns.size] * (1 + 1e-7)).all()
                and (case.pools.draw[columns.arc].sum(axis=0) <= case.pools.limit * (1 + 1e-7)).all())


@pytest.mark.parametrize("seed", SEEDS)
def test_enumeration_finds_every_set_below_the_cutoff_once(seed: int) -> None:
    """Sets that fit a cheaper size are listed there only; nothing else is missing, nothing comes twice."""
    case = packing(seed)
    cutoff = float(np.median([cost for *_, cost in every_column(case)]))
    least: dict[tuple[int, ...], float] = {}
    for _, _, chosen, cost in every_column(case):
        least[chosen] = min(cost, least.get(chosen, np.inf))
    expected = {chosen: cost for chosen, cost in least.items() if cost <= cutoff}
    found = columns_below(case, no_prices(case), cutoff, 10_000, 10_000)
    assert found is not None
    sets = [tuple(sorted(found.arc[a:b].tolist())) for a, b in zip(found.first[:-1], found.first[1:], strict=True)]
    assert len(set(sets)) == len(sets)
    assert set(sets) == set(expected)
    assert case.cost(found).tolist() == pytest.approx([expected[s] for s in sets])


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_prices_never_prove_more_than_the_optimum(seed: int, *, pooled: bool) -> None:
    case = packing(seed, pooled=pooled)
    start, first = raised(case, no_prices(case), 1, 1.0)
    _, bound = raised(case, start, 150, 0.05 * abs(first) + 1.0)
    assert first - 1e-6 * abs(first) <= bound <= optimum(case) + 1e-6 * abs(bound)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_choice_among_all_columns_is_the_optimum(seed: int) -> None:
    case = packing(seed, pooled=True)
    columns = columns_below(case, no_prices(case), 1e12, 10_000, 10_000)
    assert columns is not None
    none = columns.where(np.zeros(len(columns), dtype=bool))
    choice = better_choice(case, none, columns, ChoiceEffort(nodes=10_000, gap_share=0.0), held=True, fine=np.zeros(1),
                           time_limit_s=60.0)
    assert respects(case, choice.columns)
    assert float(case.cost(choice.columns).sum()) == pytest.approx(optimum(case), rel=1e-6, abs=1.5)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_dive_and_regions_are_lawful_and_never_worse(seed: int, *, pooled: bool) -> None:
    case = packing(seed, pooled=pooled)
    prices, _ = raised(case, no_prices(case), 40, 1e5)
    begun = dive(case, nobody(case), prices)
    near = shared_parts(case.tier, case.parts)
    found = [improve_by_regions(case, begun, prices, near, RegionEffort(2.0), seed=7, watch=lambda _, __: 60.0)[0]
             for _ in range(2)]
    assert found[0].site_of_part.tolist() == found[1].site_of_part.tolist()
    before, after = (columns_of_plan(case.tier, plan) for plan in (begun, found[0]))
    assert respects(case, before)
    assert respects(case, after)
    best = optimum(case)
    value = float(case.cost(after).sum())
    assert best - 1e-6 * abs(best) <= value <= min(0.0, float(case.cost(before).sum())) + 1.0
    if not pooled:  # one region holds everything, and all of its columns are tried
        assert value == pytest.approx(best, rel=1e-3)


def test_plans_and_columns_are_two_forms_of_the_same() -> None:
    case = packing(3)
    plan = dive(case, nobody(case), no_prices(case))
    again = plan_of_columns(case.tier, columns_of_plan(case.tier, plan), case.parts)
    assert again.site_of_part.tolist() == plan.site_of_part.tolist()
    assert again.size_of_site.tolist() == plan.size_of_site.tolist()
    assert (plan.site_of_part >= 0).any()


def test_trimming_gives_up_what_saves_least_per_unit() -> None:
    """Three parts draw 1 each of a pool with room for 2: the one that saves least goes, its site keeps the others."""
    case = packing(0, pooled=True)
    arc = case.tier.first[0] + np.arange(3)
    draw, cost = case.pools.draw.copy(), case.arc_cost.copy()
    draw[arc, 0], cost[arc] = 1.0, [-30.0, -10.0, -20.0]
    case = Packing(case.tier, cost, Pools(draw, np.array([2.0])), None, case.parts)
    left = trimmed(case, Columns(np.array([0]), np.array([0]), np.array([0, 3]), arc))
    assert left.arc.tolist() == arc[[0, 2]].tolist()


def test_of_equal_sets_the_cheapest_sites_stay() -> None:
    """Four columns, three of them of one and the same part: the dearest of these is left out."""
    columns = Columns(np.arange(4), np.zeros(4, dtype=np.int64), np.arange(5), np.arange(4))
    token = np.array([11, 11, 11, 5], dtype=np.uint64)
    kept = least_of_each_set(columns, np.array([3.0, 1.0, 2.0, 9.0]), token, 10)
    assert kept.tolist() == [False, True, True, True]
