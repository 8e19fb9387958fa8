"""Rules over open sites from the study file to the result: budget, required, forbidden, counts, spacing, land."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.service.tiny_town import TinyTown, features, plan_of, recynet

Change = Callable[[TinyTown], None]


def changed(**keys: Any) -> Change:
    return lambda town: town.study.update(keys)


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> TinyTown:
    """A required station in a size, a forbidden centre, points 120 m apart and few, land, a budget that binds."""
    town = TinyTown(tmp_path_factory.mktemp("ruled"))
    town.add_rule("SITES",
                  {"id": "apart", "kind": "spacing_m", "tier": "collection_point", "value": 120},
                  {"id": "points", "kind": "max_count", "tier": "collection_point", "value": 24},
                  {"id": "zone", "kind": "max_sites_per_zone", "tier": "collection_point", "value": 13,
                   "zone_level": "district"},
                  {"id": "land", "kind": "land_cap_m2", "tier": "all", "value": 5000})
    town.add_existing(("M1", "transfer_station", "must_close", "station_50t", (405, 405), 70_000.0))
    town.study |= {"budget_cny": 20_200_000, "required": {"transfer_station": [{"id": "P3", "size": "station_20t"}]},
                   "forbidden": {"sorting_center": ["P1"]}}
    done = recynet("run", town.write(), "--out", town.folder / "out")
    assert done.exit_code == 0, done.output
    return town


def rules_of(town: TinyTown) -> dict[str, dict[str, Any]]:
    return {f"{r['rule']}.{r['clause']}": r for r in plan_of(town.folder / "out")["rules"]}


def test_the_rules_hold_in_the_layers(ruled: TinyTown) -> None:
    out = ruled.folder / "out"
    stations = {f["id"]: f for f in features(out, "transfer_station")}
    assert stations["P3"]["size_id"] == "station_20t"
    assert stations["P3"]["status"] == "required"
    assert "P1" not in {f["id"] for f in features(out, "sorting_center")}
    points = features(out, "collection_point")
    assert len(points) <= 24
    zones = [f["zone_id"] for f in points]
    assert max(zones.count(z) for z in set(zones)) <= 13
    land = sum(f["site_area_m2"] for tier in ("transfer_station", "sorting_center") for f in features(out, tier))
    assert land <= 5000.0


def test_each_rule_is_listed_with_unit_limit_and_value(ruled: TinyTown) -> None:
    rules = rules_of(ruled)
    assert rules["SITES.apart"]["required"] == "120 m"
    assert float(rules["SITES.apart"]["measured"].removesuffix(" m")) >= 120.0
    assert rules["SITES.land"]["required"] == "5000 m2"
    assert rules["SITES.land"]["measured"].endswith(" m2")
    assert rules["study.budget_cny"]["required"] == "20,200,000 CNY"
    spent = float(rules["study.budget_cny"]["measured"].removesuffix(" CNY").replace(",", ""))
    assert spent == pytest.approx(plan_of(ruled.folder / "out")["kpis"]["build_cost_cny"]["value"], abs=1.0)
    assert 0.95 * 20_200_000.0 < spent <= 20_200_000.0
    assert rules["study.required.transfer_station"]["measured"] == "1 / 1"
    assert rules["study.forbidden.sorting_center"]["measured"] == "0 / 1"
    assert all(rule["verdict"] == "applied" for rule in rules.values())


def test_forbidden_candidates_say_so(ruled: TinyTown) -> None:
    found = {f["id"]: f for f in features(ruled.folder / "out", "candidates")}
    assert (found["sorting_center:P1"]["status"], found["sorting_center:P1"]["reason"]) == ("rejected", "forbidden")
    assert found["transfer_station:P1"]["reason"] is None


def test_what_has_to_close_is_paid_for_once_beside_the_objective(ruled: TinyTown) -> None:
    kpis = plan_of(ruled.folder / "out")["kpis"]
    assert kpis["must_close_count"]["value"] == 1.0
    assert kpis["closing_cost_cny"]["value"] == 70_000.0


def test_the_referee_accepts_the_result(ruled: TinyTown) -> None:
    done = recynet("verify", ruled.folder / "out", "--inputs", ruled.folder)
    assert done.exit_code == 0, done.output


def test_no_side_rule_is_dropped_from_the_bound(ruled: TinyTown) -> None:
    with np.load(ruled.folder / "out" / "certificate.npz", allow_pickle=False) as stored:
        assert stored["row"].ndim == 2
        assert len(stored["row"]) == len(stored["part_price"])


BAD: dict[str, tuple[Change, str, str]] = {
    "unknown site": (changed(required={"transfer_station": ["P9"]}), "site_unknown", "P9"),
    "unknown tier": (changed(forbidden={"transfer_stations": ["P1"]}), "tier_unknown", "transfer_station"),
    "unknown size": (changed(required={"transfer_station": [{"id": "P1", "size": "huge"}]}), "size_unknown", "huge"),
    "too small": (changed(required={"transfer_station": [{"id": "P4", "size": "station_50t"}]}), "site_too_small",
                  "P4"),
    "both": (changed(required={"transfer_station": ["P1"]}, forbidden={"transfer_station": ["P1"]}),
             "site_required_and_forbidden", "P1"),
    "negative budget": (changed(budget_cny=-1), "value_wrong", "budget_cny"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_keys_are_one_line_faults(case: str, tmp_path: Path) -> None:
    change, code, word = BAD[case]
    town = TinyTown(tmp_path)
    change(town)
    done = recynet("run", town.write(), "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    lines = [line for line in done.stderr.splitlines() if f"error [{code}]" in line]
    assert len(lines) == 1
    assert word in lines[0]


def test_rules_that_cannot_hold_are_explained(tmp_path: Path) -> None:
    """One station of 750,000 CNY is asked for in each zone, 1,000,000 CNY may be spent."""
    town = TinyTown(tmp_path)
    town.add_rule("STATIONS", {"id": "each", "kind": "min_sites_per_zone", "tier": "transfer_station", "value": 1,
                               "zone_level": "district"})
    town.study["budget_cny"] = 1_000_000
    out = tmp_path / "out"
    done = recynet("run", town.write(), "--out", out)
    assert done.exit_code == 1, done.output
    assert not (out / "plan.json").exists()
    assert "STATIONS.each: open sites in W at least 1 (transfer_station)" in done.stderr
    assert "STATIONS.each: open sites in E at least 1 (transfer_station)" in done.stderr
    assert "study.budget_cny: build cost in" in done.stderr
    assert "1,000,000 CNY is short by 500,000 CNY; 1,500,000 CNY would do" in done.stderr
    chinese = recynet("--lang", "zh", "run", town.folder / "study.yaml", "--out", out)
    assert chinese.exit_code == 1
    assert "1,000,000 CNY 还差 500,000 CNY" in chinese.stderr
