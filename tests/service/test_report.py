"""The report says what a reviewer must find, in both languages, in one file that asks nobody for anything."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import geopandas
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from optimizer.network import Title
from service.figures import figure, money, number, unit_kind
from service.plan_json import Assumption, Balance, PlanJson, read_plan_json, write_plan_json
from service.report import write_report
from service.report_sites import FIRST
from service.static_map import LARGEST_CIRCLE, circle_radius
from service.texts import LANGUAGES, catalogue_bytes, load_texts
from tests.service.small_run import ATTRIBUTION, ESTIMATED, TIERS, small_layers, small_plan, small_streets

VOID = {"meta", "input", "br"}


class Reader(HTMLParser):
    """Text by language, tags, and every element that is not closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, str | None]] = []
        self.text = {"zh": "", "en": ""}
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag not in VOID:
            self.open.append((tag, values.get("lang") if tag != "html" else None))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop()[0] != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if any(tag in ("style", "script") for tag, _ in self.open):
            return
        languages = [lang for _, lang in self.open if lang]
        for language in languages[-1:] or LANGUAGES:
            self.text[language] += data


def report(folder: Path, plan: PlanJson | None = None, language: str = "zh") -> str:
    write_report(folder / "report.html", plan or small_plan(), small_layers(), small_streets(), language)
    return (folder / "report.html").read_text(encoding="utf-8")


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.faults == []
    assert reader.open == []
    return reader


def test_it_is_one_file_without_script_or_request(tmp_path: Path) -> None:
    text = report(tmp_path)
    assert re.findall(r"https?://", text.replace("http://www.w3.org/2000/svg", "")) == []
    assert not {tag for tag, _ in read(text).tags} & {"script", "link", "img", "iframe", "object"}
    assert "url(" not in text.replace('clip-path="url(#frame)"', "")
    assert "@page { size: A4" in text


def test_it_says_what_a_reviewer_must_find(tmp_path: Path) -> None:
    reader = read(report(tmp_path))
    for language, needed in {
        "zh": ["小镇回收网络", "195.4 万元/年", "193.1 万元/年", "0.55 %", "40.2 万元/年", "社区人口为估计", "每点户数",
               "不适用", "步行范围内无交投点", "距道路 41 米", "假设", "有人值守 1吨/日", "废纸", "覆盖人口"],
        "en": ["Small town recycling network", "1.95 M CNY/year", "1.93 M CNY/year", "0.55 %", "402,000 CNY/year",
               ESTIMATED[0], "Households per point", "not applicable", "No point within the walking limit",
               "41 m from a street",
               "assumption", "Staffed 1 t/day", "Paper and board", "Population covered"],
    }.items():
        for words in [*needed, ATTRIBUTION, "SB/T 10719-2012", "1,873", "access.decay_m"]:
            assert words in reader.text[language], (language, words)
    for tier in TIERS:
        for site in small_layers()[tier]["id"]:
            assert site in reader.text["zh"]


def test_no_language_leaks_into_the_other(tmp_path: Path) -> None:
    reader = read(report(tmp_path))
    chinese = re.compile(r"[\u4e00-\u9fff]+")
    own_names = set(chinese.findall(" ".join(small_layers()["zones"]["name"])))  # places keep their names
    assert set(chinese.findall(reader.text["en"])) <= own_names | {"小镇回收网络", "中文"}  # the page title shows both


def test_assumed_figures_stand_out_and_sourced_ones_do_not(tmp_path: Path) -> None:
    text = report(tmp_path)
    rows = re.findall(r"<tr( class=assumed)?>(.*?)</tr>", text)
    for parameter, assumed in {"access.decay_m": True, "co2_kg_per_km": True, "price_cny_per_t": False}.items():
        found = [bool(mark) for mark, row in rows if f"<code>{parameter}</code>" in row]
        assert found == [assumed], parameter
    headings = re.findall(r'<h3><span class="tag( assumed)?">([A-Z]\*?)</span>', text)
    assert headings == [(" assumed" if mark in "AM" else "", mark) for _, mark in headings]
    assert [mark for _, mark in headings] == sorted((mark for _, mark in headings), key="AMDS".index)


