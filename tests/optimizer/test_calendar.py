"""The weekly calendar: frequencies by storage, loads by gap, balanced days."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.calendar import (
    WeekCalendar,
    fitted_shifts,
    gaps_before,
    smallest_frequency,
    visit_frequencies,
    visit_pattern,
    week_calendar,
    work_by_shift,
)
from optimizer.transport import NO_LOAD, OVERFULL, CollectionArea
from optimizer.visits import expected_work_s
from tests.optimizer.synthetic_areas import area, light_truck


def small_area(load_m3: list[float], storage_m3: list[float],
               storage_days: list[float] | None = None) -> CollectionArea:
    n = len(load_m3)
    return CollectionArea("S", light_truck(), tuple(f"P{k}" for k in range(n)), np.array(load_m3) * 0.1,
                          np.array(load_m3), np.array(storage_m3),
                          None if storage_days is None else np.array(storage_days),
                          np.full((n + 1, n + 1), 1000.0), np.full((n + 1, n + 1), 180.0))


@pytest.mark.parametrize(("frequency", "gaps"), [
    (1, [7]), (2, [3, 4]), (3, [2, 2, 3]), (4, [1, 2, 2, 2]), (5, [1, 1, 1, 2, 2]),
    (6, [1, 1, 1, 1, 1, 2]), (7, [1] * 7)])
def test_patterns_are_spaced_as_evenly_as_whole_days_allow(frequency: int, gaps: list[int]) -> None:
    assert sorted(gaps_before(visit_pattern(frequency))) == gaps


def test_five_visits_do_not_put_the_two_long_gaps_together() -> None:
    gaps = gaps_before(visit_pattern(5))
    assert not any(gaps[k - 1] == gaps[k] == 2 for k in range(5))


@pytest.mark.parametrize("frequency", [0, 8])
def test_impossible_frequencies_are_refused(frequency: int) -> None:
    with pytest.raises(ValueError, match="frequency"):
        visit_pattern(frequency)


@pytest.mark.parametrize(("days", "frequency"), [
    (math.inf, 1), (7.0, 1), (6.99, 2), (4.0, 2), (3.5, 3), (3.0, 3), (2.0, 4), (1.9, 7), (1.0, 7), (0.99, None)])
def test_fewest_visits_whose_longest_gap_fits_the_storage(days: float, frequency: int | None) -> None:
    assert smallest_frequency(days) == frequency


def test_volume_and_days_both_limit_the_gap() -> None:
    # 2 m3 a day: 14 m3 last a week, 8 m3 four days; three days by rule; 1 m3 not even one day; nothing arises
    of = visit_frequencies(small_area([2, 2, 2, 2, 0], [14, 8, 14, 1, 5], [math.inf, math.inf, 3, math.inf, 7]))
    assert of.per_week == (1, 2, 3, 7, 0)
    assert [(w.code, w.subject_id) for w in of.warnings] == [(OVERFULL, "P3"), (NO_LOAD, "P4")]


def test_a_quotient_with_float_dust_does_not_cost_a_visit() -> None:
    # 0.3 / 0.1 is a hair below 3
    assert visit_frequencies(small_area([0.1], [0.1 + 0.1 + 0.1])).per_week == (3,)
    assert visit_frequencies(small_area([0.1], [0.3])).per_week == (3,)


def test_two_daily_half_weeks_share_the_days() -> None:
    # seven points of one visit each: one point a day
    calendar = week_calendar(small_area([2.0] * 7, [14.0] * 7), [1] * 7)
    assert sorted(days[0] for days in calendar.days) == [1, 2, 3, 4, 5, 6, 7]


def test_days_follow_the_shares_asked_for() -> None:
    shares = [0.5, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0]
    calendar = week_calendar(small_area([2.0] * 4, [14.0] * 4), [1] * 4, shares)
    assert sorted(days[0] for days in calendar.days) == [1, 1, 4, 4]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=9), st.integers(0, 10_000))
def test_a_week_collects_seven_days_and_respects_the_gap(per_week: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = area("S", np.zeros(2), rng.uniform(-3000, 3000, (len(per_week), 2)), rng)
    calendar = week_calendar(points, per_week)
    for point, frequency in enumerate(per_week):
        visits = [v for v in calendar.visits if v.point == point]
        assert len(visits) == frequency
        assert sum(v.gap_days for v in visits) == 7
        assert max(v.gap_days for v in visits) == math.ceil(7 / frequency)


@pytest.mark.parametrize("seed", range(12))
def test_balance_is_close_to_the_best_of_all_shifts(seed: int) -> None:
    """Against every combination for four points: within 10 % of the best sum of squares, usually equal."""
    rng = np.random.default_rng(seed)
    per_week = [int(f) for f in rng.choice([1, 2, 3, 4, 7], 4)]
    points = area("S", np.zeros(2), rng.uniform(-3000, 3000, (4, 2)), rng)
    table = work_by_shift(points, per_week)
    target = np.full(7, table[:, 0].sum() / 7)
    best = min(float(((sum(table[p, s] for p, s in enumerate(shift)) - target) ** 2).sum())
               for shift in itertools.product([0], range(7), range(7), range(7)))
    found = fitted_shifts(table, target)
    value = float(((sum(table[p, s] for p, s in enumerate(found)) - target) ** 2).sum())
    assert best - 1e-6 <= value <= 1.10 * best + 1e-6


def test_ninety_points_make_nearly_equal_days() -> None:
    rng = np.random.default_rng(5)
    points = area("S", np.zeros(2), rng.uniform(-6000, 6000, (90, 2)), rng)
    calendar = week_calendar(points, visit_frequencies(points).per_week)
    work = [sum(expected_work_s(points, v.point, v.gap_days) for v in calendar.visits if v.day == day)
            for day in range(1, 8)]
    assert max(work) <= 1.01 * min(work)


def test_a_start_is_kept_where_it_already_fits() -> None:
    start = WeekCalendar((1,) * 7, (6, 5, 4, 3, 2, 1, 0))
    assert week_calendar(small_area([2.0] * 7, [14.0] * 7), [1] * 7, None, start) == start
