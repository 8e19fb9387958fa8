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
from service.report_tables import (
    Cell,
    assumption_table,
    balance_table,
    kpi_tables,
    rule_table,
    site_table,
    table,
    two,
    unserved_tables,
    warning_table,
)
from service.static_map import draw_map
from service.texts import LANGUAGES, Texts, load_texts

if TYPE_CHECKING:
    import geopandas


def write_report(path: Path, plan: PlanJson, layers: Mapping[str, geopandas.GeoDataFrame],
                 streets: geopandas.GeoDataFrame, language: str = "zh") -> None:
    """Write the report of a plan; `layers` and `streets` are in WGS 84, `language` is the one shown first."""
    texts = load_texts()
    plan = _with_zone_names(plan, layers.get("zones"))
    body = "\n".join([
        _header(plan, texts), _estimated(plan, texts), _headline(plan, texts), _map(plan, layers, streets, texts),
        _section(texts, "report.kpis", kpi_tables(plan, texts)),
        _section(texts, "report.balance", balance_table(plan, texts)),
        _section(texts, "report.rules", rule_table(plan, texts)),
        _section(texts, "report.unserved_heading", unserved_tables(plan, layers.get("unserved"), texts)),
        _section(texts, "report.warnings", warning_table(plan, texts)),
        _section(texts, "report.assumptions", assumption_table(plan, texts)),
        _sites(plan, layers, texts), _footer(plan, texts),
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
    cards = [f'<div class="card"><span>{two(texts.title(key))}</span><b>{two(value)}</b></div>'
             for key, value in values]
    palette = load_palette()
    for position, tier in enumerate(plan.tiers):
        cards.append(f'<div class="card tier" style="--tier:{palette.tier(position)}"><span>{two(tier.title)}</span>'
                     f"<b>{tier.open_count:,} <small>/ {tier.candidate_count:,}</small></b>"
                     f"<small>{two(texts.title('headline.open_note'))}</small></div>")
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
    """The sites of every tier, the upper tiers (few and large) first."""
    tables = [f"<h3>{two(tier.title)} ({len(layers[tier.id]):,})</h3>{site_table(plan, layers[tier.id], texts)}"
              for tier in reversed(plan.tiers) if tier.id in layers]
    note = f'<p class="note">{two(texts.title("report.sites_note"))}</p>'
    return _section(texts, "report.sites", note + "".join(tables))


def _footer(plan: PlanJson, texts: Texts) -> str:
    timings = [[Cell(html.escape(name)), Cell(f"{number(round(seconds, 1))} s", numeric=True)]
               for name, seconds in plan.timings_s.items()]
    head: Sequence[Cell] = (Cell(two(texts.title("report.timings"))), Cell("", numeric=True))
    sources = "; ".join(html.escape(a) for a in plan.attribution)
    return ((table(head, timings) if timings else "")
            + f"<footer><b>{two(texts.title('report.attribution'))}</b>: {sources}<br>"
              f"{two(texts.title('report.made_by'))}</footer>")
