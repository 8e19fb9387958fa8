"""The referee of tours: honest plans pass, every kind of tampering is named."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimizer import tours_check
from optimizer.line_haul import line_haul
from optimizer.plan import Tour, Trip
from optimizer.routing import RoutingSettings, route_collection
from optimizer.tours_check import check_tours, routed_cost_cny_per_year
from optimizer.transport import (
    LINK_OUT_OF_REACH,
    OVERFULL,
    POINT_OUT_OF_REACH,
    CollectionArea,
    HaulLink,
    RoutingWarning,
)
from tests.optimizer.synthetic_areas import area
from tests.optimizer.test_line_haul import link

Week = tuple[Tour, ...]


def small_area() -> CollectionArea:
    rng = np.random.default_rng(8)
    return area("S1", np.zeros(2), rng.uniform(-4000, 4000, (6, 2)), rng, (0.3, 0.9))


@pytest.fixture(scope="module")
def points() -> CollectionArea:
    return small_area()


@pytest.fixture(scope="module")
def honest(points: CollectionArea) -> Week:
    plan = route_collection([points], RoutingSettings(iterations=20, rounds=1))
    assert plan.warnings == ()
    return (*plan.tours, *line_haul([link()]).tours)


def codes(tours: Week, points: CollectionArea, warnings: tuple[RoutingWarning, ...] = (),
          links: tuple[HaulLink, ...] | None = None) -> set[str]:
    return {v.code for v in check_tours(tours, [points], (link(),) if links is None else links, warnings)}


def test_an_honest_week_passes(honest: Week, points: CollectionArea) -> None:
    assert codes(honest, points) == set()


def first(tours: Week, change: Callable[[Tour], Tour], kind: str = "collection") -> Week:
    """The week with its first tour of a kind changed."""
    at = next(i for i, t in enumerate(tours) if t.kind == kind)
    return (*tours[:at], change(tours[at]), *tours[at + 1:])


def with_trip(change: Callable[[Trip], Trip]) -> Callable[[Tour], Tour]:
    return lambda tour: replace(tour, trips=(change(tour.trips[0]), *tour.trips[1:]))


def scaled(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return (values[0] * factor, *values[1:])


COLLECTION_TAMPERINGS: list[tuple[str, Callable[[Tour], Tour]]] = [
    ("unknown_kind", lambda t: replace(t, kind="walk")),  # type: ignore[arg-type]
    ("bad_day", lambda t: replace(t, day=8)),
    ("malformed_trip", lambda t: replace(t, trips=())),
    ("malformed_trip", with_trip(lambda t: replace(t, load_t=(*t.load_t, 1.0)))),
    ("malformed_trip", with_trip(lambda t: replace(t, load_t=scaled(t.load_t, -1.0)))),
    ("malformed_trip", with_trip(lambda t: replace(t, load_m3=scaled(t.load_m3, float("nan"))))),
    ("over_payload", with_trip(lambda t: replace(t, load_t=scaled(t.load_t, 9.0)))),
    ("over_volume", with_trip(lambda t: replace(t, load_m3=scaled(t.load_m3, 9.0)))),
    ("weekly_t", with_trip(lambda t: replace(t, load_t=scaled(t.load_t, 1.0 - 1e-3)))),
    ("weekly_m3", with_trip(lambda t: replace(t, load_m3=scaled(t.load_m3, 1.0 - 1e-3)))),
    ("wrong_distance", with_trip(lambda t: replace(t, distance_m=t.distance_m * (1 + 1e-5)))),
    ("wrong_distance", with_trip(lambda t: replace(t, distance_m=float("nan")))),
    ("wrong_duration", with_trip(lambda t: replace(t, duration_s=t.duration_s - 1.0))),
    ("wrong_times", with_trip(lambda t: replace(t, arrival_s=scaled(t.arrival_s, 1.1)))),
    ("wrong_times", with_trip(lambda t: replace(t, service_s=scaled(t.service_s, 0.5)))),
    ("overlap", with_trip(lambda t: replace(t, start_s=t.start_s - 5.0))),
    ("overlap", lambda t: replace(t, trips=t.trips[::-1])),
    ("over_shift", lambda t: replace(t, trips=(*t.trips[:-1], replace(t.trips[-1], start_s=28_000.0)))),
    ("over_shift", lambda t: replace(t, trips=t.trips * 6)),
    ("unknown_base", lambda t: replace(t, base="S9")),
    ("unknown_vehicle", lambda t: replace(t, vehicle="bicycle")),
    ("unknown_point", with_trip(lambda t: replace(t, stops=("elsewhere", *t.stops[1:])))),
    ("visit_load", lambda t: replace(t, day=t.day % 7 + 1)),
]


@pytest.mark.parametrize(("code", "change"), COLLECTION_TAMPERINGS)
def test_tampered_collection_is_rejected(code: str, change: Callable[[Tour], Tour], honest: Week,
                                         points: CollectionArea) -> None:
    assert code in codes(first(honest, change), points)


@pytest.mark.parametrize(("code", "change"), [
    ("unknown_link", with_trip(lambda t: replace(t, stops=("C9",)))),
    ("unknown_link", lambda t: replace(t, base="S9")),
    ("unknown_vehicle", lambda t: replace(t, vehicle="truck")),
    ("link_t", with_trip(lambda t: replace(t, load_t=scaled(t.load_t, 0.999)))),
    ("link_m3", with_trip(lambda t: replace(t, load_m3=scaled(t.load_m3, 0.999)))),
    ("over_payload", with_trip(lambda t: replace(t, load_t=scaled(t.load_t, 1.1)))),
    ("wrong_distance", with_trip(lambda t: replace(t, distance_m=30_000.0))),
    ("wrong_duration", with_trip(lambda t: replace(t, duration_s=t.duration_s + 1.0)))])
def test_tampered_line_haul_is_rejected(code: str, change: Callable[[Tour], Tour], honest: Week,
                                        points: CollectionArea) -> None:
    assert code in codes(first(honest, change, "line_haul"), points)


def test_a_missing_or_repeated_tour_is_seen(honest: Week, points: CollectionArea) -> None:
    assert {"weekly_t", "weekly_m3"} <= codes(honest[1:], points)
    assert {"repeated_tour", "weekly_t"} <= codes((*honest, honest[0]), points)
    assert {"weekly_t", "link_t"} <= codes((), points)


def test_a_point_nobody_visits_is_seen(points: CollectionArea) -> None:
    left_out = check_tours([], [points], ())
    assert {v.subject_id for v in left_out if v.code == "weekly_t"} == set(points.point_ids)


def test_a_gap_longer_than_the_storage_is_seen(honest: Week, points: CollectionArea) -> None:
    assert "storage_gap" in codes(honest, replace(points, storage_days=np.full(6, 1.5)))
    assert "storage_gap" in codes(honest, replace(points, storage_m3=1.2 * points.load_m3_per_day))


def test_the_matrix_is_read_by_direction(honest: Week, points: CollectionArea) -> None:
    turned = replace(points, distance_m=points.distance_m.T.copy(), duration_s=points.duration_s.T.copy())
    assert {"wrong_distance", "wrong_duration"} <= codes(honest, turned)


def test_an_overflow_must_be_warned_of_and_truly_unavoidable(points: CollectionArea) -> None:
    full = replace(points, storage_m3=0.5 * points.load_m3_per_day)
    plan = route_collection([full], RoutingSettings(iterations=5, rounds=0))
    assert codes(plan.tours, full, plan.warnings, ()) == set()
    assert codes(plan.tours, full, (), ()) == {"not_warned"}
    assert "false_warning" in codes(plan.tours, points, plan.warnings, ())
    assert {w.code for w in plan.warnings} == {OVERFULL}


def test_leaving_points_or_links_out_needs_a_true_reason(honest: Week, points: CollectionArea) -> None:
    excuses = tuple(RoutingWarning(POINT_OUT_OF_REACH, p, "too far") for p in points.point_ids)
    assert {"false_warning", "weekly_t"} <= codes((), points, excuses)
    far = link(loaded_s=90_000.0)
    haul = (RoutingWarning(LINK_OUT_OF_REACH, far.id, "too far"),)
    collection = tuple(t for t in honest if t.kind == "collection")
    assert codes(collection, points, haul, (far,)) == set()
    assert codes(collection, points, (), (far,)) == {"not_warned"}
    assert {"false_warning", "link_t"} <= codes(collection, points, haul)


def test_collection_cost_by_hand(honest: Week, points: CollectionArea) -> None:
    tours = [t for t in honest if t.kind == "collection"]
    km = sum(trip.distance_m for t in tours for trip in t.trips) / 1000
    cost = routed_cost_cny_per_year(tours, [points.vehicle])
    assert cost.collection_days_cny_per_year == pytest.approx(len(tours) * 740.0 * 365 / 7)
    assert cost.collection_km_cny_per_year == pytest.approx(km * 1.3 * 365 / 7)
    with pytest.raises(KeyError):
        routed_cost_cny_per_year(tours, [])


def test_the_referee_reaches_no_solver() -> None:
    """Its imports, followed through the package, name neither an engine nor the code that builds tours."""
    seen: set[str] = set()
    todo = [Path(tours_check.__file__)]
    while todo:
        for node in ast.walk(ast.parse(todo.pop().read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else \
                [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for name in set(names) - seen:
                seen.add(name)
                if name.startswith("optimizer."):
                    todo.append(Path(tours_check.__file__).parents[1] / (name.replace(".", "/") + ".py"))
    assert {"optimizer.plan", "optimizer.transport", "optimizer.network"} <= seen
    assert not [n for n in seen if n.startswith(("ortools", "optimizer.solvers", "optimizer.routing"))]