def test_values_that_rest_on_one_source_share_a_row(tmp_path: Path) -> None:
    speeds = [Assumption(parameter=f"vehicles.{v}.speed_km_per_h.{road}", value=20.0 + n, mark="A", source="table")
              for v in ("truck", "van") for n, road in enumerate(("primary", "secondary", "tertiary"))]
    payload = Assumption(parameter="vehicles.truck.payload_t", value=1.6, mark="A", source="maker")
    text = report(tmp_path, small_plan().model_copy(update={"assumptions": (*speeds, payload)}))
    rows = re.findall(r"<tr class=assumed><td>(.*?)</td><td>(.*?)</td></tr>", text)
    assert [(source, row.count('class="value"'), row.count("<p>")) for row, source in rows] == [
        ("table", 6, 2), ("maker", 1, 1)]
    assert "<code>vehicles.van</code>" in rows[0][0]
    assert "<code>speed_km_per_h.tertiary</code> 22" in rows[0][0]


def test_many_small_sites_are_summed_and_the_first_listed(tmp_path: Path) -> None:
    layers = small_layers()
    few = layers[TIERS[0]]
    many = geopandas.GeoDataFrame(pd.concat([few.assign(id=[f"{i}-{n}" for i in few["id"]]) for n in range(20)],
                                            ignore_index=True), crs=few.crs)
    write_report(tmp_path / "report.html", small_plan(), {**layers, TIERS[0]: many}, small_streets())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    listed = sum(text.count(f"<td>{i}</td>") for i in many["id"])
    assert listed == FIRST < len(many)
    total = re.search(r"<tr class=total><td>(?:(?!</tr>).)*?<td class=n>120</td>.*?</tr>", text)
    assert total is not None
    assert number(float(many["load_t_per_day"].sum())) in total[0]
    assert f"{FIRST} of 120" in read(text).text["en"]
    for tier in TIERS[1:]:
        for site in layers[tier]["id"]:
            assert f"<td>{site}</td>" in text
    assert text.index("<td>s0</td>") < text.index("<td>t0</td>") < text.index("<td>c0-")


def test_a_plan_without_a_bound_says_so(tmp_path: Path) -> None:
    plan = small_plan().model_copy(update={"bound_cny_per_year": None, "gap": None, "status": "stopped"})
    reader = read(report(tmp_path, plan))
    assert "no proven bound" in reader.text["en"]
    assert "没有可证下界" in reader.text["zh"]
    assert "None" not in reader.text["en"]


