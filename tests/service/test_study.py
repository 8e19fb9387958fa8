"""The study file: what is read, what is refused and with which words, and where names are looked up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from geodata.places import read_places
from geodata.screening import screen_places
from geodata.tables import DataError
from service.checks import candidates_per_zone, check_study, land_screening, rule_verdicts
from service.cli import app
from service.lookup import config_text, known_names, load_network, load_rules
from service.study import load_study, study_schema
from tests.town import Town

STUDIES = Path(__file__).parents[2] / "configs" / "studies"
HANKOU = STUDIES / "hankou" / "study.yaml"
MINIMAL: dict[str, Any] = {
    "schema_version": 1,
    "study": "mini",
    "title": {"zh": "小", "en": "Mini"},
    "network": "urban_three_tier",
    "inputs": {"communities": {"path": "a.gpkg"}, "roads": {"path": "b.gpkg"}},
}


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def minimal(folder: Path, **changes: Any) -> Path:
    return written(folder, yaml.safe_dump({**MINIMAL, **changes}, allow_unicode=True))


def lines(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        load_study(path, overrides)
    return [fault.line() for fault in caught.value.faults]


def test_hankou_reads_as_written() -> None:
    study = load_study(HANKOU)
    assert study.inputs.communities.path == HANKOU.parent / "hankou.gpkg"
    assert study.inputs.zones is not None
    assert study.inputs.zones.level == "district"
    assert (study.access.share, study.access.decay_m, study.access.max_m) == (0.8, 500.0, 800.0)
    assert study.solve.threads == study.routing.threads == 2
    assert any("OpenStreetMap" in text and "ODbL" in text for text in study.attribution)
    estimated = [name for name, source in study.inputs.named() if source.estimated is not None]
    assert estimated == ["communities", "land"]
    assert [rule.rule for rule in load_rules(study)] == ["SBT_10719_2012"]


def test_hankou_has_no_fault_of_severity_error() -> None:
    faults = check_study(load_study(HANKOU), audit=True)
    assert [f.line() for f in faults if f.severity == "error"] == []
    not_applied = [f.title.en for f in faults if f.code == "clause_not_applicable"]
    assert any("station_per_sub_district" in text and "district" in text for text in not_applied)


@pytest.mark.skipif(
    not (Path(os.environ.get("RECYNET_DATA", "/nowhere")) / "wuxi_xinwu").is_dir(),
    reason="RECYNET_DATA/wuxi_xinwu is not there",
)
def test_xinwu_can_be_screened() -> None:
    faults = check_study(load_study(STUDIES / "xinwu.yaml"), audit=True)
    assert [f.line() for f in faults if f.severity == "error"] == []
    slivers = {f.feature_id: f.title.en for f in faults if f.code == "sliver" and f.layer == "communities"}
    assert "sliver of 39 m2" in slivers.values()  # the smallest community its readme states


def test_defaults_fill_a_minimal_study(tmp_path: Path) -> None:
    study = load_study(minimal(tmp_path))
    assert (study.crs_metric, study.candidates.spacing_m, study.solve.gap, study.routing.engine) == (
        "auto",
        120.0,
        0.01,
        "auto",
    )
    assert study.folder == tmp_path
    places = study.places_input()
    assert (places.land, places.zones, places.exclusions) == (None, None, ())


def test_overrides_are_typed_and_checked(tmp_path: Path) -> None:
    path = minimal(tmp_path)
    study = load_study(
        path,
        (
            "solve.gap=0.05",
            "rules=[A_1, B_2]",
            "inputs.roads.crs=GCJ-02",
            "title.en=a = b",
            "inputs.exclusions=[{path: w.gpkg, name: water}]",
            "inputs.exclusions.0.buffer_m=5",
        ),
    )
    assert study.solve.gap == 0.05
    assert study.rules == ("A_1", "B_2")
    assert study.inputs.roads.crs == "GCJ-02"
    assert study.title.en == "a = b"
    assert (study.inputs.exclusions[0].path, study.inputs.exclusions[0].buffer_m) == (tmp_path / "w.gpkg", 5.0)
    found = lines(path, "solve.gap", "study.x=1", "inputs.exclusions=[]", "inputs.exclusions.3.name=x", "solve.gpa=1")
    assert [text.split("]")[0] for text in found] == ["error [override_wrong"] * 3 + ["error [key_unknown"]
    assert "did you mean 'gap'" in found[-1]


def test_an_empty_table_can_be_overridden(tmp_path: Path) -> None:
    assert load_study(minimal(tmp_path, solve=None), ("solve.seed=7",)).solve.seed == 7


def test_all_errors_come_together_with_their_path(tmp_path: Path) -> None:
    path = minimal(
        tmp_path, sove={}, access={"share": 1.5, "decay": 3}, inputs={"communities": {"path": "a"}, "rods": {}}
    )
    found = "\n".join(lines(path))
    for words in (
        "'sove' (did you mean 'solve'?)",
        "'access.share'",
        "'access.decay' (did you mean 'decay_m'?)",
        "'inputs.roads' is missing",
        "'inputs.rods' (did you mean 'roads'?)",
    ):
        assert words in found
    assert len(found.splitlines()) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study: a\nstudy: b\n", ("yaml_key_repeated", "line 2", "'study'")),
        ("title: &t {zh: a, en: b}\nother: *t\n", ("yaml_alias", "line 2")),
        ("study: [a\n", ("yaml_wrong",)),
        ("- a\n- b\n", ("not_a_mapping",)),
        ("", ("not_a_mapping",)),
        ("study: !!python/object/apply:os.system [ls]\n", ("yaml_wrong",)),
    ],
)
def test_yaml_we_do_not_accept(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (found,) = lines(written(tmp_path, text))
    assert all(word in found for word in words), found


def test_only_the_data_variable_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"communities": {"path": "${RECYNET_DATA}/a.gpkg"}, "roads": {"path": "${RECYNET_DATA}/b.gpkg"}}
    path = minimal(tmp_path, inputs=inputs)
    monkeypatch.setenv("RECYNET_DATA", str(tmp_path / "data"))
    assert load_study(path).inputs.roads.path == tmp_path / "data" / "b.gpkg"
    monkeypatch.delenv("RECYNET_DATA")
    found = lines(path)
    assert len(found) == 1
    assert "RECYNET_DATA is not set" in found[0]
    inputs["roads"]["path"] = "${HOME}/b.gpkg"
    assert "variable 'HOME' is not expanded" in "\n".join(lines(minimal(tmp_path, inputs=inputs)))


def test_names_are_looked_up_in_the_study_folder_then_in_the_configs_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load_study(minimal(tmp_path))
    packaged = config_text(study, "networks", "urban_three_tier")
    shared = tmp_path / "shared"
    (shared / "networks").mkdir(parents=True)
    (shared / "networks" / "urban_three_tier.yaml").write_text(
        packaged.replace("carbon_cny_per_t: 80", "carbon_cny_per_t: 81"), encoding="utf-8"
    )
    (shared / "networks" / "mine.yaml").write_text(packaged, encoding="utf-8")
    assert load_network(study_on_land(tmp_path)).money.carbon_cny_per_t == 80
    monkeypatch.setenv("RECYNET_CONFIGS", str(shared))
    assert load_network(study_on_land(tmp_path)).money.carbon_cny_per_t == 81
    assert {"mine", "urban_three_tier"} <= set(known_names(study, "networks"))
    (tmp_path / "urban_three_tier.yaml").write_text(
        packaged.replace("carbon_cny_per_t: 80", "carbon_cny_per_t: 82"), encoding="utf-8"
    )
    assert load_network(study_on_land(tmp_path)).money.carbon_cny_per_t == 82


def study_on_land(folder: Path) -> Any:
    return load_study(minimal(folder, inputs={**MINIMAL["inputs"], "land": {"path": "c.gpkg"}}))


def test_a_name_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("a: 1", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    study = load_study(minimal(tmp_path / "sub", network="../secret"))
    with pytest.raises(DataError, match="name_unknown"):
        load_network(study)


def test_area_clauses_tighten_the_screening(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.study["rules"] = ["SBT_10719_2012"]
    town.study["screening"] = {"transfer_station": {"min_area_m2": 100}}
    study = load_study(town.write())
    network, rules = load_network(study), load_rules(study)
    by_tier = {s.tier_id: s for s in land_screening(study, network, rules)}
    assert by_tier["transfer_station"].min_area_m2 == 500.0  # the clause, above the 100 asked
    assert by_tier["sorting_center"].min_area_m2 == 0.0
    assert set(by_tier) == {t.id for t in network.tiers if t.candidates == "land"}
    assert {v.rule for v in rule_verdicts(study, network, rules)} == {"SBT_10719_2012"}


def test_candidates_are_counted_in_every_zone(tmp_path: Path) -> None:
    study = load_study(Town(tmp_path).write())
    places = read_places(study.places_input())
    screened = screen_places(places, land_screening(study, load_network(study), ()))
    assert candidates_per_zone(places, screened) == {
        "W": {"transfer_station": 1, "sorting_center": 1},
        "E": {"transfer_station": 1, "sorting_center": 1},
    }


def test_schema_describes_the_bundled_study() -> None:
    schema = study_schema()
    assert schema["additionalProperties"] is False
    assert set(yaml.safe_load(HANKOU.read_text(encoding="utf-8"))) <= set(schema["properties"])
    assert {"schema_version", "study", "inputs", "network"} <= set(schema["required"])
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout) == schema
