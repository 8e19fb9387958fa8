"""The choices of a plan read back from the layers of a result folder."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from geodata.direct import PREFIX
from optimizer.bypass import with_used_ways
from optimizer.plan import Flows, OpenSites, Plan, SolveReport, Status, Tour, Trip
from optimizer.problem import Problem
from optimizer.transport import RoutingWarning
from service.plan_json import PlanJson
from service.vehicles import Loads

ROUTING_WARNINGS = frozenset({"point_without_load", "storage_below_daily_load", "point_out_of_reach",
                              "link_out_of_reach"})


class BadResultError(ValueError):
    """A layer that is missing, malformed, or speaks of things the study does not have."""


def layer_rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """Properties of the features of a layer, with their id as `id`; BadResultError when malformed."""
    try:
        document = json.loads((folder / "layers" / f"{name}.geojson").read_text(encoding="utf-8"))
        return [{**feature["properties"], "id": feature["id"]} for feature in document["features"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadResultError(f"layer '{name}' cannot be read: {error}") from error


def read_plan(folder: Path, problem: Problem, status: Status) -> Plan:
    """Open sites, assignments and flows of a folder; BadResultError for unknown ids and repeated choices."""
    try:
        opened = tuple(_open_sites(folder, problem, level) for level in range(len(problem.sites)))
        flows = _flows(folder, problem)
        return Plan(with_used_ways(problem, opened, flows), _assignments(folder, problem), flows,
                    SolveReport(status, 0.0, None))
    except KeyError as error:
        raise BadResultError(f"a layer lacks or does not know {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise BadResultError(f"a layer holds a value of the wrong kind: {error}") from error


def _open_sites(folder: Path, problem: Problem, level: int) -> OpenSites:
    tier = problem.network.tiers[level]
    site_index = {i: n for n, i in enumerate(problem.sites[level].ids)}
    size_index = {s.id: n for n, s in enumerate(tier.sizes)}
    rows = layer_rows(folder, tier.id)
    site = np.array([site_index[row["id"]] for row in rows], dtype=np.int64)
    size = np.array([size_index[row["size_id"]] for row in rows], dtype=np.int64)
    if len(np.unique(site)) != len(site):
        raise BadResultError(f"layer '{tier.id}' opens a site twice")
    order = np.argsort(site, kind="stable")
    return OpenSites(site[order], size[order])


def _assignments(folder: Path, problem: Problem) -> np.ndarray[Any, np.dtype[np.int64]]:
    part_index = {i: n for n, i in enumerate(problem.demand.part_ids)}
    site_index = {i: n for n, i in enumerate(problem.sites[0].ids)}
    used = np.full(len(part_index), -1, dtype=np.int64)
    for row in layer_rows(folder, "assignments"):
        part = part_index[row["part_id"]]
        if used[part] >= 0:
            raise BadResultError(f"part '{row['part_id']}' is assigned twice")
        used[part] = site_index[row["site_id"]]
    return used


def _flows(folder: Path, problem: Problem) -> tuple[Flows, ...]:
    tiers = [t.id for t in problem.network.tiers]
    material = {m.id: n for n, m in enumerate(problem.network.materials)}
    index = [{i: n for n, i in enumerate(sites.ids)} for sites in problem.sites]
    tables: list[dict[tuple[int, int], Any]] = [{} for _ in problem.legs]
    for row in layer_rows(folder, "flows"):
        leg = tiers.index(row["from_tier_id"]) if row["from_tier_id"] in tiers else -1
        past = 0 <= leg < len(tiers) - 2 and tiers[leg + 2] == row["to_tier_id"]
        past = past and problem.network.tiers[leg + 1].bypass
        if leg < 0 or leg + 1 >= len(tiers) or not (past or tiers[leg + 1] == row["to_tier_id"]):
            raise BadResultError(f"flow '{row['id']}' does not run between neighbouring tiers")
        to = index[leg + 1][(PREFIX if past else "") + row["to_id"]]
        what, flow_t = material[row["material_id"]], float(row["flow_t_per_day"])
        tonnes = tables[leg].setdefault((index[leg][row["from_id"]], to), np.zeros(len(material)))
        if tonnes[what] != 0.0:
            raise BadResultError(f"flow '{row['id']}' is there twice")
        tonnes[what] = flow_t
        if past:
            tables[leg + 1].setdefault((to, index[leg + 2][row["to_id"]]), np.zeros(len(material)))[what] += flow_t
    return tuple(
        Flows(np.array([a for a, _ in table], dtype=np.int64), np.array([b for _, b in table], dtype=np.int64),
              np.array(list(table.values())).reshape(-1, len(material))) for table in tables)


def read_tours(folder: Path, problem: Problem, plan: PlanJson) -> tuple[tuple[Tour, ...], tuple[RoutingWarning, ...]]:
    """The tours of a folder and the warnings that belong to them; BadResultError when layers do not fit together."""
    stops: dict[str, list[dict[str, Any]]] = defaultdict(list)
    known = {v.id for v in problem.network.vehicles}
    try:
        for row in layer_rows(folder, "stops"):
            stops[row["trip_id"]].append(row)
        trips: dict[str, list[tuple[int, Trip]]] = defaultdict(list)
        heads: dict[str, dict[str, Any]] = {}
        for row in layer_rows(folder, "routes"):
            inside = sorted(stops.pop(row["id"], []), key=lambda stop: int(stop["sequence"]))
            if row["vehicle_id"] not in known:
                raise BadResultError(f"trip '{row['id']}' has the unknown vehicle '{row['vehicle_id']}'")
            head = heads.setdefault(row["tour_id"], row)
            if any(row[k] != head[k] for k in ("base_id", "vehicle_id", "day", "kind")):
                raise BadResultError(f"the trips of tour '{row['tour_id']}' disagree")
            trips[row["tour_id"]].append((int(row["trip_number"]), _trip(row, inside)))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadResultError(f"routes or stops: {error}") from error
    if stops:
        raise BadResultError(f"stops of unknown trips: {sorted(stops)[:5]}")
    tours = tuple(
        Tour(name, head["base_id"], head["vehicle_id"], int(head["day"]),
             tuple(trip for _, trip in sorted(trips[name], key=lambda item: item[0])), head["kind"])
        for name, head in heads.items())
    warnings = tuple(RoutingWarning(w.code, w.feature_id or "", w.text.en) for w in plan.warnings
                     if w.code in ROUTING_WARNINGS)
    return tours, warnings


def _trip(row: dict[str, Any], stops: list[dict[str, Any]]) -> Trip:
    return Trip(
        stops=tuple(str(s["site_id"]) for s in stops), load_t=tuple(float(s["load_t"]) for s in stops),
        load_m3=tuple(float(s["load_m3"]) for s in stops), distance_m=float(row["distance_m"]),
        duration_s=float(row["duration_s"]), start_s=float(row["start_s"]),
        arrival_s=tuple(float(s["arrival_s"]) for s in stops), service_s=tuple(float(s["service_s"]) for s in stops))


def visits_of(tours: tuple[Tour, ...], loads: Loads) -> dict[str, int]:
    """Visit days a week of every point that is collected from."""
    days: dict[str, set[int]] = {point: set() for area in loads.areas for point in area.point_ids}
    for tour in tours:
        if tour.kind == "collection":
            for trip in tour.trips:
                for stop in trip.stops:
                    days.setdefault(stop, set()).add(tour.day)
    return {point: len(found) for point, found in days.items()}
