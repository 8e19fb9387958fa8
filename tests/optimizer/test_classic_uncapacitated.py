"""p-median, p-center and covering: against every set of sites, by hand, out of time; bounds checked again."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from optimizer.classic.arcs import Choice, arcs_of, nearest_open
from optimizer.classic.branching import Kernel, replay, search
from optimizer.classic.common import NOT_SERVED, ClassicInputError, ClassicResult
from optimizer.classic.cover_sets import contained, greedy_cover
from optimizer.classic.covering import lscp, mclp, needs_more
from optimizer.classic.lagrangian import rounded_up
from optimizer.classic.p_center import p_center
from optimizer.classic.p_median import p_median
from optimizer.classic.recheck import (
    covered,
    mclp_bound,
    p_center_cost,
    p_median_bound,
    p_median_cost,
    p_median_proven,
)

LINE = np.abs(np.arange(5)[:, None] - np.arange(5)[None, :]).astype(float)
"""Five places on a line, one apart."""


@st.composite
def siting(draw: st.DrawFn) -> dict[str, object]:
    """A small instance: whole or broken distances, some pairs out of reach, sites required and forbidden."""
    clients, sites = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    distance = random.integers(0, 12, (clients, sites)).astype(float)
    if draw(st.booleans()):
        distance += random.random((clients, sites))
    distance[random.random((clients, sites)) < draw(st.sampled_from([0.0, 0.3, 0.6]))] = np.inf
    weight = random.integers(0, 5, clients).astype(float) if draw(st.booleans()) else np.ones(clients)
    return {"distance": distance, "weight": weight, "p": draw(st.integers(1, sites)),
            "required": np.flatnonzero(random.random(sites) < draw(st.sampled_from([0.0, 0.2]))),
            "forbidden": np.flatnonzero(random.random(sites) < draw(st.sampled_from([0.0, 0.2]))),
            "radius": float(random.integers(0, 12))}


def lawful_sets(ask: dict, sizes: Iterator[int] | range | list[int]) -> Iterator[list[int]]:
    allowed = [j for j in range(ask["distance"].shape[1]) if j not in ask["forbidden"]]
    for size in sizes:
        for chosen in itertools.combinations(allowed, size):
            if set(ask["required"]) <= set(chosen):
                yield list(chosen)


def best_of(ask: dict, sizes: range | list[int], value: Callable[[np.ndarray], float],
            pick: Callable[..., float] = min) -> float:
    """The best value of all lawful sets, from each client's nearest distance; nan when no set has one."""
    with np.errstate(invalid="ignore"):
        found = [value(ask["distance"][:, chosen].min(axis=1)) for chosen in lawful_sets(ask, sizes) if chosen]
    found = [v for v in found if np.isfinite(v)]
    return pick(found) if found else float("nan")


def weighed(ask: dict, nearest: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(nearest), np.inf, ask["weight"] * nearest)


def agrees(result: ClassicResult, truth: float) -> None:
    """Proven optimal at the true value, or no plan with a reason where there is none."""
    if np.isnan(truth):
        assert result.status == "no_plan"
        assert result.reason
        return
    assert result.status == "optimal", result.reason
    assert result.objective == pytest.approx(truth, rel=1e-9, abs=1e-9)
    assert result.gap == 0.0


@settings(max_examples=120, deadline=None)
@given(siting())
def test_p_median_is_the_best_of_all_sets(ask: dict) -> None:
    limits = {"p": ask["p"], "required": ask["required"], "forbidden": ask["forbidden"]}
    result = p_median(ask["distance"], ask["weight"], **limits)
    agrees(result, best_of(ask, [ask["p"]], lambda near: float(weighed(ask, near).sum())))
    if result.status == "optimal":
        assert len(result.open_sites) == ask["p"]
        assert set(ask["required"]) <= set(result.open_sites)
        total, site = p_median_cost(ask["distance"], ask["weight"], result.open_sites)
        assert total == pytest.approx(result.objective)
        assert result.site_of_client is not None
        assert set(result.site_of_client) <= set(result.open_sites)
        assert (site != NOT_SERVED).all()
        assert p_median_bound(ask["distance"], ask["weight"], result.multipliers, **limits) <= total + 1e-9
        proven = p_median_proven(ask["distance"], ask["weight"], result, **limits)
        assert proven or result.bound_source == "branch and bound"


