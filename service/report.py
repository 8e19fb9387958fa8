"""report.html: the plan on paper. One self-contained file, A4 in print, Chinese and English in one document."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from optimizer.network import Title
from service.figures import figure, money, number
from service.palette import load_palette
from service.plan_json import PlanJson
from service.report_assumptions import assumption_tables
from service.report_candidates import candidate_tables
from service.report_html import Cell, table, two
from service.report_sites import site_tables
from service.report_tables import (
    balance_table,
    kpi_tables,
    rule_table,
    unserved_tables,
    warning_table,
)
from service.static_map import draw_map
from service.texts import LANGUAGES, Texts, load_texts

if TYPE_CHECKING:
    import geopandas


ANSWERS = ("coverage_share", "access_mean_m", "captured_t_per_day", "build_cost_cny")
"""Indicators that stand beside cost, bound and gap at the head."""


def write_report(path: Path, plan: PlanJson, layers: Mapping[str, geopandas.GeoDataFrame],
                 streets: geopandas.GeoDataFrame, language: str = "zh") -> None:
    """Write the report of a plan; `layers` and `streets` are in WGS 84, `language` is the one shown first."""
    texts = load_texts()
    plan = _with_zone_names(plan, layers.get("zones"))
    body = "\n".join([
        _header(plan, texts), _estimated(plan, texts), _headline(plan, texts), _map(plan, layers, streets, texts),
        _section(texts, "report.kpis", kpi_tables(plan, texts)),
        _section(texts, "report.balance", balance_table(plan, texts)),
        _sites(plan, layers, texts), _candidates(plan, layers, texts),
        _section(texts, "report.rules", rule_table(plan, texts)),
        _section(texts, "report.unserved_heading", unserved_tables(plan, layers.get("unserved"), texts)),
        _section(texts, "report.warnings", warning_table(plan, texts)),
        _section(texts, "report.assumptions", assumption_tables(plan, texts)), _footer(plan, texts),
    ])
    title = _title(plan)
    template = Template((files("service") / "web" / "report.html").read_text(encoding="utf-8"))
    path.write_text(template.substitute(
        page_title=html.escape(f"{title.zh} · {title.en}"), body=body,
        **{f"{known}_checked": "checked" if known == language else "" for known in LANGUAGES}), encoding="utf-8")


def _with_zone_names(plan: PlanJson, zones: geopandas.GeoDataFrame | None) -> PlanJson:
    """The plan with the zones' names among its labels, so that tables show names, not codes."""
    if zones is None or "name" not in zones:
        return plan
    names = {str(i): Title(zh=str(name), en=str(name))
             for i, name in zip(zones["id"], zones["name"], strict=True) if name and name == name}
    return plan.model_copy(update={"labels": {**names, **plan.labels}})


def _title(plan: PlanJson) -> Title:
    return plan.title or Title(zh=plan.study, en=plan.study)


def _section(texts: Texts, heading: str, content: str) -> str:
    return f"<section><h2>{two(texts.title(heading))}</h2>{content}</section>"


def _header(plan: PlanJson, texts: Texts) -> str:
    facts = [two(texts.title("report.subtitle")),
             f"{two(texts.title('report.study'))}: <code>{html.escape(plan.study)}</code>",
             f"{two(texts.title('report.status'))}: {two(texts.title('status.' + plan.status))}"]
    if plan.year is not None:
        facts.append(f"{two(texts.title('report.year'))}: {plan.year}")
    spans = "".join(f"<span>{fact}</span>" for fact in facts)
    return f'<header><h1>{two(_title(plan))}</h1><div class="facts">{spans}</div></header>'


def _estimated(plan: PlanJson, texts: Texts) -> str:
    if not plan.estimated:
        return ""
    items = "".join(f"<li>{two(text)}</li>" for text in plan.estimated)
    return f'<div class="box caution"><b>{two(texts.title("report.estimated_heading"))}</b><ul>{items}</ul></div>'


