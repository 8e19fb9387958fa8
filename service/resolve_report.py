"""edits_report.json written: from which plan a result comes, what every edit costs, and which sites changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optimizer.problem import Problem
from optimizer.siting import gap_share
from optimizer.tours_check import routed_cost_cny_per_year
from optimizer.warm_start import WarmSiting
from service.edit_merge import MergedEdits
from service.edits_report import Change, EditRow, EditsReport, OldPlanFigures, PlanFigures, SiteChange, site_of_edit
from service.resolve_case import EditedCase, OldPlan
from service.resolve_costs import EachAlone
from service.resolve_routes import Rerouted


@dataclass(frozen=True)
class Told:
    """What the report is made of."""

    old: OldPlan
    case: EditedCase
    siting: WarmSiting
    merged: MergedEdits
    alone: EachAlone
    routes: Rerouted
    manifest_sha256: str
    seconds: dict[str, float]


def edits_report(told: Told) -> EditsReport:
    """The report on a re-solve."""
    old, report = told.old, told.siting.plan.report
    total = report.objective_cny_per_year - old.objective_cny_per_year
    known = [a.cny_per_year for a in told.alone if a.cny_per_year is not None]
    whole = len(known) == len(told.alone)
    timings = old.plan_json.timings_s
    vehicles = told.case.problem.network.vehicles
    return EditsReport(
        before=OldPlanFigures(
            objective_cny_per_year=old.objective_cny_per_year, bound_cny_per_year=old.plan_json.bound_cny_per_year,
            gap_share=old.plan_json.gap, routed_cost_cny_per_year=old.plan_json.routed_cost_cny_per_year,
            study=old.plan_json.study, folder=old.folder.resolve().name, manifest_sha256=told.manifest_sha256,
            first_solve_s=timings.get("siting")),
        after=PlanFigures(
            objective_cny_per_year=report.objective_cny_per_year, bound_cny_per_year=report.bound_cny_per_year,
            gap_share=gap_share(told.case.problem, told.siting.plan, report.bound_cny_per_year),
            routed_cost_cny_per_year=routed_cost_cny_per_year(told.routes.haulage.tours, vehicles).total_cny_per_year),
        total_cny_per_year=total, interaction_cny_per_year=total - sum(known) if whole else None,
        edits=tuple(_edit_rows(told)), superseded_edit_ids=tuple(e.id for e in told.merged.superseded),
        sites=tuple(_site_changes(told)), went_outside=told.siting.went_outside,
        adapted_station_ids=told.routes.adapted, rerouted_station_ids=told.routes.searched,
        seconds=told.seconds)


def _edit_rows(told: Told) -> Iterator[EditRow]:
    alone = {a.edit_id: a for a in told.alone}
    for edit in told.merged.edits:
        cost = alone.get(edit.id)
        yield EditRow(edit_id=edit.id, edit=edit.kind, site_id=site_of_edit(edit), tier_ids=edit.tier_ids,
            size_id=edit.size_id, note=edit.note, is_new=edit.id in told.merged.new_ids,
            alone_cny_per_year=None if cost is None else cost.cny_per_year,
            method="of_the_earlier_plan" if cost is None else cost.method)


def _site_changes(told: Told) -> Iterator[SiteChange]:
    old, new = told.old, told.case
    for level, tier in enumerate(new.problem.network.tiers):
        before = _sizes(old.problem, old.plan.open_sites[level].size_of(len(old.problem.sites[level])), level)
        after = _sizes(new.problem, told.siting.plan.open_sites[level].size_of(len(new.problem.sites[level])), level)
        edited = {old.problem.sites[n].ids[row] for n, row in new.places.old if n == level}
        edited |= {new.problem.sites[n].ids[row] for n, row in new.places.new if n == level}
        inside = {new.problem.sites[level].ids[row] for row in np.flatnonzero(new.surroundings.may_change[level])}
        ids = [size.id for size in tier.sizes]
        for site in sorted(before.keys() | after.keys()):
            was, now = before.get(site), after.get(site)
            if was == now:
                continue
            change: Change = "opened" if was is None else "closed" if now is None else "resized"
            yield SiteChange(
                tier_id=tier.id, site_id=site, change=change,
                size_before_id=None if was is None else ids[was], size_after_id=None if now is None else ids[now],
                is_edited=site in edited, in_surroundings=site in inside or site in edited)


def _sizes(problem: Problem, size: np.ndarray, level: int) -> dict[str, int]:
    """Size of each open site of a tier; direct ways past it are no sites."""
    sites = problem.sites[level]
    return {sites.ids[row]: int(size[row]) for row in np.flatnonzero((size >= 0) & ~sites.virtual)}
