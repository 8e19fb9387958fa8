"""The table of what edits cost, for a terminal."""

from __future__ import annotations

from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

from service.edits_report import EditsReport
from service.figures import money
from service.resolve import Resolved
from service.run_report import catalogue

Language = Literal["zh", "en"]
MOST_SITES = 20


def show_edits(found: Resolved, language: Language, console: Console | None = None) -> None:
    """Print the costs, the changed sites and what was routed anew."""
    console, report = console or Console(), found.report
    console.print(cost_table(report, language))
    console.print(f"{_say('sites', language)} ({len(report.sites)}):", highlight=False)
    for row in report.sites[:MOST_SITES]:
        sizes = " > ".join(size for size in (row.size_before_id, row.size_after_id) if size is not None)
        console.print(f"  {_say(row.change, language)}  {row.tier_id}  {row.site_id}  {sizes}", highlight=False)
    if len(report.sites) > MOST_SITES:
        console.print(f"  ... {len(report.sites) - MOST_SITES}", highlight=False)
    if report.went_outside:
        console.print(_say("outside", language), style="yellow")
    for key, ids in (("adapted", report.adapted_station_ids), ("rerouted", report.rerouted_station_ids)):
        console.print(f"{_say(key, language)}: {', '.join(ids) or _say('none', language)}", highlight=False,
                      soft_wrap=True)


def cost_table(report: EditsReport, language: Language) -> Table:
    """One row per edit, then all together."""
    table = Table(title=_say("title", language), title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("edit", "kind", "site"):
        table.add_column(_say(name, language))
    table.add_column(_say("alone", language), justify="right")
    table.add_column(_say("how", language))
    for row in report.edits:
        table.add_row(row.edit_id, row.edit, row.site_id or "", _money(row.alone_cny_per_year, language),
                      _say(row.method, language))
    table.add_section()
    if report.interaction_cny_per_year is not None and len(report.edits) > 1:
        table.add_row("", "", "", _money(report.interaction_cny_per_year, language), _say("interaction", language))
    table.add_row("", "", "", _money(report.total_cny_per_year, language), _say("total", language), style="bold")
    return table


def _money(value: float | None, language: Language) -> str:
    if value is None:
        return "-"
    title = money(value, per_year=True)
    text = title.zh if language == "zh" else title.en
    return text if value < 0 else f"+{text}"


def _say(key: str, language: Language) -> str:
    return catalogue(language).text(f"resolve.{key}")
