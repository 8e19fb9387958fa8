"""The referee of the siting decision: every fault of a plan against the problem it should answer. Numpy, no solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import Throughput, throughput
from optimizer.check_sanity import check_sanity
from optimizer.nearest import check_nearest
from optimizer.objectives import facilities
from optimizer.plan import Plan
from optimizer.problem import FULL_SHARE, Problem, SiteStatus, with_allowance
from optimizer.tours_check import Violation

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

TOLERANCE = 1e-6
"""Relative, for balances and limits."""
DUST_T_PER_DAY = 1e-9
"""Less than this is nothing: a milligram or so a day."""


def check_plan(problem: Problem, plan: Plan) -> list[Violation]:
    """Every fault of a siting plan, empty if there is none.

    First the form (shapes, indices, arcs): with a fault there, nothing else can be computed and only the form is
    reported. Then sites and sizes, capacities, flows and balances to 1e-6, rules, and the sanity rules that a reader
    would find first (see check_sanity), which are only judged where nothing else is wrong.
    """
    faults = list(_faults_of_form(problem, plan))
    if faults:
        return faults
    faults = list(_faults_of_access(problem, plan))
    if any(fault.code == "beyond_walking_limit" for fault in faults):
        return faults
    through = throughput(problem, plan)
    faults += [*_faults_of_sites(problem, plan, through), *_faults_of_capacity(problem, plan, through),
               *_faults_of_flows(problem, plan, through), *_faults_of_rules(problem, plan),
               *_faults_of_mass(problem, plan, through)]
    if problem.assignment == "nearest":
        faults += check_nearest(problem, plan)
    return faults or check_sanity(problem, plan, through)


def _faults_of_form(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Arrays of the right shape, indices in range, sites unique and ascending, tonnes that are numbers from 0 up."""
    tiers, materials = problem.network.tiers, len(problem.network.materials)
    if len(plan.open_sites) != len(tiers) or len(plan.flows) != len(tiers) - 1:
        yield Violation("bad_shape", "plan", f"{len(plan.open_sites)} tiers and {len(plan.flows)} legs of {len(tiers)}")
        return
    for tier, opened, sites in zip(tiers, plan.open_sites, problem.sites, strict=True):
        if opened.site.ndim != 1 or opened.site.shape != opened.size.shape:
            yield Violation("bad_shape", tier.id, "open sites and their sizes are not parallel lists")
            continue
        yield from _outside(tier.id, "open sites", opened.site, len(sites))
        yield from _outside(tier.id, "sizes", opened.size, len(tier.sizes))
        if np.any(np.diff(opened.site) <= 0):
            yield Violation("sites_not_ascending", tier.id, "open sites are not unique and in ascending order")
    if plan.site_of_part.shape != (len(problem.demand.part_ids),):
        yield Violation("bad_shape", "plan", f"site_of_part has shape {plan.site_of_part.shape}")
    else:
        yield from _outside(tiers[0].id, "sites of parts", plan.site_of_part, len(problem.sites[0]), least=-1)
    for number, flow in enumerate(plan.flows):
        where = tiers[number + 1].id
        shapes = (flow.origin.shape, flow.destination.shape, flow.t_per_day.shape)
        rows = len(flow.origin)
        if shapes != ((rows,), (rows,), (rows, materials)):
            yield Violation("bad_shape", where, f"flows have shapes {shapes}")
            continue
        yield from _outside(where, "origins of flows", flow.origin, len(problem.sites[number]))
        yield from _outside(where, "destinations of flows", flow.destination, len(problem.sites[number + 1]))
        wrong = int((~(np.isfinite(flow.t_per_day) & (flow.t_per_day >= 0.0))).sum())
        if wrong:
            yield Violation("bad_flow", where, f"{wrong} flows are negative or not numbers")


def _outside(subject_id: str, what: str, index: Int, count: int, least: int = 0) -> Iterator[Violation]:
    if index.dtype.kind not in "iu":
        yield Violation("bad_index", subject_id, f"{what}: indices of type {index.dtype}")
    elif np.any((index < least) | (index >= count)):
        yield Violation("bad_index", subject_id, f"{what}: an index is not in {least} to {count - 1}")


