"""A small but complete result folder: 3 zones, 12 communities on a street grid, 6 points, 2 stations, 1 centre.

Everything obeys the layer schemas and the mass balance, so that the API, the report and the map can be tried on it.
"""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import geopandas
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from optimizer.network import Title
from service.geojson import write_layer
from service.geopackage import write_geopackage
from service.plan_json import (
    Assumption,
    Balance,
    Kpi,
    PlanJson,
    PlanWarning,
    RuleVerdict,
    TierSummary,
    write_plan_json,
)
from service.report import write_report

ATTRIBUTION = "(c) OpenStreetMap contributors, ODbL"
ESTIMATED = ["Population shares of communities are estimated"]
WEST, SOUTH, STEP = 114.26, 30.57, 0.005
"""Corner of the town and the side of a block, degrees."""
TIERS = ("collection_point", "transfer_station", "sorting_center")
GENERATED_T, CAPTURED_SHARE = 0.9, 0.4
"""Per community: 12 of them, the last one unserved."""


def build_small_run(folder: Path) -> Path:
    """Write the result folder and return it."""
    folder.mkdir(parents=True)
    layers, streets = small_layers(), small_streets()
    plan = small_plan()
    write_plan_json(folder / "plan.json", plan)
    (folder / "layers").mkdir()
    for name, features in {**layers, "streets": streets}.items():
        write_layer(folder / "layers" / f"{name}.geojson", name, features, title=name, attribution=ATTRIBUTION,
                    estimated=ESTIMATED)
    write_geopackage(folder / "plan.gpkg", layers, titles={n: n for n in layers}, attribution=ATTRIBUTION,
                     estimated=ESTIMATED)
    write_report(folder / "report.html", plan, layers, streets)
    with (files("configs") / "networks" / "urban_three_tier.yaml").open("rb") as network:
        (folder / "networks").mkdir()
        (folder / "networks" / "urban_three_tier.yaml").write_bytes(network.read())
    (folder / "study.yaml").write_text("schema_version: 1\nstudy: small\n", encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps({"schema_version": 1, "seed": 1}), encoding="utf-8")
    (folder / "certificate.json").write_text(json.dumps({"schema_version": 1}), encoding="utf-8")
    return folder


def copy_small_run(source: Path, target: Path) -> Path:
    """A second run folder with the same content."""
    shutil.copytree(source, target)
    return target


def small_layers() -> dict[str, geopandas.GeoDataFrame]:
    """All layers of design section 4, in WGS 84."""
    points = [_corner(c, r) for r in (1, 2) for c in (1, 2, 3)]
    stations, centre = [_corner(1, 0), _corner(3, 3)], [_corner(4, 0)]
    layers = {"communities": _communities(), "candidates": _candidates(points, stations, centre),
              "zones": _zones(), "unserved": _unserved()}
    for tier, places in zip(TIERS, (points, stations, centre), strict=True):
        layers[tier] = _sites(tier, places)
    layers["assignments"] = _assignments(points)
    layers["flows"] = _flows(points, stations, centre)
    layers["routes"], layers["stops"] = _routes(points, stations)
    return layers


def small_streets() -> geopandas.GeoDataFrame:
    """The street grid, one line per block side."""
    rows = []
    for r in range(4):
        for c in range(5):
            kind = "primary" if r == 0 else "residential"
            if c < 4:
                rows.append((kind, LineString([_corner(c, r), _corner(c + 1, r)])))
            if r < 3:
                upward = LineString([_corner(c, r), _corner(c, r + 1)])
                rows.append(("secondary" if c == 2 else "residential", upward))
    return _frame([{"id": f"s{n}", "highway": kind} for n, (kind, _) in enumerate(rows)], [g for _, g in rows])


