"""A study whose roads are an OpenStreetMap file: rules of its streets reach the drives, the plan and the warnings."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pytest
import shapely
import yaml

import geodata.turn_driver
from geodata.driver import drives
from geodata.ground import Ground
from geodata.tables import DataError
from service.checks import check_study
from service.seam import ground_of, read_brief, unedited_ground
from service.street_cache import street_cache
from service.study import load_study
from tests.service.osm_town import OsmTown
from tests.service.tiny_town import TinyTown, box, features, packaged_network, plan_of, recynet
from tests.town import CRS

Kind = TypeVar("Kind", bound=TinyTown)


def ground(town: TinyTown) -> Ground:
    return ground_of(read_brief(load_study(town.write())))


def own_speeds() -> dict[str, Any]:
    """The packaged network whose vehicles name no class."""
    network = packaged_network()
    for vehicle in network["vehicles"]:
        del vehicle["vehicle_class"]
    return network


def with_bans(town: Kind, *rows: tuple[str | None, str | None, shapely.Polygon]) -> Kind:
    """Areas as (classes, hours, polygon)."""
    town.layers["bans"] = gpd.GeoDataFrame(
        {"id": [f"B{n}" for n in range(len(rows))], "vehicle_class": [r[0] for r in rows],
         "hours": [r[1] for r in rows]}, geometry=[r[2] for r in rows], crs=CRS)
    town.study["inputs"]["access_bans"] = {"path": "town.gpkg", "layer": "bans"}
    return town


def codes(town: TinyTown) -> list[str]:
    with pytest.raises(DataError) as raised:
        ground(town)
    return [fault.code for fault in raised.value.faults if fault.severity == "error"]


def test_without_rules_drives_are_those_of_the_same_lines(tmp_path: Path) -> None:
    lines, osm = TinyTown(tmp_path / "lines"), OsmTown(tmp_path / "osm")
    for town in (lines, osm):
        town.add_network("own_speeds", own_speeds())
    on_lines, on_osm = ground(lines), ground(osm)
    for one, other, (low, high) in zip(on_lines.by_vehicle, on_osm.by_vehicle, pairwise(on_lines.sites), strict=True):
        a, b = (drives(d, d.snap(shapely.points(low.xy)), d.snap(shapely.points(high.xy))) for d in (one, other))
        for name in ("loaded_m", "loaded_s", "empty_m", "empty_s"):
            assert getattr(b, name) == pytest.approx(getattr(a, name), rel=2e-3, abs=0.3)


def test_a_forbidden_turn_lengthens_the_drives_that_made_it(tmp_path: Path) -> None:
    """From the south along x = 200 nobody may turn left at (200, 200): westward nothing is lost, since that street
    runs east only; straight on is forbidden too, so every drive north along x = 200 goes round a block."""
    free, bound = OsmTown(tmp_path / "free"), OsmTown(tmp_path / "bound")
    bound.osm.restrict("no_straight_on", 210, "n1_1", 211)
    before, after = ground(free), ground(bound)
    assert before.sites[0].ids == after.sites[0].ids
    longer = after.ways[0].loaded_s - before.ways[0].loaded_s
    assert (longer >= -1e-9).all()
    on_210 = np.flatnonzero((np.abs(before.sites[0].xy[:, 0] - 520_200) < 1)
                            & (np.abs(before.sites[0].xy[:, 1] - 3_390_100) < 60))
    p1 = before.sites[1].ids.index("P1")
    assert len(on_210) > 0
    assert (longer[on_210, p1] > 1.0).all()


def test_the_class_a_vehicle_names_says_where_it_may_drive(tmp_path: Path) -> None:
    """The hook-lift is a heavy truck of 16 t: a street for 10 t at most is closed to it, and open to the light one."""
    free, weak = OsmTown(tmp_path / "free"), OsmTown(tmp_path / "weak")
    for way in range(130, 134):
        weak.osm.ways[way][1]["maxweight"] = "10"
    before, after = ground(free), ground(weak)
    assert after.by_vehicle[0].edge.tolist() == before.by_vehicle[0].edge.tolist()
    assert set(before.by_vehicle[1].edge.tolist()) - set(after.by_vehicle[1].edge.tolist())
    assert after.ways[0].loaded_s.tolist() == before.ways[0].loaded_s.tolist()
    p1 = before.sites[1].ids.index("P1")
    assert after.ways[1].loaded_m[p1].max() > 0
    assert not np.array_equal(after.ways[1].loaded_m, before.ways[1].loaded_m)


@pytest.mark.parametrize("kind", [OsmTown, TinyTown])
def test_congestion_stretches_times_and_no_distance(tmp_path: Path, kind: type[TinyTown]) -> None:
    free, slow = kind(tmp_path / "free"), kind(tmp_path / "slow")
    slow.study["streets"] = {"congestion": {"default": 2.0}}
    before, after = ground(free), ground(slow)
    assert after.ways[0].loaded_s == pytest.approx(2 * before.ways[0].loaded_s, rel=1e-3)
    assert after.ways[0].loaded_m == pytest.approx(before.ways[0].loaded_m, rel=1e-6)
    slow.study["streets"]["congestion"] = {"tertiray": 3.0}
    said = [fault for fault in ground(slow).faults if fault.code == "congestion_unused"]
    assert [fault.severity for fault in said] == ["warning"]
    assert "'tertiray'" in said[0].line("en")


@pytest.mark.parametrize("kind", [OsmTown, TinyTown])
@pytest.mark.parametrize(("names", "hours", "hour", "closed_legs"), [
    ("heavy_truck", "Mo-Fr 07:00-09:00", 8, {1}), ("hook_lift", "Mo-Fr 07:00-09:00", 8, {1}),
    ("heavy_truck", "Mo-Fr 07:00-09:00", 10, set()), (None, None, 10, {0, 1}),
    ("light_truck, heavy_truck", "07:00-09:00", 7, {0, 1}), ("e_tricycle", None, 10, set())])
def test_a_banned_area_is_closed_to_its_classes_in_its_hours(
        tmp_path: Path, kind: type[TinyTown], names: str | None, hours: str | None, hour: int,
        closed_legs: set[int]) -> None:
    town = with_bans(kind(tmp_path), (names, hours, box(250, 550, 100, 100)))  # across y = 600, from 200 to 400
    town.study["streets"] = {"hour": hour}
    found = ground(town)
    way_131 = found.by_vehicle[0].snap(shapely.points([(520_300.0, 3_390_600.0)])).distance_m[0] > 50
    heavy = found.by_vehicle[1].snap(shapely.points([(520_300.0, 3_390_600.0)])).distance_m[0] > 50
    assert {leg for leg, shut in enumerate((way_131, heavy)) if shut} == closed_legs
    said = [fault.line("en") for fault in found.faults if fault.code == "streets_banned"]
    assert len(said) == len(closed_legs)
    assert all("0.2 km" in text for text in said)


def test_a_ban_at_any_minute_of_longer_hours_counts_and_vehicles_may_have_hours_of_their_own(tmp_path: Path) -> None:
    ban = (None, "Mo-Fr 13:30-14:30", box(250, 550, 100, 100))
    for n, (block, closed_legs) in enumerate((
            ({"hour": 6, "until_hour": 14}, {0, 1}), ({"hour": 6, "until_hour": 13}, set()),
            ({"hour": 13, "vehicles": {"hook_lift": {"hour": 22}}}, {0}),
            ({"hour": 6, "vehicles": {"hook_lift": {"hour": 6, "until_hour": 14}}}, {1}))):
        town = with_bans(OsmTown(tmp_path / f"t{n}"), ban)
        town.study["streets"] = block
        found = ground(town)
        away = [d.snap(shapely.points([(520_300.0, 3_390_600.0)])).distance_m[0] > 50 for d in found.by_vehicle]
        assert {leg for leg, shut in enumerate(away) if shut} == closed_legs
        said = {fault.line("en") for fault in found.faults if fault.code == "streets_slot"}
        assert len(said) == 2


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    lines = TinyTown(tmp_path / "lines")
    lines.study["streets"] = {"hour": 8, "signal_s": 5}
    assert codes(lines) == ["streets_need_osm"]
    classes = TinyTown(tmp_path / "classes")
    classes.study["streets"] = {"vehicle_classes": "default"}
    assert codes(classes) == ["streets_need_osm"]
    stranger = OsmTown(tmp_path / "stranger")
    stranger.study["streets"] = {"vehicles": {"hook_lft": {"hour": 22}}}
    assert codes(stranger) == ["name_unknown"]
    unknown = with_bans(OsmTown(tmp_path / "unknown"), ("hevy_truck", "at dawn", box(0, 0, 10, 10)))
    assert sorted(codes(unknown)) == ["ban_hours_unreadable", "ban_vehicle_unknown"]
    classless = OsmTown(tmp_path / "classless")
    network = packaged_network()
    network["vehicles"][0]["vehicle_class"] = "lite_truck"
    classless.add_network("classless", network)
    assert codes(classless) == ["name_unknown"]
    namesake = OsmTown(tmp_path / "namesake")  # bans of that name could mean either
    network = packaged_network()
    old = network["vehicles"][0]["id"]
    del network["vehicles"][0]["vehicle_class"]
    namesake.add_network("namesake", yaml.safe_load(yaml.safe_dump(network).replace(old, "heavy_truck")))
    assert "value_wrong" in codes(namesake)
    nowhere = OsmTown(tmp_path / "nowhere")
    nowhere.study["streets"] = {"vehicle_classes": "mine"}
    assert codes(nowhere) == ["name_unknown"]
    for key, value in (("days", "someday"), ("days", "Mo 07:00"), ("hour", 24), ("until_hour", 9)):
        wrong = OsmTown(tmp_path / f"wrong_{key}_{value}".replace(" ", "_").replace(":", ""))
        wrong.study["streets"] = {key: value}
        with pytest.raises(DataError, match="streets"):
            load_study(wrong.write())


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    town = OsmTown(tmp_path_factory.mktemp("osm"))
    town.osm.restrict("no_straight_on", 210, "n1_1", 211).restrict("no_left_turn", 999, "n1_1", 211)
    with_bans(town, ("light_truck", "Mo-Fr 09:00-11:00", box(450, 250, 100, 100)))
    done = recynet("run", town.write(), "--out", town.folder / "out")
    assert done.exit_code == 0, done.output
    return town.folder / "out"


def test_a_plan_on_openstreetmap_is_accepted_and_a_changed_class_is_noticed(result: Path) -> None:
    assert (result / "vehicle_classes" / "default.yaml").is_file()
    said = recynet("verify", result)
    assert said.exit_code == 0, said.output
    file = result / "vehicle_classes" / "default.yaml"
    text = file.read_text(encoding="utf-8")
    try:
        file.write_text(text.replace("primary: 38", "primary: 39"), encoding="utf-8")
        assert recynet("verify", result).exit_code == 1
    finally:
        file.write_text(text, encoding="utf-8")


def test_trips_run_on_the_streets_and_are_as_long_as_the_tours_say(result: Path) -> None:
    streets = json.loads((result / "layers" / "streets.geojson").read_text(encoding="utf-8"))["features"]
    net = shapely.buffer(shapely.union_all([shapely.geometry.shape(f["geometry"]) for f in streets]), 1e-6)
    drawn = gpd.read_file(result / "layers" / "routes.geojson").to_crs(CRS)
    rows = features(result, "routes")
    assert len(rows) > 0
    for row, shape in zip(rows, drawn.geometry, strict=True):
        assert row["distance_m"] == pytest.approx(shape.length, rel=3e-3, abs=1.0)
    for feature in json.loads((result / "layers" / "routes.geojson").read_text(encoding="utf-8"))["features"]:
        assert net.covers(shapely.geometry.shape(feature["geometry"]))


def test_the_plan_says_what_was_applied_and_how_far_sites_are_from_the_streets(result: Path) -> None:
    said = {}
    for warning in plan_of(result)["warnings"]:
        said.setdefault(warning["code"], []).append(warning["text"])
    assert "1 of 2 rules about turning" in said["osm_restrictions"][0]["en"]
    assert "way_not_in_network (1)" in said["osm_restriction_unapplied"][0]["en"]
    assert len(said["streets_snap"]) == 3
    assert len(said["streets_component"]) == 2
    assert "light_truck" in said["streets_banned"][0]["zh"]
    assert "Mo-Fr 10:00-11:00" in said["streets_slot"][0]["zh"]


def test_the_audit_says_it_as_well(result: Path) -> None:
    said = recynet("audit", result / "study.yaml", "--json")
    found = {fault["code"] for fault in json.loads(said.stdout)["faults"]}
    assert {"osm_restrictions", "osm_restriction_unapplied", "streets_component", "streets_banned"} <= found


def test_a_cache_folder_changes_no_cell_and_the_referee_does_not_look_into_it(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geodata.turn_driver, "WORTH_KEEPING", 0)
    town = OsmTown(tmp_path / "town")
    brief = read_brief(load_study(town.write()))
    assert street_cache() is None
    monkeypatch.setenv("RECYNET_CACHE", str(tmp_path / "cache"))
    plain = ground_of(brief)
    assert not (tmp_path / "cache").exists(), "what the referee works with is measured anew"
    for _ in range(2):
        kept = unedited_ground(brief, cache=street_cache())
        for a, b in zip(plain.ways, kept.ways, strict=True):
            assert a.loaded_s.tolist() == b.loaded_s.tolist()
            assert a.empty_m.tolist() == b.empty_m.tolist()
    assert list((tmp_path / "cache").rglob("*.npy"))
    monkeypatch.setenv("RECYNET_CACHE_MB", "0")
    unedited_ground(read_brief(load_study(with_speed(town))), cache=street_cache())
    assert not list((tmp_path / "cache").rglob("*.npy")), "nothing fits into no space"
    monkeypatch.setenv("RECYNET_CACHE_MB", "much")
    with pytest.raises(DataError, match="RECYNET_CACHE_MB"):
        street_cache()


def with_speed(town: OsmTown) -> Path:
    """The town with other times, so that no kept cell is of use."""
    town.study["streets"] = {"congestion": {"default": 1.5}}
    return town.write()


def test_an_edited_plan_is_measured_on_the_same_streets_and_accepted(result: Path, tmp_path: Path) -> None:
    site = features(result, "collection_point")[0]["id"]
    edits = tmp_path / "edits.geojson"
    edits.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": "no", "geometry": None, "properties": {"edit": "forbid", "site_id": site}}]}),
        encoding="utf-8")
    done = recynet("resolve", result, "--edits", edits, "--out", tmp_path / "edited")
    assert done.exit_code == 0, done.output
    assert site not in [row["id"] for row in features(tmp_path / "edited", "collection_point")]
    said = recynet("verify", tmp_path / "edited")
    assert said.exit_code == 0, said.output


def test_every_figure_of_the_classes_in_use_and_the_hours_are_listed_as_assumptions(result: Path) -> None:
    rows = {row["parameter"]: row for row in plan_of(result)["assumptions"]}
    assert rows["vehicle_classes.heavy_truck.gvw_t"]["value"] == 16.0
    assert rows["vehicle_classes.heavy_truck.gvw_t"]["mark"] == "A"
    assert rows["vehicle_classes.heavy_truck.width_m"]["mark"] == "S*"
    assert "vehicle_classes.light_truck.speed_km_per_h.primary" in rows
    assert not any(name.startswith("vehicle_classes.e_tricycle") for name in rows)
    assert rows["streets.hook_lift.hours"]["value"] == "Mo-Fr 10:00-11:00"


def test_a_vehicle_of_its_own_hours_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    town = TinyTown(tmp_path)
    town.study["streets"] = {"days": "Mo-Sa", "hour": 6, "until_hour": 14, "congestion": {"primary": 1.6},
                             "vehicles": {"hook_lift": {"hour": 22}}}
    streets = load_study(town.write()).streets
    assert streets is not None
    own = streets.slot("hook_lift")
    assert (own.hours, own.congestion) == ("Mo-Sa 22:00-23:00", {"primary": 1.6})
    assert streets.slot("light_truck").hours == "Mo-Sa 06:00-14:00"


def test_streets_that_are_lines_are_told_of_in_the_audit_too(tmp_path: Path) -> None:
    """Hours, congestion of a class that no street has, and a ban whose hours are an empty text: always."""
    town = with_bans(TinyTown(tmp_path), ("", "", box(450, 250, 100, 100)))
    town.study["streets"] = {"congestion": {"primry": 1.6}}
    said = {fault.code for fault in check_study(load_study(town.write()), audit=True)}
    assert {"streets_slot", "congestion_unused", "streets_banned"} <= said
    town.study["streets"] = {"congestion": {"default": 0.5}}  # faster than free flow
    with pytest.raises(DataError, match="congestion"):
        load_study(town.write())
