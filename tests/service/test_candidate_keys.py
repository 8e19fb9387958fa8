"""Keys of candidates in a study file: what is refused, with words that help, and what is merely told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from geodata.tables import DataError
from service.checks import check_study
from service.seam import as_problem, ground_of, read_brief
from service.study import Study, load_study
from service.study_suitability import SuitabilityConfig
from tests.service.test_candidates_run import HOSTS, add_heights, add_places
from tests.service.tiny_town import TinyTown, recynet

THREE: dict[str, Any] = {"a": {"measure": "usable_area_m2", "worst": 0, "best": 1},
                         "b": {"measure": "slope_share", "worst": 0.1, "best": 0},
                         "c": {"measure": "land_use", "scores": {"3": 1}}}
AGREEING = {"a": {"b": 2, "c": 4}, "b": {"c": "2"}}


def town(folder: Path) -> TinyTown:
    made = TinyTown(folder)
    add_places(made)
    add_heights(made)
    return made


def refused(made: TinyTown) -> str:
    with pytest.raises(DataError) as caught:
        load_study(made.write())
    return "\n".join(f.line() for f in caught.value.faults)


def faults_of(made: TinyTown) -> dict[str, str]:
    return {f.code: f.line() for f in check_study(load_study(made.write()))}


def with_suitability(made: TinyTown, **keys: Any) -> TinyTown:
    made.study["screening"]["transfer_station"]["suitability"] = {"criteria": THREE, "comparisons": AGREEING, **keys}
    return made


@pytest.mark.parametrize(("comparisons", "words"), [
    ({"a": {"b": 5, "c": "1/5"}, "b": {"c": 5}}, ("consistency ratio", "> 0.1", "most of all '")),
    ({"a": {"b": 2, "c": 4}}, ("not compared: b and c",)),
    ({"a": {"b": 2, "c": 4}, "b": {"a": 2, "c": 2}}, ("'b' and 'a' are compared twice",)),
    ({"a": {"b": 12, "c": 4}, "b": {"c": 2}}, ("runs from 1/9 to 9",)),
    ({"a": {"b": "two", "c": 4}, "b": {"c": 2}}, ("'two' is no number",)),
    ({"a": {"b": "1e10000000", "c": 4}, "b": {"c": 2}}, ("is no number",)),  # would take minutes to work out
    ({"a": {"b": "1e400", "c": 4}, "b": {"c": 2}}, ("is no number",)),
    ({"a": {"b": "1/0", "c": 4}, "b": {"c": 2}}, ("divides by zero",)),
    ({"a": {"b": "9" * 10**5, "c": 4}, "b": {"c": 2}}, ("is no number",)),
    ({"a": {"b": 2, "c": 4, "d": 1}, "b": {"c": 2}}, ("['d'], which are no criteria",)),
    ({"a": {"b": 0, "c": 4}, "b": {"c": 2}}, ("runs from 1/9 to 9",)),
])
def test_comparisons_that_are_refused(tmp_path: Path, comparisons: dict[str, Any], words: tuple[str, ...]) -> None:
    text = refused(with_suitability(TinyTown(tmp_path), comparisons=comparisons))
    for word in words:
        assert word in text


def test_the_comparison_to_think_about_is_named(tmp_path: Path) -> None:
    """Four criteria of weights 5 : 3 : 2 : 1, where the second over the fourth was turned round."""
    criteria = {name: dict(THREE["a"]) for name in ("first", "second", "third", "fourth")}
    comparisons = {"first": {"second": "5/3", "third": 2.5, "fourth": 5}, "second": {"third": 1.5, "fourth": "1/3"},
                   "third": {"fourth": 2}}
    text = refused(with_suitability(TinyTown(tmp_path), criteria=criteria, comparisons=comparisons))
    assert "consistency ratio 0.243 > 0.1, most of all 'second' over 'fourth', given as 1/3" in text
    assert "others together say 3" in text


def test_weights_of_one_and_of_agreeing_criteria() -> None:
    one = SuitabilityConfig(criteria={"a": THREE["a"]})
    assert one.rule().weights == (1.0,)
    three = SuitabilityConfig(criteria=THREE, comparisons=AGREEING)
    assert three.rule().weights == pytest.approx((4 / 7, 2 / 7, 1 / 7))


@pytest.mark.parametrize(("criterion", "word"), [
    ({"measure": "slope_share", "worst": 0.1}, "needs `worst` and `best`"),
    ({"measure": "slope_share", "worst": 0.1, "best": 0.1}, "which differ"),
    ({"measure": "distance_m", "worst": 0, "best": 10}, "`layer` belongs to distance_m"),
    ({"measure": "usable_area_m2", "worst": 0, "best": 10, "layer": "water"}, "`layer` belongs to distance_m"),
    ({"measure": "usable_area_m2", "worst": 0, "best": 10, "street_classes": ["primary"]}, "street_classes"),
    ({"measure": "land_use"}, "needs `scores`"),
    ({"measure": "beauty", "worst": 0, "best": 1}, "measure"),
])
def test_criteria_that_are_refused(tmp_path: Path, criterion: dict[str, Any], word: str) -> None:
    text = refused(with_suitability(TinyTown(tmp_path), criteria={"a": criterion}, comparisons={}))
    assert word in text


@pytest.mark.parametrize(("keys", "word"), [
    ({"criteria": {"a": {"measure": "slope_share", "worst": 1, "best": 0}}}, "cannot measure ['slope_share']"),
    ({"criteria": {"a": {"measure": "host", "scores": {"street": 1}}}, "min_score_share": 0.5}, "is for land")])
def test_scores_of_points_that_are_refused(tmp_path: Path, keys: dict[str, Any], word: str) -> None:
    made = town(tmp_path)
    made.study["candidates"]["suitability"] = keys
    assert word in refused(made)


def test_scores_of_points_and_land_are_kept_apart(tmp_path: Path) -> None:
    made = with_suitability(town(tmp_path), criteria={"a": {"measure": "host", "scores": {"x": 1}}}, comparisons={})
    assert "land stands at no host" in refused(made)
    made = town(tmp_path)
    made.study["candidates"]["suitability"] = {"criteria": {
        "a": {"measure": "distance_m", "layer": "schol", "worst": 100, "best": 0}}}
    assert "did you mean 'school'" in faults_of(made)["layer_unknown"]


@pytest.mark.parametrize(("rectangle", "right"), [
    ({"max_aspect": 3}, True), ({"width_m": 20, "length_m": 40}, True), ({}, False), ({"width_m": 20}, False),
    ({"max_aspect": 3, "width_m": 20, "length_m": 40}, False), ({"max_aspect": 0.5}, False)])
def test_rectangles(tmp_path: Path, rectangle: dict[str, float], right: bool) -> None:
    made = TinyTown(tmp_path)
    made.study["screening"]["transfer_station"]["rectangle"] = rectangle
    if right:
        load_study(made.write())
    else:
        assert "screening.transfer_station.rectangle" in refused(made)


def test_what_is_asked_of_places_that_are_not_there(tmp_path: Path) -> None:
    made = TinyTown(tmp_path)
    made.study["candidates"] = {"hosts": HOSTS}
    assert "needs inputs.points_of_interest" in faults_of(made)["hosts_without_points"]
    made.study["candidates"] = {"hosts": {"shop": {"kinds": ["shop"]}}, "point_kinds": {"shop": ["shop"]}}
    assert "are both hosts and point_kinds" in refused(made)


def test_kinds_sizes_and_names_against_the_files(tmp_path: Path) -> None:
    made = town(tmp_path)
    assert {"point_kinds_unused", "hosts_without_points", "points_unused"}.isdisjoint(faults_of(made))
    made.study["candidates"] = {"hosts": {**HOSTS, "office": {"kinds": ["office"], "sizes": ["tent"]}}}
    found = faults_of(made)
    assert "no place of interest is 'office' (office)" in found["host_kind_absent"]
    assert "school: 3" in found["host_kind_absent"]
    assert "no size 'tent'" in found["size_unknown"]
    assert "1 places" in found["point_kinds_unused"]
    assert "place_of_worship: 1" in found["point_kinds_unused"]
    made.study["candidates"] = {}
    assert "points_unused" in faults_of(made)


def test_ids_and_layers_that_clash(tmp_path: Path) -> None:
    made = town(tmp_path)
    made.layers["land"].loc[0, "id"] = "poi-market"
    made.layers["water"] = made.layers["land"].iloc[[5]][["geometry"]]
    made.study["inputs"]["exclusions"] = [{"path": "town.gpkg", "layer": "water", "name": "school"}]
    found = faults_of(made)
    assert "poi-market" in found["host_id_taken"]
    assert "'school' is both an exclusion layer and a group" in found["point_group_named"]


def test_several_files_of_places(tmp_path: Path) -> None:
    """One file may be given bare; several need names; all are inputs of the study, with paths made absolute."""
    made = town(tmp_path)
    one = made.study["inputs"]["points_of_interest"]
    study = load_study(made.write())
    assert [name for name, _ in study.inputs.named()][-1] == "points_of_interest.poi"
    made.study["inputs"]["points_of_interest"] = [{**one}, {**one, "name": "again", "kind": "market stall"}]
    study = load_study(made.write())
    assert [p.path for p in study.inputs.points_of_interest] == [made.folder / "places.csv"] * 2
    assert ("elevation", made.folder / "heights.tif") in [(n, s.path) for n, s in study.inputs.named()]
    made.study["inputs"]["points_of_interest"] = [one, {**one}]
    assert "need a `name` each" in refused(made)


def test_a_study_says_the_same_when_written_out(tmp_path: Path) -> None:
    """The resolved study of a result folder has the same hosts in the same order, screening and weights."""
    made = with_suitability(town(tmp_path), premium_cny_per_year=100)
    made.study["screening"]["transfer_station"] |= {"slope": "mean", "max_slope_share": 0.1,
                                                    "rectangle": {"max_aspect": 2}}
    study = load_study(made.write())
    text = yaml.safe_dump(study.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)
    again = Study.model_validate(yaml.safe_load(text))
    assert list(again.candidates.hosts) == list(HOSTS)
    assert again.candidates == study.candidates
    assert again.screening == study.screening
    asked = again.screening["transfer_station"].suitability
    assert asked is not None
    assert asked.rule().weights == pytest.approx((4 / 7, 2 / 7, 1 / 7))


def test_slope_without_heights_is_an_error(tmp_path: Path) -> None:
    made = TinyTown(tmp_path)
    made.study["screening"]["transfer_station"]["max_slope_share"] = 0.1
    assert "there is no elevation raster" in faults_of(made)["elevation_missing"]
    done = recynet("audit", made.folder / "study.yaml")
    assert done.exit_code in (1, 2)
    assert "elevation_missing" in done.output


def test_a_distance_to_schools_bars_land(tmp_path: Path) -> None:
    """The school at (500, 190) is 420 m from the parcels: 500 m bar them all, 400 m none."""
    made = town(tmp_path)
    made.study["screening"]["transfer_station"]["buffers_m"] = {"school": 400}
    assert not [code for code in faults_of(made) if code in ("no_candidate", "exclusion_unknown")]
    made.study["screening"]["transfer_station"]["buffers_m"] = {"school": 5000}
    assert "in_exclusion:school" in faults_of(made)["no_candidate"]
    made.study["screening"]["transfer_station"]["buffers_m"] = {"schol": 50}
    assert "did you mean 'school'" in faults_of(made)["exclusion_unknown"]


def test_required_and_forbidden_hosts(tmp_path: Path) -> None:
    made = town(tmp_path)
    made.study["required"] = {"collection_point": [{"id": "poi-bins", "size": "staffed_1t"}]}
    made.study["forbidden"] = {"collection_point": ["poi-pupils"]}
    brief = read_brief(load_study(made.write()))
    ground = ground_of(brief)
    sites = as_problem(brief, ground).sites[0]
    row = {site: n for n, site in enumerate(sites.ids)}
    assert sites.must_open[row["poi-bins"]]
    assert not sites.allowed[row["poi-pupils"]].any()
    assert sites.build_share is not None
    assert sites.fixed_share is not None
    assert (sites.build_share[row["poi-bins"]], sites.fixed_share[row["poi-bins"]]) == (0.4, 0.5)
    assert (sites.build_share == 1.0).sum() == len(sites) - 1


def test_the_examples_of_the_manual_are_sound(tmp_path: Path) -> None:
    """Every YAML block of docs/candidates.md, merged into one study, is accepted with its weights."""
    text = (Path(__file__).parents[2] / "docs" / "candidates.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block.partition("```")[0]) for block in text.split("```yaml\n")[1:]]
    assert len(blocks) == 4

    def merged(one: Any, two: Any) -> Any:
        if isinstance(one, dict) and isinstance(two, dict):
            return {key: merged(one[key], two[key]) if key in one and key in two else one.get(key, two.get(key))
                    for key in (*one, *(k for k in two if k not in one))}
        return two

    data = TinyTown(tmp_path).study
    for block in blocks:
        data = merged(data, block)
    study = Study.model_validate(data)
    assert [p.name for p in study.inputs.points_of_interest] == ["osm", "bins"]
    assert list(study.candidates.hosts) == ["waste_point", "supermarket", "school", "office"]
    asked = study.screening["transfer_station"]
    assert asked.max_slope_share == 0.08
    assert asked.suitability is not None
    assert asked.suitability.weights.consistency_ratio < 0.1
    assert sum(asked.suitability.rule().weights) == pytest.approx(1.0)
    assert study.candidates.suitability is not None
    assert study.candidates.suitability.rule().weights == pytest.approx((2 / 3, 1 / 3))
