"""Priced exchanges of open sites: never dearer than they turn out to be, exact without limits, and ranked."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from optimizer.solvers.option_moves import Options, Trim, promising
from optimizer.solvers.room_flow import cheapest_split

WHOLE = Trim(0.0, 1.0, 1.0 - 1e-9)


def options_of(rng: np.random.Generator, points: int, sites: int, most: tuple[float, ...]) -> Options:
    """Every site in every size, the same costs in each."""
    site, size = np.divmod(np.arange(sites * len(most)), len(most))
    cost = rng.uniform(1.0, 10.0, (points, sites))[:, site]
    return Options(site, size, cost, rng.uniform(0.5, 2.0, points), rng.uniform(3.0, 9.0, len(site)),
                   np.array(most)[size], np.zeros(len(site)))


def true_cost(options: Options, chosen: list[int]) -> float:
    """Sites and cheapest split service, inf where the loads do not fit."""
    here = np.array(chosen, dtype=np.int64)
    found = cheapest_split(options.cost_cny_per_year[:, here] / options.t_per_day[:, None], options.t_per_day,
                           options.least_t_per_day[here], options.most_t_per_day[here])
    return np.inf if found is None else float(options.fixed_cny_per_year[here].sum() + found.cost)


@pytest.mark.parametrize("seed", range(12))
def test_estimates_are_lower_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    options = options_of(rng, 25, 6, (8.0, 16.0))
    total = float(options.t_per_day.sum())
    opened = np.array([1, 3, 4]) if total <= 40.0 else np.array([1, 3, 5])
    split = cheapest_split(options.cost_cny_per_year[:, opened] / options.t_per_day[:, None], options.t_per_day,
                           np.zeros(3), options.most_t_per_day[opened])
    assert split is not None
    found = promising(options, opened, split.price, WHOLE)
    assert len(found) > 20
    for exchange in found:
        chosen = [*(set(opened.tolist()) - set(exchange.closed)), *exchange.opened]
        assert len(set(options.site[chosen].tolist())) == len(chosen)
        assert options.most_t_per_day[chosen].sum() >= total
        assert exchange.estimate_cny_per_year <= true_cost(options, chosen) + 1e-6
    estimates = [exchange.estimate_cny_per_year for exchange in found]
    assert estimates == sorted(estimates)


@pytest.mark.parametrize("seed", range(8))
def test_exact_where_room_does_not_bind(seed: int) -> None:
    """And the best of all exchanges of one for one is among them, first (brute force)."""
    rng = np.random.default_rng(seed)
    options = options_of(rng, 20, 7, (1000.0,))
    opened = np.array([0, 2, 5])
    found = promising(options, opened, np.zeros(3), WHOLE)
    by_choice = {frozenset(set(opened.tolist()) - set(e.closed) | set(e.opened)): e.estimate_cny_per_year
                 for e in found}
    for chosen, estimate in by_choice.items():
        assert estimate == pytest.approx(true_cost(options, sorted(chosen)))
    best = min(true_cost(options, [*(set(opened.tolist()) - {a}), b])
               for a, b in itertools.product(opened.tolist(), {1, 3, 4, 6}))
    assert found[0].estimate_cny_per_year <= best + 1e-9


def test_two_small_sites_become_one_large() -> None:
    """Two sites of 5 t for 6 each, full; one of 10 t at a third site costs 7 and lies as near."""
    options = Options(np.array([0, 1, 2]), np.array([0, 0, 1]), np.array([[1.0, 2.0, 1.0], [2.0, 1.0, 1.0]]),
                      np.array([5.0, 5.0]), np.array([6.0, 6.0, 7.0]), np.array([5.0, 5.0, 10.0]), np.zeros(3))
    found = promising(options, np.array([0, 1]), np.zeros(2), WHOLE)
    assert (found[0].closed, found[0].opened) == ((0, 1), (2,))
    assert found[0].estimate_cny_per_year == pytest.approx(9.0)


def test_giving_up_a_little_has_its_price() -> None:
    """Loads of 10 t in room for 9.8: 2 % are given up at 50 per t/day; the rest stands for all (path cost 10)."""
    options = Options(np.array([0, 1]), np.array([0, 0]), np.array([[10.0, 10.0]]), np.array([10.0]),
                      np.array([5.0, 1.0]), np.array([10.0, 9.8]), np.zeros(2))
    found = promising(options, np.array([0]), np.zeros(1), Trim(50.0, 1.0, 0.97))
    smaller = next(e for e in found if e.closed == (0,) and e.opened == (1,))
    assert smaller.estimate_cny_per_year == pytest.approx(1.0 + 10.0 + 50.0 * 0.02 * 10.0)
