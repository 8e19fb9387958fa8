"""The tables of the report as HTML: indicators, balance, rules, unserved demand, warnings, assumptions, sites."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimizer.network import Title
from service.figures import figure_parts, number
from service.kpi_groups import kpi_groups
from service.plan_json import PlanJson, Text
from service.texts import Texts, plain

if TYPE_CHECKING:
    import geopandas

LISTED = 60
"""Rows listed of warnings and unserved parts; the layers hold all of them."""
ASSUMED = ("A", "M")


@dataclass(frozen=True)
class Cell:
    """One cell: ready HTML, aligned right when it is a number."""

    content: str
    numeric: bool = False


def two(title: Title) -> str:
    """A text in both languages, one of which the page shows."""
    zh, en = html.escape(title.zh), html.escape(title.en)
    return zh if zh == en else f'<span lang="zh">{zh}</span><span lang="en">{en}</span>'


def table(head: Sequence[Cell], rows: Sequence[Sequence[Cell]], classes: Sequence[str] = ()) -> str:
    """An HTML table; `classes` names the class of each row where given."""
    marks = classes or [""] * len(rows)
    body = "".join(f"<tr{f' class={mark}' if mark else ''}>{''.join(_cell('td', c) for c in row)}</tr>"
                   for row, mark in zip(rows, marks, strict=True))
    top = "".join(_cell("th", c) for c in head)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def label_of(plan: PlanJson, texts: Texts, code: str | None) -> Title:
    """What an id or reason code is called: the plan's own labels first, then the catalogue."""
    if code is None or code != code:
        return Title(zh="—", en="—")
    if code in plan.labels:
        return plan.labels[code]
    for group in ("word", "reason"):
        if f"{group}.{code}" in texts.en.entries:
            return texts.title(f"{group}.{code}")
    return plain(code)


def kpi_tables(plan: PlanJson, texts: Texts) -> str:
    """Every indicator that has a value, by group: value and unit in columns of their own, tiers side by side."""
    blocks = []
    for group in kpi_groups(plan, texts):
        rows = [_kpi_row(two(plan.kpis[name].title), plan, (name,)) for name in group.names]
        tables = [_kpi_grid(_head(texts, "indicator", "value#", "unit"), rows)] if rows else []
        for grid in group.grids:
            head = [*_head(texts, "indicator"), *(Cell(two(title), numeric=True) for title in grid.columns),
                    *_head(texts, "unit")]
            tables.append(_kpi_grid(head, [_kpi_row(two(row.title), plan, row.names) for row in grid.rows]))
        blocks.append(f'<div class="group"><h3>{two(group.title)}</h3>{"".join(tables)}</div>')
    return f'<div class="groups">{"".join(blocks)}</div>' if blocks else ""


