"""The whole program on a tiny town: what a run leaves, and that its figures can be worked out again from its layers."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
import yaml

from tests.service.tiny_town import TinyTown, features, packaged_network, plan_of, recynet

TIERS = ("collection_point", "transfer_station", "sorting_center")
DAYS = 365.0
LAYERS = (*TIERS, "communities", "candidates", "assignments", "flows", "routes", "stops", "unserved", "zones",
          "streets")


def result_of(town: TinyTown) -> Path:
    out = town.folder / "out"
    done = recynet("run", town.write(), "--out", out)
    assert done.exit_code == 0, done.output
    return out


def specialised(folder: Path) -> TinyTown:
    """Centres for paper and for the rest, no comprehensive one: both kinds are needed. At a third of their price, as a
    town this small pays for no two of them."""
    town, network = TinyTown(folder), packaged_network()
    sizes = network["tiers"][2]["sizes"]
    every = [m["id"] for m in network["materials"]]
    rest = {**sizes[4], "id": "rest_60t", "accepts": [m for m in every if m != "paper"]}
    third = ("build_cost_cny", "fixed_cost_cny_per_year")
    network["tiers"][2]["sizes"] = [{**size, **{name: size[name] / 3 for name in third}} for size in (sizes[3], rest)]
    town.add_network("specialised_centres", network)
    return town


def with_quota(folder: Path) -> TinyTown:
    """At least one station in every district, which nobody would build in the west; a clause of another level."""
    town = TinyTown(folder)
    clause = {"kind": "min_sites_per_zone", "tier": "transfer_station", "value": 1}
    town.add_rule("STATIONS", {"id": "in_district", "zone_level": "district", **clause},
                  {"id": "in_town", "zone_level": "town", **clause, "value": 9})
    return town


def with_existing(folder: Path) -> TinyTown:
    """A station to keep in a corner, one that must close, a centre that may close, a point to keep."""
    town = TinyTown(folder)
    town.add_existing(
        ("K1", "transfer_station", "keep", "station_20t", (5, 5), 0.0),
        ("M1", "transfer_station", "must_close", "station_50t", (405, 405), 0.0),
        ("Y1", "sorting_center", "may_close", "comprehensive_600t", (795, 5), 900_000.0),
        ("K2", "collection_point", "keep", "staffed_1t", (795, 595), 0.0))
    return town


VARIANTS = {"specialised": specialised, "quota": with_quota, "existing": with_existing}


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyTown]:
    towns = {name: make(tmp_path_factory.mktemp(name)) for name, make in VARIANTS.items()}
    for town in towns.values():
        result_of(town)
    return towns


@pytest.fixture(params=["packaged", *VARIANTS])
def town(request: pytest.FixtureRequest, tiny_town: TinyTown, variants: dict[str, TinyTown]) -> TinyTown:
    """Every town with its result in `out`."""
    return tiny_town if request.param == "packaged" else variants[request.param]


# -- what a run leaves --------------------------------------------------------------------------------------

def test_the_folder_has_exactly_its_files(town: TinyTown) -> None:
    out = town.folder / "out"
    rules = [f"rules/{name}.yaml" for name in town.study.get("rules", ())]
    expected = {"plan.json", "plan.gpkg", "manifest.json", "certificate.json", "certificate.npz", "study.yaml",
                "cache/ground.npz",
                "report.html", f"networks/{town.study['network']}.yaml", *rules,
                *(f"layers/{name}.geojson" for name in LAYERS)}
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == expected
    assert [p.name for p in town.folder.iterdir() if p.name.startswith(".")] == []


def test_same_seed_same_bytes(tiny_town: TinyTown, tmp_path: Path) -> None:
    """Layers, certificate and plan.json (timings apart) are the same on a second run, in two processes or in one."""
    again = tmp_path / "again"
    done = recynet("run", tiny_town.folder / "study.yaml", "--out", again, "--set", "solve.threads=2", "--set",
                   "routing.threads=2")
    assert done.exit_code == 0
    first = tiny_town.folder / "out"
    for name in [*(f"layers/{layer}.geojson" for layer in LAYERS), "certificate.json"]:
        assert (again / name).read_bytes() == (first / name).read_bytes(), name
    one, two = plan_of(first), plan_of(again)
    assert one.pop("timings_s").keys() == two.pop("timings_s").keys()
    assert one == two
    assert json.loads((again / "manifest.json").read_text(encoding="utf-8"))["reproducible"] is True


# -- what the figures say -----------------------------------------------------------------------------------

def objective_from_layers(town: TinyTown) -> float:
    """CNY per year from the layers and the folder's network, written out without a line of the program."""
    out = town.folder / "out"
    network = yaml.safe_load((out / "networks" / f"{town.study['network']}.yaml").read_text(encoding="utf-8"))
    money, rate = network["money"], network["money"]["discount_rate"]
    materials = {m["id"]: m for m in network["materials"]}
    vehicles = {v["id"]: v for v in network["vehicles"]}
    flows = features(out, "flows")
    total = sum(f["haul_cost_cny_per_year"] for f in flows)
    total += DAYS * money["unserved_cny_per_t"] * sum(f["unserved_t_per_day"] for f in features(out, "unserved"))
    for level, tier in enumerate(network["tiers"]):
        annuity = rate / (1 - (1 + rate) ** -tier["life_years"]) if rate else 1 / tier["life_years"]
        sizes = {s["id"]: s for s in tier["sizes"]}
        sites = features(out, tier["id"])
        for site in sites:
            size = sizes[site["size_id"]]
            total += size["fixed_cost_cny_per_year"]
            total += size["build_cost_cny"] * annuity if site["status"] == "new" else 0.0
        for old in existing(town):
            if (old["tier"], old["status"]) == (tier["id"], "may_close") and old["id"] not in {s["id"] for s in sites}:
                total += old["closing_cost_cny"] * annuity
        side = "from_tier_id" if level == 0 else "to_tier_id"
        for flow in flows:
            if flow[side] == tier["id"]:
                material = materials[flow["material_id"]]
                truck = vehicles[tier["feed"]["vehicle"]] if level else None
                last = tier is network["tiers"][-1]
                total += DAYS * flow["flow_t_per_day"] * per_tonne(tier, material, truck, money, last=last)
    return float(total)


