"""What `recynet run` and `recynet verify` show in a terminal: progress while working, the key figures at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from optimizer.siting import Progress as News
from service.figures import figure
from service.pipeline import Result, Watch
from service.plan_json import PlanJson
from service.texts import Catalogue, load_texts

Language = Literal["zh", "en"]
HEADLINE = ("objective_cny_per_year", "bound_cny_per_year", "gap_share")
"""Shown last, under the other indicators."""
SHOWN = (
    "persons_count", "coverage_share", "access_mean_m", "access_p90_m", "generated_t_per_day", "captured_t_per_day",
    "not_captured_t_per_day", "unserved_t_per_day", "recovery_share", "low_value_t_per_day", "residue_t_per_day",
    "land_m2", "build_cost_cny", "gross_cost_cny_per_year", "revenue_cny_per_year", "subsidy_cny_per_year",
    "routed_cost_cny_per_year", "distance_km_per_day", "trips_per_week_count", "co2_kg_per_t")


def catalogue(language: Language) -> Catalogue:
    """The texts of a language."""
    texts = load_texts()
    return texts.zh if language == "zh" else texts.en


@contextmanager
def watching(language: Language, progress_file: Path | None, *, quiet: bool) -> Iterator[Watch]:
    """A bar on standard error with the phase, the objective and the gap; JSON lines into the progress file."""
    words = catalogue(language)
    began = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
               TimeElapsedColumn(), TextColumn("{task.fields[news]}"))
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=False) as bar:
        task = bar.add_task("", total=1.0, news="")

        def watch(news: News) -> None:
            bar.update(task, description=words.text(f"phase.{news.phase}"), completed=news.share_done,
                       news=_line(news, words))
            if progress_file is not None:
                _append(progress_file, news, time.monotonic() - began)

        yield watch


def _line(news: News, words: Catalogue) -> str:
    shown = []
    if news.objective_cny_per_year is not None:
        shown.append(f"{words.text('kpi.objective_cny_per_year')} {news.objective_cny_per_year / 1e4:,.0f} "
                     f"{words.text('unit.10k_cny_per_year')}")
    if news.gap is not None:
        shown.append(f"{words.text('kpi.gap_share')} {news.gap:.2%}")
    return "  ".join(shown)


def _append(path: Path, news: News, elapsed_s: float) -> None:
    line = {"phase": news.phase, "percent": round(100.0 * news.share_done, 1),
            "objective": news.objective_cny_per_year, "bound": news.bound_cny_per_year, "gap": news.gap,
            "elapsed_s": round(elapsed_s, 2)}
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def show_result(result: Result, language: Language) -> None:
    """The table of key figures, then where everything lies."""
    words, plan, console = catalogue(language), result.plan, Console()
    console.print(kpi_table(plan, language))
    for name, value in (("objective", plan.objective_cny_per_year), ("bound", plan.bound_cny_per_year)):
        console.print(f"{name:<10} {value:,.0f} CNY/year" if value is not None else f"{name:<10} -")
    console.print(f"{'gap':<10} {plan.gap:.2%}" if plan.gap is not None else f"{'gap':<10} -")
    for note in plan.estimated:
        console.print(f"{words.text('report.estimated_heading')}: {note.zh if language == 'zh' else note.en}",
                      style="yellow")
    for line in plan.attribution:
        console.print(line, style="dim")
    for name, place in (("report", "report.html"), ("layers", "layers/"), ("geopackage", "plan.gpkg")):
        console.print(f"{name:<10} {result.folder / place}", soft_wrap=True)
    console.print(f"{'map':<10} recynet serve --data {result.folder.parent}", soft_wrap=True)


def kpi_table(plan: PlanJson, language: Language) -> Table:
    """The main indicators of a plan."""
    words = catalogue(language)
    title = plan.title or None
    table = Table(title=(title.zh if language == "zh" else title.en) if title else plan.study, title_justify="left")
    table.add_column(words.text("report.indicator"))
    table.add_column(words.text("report.value"), justify="right")
    for tier in plan.tiers:
        table.add_row(tier.title.zh if language == "zh" else tier.title.en,
                      words.text("headline.open", open=f"{tier.open_count:,}", candidates=f"{tier.candidate_count:,}"))
    for name in SHOWN:
        if name in plan.kpis:
            kpi = plan.kpis[name]
            shown = figure(kpi.value, kpi.unit)
            table.add_row(kpi.title.zh if language == "zh" else kpi.title.en, shown.zh if language == "zh" else shown.en)
    return table