def small_plan() -> PlanJson:
    """The plan summary that fits the layers."""
    captured, unserved = 11 * GENERATED_T * CAPTURED_SHARE, GENERATED_T
    generated = 12 * GENERATED_T
    titles = [Title(zh="交投点", en="Collection point"), Title(zh="中转站", en="Transfer station"),
              Title(zh="分拣中心", en="Sorting centre")]
    return PlanJson(
        study="small", title=Title(zh="小镇回收网络", en="Small town recycling network"), year=2025, status="feasible",
        objective_cny_per_year=1_954_000.0, bound_cny_per_year=1_931_000.0, gross_cost_cny_per_year=4_210_000.0,
        gap=(1_954_000.0 - 1_931_000.0) / 4_210_000.0, routed_cost_cny_per_year=402_000.0,
        tiers=tuple(TierSummary(id=i, title=t, open_count=n, candidate_count=m)
                    for i, t, n, m in zip(TIERS, titles, (6, 2, 1), (14, 4, 2), strict=True)),
        kpis={"coverage_share": Kpi(value=11 / 12, unit="1", title=Title(zh="覆盖人口", en="Population covered")),
              "access_mean_m": Kpi(value=212.4, unit="m", title=Title(zh="平均步行距离", en="Mean walking distance")),
              "captured_t_per_day": Kpi(value=captured, unit="t/day", title=Title(zh="回收量", en="Captured")),
              "haul_cost_cny_per_year": Kpi(value=380_000.0, unit="CNY/year",
                                            title=Title(zh="运输成本", en="Haulage"))},
        balance=(Balance(material_id="paper", title=Title(zh="废纸", en="Paper and board"),
                         generated_t_per_day=generated, captured_t_per_day=captured, unserved_t_per_day=unserved,
                         not_captured_t_per_day=generated - captured - unserved, rejected_t_per_day=0.0),),
        rules=(RuleVerdict(rule="SBT_10719_2012", clause="5.1", title=Title(zh="每点户数", en="Households per point"),
                           verdict="applied", measured="1,873", required="<= 2,000", source="SB/T 10719-2012"),
               RuleVerdict(rule="SBT_10719_2012", clause="5.3", title=Title(zh="每街道一座中转站", en="One station per "
                           "sub-district"), verdict="not_applicable", source="SB/T 10719-2012")),
        assumptions=(Assumption(parameter="access.decay_m", value=500, mark="A", source="engineering assumption"),
                     Assumption(parameter="materials.glass.price_cny_per_t", value=100, mark="S",
                                source="Hangzhou report"),
                     Assumption(parameter="vehicles.hook_lift.co2_kg_per_km", value=0.858, mark="M", source="memory")),
        warnings=(PlanWarning(code="far_from_street", feature_id="p4",
                              text=Title(zh="距道路 41 米", en="41 m from a street")),),
        estimated=(Title(zh="社区人口为估计", en=ESTIMATED[0]),), attribution=(ATTRIBUTION,),
        labels={"staffed_1t": Title(zh="有人值守 1吨/日", en="Staffed 1 t/day"),
                "too_far": Title(zh="步行范围内无交投点", en="No point within the walking limit")},
        timings_s={"siting": 1.5, "routing": 0.4})


