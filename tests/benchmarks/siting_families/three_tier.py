"""Synthetic three-tier networks: cells, collection points, transfer stations, sorting centres, sizes and materials.

The file says what counts (`rules`, `distance`): every cell is served whole by one collection point, flows above may
split by material, a site has at most one size, capacity is in total tonnes, and cost is the fixed cost of sites and
sizes plus tonnes x km x unit cost. Money and tonnes are per day there; the model's year has 365 of them. The referee
adds up the file's own figures in plain Python and shares no code with the solver.
"""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.near_arcs import site_by_near_arcs
from optimizer.network import DAYS_PER_YEAR, Feed, Material, Money, Network, Size, Tier, Title, Vehicle
from optimizer.problem import Demand, Leg, Problem, Sites, Walk
from optimizer.siting import SiteSettings, Siting
from tests.benchmarks.siting_registry import Bar, Benchmark, Row

FAMILY = "three_tier_synthetic"
DETOUR = 1.3
TIERS = ("collection", "transfer", "sorting")
LEGS = ("cell_collection", "collection_transfer", "transfer_sorting")
HELD = "held"
UNSERVED_PER_T = 10_000.0
"""Far dearer than serving. A plan that leaves a cell out is refused by the referee; the bound holds for it as well."""
TOLERANCE_T = 1e-6
NEAR_POINTS = 15
"""Collection points of each cell that the search looks at; the bound looks at all."""
SEARCH_SHARE = 0.9
"""Share of the time limit that the search may take; the bound's last evaluation comes after it."""
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Instance:
    """One file as it stands."""

    materials: tuple[str, ...]
    cells_xy: list[list[float]]
    sites_xy: tuple[list[list[float]], ...]
    tonnes: list[list[float]]
    capacity: tuple[list[float], ...]
    fixed: tuple[list[list[float]], ...]
    per_t_km: tuple[list[float], ...]
    """Per leg and material."""


@dataclass(frozen=True)
class Answer:
    """A plan in the file's own terms, and what the solver claims."""

    status: str
    objective: float
    bound: float
    gap: float
    maximise: bool
    reason: str
    size_of_site: tuple[dict[int, int], ...]
    """Per tier: open site -> size."""
    point_of_cell: list[int]
    flows: tuple[dict[tuple[int, int, int], float], ...]
    """Per leg above the cells: (from, to, material) -> t/day."""
    seconds: dict[str, float]


def read(path: Path, row: Row) -> Instance:
    """The instance of a JSON file, gzip-compressed or not. ValueError where its rules are others than known here."""
    del row
    raw = path.read_bytes()
    data = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    if data["distance"] != "1.3 * Euclidean" or not data["rules"].startswith("each cell assigned whole to one"):
        raise ValueError(f"{path}: other rules than this family knows")
    return Instance(tuple(data["materials"]), data["cells_xy"], tuple(data[f"{t}_xy"] for t in TIERS), data["tonnes"],
                    tuple(data["size_capacity"][t] for t in TIERS), tuple(data["fixed_cost"][t] for t in TIERS),
                    tuple(data["unit_cost_per_tonne_km"][leg] for leg in LEGS))


def distances_km(a: list[list[float]], b: list[list[float]]) -> Float:
    """1.3 times the straight line between all pairs, [a, b]."""
    return np.asarray(DETOUR * np.hypot(*(np.subtract.outer(np.array(a)[:, d], np.array(b)[:, d]) for d in (0, 1))))


def network_of(instance: Instance) -> Network:
    """Sizes without a cost of their own (sites have it), trucks whose full load is what a tonne-km of money moves."""
    name = Title(zh="合成", en="synthetic")
    if len(set(instance.per_t_km[0])) > 1:
        raise ValueError("cells pay by the tonne, whatever the material")
    density = [{HELD: 1.0, **{LEGS[leg]: 1.0 / instance.per_t_km[leg][m] for leg in (1, 2)}}
               for m in range(len(instance.materials))]
    materials = tuple(Material(id=f"m_{i}", title=name, kg_per_person_day=0.0, density_t_per_m3=d, price_cny_per_t=0.0)
                      for i, d in enumerate(density))
    truck = Vehicle(id="truck", title=name, payload_t=1e9, volume_m3=1.0, fill_share=1.0, cost_cny_per_km=1.0,
                    fixed_cny_per_day=0.0, crew_cny_per_day=0.0, shift_s=1.0, speed_km_per_h={"default": 1.0})
    tiers = []
    for level, (tier, capacities) in enumerate(zip(TIERS, instance.capacity, strict=True)):
        sizes = tuple(Size(id=f"size_{k}", type="plain", title=name, capacity_t_per_day=c, area_m2=0.0,
                           build_cost_cny=0.0, fixed_cost_cny_per_year=0.0) for k, c in enumerate(capacities))
        origin: Literal["streets", "land"] = "land" if level else "streets"
        tiers.append(Tier(id=f"tier_{tier}", title=name, candidates=origin, state=HELD, sizes=sizes, life_years=1.0,
                          feed=Feed(vehicle="truck", state=LEGS[level]) if level else None))
    money = Money(discount_rate=0.0, unserved_cny_per_t=UNSERVED_PER_T, residue_cny_per_t=0.0, carbon_cny_per_t=0.0)
    return Network(schema_version=1, network="synthetic", title=name, persons_per_household=1.0, materials=materials,
                   vehicles=(truck,), tiers=tuple(tiers), money=money)


