"""Layers of a result as tables in WGS 84: assignments, flows, tours and their stops, unserved demand, streets."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.direct import PREFIX
from optimizer.nearest import nearest_arcs
from optimizer.network import DAYS_PER_YEAR
from service.result_tables import Outcome, frame
from service.vehicles import trip_lines

Float = NDArray[np.float64]

NO_SITE_IN_REACH, NOT_WORTH_A_SITE = "no_site_within_walking_limit", "no_open_site_in_reach"
NO_ROOM, NEAREST_FULL = "no_open_site_with_room", "nearest_site_full"
UNSERVED_REASONS = (NO_SITE_IN_REACH, NOT_WORTH_A_SITE, NO_ROOM, NEAREST_FULL)


def assignment_layer(out: Outcome) -> gpd.GeoDataFrame:
    """From the middle of each served demand part to its site."""
    problem, demand, arc = out.problem, out.problem.demand, out.arc
    part = np.flatnonzero(arc >= 0)
    site = out.plan.site_of_part[part]
    ends = np.stack([out.ground.parts.xy[part], out.ground.sites[0].xy[site]], axis=1)
    share = problem.walk.captured_share[arc[part]]
    generated = demand.generated_t_per_day[part].sum(axis=1)
    rows = {
        "id": [demand.part_ids[p] for p in part], "part_id": [demand.part_ids[p] for p in part],
        "community_id": [demand.community_ids[c] for c in demand.community_of[part]],
        "site_id": [problem.sites[0].ids[s] for s in site], "distance_m": problem.walk.distance_m[arc[part]],
        "captured_share": share, "persons_count": demand.persons[part], "households_count": demand.households[part],
        "generated_t_per_day": generated, "captured_t_per_day": generated * share}
    return frame(rows, shapely.linestrings(ends), out.brief.places.crs_metric)


def unserved_layer(out: Outcome) -> gpd.GeoDataFrame:
    """Demand parts without a site, each with the reason."""
    problem, demand = out.problem, out.problem.demand
    part = np.flatnonzero(out.plan.site_of_part < 0)
    is_open = out.plan.open_sites[0].size_of(len(problem.sites[0])) >= 0
    reason = np.where(np.isin(part, problem.walk.part), NOT_WORTH_A_SITE, NO_SITE_IN_REACH)
    reason = np.where(np.isin(part, problem.walk.part[is_open[problem.walk.site]]), NO_ROOM, reason)
    if problem.assignment == "nearest":
        in_use = np.zeros(len(is_open), dtype=bool)
        in_use[out.plan.site_of_part[out.plan.site_of_part >= 0]] = True
        reason = np.where(nearest_arcs(problem, in_use)[part] >= 0, NEAREST_FULL, reason)
    lost = out.through.unserved[part].sum(axis=1)
    rows = {
        "id": [demand.part_ids[p] for p in part], "part_id": [demand.part_ids[p] for p in part],
        "community_id": [demand.community_ids[c] for c in demand.community_of[part]],
        "reason": reason, "persons_count": demand.persons[part],
        "unserved_t_per_day": lost}
    return frame(rows, shapely.points(out.ground.parts.xy[part]), out.brief.places.crs_metric)


def flow_layer(out: Outcome) -> gpd.GeoDataFrame:
    """Straight lines between sites of neighbouring tiers, one per material."""
    problem, tables = out.problem, []
    for leg, flow in enumerate(out.plan.flows):
        low, high, feed = out.ground.sites[leg], out.ground.sites[leg + 1], problem.feed_tier(leg).feed
        assert feed is not None
        real = ~problem.sites[leg].virtual[flow.origin]  # past a tier there is one direct flow
        row, material = np.nonzero(flow.t_per_day * real[:, None])
        direct = problem.sites[leg + 1].virtual[flow.destination[row]]
        a, b, tonnes = flow.origin[row], flow.destination[row], flow.t_per_day[row, material]
        per_year = out.coefficients.trip_cny[leg][a, b] * problem.trips_per_t(leg)[material] * tonnes * DAYS_PER_YEAR
        tiers = problem.network.tiers
        ids = [m.id for m in problem.network.materials]
        tables.append((
            {"id": [f"{tiers[leg].id}:{low.ids[i]}>{high.ids[j]}:{ids[m]}"
                    for i, j, m in zip(a, b, material, strict=True)],
             "from_id": [low.ids[i] for i in a], "to_id": [high.ids[j].removeprefix(PREFIX) for j in b],
             "from_tier_id": tiers[leg].id,
             "to_tier_id": [tiers[leg + 1 + past].id for past in direct.tolist()],
             "material_id": [ids[m] for m in material], "flow_t_per_day": tonnes,
             "flow_m3_per_day": tonnes * problem.m3_per_t(feed.state)[material],
             "distance_m": problem.legs[leg].loaded_m[a, b], "haul_cost_cny_per_year": per_year},
            shapely.linestrings(np.stack([low.xy[a], high.xy[b]], axis=1))))
    return _stack([frame(rows, lines, out.brief.places.crs_metric) for rows, lines in tables])


def route_layers(out: Outcome) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """One line per trip on the streets, and every stop of every trip."""
    lines = trip_lines(out.problem, out.ground, out.haulage.tours)
    place = {sites.tier_id: dict(zip(sites.ids, sites.xy, strict=True)) for sites in out.ground.sites}
    first, tiers = out.ground.sites[0].tier_id, [s.tier_id for s in out.ground.sites]
    routes: list[tuple[object, ...]] = []
    stops: list[tuple[object, ...]] = []
    geometry, points = [], []
    for tour in out.haulage.tours:
        for number, trip in enumerate(tour.trips, start=1):
            trip_id = f"{tour.id}/{number}"
            routes.append((trip_id, tour.id, tour.kind, tour.vehicle, tour.day, number, tour.base, len(trip.stops),
                           float(sum(trip.load_t)), float(sum(trip.load_m3)), trip.distance_m, trip.duration_s,
                           trip.start_s))
            geometry.append(shapely.linestrings(lines[tour.id, number]))
            mass = bulk = 0.0
            for order, site in enumerate(trip.stops):
                mass, bulk = mass + trip.load_t[order], bulk + trip.load_m3[order]
                stops.append((f"{trip_id}/{order + 1}", trip_id, tour.id, tour.day, order + 1, site,
                              trip.arrival_s[order], trip.service_s[order], trip.load_t[order], trip.load_m3[order],
                              mass, bulk))
                at = place[first] if tour.kind == "collection" else next(
                    place[t] for t in reversed(tiers) if site in place[t])
                points.append(shapely.points(at[site]))
    crs = out.brief.places.crs_metric
    return (frame(_columns(routes, ("id", "tour_id", "kind", "vehicle_id", "day", "trip_number", "base_id",
                                    "stops_count", "load_t", "load_m3", "distance_m", "duration_s", "start_s")),
                  geometry, crs),
            frame(_columns(stops, ("id", "trip_id", "tour_id", "day", "sequence", "site_id", "arrival_s", "service_s",
                                   "load_t", "load_m3", "cumulative_load_t", "cumulative_load_m3")), points, crs))


def street_layer(out: Outcome) -> gpd.GeoDataFrame:
    """The study's own streets, the basemap of every page: one line per street edge with its class."""
    streets = out.ground.streets
    rows = {"id": [f"s{n}" for n in range(len(streets.lines))], "highway": streets.highway}
    return frame(rows, streets.lines, out.brief.places.crs_metric)


def _columns(rows: list[tuple[object, ...]], names: tuple[str, ...]) -> dict[str, object]:
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _stack(frames: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    import pandas as pd

    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=frames[0].crs)
