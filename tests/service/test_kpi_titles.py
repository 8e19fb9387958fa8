"""Every indicator has a title in both languages and a place in one group, for any network."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
import yaml

from optimizer.indicator import Kpis
from optimizer.kpis import evaluate
from optimizer.network import Network, Title
from service.figures import UNITS_EN, UNITS_ZH, figure_parts
from service.kpi_groups import GROUPS, OTHER, kpi_groups
from service.kpi_names import KINDS, Labels, labels_of_network, match
from service.plan_json import Kpi, PlanJson, TierSummary
from service.texts import load_texts
from tests.optimizer.small_town import town, town_plan
from tests.service.small_run import small_plan as small_result

TEXTS = load_texts()
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LABELS = Labels({"outlet": Title(zh="网点", en="Outlet"), "depot": Title(zh="仓库", en="Depot"),
                 "base": Title(zh="基地", en="Processing base")}, {"van": Title(zh="货车", en="Van")})


def example_names() -> list[str]:
    """A name for every name and pattern of the groups, in a network the catalogue has never seen."""
    holes = {"tier": "depot", "lower": "outlet", "vehicle": "van", "kind": KINDS[0], "type": "staffed"}
    return [re.sub(r"\{(\w+)\}", lambda hole: holes[hole[1]], name) for names in GROUPS.values() for name in names]


@pytest.mark.parametrize("name", example_names())
def test_every_indicator_has_a_title_of_its_own_in_both_languages(name: str) -> None:
    title = TEXTS.kpi(name, LABELS)
    assert CHINESE.search(title.zh)
    assert not CHINESE.search(title.en)
    assert "_" not in title.en
    assert "{" not in title.en + title.zh
    for word, shown in (("depot", "depot"), ("outlet", "outlet"), ("van", "van")):
        assert (word in re.split("_", name)) == (shown in title.en.lower().replace("vehicle", "")), (name, title)


def test_titles_say_which_tier_in_its_own_words() -> None:
    assert TEXTS.kpi("depot_land_m2", LABELS) == Title(zh="仓库：用地", en="Depot: land")
    assert TEXTS.kpi("persons_per_outlet_count", LABELS) == Title(zh="每个网点服务人口", en="Persons per outlet")
    assert TEXTS.kpi("outlet_per_depot_count", LABELS).zh == "每个仓库对应的网点数"
    assert TEXTS.kpi("line_haul_distance_km_per_day", LABELS) == Title(zh="转运：每日行驶里程",
                                                                       en="Line haul: distance per day")
    assert TEXTS.kpi("depot_type_drive_in_count", LABELS).en == "Depot: drive in"
    assert TEXTS.kpi("elsewhere_land_m2", LABELS).en == "Elsewhere land m2"  # no such tier: its own words


def test_titles_of_different_indicators_differ() -> None:
    titles = [TEXTS.kpi(name, LABELS) for name in example_names()]
    for language in ("zh", "en"):
        shown = [getattr(title, language) for title in titles]
        assert sorted(shown) == sorted(set(shown))


def test_an_id_that_begins_like_another_is_not_mistaken() -> None:
    labels = Labels({"depot": Title(zh="仓", en="Depot"), "depot_type_a": Title(zh="甲", en="Depot A")})
    assert TEXTS.kpi("depot_type_a_count", labels).en == "Depot A: open sites"
    assert match("depot_land_m2", ["{tier}_land_m2"], Labels()) is None


def test_what_the_evaluation_of_a_real_network_yields_has_a_title() -> None:
    problem = town()
    kpis: Kpis = evaluate(problem, town_plan(problem))
    labels = labels_of_network(problem.network)
    known = {name for names in GROUPS.values() for name in names}
    for kpi in kpis:
        assert kpi.name in known or match(kpi.name, known, labels) is not None, kpi.name


def test_every_valued_indicator_stands_in_exactly_one_place() -> None:
    plan = result_with([*example_names(), "something_new_m"])
    groups = kpi_groups(plan, TEXTS)
    placed = [name for group in groups for name in group.names]
    placed += [name for group in groups for grid in group.grids for row in grid.rows for name in row.names if name]
    assert sorted(placed) == sorted(plan.kpis)
    assert [group.id for group in groups] == [*GROUPS, OTHER]
    assert groups[-1].names == ("something_new_m",)


def test_tiers_stand_side_by_side_and_what_has_no_value_is_left_out() -> None:
    plan = result_with(["outlet_land_m2", "depot_land_m2", "base_land_m2", "outlet_land_mu", "depot_utilisation_share",
                        "base_utilisation_share", "access_mean_m"], without=("outlet_land_mu", "access_mean_m"))
    groups = {group.id: group for group in kpi_groups(plan, TEXTS)}
    assert list(groups) == ["capacity", "land"]
    (land,) = groups["land"].grids
    assert [title.en for title in land.columns] == ["Outlet", "Depot", "Processing base"]
    assert [(row.title.en, row.names) for row in land.rows] == [
        ("Land", ("outlet_land_m2", "depot_land_m2", "base_land_m2"))]
    (capacity,) = groups["capacity"].grids
    assert capacity.rows[0].names == (None, "depot_utilisation_share", "base_utilisation_share")


def test_a_warning_is_filled_in_both_languages() -> None:
    shown = TEXTS.warning("ratio_sites_per_site", "x", subject=LABELS.tiers["depot"], lower=LABELS.tiers["outlet"],
                          value="161.3", low="6", high="125")
    assert shown.zh.startswith("每个仓库对应 161.3 个网点")
    assert shown.en.startswith("Depot: 161.3 sites of the tier below (Outlet)")
    for code in ("point_without_load", "storage_below_daily_load", "point_out_of_reach", "link_out_of_reach"):
        assert CHINESE.search(TEXTS.warning(code, "x").zh)
    assert TEXTS.warning("unheard_of", "its own words") == Title(zh="its own words", en="its own words")


def test_no_catalogue_key_of_an_indicator_names_a_tier_or_vehicle() -> None:
    with (files("configs") / "networks" / "urban_three_tier.yaml").open("rb") as stream:
        network = Network.model_validate(yaml.safe_load(stream))
    ids = [tier.id for tier in network.tiers] + [vehicle.id for vehicle in network.vehicles]
    assert [k for k in TEXTS.en.entries if k.startswith(("kpi", "warning")) and any(i in k for i in ids)] == []


def test_the_page_writes_units_as_the_report_does() -> None:
    script = (files("service") / "web" / "format.js").read_text(encoding="utf-8")
    for name, units in (("UNITS_ZH", UNITS_ZH), ("UNITS_EN", UNITS_EN)):
        block = re.search(rf"const {name} = \{{(.*?)\}};", script, re.DOTALL)
        assert block is not None
        pairs = re.findall(r'(?:"([^"]+)"|(\w+)): "([^"]+)"', block[1])
        assert {quoted or plain: unit for quoted, plain, unit in pairs} == units


def test_number_and_unit_come_apart() -> None:
    figure = figure_parts(-21_954_000.0, "CNY/year")
    assert (figure.number, figure.unit) == (Title(zh="-2,195.4", en="-21.95"), Title(zh="万元/年", en="M CNY/year"))
    assert figure_parts(20.304, "10,000 t/year").joined() == Title(zh="20.30 万吨/年", en="203.0 kt/year")


def result_with(names: list[str], without: tuple[str, ...] = ()) -> PlanJson:
    kpis = {name: Kpi(value=None if name in without else 1.0, unit="1", title=TEXTS.kpi(name, LABELS))
            for name in names}
    tiers = tuple(TierSummary(id=i, title=t, open_count=1, candidate_count=2) for i, t in LABELS.tiers.items())
    return small_result().model_copy(update={"kpis": kpis, "tiers": tiers, "labels": dict(LABELS.vehicles)})