def _faults_of_access(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Parts use open sites that a walking arc leads to."""
    width = len(problem.sites[0]) + 1
    served = np.flatnonzero(plan.site_of_part >= 0)
    used = plan.site_of_part[served]
    reached = np.isin(served * width + used, problem.walk.part * width + problem.walk.site)
    for part in served[~reached].tolist():
        site = problem.sites[0].ids[int(plan.site_of_part[part])]
        yield Violation("beyond_walking_limit", problem.demand.part_ids[part], f"no walking arc leads to '{site}'")
    for part in served[~np.isin(used, plan.open_sites[0].site)].tolist():
        site = problem.sites[0].ids[int(plan.site_of_part[part])]
        yield Violation("site_not_open", problem.demand.part_ids[part], f"uses '{site}', which is closed")


def _faults_of_sites(problem: Problem, plan: Plan, through: Throughput) -> Iterator[Violation]:
    """Sizes fit their sites, kept sites are open, and open sites have a reason to be."""
    costs = facilities.coefficients(problem)
    for level, (tier, opened, sites) in enumerate(zip(problem.network.tiers, plan.open_sites, problem.sites,
                                                      strict=True)):
        for site, size in zip(opened.site.tolist(), opened.size.tolist(), strict=True):
            if not sites.allowed[site, size]:
                yield Violation("size_not_allowed", sites.ids[site], f"size '{tier.sizes[size].id}' does not fit here")
        for site in np.setdiff1d(np.flatnonzero(sites.must_open), opened.site).tolist():
            kept = sites.status[site] == SiteStatus.KEEP
            yield Violation("kept_site_closed" if kept else "required_site_closed", sites.ids[site],
                            f"tier '{tier.id}': {'an existing site to be kept' if kept else 'a site that is required'}")
        idle = through.entering[level][opened.site].sum(axis=1) <= DUST_T_PER_DAY
        dear_to_close = ((sites.status[opened.site] == SiteStatus.MAY_CLOSE)
                         & (costs.closed_cny_per_year[level][opened.site]
                            >= costs.open_cny_per_year[level][opened.site, opened.size]))
        excused = sites.must_open[opened.site] | dear_to_close | _counted(problem, plan, level)
        for site in opened.site[idle & ~excused].tolist():
            yield Violation("idle_site", sites.ids[site], f"tier '{tier.id}': open without load")


def _counted(problem: Problem, plan: Plan, level: int) -> Bool:
    """Open sites of a tier that could not close without breaking a side rule, such as a minimum count."""
    opened, rows = plan.open_sites[level], problem.rows
    needed = np.zeros(len(opened.site), dtype=bool)
    if len(rows):
        values = rows.values(plan.open_sites)
        for at, (site, size) in enumerate(zip(opened.site.tolist(), opened.size.tolist(), strict=True)):
            needed[at] = rows.breaks(values, rows.change(level, site, size, -1))
    return needed


def _faults_of_capacity(problem: Problem, plan: Plan, through: Throughput) -> Iterator[Violation]:
    """Mass, volume, minimum throughput and materials of every open site, households of the first tier."""
    caps = problem.household_caps
    if np.isfinite(caps).any():
        served = np.flatnonzero(plan.site_of_part >= 0)
        households = np.zeros(len(problem.sites[0]))
        np.add.at(households, plan.site_of_part[served], problem.demand.households[served])
        first = plan.open_sites[0]
        for at in np.flatnonzero(_above_full(households[first.site], caps[first.size])).tolist():
            site, cap = int(first.site[at]), caps[first.size[at]]
            yield Violation("over_households", problem.sites[0].ids[site], f"{households[site]:.6g} of {cap:.6g}")
    for level, (tier, opened, sites) in enumerate(zip(problem.network.tiers, plan.open_sites, problem.sites,
                                                      strict=True)):
        load = through.entering[level][opened.site]
        tonnes, cubic = load.sum(axis=1), load @ problem.m3_per_t(tier.state)
        most_t = problem.capacity_t_per_day(level)[opened.size]
        most_m3 = problem.capacity_m3_per_day(level)[opened.size]
        least_t = np.array([s.min_t_per_day for s in tier.sizes])[opened.size]
        above = _above_full if level == 0 else _above
        for code, value, limit, wrong in (("over_capacity_t", tonnes, most_t, above(tonnes, most_t)),
                                          ("over_capacity_m3", cubic, most_m3, above(cubic, most_m3)),
                                          ("below_min_throughput", tonnes, least_t, _above(least_t, tonnes))):
            for at in np.flatnonzero(wrong).tolist():
                yield Violation(code, sites.ids[int(opened.site[at])],
                                f"tier '{tier.id}': {value[at]:.6g} per day, limit {limit[at]:.6g}")
        refused = (load > DUST_T_PER_DAY) & ~problem.accepts(level)[opened.size]
        for at, material in zip(*(i.tolist() for i in np.nonzero(refused)), strict=True):
            yield Violation("material_not_accepted", sites.ids[int(opened.site[at])],
                            f"{load[at, material]:.6g} t/day of '{problem.network.materials[material].id}'")


def _above(value: Float, limit: Float) -> Bool:
    """Where a value exceeds its limit beyond the tolerance, or is not a number."""
    return np.asarray(~(value <= with_allowance(limit)), dtype=np.bool_)


def _above_full(value: Float, limit: Float) -> Bool:
    """The same for sites of the first tier, whose loads are plain sums."""
    return np.asarray(~(value <= limit * (1.0 + FULL_SHARE)), dtype=np.bool_)


def _faults_of_flows(problem: Problem, plan: Plan, through: Throughput) -> Iterator[Violation]:
    """Flows run between open sites that a drive joins, start where load is and carry exactly what is passed on."""
    for number, flow in enumerate(plan.flows):
        low, high, leg = problem.sites[number], problem.sites[number + 1], problem.legs[number]
        closed = ~np.isin(flow.origin, plan.open_sites[number].site)
        closed |= ~np.isin(flow.destination, plan.open_sites[number + 1].site)
        way = np.isfinite(leg.loaded_m + leg.loaded_s + leg.empty_m + leg.empty_s)[flow.origin, flow.destination]
        due = through.entering[number] * problem.passed_share(number)
        empty = due[flow.origin].sum(axis=1) <= DUST_T_PER_DAY
        for code, wrong, text in (("flow_at_closed_site", closed, "an end of the flow is closed"),
                                  ("flow_unreachable", ~way, "there is no way there and back"),
                                  ("flow_without_load", empty, "nothing arrives at its origin")):
            for at in np.flatnonzero(wrong).tolist():
                yield Violation(code, f"{low.ids[int(flow.origin[at])]}>{high.ids[int(flow.destination[at])]}", text)
        leaving = np.zeros_like(due)
        np.add.at(leaving, flow.origin, flow.t_per_day)
        allowance = TOLERANCE * due.sum(axis=1, keepdims=True) + DUST_T_PER_DAY
        for site, material in zip(*(i.tolist() for i in np.nonzero(np.abs(leaving - due) > allowance)), strict=True):
            yield Violation("flow_balance", low.ids[site],
                            f"{leaving[site, material]:.9g} t/day of '{problem.network.materials[material].id}' "
                            f"leave, {due[site, material]:.9g} are due")
        feed = problem.feed_tier(number).feed
        if feed is not None and feed.single_source:
            pairs = np.unique(np.stack([flow.origin, flow.destination], axis=1), axis=0)
            for site in np.flatnonzero(np.bincount(pairs[:, 0], minlength=len(low)) > 1).tolist():
                yield Violation("several_destinations", low.ids[site], "is served by more than one site")


def _faults_of_rules(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Side rules over open sites: counts, spacing, land, budget, shared parcels."""
    for row, value in zip(problem.site_rows, problem.rows.own_values(plan.open_sites).tolist(), strict=True):
        if not row.holds_at(value):
            yield Violation(row.code, row.subject_id,
                            f"{row.clause}: {value:.6g} {row.unit}, must be {row.sense} {row.limit:.6g}")


def _faults_of_mass(problem: Problem, plan: Plan, through: Throughput) -> Iterator[Violation]:
    """Generated = captured + not captured + unserved by material, no part of it negative, to 1e-6."""
    generated = problem.demand.generated_t_per_day
    captured = through.entering[0].sum(axis=0)
    away = through.not_captured.sum(axis=0) + through.unserved.sum(axis=0)
    served = plan.site_of_part >= 0
    abstains = generated * (1.0 - problem.participation_share)
    lost = np.where(served[:, None], through.not_captured - abstains, 0.0)
    total = generated.sum(axis=0)
    for number, material in enumerate(problem.network.materials):
        if abs(total[number] - captured[number] - away[number]) > TOLERANCE * max(1.0, total[number]):
            yield Violation("mass_balance", material.id, f"{total[number]:.9g} t/day generated, "
                                                         f"{captured[number] + away[number]:.9g} accounted for")
        if np.any(lost[:, number] < -TOLERANCE * np.maximum(1.0, generated[:, number])):
            yield Violation("mass_balance", material.id, "more is captured than participants generate")
