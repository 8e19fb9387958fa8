"""Nearest assignment and bypass from the study file to a verified result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.service.feature_towns import bypassed_town, finished, nearest_town
from tests.service.tiny_town import TinyTown, features, packaged_network, plan_of, recynet


@pytest.fixture(scope="module")
def nearest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nearest_town(tmp_path_factory.mktemp("nearest"))


@pytest.fixture(scope="module")
def bypassed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bypassed_town(tmp_path_factory.mktemp("bypass"))


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Terminals for 900 households beside tertiary streets, staffed points beside residential ones."""
    town = TinyTown(tmp_path_factory.mktemp("typed"))
    town.layers["communities"]["population"] = town.layers["communities"]["population"] // 3
    network: dict[str, Any] = packaged_network()
    staffed = network["tiers"][0]["sizes"][0]
    terminal = {**staffed, "id": "terminal", "type": "smart_terminal", "max_households": 900, "storage_m3": 3,
                "storage_days": 1, "build_cost_cny": 20_000, "fixed_cost_cny_per_year": 15_000,
                "street_classes": ["tertiary"]}
    network["tiers"][0]["sizes"] = [{**staffed, "street_classes": ["residential"]}, terminal]
    for tier in network["tiers"][1:]:
        for size in tier["sizes"]:
            size["build_cost_cny"], size["fixed_cost_cny_per_year"] = 200_000, 100_000
    town.add_network("two_types", network)
    return finished(town)


def test_types_of_points_stand_where_they_may_and_hold_whom_they_may(typed: Path) -> None:
    verdict = recynet("verify", typed)
    assert verdict.exit_code == 0, verdict.output
    points = features(typed, "collection_point")
    assert {p["type"] for p in points} == {"staffed", "smart_terminal"}
    terminals = [p for p in points if p["type"] == "smart_terminal"]
    assert all(p["households_count"] <= 900 * (1 + 1e-6) for p in terminals)
    kpis = plan_of(typed)["kpis"]
    assert kpis["collection_point_type_smart_terminal_count"]["value"] == len(terminals)
    assert kpis["collection_point_type_staffed_count"]["value"] == len(points) - len(terminals)


def test_points_with_little_storage_are_visited_more_often(typed: Path) -> None:
    visits: dict[str, list[float]] = {}
    for point in features(typed, "collection_point"):
        if point["visits_per_week_count"] is not None:
            visits.setdefault(point["type"], []).append(point["visits_per_week_count"])
    assert min(visits["smart_terminal"]) >= 7.0


def test_a_nearest_plan_is_accepted_and_says_what_its_bound_leaves_out(nearest: Path) -> None:
    assert recynet("verify", nearest).exit_code == 0
    claim = json.loads((nearest / "certificate.json").read_text(encoding="utf-8"))
    assert "nearest_assignment" in claim["dropped_from_bound"]
    assert features(nearest, "assignments")
    reasons = {row["reason"] for row in features(nearest, "unserved")}
    assert reasons <= {"nearest_site_full", "no_site_within_walking_limit", "no_open_site_in_reach"}


def test_no_part_walks_past_a_site_in_use(nearest: Path) -> None:
    """The straight line from part to site is no proof of the walk, so the walks of one community are compared."""
    by_site: dict[str, float] = {}
    for row in features(nearest, "assignments"):
        by_site[row["site_id"]] = max(by_site.get(row["site_id"], 0.0), row["distance_m"])
    assert max(by_site.values()) <= 800.0


def test_a_plan_past_a_tier_is_accepted(bypassed: Path) -> None:
    verdict = recynet("verify", bypassed)
    assert verdict.exit_code == 0, verdict.output


def test_direct_flows_are_shown_once_and_no_virtual_site_is(bypassed: Path) -> None:
    flows = features(bypassed, "flows")
    direct = [f for f in flows if (f["from_tier_id"], f["to_tier_id"]) == ("collection_point", "sorting_center")]
    assert direct
    centres = {f["id"] for f in features(bypassed, "sorting_center")}
    assert {f["to_id"] for f in direct} <= centres
    assert all(f["distance_m"] > 0.0 for f in flows)
    for layer in ("transfer_station", "candidates"):
        assert not [f for f in features(bypassed, layer) if "direct:" in f["id"]]
    plan = plan_of(bypassed)
    summary = {t["id"]: t for t in plan["tiers"]}
    assert summary["transfer_station"]["open_count"] == len(features(bypassed, "transfer_station"))
    assert plan["kpis"]["transfer_station_count"]["value"] == len(features(bypassed, "transfer_station"))
    assert not [name for name in plan["kpis"] if "direct" in name]


def test_tonnes_at_the_centres_are_those_that_points_send(bypassed: Path) -> None:
    flows = features(bypassed, "flows")
    sent = sum(f["flow_t_per_day"] for f in flows if f["from_tier_id"] == "collection_point")
    arrived = sum(f["flow_t_per_day"] for f in flows if f["to_tier_id"] == "sorting_center")
    assert arrived == pytest.approx(sent, rel=1e-9)
