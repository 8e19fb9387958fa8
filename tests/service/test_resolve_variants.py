"""Re-solving under nearest assignment, with tiers that may be bypassed, and with rules that the edits break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.service.feature_towns import bypassed_town, finished, nearest_town
from tests.service.test_resolve import (
    CENTRE,
    POINT,
    STATION,
    Edited,
    at,
    closed_points,
    edit,
    opened,
    wgs84,
    write_edits,
)
from tests.service.tiny_town import TinyTown, box, features, plan_of, recynet

APART_M = 120.0


@pytest.fixture(scope="module")
def nearest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nearest_town(tmp_path_factory.mktemp("nearest"))


@pytest.fixture(scope="module")
def past_stations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bypassed_town(tmp_path_factory.mktemp("bypass"))


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points at least 120 m apart, and few stations."""
    town = TinyTown(tmp_path_factory.mktemp("ruled"))
    town.add_rule("SITES", {"id": "apart", "kind": "spacing_m", "tier": POINT, "value": APART_M},
                  {"id": "stations", "kind": "max_count", "tier": STATION, "value": 1})
    return finished(town)


@pytest.mark.parametrize("kind", ["forbid", "lock"])
def test_edits_where_residents_use_the_nearest_site(nearest: Path, tmp_path: Path, kind: str) -> None:
    site = sorted(opened(nearest, POINT))[0] if kind == "forbid" else closed_points(nearest)[0]
    new = Edited(nearest, tmp_path, edit("e", kind, site_id=f"{POINT}:{site}"))
    assert (site in new.sizes(POINT)) == (kind == "lock")
    assert new.report["total_cny_per_year"] == pytest.approx(new.cost(), abs=0.01)
    assert new.accepted()  # the referee replays who uses which site


def test_the_last_station_of_a_zone_barred_is_replaced_elsewhere(ruled: Path, tmp_path: Path) -> None:
    """Nothing around the edit can take its place: what is outside changes, for without a station nobody is served."""
    zone = {r["id"]: r["zone_id"] for r in features(ruled, STATION)}
    (where,) = set(zone.values())
    barred = box(-100, -100, 500, 1000) if where == "W" else box(400, -100, 500, 1000)
    new = Edited(ruled, tmp_path, edit("bar", "no_go", wgs84(barred), tier_ids=[STATION]))
    assert new.report["went_outside"]
    assert {r["zone_id"] for r in features(new.folder, STATION)} == {"E" if where == "W" else "W"}
    assert plan_of(new.folder)["kpis"]["coverage_share"]["value"] > 0.5
    assert new.accepted()


def direct_share(folder: Path) -> float:
    """Share of the tonnes leaving points that goes straight to a centre."""
    points, centres = set(opened(folder, POINT)), set(opened(folder, CENTRE))
    leaving = [f for f in features(folder, "flows") if f["from_id"] in points]
    total = sum(f["flow_t_per_day"] for f in leaving)
    return sum(f["flow_t_per_day"] for f in leaving if f["to_id"] in centres) / total


def test_an_edit_of_a_plan_past_its_stations(past_stations: Path, tmp_path: Path) -> None:
    assert direct_share(past_stations) > 0.0
    site = sorted(opened(past_stations, POINT))[0]
    new = Edited(past_stations, tmp_path, edit("away", "forbid", site_id=site))
    assert direct_share(new.folder) > 0.0
    assert site not in new.sizes(POINT)
    assert not [r for r in new.report["sites"] if r["site_id"].startswith("direct:")]
    assert new.accepted()


def test_a_centre_that_is_driven_to_directly_can_be_taken_away_and_added(past_stations: Path, tmp_path: Path) -> None:
    centre = sorted(opened(past_stations, CENTRE))[0]
    others = [r["id"] for r in features(past_stations, "candidates")
              if r["tier_id"] == CENTRE and r["status"] == "candidate"]
    wishes = [edit("away", "forbid", site_id=centre, tier_id=CENTRE),
              edit("new", "add", at(300, 198), tier_id=CENTRE, new_site_id="newcentre")]
    new = Edited(past_stations, tmp_path, *(wishes if others else wishes[1:]))
    assert "newcentre" in new.sizes(CENTRE)
    assert (centre in new.sizes(CENTRE)) == (not others)
    assert new.accepted()


