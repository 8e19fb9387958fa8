"""Mixes of the last tier's sizes: none is missing, none is priced too high, none is worth more than we say."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from optimizer import configurations
from optimizer.accounts import all_coefficients
from optimizer.configurations import TierSites, last_tier, mix_cost_cny_per_year, mixes, most_worth
from optimizer.problem import SiteStatus
from tests.optimizer.brute_force import Prices
from tests.optimizer.small_problems import Shape, small_problem

KEEP, MAY_CLOSE = SiteStatus.KEEP, SiteStatus.MAY_CLOSE


def n_times(cost: list[float], most: list[int]) -> np.ndarray:
    """Cost of n sites of each size that all cost the same, [N + 1, K]."""
    count = np.arange(max(most) + 1)[:, None]
    each = np.where(np.isfinite(cost), cost, 0.0)
    return np.where(count <= np.array(most), count * each, np.inf)


def tier(cost: list[float], most: list[int], capacity: list[float], accepts: list[list[bool]],
         kept: list[list[bool]] | None = None, base: float = 0.0) -> TierSites:
    staying = np.array(kept or [], dtype=bool).reshape(-1, len(cost))
    return TierSites(n_times(cost, most), np.array(most), np.array(capacity), np.array(accepts), staying, base)


@settings(max_examples=60, deadline=None)
@given(cost=st.lists(st.integers(0, 9), min_size=1, max_size=3), limit=st.integers(-3, 30), data=st.data())
def test_mixes_are_complete(cost: list[int], limit: int, data: st.DataObject) -> None:
    """Every mix below the limit is listed, once; the empty mix always is."""
    most = [data.draw(st.integers(0, 4)) for _ in cost]
    rows = mixes(tier([float(c) for c in cost], most, [1.0] * len(cost), [[True]] * len(cost)), float(limit))
    assert rows is not None
    every = itertools.product(*(range(m + 1) for m in most))
    expected = {mix for mix in every if sum(c * n for c, n in zip(cost, mix, strict=True)) < limit}
    assert {tuple(row) for row in rows.tolist()} == expected | {(0,) * len(cost)}
    assert len(rows) == len({tuple(row) for row in rows.tolist()})


def test_sizes_without_a_site_are_left_out() -> None:
    rows = mixes(tier([5.0, np.inf, 2.0], [1, 0, 1], [1.0] * 3, [[True]] * 3), 100.0)
    assert rows is not None
    assert sorted(rows.tolist()) == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]


def test_too_many_mixes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configurations, "MOST", 20)
    many = tier([1.0, 1.0], [9, 9], [1.0, 1.0], [[True], [True]])
    assert mixes(many, 1e9) is None
    few = mixes(many, 3.5)
    assert few is not None
    assert len(few) == 10  # 1 + 2 + 3 + 4 mixes of up to three sites


STATUSES = st.lists(st.sampled_from([SiteStatus.NEW, KEEP, MAY_CLOSE]), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(statuses=STATUSES, seed=st.integers(0, 500))
def test_no_choice_of_sites_is_cheaper_than_its_mix(statuses: list[SiteStatus], seed: int) -> None:
    """Every way to open the last tier's sites is a listed mix of extra sites, with no higher cost.

    Sites that must stay are in every mix at their cheapest size, so they are not counted among the extra ones.
    """
    existing = tuple((2, j, status) for j, status in enumerate(statuses) if status != SiteStatus.NEW)
    problem = small_problem(seed, Shape(sites=(2, 2, 3), existing=existing))
    known, found = Prices(problem), last_tier(problem, all_coefficients(problem))
    options = [[*np.flatnonzero(problem.sites[2].allowed[j]).tolist(), *([] if statuses[j] == KEEP else [None])]
               for j in range(3)]
    rows = mixes(found, np.inf)
    assert rows is not None
    listed = {tuple(row): cost for row, cost in zip(rows.tolist(), mix_cost_cny_per_year(found, rows), strict=True)}
    for sizes in itertools.product(*options):
        cost = sum(known.closed(2, j) if k is None else known.open(2, j, k) for j, k in enumerate(sizes))
        extra = [k for k, status in zip(sizes, statuses, strict=True) if k is not None and status != KEEP]
        count = np.bincount(np.array(extra, dtype=np.int64), minlength=2)
        assert listed[tuple(count.tolist())] <= cost + 1e-6


def exact_worth(found: TierSites, row: np.ndarray, price: np.ndarray, supply: np.ndarray) -> float:
    """The greatest sum of price x tonnes over every choice of sizes for the sites that must stay."""
    choices = itertools.product(*(np.flatnonzero(allowed).tolist() for allowed in found.kept))
    count = len(found.capacity_t_per_day)
    return max(worth_of_sizes(found, row + np.bincount(np.array(kept, dtype=np.int64), minlength=count), price, supply)
               for kept in choices)


def worth_of_sizes(found: TierSites, count: np.ndarray, price: np.ndarray, supply: np.ndarray) -> float:
    """The greatest sum of price x tonnes: tonnes of each material split over the sizes that accept it."""
    sizes, materials = found.accepts.shape
    room = count * found.capacity_t_per_day
    upper = [supply[m] if found.accepts[k, m] else 0.0 for k in range(sizes) for m in range(materials)]
    by_size = np.kron(np.eye(sizes), np.ones(materials))
    by_material = np.kron(np.ones(sizes), np.eye(materials))
    answer = linprog(-np.tile(price, sizes), A_ub=np.vstack([by_size, by_material]),
                     b_ub=np.concatenate([room, supply]), bounds=list(zip(np.zeros(len(upper)), upper, strict=True)))
    assert answer.status == 0
    return -float(answer.fun)


def kept_sites(rng: np.random.Generator, sizes: int) -> np.ndarray:
    """None to two sites that must stay, each with at least one size allowed."""
    kept = rng.random((int(rng.integers(0, 3)), sizes)) < 0.5
    kept[np.arange(len(kept)), rng.integers(0, sizes, len(kept))] = True
    return kept


@pytest.mark.parametrize("seed", range(20))
def test_most_worth_is_never_too_little(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes, materials = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    accepts = rng.random((sizes, materials)) < 0.6
    found = TierSites(np.zeros((3, sizes)), rng.integers(0, 3, sizes), rng.uniform(0.2, 3, sizes), accepts,
                     kept_sites(rng, sizes), 0.0)
    rows, supply = rng.integers(0, 3, (12, sizes)), rng.uniform(0.1, 4, materials)
    price = np.where(rng.random(materials) < 0.8, rng.uniform(0, 10, materials), 0.0)
    worth = most_worth(found, rows, price, supply)
    for row, ours in zip(rows, worth, strict=True):
        assert ours >= exact_worth(found, row, price, supply) - 1e-7


@pytest.mark.parametrize("seed", range(5))
def test_most_worth_is_exact_where_every_size_accepts_all(seed: int) -> None:
    rng = np.random.default_rng(50 + seed)
    found = tier([1.0, 1.0], [2, 2], [1.0, 2.5], [[True] * 3] * 2, kept=[[True, False]])
    rows, supply, price = rng.integers(0, 3, (10, 2)), rng.uniform(0.1, 3, 3), rng.uniform(0, 10, 3)
    exact = [exact_worth(found, row, price, supply) for row in rows]
    assert most_worth(found, rows, price, supply) == pytest.approx(exact)


def test_most_worth_by_hand() -> None:
    """3 t of the dear material (9 CNY) and 2 t of the cheap one (4 CNY); one comprehensive site of 4 t."""
    found = tier([1.0, 1.0], [1, 1], [4.0, 1.0], [[True, True], [True, False]])
    rows = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    # nothing; 3 x 9 + 1 x 4; 1 x 9; room for both: 3 x 9 + 2 x 4
    assert most_worth(found, rows, np.array([9.0, 4.0]), np.array([3.0, 2.0])).tolist() == [0.0, 31.0, 9.0, 35.0]


def test_kept_sites_are_in_the_base() -> None:
    problem = small_problem(7, Shape(sites=(2, 2, 2), existing=((2, 0, KEEP), (2, 1, MAY_CLOSE))))
    known, found = Prices(problem), last_tier(problem, all_coefficients(problem))
    size = int(np.flatnonzero(problem.sites[2].allowed[0])[0])
    assert found.kept.tolist() == problem.sites[2].allowed[:1].tolist()
    assert found.base_cny_per_year == pytest.approx(known.open(2, 0, size) + known.closed(2, 1))
    other = int(np.flatnonzero(problem.sites[2].allowed[1])[0])
    assert found.most.sum() == 1
    assert found.cost_cny_per_year[1, other] == pytest.approx(known.open(2, 1, other) - known.closed(2, 1))


def test_a_site_to_keep_counts_its_cheapest_size_and_its_largest_room() -> None:
    """One site that must stay as size 0 (1 t/day) or size 1 (3 t/day): the base pays the cheaper, the room is 3 t."""
    problem = small_problem(7, Shape(sites=(2, 2, 2), existing=((2, 0, KEEP),)))
    sites = problem.sites[2]
    allowed = sites.allowed.copy()
    allowed[0] = True
    problem = replace(problem, sites=(*problem.sites[:2], replace(sites, allowed=allowed)))
    known, found = Prices(problem), last_tier(problem, all_coefficients(problem))
    assert found.base_cny_per_year == pytest.approx(min(known.open(2, 0, k) for k in (0, 1)))
    either = tier([1.0, 1.0], [0, 0], [1.0, 3.0], [[True], [True]], kept=[[True, True]])
    nothing_extra = np.zeros((1, 2), dtype=np.int64)
    assert most_worth(either, nothing_extra, np.array([2.0]), np.array([10.0])).tolist() == [6.0]  # 3 t at 2 CNY