def per_tonne(tier: dict[str, Any], material: dict[str, Any], truck: dict[str, Any] | None, money: dict[str, Any], *,
              last: bool) -> float:
    """CNY of a tonne that enters a tier: handling, residue, loading and stops on the way, at the end what it earns."""
    residue = material["residue_share"] if tier.get("removes_residue") else 0.0
    cost = tier.get("variable_cost_cny_per_t", 0.0) + residue * money["residue_cny_per_t"]
    if truck is not None:
        stops, detour_km = tier["feed"].get("stops_per_t", 0), tier["feed"].get("detour_m_per_stop", 0) / 1000
        hours = stops * detour_km / truck["speed_km_per_h"]["default"]
        second = (truck["fixed_cny_per_day"] + truck["crew_cny_per_day"]) / (truck["shift_s"] - truck["break_s"])
        cost += (truck["load_s_per_t"] + stops * truck["stop_s"] + 3600 * hours) * second
        carbon_cny_per_km = truck["co2_kg_per_km"] / 1000 * money["carbon_cny_per_t"]
        cost += stops * detour_km * (truck["cost_cny_per_km"] + carbon_cny_per_km)
    if last:
        cost -= material["price_cny_per_t"] * (1 - residue)
        cost -= material.get("subsidy_cny_per_t", 0.0) if material.get("low_value") else 0.0
    return float(cost)


def existing(town: TinyTown) -> list[dict[str, Any]]:
    table = town.layers.get("existing_sites")
    return [] if table is None else [dict(row) for row in table.drop(columns="geometry").to_dict("records")]


def test_the_objective_from_the_layers(town: TinyTown) -> None:
    plan = plan_of(town.folder / "out")
    assert objective_from_layers(town) == pytest.approx(plan["objective_cny_per_year"], rel=1e-7)
    assert plan["bound_cny_per_year"] <= plan["objective_cny_per_year"]
    gap = (plan["objective_cny_per_year"] - plan["bound_cny_per_year"]) / plan["gross_cost_cny_per_year"]
    assert plan["gap"] == pytest.approx(gap, abs=1e-9)


def test_mass_balance_of_every_material(town: TinyTown) -> None:
    """generated = captured + not captured + unserved + rejected; generated by the population, captured as it flows."""
    out = town.folder / "out"
    persons = float(town.layers["communities"]["population"].sum())
    rates = {m["id"]: m["kg_per_person_day"] for m in packaged_network()["materials"]}
    flows = features(out, "flows")
    balance = plan_of(out)["balance"]
    assert {row["material_id"] for row in balance} == set(rates)
    for row in balance:
        away = sum(row[f"{k}_t_per_day"] for k in ("captured", "not_captured", "unserved", "rejected"))
        assert row["generated_t_per_day"] == pytest.approx(away, abs=1e-6)
        assert row["generated_t_per_day"] == pytest.approx(persons * rates[row["material_id"]] / 1000, abs=1e-6)
        first = sum(f["flow_t_per_day"] for f in flows
                    if f["material_id"] == row["material_id"] and f["from_tier_id"] == TIERS[0])
        assert row["captured_t_per_day"] == pytest.approx(first, abs=1e-6)
    parts = features(out, "communities")
    for part in parts:
        assert part["generated_t_per_day"] == pytest.approx(
            part["captured_t_per_day"] + part["not_captured_t_per_day"] + part["unserved_t_per_day"], abs=1e-6)