def refused(folder: Path, target: Path, *wishes: dict[str, Any]) -> list[str]:
    """The error lines of edits that must be refused with exit code 2, without a result or a traceback."""
    answer = recynet("resolve", folder, "--edits", write_edits(target, *wishes), "--out", target / "edited")
    assert answer.exit_code == 2, answer.output
    assert not (target / "edited").exists()
    assert "Traceback" not in answer.output
    return [line for line in answer.output.splitlines() if line.startswith("error")]


def test_one_edit_against_a_rule_is_one_line_with_rule_and_site(ruled: Path, tmp_path: Path) -> None:
    """Two sites 10 m apart, both locked in an instant: the spacing rule names the limit, the edits their sites."""
    first = Edited(ruled, tmp_path, edit("a", "add", at(100, 198), tier_id=POINT, new_site_id="one"))
    (tmp_path / "again").mkdir()
    lines = refused(first.folder, tmp_path / "again", edit("b", "add", at(110, 198), tier_id=POINT, new_site_id="two"))
    assert len(lines) == 1
    assert all(word in lines[0] for word in ("edit_rules_conflict", "wishes.geojson", "b", "'one'", "'two'", "apart"))


def test_edits_that_break_a_rule_only_together_are_one_line(ruled: Path, tmp_path: Path) -> None:
    lines = refused(ruled, tmp_path, edit("a", "add", at(100, 198), tier_id=POINT, new_site_id="one"),
                    edit("b", "add", at(110, 198), tier_id=POINT, new_site_id="two"))
    assert len(lines) == 1
    assert "a, b" in lines[0]


def test_every_edit_that_breaks_a_rule_by_itself_has_its_line(ruled: Path, tmp_path: Path) -> None:
    """At most one station: each of two more is too much beside the one that is locked."""
    only = sorted(opened(ruled, STATION))
    assert len(only) == 1
    kept = Edited(ruled, tmp_path, edit("stay", "lock", site_id=only[0], tier_id=STATION))
    (tmp_path / "again").mkdir()
    lines = refused(kept.folder, tmp_path / "again",
                    edit("x", "add", at(100, 402), tier_id=STATION, size_id="station_20t"),
                    edit("y", "add", at(500, 402), tier_id=STATION, size_id="station_20t"))
    assert [f"| {name}:" in line and "stations" in line for name, line in zip("xy", lines, strict=True)] == [True] * 2


def test_rules_hold_after_an_edit(ruled: Path, tmp_path: Path) -> None:
    site = sorted(opened(ruled, POINT))[0]
    new = Edited(ruled, tmp_path, edit("away", "forbid", site_id=site))
    assert len(new.sizes(STATION)) == 1
    assert new.accepted()


def test_a_result_says_which_edits_it_rests_on(ruled: Path, tmp_path: Path) -> None:
    site = sorted(opened(ruled, POINT))[0]
    new = Edited(ruled, tmp_path, edit("away", "forbid", site_id=site, note="next to a school"))
    told = [w for w in plan_of(new.folder)["warnings"] if w["code"] == "edit_in_force"]
    assert [w["feature_id"] for w in told] == ["away"]
    assert site in told[0]["text"]["en"]
    assert "next to a school" in told[0]["text"]["zh"]
    assert "away" in (new.folder / "report.html").read_text(encoding="utf-8")
    audit = recynet("audit", new.folder / "study.yaml")
    assert "edit_in_force" in audit.output
    assert site in audit.output


def test_edits_that_cannot_be_read_are_found_by_the_audit(ruled: Path, tmp_path: Path) -> None:
    new = Edited(ruled, tmp_path, edit("away", "forbid", site_id=sorted(opened(ruled, POINT))[0]))
    file = new.folder / "edits.geojson"
    file.write_text(file.read_text(encoding="utf-8").replace('"forbid"', '"forbit"'), encoding="utf-8")
    audit = recynet("audit", new.folder / "study.yaml")
    assert audit.exit_code in (1, 2)
    assert "edit_kind_unknown" in audit.output


def test_a_letter_changed_in_the_edits_is_found_out(ruled: Path, tmp_path: Path) -> None:
    new = Edited(ruled, tmp_path, edit("away", "forbid", site_id=sorted(opened(ruled, POINT))[0], note="a"))
    assert new.accepted()
    file = new.folder / "edits.geojson"
    file.write_text(file.read_text(encoding="utf-8").replace('"note":"a"', '"note":"b"'), encoding="utf-8")
    answer = recynet("verify", new.folder)
    assert answer.exit_code == 1
    assert "edits.geojson" in answer.output
