"""`recynet init`: what it writes can be read, audited and planned, is the same twice, and bad input is a line each."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import yaml
from click.testing import Result
from typer.testing import CliRunner

from geodata.tables import has_errors
from service.checks import check_study
from service.cli import app
from service.init_config import load_init_config
from service.init_small import room_for, small_network
from service.init_study import identifier
from service.lookup import load_network, load_rules
from service.plan_json import PlanJson
from service.study import InputsConfig, Study, load_study
from service.verify import verify
from tests.geodata.osm_area_town import degrees, small_town

HELSINKI = os.environ.get("RECYNET_HELSINKI")
FAST = ["--set", "solve.time_limit_s=5", "--set", "routing.time_limit_s=3"]


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def osm(tmp_path: Path) -> Path:
    return small_town().write(tmp_path / "town.osm")


@pytest.fixture
def study(osm: Path, tmp_path: Path) -> Path:
    assert call("init", tmp_path / "quadrata", "--osm", osm).exit_code == 0
    return tmp_path / "quadrata" / "study.yaml"


# -- what is written -------------------------------------------------------------------------------------------


def test_the_study_has_no_error_and_no_warning(study: Path) -> None:
    faults = check_study(load_study(study), audit=True)
    assert [f.line() for f in faults if f.severity != "note"] == []
    assert call("audit", study).exit_code == 0


def test_layers_are_what_the_town_is_made_of(study: Path) -> None:
    def layer(name: str) -> gpd.GeoDataFrame:
        return gpd.read_file(study.parent / "study.gpkg", layer=name).set_index("id")

    assert sorted(layer("land")["land_use"]) == ["brownfield", "commercial", "industrial", "industrial"]
    assert layer("land").area.sum() == pytest.approx(2 * 130**2 + 100**2 + 130 * 100, rel=2e-3)
    assert layer("water").area.sum() == pytest.approx(1e4, rel=2e-3)
    assert layer("green").area.sum() == pytest.approx(130**2 - 20**2, rel=2e-3)
    assert dict(layer("points_of_interest")["kind"].value_counts()) == {"supermarket": 1, "school": 1}
    assert len(layer("roads")) == 10
    people = layer("communities")
    flats, house, block = 2400 * 5 * 0.9, 400 * 1.5, 2400 * 6 * 0.9  # m2 of homes
    assert people["population"].sum() == pytest.approx((6 * flats + 6 * house + block) / 41.76, rel=2e-3)
    assert layer("zones").crs == layer("land").crs == "EPSG:32632"


def test_the_licence_and_what_is_estimated_are_named(study: Path) -> None:
    loaded = load_study(study)
    assert any("OpenStreetMap contributors, ODbL 1.0" in line for line in loaded.attribution)
    said, land = loaded.inputs.communities.estimated, loaded.inputs.land
    assert said is not None
    assert "estimated from the floor area of buildings" in said.en
    assert "估计" in said.zh
    assert land is not None
    assert land.estimated is not None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_key_of_a_study_is_in_the_file(osm: Path, tmp_path: Path, language: str) -> None:
    assert call("--lang", language, "init", tmp_path / "new", "--osm", osm).exit_code == 0
    text = (tmp_path / "new" / "study.yaml").read_text(encoding="utf-8")
    words = set(re.findall(r"(\w+):", text))
    assert set(Study.model_fields) | set(InputsConfig.model_fields) <= words
    lines = text.splitlines()
    assert sum("#" in line for line in lines) > 0.5 * len(lines)
    assert "{{" not in text
    assert not has_errors(check_study(load_study(tmp_path / "new" / "study.yaml")))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_example_in_a_comment_is_one(osm: Path, tmp_path: Path, language: str) -> None:
    """With the marks taken off, the file is still a study: keys and values are those of today."""
    call("--lang", language, "init", tmp_path / "new", "--osm", osm)
    file = tmp_path / "new" / "study.yaml"
    text = file.read_text(encoding="utf-8")
    examples = re.compile(r"^(\s*)# (\w+: [^<\n]*)$", flags=re.MULTILINE)
    found = [match[2].split(":")[0] for match in examples.finditer(text)]
    assert {"existing_sites", "control_totals", "population", "demand", "streets", "budget_cny"} <= set(found)
    file.write_text(examples.sub(r"\1\2", text), encoding="utf-8")
    loaded = load_study(file)
    assert loaded.budget_cny == 80_000_000
    assert loaded.inputs.existing_sites is not None


def test_both_languages_ask_the_same(osm: Path, tmp_path: Path) -> None:
    for language in ("en", "zh"):
        call("--lang", language, "init", tmp_path / language / "town", "--osm", osm)
    english, chinese = (yaml.safe_load((tmp_path / language / "town" / "study.yaml").read_text(encoding="utf-8"))
                        for language in ("en", "zh"))
    assert english == chinese


def test_the_same_input_gives_the_same_bytes(osm: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        call("init", tmp_path / folder / "town", "--osm", osm, "--persons", "2500")
    first, second = (sorted((tmp_path / folder).rglob("*.*")) for folder in ("a", "b"))
    assert [p.name for p in first] == ["urban_three_tier_small.yaml", "SERVE_THIS_AREA.yaml", "study.gpkg",
                                       "study.yaml"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_a_total_is_kept_and_told(osm: Path, tmp_path: Path) -> None:
    result = call("init", tmp_path / "new", "--osm", osm, "--persons", "25000", "--json")
    said = json.loads(result.output)
    assert said["persons"] == 25_000
    assert "init_scaled" in {f["code"] for f in said["faults"]}
    loaded = load_study(tmp_path / "new" / "study.yaml").inputs.communities.estimated
    assert loaded is not None
    assert "25000" in loaded.en


def test_a_boundary_cuts_what_lies_outside(osm: Path, tmp_path: Path) -> None:
    outline = gpd.GeoDataFrame(geometry=[shapely.box(*degrees(-1, -1), *degrees(301, 601))], crs="EPSG:4326")
    outline.to_file(tmp_path / "west.geojson")
    call("init", tmp_path / "west", "--osm", osm, "--boundary", tmp_path / "west.geojson")
    call("init", tmp_path / "all", "--osm", osm)
    west, everything = (gpd.read_file(tmp_path / name / "study.gpkg", layer="communities") for name in ("west", "all"))
    assert len(west) == len(everything)  # all homes are in the west
    land = gpd.read_file(tmp_path / "west" / "study.gpkg", layer="land")
    assert len(land) == 0
    lines = [f.line() for f in check_study(load_study(tmp_path / "west" / "study.yaml")) if f.severity == "error"]
    assert len(lines) == 1
    assert "study.gpkg | land" in lines[0]


def test_a_raster_makes_communities_of_its_squares(osm: Path, tmp_path: Path) -> None:
    west, north = degrees(0, 600)
    cells = np.arange(36, dtype=np.float32).reshape(6, 6)
    with rasterio.open(tmp_path / "people.tif", "w", driver="GTiff", width=6, height=6, count=1, dtype="float32",
                       crs="EPSG:4326", transform=rasterio.transform.from_origin(west, north, 0.0009, 0.0009)) as out:
        out.write(cells, 1)
    words = ("init", tmp_path / "new", "--osm", osm, "--population", tmp_path / "people.tif")
    assert "[raster_unit_missing]" in call(*words).output
    assert call(*words, "--population-unit", "persons_per_cell").exit_code == 0
    people = gpd.read_file(tmp_path / "new" / "study.gpkg", layer="communities")
    assert people["population"].sum() == cells.sum()
    assert set(people["kind"]) == {"cell"}
    assert not has_errors(check_study(load_study(tmp_path / "new" / "study.yaml")))


# -- small areas -----------------------------------------------------------------------------------------------


def test_sizes_for_a_small_area_follow_the_six_tenths_rule(study: Path) -> None:
    loaded = load_study(study)
    network = load_network(loaded)
    assert network.network == "urban_three_tier_small"
    station, old = network.tiers[1].sizes[:2]
    share = station.capacity_t_per_day / old.capacity_t_per_day
    assert station.capacity_t_per_day == room_for(1946 * 0.8 * 0.244 / 1000)
    assert station.build_cost_cny == pytest.approx(share**0.6 * old.build_cost_cny, abs=51)
    assert station.fixed_cost_cny_per_year == pytest.approx(share**0.6 * old.fixed_cost_cny_per_year, abs=51)
    packaged = load_network(loaded.model_copy(update={"network": "urban_three_tier"}))
    assert network.tiers[0] == packaged.tiers[0]
    assert network.materials == packaged.materials
    first = network.provenance[0]
    assert first.mark == "A"
    assert f"tiers.{network.tiers[1].id}.sizes.{station.id}.*" in first.covers


def test_a_large_area_needs_no_smaller_sizes(study: Path) -> None:
    network = load_network(load_study(study).model_copy(update={"network": "urban_three_tier"}))
    assert small_network(network, 60.0) is None
    small = small_network(network, 30.0)
    assert small is None or [t.id for t in small.network.tiers if len(t.sizes) > len(network.tier(t.id).sizes)] == []
    some = small_network(network, 15.0)
    assert some is not None
    assert [t.id for t in some.network.tiers if len(t.sizes) > len(network.tier(t.id).sizes)] == [network.tiers[2].id]


@pytest.mark.parametrize(("needed", "room"), [(0.04, 0.1), (0.1, 0.1), (0.11, 0.2), (1.5, 2), (2.5, 5), (38, 50)])
def test_room_for_what_is_needed(needed: float, room: float) -> None:
    assert room_for(needed) == room


def test_the_area_is_served_by_a_rule_that_can_be_left_out(study: Path) -> None:
    loaded = load_study(study)
    assert loaded.rules == ("SERVE_THIS_AREA",)
    (rule,) = load_rules(loaded)
    assert [(c.kind, c.value) for c in rule.clauses] == [("min_sites_per_zone", 1.0)] * 2
    assert rule.mark == "A"


def test_the_town_leads_to_a_plan(study: Path, tmp_path: Path) -> None:
    result = call("run", study, "--out", tmp_path / "out", *FAST)
    assert result.exit_code == 0, result.output
    plan = PlanJson.model_validate_json((tmp_path / "out" / "plan.json").read_text(encoding="utf-8"))
    assert [tier.open_count > 0 for tier in plan.tiers] == [True] * 3
    assert verify(tmp_path / "out", None).accepted


@pytest.mark.skipif(not HELSINKI, reason="RECYNET_HELSINKI does not name Helsinki.osm.pbf (see test_turns_helsinki.py)")
@pytest.mark.parametrize("streets", [(), ("--turn-restrictions",)])
def test_helsinki_leads_to_a_plan(tmp_path: Path, streets: tuple[str, ...]) -> None:
    assert call("init", tmp_path / "helsinki", "--osm", str(HELSINKI), *streets).exit_code == 0
    file = tmp_path / "helsinki" / "study.yaml"
    assert not has_errors(check_study(load_study(file), audit=True))
    persons = gpd.read_file(file.parent / "study.gpkg", layer="communities")["population"].sum()
    assert 5_000 < persons < 15_000  # 1.7 km2 of the inner city
    result = call("run", file, "--out", tmp_path / "out", *FAST)
    assert result.exit_code == 0, result.output
    plan = PlanJson.model_validate_json((tmp_path / "out" / "plan.json").read_text(encoding="utf-8"))
    assert [tier.open_count > 0 for tier in plan.tiers] == [True] * 3
    assert verify(tmp_path / "out", None).accepted


# -- bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "code"), [
    ((), "init_no_source"),
    (("--place", "Town", "--osm", "town.osm"), "init_no_source"),
    (("--place", "Town", "--turn-restrictions"), "init_restrictions_of_file"),
    (("--osm", "gone.osm"), "file_missing"),
    (("--osm", "town.osm", "--bbox", "1,2,3"), "init_bbox_wrong"),
    (("--osm", "town.osm", "--bbox", "9,1,8,2"), "init_bbox_wrong"),
    (("--osm", "town.osm", "--bbox", "0,0,1,1", "--boundary", "x.geojson"), "init_two_outlines"),
    (("--osm", "town.osm", "--bbox", "20,20,21,21"), "nothing_inside"),
    (("--osm", "town.osm", "--boundary", "gone.geojson"), "file_missing"),
    (("--osm", "town.osm", "--population", "gone.csv"), "file_missing"),
    (("--osm", "town.osm", "--population", "town.osm", "--population-column", "persons"), "init_column_wrong"),
    (("--osm", "town.osm", "--network", "no_such_network"), "name_unknown"),
    (("--osm", "town.osm", "--rules", "NO_SUCH_RULE"), "name_unknown"),
    (("--osm", "town.osm", "--communities", "residential", "--bbox", "9.0029,0.0999,9.006,0.106"), "nobody_found")])
@pytest.mark.usefixtures("osm")
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  words: tuple[str, ...], code: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("init", "new", *words)
    assert result.exit_code == 2, result.output
    lines = [line for line in result.output.splitlines() if "error" in line]
    assert len(lines) == 1
    assert f"[{code}]" in lines[0]
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_is_refused_and_kept(osm: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "study.yaml").write_text("mine")
    result = call("init", tmp_path / "new", "--osm", osm)
    assert result.exit_code == 2
    assert "[init_folder_used]" in result.output
    assert (tmp_path / "new" / "study.yaml").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_one_line(osm: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    result = call("init", tmp_path / "file" / "new", "--osm", osm)
    assert result.exit_code == 2
    assert "[init_cannot_write]" in result.output


def test_a_study_may_have_a_name_of_its_own(osm: Path, tmp_path: Path) -> None:
    call("init", tmp_path / "x", "--osm", osm, "--name", "My Town")
    loaded = load_study(tmp_path / "x" / "study.yaml")
    assert (loaded.study, loaded.title.en) == ("my_town", "My Town recycling network")


def test_population_in_china_must_say_its_datum(tmp_path: Path) -> None:
    town = small_town()
    text = town.write(tmp_path / "town.osm").read_text(encoding="utf-8")
    (tmp_path / "wuhan.osm").write_text(re.sub(r'lat="0\.', 'lat="30.', text).replace('lon="9.', 'lon="114.')
                                        .replace('lon="8.', 'lon="113.'), encoding="utf-8")
    (tmp_path / "people.csv").write_text("id,lon,lat,population\n1,114.001,30.101,50\n", encoding="utf-8")
    words = ("--osm", tmp_path / "wuhan.osm", "--population", tmp_path / "people.csv")
    assert "[init_population_crs_china]" in call("init", tmp_path / "a", *words).output
    assert call("init", tmp_path / "b", *words, "--population-crs", "EPSG:4326").exit_code == 0


# -- tables ----------------------------------------------------------------------------------------------------


def test_every_tier_of_the_table_is_one_of_a_packaged_network() -> None:
    networks = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in (files("configs") / "networks").iterdir()
                if p.name.endswith(".yaml")]
    known = {tier["id"] for network in networks for tier in network["tiers"]}
    config = load_init_config()
    assert set(config.land.for_tiers) <= {*known, "default"}
    classes = {c.name for c in config.land.classes}
    assert all(set(terms.land_use) <= classes for terms in config.land.for_tiers.values())


def test_a_table_of_your_own_is_used(osm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (files("configs") / "init" / "osm_tags.yaml").read_text(encoding="utf-8")
    (tmp_path / "own" / "init").mkdir(parents=True)
    own = tmp_path / "own" / "init" / "osm_tags.yaml"
    own.write_text(text.replace("floor_m2_per_person: 41.76", "floor_m2_per_person: 20.88"), encoding="utf-8")
    call("init", tmp_path / "a", "--osm", osm)
    monkeypatch.setenv("RECYNET_CONFIGS", str(tmp_path / "own"))
    call("init", tmp_path / "b", "--osm", osm)
    before, after = (gpd.read_file(tmp_path / name / "study.gpkg", layer="communities")["population"].sum()
                     for name in "ab")
    assert after == pytest.approx(2 * before, abs=1)
    own.write_text(text.replace("margin_m: 300", "margin: 300"), encoding="utf-8")
    result = call("init", tmp_path / "c", "--osm", osm)
    assert result.exit_code == 2
    assert "streets.margin" in result.output


@pytest.mark.parametrize(("text", "name"), [("Porto Alegre", "porto_alegre"), ("2024 plan", "study_2024_plan"),
                                            ("汉口", "study"), ("a--b", "a_b")])
def test_folders_become_names_of_studies(text: str, name: str) -> None:
    assert identifier(text) == name