def test_no_site_holds_more_than_it_can(town: TinyTown) -> None:
    """Loads added up from assignments and flows, in tonnes, cubic metres and households."""
    out = town.folder / "out"
    network = yaml.safe_load((out / "networks" / f"{town.study['network']}.yaml").read_text(encoding="utf-8"))
    material = {m["id"]: m for m in network["materials"]}
    load: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    accepted: dict[tuple[str, str], set[str]] = defaultdict(set)
    state = {tier["id"]: tier["state"] for tier in network["tiers"]}
    for flow in features(out, "flows"):
        for end, is_first in (("from", True), ("to", False)):
            tier = flow[f"{end}_tier_id"]
            if is_first == (tier == TIERS[0]):
                site = tier, flow[f"{end}_id"]
                load[site][0] += flow["flow_t_per_day"]
                load[site][1] += flow["flow_t_per_day"] / material[flow["material_id"]]["density_t_per_m3"][state[tier]]
                accepted[site].add(flow["material_id"])
    households: dict[str, float] = defaultdict(float)
    for row in features(out, "assignments"):
        households[row["site_id"]] += row["households_count"]
    for tier in network["tiers"]:
        sizes = {s["id"]: s for s in tier["sizes"]}
        for site in features(out, tier["id"]):
            size, (mass, bulk) = sizes[site["size_id"]], load[tier["id"], site["id"]]
            assert mass == pytest.approx(site["load_t_per_day"], abs=1e-6)
            assert mass <= size["capacity_t_per_day"] + 1e-6
            assert bulk <= size.get("capacity_m3_per_day", math.inf) + 1e-6
            assert accepted[tier["id"], site["id"]] <= set(size.get("accepts", material))
    assert max(households.values()) <= network["tiers"][0]["max_households_per_site"] + 1e-6


def test_rejected_parcels_say_why(tiny_town: TinyTown) -> None:
    table = {c["id"]: c for c in features(tiny_town.folder / "out", "candidates")}
    rejected = {i: c["reason"] for i, c in table.items() if c["status"] == "rejected"}
    assert rejected == {
        "transfer_station:P5": "area_below_min", "transfer_station:P6": "land_use_not_allowed",
        "sorting_center:P3": "area_below_min", "sorting_center:P4": "area_below_min",
        "sorting_center:P5": "area_below_min", "sorting_center:P6": "land_use_not_allowed"}
    assert all(c["reason"] is None for i, c in table.items() if i not in rejected)
    opened = {f"{tier}:{s['id']}" for tier in TIERS for s in features(tiny_town.folder / "out", tier)}
    assert {i for i, c in table.items() if c["status"] == "open"} == opened


def test_specialised_centres_share_the_materials(variants: dict[str, TinyTown]) -> None:
    out = variants["specialised"].folder / "out"
    assert {s["size_id"] for s in features(out, "sorting_center")} == {"paper_150t", "rest_60t"}
    size = {s["id"]: s["size_id"] for s in features(out, "sorting_center")}
    taken = {(size[f["to_id"]], f["material_id"] == "paper") for f in features(out, "flows")
             if f["to_tier_id"] == "sorting_center"}
    assert taken == {("paper_150t", True), ("rest_60t", False)}


def test_a_minimum_count_is_met_in_every_zone(variants: dict[str, TinyTown], tiny_town: TinyTown) -> None:
    out = variants["quota"].folder / "out"
    assert {s["zone_id"] for s in features(out, "transfer_station")} == {"W", "E"}
    assert {s["zone_id"] for s in features(tiny_town.folder / "out", "transfer_station")} != {"W", "E"}
    verdicts = {r["clause"]: (r["verdict"], r["required"]) for r in plan_of(out)["rules"]}
    assert verdicts == {"in_district": ("applied", "1"), "in_town": ("not_applicable", "9")}
    free = plan_of(tiny_town.folder / "out")
    assert plan_of(out)["objective_cny_per_year"] >= free["bound_cny_per_year"]


def test_existing_sites_stay_close_or_go(variants: dict[str, TinyTown]) -> None:
    out = variants["existing"].folder / "out"
    stations = {s["id"]: s for s in features(out, "transfer_station")}
    assert (stations["K1"]["status"], stations["K1"]["size_id"]) == ("keep", "station_20t")
    assert "K2" in {s["id"] for s in features(out, "collection_point")}
    assert "M1" not in stations
    table = {c["id"]: c for c in features(out, "candidates")}
    gone = table["transfer_station:M1"]
    assert (gone["status"], gone["reason"]) == ("rejected", "must_close")
    # running the old centre of 600 t costs 18.3 M CNY a year, closing it 78,466 CNY: a new one of 82 t is cheaper
    assert "Y1" not in {s["id"] for s in features(out, "sorting_center")}