@settings(max_examples=80, deadline=None)
@given(siting(), st.integers(0, 10**6))
def test_no_multipliers_whatever_give_a_bound_above_the_optimum(ask: dict, seed: int) -> None:
    random = np.random.default_rng(seed)
    best = best_of(ask, [ask["p"]], lambda near: float(weighed(ask, near).sum()))
    limits = {"p": ask["p"], "required": ask["required"], "forbidden": ask["forbidden"]}
    if np.isfinite(best):
        prices = random.normal(3.0, 8.0, len(ask["weight"]))
        assert p_median_bound(ask["distance"], ask["weight"], prices, **limits) <= best + 1e-9
        most = best_of(ask, [ask["p"]], lambda near: float(ask["weight"][near <= ask["radius"]].sum()), max)
        bound = mclp_bound(ask["distance"], ask["weight"], prices, radius=ask["radius"], **limits)
        assert bound >= most - 1e-9


@settings(max_examples=120, deadline=None)
@given(siting())
def test_p_center_is_the_best_of_all_sets(ask: dict) -> None:
    result = p_center(ask["distance"], ask["weight"], p=ask["p"], required=ask["required"], forbidden=ask["forbidden"])
    agrees(result, best_of(ask, [ask["p"]], lambda near: float(weighed(ask, near).max())))
    if result.status == "optimal":
        assert len(result.open_sites) == ask["p"]
        assert p_center_cost(ask["distance"], ask["weight"], result.open_sites) == pytest.approx(result.objective)


@settings(max_examples=120, deadline=None)
@given(siting())
def test_lscp_is_the_smallest_of_all_covers(ask: dict) -> None:
    sites = ask["distance"].shape[1]
    sizes = [size for size in range(1, sites + 1)
             if any((ask["distance"][:, chosen].min(axis=1) <= ask["radius"]).all()
                    for chosen in lawful_sets(ask, [size]))]
    conflict = set(ask["required"]) & set(ask["forbidden"])
    result = lscp(ask["distance"], radius=ask["radius"], required=ask["required"], forbidden=ask["forbidden"])
    agrees(result, float("nan") if conflict or not sizes else float(min(sizes)))
    if result.status == "optimal":
        assert covered(ask["distance"], result.open_sites, ask["radius"]).all()


@settings(max_examples=120, deadline=None)
@given(siting())
def test_mclp_covers_the_most_of_all_sets(ask: dict) -> None:
    limits = {"p": ask["p"], "required": ask["required"], "forbidden": ask["forbidden"]}
    result = mclp(ask["distance"], ask["weight"], radius=ask["radius"], **limits)
    truth = best_of(ask, [ask["p"]], lambda near: float(ask["weight"][near <= ask["radius"]].sum()), max)
    agrees(result, truth)
    if result.status == "optimal":
        served = covered(ask["distance"], result.open_sites, ask["radius"])
        assert ask["weight"][served].sum() == pytest.approx(result.objective)
        assert result.site_of_client is not None
        assert ((result.site_of_client != NOT_SERVED) == served).all()
        bound = mclp_bound(ask["distance"], ask["weight"], result.multipliers, radius=ask["radius"], **limits)
        assert bound == pytest.approx(result.checkable_bound)


def test_five_places_on_a_line_by_hand() -> None:
    """One site belongs in the middle (2+1+0+1+2 = 6); two sites leave three places one away."""
    one, two = p_median(LINE, p=1), p_median(LINE, p=2)
    assert (one.objective, one.open_sites.tolist()) == (6.0, [2])
    assert two.objective == 3.0
    assert p_median(LINE, np.array([9.0, 1, 1, 1, 1]), p=1).objective == 1 + 2 + 3 + 4  # at the heavy end
    assert p_center(LINE, p=1).objective == 2.0
    assert p_center(LINE, p=2).objective == 1.0
    assert lscp(LINE, radius=1.0).objective == 2.0
    assert lscp(LINE, radius=1.0, required=[2]).objective == 3.0  # both ends are two away from the middle
    assert mclp(LINE, p=1, radius=1.0).objective == 3.0
    assert mclp(LINE, np.array([7.0, 0, 0, 2, 4]), p=1, radius=1.0, forbidden=[0, 1]).objective == 6.0


