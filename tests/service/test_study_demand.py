"""Demand from what planners hold, from the study file to a verified result."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from rasterio.transform import from_origin

from geodata.tables import DataError
from optimizer.problem import Problem
from service.demand_seam import rate_faults
from service.lookup import load_demand_rates, load_network
from service.seam import Brief, as_problem, ground_of, read_brief
from service.study import load_study
from tests.service.tiny_town import TinyTown, features, packaged_network, plan_of, recynet
from tests.town import CRS, ORIGIN_X, ORIGIN_Y

RATES: dict[str, Any] = {
    "schema_version": 1, "demand": "own_rates", "title": {"zh": "自有", "en": "Own"},
    "settings": [
        {"id": "urban", "title": {"zh": "城", "en": "Town"}, "words": ["城市"], "mark": "D", "source": "a survey"},
        {"id": "rural", "title": {"zh": "乡", "en": "Country"}, "words": ["农村"], "generation_factor": 0.5,
         "kg_per_person_day": {"glass": 0.01}, "mark": "A", "source": "a guess"}],
    "generators": [
        {"id": "school", "title": {"zh": "学校", "en": "School"}, "words": ["学校"], "measure": "heads_count",
         "kg_per_unit_day": {"paper": 0.04, "pet": 0.01}, "assumed_size": 500, "mark": "S", "source": "a report"},
        {"id": "depot", "title": {"zh": "仓库", "en": "Depot"}, "measure": "site",
         "kg_per_unit_day": {"paper": 3, "glass": 1}, "mark": "A", "source": "a guess"}]}


class DemandTown(TinyTown):
    """The town of twelve blocks without persons of its own: a raster, totals in 万人, schools and a depot."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.layers["communities"] = self.layers["communities"].drop(columns="population")
        self.layers["zones"] = self.layers["zones"].assign(setting=["城市", "农村"])
        with rasterio.open(folder / "pop.tif", "w", driver="GTiff", height=10, width=12, count=1, dtype="float64",
                           crs=CRS, transform=from_origin(ORIGIN_X - 100, ORIGIN_Y + 900, 100, 100)) as target:
            target.write(np.full((10, 12), 1_200.0), 1)
        totals = "分区,常住人口(万人)\n西区,1.8\n东区,1.62\n合计,3.42\n"
        (folder / "totals.csv").write_text(totals, encoding="utf-8-sig")
        rows = ["编号,kind,x,y,heads_count,t_per_day", f"1,学校,{ORIGIN_X + 150},{ORIGIN_Y + 210},1000,",
                f"2,school,{ORIGIN_X + 650},{ORIGIN_Y + 210},,", f"3,depot,{ORIGIN_X + 450},{ORIGIN_Y + 410},,2.4"]
        (folder / "sources.csv").write_text("\n".join(rows), encoding="utf-8-sig")
        (folder / "demand").mkdir(exist_ok=True)
        (folder / "demand" / "own_rates.yaml").write_text(yaml.safe_dump(RATES, allow_unicode=True), encoding="utf-8")
        network = packaged_network()
        for tier in network["tiers"][1:]:
            for size in tier["sizes"]:
                size["build_cost_cny"], size["fixed_cost_cny_per_year"] = 200_000, 100_000
        self.add_network("cheap", network)
        self.study["inputs"] |= {
            "population": {"path": "pop.tif", "unit": "persons_per_cell"},
            "control_totals": {"path": "totals.csv", "columns": {"zone": "分区", "persons": "常住人口(万人)"}},
            "generators": {"path": "sources.csv", "crs": CRS, "columns": {"id": "编号"}}}
        self.study["demand"] = {"rates": "own_rates", "peak_factor": 1.25, "provenance": [
            {"covers": ["control_totals.*"], "mark": "S", "source": "census 2020"}]}

    def brief(self) -> Brief:
        """The town as its study reads it."""
        return read_brief(load_study(self.write()))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of the town in the folder `out`."""
    town = DemandTown(tmp_path_factory.mktemp("demand"))
    ran = recynet("run", town.write(), "--out", town.folder / "out")
    assert ran.exit_code == 0, ran.output
    return town.folder / "out"


def problem_of(town: TinyTown) -> tuple[Brief, Problem]:
    brief = read_brief(load_study(town.write()))
    return brief, as_problem(brief, ground_of(brief))


def test_tonnes_by_hand(tmp_path: Path) -> None:
    """18,000 persons in town at the network's rates, 16,200 in the country at half, glass 10 g; two schools of 1,000
    and (assumed) 500 pupils; 2.4 t a day of a depot, three parts paper, one glass."""
    brief, problem = problem_of(DemandTown(tmp_path))
    rate = {m.id: m.kg_per_person_day for m in brief.network.materials}
    tonnes = dict(zip(rate, problem.demand.generated_t_per_day.sum(axis=0), strict=True))
    expected = {name: (18_000 * kg + 16_200 * (0.01 if name == "glass" else 0.5 * kg)) / 1000
                for name, kg in rate.items()}
    expected["paper"] += 1_500 * 0.04 / 1000 + 2.4 * 0.75
    expected["pet"] += 1_500 * 0.01 / 1000
    expected["glass"] += 2.4 * 0.25
    assert tonnes == pytest.approx(expected, rel=1e-9)
    assert problem.demand.persons.sum() == pytest.approx(34_200.0)


def test_no_part_of_a_generator_fills_more_than_half_a_site(tmp_path: Path) -> None:
    """2.4 t a day with room for 2 t at most on a peak day of 1.25: at least three parts, each on its own."""
    brief, problem = problem_of(DemandTown(tmp_path))
    mine = [n for n, name in enumerate(problem.demand.part_ids) if name.startswith("depot:3#")]
    most = max(s.capacity_t_per_day for s in brief.network.tiers[0].sizes) / 1.25
    assert len(mine) == 3
    assert (problem.demand.generated_t_per_day[mine].sum(axis=1) <= 0.5 * most * (1 + 1e-9)).all()
    assert problem.demand.households[mine].sum() == 0.0


def test_the_peak_day_leaves_less_room_and_costs_no_more(tmp_path: Path) -> None:
    """Every capacity is a quarter tighter; tonnes, prices and households are those of the mean day."""
    brief, problem = problem_of(DemandTown(tmp_path))
    plain = replace(problem, peak_factor=1.0)
    for level, tier in enumerate(brief.network.tiers):
        assert problem.capacity_t_per_day(level) == pytest.approx([s.capacity_t_per_day / 1.25 for s in tier.sizes])
        np.testing.assert_allclose(problem.capacity_m3_per_day(level) * 1.25, plain.capacity_m3_per_day(level))
    np.testing.assert_array_equal(problem.captured_t_per_day, plain.captured_t_per_day)
    np.testing.assert_array_equal(problem.household_caps, plain.household_caps)
    with pytest.raises(ValueError, match="peak_factor"):
        replace(problem, peak_factor=0.9)


def test_run_and_verify(planned: Path) -> None:
    """The plan holds, is rebuilt from the inputs, and no site is fuller than its peak day allows."""
    verdict = recynet("verify", planned)
    assert verdict.exit_code == 0, verdict.output
    assert plan_of(planned)["bound_cny_per_year"] is not None
    points = features(planned, "collection_point")
    assert points
    for point in points:
        assert point["load_t_per_day"] * 1.25 <= point["capacity_t_per_day"] * (1 + 1e-6)
        assert point["utilisation_share"] >= point["load_t_per_day"] * 1.25 / point["capacity_t_per_day"] - 1e-9


def test_inputs_are_sealed(planned: Path, tmp_path: Path) -> None:
    """The manifest names every new input; with another total in the table the result is rejected."""
    roles = {entry["role"] for entry in json.loads((planned / "manifest.json").read_text(encoding="utf-8"))["inputs"]}
    assert {"population", "control_totals", "generators.sources"} <= roles
    shutil.copytree(planned.parent, tmp_path / "copy")
    table = tmp_path / "copy" / "totals.csv"
    table.write_text(table.read_text(encoding="utf-8-sig").replace("1.62", "1.63"), encoding="utf-8-sig")
    verdict = recynet("verify", tmp_path / "copy" / "out", "--inputs", tmp_path / "copy")
    assert verdict.exit_code == 1
    assert "input_changed" in verdict.output
    assert (planned / "demand" / "own_rates.yaml").is_file()


def test_every_figure_has_its_origin(planned: Path) -> None:
    """Totals with the study's own mark, factors, raster, rates that are used, the peak: value, mark and source."""
    told = {a["parameter"]: (a["value"], a["mark"], a["source"]) for a in plan_of(planned)["assumptions"]}
    assert told["demand.control_totals.W.persons"] == (18_000.0, "S", "census 2020")
    assert told["demand.population.total_persons"][:2] == (144_000.0, "A")
    assert told["demand.scaling.E.factor"][1] == "D"
    assert told["demand.settings.rural.generation_factor"] == (0.5, "A", "a guess")
    assert told["demand.settings.rural.glass_kg_per_person_day"] == (0.01, "A", "a guess")
    assert told["demand.generators.school.paper_kg_per_head_day"] == (0.04, "S", "a report")
    assert told["demand.generators.school.assumed_heads_count"][:2] == (500.0, "A")
    assert told["demand.generators.depot.count"][0] == 1
    assert told["demand.peak_factor"][:2] == (1.25, "A")
    report = (planned / "report.html").read_text(encoding="utf-8")
    assert "census 2020" in report
    assert all(c["estimated"] for c in features(planned, "communities"))
    assert {c["id"] for c in features(planned, "communities")} >= {"C0", "school:1", "depot:3"}


