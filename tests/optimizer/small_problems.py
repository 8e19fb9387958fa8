"""Builders of tiny random siting problems, small enough for an exact answer (see brute_force.py).

Costs are such that serving pays for some parts and not for others, so that every rule has something to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.network import Feed, Material, Money, Network, Size, Tier, Title, Vehicle
from optimizer.problem import Demand, Leg, Problem, Sites, SiteStatus, Walk
from optimizer.row_builders import at_least_open, shared_parcels

NAME = Title(zh="名", en="name")
STATES = ("bagged", "pressed")


@dataclass(frozen=True)
class Shape:
    """What a random problem looks like."""

    parts: int = 5
    sites: tuple[int, ...] = (4, 3, 2)
    """Candidates per tier; its length is the number of tiers."""
    materials: int = 2
    sizes: int = 2
    households_cap: float | None = 900.0
    volume_caps: bool = True
    specialised: bool = False
    """Half of the sizes of the last tier accept one material only."""
    existing: tuple[tuple[int, int, SiteStatus], ...] = ()
    """(tier, site, status) of existing sites; each has one size."""
    quotas: tuple[tuple[int, int, int], ...] = ()
    """(tier, zone, count); even sites lie in zone 0, odd ones in zone 1."""
    shared_parcels: bool = False
    """The sites of the last two tiers have the same ids, and room for one building each."""
    residue_at: tuple[int, ...] = ()
    """Tiers that remove residue besides the last."""
    unreachable_share: float = 0.0
    carbon_cny_per_t: float = 80.0
    min_t_per_day: float = 0.0
    names: tuple[str, ...] = field(default=("low", "middle", "high", "top"))


def vehicle(rng: np.random.Generator, name: str) -> Vehicle:
    """A random truck; small enough that its body binds for light materials."""
    return Vehicle(id=name, title=NAME, payload_t=float(rng.uniform(1, 4)), volume_m3=float(rng.uniform(8, 20)),
                   fill_share=0.9, cost_cny_per_km=float(rng.uniform(1, 4)), fixed_cny_per_day=200.0,
                   crew_cny_per_day=500.0, co2_kg_per_km=0.5, shift_s=28800.0, break_s=2700.0, stop_s=300.0,
                   load_s_per_t=1200.0, unload_s=600.0, speed_km_per_h={"default": 20.0})


def network(rng: np.random.Generator, shape: Shape) -> Network:
    """A random network of the shape: sizes of the last tier are comprehensive unless `specialised`."""
    materials = tuple(
        Material(id=f"m{m}", title=NAME, kg_per_person_day=0.1, residue_share=float(rng.uniform(0.05, 0.3)),
                 density_t_per_m3={s: float(rng.uniform(0.05, 0.4)) for s in STATES},
                 price_cny_per_t=float(rng.uniform(200, 3000)), low_value=bool(m % 2),
                 subsidy_cny_per_t=float(rng.uniform(0, 200)))
        for m in range(shape.materials))
    last = len(shape.sites) - 1
    tiers = tuple(
        Tier(id=f"tier_{shape.names[level]}", title=NAME, candidates="land" if level else "streets",
             feed=_feed(rng, level), state=STATES[level > 0], life_years=10.0,
             variable_cost_cny_per_t=float(rng.uniform(0, 100)) if level else 0.0,
             removes_residue=level == last or level in shape.residue_at,
             sizes=tuple(_size(rng, shape, level, k) for k in range(shape.sizes)))
        for level in range(last + 1))
    money = Money(discount_rate=0.06, unserved_cny_per_t=300.0, residue_cny_per_t=221.0,
                  carbon_cny_per_t=shape.carbon_cny_per_t)
    return Network(schema_version=1, network="tiny", title=NAME, persons_per_household=2.5, materials=materials,
                   vehicles=(vehicle(rng, "van"), vehicle(rng, "lorry")), tiers=tiers, money=money)


def _feed(rng: np.random.Generator, level: int) -> Feed | None:
    if level == 0:
        return None
    on_tours = level == 1
    return Feed(vehicle="van" if on_tours else "lorry", state=STATES[level > 1], single_source=on_tours,
                stops_per_t=float(rng.uniform(0.5, 2)) if on_tours else 0.0,
                detour_m_per_stop=300.0 if on_tours else 0.0)


def _size(rng: np.random.Generator, shape: Shape, level: int, number: int) -> Size:
    """Size `number` of a tier: capacities grow with it, costs a little slower."""
    scale = (1.0 + number) * (1.0 + level)
    accepts = (f"m{number // 2 % shape.materials}",) if (
        shape.specialised and level == len(shape.sites) - 1 and number % 2) else None
    return Size(id=f"size_{number}", type="plain", title=NAME, capacity_t_per_day=float(rng.uniform(0.8, 1.6) * scale),
                capacity_m3_per_day=float(rng.uniform(4, 10) * scale) if shape.volume_caps else None,
                min_t_per_day=shape.min_t_per_day, area_m2=100.0, accepts=accepts,
                build_cost_cny=float(rng.uniform(0.5, 2.0) * 1e5 * scale**0.8),
                fixed_cost_cny_per_year=float(rng.uniform(0.2, 0.8) * 1e5 * scale**0.8))


def small_problem(seed: int, shape: Shape | None = None) -> Problem:
    """A random problem of the shape; the same seed gives the same problem."""
    shape = Shape() if shape is None else shape
    rng = np.random.default_rng(seed)
    net = network(rng, shape)
    n = shape.parts
    demand = Demand(tuple(f"c{i}#1" for i in range(n)), tuple(f"c{i}" for i in range(n)), np.arange(n),
                    np.arange(n) % 2, persons=rng.uniform(500, 1500, n), households=rng.uniform(200, 600, n),
                    generated_t_per_day=rng.uniform(0.1, 1.0, (n, shape.materials)))
    sites = tuple(_sites(rng, shape, level) for level in range(len(shape.sites)))
    legs = tuple(_leg(rng, a, b, shape.unreachable_share)
                 for a, b in zip(shape.sites[:-1], shape.sites[1:], strict=True))
    problem = Problem(net, demand, 0.8, ("z0", "z1"), sites, _walk(rng, n, shape.sites[0]), legs,
                      max_households_per_site=shape.households_cap)
    quotas = (at_least_open(problem, tier, zone, count, "rule:clause") for tier, zone, count in shape.quotas)
    return replace(problem, site_rows=(*quotas, *shared_parcels(problem)))


def _sites(rng: np.random.Generator, shape: Shape, level: int) -> Sites:
    count = shape.sites[level]
    allowed = rng.random((count, shape.sizes)) < 0.85
    allowed[np.arange(count), rng.integers(0, shape.sizes, count)] = True
    status = np.zeros(count, dtype=np.int64)
    for tier, site, kind in shape.existing:
        if tier == level:
            status[site] = kind
            allowed[site] = np.arange(shape.sizes) == rng.integers(0, shape.sizes)
    shared = shape.shared_parcels and level >= len(shape.sites) - 2
    ids = tuple(f"parcel{j}" if shared else f"{level}-{j}" for j in range(count))
    return Sites(ids, np.arange(count) % 2, np.full(count, 150.0), allowed, status,
                 np.where(status == SiteStatus.MAY_CLOSE, rng.uniform(0, 5e5, count), 0.0))


def _walk(rng: np.random.Generator, parts: int, sites: int) -> Walk:
    distance = rng.uniform(50, 1000, (parts, sites))
    part, site = np.nonzero(distance <= 800)
    metres = distance[part, site]
    return Walk(part, site, metres, 0.8 * np.exp(-metres / 1500))


def _leg(rng: np.random.Generator, lower: int, upper: int, unreachable_share: float) -> Leg:
    def metres() -> NDArray[np.float64]:
        return rng.uniform(1000, 20000, (lower, upper))

    loaded, empty = metres(), metres()
    cut = rng.random((lower, upper)) < unreachable_share
    loaded[cut] = np.inf
    return Leg(loaded, loaded / 6.0, empty, empty / 7.0)


def chain_problem() -> Problem:
    """One part, one point, one station, one centre, two materials; figures chosen for sums by hand.

    A second of either truck costs (200 + 565) / (28,800 - 1,260) = 1/36 CNY, that is 100 CNY an hour.
    """
    heavy = Material(id="heavy", title=NAME, kg_per_person_day=1.0, density_t_per_m3={"bagged": 0.2, "pressed": 0.5},
                     price_cny_per_t=1000.0, residue_share=0.1)
    light = Material(id="light", title=NAME, kg_per_person_day=1.0, density_t_per_m3={"bagged": 0.05, "pressed": 0.1},
                     price_cny_per_t=-50.0, residue_share=0.2, low_value=True, subsidy_cny_per_t=221.0)
    van = Vehicle(id="van", title=NAME, payload_t=2.0, volume_m3=10.0, fill_share=0.8, cost_cny_per_km=1.5,
                  fixed_cny_per_day=200.0, crew_cny_per_day=565.0, co2_kg_per_km=0.4, shift_s=28800.0, break_s=1260.0,
                  stop_s=360.0, load_s_per_t=900.0, unload_s=720.0, speed_km_per_h={"default": 18.0})
    lorry = Vehicle(id="lorry", title=NAME, payload_t=10.0, volume_m3=30.0, fill_share=0.9, cost_cny_per_km=4.0,
                    fixed_cny_per_day=200.0, crew_cny_per_day=565.0, co2_kg_per_km=1.0, shift_s=28800.0,
                    break_s=1260.0, stop_s=600.0, unload_s=1200.0, speed_km_per_h={"default": 18.0})
    low = Tier(id="low", title=NAME, candidates="streets", state="bagged", life_years=10.0,
               sizes=(plain_size("p", 2.0, 60_000.0, 40_000.0),))
    middle = Tier(id="middle", title=NAME, candidates="land", state="bagged", life_years=15.0,
                  variable_cost_cny_per_t=80.0, sizes=(plain_size("s", 20.0, 1_500_000.0, 500_000.0),),
                  feed=Feed(vehicle="van", state="bagged", single_source=True, stops_per_t=2.0,
                            detour_m_per_stop=250.0))
    high = Tier(id="high", title=NAME, candidates="land", state="pressed", life_years=20.0, removes_residue=True,
                variable_cost_cny_per_t=200.0, sizes=(plain_size("c", 100.0, 20_000_000.0, 3_000_000.0),),
                feed=Feed(vehicle="lorry", state="pressed"))
    net = Network(schema_version=1, network="chain", title=NAME, persons_per_household=2.5, materials=(heavy, light),
                  vehicles=(van, lorry), tiers=(low, middle, high),
                  money=Money(discount_rate=0.0, unserved_cny_per_t=300.0, residue_cny_per_t=221.0,
                              carbon_cny_per_t=100.0))
    demand = Demand(("c#1",), ("c",), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.array([1000.0]),
                    np.array([400.0]), np.array([[1.0, 0.5]]))
    walk = Walk(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.array([200.0]), np.array([0.6]))
    return Problem(net, demand, 0.8, ("z0",), tuple(one_site(i) for i in ("p0", "s0", "c0")), walk,
                   (drive(9000, 1800, 6000, 1200), drive(20000, 2400, 22000, 2640)))


def plain_size(name: str, t_per_day: float, build_cny: float, fixed_cny_per_year: float) -> Size:
    """A comprehensive size without limits on volume."""
    return Size(id=name, type="plain", title=NAME, capacity_t_per_day=t_per_day, area_m2=100.0,
                build_cost_cny=build_cny, fixed_cost_cny_per_year=fixed_cny_per_year)


def one_site(name: str) -> Sites:
    """A single new candidate with one size."""
    zero = np.zeros(1, dtype=np.int64)
    return Sites((name,), zero, np.array([1000.0]), np.ones((1, 1), dtype=bool), zero, np.zeros(1))


def drive(loaded_m: float, loaded_s: float, empty_m: float, empty_s: float) -> Leg:
    """The one drive between two single sites."""
    return Leg(*(np.array([[float(value)]]) for value in (loaded_m, loaded_s, empty_m, empty_s)))
