"""Re-solving a finished plan after edits: edits are honoured, the referee accepts, and nothing else moves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from tests.service.tiny_town import TinyTown, box, features, plan_of, recynet
from tests.town import CRS, ORIGIN_X, ORIGIN_Y

POINT, STATION, CENTRE = "collection_point", "transfer_station", "sorting_center"


def wgs84(shape: shapely.Geometry) -> dict[str, Any]:
    """A shape in the town's metres as GeoJSON."""
    return dict(json.loads(gpd.GeoSeries([shape], crs=CRS).to_crs(4326).to_json())["features"][0]["geometry"])


def at(x: float, y: float) -> dict[str, Any]:
    return wgs84(shapely.Point(ORIGIN_X + x, ORIGIN_Y + y))


def edit(name: str, kind: str, geometry: dict[str, Any] | None = None, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": {"edit": kind, **properties}}


def write_edits(folder: Path, *edits: dict[str, Any]) -> Path:
    path = folder / "wishes.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(edits)}), encoding="utf-8")
    return path


class Edited:
    """The town's plan before and after some edits."""

    def __init__(self, before: Path, folder: Path, *edits: dict[str, Any]) -> None:
        self.before, self.folder = before, folder / "edited"
        self.file = write_edits(folder, *edits)
        self.answer = recynet("resolve", before, "--edits", self.file, "--out", self.folder)
        assert self.answer.exit_code == 0, self.answer.output
        self.report = json.loads((self.folder / "edits_report.json").read_text(encoding="utf-8"))

    def sizes(self, tier: str) -> dict[str, str]:
        return {row["id"]: row["size_id"] for row in features(self.folder, tier)}

    def reason(self, site: str) -> str | None:
        return next(row["reason"] for row in features(self.folder, "candidates") if row["id"] == site)

    def accepted(self) -> bool:
        answer = recynet("verify", self.folder)
        assert answer.exit_code == 0, answer.output
        return "accepted" in answer.output

    def cost(self) -> float:
        return float(plan_of(self.folder)["objective_cny_per_year"] - plan_of(self.before)["objective_cny_per_year"])


@pytest.fixture(scope="module")
def out(tiny_town: TinyTown) -> Path:
    return tiny_town.folder / "out"


def opened(folder: Path, tier: str) -> dict[str, str]:
    return {row["id"]: row["size_id"] for row in features(folder, tier)}


def closed_points(folder: Path) -> list[str]:
    return [row["id"].partition(":")[2] for row in features(folder, "candidates")
            if row["tier_id"] == POINT and row["status"] == "candidate"]


def test_a_forbidden_point_is_rejected_with_its_reason_and_costs(out: Path, tmp_path: Path) -> None:
    site = sorted(opened(out, POINT))[0]
    new = Edited(out, tmp_path, edit("away", "forbid", site_id=site))
    assert site not in new.sizes(POINT)
    assert new.reason(f"{POINT}:{site}") == "edit_forbidden"
    assert new.report["total_cny_per_year"] == pytest.approx(new.cost(), abs=0.01)
    assert [(row["edit_id"], row["method"]) for row in new.report["edits"]] == [("away", "the_whole_change")]
    assert new.report["before"]["objective_cny_per_year"] == pytest.approx(plan_of(out)["objective_cny_per_year"])
    assert new.accepted()


def test_a_bound_stays_below_and_the_gap_is_certified(out: Path, tmp_path: Path) -> None:
    new = Edited(out, tmp_path, edit("away", "forbid", site_id=sorted(opened(out, POINT))[0]))
    plan = plan_of(new.folder)
    assert plan["bound_cny_per_year"] <= plan["objective_cny_per_year"]
    assert plan["gap"] is not None
    # the old bound holds for every plan of the old question, so also for all that avoid one site
    assert plan["objective_cny_per_year"] >= plan_of(out)["bound_cny_per_year"] - 1e-6


def test_a_locked_site_opens_at_its_size(out: Path, tmp_path: Path) -> None:
    site = closed_points(out)[0]
    new = Edited(out, tmp_path, edit("here", "lock", site_id=f"{POINT}:{site}", size_id="staffed_2t"))
    assert new.sizes(POINT)[site] == "staffed_2t"
    assert next(r["status"] for r in features(new.folder, POINT) if r["id"] == site) == "required"
    assert new.report["total_cny_per_year"] == pytest.approx(new.cost(), abs=0.01)
    assert new.accepted()


def test_a_lock_of_an_open_site_at_its_size_changes_nothing(out: Path, tmp_path: Path) -> None:
    site, size = next(iter(sorted(opened(out, POINT).items())))
    new = Edited(out, tmp_path, edit("stay", "lock", site_id=site, keep_size=True))
    assert new.report["total_cny_per_year"] == pytest.approx(0.0, abs=0.01)
    assert new.report["sites"] == []
    assert new.report["rerouted_station_ids"] == []
    assert new.sizes(POINT)[site] == size
    kept = json.loads((new.folder / "edits.geojson").read_text(encoding="utf-8"))["features"][0]["properties"]
    assert kept["size_id"] == size  # so that the folder can be run and verified without the old plan
    assert "keep_size" not in kept
    assert new.accepted()


def test_a_site_gets_the_size_asked_for(out: Path, tmp_path: Path) -> None:
    site, size = next(iter(sorted(opened(out, STATION).items())))
    other = next(s for s in ("station_20t", "station_50t", "station_100t") if s != size)
    new = Edited(out, tmp_path, edit("grow", "size", site_id=site, tier_id=STATION, size_id=other))
    assert new.sizes(STATION)[site] == other
    assert [(r["site_id"], r["change"]) for r in new.report["sites"] if r["tier_id"] == STATION] == [(site, "resized")]
    assert new.accepted()


def test_a_moved_point_is_open_at_its_new_place_and_not_at_the_old(out: Path, tmp_path: Path) -> None:
    site = sorted(opened(out, POINT))[0]
    new = Edited(out, tmp_path, edit("m1", "move", at(310, 198), site_id=site, new_site_id="corner"))
    assert "corner" in new.sizes(POINT)
    assert new.reason(f"{POINT}:{site}") == "edit_moved"
    place = next(f for f in json.loads((new.folder / "layers" / f"{POINT}.geojson").read_text())["features"]
                 if f["id"] == "corner")["geometry"]["coordinates"]
    assert place == pytest.approx(at(310, 198)["coordinates"], abs=2e-7)
    assert new.accepted()


def test_a_station_drawn_as_land_takes_a_size_that_fits(out: Path, tmp_path: Path) -> None:
    land = wgs84(box(-60, 100, 40, 40))  # 1600 m2 at the western street
    new = Edited(out, tmp_path, edit("depot", "add", land, tier_id=STATION))
    assert "depot" in new.sizes(STATION)
    row = next(r for r in features(new.folder, STATION) if r["id"] == "depot")
    assert row["site_area_m2"] <= row["parcel_area_m2"] == pytest.approx(1600, rel=1e-3)
    assert row["zone_id"] == "W"
    assert new.accepted()


def test_no_site_stands_in_a_no_go_area(out: Path, tmp_path: Path) -> None:
    area = box(-50, -50, 300, 300)
    new = Edited(out, tmp_path, edit("park", "no_go", wgs84(area), tier_ids=[POINT]))
    document = json.loads((new.folder / "layers" / f"{POINT}.geojson").read_text())
    places = gpd.GeoDataFrame.from_features(document["features"], crs=4326).to_crs(CRS)
    assert len(places)
    assert not places.within(area).any()
    assert any(r["reason"] == "edit_no_go" for r in features(new.folder, "candidates"))
    assert new.accepted()


def test_several_edits_are_priced_one_by_one_and_together(out: Path, tmp_path: Path) -> None:
    sites = sorted(opened(out, POINT))
    new = Edited(out, tmp_path, edit("one", "forbid", site_id=sites[0]),
                 edit("two", "lock", site_id=closed_points(out)[-1]), edit("three", "lock", site_id=sites[-1]))
    rows = {row["edit_id"]: row for row in new.report["edits"]}
    assert [row["edit_id"] for row in new.report["edits"]] == ["one", "two", "three"]
    assert rows["three"]["method"] == "nothing_to_change"
    assert rows["three"]["alone_cny_per_year"] == 0.0
    alone = [row["alone_cny_per_year"] for row in rows.values()]
    assert new.report["interaction_cny_per_year"] == pytest.approx(new.report["total_cny_per_year"] - sum(alone))
    assert new.report["total_cny_per_year"] == pytest.approx(new.cost(), abs=0.01)
    assert new.accepted()


def test_edits_upon_edits_hold_on_and_new_ones_win(out: Path, tmp_path: Path) -> None:
    site, other = sorted(opened(out, POINT))[:2]
    first = Edited(out, tmp_path, edit("a", "forbid", site_id=site), edit("b", "lock", site_id=other))
    again = tmp_path / "again"
    again.mkdir()
    second = Edited(first.folder, again, edit("c", "forbid", site_id=other))
    assert not {site, other} & set(second.sizes(POINT))
    assert second.report["superseded_edit_ids"] == ["b"]
    assert [(r["edit_id"], r["is_new"]) for r in second.report["edits"]] == [("a", False), ("c", True)]
    assert second.accepted()


def test_a_study_with_edits_can_be_run_from_nothing(tiny_town: TinyTown, out: Path, tmp_path: Path) -> None:
    site = sorted(opened(out, POINT))[0]
    edits = write_edits(tmp_path, edit("away", "forbid", site_id=site))
    answer = recynet("run", tiny_town.folder / "study.yaml", "--out", tmp_path / "run", "--set",
                     f"inputs.edits={{path: {edits}}}")
    assert answer.exit_code == 0, answer.output
    assert site not in opened(tmp_path / "run", POINT)
    assert recynet("verify", tmp_path / "run").exit_code == 0


def test_a_result_that_moved_is_still_verified(out: Path, tmp_path: Path) -> None:
    new = Edited(out, tmp_path, edit("away", "forbid", site_id=sorted(opened(out, POINT))[0]))
    shutil.move(new.folder, tmp_path / "elsewhere")
    assert recynet("verify", tmp_path / "elsewhere").exit_code == 0
    assert recynet("verify", tmp_path / "elsewhere", "--inputs", out.parent).exit_code == 0


def test_an_edit_removed_from_the_result_is_found_out(out: Path, tmp_path: Path) -> None:
    new = Edited(out, tmp_path, edit("away", "forbid", site_id=sorted(opened(out, POINT))[0]))
    write_edits(new.folder, edit("away", "forbid", site_id=closed_points(out)[0])).rename(new.folder / "edits.geojson")
    assert recynet("verify", new.folder).exit_code == 1


def test_the_cache_changes_nothing(out: Path, tmp_path: Path) -> None:
    """With and without what an earlier run measured, the same plan comes out."""
    bare = tmp_path / "bare"
    shutil.copytree(out, bare)
    shutil.rmtree(bare / "cache")
    (tmp_path / "a").mkdir()
    wish = edit("away", "forbid", site_id=sorted(opened(out, POINT))[0])
    with_cache, without = Edited(out, tmp_path, wish), Edited(bare, tmp_path / "a", wish)
    for layer in (POINT, STATION, CENTRE, "assignments", "flows"):
        assert features(with_cache.folder, layer) == features(without.folder, layer)


FAULTS = [
    (edit("x", "forbid", site_id="P999-999"), "edit_site_unknown"),
    (edit("x", "forbid", site_id="P1"), "edit_site_in_tiers"),
    (edit("x", "lock", site_id="P1", tier_id="transfer_statio"), "edit_tier_unknown"),
    (edit("x", "lock", site_id="P1", tier_id=STATION, size_id="huge"), "edit_size_unknown"),
    (edit("x", "size", site_id="P2", tier_id=CENTRE, size_id="comprehensive_600t"), "edit_size_not_possible"),
    (edit("x", "add", at(5000, 5000), tier_id=POINT), "edit_far_from_street"),
    (edit("P1", "add", at(300, 198), tier_id=POINT), "edit_id_is_site"),
    (edit("x", "no_go", wgs84(box(-500, -500, 5000, 5000)), tier_ids=[STATION]), "edit_no_candidate_left"),
]


@pytest.mark.parametrize(("wish", "code"), FAULTS, ids=[code for _, code in FAULTS])
def test_an_impossible_edit_is_one_line_and_exit_code_2(out: Path, tmp_path: Path, wish: dict[str, Any],
                                                        code: str) -> None:
    answer = recynet("resolve", out, "--edits", write_edits(tmp_path, wish), "--out", tmp_path / "edited")
    assert answer.exit_code == 2
    lines = [line for line in answer.output.splitlines() if line.startswith("error")]
    assert [code in line and "wishes.geojson" in line and wish["id"] in line for line in lines] == [True]
    assert not (tmp_path / "edited").exists()


def test_edits_that_contradict_each_other(out: Path, tmp_path: Path) -> None:
    site = sorted(opened(out, POINT))[0]
    file = write_edits(tmp_path, edit("keep", "lock", site_id=site), edit("drop", "forbid", site_id=site))
    answer = recynet("resolve", out, "--edits", file, "--out", tmp_path / "edited")
    assert answer.exit_code == 2
    assert "edit_conflict" in answer.output


def test_screening_of_a_drawn_site_warns_but_obeys(out: Path, tmp_path: Path) -> None:
    land = wgs84(box(-60, 100, 10, 10))  # far too small
    new = Edited(out, tmp_path, edit("tiny", "add", land, tier_id=STATION, size_id="station_20t"))
    assert new.sizes(STATION)["tiny"] == "station_20t"
    warned = {w["code"] for w in plan_of(new.folder)["warnings"] if w["feature_id"] == "tiny"}
    assert "edit_size_exceeds_land" in warned
    assert new.accepted()


def test_a_changed_input_is_refused(tiny_town: TinyTown, out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "town"
    shutil.copytree(tiny_town.folder, folder)
    study = (folder / "out" / "study.yaml").read_text(encoding="utf-8")
    (folder / "out" / "study.yaml").write_text(study.replace(str(tiny_town.folder), str(folder)), encoding="utf-8")
    with (folder / "town.gpkg").open("ab") as stream:
        stream.write(b" ")
    file = write_edits(tmp_path, edit("x", "forbid", site_id=sorted(opened(out, POINT))[0]))
    answer = recynet("resolve", folder / "out", "--edits", file, "--out", tmp_path / "edited")
    assert answer.exit_code == 2
    assert "resolve_input_changed" in answer.output


def test_the_plan_itself_is_not_overwritten(out: Path, tmp_path: Path) -> None:
    file = write_edits(tmp_path, edit("x", "forbid", site_id=sorted(opened(out, POINT))[0]))
    assert recynet("resolve", out, "--edits", file, "--out", out).exit_code == 2
