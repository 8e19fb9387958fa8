"""Layers of a result as tables in WGS 84: sites, candidates, communities and zones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geodata.crs import to_wgs84
from geodata.direct import PREFIX
from geodata.ground import Ground
from optimizer.accounts import Throughput, arc_of_part, throughput
from optimizer.bypass import without_virtual
from optimizer.objectives import Coefficients
from optimizer.plan import Plan
from optimizer.problem import Problem
from service.demand_provenance import community_outlines, estimated_communities
from service.seam import Brief
from service.vehicles import Haulage

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """A sited and routed study, everything the layers are made of."""

    brief: Brief
    ground: Ground
    problem: Problem
    coefficients: Coefficients
    plan: Plan
    haulage: Haulage

    @property
    def through(self) -> Throughput:
        """Tonnes through every site."""
        return throughput(self.problem, self.plan)

    @property
    def shown(self) -> Plan:
        """The plan with the sites that are shown and counted: those that are real."""
        return without_virtual(self.problem, self.plan)

    @property
    def arc(self) -> Int:
        """The walking arc of each part, -1 where unserved."""
        return arc_of_part(self.problem, self.plan.site_of_part)


def frame(rows: Mapping[str, object], geometry: Iterable[object], crs: str) -> gpd.GeoDataFrame:
    """A table in WGS 84 from columns and metric geometry."""
    return to_wgs84(gpd.GeoDataFrame(dict(rows), geometry=list(geometry), crs=crs))


def site_layers(out: Outcome) -> dict[str, gpd.GeoDataFrame]:
    """One layer of open sites per tier, named by the tier's id."""
    through = out.through
    return {tier.id: _open_sites(out, level, through) for level, tier in enumerate(out.problem.network.tiers)}


def _open_sites(out: Outcome, level: int, through: Throughput) -> gpd.GeoDataFrame:
    problem, ground = out.problem, out.ground
    tier, places, opened = problem.network.tiers[level], ground.sites[level], out.shown.open_sites[level]
    site = opened.site
    load = through.entering[level][site]
    sizes = [tier.sizes[k] for k in opened.size]
    mass, bulk = load.sum(axis=1), load @ problem.m3_per_t(tier.state)
    capacity = np.array([s.capacity_t_per_day for s in sizes])
    volume = [s.capacity_m3_per_day for s in sizes]
    fill = np.maximum(mass / capacity, [0.0 if v is None else b / v for b, v in zip(bulk, volume, strict=True)])
    people = _served_people(out, level)
    fill = fill * problem.peak_factor  # on the peak day
    cost = out.coefficients.open_cny_per_year[level][site, opened.size]
    parcel = np.isfinite(places.area_m2[site])
    hosts = [ground.hosts.get(places.ids[s]) if level == 0 else None for s in site]
    rows = {
        "id": [places.ids[s] for s in site], "tier_id": tier.id, "size_id": [s.id for s in sizes],
        "type": [s.type for s in sizes], "status": [places.status[s] for s in site],
        "host_kind": [None if host is None else host.kind_id for host in hosts],
        "host_name": [None if host is None else host.name for host in hosts],
        "parcel_id": [places.ids[s] if on else None for s, on in zip(site, parcel, strict=True)],
        "zone_id": [places.zone_id[s] for s in site],
        "parcel_area_m2": [float(places.area_m2[s]) if on else None for s, on in zip(site, parcel, strict=True)],
        "site_area_m2": [s.area_m2 for s in sizes], "load_t_per_day": mass, "load_m3_per_day": bulk,
        "capacity_t_per_day": capacity, "capacity_m3_per_day": volume, "utilisation_share": fill,
        "persons_count": people[0][site], "households_count": people[1][site], "annual_cost_cny_per_year": cost,
        "feeds_id": _feeds(out, level, site),
        "visits_per_week_count": [_visits(out, level, places.ids[s]) for s in site],
        "snap_m": ground.snap_m[level][site], "estimated": estimated_land(out, parcel)}
    return frame(rows, shapely.points(places.xy[site]), out.brief.places.crs_metric)


def _visits(out: Outcome, level: int, site: str) -> float | None:
    visits = out.haulage.visits_per_week.get(site) if level == 0 else None
    return None if visits is None else float(visits)


def estimated_land(out: Outcome, on_parcel: NDArray[np.bool_]) -> list[bool]:
    """Whether the land of each site is estimated."""
    inputs = out.brief.study.inputs
    guessed = inputs.land is not None and inputs.land.estimated is not None
    return [bool(guessed and on) for on in on_parcel]


def _served_people(out: Outcome, level: int) -> tuple[Float, Float]:
    """Persons and households behind each site of a tier, by the share of tonnes that flow."""
    demand, plan, problem = out.problem.demand, out.plan, out.problem
    served = plan.site_of_part >= 0
    persons, households = (_per(plan.site_of_part[served], who[served], len(problem.sites[0]))
                           for who in (demand.persons, demand.households))
    for leg in range(level):
        flow = plan.flows[leg]
        tonnes = flow.t_per_day.sum(axis=1)
        sent = np.bincount(flow.origin, weights=tonnes, minlength=len(problem.sites[leg]))
        share = tonnes / np.maximum(sent[flow.origin], 1e-300)
        persons, households = (_per(flow.destination, who[flow.origin] * share, len(problem.sites[leg + 1]))
                               for who in (persons, households))
    return persons, households


