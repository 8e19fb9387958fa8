"""A made-up city for routing tests: stations on a square, points around them, streets as stretched lines."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from optimizer.network import Title, Vehicle
from optimizer.transport import CollectionArea

DENSITY_T_PER_M3 = 0.137


def light_truck(**changes: float) -> Vehicle:
    """The light box truck of the bundled urban network, with some figures changed."""
    figures = {"payload_t": 1.6, "volume_m3": 16.0, "fill_share": 0.9, "cost_cny_per_km": 1.3,
               "fixed_cny_per_day": 200.0, "crew_cny_per_day": 540.0, "shift_s": 28800.0, "break_s": 2700.0,
               "stop_s": 300.0, "load_s_per_t": 1500.0, "unload_s": 720.0, **changes}
    return Vehicle(id="truck", title=Title(zh="车", en="Truck"), speed_km_per_h={"default": 20.0}, **figures)


def city(stations: int = 5, points_each: int = 90, side_m: float = 12_000.0, seed: int = 7,
         t_per_day: tuple[float, float] = (0.3, 1.4)) -> list[CollectionArea]:
    """Areas of random points, the same number at each station and on the whole as near as can be.

    Distances are directed, about 1.3 x straight.
    """
    rng = np.random.default_rng(seed)
    station_xy = rng.uniform(0.2 * side_m, 0.8 * side_m, (stations, 2))
    xy = rng.uniform(0.0, side_m, (stations * points_each, 2))
    away = np.linalg.norm(xy[:, None] - station_xy[None], axis=2)
    _, seat = linear_sum_assignment(np.repeat(away, points_each, axis=1))
    station = seat // points_each
    return [area(f"S{s + 1}", station_xy[s], xy[station == s], rng, t_per_day) for s in range(stations)]


def area(base_id: str, base_xy: np.ndarray, xy: np.ndarray, rng: np.random.Generator,
         t_per_day: tuple[float, float] = (0.3, 1.4)) -> CollectionArea:
    """One base with points at given places and random loads and storages."""
    n = len(xy)
    places = np.vstack([base_xy, xy])
    straight = np.linalg.norm(places[:, None] - places[None], axis=2)
    distance_m = straight * rng.uniform(1.2, 1.4, straight.shape)
    load_t = rng.uniform(*t_per_day, n)
    return CollectionArea(
        base_id=base_id, vehicle=light_truck(), point_ids=tuple(f"{base_id}-P{k + 1:03d}" for k in range(n)),
        load_t_per_day=load_t, load_m3_per_day=load_t / DENSITY_T_PER_M3,
        storage_m3=rng.uniform(20.0, 32.0, n), storage_days=np.full(n, 7.0),
        distance_m=distance_m, duration_s=distance_m / (20_000.0 / 3600.0))
