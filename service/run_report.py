"""What `recynet run` and `recynet verify` show in a terminal: progress while working, the key figures at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from optimizer.network import Title
from optimizer.siting import Progress as News
from service.figures import figure_parts, money
from service.pipeline import Result
from service.plan_json import PlanJson
from service.stopwatch import Watch
from service.texts import Catalogue, load_texts

Language = Literal["zh", "en"]
SHOWN = {
    "access": ("persons_count", "coverage_share", "access_mean_m", "access_p90_m"),
    "mass": ("generated_t_per_day", "captured_t_per_day", "not_captured_t_per_day", "unserved_t_per_day",
             "recovery_share", "low_value_t_per_day", "residue_t_per_day"),
    "land": ("land_m2", "land_mu"),
    "haulage": ("vehicles_count", "trips_per_week_count", "distance_km_per_day", "km_per_t"),
    "money": ("build_cost_cny", "gross_cost_cny_per_year", "revenue_cny_per_year", "subsidy_cny_per_year",
              "funding_gap_cny_per_year", "cost_cny_per_t", "routed_cost_cny_per_year"),
    "carbon": ("co2_t_per_year", "co2_kg_per_t"),
}
"""The indicators people want first, by group; objective, bound and gap follow below the table."""


def catalogue(language: Language) -> Catalogue:
    """The texts of a language."""
    texts = load_texts()
    return texts.zh if language == "zh" else texts.en


@contextmanager
def watching(language: Language, progress_file: Path | None, *, quiet: bool) -> Iterator[Watch]:
    """A bar on standard error with the phase, the objective and the gap; JSON lines into the progress file."""
    texts = load_texts()
    began = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
               TimeElapsedColumn(), TextColumn("{task.fields[news]}"))
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=False) as bar:
        task = bar.add_task("", total=1.0, news="")

        def watch(news: News) -> None:
            bar.update(task, description=_in(texts.phase(news.phase), language), completed=news.share_done,
                       news=_line(news, language))
            if progress_file is not None:
                _append(progress_file, news, time.monotonic() - began)

        yield watch


def _line(news: News, language: Language) -> str:
    words, shown = catalogue(language), []
    if news.objective_cny_per_year is not None:
        objective = _in(money(news.objective_cny_per_year, per_year=True), language)
        shown.append(f"{words.text('kpi.objective_cny_per_year')} {objective}")
    if news.gap is not None:
        shown.append(f"{words.text('kpi.gap_share')} {news.gap:.2%}")
    return "  ".join(shown)


def _append(path: Path, news: News, elapsed_s: float) -> None:
    line = {"phase": news.phase, "percent": round(100.0 * news.share_done, 1),
            "objective": news.objective_cny_per_year, "bound": news.bound_cny_per_year, "gap": news.gap,
            "elapsed_s": round(elapsed_s, 2)}
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def show_result(result: Result, language: Language, console: Console | None = None) -> None:
    """The table of key figures, objective, bound and gap, then where everything lies."""
    words, plan, console = catalogue(language), result.plan, console or Console()
    console.print(kpi_table(plan, language))
    for name, value in (("objective", plan.objective_cny_per_year), ("bound", plan.bound_cny_per_year)):
        exact = "-" if value is None else f"{value:,.0f} CNY/year  ({_in(money(value, per_year=True), language)})"
        console.print(f"{name:<10} {exact}", highlight=False)
    gap = "-" if plan.gap is None else f"{plan.gap:.2%}"
    console.print(f"{'gap':<10} {gap}  ({words.text(f'status.{plan.status}')})", highlight=False)
    for note in plan.estimated:
        console.print(f"{words.text('report.estimated_heading')}: {_in(note, language)}", style="yellow")
    for line in plan.attribution:
        console.print(line, style="dim", highlight=False)
    for name, place in (("report", "report.html"), ("layers", "layers/"), ("geopackage", "plan.gpkg")):
        console.print(f"{name:<10} {_shown(result.folder / place)}", soft_wrap=True, highlight=False)
    console.print(f"{'map':<10} recynet serve --data {_shown(result.folder.parent)}", soft_wrap=True, highlight=False)


def kpi_table(plan: PlanJson, language: Language) -> Table:
    """The main indicators of a plan, value and unit in columns of their own."""
    words, texts = catalogue(language), load_texts()
    heading = _in(plan.title, language) if plan.title else plan.study
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(words.text("report.indicator"))
    table.add_column(words.text("report.value"), justify="right")
    table.add_column(words.text("report.unit"))
    for tier in plan.tiers:
        counts = words.text("headline.open", open=f"{tier.open_count:,}", candidates=f"{tier.candidate_count:,}")
        table.add_row(_in(tier.title, language), counts, words.text("headline.open_note"))
    for group, names in SHOWN.items():
        known = [name for name in names if name in plan.kpis and plan.kpis[name].value is not None]
        if not known:
            continue
        table.add_section()
        table.add_row(f"[bold]{_in(texts.title(f'kpi_group.{group}'), language)}[/bold]", "", "")
        for name in known:
            kpi = plan.kpis[name]
            shown = figure_parts(kpi.value, kpi.unit, name)
            table.add_row(f"  {_in(kpi.title, language)}", _in(shown.number, language), _in(shown.unit, language))
    return table


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _in(title: Title, language: Language) -> str:
    return title.zh if language == "zh" else title.en