def test_a_sparse_matrix_means_the_same_as_a_dense_one_with_infinities() -> None:
    """A stored zero is a distance of zero, what is not stored cannot be reached, of two entries the smaller counts."""
    row, column = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1])
    sparse = coo_array((np.array([5.0, 0.0, 4.0, 1.0, 2.0]), (row, column)), shape=(3, 2))
    dense = np.array([[0.0, np.inf], [4.0, 1.0], [np.inf, 2.0]])
    assert p_median(sparse, p=2).objective == p_median(dense, p=2).objective == 3.0
    alone = p_median(sparse, p=1)
    assert (alone.status, alone.reason) == ("no_plan", "no p sites reach every client")


@pytest.mark.parametrize(("call", "clients", "words"), [
    (lambda: p_median(LINE, p=6), (), "p is 6 but only 5 of 5 candidates"),
    (lambda: p_median(LINE, p=5, forbidden=[1]), (), "only 4 of 5"),
    (lambda: p_median(LINE, p=1, required=[1, 2]), (), "2 sites are required"),
    (lambda: p_center(LINE, p=2, required=[1], forbidden=[1]), (), "both required and forbidden"),
    (lambda: p_median(np.array([[1.0, 2.0], [np.inf, np.inf]]), p=1), (1,), "1 clients can reach no site"),
    (lambda: p_center(np.array([[np.inf], [1.0]]), p=1), (0,), "can reach no site, the first is 0"),
    (lambda: lscp(np.array([[1.0], [9.0], [9.0]]), radius=2.0), (1, 2), "2 clients have no site within 2"),
    (lambda: lscp(LINE, radius=0.0, forbidden=[3]), (3,), "the first is 3"),
    (lambda: mclp(LINE, p=9, radius=1.0), (), "p is 9"),
])
def test_what_cannot_be_done_is_explained_with_the_clients(call: Callable[[], ClassicResult], clients: tuple[int, ...],
                                                           words: str) -> None:
    result = call()
    assert result.status == "no_plan"
    assert words in result.reason
    assert result.clients == clients
    assert np.isnan(result.objective)
    assert "\n" not in result.reason


@pytest.mark.parametrize("call", [
    lambda: p_median(np.ones(3), p=1), lambda: p_median(LINE - 1, p=1), lambda: p_median(LINE, np.ones(4), p=1),
    lambda: p_median(LINE, -np.ones(5), p=1), lambda: p_median(LINE, p=0), lambda: p_median(LINE * np.nan, p=1),
    lambda: p_center(LINE, p=1, required=[7]), lambda: lscp(LINE, radius=-1.0), lambda: mclp(LINE, p=0, radius=1.0),
    lambda: lscp(LINE, radius=float("nan")),
])
def test_malformed_input_is_refused_in_one_line(call: Callable[[], ClassicResult]) -> None:
    with pytest.raises(ClassicInputError) as caught:
        call()
    assert "\n" not in str(caught.value)


def plane(count: int, seed: int) -> np.ndarray:
    """Distances between random points."""
    xy = np.random.default_rng(seed).random((count, 2)) * 1000
    return np.hypot(*(xy[:, None, :] - xy[None, :, :]).transpose(2, 0, 1))


def rough(count: int, seed: int) -> np.ndarray:
    """Whole random distances that obey no triangle: prices alone prove nothing here, the search must branch."""
    return np.random.default_rng(seed).integers(1, 100, (count, count)).astype(float)


@pytest.mark.parametrize("call", [
    lambda: p_median(plane(250, 1), p=6, time_limit_s=1e-3),
    lambda: p_center(plane(250, 1), p=6, time_limit_s=1e-3),
    lambda: lscp(plane(250, 1), radius=120.0, time_limit_s=1e-3),
    lambda: mclp(plane(250, 1), np.arange(250.0), p=6, radius=120.0, time_limit_s=1e-3),
], ids=["p-median", "p-center", "lscp", "mclp"])
def test_an_answer_cut_short_still_has_plan_bound_and_gap(call: Callable[[], ClassicResult]) -> None:
    result = call()
    assert result.status in ("stopped", "optimal")
    assert len(result.open_sites) > 0
    assert np.isfinite([result.objective, result.bound, result.gap]).all()
    assert result.gap >= 0.0
    better, worse = (result.bound, result.objective) if not result.maximise else (result.objective, result.bound)
    assert better <= worse