def test_a_run_without_a_plan_still_has_a_report(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("objective_cny_per_year", "bound_cny_per_year", "gross_cost_cny_per_year", "gap",
                             "routed_cost_cny_per_year"))
    plan = small_plan().model_copy(update={**nothing, "status": "no_plan", "balance": (), "kpis": {}, "rules": ()})
    layers = {name: layer if name == "communities" else layer.head(0) for name, layer in small_layers().items()}
    write_report(tmp_path / "report.html", plan, layers, small_streets().head(0))
    reader = read((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "no plan" in reader.text["en"]
    assert "nan" not in reader.text["en"]


def test_names_from_data_cannot_become_markup(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>"&'
    plan = small_plan().model_copy(update={"title": Title(zh=evil, en=evil), "attribution": (evil,)})
    reader = read(report(tmp_path, plan))
    assert "script" not in {tag for tag, _ in reader.tags}
    assert evil in reader.text["en"]


def test_the_map_draws_every_site_flow_and_community(tmp_path: Path) -> None:
    reader = read(report(tmp_path))
    circles = [a for tag, a in reader.tags if tag == "circle"]
    layers = small_layers()
    legend = len(TIERS) + 2
    assert len(circles) == sum(len(layers[t]) for t in TIERS) + legend
    pairs = {(a, b) for a, b in zip(layers["flows"]["from_id"], layers["flows"]["to_id"], strict=True)}
    flows = [a for tag, a in reader.tags if tag == "path" and a.get("stroke-linecap") == "round"]
    assert len(flows) == len(pairs)
    areas = [a["d"] or "" for tag, a in reader.tags if tag == "path" and a.get("fill-rule") == "evenodd"]
    assert sum(d.count("z") for d in areas) == len(layers["communities"])


def test_the_language_shown_first_can_be_chosen(tmp_path: Path) -> None:
    for language in LANGUAGES:
        checked = [a["id"] for tag, a in read(report(tmp_path, language=language)).tags if "checked" in a]
        assert checked == [language]


def test_circle_area_follows_the_load() -> None:
    assert circle_radius(100.0, 100.0, 0) == LARGEST_CIRCLE
    assert circle_radius(25.0, 100.0, 0) == pytest.approx(LARGEST_CIRCLE / 2)
    assert circle_radius(0.0, 100.0, 2) > circle_radius(0.0, 100.0, 0) > 0


def test_catalogues_have_the_same_keys_and_placeholders() -> None:
    zh, en = (json.loads(catalogue_bytes(language)) for language in LANGUAGES)
    assert list(zh) == list(en)
    for key in zh:
        assert sorted(re.findall(r"\{\w+\}", zh[key])) == sorted(re.findall(r"\{\w+\}", en[key])), key
        assert zh[key].strip()
        assert en[key].strip()
    assert load_texts().kpi("nobody_knows_m").en == "Nobody knows m"


@pytest.mark.parametrize(("value", "unit", "name", "zh", "en"), [
    (12_345_678.0, "cny/year", "", "1,234.6 万元/年", "12.35 M CNY/year"),
    (14_142.0, "cny/year", "", "1.41 万元/年", "14,142 CNY/year"),
    (-21_954_000.0, "CNY/year", "", "-2,195.4 万元/年", "-21.95 M CNY/year"),
    (0.0067, "1", "gap_share", "0.67 %", "0.67 %"),
    (20.3, "10,000 t/year", "", "20.30 万吨/年", "203 kt/year"),
    (7.26, "mu", "", "7.26 亩", "7.26 mu"), (4.84, "days", "", "4.84 天", "4.84 days"),
    (1200.0, "1", "persons_count", "1,200", "1,200"),
    (0.25, "", "coverage_share", "25.0 %", "25.0 %"), (430.2, "m", "", "430.2 米", "430.2 m"),
    (12_345.0, "m", "", "12.35 公里", "12.35 km"), (3.456, "t/day", "", "3.46 吨/日", "3.46 t/day"),
    (3.456, "", "captured_t_per_day", "3.46 吨/日", "3.46 t/day"), (5400.0, "s", "", "90 分钟", "90 min"),
    (500.0, "m2", "", "500 平方米", "500 m²"), (None, "m", "", "—", "—"),
])
def test_figures_read_as_people_write_them(value: float | None, unit: str, name: str, zh: str, en: str) -> None:
    assert figure(value, unit, name) == Title(zh=zh, en=en)


@given(st.floats(-1e12, 1e12))
def test_a_figure_keeps_its_value_to_its_digits(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.05, abs=0.0006)
    assert float(money(value, per_year=False).zh.split()[0].replace(",", "")) * (1e4 if abs(value) >= 1e4 else 1) == \
        pytest.approx(value, rel=0.01, abs=0.5001)
    assert unit_kind("t_per_day") == unit_kind("t/day")


def test_plan_json_survives_writing_and_refuses_nonsense(tmp_path: Path) -> None:
    write_plan_json(tmp_path / "plan.json", small_plan())
    assert read_plan_json(tmp_path / "plan.json") == small_plan()
    raw = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    nan = float("nan")
    for change in ({"surprise": 1}, {"status": "great"}, {"objective_cny_per_year": nan}, {"schema_version": 2}):
        with pytest.raises(ValidationError):
            PlanJson.model_validate({**raw, **change})


def test_a_balance_that_does_not_close_is_refused() -> None:
    good = {"material_id": "paper", "title": Title(zh="纸", en="Paper"), "generated_t_per_day": 10.0,
            "captured_t_per_day": 4.0, "not_captured_t_per_day": 5.0,
            "unserved_t_per_day": 0.5, "rejected_t_per_day": 0.5}
    assert Balance.model_validate(good).captured_t_per_day == 4.0
    with pytest.raises(ValidationError, match="does not close"):
        Balance.model_validate({**good, "captured_t_per_day": 4.1})
