"""Downstream prices against loops over every path a tonne could take."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from optimizer import prices
from optimizer.accounts import all_coefficients
from optimizer.prices import NO_WAY, SitePrices, arc_prices, no_prices, onward_prices, unserved_cny_per_year
from optimizer.problem import Problem
from tests.optimizer.brute_force import Prices
from tests.optimizer.small_problems import Shape, chain_problem, small_problem

DAYS = 365.0
HOPELESS = NO_WAY / 1e3
"""No real price comes near it."""
SHAPES = (Shape(), Shape(sites=(4, 3)), Shape(sites=(3, 3, 2, 3)), Shape(residue_at=(1,)),
          Shape(sites=(3, 2, 3), specialised=True, sizes=4, materials=3),
          Shape(sites=(3, 2, 3, 2), unreachable_share=0.3, residue_at=(2,)))


def random_prices(problem: Problem, rng: np.random.Generator) -> SitePrices:
    last = len(problem.sites) - 1
    between = [0 < level < last for level in range(last + 1)]
    return SitePrices(
        tuple(rng.uniform(0, 1e5, len(s)) if yes else None for s, yes in zip(problem.sites, between, strict=True)),
        tuple(rng.uniform(0, 1e4, len(s)) if yes else None for s, yes in zip(problem.sites, between, strict=True)),
        rng.uniform(0, 1e5, len(problem.network.materials)))


def takes(problem: Problem, level: int, site: int, m: int) -> bool:
    sizes = np.flatnonzero(problem.sites[level].allowed[site])
    return any(Prices(problem).accepts(level, int(k), m) for k in sizes)


def path_price(problem: Problem, extra: SitePrices, path: tuple[int, ...], m: int) -> float:
    """CNY a year of one t/day entering path[0] of tier 1 and going on along the path, less residue on the way."""
    known, total, left = Prices(problem), 0.0, 1.0
    for step, site in enumerate(path):
        level = step + 1
        if not takes(problem, level, site, m):
            return np.inf
        if step:
            leg = problem.legs[level - 1]
            if not np.isfinite(leg.loaded_m[path[step - 1], site]):
                return np.inf
            left *= known.passed(level - 1, m)
            total += left * DAYS * known.haul(level - 1, path[step - 1], site, m)
        total += left * DAYS * known.entering(level, m)
        per_t, per_m3 = extra.per_t[level], extra.per_m3[level]
        total += left * (0.0 if per_t is None else float(per_t[site]))
        total += left * (0.0 if per_m3 is None else float(per_m3[site])) * known.m3(level, m)
    return total + left * float(extra.end_per_t[m])


def onward_by_loops(problem: Problem, extra: SitePrices) -> np.ndarray:
    tiers = [range(len(s)) for s in problem.sites[1:]]
    materials = range(len(problem.network.materials))
    return np.array([[min(path_price(problem, extra, (t, *rest), m) for rest in itertools.product(*tiers[1:]))
                      for m in materials] for t in tiers[0]])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_least_price_onward(shape: Shape, seed: int) -> None:
    problem = small_problem(seed, shape)
    for extra in (no_prices(problem), random_prices(problem, np.random.default_rng(seed))):
        found = onward_prices(problem, all_coefficients(problem), extra)[1]
        expected = onward_by_loops(problem, extra)
        possible = np.isfinite(expected)
        assert found[possible] == pytest.approx(expected[possible], rel=1e-9)
        assert (found[~possible] > HOPELESS).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("linked", [False, True])
def test_least_price_of_an_arc(shape: Shape, linked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One station for all materials of a part, the rest of the way the best for each; in blocks of any size."""
    problem = small_problem(2, shape)
    rng = np.random.default_rng(5)
    known, walk, extra = Prices(problem), problem.walk, random_prices(problem, rng)
    link = rng.uniform(0, 1e5, (len(problem.demand.part_ids), len(problem.sites[1]))) if linked else None
    onward = onward_by_loops(problem, extra)
    materials = range(len(problem.network.materials))
    expected, station = [], []
    for part, site, share in zip(walk.part, walk.site, walk.captured_share, strict=True):
        q = problem.demand.generated_t_per_day[part] * share
        by_station = []
        for t in range(len(problem.sites[1])):
            total = 0.0 if link is None else float(link[part, t])
            for m in materials:
                total += q[m] * (DAYS * known.entering(0, m) + onward[t, m])
                reachable = np.isfinite(problem.legs[0].loaded_m[site, t])
                total += q[m] * DAYS * known.haul(0, site, t, m) if reachable else np.inf
            by_station.append(total - known.unserved(part))
        expected.append(min(by_station))
        station.append(int(np.argmin(by_station)))
    for block in (4096, 3):
        monkeypatch.setattr(prices, "BLOCK", block)
        found = arc_prices(problem, all_coefficients(problem), onward, link)
        possible = np.isfinite(expected)
        assert possible.any()
        assert found.value[possible] == pytest.approx(np.array(expected)[possible], rel=1e-9)
        assert (found.value[~possible] > 1e9).all()
        assert found.via[possible].tolist() == np.array(station)[possible].tolist()


def test_only_usable_sites_count() -> None:
    """With given open sites the least is taken over them alone."""
    problem = small_problem(4, Shape(sites=(3, 2, 3)))
    for only in range(3):
        usable = [np.array(s.allowed) for s in problem.sites]
        usable[2][np.arange(3) != only] = False
        found = onward_prices(problem, all_coefficients(problem), no_prices(problem), tuple(usable))[1]
        expected = [[path_price(problem, no_prices(problem), (t, only), m) for m in range(2)] for t in range(2)]
        assert found == pytest.approx(np.array(expected), rel=1e-9)


def test_a_material_nobody_takes_has_no_price() -> None:
    problem = small_problem(0, Shape(sites=(3, 2, 2), specialised=True, sizes=4, materials=3))
    sites = [np.array(s.allowed) for s in problem.sites]
    sites[2][:] = [False, True, False, False]  # size 1 takes the first material only
    found = onward_prices(problem, all_coefficients(problem), no_prices(problem), tuple(sites))[1]
    assert np.isfinite(found).all()
    assert (found < HOPELESS).tolist() == [[True, False, False]] * 2


def test_no_way_is_dearer_than_anything_and_meets_a_zero_without_harm() -> None:
    """Where nothing can be driven the price is finite and hopeless, and a part that brings nothing pays nothing."""
    problem = small_problem(3, Shape(sites=(3, 2, 2), unreachable_share=1.0))
    coefficients = all_coefficients(problem)
    onward = onward_prices(problem, coefficients, no_prices(problem))[1]
    assert np.isfinite(onward).all()
    assert (onward > HOPELESS).all()
    found = arc_prices(problem, coefficients, onward)
    assert np.isfinite(found.value).all()
    assert (found.value > HOPELESS / 100).all()  # an arc brings 10 kg a day and more
    nothing = arc_prices(problem, coefficients, onward, captured=np.zeros_like(problem.captured_t_per_day))
    saved = unserved_cny_per_year(problem, coefficients)[problem.walk.part]
    assert nothing.value == pytest.approx(-saved)


def test_unserved_by_hand() -> None:
    problem = chain_problem()
    # (1 + 0.5) t/day x 0.8 taking part x 300 CNY/t x 365 days
    assert unserved_cny_per_year(problem, all_coefficients(problem)) == pytest.approx([1.5 * 0.8 * 300 * 365])