def _headline(plan: PlanJson, texts: Texts) -> str:
    """Cards of cost, bound and gap, one card per tier, and what the gap means."""
    objective, bound = plan.objective_cny_per_year, plan.bound_cny_per_year
    values = [("headline.objective", _money(objective)), ("headline.bound", _money(bound)),
              ("headline.gap", _share(plan.gap)), ("headline.gross", _money(plan.gross_cost_cny_per_year)),
              ("headline.routed", _money(plan.routed_cost_cny_per_year))]
    cards = [_card(texts.title(key), value) for key, value in values]
    if objective is not None and objective < 0.0:
        cards[0] = _card(texts.title("headline.objective"), _money(objective), texts.title("headline.net_income"))
    palette = load_palette()
    for position, tier in enumerate(plan.tiers):
        cards.append(f'<div class="card tier" style="--tier:{palette.tier(position)}"><span>{two(tier.title)}</span>'
                     f"<b>{tier.open_count:,} <small>/ {tier.candidate_count:,}</small></b>"
                     f"<small>{two(texts.title('headline.open_note'))}</small></div>")
    cards += [_card(plan.kpis[name].title, figure(plan.kpis[name].value, plan.kpis[name].unit, name))
              for name in ANSWERS if name in plan.kpis]
    if objective is None or bound is None or plan.gap is None:
        meaning = two(texts.title("gap.none"))
    else:
        low, excess = money(bound, per_year=True), money(max(objective - bound, 0.0), per_year=True)
        gap = _share(plan.gap).en
        meaning = two(Title(zh=texts.zh.text("gap.meaning", bound=low.zh, excess=excess.zh, gap=gap),
                            en=texts.en.text("gap.meaning", bound=low.en, excess=excess.en, gap=gap)))
    return (f'<section><h2>{two(texts.title("report.headline"))}</h2><div class="cards">{"".join(cards)}</div>'
            f'<div class="box"><b>{two(texts.title("headline.gap"))}</b><p>{meaning}</p>'
            f'<p class="note">{two(texts.title("gap.formula"))} {two(texts.title("objective.sign"))}</p></div>'
            "</section>")


def _card(title: Title, value: Title, note: Title | None = None) -> str:
    small = f"<small>{two(note)}</small>" if note else ""
    return f'<div class="card"><span>{two(title)}</span><b>{two(value)}</b>{small}</div>'


def _share(value: float | None) -> Title:
    text = "—" if value is None else f"{value * 100:.2f} %"
    return Title(zh=text, en=text)


def _money(value: float | None) -> Title:
    return figure(value, "cny/year")


def _map(plan: PlanJson, layers: Mapping[str, geopandas.GeoDataFrame], streets: geopandas.GeoDataFrame,
         texts: Texts) -> str:
    note = " · ".join(two(text) for text in plan.estimated)
    return _section(texts, "report.map", f"<figure>{draw_map(plan, layers, streets, texts)}"
                                         f'<figcaption class="note">{note}</figcaption></figure>')


def _sites(plan: PlanJson, layers: Mapping[str, geopandas.GeoDataFrame], texts: Texts) -> str:
    note = f'<p class="note">{two(texts.title("report.sites_note"))}</p>'
    return _section(texts, "report.sites", note + site_tables(plan, layers, texts))


def _candidates(plan: PlanJson, layers: Mapping[str, geopandas.GeoDataFrame], texts: Texts) -> str:
    content = candidate_tables(plan, layers.get("candidates"), texts)
    return _section(texts, "report.candidates", content) if content else ""


def _footer(plan: PlanJson, texts: Texts) -> str:
    """Computing times, a phase's own steps indented below it, then sources and licences."""
    rows = []
    for name in _phases(plan.timings_s):
        whole, _, step = name.partition(".")
        title = two(texts.phase(step or whole))
        seconds = number(round(plan.timings_s[name], 1))
        shown = f'<span class="step">{title}</span>' if step else title
        rows.append([Cell(shown), Cell(seconds, numeric=True), Cell("s")])
    head: Sequence[Cell] = (Cell(two(texts.title("report.timings"))), Cell("", numeric=True), Cell(""))
    sources = "; ".join(html.escape(a) for a in plan.attribution)
    return ((table(head, rows, kind="timings") if rows else "")
            + f"<footer><b>{two(texts.title('report.attribution'))}</b>: {sources}<br>"
              f"{two(texts.title('report.made_by'))}</footer>")


def _phases(timings_s: Mapping[str, float]) -> list[str]:
    """Phases in their order, each followed by its own steps."""
    wholes = [name for name in timings_s if "." not in name]
    return [name for whole in wholes for name in (whole, *(n for n in timings_s if n.startswith(f"{whole}.")))]
