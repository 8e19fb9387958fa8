"""Every indicator planners report, recomputed from the plan and its tours alone.

Names end in their unit; those of a tier or vehicle contain its id, so that any network has its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import Throughput, arc_of_part, books, gap_of, throughput
from optimizer.balance import MaterialBalance, RatioLimit, RatioWarning, balance, sanity_warnings
from optimizer.bypass import without_virtual
from optimizer.haulage_kpis import haulage_kpis, transport_work_t_km_per_day
from optimizer.indicator import Kpi, Kpis, ratio
from optimizer.network import DAYS_PER_YEAR, Tier
from optimizer.objectives import TERMS
from optimizer.plan import Plan, Tour
from optimizer.problem import Problem

__all__ = ["Kpi", "Kpis", "MaterialBalance", "RatioLimit", "RatioWarning", "ZoneKpis", "balance", "evaluate",
           "sanity_warnings", "zone_kpis"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

M2_PER_MU = 10_000.0 / 15.0
KG_PER_T = 1000.0
T_PER_10KT = 10_000.0
FAR_SHARE = 0.9
"""The far end of walking distances: what this share of the persons served does not exceed."""


def evaluate(problem: Problem, plan: Plan, tours: Sequence[Tour] = ()) -> Kpis:
    """Every indicator of a plan; those of haulage on streets only where there are tours.

    Objective, bound and gap are those of siting; the routed cost stands beside the siting's own haulage cost.
    ValueError where a part uses a site beyond the walking limit, KeyError for a tour with an unknown vehicle.
    """
    plan = without_virtual(problem, plan)
    through = throughput(problem, plan)
    captured = float(through.entering[0].sum())
    return Kpis((*_money(problem, plan, captured), *_access(problem, plan), *_mass(problem, through),
                 *_network(problem, plan), *_capacity(problem, plan, through), *_land(problem, plan),
                 Kpi("transport_work_t_km_per_day", transport_work_t_km_per_day(problem, plan), "t km/day"),
                 *(haulage_kpis(problem.network, tours, captured) if tours else ())))


@dataclass(frozen=True)
class ZoneKpis:
    """The indicators of one zone."""

    zone_id: str
    kpis: Kpis


def zone_kpis(problem: Problem, plan: Plan) -> tuple[ZoneKpis, ...]:
    """Persons, coverage, mass, walking distance and open sites of every zone, in their order."""
    plan = without_virtual(problem, plan)
    through = throughput(problem, plan)
    walks_m = _distances_m(problem, plan)
    captured = problem.demand.generated_t_per_day - through.not_captured - through.unserved
    out = []
    for zone, zone_id in enumerate(problem.zone_ids):
        inside = problem.demand.zone_of == zone
        persons, walked = problem.demand.persons[inside], walks_m[inside]
        covered = np.isfinite(walked)
        out.append(ZoneKpis(zone_id, Kpis((
            Kpi("persons_count", float(persons.sum()), "1"),
            Kpi("covered_persons_count", float(persons[covered].sum()), "1"),
            Kpi("coverage_share", ratio(float(persons[covered].sum()), float(persons.sum())), "1"),
            Kpi("access_m", _mean(walked[covered], persons[covered]), "m"),
            Kpi("generated_t_per_day", float(problem.demand.generated_t_per_day[inside].sum()), "t/day"),
            Kpi("captured_t_per_day", float(captured[inside].sum()), "t/day"),
            Kpi("unserved_t_per_day", float(through.unserved[inside].sum()), "t/day"),
            *(Kpi(f"{tier.id}_count", float((sites.zone_of[opened.site] == zone).sum()), "1")
              for tier, opened, sites in zip(problem.network.tiers, plan.open_sites, problem.sites, strict=True))))))
    return tuple(out)


def _money(problem: Problem, plan: Plan, captured_t_per_day: float) -> Iterator[Kpi]:
    account = books(problem, plan)
    captured_t_per_year = captured_t_per_day * DAYS_PER_YEAR
    bound = plan.report.bound_cny_per_year
    gap = gap_of(account.objective_cny_per_year, bound, account.gross_cost_cny_per_year)
    yield Kpi("objective_cny_per_year", account.objective_cny_per_year, "CNY/year")
    yield Kpi("bound_cny_per_year", bound, "CNY/year")
    yield Kpi("gap_share", gap, "1")
    yield Kpi("gross_cost_cny_per_year", account.gross_cost_cny_per_year, "CNY/year")
    yearly = account.terms_cny_per_year
    for term in TERMS:
        yield Kpi(f"{term.name}_cny_per_year", -yearly[term.name] if term.kind == "income" else yearly[term.name],
                  "CNY/year")
    income = -sum(yearly[term.name] for term in TERMS if term.kind == "income")
    yield Kpi("income_cny_per_year", income, "CNY/year")
    yield Kpi("funding_gap_cny_per_year", max(0.0, account.gross_cost_cny_per_year - income), "CNY/year")
    yield Kpi("cost_cny_per_t", ratio(account.gross_cost_cny_per_year, captured_t_per_year), "CNY/t")
    yield Kpi("income_cny_per_t", ratio(income, captured_t_per_year), "CNY/t")
    built = {tier.id: _build_cost_cny(problem, plan, level) for level, tier in enumerate(problem.network.tiers)}
    yield Kpi("build_cost_cny", sum(built.values()), "CNY")
    for tier_id, cost_cny in built.items():
        yield Kpi(f"{tier_id}_build_cost_cny", cost_cny, "CNY")


def _build_cost_cny(problem: Problem, plan: Plan, level: int) -> float:
    """What the new sites of a tier cost to build; existing ones are there already."""
    opened = plan.open_sites[level]
    price = problem.sites[level].build_cost_cny(problem.network.tiers[level])
    return float(price[opened.site, opened.size].sum())


def _distances_m(problem: Problem, plan: Plan) -> Float:
    """How far each part walks to its site, inf where it has none, [n]."""
    arc = arc_of_part(problem, plan.site_of_part)
    out = np.full(len(arc), np.inf)
    out[arc >= 0] = problem.walk.distance_m[arc[arc >= 0]]
    return out


def _access(problem: Problem, plan: Plan) -> Iterator[Kpi]:
    demand = problem.demand
    walked = _distances_m(problem, plan)
    covered = np.isfinite(walked)
    persons, served = float(demand.persons.sum()), float(demand.persons[covered].sum())
    in_reach = np.zeros(len(walked), dtype=bool)
    in_reach[problem.walk.part[np.isin(problem.walk.site, plan.open_sites[0].site)]] = True
    yield Kpi("persons_count", persons, "1")
    yield Kpi("households_count", float(demand.households.sum()), "1")
    yield Kpi("communities_count", float(len(demand.community_ids)), "1")
    yield Kpi("covered_persons_count", served, "1")
    yield Kpi("coverage_share", ratio(served, persons), "1")
    yield Kpi("in_reach_share", ratio(float(demand.persons[in_reach].sum()), persons), "1")
    yield Kpi("access_mean_m", _mean(walked[covered], demand.persons[covered]), "m")
    yield Kpi("access_p90_m", _quantile(walked[covered], demand.persons[covered], FAR_SHARE), "m")
    yield Kpi("access_max_m", float(walked[covered].max()) if covered.any() else None, "m")


def _mean(values: Float, weights: Float) -> float | None:
    return ratio(float((values * weights).sum()), float(weights.sum()))


def _quantile(values: Float, weights: Float, share: float) -> float | None:
    """The least value that this share of the weight does not exceed."""
    if not weights.sum() > 0.0:
        return None
    order = np.argsort(values, kind="stable")
    heap = np.cumsum(weights[order])
    # a hair less, so that a share reached exactly counts as reached
    return float(values[order][np.searchsorted(heap, share * heap[-1] * (1.0 - 1e-12))])


def _mass(problem: Problem, through: Throughput) -> Iterator[Kpi]:
    network, persons = problem.network, float(problem.demand.persons.sum())
    generated = float(problem.demand.generated_t_per_day.sum())
    captured = through.entering[0].sum(axis=0)
    residue = sum(float(entering.sum(axis=0) @ (1.0 - problem.passed_share(level)))
                  for level, entering in enumerate(through.entering))
    abstains = generated * (1.0 - problem.participation_share)
    not_captured = float(through.not_captured.sum())
    low_value = np.array([material.low_value for material in network.materials])
    recovered = float(captured.sum()) - residue
    for name, t_per_day in (("generated", generated), ("captured", float(captured.sum())),
                            ("not_captured", not_captured), ("unserved", float(through.unserved.sum()))):
        yield Kpi(f"{name}_t_per_day", t_per_day, "t/day")
        yield Kpi(f"{name}_10kt_per_year", t_per_day * DAYS_PER_YEAR / T_PER_10KT, "10,000 t/year")
    yield Kpi("not_captured_participation_t_per_day", abstains, "t/day")
    yield Kpi("not_captured_distance_t_per_day", not_captured - abstains, "t/day")
    yield Kpi("captured_share", ratio(float(captured.sum()), generated), "1")
    yield Kpi("low_value_t_per_day", float(captured[low_value].sum()), "t/day")
    yield Kpi("residue_t_per_day", residue, "t/day")
    yield Kpi("recovered_t_per_day", recovered, "t/day")
    yield Kpi("recovery_share", ratio(recovered, generated), "1")
    per_person = ratio(float(captured.sum()) * KG_PER_T, persons)
    yield Kpi("recovery_kg_per_person_day", per_person, "kg/person/day")


def _network(problem: Problem, plan: Plan) -> Iterator[Kpi]:
    served = plan.site_of_part >= 0
    tiers = problem.network.tiers
    for level, (tier, opened, sites) in enumerate(zip(tiers, plan.open_sites, problem.sites, strict=True)):
        count = float(len(opened.site))
        reused = float((~sites.is_built[opened.site]).sum())
        existing = float((~sites.is_built).sum())
        yield Kpi(f"{tier.id}_count", count, "1")
        yield Kpi(f"{tier.id}_candidate_count", float((~sites.virtual).sum()), "1")
        yield Kpi(f"{tier.id}_new_count", count - reused, "1")
        yield Kpi(f"{tier.id}_reused_count", reused, "1")
        yield Kpi(f"{tier.id}_closed_count", existing - reused, "1")
        types = [size.type for size in tier.sizes]
        for kind in dict.fromkeys(types[:-1] if sites.virtual.any() else types):
            of_kind = np.array([name == kind for name in types])
            yield Kpi(f"{tier.id}_type_{kind}_count", float(of_kind[opened.size].sum()), "1")
        if problem.zone_ids:
            yield from _by_zone(problem, plan, level, tier)
        if level == 0:
            yield Kpi(f"persons_per_{tier.id}_count", ratio(float(problem.demand.persons[served].sum()), count), "1")
            households = float(problem.demand.households[served].sum())
            yield Kpi(f"households_per_{tier.id}_count", ratio(households, count), "1")
        else:
            below = float(len(plan.open_sites[level - 1].site))
            yield Kpi(f"{tiers[level - 1].id}_per_{tier.id}_count", ratio(below, count), "1")


def _by_zone(problem: Problem, plan: Plan, level: int, tier: Tier) -> Iterator[Kpi]:
    zone = problem.sites[level].zone_of[plan.open_sites[level].site]
    per_zone = np.bincount(zone[zone >= 0], minlength=len(problem.zone_ids))
    yield Kpi(f"{tier.id}_per_zone_count", float(per_zone.mean()), "1")
    yield Kpi(f"zones_without_{tier.id}_count", float((per_zone == 0).sum()), "1")


def _capacity(problem: Problem, plan: Plan, through: Throughput) -> Iterator[Kpi]:
    for level, (tier, opened) in enumerate(zip(problem.network.tiers, plan.open_sites, strict=True)):
        load = through.entering[level][opened.site]
        tonnes, cubic = load.sum(axis=1), load @ problem.m3_per_t(tier.state)
        most_t = problem.capacity_t_per_day(level)[opened.size]
        most_m3 = problem.capacity_m3_per_day(level)[opened.size]
        limited: Bool = np.isfinite(most_m3)
        storage_m3 = np.array([np.nan if size.storage_m3 is None else size.storage_m3 for size in tier.sizes])
        stored: Bool = np.isfinite(storage_m3[opened.size])
        area_m2 = float(_area_m2(problem, plan, level).sum())
        yield Kpi(f"{tier.id}_throughput_t_per_day", float(tonnes.sum()), "t/day")
        yield Kpi(f"{tier.id}_utilisation_share", ratio(float(tonnes.sum()), float(most_t.sum())), "1")
        yield Kpi(f"{tier.id}_utilisation_max_share", float((tonnes / most_t).max()) if len(most_t) else None, "1")
        yield Kpi(f"{tier.id}_volume_utilisation_share",
                  ratio(float(cubic[limited].sum()), float(most_m3[limited].sum())), "1")
        yield Kpi(f"{tier.id}_throughput_t_per_m2_year", ratio(float(tonnes.sum()) * DAYS_PER_YEAR, area_m2),
                  "t/m2/year")
        if np.isfinite(storage_m3).any():
            yield Kpi(f"{tier.id}_storage_days",
                      ratio(float(storage_m3[opened.size][stored].sum()), float(cubic[stored].sum())), "days")


def _area_m2(problem: Problem, plan: Plan, level: int) -> Float:
    """Land each open site of a tier takes, by its size."""
    return np.array([size.area_m2 for size in problem.network.tiers[level].sizes])[plan.open_sites[level].size]


def _land(problem: Problem, plan: Plan) -> Iterator[Kpi]:
    areas = {tier.id: float(_area_m2(problem, plan, level).sum()) for level, tier in enumerate(problem.network.tiers)}
    yield Kpi("land_m2", sum(areas.values()), "m2")
    yield Kpi("land_mu", sum(areas.values()) / M2_PER_MU, "mu")
    for tier_id, area_m2 in areas.items():
        yield Kpi(f"{tier_id}_land_m2", area_m2, "m2")
        yield Kpi(f"{tier_id}_land_mu", area_m2 / M2_PER_MU, "mu")