def _along_streets(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """From place to place on the grid: first along the row, then along the column."""
    path = [places[0]]
    for x, y in places[1:]:
        for step in ((x, path[-1][1]), (x, y)):
            if step != path[-1]:
                path.append(step)
    return path


def _corner(column: float, row: float) -> tuple[float, float]:
    return WEST + column * STEP, SOUTH + row * STEP


def _frame(rows: list[dict[str, object]], geometry: list[object]) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(rows, geometry=geometry, crs="EPSG:4326")


def _block(column: int, row: int) -> Polygon:
    return box(*_corner(column, row), *_corner(column + 1, row + 1), ccw=False)  # clockwise on purpose


def _communities() -> geopandas.GeoDataFrame:
    rows, shapes = [], []
    for r in range(3):
        for c in range(4):
            served = (c, r) != (3, 2)
            captured = GENERATED_T * CAPTURED_SHARE if served else 0.0
            rows.append({"id": f"c{r}{c}", "name": f"社区 {r}{c}", "zone_id": f"z{r}", "persons_count": 3000.0,
                         "households_count": 1136.4, "area_m2": 266_000.0, "parts_count": 1,
                         "generated_t_per_day": GENERATED_T, "captured_t_per_day": captured,
                         "not_captured_t_per_day": GENERATED_T - captured if served else 0.0,
                         "unserved_t_per_day": 0.0 if served else GENERATED_T,
                         "capture_share": 0.1 * (1 + c) if served else 0.0,
                         "access_m": 180.0 + 20 * c if served else None, "estimated": True})
            shapes.append(_block(c, r))
    return _frame(rows, shapes)


def _zones() -> geopandas.GeoDataFrame:
    rows = [{"id": f"z{r}", "name": f"第{r + 1}片区", "persons_count": 12000.0, "covered_persons_count": 12000.0,
             "coverage_share": 1.0, "generated_t_per_day": 3.6, "captured_t_per_day": 1.44, "unserved_t_per_day": 0.0,
             "access_m": 210.0, **{f"{t}_count": 1 for t in TIERS}} for r in range(3)]
    return _frame(rows, [MultiPolygon([box(*_corner(0, r), *_corner(4, r + 1))]) for r in range(3)])


def _sites(tier: str, places: list[tuple[float, float]]) -> geopandas.GeoDataFrame:
    load = 11 * GENERATED_T * CAPTURED_SHARE / len(places)
    capacity = 2.0 if tier == TIERS[0] else 20.0
    prefix = tier[0]
    size = {"collection_point": "staffed_1t", "transfer_station": "station_20t"}.get(tier, "comprehensive_82t")
    return _frame([{
        "id": f"{prefix}{n}", "tier_id": tier, "size_id": size, "type": "staffed", "status": "new",
        "host_kind": None, "host_name": None,
        "parcel_id": None if tier == TIERS[0] else f"L{n}", "zone_id": "z1",
        "parcel_area_m2": None if tier == TIERS[0] else 900.0, "site_area_m2": 10.0 if tier == TIERS[0] else 500.0,
        "load_t_per_day": load, "load_m3_per_day": load * 8, "capacity_t_per_day": capacity,
        "capacity_m3_per_day": None, "utilisation_share": load / capacity, "persons_count": 33000.0 / len(places),
        "households_count": 12500.0 / len(places), "annual_cost_cny_per_year": 70_000.0,
        "feeds_id": None if tier == TIERS[2] else "s0", "visits_per_week_count": 6.0, "snap_m": 3.2, "estimated": False,
    } for n in range(len(places))], [Point(p) for p in places])


def _candidates(*tiers: list[tuple[float, float]]) -> geopandas.GeoDataFrame:
    rows, shapes = [], []
    for tier, places in zip(TIERS, tiers, strict=True):
        for n, place in enumerate([*places, _corner(0.5, 2.5)]):
            is_open = n < len(places)
            rows.append({"id": f"{tier}-{n}", "tier_id": tier, "status": "open" if is_open else "rejected",
                         "reason": None if is_open else "too_small",
                         **dict.fromkeys(("reasons", "reasons_zh", "reasons_en"), None if is_open else "too_small"),
                         "host_kind": None, "host_name": None, "parcel_id": None, "zone_id": "z1",
                         "parcel_area_m2": 900.0 if is_open else 50.0,
                         "largest_size_id": "station_20t" if is_open else None,
                         "snap_m": 2.0, "usable_area_m2": None, "slope_share": None, "access_m": None,
                         "suitability_share": None, "estimated": True})
            shapes.append(Point(place))
    return _frame(rows, shapes)


def _unserved() -> geopandas.GeoDataFrame:
    return _frame([{"id": "c23#1", "part_id": "c23#1", "community_id": "c23", "reason": "too_far",
                    "persons_count": 3000.0, "unserved_t_per_day": GENERATED_T}], [Point(_corner(3.5, 2.5))])


def _assignments(points: list[tuple[float, float]]) -> geopandas.GeoDataFrame:
    rows, shapes = [], []
    for n in range(11):
        c, r = n % 4, n // 4
        rows.append({"id": f"c{r}{c}#1", "part_id": f"c{r}{c}#1", "community_id": f"c{r}{c}", "site_id": f"c{n % 6}",
                     "distance_m": 212.4, "captured_share": CAPTURED_SHARE, "persons_count": 3000.0,
                     "households_count": 1136.4, "generated_t_per_day": GENERATED_T,
                     "captured_t_per_day": GENERATED_T * CAPTURED_SHARE})
        shapes.append(LineString([_corner(c + 0.5, r + 0.5), points[n % 6]]))
    return _frame(rows, shapes)


def _flows(points: list[tuple[float, float]], stations: list[tuple[float, float]],
           centre: list[tuple[float, float]]) -> geopandas.GeoDataFrame:
    total = 11 * GENERATED_T * CAPTURED_SHARE
    arcs = [(f"c{n}", f"t{n % 2}", TIERS[0], TIERS[1], p, stations[n % 2], total / 6) for n, p in enumerate(points)]
    arcs += [(f"t{n}", "s0", TIERS[1], TIERS[2], s, centre[0], total / 2) for n, s in enumerate(stations)]
    return _frame([{"id": f"{a}>{b}:paper", "from_id": a, "to_id": b, "from_tier_id": ta, "to_tier_id": tb,
                    "material_id": "paper", "flow_t_per_day": t, "flow_m3_per_day": 8 * t, "distance_m": 900.0,
                    "haul_cost_cny_per_year": 21_000.0} for a, b, ta, tb, _, _, t in arcs],
                  [LineString([p, q]) for *_, p, q, _ in arcs])


def _routes(points: list[tuple[float, float]],
            stations: list[tuple[float, float]]) -> tuple[geopandas.GeoDataFrame, geopandas.GeoDataFrame]:
    routes, lines, stops, places = [], [], [], []
    for base, station in enumerate(stations):
        for day in range(1, 7):
            trip = f"t{base}-d{day}-1"
            served = [n for n in range(6) if n % 2 == base]
            path = _along_streets([station, *(points[n] for n in served), station])
            routes.append({"id": trip, "tour_id": f"t{base}-d{day}", "kind": "collection", "day": day,
                           "vehicle_id": "light_box_truck", "trip_number": 1, "base_id": f"t{base}",
                           "stops_count": len(served), "load_t": 1.1, "load_m3": 9.0, "distance_m": 4200.0,
                           "duration_s": 5400.0, "start_s": 0.0})
            lines.append(LineString(path))
            for k, n in enumerate(served, start=1):
                stops.append({"id": f"{trip}-{k}", "trip_id": trip, "tour_id": f"t{base}-d{day}", "day": day,
                              "sequence": k, "site_id": f"c{n}", "arrival_s": 600.0 * k, "service_s": 850.0,
                              "load_t": 0.37, "load_m3": 3.0, "cumulative_load_t": 0.37 * k,
                              "cumulative_load_m3": 3.0 * k})
                places.append(Point(points[n]))
    return _frame(routes, lines), _frame(stops, places)