def problem_of(instance: Instance) -> Problem:
    """The instance as the siting core knows it; every cell reaches every collection point."""
    cells = len(instance.cells_xy)
    none, one = np.zeros(cells, dtype=np.int64), np.ones(cells)
    ids = tuple(f"cell{i}" for i in range(cells))
    demand = Demand(ids, ids, np.arange(cells), none - 1, one, one, np.array(instance.tonnes))
    sites = []
    for xy, fixed in zip(instance.sites_xy, instance.fixed, strict=True):
        count, zero = len(xy), np.zeros(len(xy), dtype=np.int64)
        sites.append(Sites(tuple(f"site{j}" for j in range(count)), zero - 1, np.full(count, np.inf),
                           np.ones((count, len(fixed[0])), dtype=bool), zero, np.zeros(count),
                           DAYS_PER_YEAR * np.array(fixed)))
    km = distances_km(instance.cells_xy, instance.sites_xy[0])
    part, site = (index.ravel() for index in np.indices(km.shape))
    per_t = instance.per_t_km[0][0] * km.ravel()
    walk = Walk(part, site, 1000.0 * km.ravel(), np.ones(km.size), per_t)
    legs = []
    for low, high in zip(instance.sites_xy, instance.sites_xy[1:], strict=False):
        metres = 1000.0 * distances_km(low, high)
        nothing = np.zeros(metres.shape)
        legs.append(Leg(metres, nothing, nothing, nothing))
    return Problem(network_of(instance), demand, 1.0, (), tuple(sites), walk, tuple(legs))


def solve(instance: Instance, time_limit_s: float, seed: int) -> Answer:
    """A plan and its bound by the siting core."""
    problem = problem_of(instance)
    settings = SiteSettings(time_limit_s=SEARCH_SHARE * time_limit_s, seed=seed)
    found = site_by_near_arcs(problem, settings, NEAR_POINTS)
    return answer_of(found)


def answer_of(found: Siting) -> Answer:
    """The plan in the file's terms, money per day."""
    plan = found.plan
    objective = plan.report.objective_cny_per_year / DAYS_PER_YEAR
    bound = found.bound.value_cny_per_year / DAYS_PER_YEAR
    flows = tuple({(a, b, m): tonnes for a, b, row in zip(flow.origin.tolist(), flow.destination.tolist(),
                                                          flow.t_per_day.tolist(), strict=True)
                   for m, tonnes in enumerate(row) if tonnes > 0.0} for flow in plan.flows)
    sizes = tuple(dict(zip(o.site.tolist(), o.size.tolist(), strict=True)) for o in plan.open_sites)
    gap = (objective - bound) / objective if objective else math.nan
    return Answer(plan.report.status, objective, bound, gap, False, "", sizes, plan.site_of_part.tolist(), flows,
                  plan.report.seconds)


def referee(instance: Instance, answer: Answer) -> tuple[float, list[str]]:
    """The plan's cost from the file's figures, and every rule of the file it breaks."""
    wrong: list[str] = []
    materials = range(len(instance.materials))
    cost = sum(instance.fixed[level][site][size] for level, opened in enumerate(answer.size_of_site)
               for site, size in opened.items())
    held: list[dict[int, list[float]]] = [{j: [0.0] * len(materials) for j in opened} for opened in answer.size_of_site]
    if len(answer.point_of_cell) != len(instance.cells_xy):
        return math.nan, ["not one collection point per cell"]
    for cell, point in enumerate(answer.point_of_cell):
        if point not in held[0]:
            wrong.append(f"cell {cell} has no open collection point")
            continue
        km = _km(instance.cells_xy[cell], instance.sites_xy[0][point])
        for m in materials:
            held[0][point][m] += instance.tonnes[cell][m]
            cost += instance.tonnes[cell][m] * km * instance.per_t_km[0][m]
    for leg, flows in enumerate(answer.flows):
        sent: dict[tuple[int, int], float] = {}
        for (a, b, m), tonnes in flows.items():
            if not tonnes >= 0.0 or a not in held[leg] or b not in held[leg + 1]:
                wrong.append(f"flow {leg}: {a} to {b}: closed, or {tonnes!r} t")
                continue
            sent[a, m] = sent.get((a, m), 0.0) + tonnes
            held[leg + 1][b][m] += tonnes
            km = _km(instance.sites_xy[leg][a], instance.sites_xy[leg + 1][b])
            cost += tonnes * km * instance.per_t_km[leg + 1][m]
        wrong += [f"{TIERS[leg]} {a}: {due[m]:.6f} t of material {m} are held, {sent.get((a, m), 0.0):.6f} t leave"
                  for a, due in held[leg].items() for m in materials
                  if abs(due[m] - sent.get((a, m), 0.0)) > TOLERANCE_T * max(1.0, due[m])]
    for level, opened in enumerate(answer.size_of_site):
        for site, size in opened.items():
            load, most = sum(held[level][site]), instance.capacity[level][size]
            if load > most * (1.0 + TOLERANCE_T):
                wrong.append(f"{TIERS[level]} {site} holds {load:.6f} t of {most:g} t")
    return float(cost), wrong


def _km(a: list[float], b: list[float]) -> float:
    return DETOUR * math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2)


def solution_json(instance: Instance, answer: Answer) -> dict[str, Any]:
    """Open sites with their sizes, the point of every cell, the flows, and the solver's seconds per phase."""
    del instance
    return {"size_of_site": {tier: {str(j): k for j, k in opened.items()}
                             for tier, opened in zip(TIERS, answer.size_of_site, strict=True)},
            "point_of_cell": answer.point_of_cell,
            "flows": {name: [[a, b, m, tonnes] for (a, b, m), tonnes in flows.items()]
                      for name, flows in zip(LEGS[1:], answer.flows, strict=True)},
            "seconds": answer.seconds}


BENCHMARKS = (
    Benchmark(FAMILY, ("three-tier",), read, solve, referee, solution_json, Bar(seconds=60.0, gap=0.05)),
)
