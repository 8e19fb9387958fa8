"""The tables of the report as HTML: indicators, balance, rules, unserved demand, warnings."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optimizer.network import Title
from service.figures import figure_parts
from service.kpi_groups import kpi_groups
from service.plan_json import PlanJson
from service.report_html import Cell, either, head_of, label_of, records_of, rest_note, table, two
from service.texts import Texts

if TYPE_CHECKING:
    import geopandas

LISTED = 24
"""Rows listed of warnings and unserved parts; the layers hold all of them."""


def kpi_tables(plan: PlanJson, texts: Texts) -> str:
    """Every indicator that has a value, by group: value and unit in columns of their own, tiers side by side."""
    blocks = []
    for group in kpi_groups(plan, texts):
        rows = [_kpi_row(two(plan.kpis[name].title), plan, (name,)) for name in group.names]
        tables = [table(head_of(texts, "indicator", "value#", "unit"), rows, kind="kpis")] if rows else []
        for grid in group.grids:
            head = [*head_of(texts, "indicator"), *(Cell(two(title), numeric=True) for title in grid.columns),
                    *head_of(texts, "unit")]
            tables.append(table(head, [_kpi_row(two(row.title), plan, row.names) for row in grid.rows], kind="kpis"))
        blocks.append(f'<div class="group"><h3>{two(group.title)}</h3>{"".join(tables)}</div>')
    return f'<div class="groups">{"".join(blocks)}</div>' if blocks else ""


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
    return table(head_of(texts, "material", *(f"{n}#" for n in names)), rows, marks) + note


def rule_table(plan: PlanJson, texts: Texts) -> str:
    """Each clause: what it asks, what was measured, whether it applies to the data at all."""
    if not plan.rules:
        return f"<p>{two(texts.title('report.no_rules'))}</p>"
    rows = []
    for rule in plan.rules:
        tag = "yes" if rule.verdict == "applied" else "no"
        verdict = f'<span class="tag {tag}">{two(texts.title("verdict." + rule.verdict))}</span>'
        clause = f"{two(rule.title)}<br><code>{html.escape(rule.rule)} · {html.escape(rule.clause)}</code>"
        rows.append([Cell(clause), Cell(either(rule.required)), Cell(either(rule.measured)), Cell(verdict),
                     Cell(html.escape(rule.source))])
    return table(head_of(texts, "clause", "requirement", "measured", "verdict", "source"), rows)


def warning_table(plan: PlanJson, texts: Texts) -> str:
    """Warnings by code with their number, then the first of them one by one."""
    if not plan.warnings:
        return f"<p>{two(texts.title('report.no_warnings'))}</p>"
    rows = [[Cell(two(w.text)), Cell(two(label_of(plan, texts, w.feature_id, readable=False))),
             Cell(f"<code>{html.escape(w.code)}</code>")] for w in plan.warnings[:LISTED]]
    rest = rest_note(texts, LISTED, len(plan.warnings), "plan.json")
    return table(head_of(texts, "warning", "feature", "code"), rows, kind="warnings") + rest


def unserved_tables(plan: PlanJson, layer: geopandas.GeoDataFrame | None, texts: Texts) -> str:
    """Unserved demand summed by reason, then the largest parts one by one."""
    if layer is None or not len(layer):
        return f"<p>{two(texts.title('report.no_unserved'))}</p>"
    records = records_of(layer)
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        groups[record["reason"]].append(record)
    by_reason = [[Cell(two(label_of(plan, texts, reason))), Cell(f"{len(group):,}", numeric=True),
                  Cell(f"{sum(r['persons_count'] for r in group):,.0f}", numeric=True),
                  Cell(f"{sum(r['unserved_t_per_day'] for r in group):,.3f}", numeric=True)]
                 for reason, group in sorted(groups.items())]
    largest = sorted(records, key=lambda r: (-round(r["unserved_t_per_day"], 6), r["id"]))[:LISTED]
    rows = [[Cell(html.escape(r["part_id"])), Cell(two(label_of(plan, texts, r["reason"]))),
             Cell(f"{r['persons_count']:,.0f}", numeric=True), Cell(f"{r['unserved_t_per_day']:,.3f}", numeric=True)]
            for r in largest]
    return (table(head_of(texts, "reason", "parts#", "persons#", "unserved_t#"), by_reason)
            + table(head_of(texts, "feature", "reason", "persons#", "unserved_t#"), rows)
            + rest_note(texts, LISTED, len(records), "unserved"))


