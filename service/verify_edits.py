"""What a re-solve says in edits_report.json, held against the plan it stands beside.

What it says of the plan before is that folder's to prove: it is named by the hash of its manifest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from optimizer.tours_check import routed_cost_cny_per_year
from service.edits_report import REPORT_FILE, EditsReport, PlanFigures, site_of_edit
from service.result_tables import Outcome
from service.verify_finding import Finding

TOLERANCE_SHARE = 1e-6
"""That of all figures (docs/verify.md): layers hold nine decimals, from which the plan is added up again."""


def edits_findings(folder: Path, outcome: Outcome, gap: float | None) -> tuple[Finding, ...]:
    """What is wrong with the edits report of a folder; nothing where there is none."""
    path = folder / REPORT_FILE
    if not path.is_file():
        return ()
    try:
        said = EditsReport.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        return (Finding("unreadable", REPORT_FILE, " ".join(str(error).split())),)
    return tuple(Finding("differs", f"{REPORT_FILE} {place}", text) for place, text in _wrong(said, outcome, gap))


def _wrong(said: EditsReport, outcome: Outcome, gap: float | None) -> Iterator[tuple[str, str]]:
    yield from _figures(said, outcome, gap)
    yield from _edits(said, outcome)
    yield from _sites(said, outcome)


def _figures(said: EditsReport, outcome: Outcome, gap: float | None) -> Iterator[tuple[str, str]]:
    report, vehicles = outcome.plan.report, outcome.problem.network.vehicles
    now = PlanFigures(
        objective_cny_per_year=report.objective_cny_per_year, bound_cny_per_year=report.bound_cny_per_year,
        gap_share=gap,
        routed_cost_cny_per_year=routed_cost_cny_per_year(outcome.haulage.tours, vehicles).total_cny_per_year)
    for name in PlanFigures.model_fields:
        if not _alike(getattr(said.after, name), getattr(now, name)):
            yield f"after.{name}", f"says {getattr(said.after, name)}, the plan has {getattr(now, name)}"
    total = said.after.objective_cny_per_year - said.before.objective_cny_per_year
    if not _alike(said.total_cny_per_year, total, said.after.objective_cny_per_year):
        yield "total_cny_per_year", f"says {said.total_cny_per_year}, after less before is {total}"
    new = [row for row in said.edits if row.is_new]
    known = [row.alone_cny_per_year for row in new if row.alone_cny_per_year is not None]
    rest = said.total_cny_per_year - sum(known) if len(known) == len(new) else None
    if not _alike(said.interaction_cny_per_year, rest, said.after.objective_cny_per_year):
        yield "interaction_cny_per_year", f"says {said.interaction_cny_per_year}, total less the edits alone is {rest}"


def _edits(said: EditsReport, outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Every edit in force, as the file of edits has it."""
    rows = [(r.edit_id, r.edit, r.site_id, r.tier_ids, r.size_id, r.note) for r in said.edits]
    kept = [(e.id, e.kind, site_of_edit(e), tuple(e.tier_ids), e.size_id, e.note) for e in outcome.brief.edits]
    if rows != kept:
        yield "edits", f"says {rows}, the file of edits has {kept}"
    for row in said.edits:
        if (row.method == "of_the_earlier_plan") == row.is_new:
            yield f"edits {row.edit_id}", f"new: {row.is_new}, but {row.method}"


def _sites(said: EditsReport, outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Sites that changed are open or closed as the plan has them, and stations named are open ones."""
    problem, opened = outcome.problem, outcome.plan.open_sites
    size_of = {(tier.id, problem.sites[n].ids[int(j)]): tier.sizes[int(k)].id
               for n, tier in enumerate(problem.network.tiers)
               for j, k in zip(opened[n].site, opened[n].size, strict=True)}
    for row in said.sites:
        place, now = f"sites {row.site_id}", size_of.get((row.tier_id, row.site_id))
        change = ("opened" if row.size_before_id is None else "closed" if row.size_after_id is None else "resized")
        if row.size_after_id != now:
            yield place, f"says {row.size_after_id}, the plan has {now}"
        if row.change != change or row.size_before_id == row.size_after_id:
            yield place, f"{row.change} from {row.size_before_id} to {row.size_after_id}"
        if not row.in_surroundings and not said.went_outside:
            yield place, "lies outside the surroundings, but nothing is said to have gone outside"
    stations = {problem.sites[1].ids[int(j)] for j in opened[1].site}
    for station in (*said.adapted_station_ids, *said.rerouted_station_ids):
        if station not in stations:
            yield f"stations {station}", "is no open station"


def _alike(a: float | None, b: float | None, scale: float = 0.0) -> bool:
    """Whether two figures are the same but for rounding, which is relative to the larger of them and the scale."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=TOLERANCE_SHARE, abs_tol=TOLERANCE_SHARE * max(1.0, abs(scale)))