# -- on the streets -----------------------------------------------------------------------------------------

def test_trips_follow_the_streets_the_right_way(tiny_town: TinyTown) -> None:
    """Every leg between two vertices lies on one street of the input, and is driven in a direction it allows."""
    routes = gpd.read_file(tiny_town.folder / "out" / "layers" / "routes.geojson").to_crs(tiny_town.layers["roads"].crs)
    roads = tiny_town.layers["roads"]
    lines, oneway = roads.geometry.to_numpy(), roads["oneway"].to_numpy()
    oneway_legs = 0
    for route in routes.geometry:
        points = shapely.points(shapely.get_coordinates(route))
        for a, b in pairwise(points):
            near = (shapely.distance(lines, a) < 0.05) & (shapely.distance(lines, b) < 0.05)
            assert near.any(), f"{a} to {b} is no street"
            if shapely.distance(a, b) > 0.2:  # shorter than that lies on both streets of a crossing
                ahead = shapely.line_locate_point(lines[near], b) > shapely.line_locate_point(lines[near], a)
                allowed = (oneway[near] == "no") | (ahead == (oneway[near] == "yes"))
                assert allowed.any(), f"{a} to {b} is against the only way"
                oneway_legs += int((oneway[near] != "no").any())
    assert oneway_legs > 0


def test_trips_bring_what_flows(tiny_town: TinyTown) -> None:
    """A week of stops at a point takes seven days of its load."""
    out = tiny_town.folder / "out"
    taken: dict[str, float] = defaultdict(float)
    kind = {r["id"]: r["kind"] for r in features(out, "routes")}
    for stop in features(out, "stops"):
        if kind[stop["trip_id"]] == "collection":
            taken[stop["site_id"]] += stop["load_t"]
    points = {p["id"]: p["load_t_per_day"] for p in features(out, "collection_point") if p["load_t_per_day"] > 0}
    assert taken.keys() == points.keys()
    for point, load in points.items():
        assert taken[point] == pytest.approx(7 * load, rel=1e-6)


def test_one_street_by_hand(street: Path) -> None:
    """See tiny_town.one_street: the residents stand at x = 150, the point is at x = 300, the parcel at x = 700."""
    walk, = features(street, "assignments")
    assert walk["distance_m"] == pytest.approx(150, abs=0.01)
    tonnes = 1.0 * 0.8 * math.exp(-150 / 500)  # 1000 persons x 1 kg, 80 % take part, 500 m decay: 0.593 t/day
    assert walk["captured_t_per_day"] == pytest.approx(tonnes, rel=1e-4)
    tonnes = walk["captured_t_per_day"]
    collected, hauled = features(street, "flows")
    # a second of the van costs (300 + 465) / (28,800 - 1,260) = 1/36 CNY; 2 t fill it (they take 10 of 18 m3)
    # 400 m at 18 km/h = 80 s each way, 720 s unloading, 0.5 kg/km at 100 CNY/t
    trip = 0.8 * 2 + (80 + 80 + 720) / 36 + 0.8 * 0.5 / 1000 * 100
    assert collected["distance_m"] == pytest.approx(400, abs=0.01)
    assert collected["haul_cost_cny_per_year"] == pytest.approx(365 * tonnes / 2 * trip, rel=1e-4)
    # station and centre share the parcel: unloading and one stop of a full load
    assert hauled["haul_cost_cny_per_year"] == pytest.approx(365 * tonnes / 2 * (720 + 360) / 36, rel=1e-4)
    # two stops per tonne: 900 s loading, 2 x 360 s, 2 x 250 m of detour (100 s)
    stops = (900 + 720 + 100) / 36 + 0.5 * 2 + 0.5 * 0.5 / 1000 * 100
    sites = (60_000 / 10 + 10_000) + (30_000 / 15 + 20_000) + (40_000 / 20 + 30_000)
    end = 80 + (200 + 900 / 36) + 0.1 * 221 - 0.9 * 1000  # station; centre and loading the van there; residue; sale
    expected = sites + 365 * tonnes * (trip / 2 + (720 + 360) / 36 / 2 + stops + end)
    plan = plan_of(street)
    assert plan["objective_cny_per_year"] == pytest.approx(expected, abs=1.0)
    assert plan["bound_cny_per_year"] == pytest.approx(expected, abs=1.0)  # nothing to choose: the bound is exact
    assert {t["id"]: (t["open_count"], t["candidate_count"]) for t in plan["tiers"]} == dict.fromkeys(TIERS, (1, 1))
