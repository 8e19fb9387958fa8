"""Every coefficient of the objective against a sum done by hand, on a chain of one site per tier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.network import annuity_share
from optimizer.objectives import TERMS, Coefficients, add
from optimizer.problem import Problem, SiteStatus
from tests.optimizer.small_problems import chain_problem, small_problem


def term(name: str, problem: Problem | None = None) -> Coefficients:
    found, = (t for t in TERMS if t.name == name)
    return found.coefficients(chain_problem() if problem is None else problem)


def values(arrays: tuple[np.ndarray, ...]) -> list[list[float]]:
    return [array.ravel().tolist() for array in arrays]


def near(*levels: list[float]) -> list[object]:
    return [pytest.approx(level, rel=1e-12) for level in levels]


def with_status(status: SiteStatus, closing_cost_cny: float = 0.0) -> Problem:
    problem = chain_problem()
    sites = tuple(replace(s, status=np.array([int(status)]), closing_cost_cny=np.array([closing_cost_cny]))
                  for s in problem.sites)
    return replace(problem, sites=sites)


def test_facilities_of_new_sites() -> None:
    assert values(term("facilities").open_cny_per_year) == near(
        [40_000 + 60_000 / 10],  # fixed + build / life, CNY/year
        [500_000 + 1_500_000 / 15],
        [3_000_000 + 20_000_000 / 20],
    )
    assert values(term("facilities").closed_cny_per_year) == near([0], [0], [0])


def test_existing_sites_pay_no_build_cost() -> None:
    for status in (SiteStatus.KEEP, SiteStatus.MAY_CLOSE):
        found = term("facilities", with_status(status)).open_cny_per_year
        assert values(found) == near([40_000], [500_000], [3_000_000])


def test_closing_has_its_price_where_it_is_allowed() -> None:
    closing = term("facilities", with_status(SiteStatus.MAY_CLOSE, 30_000)).closed_cny_per_year
    assert values(closing) == near([30_000 / 10], [30_000 / 15], [30_000 / 20])  # closing cost / life, CNY/year
    assert values(term("facilities", with_status(SiteStatus.KEEP, 30_000)).closed_cny_per_year) == near([0], [0], [0])


def test_annuity() -> None:
    assert annuity_share(0.06, 20) == pytest.approx(0.0871845570, abs=1e-10)  # table of annuities, 6 %, 20 years
    assert annuity_share(0.0, 20) == 0.05
    assert annuity_share(0.1, 1) == pytest.approx(1.1)  # pay back once with one year's interest


def test_handling() -> None:
    assert values(term("handling").entering_cny_per_t) == near(
        [0, 0],
        [80, 80],  # variable cost of the station, CNY/t
        [200 + 0.1 * 221, 200 + 0.2 * 221],  # variable cost + residue share x disposal, CNY/t
    )


def test_haulage_per_trip() -> None:
    assert values(term("haulage").trip_cny) == near(
        # km x CNY/km + (driving + unloading) s x CNY/s; the stops of collection are counted per tonne
        [(9 + 6) * 1.5 + (1800 + 1200 + 720) / 36],
        # full loads also stop once to load: + 600 s
        [(20 + 22) * 4.0 + (2400 + 2640 + 1200 + 600) / 36],
    )


def test_trips_per_tonne() -> None:
    problem = chain_problem()
    # the fuller of payload and usable body: 1 / min(2 t, 10 m3 x 0.8 x t/m3)
    assert problem.trips_per_t(0) == pytest.approx([1 / 1.6, 1 / 0.4])
    # min(10 t, 30 m3 x 0.9 x t/m3): 13.5 t of heavy exceed the payload
    assert problem.trips_per_t(1) == pytest.approx([1 / 10, 1 / 2.7])


def test_haulage_per_tonne() -> None:
    loading = 900 / 36  # s/t x CNY/s
    per_stop = (360 + 250 / 5) / 36 + 0.25 * 1.5  # (stop + 250 m at 18 km/h) s x CNY/s + km x CNY/km
    assert values(term("haulage").entering_cny_per_t) == near(
        [0, 0],
        [loading + 2 * per_stop] * 2,  # two stops a tonne
        [0, 0],  # full loads: nothing per tonne
    )


def test_carbon() -> None:
    found = term("carbon")
    assert values(found.trip_cny) == near(
        [15 * 0.4 * 0.1],  # km x kg/km x CNY/kg (100 CNY a tonne)
        [42 * 1.0 * 0.1],
    )
    assert values(found.entering_cny_per_t) == near(
        [0, 0],
        [2 * 0.25 * 0.4 * 0.1] * 2,  # stops/t x km x kg/km x CNY/kg
        [0, 0],
    )


def test_revenue_and_subsidy() -> None:
    assert values(term("revenue").entering_cny_per_t) == near([0, 0], [0, 0], [-1000 * 0.9, 50 * 0.8])
    assert values(term("subsidy").entering_cny_per_t) == near([0, 0], [0, 0], [0, -221])  # low value only


def test_unserved() -> None:
    assert term("unserved").unserved_cny_per_t.tolist() == [300.0, 300.0]


def test_kinds_of_terms() -> None:
    """Gross cost, which the gap is measured against, is made of the terms of kind cost."""
    assert {t.name: t.kind for t in TERMS} == {
        "facilities": "cost", "rent": "cost", "bringing": "cost", "handling": "cost", "haulage": "cost",
        "carbon": "cost",
        "revenue": "income", "subsidy": "income", "unserved": "penalty"}


def test_each_term_only_touches_its_own_coefficients() -> None:
    """No cost is counted twice: fields that a term does not speak about are zero."""
    spoken = {"facilities": {"open_cny_per_year", "closed_cny_per_year"}, "handling": {"entering_cny_per_t"},
              "haulage": {"trip_cny", "entering_cny_per_t"}, "carbon": {"trip_cny", "entering_cny_per_t"},
              "revenue": {"entering_cny_per_t"}, "subsidy": {"entering_cny_per_t"}, "unserved": {"unserved_cny_per_t"},
              "rent": {"open_cny_per_year"}, "bringing": {"walk_cny_per_t"}}
    problem = small_problem(3)
    for one in TERMS:
        found = one.coefficients(problem)
        for name in vars(found):
            arrays = getattr(found, name)
            touched = any(np.any(a) for a in (arrays if isinstance(arrays, tuple) else (arrays,)))
            assert touched <= (name in spoken[one.name]), (one.name, name)


def test_the_sum_of_terms() -> None:
    total = add(t.coefficients(chain_problem()) for t in TERMS)
    assert values(total.trip_cny) == near([22.5 + 3720 / 36 + 0.6], [168 + 190 + 4.2])
    assert total.entering_cny_per_t[2].tolist() == pytest.approx([222.1 - 900, 244.2 + 40 - 221])