def _feeds(out: Outcome, level: int, site: Int) -> list[str | None]:
    if level == len(out.plan.flows):
        return [None] * len(site)
    flow, above = out.plan.flows[level], [i.removeprefix(PREFIX) for i in out.ground.sites[level + 1].ids]
    most: dict[int, tuple[float, str]] = {}
    for a, b, tonnes in zip(flow.origin, flow.destination, flow.t_per_day.sum(axis=1), strict=True):
        if tonnes > most.get(int(a), (0.0, ""))[0]:
            most[int(a)] = (float(tonnes), above[b])
    return [most[int(s)][1] if int(s) in most else None for s in site]


def community_layer(out: Outcome) -> gpd.GeoDataFrame:
    """Every community with its demand and what becomes of it."""
    table, problem, through = out.brief.places.communities, out.problem, out.through
    owner, count = problem.demand.community_of, len(table)
    arc = out.arc
    served = arc >= 0
    generated = _per(owner, problem.demand.generated_t_per_day.sum(axis=1), count)
    unserved = _per(owner, through.unserved.sum(axis=1), count)
    lost = _per(owner, through.not_captured.sum(axis=1), count)
    captured = generated - unserved - lost
    persons = problem.demand.persons
    walked = np.zeros(len(arc))
    walked[served] = problem.walk.distance_m[arc[served]]
    with_site = _per(owner, np.where(served, persons, 0.0), count)
    access = _per(owner, walked * persons, count) / np.where(with_site > 0, with_site, np.nan)
    rows = {
        "id": [str(i) for i in table["id"]], "name": [None if pd.isna(v) else str(v) for v in table["name"]],
        "zone_id": [None if pd.isna(z) else str(z) for z in table["zone_id"]],
        "persons_count": table["population"].to_numpy(dtype=np.float64),
        "households_count": table["households"].to_numpy(dtype=np.float64),
        "area_m2": table["area_m2"].to_numpy(dtype=np.float64), "parts_count": np.bincount(owner, minlength=count),
        "generated_t_per_day": generated, "captured_t_per_day": np.maximum(captured, 0.0),
        "not_captured_t_per_day": lost, "unserved_t_per_day": unserved,
        "capture_share": np.divide(captured, generated, out=np.zeros(count), where=generated > 0).clip(0.0, 1.0),
        "access_m": [None if np.isnan(v) else float(v) for v in access],
        "estimated": estimated_communities(out.brief)}
    return frame(rows, community_outlines(out.brief), out.brief.places.crs_metric)


def zone_layer(out: Outcome) -> gpd.GeoDataFrame:
    """Key figures per zone, with one count of open sites per tier."""
    zones, problem, through = out.brief.places.zones, out.problem, out.through
    demand, arc, count = problem.demand, out.arc, len(zones)
    inside = demand.zone_of >= 0
    zone, served = demand.zone_of[inside], arc[inside] >= 0
    reach = np.zeros(len(demand.part_ids), dtype=bool)
    is_open = out.plan.open_sites[0].size_of(len(problem.sites[0])) >= 0
    reach[problem.walk.part[is_open[problem.walk.site]]] = True
    persons = demand.persons[inside]
    total = _per(zone, persons, count)
    covered = _per(zone, np.where(reach[inside], persons, 0.0), count)
    walked = np.zeros(len(zone))
    walked[served] = problem.walk.distance_m[arc[inside][served]]
    with_site = _per(zone, np.where(served, persons, 0.0), count)
    generated = _per(zone, demand.generated_t_per_day[inside].sum(axis=1), count)
    unserved = _per(zone, through.unserved[inside].sum(axis=1), count)
    lost = _per(zone, through.not_captured[inside].sum(axis=1), count)
    access = _per(zone, walked * persons, count) / np.where(with_site > 0, with_site, np.nan)
    rows: dict[str, object] = {
        "id": [str(i) for i in zones["id"]], "name": [None if pd.isna(v) else str(v) for v in zones["name"]],
        "persons_count": total, "covered_persons_count": covered,
        "coverage_share": np.divide(covered, total, out=np.zeros(count), where=total > 0),
        "generated_t_per_day": generated, "captured_t_per_day": np.maximum(generated - unserved - lost, 0.0),
        "unserved_t_per_day": unserved, "access_m": [None if np.isnan(v) else float(v) for v in access]}
    for level, tier in enumerate(problem.network.tiers):
        here = problem.sites[level].zone_of[out.plan.open_sites[level].site]
        rows[f"{tier.id}_count"] = np.bincount(here[here >= 0], minlength=count)
    return frame(rows, zones.geometry.array, out.brief.places.crs_metric)


def _per(index: Int, values: Float, count: int) -> Float:
    return np.bincount(index, weights=values, minlength=count).astype(np.float64)