def test_the_record_of_a_branch_and_bound_convinces_and_a_false_claim_does_not() -> None:
    """Cut, forged or overstated records are refused."""
    distance = rough(30, 5)
    kernel = Kernel(distance.T, 4, np.zeros(30, dtype=bool), np.full(30, np.inf), 1.0)
    start = float(distance[:, :4].min(axis=1).sum())
    found = search(kernel, distance.mean(axis=1) / 3, start, 100_000, np.inf)
    assert found.complete
    assert found.best == p_median(distance, p=4).objective
    record = found.record
    assert len(record.branch) > 1
    assert replay(kernel, record, found.best)
    assert not replay(kernel, record, found.best + 5)
    cut = replace(record, prices=record.prices[:-1], branch=record.branch[:-1], target=record.target[:-1])
    assert not replay(kernel, cut, found.best)
    assert not replay(kernel, replace(record, prices=record.prices * np.float32(0.5)), found.best)
    assert not replay(kernel, replace(record, target=record.target - 50), found.best)


def test_a_search_stopped_early_claims_no_more_than_it_knows() -> None:
    distance = rough(30, 5)
    kernel = Kernel(distance.T, 4, np.zeros(30, dtype=bool), np.full(30, np.inf), 1.0)
    best = p_median(distance, p=4).objective
    found = search(kernel, distance.mean(axis=1) / 3, best + 500, 2, np.inf)
    assert not found.complete
    assert found.bound <= best <= found.best


def test_a_bound_is_raised_to_whole_numbers_only_with_a_margin() -> None:
    assert rounded_up(7.2, 1.0) == 8.0
    assert rounded_up(7.0000001, 1.0) == 7.0000001
    assert rounded_up(7.2, 0.0) == 7.2
    assert rounded_up(-np.inf, 1.0) == -np.inf


@settings(max_examples=60, deadline=None)
@given(siting())
def test_nearest_open_sites_are_those_of_the_matrix(ask: dict) -> None:
    sites = ask["distance"].shape[1]
    choice = Choice.of(sites, [], [])
    arcs = arcs_of(ask["distance"], None, choice.forbidden)
    is_open = np.zeros(sites, dtype=bool)
    is_open[::2] = True
    served = nearest_open(arcs, is_open)
    ranked = np.sort(np.column_stack([ask["distance"][:, is_open], np.full((len(served.first_cost), 2), np.inf)]))
    assert np.array_equal(served.first_cost, ranked[:, 0])
    assert np.array_equal(served.second_cost, ranked[:, 1])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8))
def test_dominance_keeps_one_of_equals_and_drops_what_lies_within_another(seed: int, rows: int, columns: int) -> None:
    table = np.random.default_rng(seed).random((rows, columns)) < 0.4
    sets = [frozenset(np.flatnonzero(row)) for row in table]
    dropped = contained(csr_array(table.astype(np.float32)))
    kept = [s for s, out in zip(sets, dropped, strict=True) if not out]
    assert len(set(kept)) == len(kept)
    assert all(any(s <= k for k in kept) for s in sets)
    assert not any(a < b for a in kept for b in kept)
    cover = greedy_cover(csr_array(table.astype(np.float32)))
    assert table[table.any(axis=1)][:, cover].any(axis=1).all()


@settings(max_examples=60, deadline=None)
@given(siting())
def test_a_relaxation_never_rules_out_a_cover_that_exists(ask: dict) -> None:
    near = ask["distance"] <= ask["radius"]
    ask["forbidden"] = np.zeros(0, dtype=np.int64)
    required = np.isin(np.arange(near.shape[1]), ask["required"])
    exists = any(near[:, chosen].any(axis=1).all() for chosen in lawful_sets(ask, [ask["p"]]))
    if near.any(axis=1).all() and required.sum() <= ask["p"]:
        assert not (exists and needs_more(csr_array(near.astype(np.float32)), required, ask["p"], np.inf))


def test_checking_needs_no_solver() -> None:
    code = "import sys, optimizer.classic.recheck; sys.exit('ortools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
