"""Weeks of tours taken over by areas whose points and loads changed: lawful, whole, and the same where nothing did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.network import Vehicle
from optimizer.routing import RoutingSettings, route_collection
from optimizer.tours_check import check_tours
from optimizer.transport import CollectionArea
from optimizer.warm_tours import _shifts, carried_week

VAN = Vehicle.model_validate({
    "id": "van", "title": {"zh": "车", "en": "Van"}, "payload_t": 2, "volume_m3": 20, "fill_share": 0.9,
    "cost_cny_per_km": 2, "fixed_cny_per_day": 300, "crew_cny_per_day": 465, "co2_kg_per_km": 0.5, "shift_s": 28800,
    "break_s": 1260, "stop_s": 360, "load_s_per_t": 900, "unload_s": 720, "speed_km_per_h": {"default": 18}})


def area(xy: np.ndarray, t_per_day: np.ndarray) -> CollectionArea:
    """Points around a base at (0, 0), metres, straight lines at 5 m/s; 5 m3 per tonne; storage for three days."""
    every = np.concatenate([[[0.0, 0.0]], xy])
    metres = np.hypot(*(every[:, None] - every[None]).transpose(2, 0, 1))
    return CollectionArea("B", VAN, tuple(f"p{n}" for n in range(len(xy))), t_per_day, 5.0 * t_per_day,
                          np.maximum(15.0 * t_per_day, 0.1), None, metres, metres / 5.0)


def week(of: CollectionArea) -> tuple:
    found = route_collection([of], RoutingSettings(iterations=20, rounds=0))
    assert check_tours(found.tours, [of], (), found.warnings) == []
    return found.tours


place = st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000), st.floats(0.01, 0.9))
points = st.lists(place, min_size=3, max_size=9)


@given(places=points, scale=st.floats(0.8, 1.25), gone=st.integers(0, 2))
@settings(max_examples=12, deadline=None)
def test_a_carried_week_is_accepted_by_the_referee(places: list[tuple[float, float, float]], scale: float,
                                                   gone: int) -> None:
    """Loads scaled, points gone: every visit is due, every vehicle within its limits, every metre replayed."""
    xy, tonnes = np.array([p[:2] for p in places]), np.array([p[2] for p in places])
    old = week(area(xy, tonnes))
    now = area(xy, tonnes * scale)
    stays = np.arange(gone if gone < len(xy) - 1 else 0, len(xy))
    cut = np.concatenate([[0], stays + 1])
    now = replace(now, point_ids=tuple(now.point_ids[n] for n in stays), load_t_per_day=now.load_t_per_day[stays],
                  load_m3_per_day=now.load_m3_per_day[stays], storage_m3=now.storage_m3[stays],
                  distance_m=now.distance_m[np.ix_(cut, cut)], duration_s=now.duration_s[np.ix_(cut, cut)])
    found = carried_week(now, old)
    if found is not None:
        assert check_tours(found.tours, [now], (), found.warnings) == []
        assert set(found.visits_per_week) == set(now.point_ids)


def test_nothing_changed_nothing_changes() -> None:
    random = np.random.default_rng(3)
    same = area(random.uniform(-2000, 2000, (8, 2)), random.uniform(0.1, 0.6, 8))
    old = week(same)
    found = carried_week(same, old)
    assert found is not None
    assert found.visits_of_worse_days == {}
    before, after = (sum(t.distance_m for tour in tours for t in tour.trips) for tours in (old, found.tours))
    assert after == pytest.approx(before)
    assert len(found.tours) == len(old)


def test_days_that_need_no_more_vehicles_keep_them() -> None:
    """Trips stay with the vehicles that drove them."""
    random = np.random.default_rng(11)
    same = area(random.uniform(-2000, 2000, (24, 2)), random.uniform(0.1, 0.9, 24))
    old = week(same)
    found = carried_week(same, old)
    assert found is not None
    by_vehicle = [{tour.id: sorted(t.stops for t in tour.trips) for tour in tours} for tours in (old, found.tours)]
    assert max(len(trips) for trips in by_vehicle[0].values()) > 1
    assert sorted(by_vehicle[1].values()) == sorted(by_vehicle[0].values())


def test_trips_are_packed_into_as_few_shifts_as_before_or_fewer() -> None:
    """By hand, shifts of 10: vehicles keep their trips, but two shifts beat three, and 5 moves where it has room."""
    assert _shifts([6.0, 4.0, 7.0, 3.0], [0, 0, 1, 1], 10.0, 2) == [[0, 1], [2, 3]]
    assert _shifts([6.0, 5.0, 3.0, 2.0, 2.0], [0, 0, 1, 1, 2], 10.0, 3) == [[0, 2], [1, 3, 4]]
    assert _shifts([6.0, 5.0, 4.0], [0, 0, 1], 10.0, 2) == [[0], [1, 2]]
    assert _shifts([6.0, 6.0], [0, 0], 10.0, 1) == [[0], [1]]
    assert _shifts([], [], 10.0, 2) == []


def test_one_more_point_joins_the_trips_of_its_neighbours() -> None:
    random = np.random.default_rng(5)
    xy, tonnes = random.uniform(-2000, 2000, (10, 2)), np.full(10, 0.05)
    xy[9] = xy[8] + 1.0
    everybody = area(xy, tonnes)
    without = area(xy[:9], tonnes[:9])
    found = carried_week(everybody, week(without))
    assert found is not None
    assert check_tours(found.tours, [everybody], (), found.warnings) == []
    beside = [trip for tour in found.tours for trip in tour.trips if "p9" in trip.stops]
    assert beside
    assert all("p8" in trip.stops for trip in beside)


def test_many_new_points_are_left_to_the_search() -> None:
    random = np.random.default_rng(7)
    xy, tonnes = random.uniform(-2000, 2000, (10, 2)), np.full(10, 0.2)
    assert carried_week(area(xy, tonnes), week(area(xy[:5], tonnes[:5]))) is None
