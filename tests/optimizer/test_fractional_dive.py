"""First tiers from the linear relaxation: lawful, never better than possible, the same each time; areas by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from optimizer.first_tier_rules import FirstTierRules
from optimizer.solvers.area_relaxation import areas_of, grouped, packing_of
from optimizer.solvers.column_dual import DualEffort
from optimizer.solvers.column_neighbourhoods import shared_parts
from optimizer.solvers.columns import Packing, columns_of_plan
from optimizer.solvers.fractional_dive import Dived, fractional_dive
from optimizer.solvers.volume_dual import volume_dual
from tests.optimizer.small_problems import Shape
from tests.optimizer.test_columns import no_prices, optimum, packing, respects

SEEDS = range(8)
LARGER = Shape(sites=(14, 2, 2), parts=40)
EFFORT = DualEffort(steps=40, rounds=5)


def dived(case: Packing, seconds: float = 60.0) -> Dived:
    free = volume_dual(case, no_prices(case), 100)
    prices = replace(free.prices, rule=np.zeros(case.rule_count))
    return fractional_dive(case, prices, free.arc_share, shared_parts(case.tier, case.parts), EFFORT, lambda: seconds)


@pytest.mark.parametrize("pooled", [False, True])
def test_dives_are_lawful_and_close_to_the_optimum(*, pooled: bool) -> None:
    """All of these fit one area; what is lost, with so few parts, is what fixing in turns loses."""
    saved = possible = 0.0
    for seed in range(12):
        case = packing(seed, pooled=pooled)
        found, best = columns_of_plan(case.tier, dived(case).plan), optimum(case)
        assert respects(case, found)
        assert float(case.cost(found).sum()) >= best - 1e-6 * abs(best)
        saved, possible = saved + float(case.cost(found).sum()), possible + best
    assert saved < 0.9 * possible


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dive_over_several_areas_is_lawful_and_the_same_each_time(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimizer.solvers.area_relaxation.areas_of.__defaults__", (10,))
    case = packing(seed, pooled=True, shape=LARGER)
    first, second = dived(case), dived(case)
    assert first.plan.site_of_part.tolist() == second.plan.site_of_part.tolist()
    found = columns_of_plan(case.tier, first.plan)
    assert respects(case, found)
    assert float(case.cost(found).sum()) < 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dive_keeps_a_rule_on_openings(seed: int) -> None:
    """At most two of all sites may be open, whatever they would save."""
    case = packing(seed, shape=LARGER)
    sites, sizes = case.tier.open_cny_per_year.shape
    options = sites * sizes
    most_two = FirstTierRules(np.arange(options + 1), np.zeros(options, dtype=np.int64), np.ones(options),
                              np.array([2.0]), sizes)
    found = columns_of_plan(case.tier, dived(replace(case, rules=most_two)).plan)
    assert len(columns_of_plan(case.tier, dived(case).plan)) > 2
    assert 1 <= len(found) <= 2


def test_without_time_nobody_is_served() -> None:
    case = packing(1)
    assert (dived(case, seconds=0.0).plan.site_of_part < 0).all()


def test_groups_of_a_street_are_pieces_of_it() -> None:
    """Six sites in a row, each sharing parts with the next: groups of two are neighbours, begun at both ends."""
    ends = np.arange(5)
    rows, cols = np.concatenate([ends, ends + 1]), np.concatenate([ends + 1, ends])
    near = csr_array((np.ones(10), (rows, cols)), shape=(6, 6))
    assert grouped(near, np.ones(6, dtype=np.int64), 2).tolist() == [0, 0, 2, 2, 1, 1]


@pytest.mark.parametrize("seed", SEEDS)
def test_areas_share_out_all_parts_sites_and_room(seed: int) -> None:
    case = packing(seed, pooled=True, shape=LARGER)
    free = volume_dual(case, no_prices(case), 60)
    found = areas_of(case, free.arc_share, shared_parts(case.tier, case.parts), 8)
    assert len(found) > 1
    assert np.sum([area.site for area in found], axis=0).tolist() == [1] * case.tier.site_count
    reached = np.isin(np.arange(case.parts), case.tier.part)
    assert np.sum([area.part for area in found], axis=0).tolist() == reached.astype(int).tolist()
    assert np.sum([area.share for area in found], axis=0) == pytest.approx(1.0)
    assert found[-1].share_so_far == pytest.approx(1.0)


def test_an_area_holds_its_own_arcs_and_pays_for_rules() -> None:
    """Every opening takes one of a rule whose price is 5: all openings cost 5 more, and the rule itself is gone."""
    case = packing(2, shape=LARGER)
    options = case.tier.open_cny_per_year.size
    rules = FirstTierRules(np.arange(options + 1), np.zeros(options, dtype=np.int64), np.ones(options),
                           np.array([1.0]), case.tier.open_cny_per_year.shape[1])
    free = volume_dual(case, no_prices(case), 60)
    area = areas_of(case, free.arc_share, shared_parts(case.tier, case.parts), 8)[0]
    prices = replace(no_prices(case), rule=np.array([5.0]))
    small, arc = packing_of(area, replace(case, rules=rules), prices, np.empty(0))
    assert small.rules is None
    finite = np.isfinite(case.fixed)
    assert small.fixed[finite] - case.fixed[finite] == pytest.approx(5.0)
    expected = area.part[case.tier.part] & area.site[case.tier.site]
    assert arc.tolist() == np.flatnonzero(expected).tolist()
