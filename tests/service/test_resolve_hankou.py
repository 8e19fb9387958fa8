"""Editing the bundled study's plan: quick, local, and accepted by the referee."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from service.pipeline import run
from service.resolve import Resolved, resolve
from service.study import load_study
from service.verify import verify
from tests.service.tiny_town import features, plan_of

STUDY = Path(__file__).parents[2] / "configs" / "studies" / "hankou" / "study.yaml"
MOST_S, MOST_SHARE = 10.0, 0.1
POINT, STATION = "collection_point", "transfer_station"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The plan of the study, and the CPU seconds that the main process took for it."""
    folder = tmp_path_factory.mktemp("hankou") / "result"
    begin = time.process_time()
    run(load_study(STUDY), folder)
    return folder, time.process_time() - begin


def solved_again(folder: Path, target: Path, *wishes: dict[str, Any]) -> tuple[Resolved, float]:
    """The new plan, and the CPU seconds from the edited problem to the certified plan."""
    target.mkdir()
    rows = [{"type": "Feature", "id": f"e{n}", "geometry": None, "properties": wish} for n, wish in enumerate(wishes)]
    edits = target / "edits.geojson"
    edits.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
    cpu_s: dict[str, float] = {}
    found = resolve(folder, edits, target / "edited",
                    watch=lambda news: cpu_s.update({news.phase: time.process_time()}))
    return found, cpu_s["edit_costs"] - cpu_s["siting"]


def may_change(folder: Path, sites: list[str]) -> set[str]:
    """Ids of all sites in the zones of some sites, and of what these feed, read from the old layers."""
    zone = {row["id"]: row["zone_id"] for row in features(folder, "candidates")}
    zones = {z for name, z in zone.items() if name.partition(":")[2] in sites}
    fed = {row["to_id"] for row in features(folder, "flows") if row["from_id"] in sites}
    return {name.partition(":")[2] for name, z in zone.items() if z in zones} | fed | set(sites)


def sizes(folder: Path) -> dict[tuple[str, str], str]:
    tiers = [tier["id"] for tier in plan_of(folder)["tiers"]]
    return {(tier, row["id"]): row["size_id"] for tier in tiers for row in features(folder, tier)}


@pytest.mark.parametrize("kind", ["forbid", "lock", "station"])
def test_an_edit_is_answered_quickly_and_changes_its_surroundings_only(first: tuple[Path, float], tmp_path: Path,
                                                                      kind: str) -> None:
    folder, first_s = first
    points = [row["id"] for row in features(folder, POINT)]
    if kind == "forbid":
        site, wish = points[100], {"edit": "forbid", "site_id": points[100]}
    elif kind == "lock":
        site = next(row["id"] for row in features(folder, "candidates")
                    if row["tier_id"] == POINT and row["status"] == "candidate").partition(":")[2]
        wish = {"edit": "lock", "site_id": site}
    else:
        site = features(folder, STATION)[0]["id"]
        wish = {"edit": "forbid", "site_id": site, "tier_id": STATION}
    found, solve_s = solved_again(folder, tmp_path / "out", wish)
    assert found.plan.status in ("feasible", "optimal")
    assert solve_s <= max(MOST_S, MOST_SHARE * first_s)
    before, after = sizes(folder), sizes(found.folder)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert ((POINT, site) in after) == (kind == "lock") or kind == "station"
    assert (STATION, site) not in after or kind != "station"
    assert not found.report.went_outside
    assert {name for _, name in changed} <= may_change(folder, [site])
    assert verify(found.folder).findings == ()