def _kpi_grid(head: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> str:
    return table(head, rows).replace("<table>", '<table class="kpis">', 1)


def _kpi_row(title: str, plan: PlanJson, names: Sequence[str | None]) -> list[Cell]:
    """One measure: its title, a number per column, the unit once where the columns share it."""
    shown = [figure_parts(plan.kpis[n].value, plan.kpis[n].unit, n) if n else figure_parts(None, None) for n in names]
    units = list(dict.fromkeys((s.unit.zh, s.unit.en) for s, n in zip(shown, names, strict=True)
                               if n and plan.kpis[n].value is not None))
    shared = Title(zh=units[0][0], en=units[0][1]) if len(units) == 1 else Title(zh="", en="")
    numbers = [Cell(two(s.number if len(units) == 1 else s.joined()), numeric=True) for s in shown]
    return [Cell(title), *numbers, Cell(two(shared))]


def balance_table(plan: PlanJson, texts: Texts) -> str:
    """Tonnes per day of each material, with a total."""
    names = ("generated", "captured", "not_captured", "unserved", "rejected")
    rows, totals = [], [0.0] * len(names)
    for line in plan.balance:
        values = [float(getattr(line, f"{name}_t_per_day")) for name in names]
        totals = [a + b for a, b in zip(totals, values, strict=True)]
        rows.append([Cell(two(line.title)), *(Cell(f"{v:,.2f}", numeric=True) for v in values)])
    rows.append([Cell(two(texts.title("report.total"))), *(Cell(f"{v:,.2f}", numeric=True) for v in totals)])
    note = f'<p class="note">{two(texts.title("report.balance_note"))}</p>'
    marks = [""] * len(plan.balance) + ["total"]
    return table(_head(texts, "material", *(f"{n}#" for n in names)), rows, marks) + note


def rule_table(plan: PlanJson, texts: Texts) -> str:
    """Each clause: what it asks, what was measured, whether it applies to the data at all."""
    if not plan.rules:
        return f"<p>{two(texts.title('report.no_rules'))}</p>"
    rows = []
    for rule in plan.rules:
        tag = "yes" if rule.verdict == "applied" else "no"
        verdict = f'<span class="tag {tag}">{two(texts.title("verdict." + rule.verdict))}</span>'
        rows.append([Cell(html.escape(rule.rule)), Cell(html.escape(rule.clause)), Cell(two(rule.title)),
                     Cell(_either(rule.required)), Cell(_either(rule.measured)), Cell(verdict),
                     Cell(html.escape(rule.source))])
    return table(_head(texts, "rule", "clause", "indicator", "requirement", "measured", "verdict", "source"), rows)


def assumption_table(plan: PlanJson, texts: Texts) -> str:
    """Every parameter with its mark; assumed ones (A, M) stand first and stand out."""
    ordered = sorted(plan.assumptions, key=lambda a: a.mark not in ASSUMED)
    rows, marks = [], []
    for item in ordered:
        assumed = item.mark in ASSUMED
        word = two(texts.title(f"mark.{item.mark}"))
        tag = f'<span class="tag{" assumed" if assumed else ""}">{item.mark} · {word}</span>'
        value = item.value if isinstance(item.value, str | bool) or item.value is None else number(item.value)
        note = f"<br>{two(item.note)}" if item.note else ""
        rows.append([Cell(f"<code>{html.escape(item.parameter)}</code>"),
                     Cell("" if value is None else html.escape(str(value)), numeric=True), Cell(tag),
                     Cell(html.escape(item.source) + note)])
        marks.append("assumed" if assumed else "")
    note = f'<p class="note">{two(texts.title("report.assumptions_note"))}</p>'
    return note + table(_head(texts, "parameter", "value#", "mark", "source"), rows, marks)


def warning_table(plan: PlanJson, texts: Texts) -> str:
    """Warnings by code with their number, then the first of them one by one."""
    if not plan.warnings:
        return f"<p>{two(texts.title('report.no_warnings'))}</p>"
    rows = [[Cell(f"<code>{html.escape(w.code)}</code>"), Cell(html.escape(w.feature_id or "—")), Cell(two(w.text))]
            for w in plan.warnings[:LISTED]]
    rest = _rest(texts, len(plan.warnings), "plan.json")
    return table(_head(texts, "code", "feature", "warning"), rows) + rest


def unserved_tables(plan: PlanJson, layer: geopandas.GeoDataFrame | None, texts: Texts) -> str:
    """Unserved demand summed by reason, then the largest parts one by one."""
    if layer is None or not len(layer):
        return f"<p>{two(texts.title('report.no_unserved'))}</p>"
    records = _records(layer)
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        groups[record["reason"]].append(record)
    by_reason = [[Cell(two(label_of(plan, texts, reason))), Cell(f"{len(group):,}", numeric=True),
                  Cell(f"{sum(r['persons_count'] for r in group):,.0f}", numeric=True),
                  Cell(f"{sum(r['unserved_t_per_day'] for r in group):,.3f}", numeric=True)]
                 for reason, group in sorted(groups.items())]
    largest = sorted(records, key=lambda r: (-r["unserved_t_per_day"], r["id"]))[:LISTED]
    rows = [[Cell(html.escape(r["part_id"])), Cell(two(label_of(plan, texts, r["reason"]))),
             Cell(f"{r['persons_count']:,.0f}", numeric=True), Cell(f"{r['unserved_t_per_day']:,.3f}", numeric=True)]
            for r in largest]
    return (table(_head(texts, "reason", "parts#", "persons#", "unserved_t#"), by_reason)
            + table(_head(texts, "feature", "reason", "persons#", "unserved_t#"), rows)
            + _rest(texts, len(records), "unserved"))


def site_table(plan: PlanJson, layer: geopandas.GeoDataFrame, texts: Texts) -> str:
    """Every open site of a tier: where, on what land, how much of its capacity is used; the largest load first."""
    rows = []
    for record in sorted(_records(layer), key=lambda r: (-(r["load_t_per_day"] or 0.0), r["id"])):
        parcel = record["parcel_id"]
        land = html.escape(str(parcel)) if _known(parcel) else two(texts.title("report.on_street"))
        rows.append([
            Cell(html.escape(record["id"])), Cell(two(label_of(plan, texts, record["size_id"]))),
            Cell(two(plan.labels.get(str(record["zone_id"]), plain_or_dash(record["zone_id"])))), Cell(land),
            Cell(_amount(record["parcel_area_m2"]), numeric=True), Cell(_amount(record["site_area_m2"]), numeric=True),
            Cell(_amount(record["load_t_per_day"]), numeric=True),
            Cell(_amount(record["capacity_t_per_day"]), numeric=True),
            Cell(_bar(record["utilisation_share"]), numeric=True)])
    return table(_head(texts, "site", "size", "zone", "parcel", "parcel_area#", "site_area#", "load#", "capacity#",
                       "utilisation#"), rows)


def plain_or_dash(identifier: object) -> Title:
    """An id shown as it is, a dash where there is none."""
    word = str(identifier) if _known(identifier) else "—"
    return Title(zh=word, en=word)


def _records(layer: geopandas.GeoDataFrame) -> list[dict[str, Any]]:
    columns = [c for c in layer.columns if c != layer.geometry.name]
    return [dict(zip(columns, row, strict=True)) for row in zip(*(layer[c].tolist() for c in columns), strict=True)]


def _known(value: object) -> bool:
    return value is not None and value == value and str(value) not in ("", "<NA>")


def _amount(value: float | None) -> str:
    return number(value) if value is not None and value == value else "—"


def _bar(share: float | None) -> str:
    if share is None or share != share:
        return "—"
    full = ' class="full"' if share > 1.0 + 1e-9 else ""
    return f'<span class="bar"><i{full} style="width:{min(share, 1.0) * 100:.0f}%"></i></span>{share * 100:.0f} %'


def _either(text: Text | None) -> str:
    if text is None:
        return "—"
    return two(text) if isinstance(text, Title) else html.escape(text)


def _rest(texts: Texts, total: int, layer: str) -> str:
    if total <= LISTED:
        return ""
    return f'<p class="note">{two(texts.title("report.rest", shown=LISTED, total=f"{total:,}", layer=layer))}</p>'


def _head(texts: Texts, *names: str) -> list[Cell]:
    """Column heads by catalogue key; a trailing # marks a column of numbers."""
    return [Cell(two(texts.title(f"report.{name.rstrip('#')}")), numeric=name.endswith("#")) for name in names]


def _cell(tag: str, cell: Cell) -> str:
    return f"<{tag}{' class=n' if cell.numeric else ''}>{cell.content}</{tag}>"