def test_faults_of_both_kinds_in_the_audit(tmp_path: Path) -> None:
    """Names without a zone, persons in no community and a raster far from its totals: warnings with figures."""
    town = DemandTown(tmp_path)
    (tmp_path / "totals.csv").write_text("分区,常住人口(万人)\n西区,2.8\n南区,0.54\n", encoding="utf-8-sig")
    told = recynet("audit", town.write(), "--json")
    faults = {(f["code"], f.get("feature_id")): f for f in json.loads(told.output)["faults"]}
    assert told.exit_code == 0
    assert {("total_unmatched", "南区"), ("total_missing", "东区"), ("total_far", "西区")} <= faults.keys()
    assert ("raster_unplaced", "W") in faults


@pytest.mark.parametrize(("change", "code"), [
    ({"rates": None}, "rates_needed"), ({"rates": "no_such"}, "name_unknown"),
    ({"cells": {"h3_resolution": 9, "side_m": 100}}, "value_wrong"), ({"peak_factor": 0.5}, "value_wrong"),
    ({"cellz": {}}, "key_unknown")])
def test_bad_keys(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    town = DemandTown(tmp_path)
    town.study["demand"] |= change
    with pytest.raises(DataError) as raised:
        town.brief()
    assert code in {f.code for f in raised.value.faults}


def test_rates_that_do_not_fit(tmp_path: Path) -> None:
    """A material the network lacks, and a zone whose setting nobody knows."""
    town = DemandTown(tmp_path)
    rates = json.loads(json.dumps(RATES))
    rates["generators"][0]["kg_per_unit_day"]["gold"] = 1
    (tmp_path / "demand" / "own_rates.yaml").write_text(yaml.safe_dump(rates, allow_unicode=True), encoding="utf-8")
    town.layers["zones"] = town.layers["zones"].assign(setting=["城市", "郊外"])
    with pytest.raises(DataError) as raised:
        town.brief()
    assert {"rate_material_unknown", "setting_unknown"} <= {f.code for f in raised.value.faults}


def test_the_packaged_rates_fit_the_packaged_network(tmp_path: Path) -> None:
    """Every kind gives something of materials the network has; marks and sources are there."""
    town = DemandTown(tmp_path)
    town.study["demand"]["rates"] = "urban_sources"
    study = load_study(town.write())
    rates = load_demand_rates(study)
    assert rates is not None
    known = {m.id for m in load_network(study).materials}
    for kind in rates.generators:
        assert set(kind.kg_per_unit_day) <= known
        assert kind.source
    brief = town.brief()
    assert brief.rates is not None
    assert {k for k in brief.places.communities["kind"] if k} == {"school"}  # no depot there: told, not counted
    assert "generator_unknown" in {f.code for f in brief.places.faults}


def test_the_mended_study_asks_the_same(tmp_path: Path) -> None:
    """`audit --fix` keeps raster and table where they are; the study it writes has the same tonnes."""
    town = DemandTown(tmp_path / "town")
    study = town.write()
    assert recynet("audit", study, "--fix", tmp_path / "fixed").exit_code == 0
    mended = read_brief(load_study(tmp_path / "fixed" / "study.yaml"))
    assert mended.places.communities["population"].tolist() == pytest.approx(
        read_brief(load_study(study)).places.communities["population"].tolist())


def test_totals_in_a_column_of_the_zones(tmp_path: Path) -> None:
    """Naming the column is asking for it: the town's persons become those of the zones, in proportion."""
    town = TinyTown(tmp_path)
    town.layers["zones"] = town.layers["zones"].assign(residents=[60_000, 50_000])
    town.study["inputs"]["zones"]["columns"] = {"control_persons": "residents"}
    study = load_study(town.write())
    brief = read_brief(study)
    assert brief.places.communities.groupby("zone_id")["population"].sum().to_dict() == pytest.approx(
        {"W": 60_000.0, "E": 50_000.0})
    assert {f.code for f in brief.places.faults} >= {"total_far"}


def test_a_study_that_says_nothing_is_read_as_ever(tmp_path: Path) -> None:
    study = load_study(TinyTown(tmp_path).write())
    assert study.demand_input() is None
    brief = read_brief(study)
    assert brief.places.demand is None
    assert list(brief.places.communities.columns) == ["id", "population", "households", "name", "geometry", "area_m2",
                                                      "zone_id"]


def test_settings_without_rates_are_told() -> None:
    """Zones say town and country, the study names no rates: a warning with the words; without words nothing."""
    study = SimpleNamespace(peak_factor=1.0, file=Path("study.yaml"),
                            inputs=SimpleNamespace(generators=(), zones=SimpleNamespace(path=Path("zones.gpkg"))))
    network = SimpleNamespace(tiers=(), materials=())
    for words, told in ((["城市", None], ["setting_without_rates"]), ([None, None], [])):
        places = SimpleNamespace(communities=pd.DataFrame({"setting": pd.Series(words, dtype=object)}))
        faults = rate_faults(study, network, None, places)  # type: ignore[arg-type]
        assert [f.code for f in faults] == told
        assert all("城市" in f.line() and f.severity == "warning" for f in faults)
