"""A finished plan taken over into an edited problem: repaired around the edits, the rest held still.

Sites outside the scope keep their state; a plan that changes them too is only taken where it saves more than the old
plan's gap, so that noise of the search never looks like a consequence of an edit. The bound starts from the old
multipliers (optimizer/warm_bound.py). Work is counted in iterations; the time limit is a safety stop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import all_coefficients, arc_of_part, books
from optimizer.assemble import assemble
from optimizer.bound import Bound, Case
from optimizer.first_tier import FirstTier, first_tier
from optimizer.multipliers import Multipliers
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites, Plan, SolveReport, Status
from optimizer.problem import Problem
from optimizer.siting import gap_share
from optimizer.solve_clock import SolveClock
from optimizer.solvers.moves import settle_and_improve
from optimizer.solvers.nearest_plan import nearest_plan
from optimizer.solvers.upper_search import improve_upper, upper_cost
from optimizer.solvers.upper_tiers import Supply, choose_upper_tiers
from optimizer.warm_bound import warm_bound
from optimizer.warm_keeping import outside_kept
from optimizer.warm_scope import Scope, everywhere, held_outside
from optimizer.warm_search import closed_where_idle, kept_together, searched_around

Float = NDArray[np.float64]
Int = NDArray[np.int64]

UPPER_GAP_SHARE = 0.01
LOOSENED_SHARE = 1.05
"""The bound is worked on where the gap has become larger than this share of the old one."""
OUTSIDE_SHARE = 1.25
"""The whole is looked at again where the new gap is larger than this share of the old one.

No plan saves more than the gap, so none outside could save more than the old gap where the new one is no larger, and
hardly any where it is little larger.
"""
NEAREST_TRIES = 20_000
"""Changes tried where residents use the nearest site: each is cheap."""
FITS_SHARE = 1e-9
OPTIMAL_GAP_SHARE = 1e-6


@dataclass(frozen=True)
class WarmSettings:
    """How hard to search around the edits."""

    iterations: int = 150
    """Ruin-and-recreate iterations around the edits; 0 leaves single moves only."""
    ascent_steps: int = 12
    """Steps that raise the bound where the edits loosened it (LOOSENED_SHARE)."""
    seed: int = 1
    time_limit_s: float = 60.0


@dataclass(frozen=True)
class WarmPlan:
    """The plan of an edited problem before its bound is known."""

    plan: Plan
    went_outside: bool
    """Whether sites outside the scope changed because that saves more than the old plan's gap."""
    seconds: dict[str, float]
    hit_time_limit: bool


@dataclass(frozen=True)
class WarmSiting:
    """The plan of the edited problem, its bound, and how it came about."""

    plan: Plan
    multipliers: Multipliers
    bound: Bound
    went_outside: bool


def resite(problem: Problem, start: Plan, scope: Scope, guide: Float, settings: WarmSettings,
           surroundings: Scope | None = None, worth_cny_per_year: float = np.inf) -> WarmPlan:
    """A plan of an edited problem from the old plan, carried over by ids; sites outside the scope keep their state.

    `guide` [n] are prices of serving each part, as the bound's multipliers hold them. Sites outside the surroundings
    (default: the scope) that nobody would use any more keep their users, unless closing them saves more than
    `worth_cny_per_year` or nobody can be kept there.
    """
    clock = SolveClock(settings.time_limit_s)
    coefficients = all_coefficients(problem)
    searches = bool(settings.iterations) and scope.any() and problem.assignment == "planned"
    lawful = repaired(problem, coefficients, start, scope, settings.seed, settle=not searches)
    plan = settled(problem, coefficients, lawful, scope, settings.seed) if searches else lawful
    clock.mark("repair")

    def searched(first: Plan) -> Plan:
        left_s = clock.left_s()
        return first if left_s <= 0.0 else searched_around(problem, coefficients, first, scope, guide,
                                                           settings.iterations, settings.seed, left_s)

    if searches:  # single moves may lead the search astray, and it may miss what they find
        found = searched(lawful)
        plan = found if _cost(problem, found) < _cost(problem, plan) else searched(plan)
    kept = outside_kept(problem, coefficients, start, plan, surroundings or scope)
    outside = kept is None or _cost(problem, kept) - _cost(problem, plan) > worth_cny_per_year
    clock.mark("search")
    return WarmPlan(plan if kept is None or outside else kept, outside, clock.seconds, clock.left_s() <= 0.0)


def resited_outside(problem: Problem, siting: WarmSiting, start: Plan, scope: Scope, old_gap_cny_per_year: float,
                    settings: WarmSettings) -> WarmPlan | None:
    """A plan that changes sites outside the scope too and saves more than `old_gap_cny_per_year`; None without one.

    Only looked for where the gap has grown (OUTSIDE_SHARE). `start` is the old plan carried over: it is taken up again
    where nobody is served without a change outside.
    """
    report, gap = siting.plan.report, max(old_gap_cny_per_year, 0.0)
    bound = -np.inf if report.bound_cny_per_year is None else report.bound_cny_per_year
    value = report.objective_cny_per_year
    if not scope.any() or scope.all() or report.hit_time_limit or not value - bound > OUTSIDE_SHARE * gap:
        return None
    clock = SolveClock(settings.time_limit_s)
    served = bool((siting.plan.site_of_part >= 0).any())
    plan = repaired(problem, all_coefficients(problem), siting.plan if served else start, everywhere(problem),
                    settings.seed)
    clock.mark("outside")
    if not value - _cost(problem, plan) > (gap if served else 0.0):
        return None
    return WarmPlan(plan, True, {**report.seconds, **clock.seconds}, False)


def certified(problem: Problem, warm: WarmPlan, multipliers: Multipliers, old_gap_cny_per_year: float,
              settings: WarmSettings, cases: list[Case] | None = None) -> WarmSiting:
    """The plan with its bound, from the old multipliers carried over by ids (see carried_multipliers).

    `cases`: see warm_bound.
    """
    clock = SolveClock(settings.time_limit_s)
    value = _cost(problem, warm.plan)
    enough = value - LOOSENED_SHARE * max(old_gap_cny_per_year, 0.0)
    multipliers, bound = warm_bound(problem, all_coefficients(problem), multipliers, value, settings.ascent_steps,
                                    enough, cases)
    clock.mark("bound")
    proven = bound.value_cny_per_year if np.isfinite(bound.value_cny_per_year) else None
    status = _status(warm.plan, gap_share(problem, warm.plan, proven), warm.hit_time_limit)
    report = SolveReport(status, value, proven, {**warm.seconds, **clock.seconds}, warm.hit_time_limit)
    return WarmSiting(replace(warm.plan, report=report), multipliers, bound, warm.went_outside)


def _status(plan: Plan, gap: float | None, stopped: bool) -> Status:
    if stopped:
        return "stopped"
    if not len(plan.open_sites[0].site):
        return "no_plan"
    return "optimal" if gap is not None and gap <= OPTIMAL_GAP_SHARE else "feasible"


def repaired(problem: Problem, coefficients: Coefficients, start: Plan, scope: Scope, seed: int, *,
             settle: bool = True) -> Plan:
    """The old plan made lawful again by what lies in the scope; with `settle`, no single move there pays."""
    held = held_outside(problem, start, scope)
    upper = _repaired_upper(held, coefficients, start, seed)
    site_of_part, size = _first_choices(held, coefficients, start)
    plan = kept_together(held, coefficients, start, upper, site_of_part, size)
    rounds = 0
    if plan is None:
        plan, rounds = assemble(held, coefficients, upper, site_of_part, size), 1
    if not (plan.site_of_part >= 0).any():
        return plan
    if rounds or settle:
        plan = _settled(held, coefficients, plan, rounds, seed)
    return closed_where_idle(problem, plan)


def settled(problem: Problem, coefficients: Coefficients, plan: Plan, scope: Scope, seed: int) -> Plan:
    """A lawful plan with no single move in the scope that pays."""
    if not (plan.site_of_part >= 0).any():
        return plan
    return closed_where_idle(problem, _settled(held_outside(problem, plan, scope), coefficients, plan, 0, seed))


def _settled(held: Problem, coefficients: Coefficients, plan: Plan, rounds: int, seed: int) -> Plan:
    """No single move pays any more; where residents use the nearest site, a short search under that rule."""
    tier = first_tier(held, coefficients)
    if held.assignment == "nearest":
        found = nearest_plan(held, coefficients, tier, plan, rounds=1, tries=NEAREST_TRIES, seed=seed,
                             watch=lambda _: False)
        return plan if found is None else found
    return settle_and_improve(held, coefficients, tier, plan, rounds=rounds)


def _cost(problem: Problem, plan: Plan) -> float:
    return books(problem, plan).objective_cny_per_year


def _repaired_upper(problem: Problem, coefficients: Coefficients, start: Plan, seed: int) -> tuple[OpenSites, ...]:
    """Open sites above the first tier: the old ones that may stay, what must open, and what their loads then need."""
    upper = tuple(_lawful_sites(problem, coefficients, level, start.open_sites[level])
                  for level in range(1, len(problem.sites)))
    same = all(np.array_equal(a.site, b.site) and np.array_equal(a.size, b.size)
               for a, b in zip(upper, start.open_sites[1:], strict=True))
    if same and _is_whole(start):
        return upper
    supply = _supply(problem, start)
    if not len(supply.site) or not all(sites.allowed.any() for sites in problem.sites[1:]):
        return upper  # nothing to choose from
    if all(len(opened.site) for opened in upper):
        upper = improve_upper(problem, coefficients, upper, supply)
        if np.isfinite(upper_cost(problem, coefficients, upper, supply)):
            return upper
    choice = choose_upper_tiers(problem, coefficients, supply, gap=UPPER_GAP_SHARE, time_limit_s=20.0, seed=seed)
    if choice is None or not all(len(opened.site) for opened in choice.open_sites):
        return upper
    return improve_upper(problem, coefficients, choice.open_sites, supply)


def _is_whole(start: Plan) -> bool:
    """Whether everything that arrives somewhere is sent on: no site above the first tier was taken away."""
    arriving = start.site_of_part[start.site_of_part >= 0]
    for flow in start.flows:
        if not np.isin(arriving, flow.origin).all():
            return False
        arriving = flow.destination
    return True


def _lawful_sites(problem: Problem, coefficients: Coefficients, level: int, opened: OpenSites) -> OpenSites:
    """The open sites that may be open, each at its size or the cheapest allowed one, with all that must open."""
    sites = problem.sites[level]
    cost = np.where(sites.allowed, coefficients.open_cny_per_year[level], np.inf)
    size = opened.size_of(len(sites))
    rows = np.arange(len(sites))
    size = np.where((size >= 0) & ~sites.allowed[rows, np.maximum(size, 0)], -2, size)
    usable = sites.allowed.any(axis=1)
    wrong = usable & ((size == -2) | (sites.must_open & (size < 0)))
    size = np.where(wrong, np.argmin(cost, axis=1), np.where(usable, size, -1))
    site = np.flatnonzero(size >= 0)
    return OpenSites(site, size[site].astype(np.int64))


def _supply(problem: Problem, start: Plan) -> Supply:
    """What the old plan's points bring."""
    arc = arc_of_part(problem, start.site_of_part)
    load = np.zeros((len(problem.sites[0]), len(problem.network.materials)))
    np.add.at(load, start.site_of_part[arc >= 0], problem.captured_t_per_day[arc[arc >= 0]])
    used = np.flatnonzero(load.sum(axis=1) > 0.0)
    rows = problem.rows
    room = rows.most - rows.values((start.open_sites[0],), 0) if len(rows) else None
    return Supply(used, load[used], row_room=room)


def _first_choices(problem: Problem, coefficients: Coefficients, start: Plan) -> tuple[Int, Int]:
    """Who uses which site and the size of each; whoever does not fit any more is let go, the farthest first."""
    opened = _lawful_sites(problem, coefficients, 0, start.open_sites[0])
    size = opened.size_of(len(problem.sites[0]))
    site_of_part = np.where(size[np.maximum(start.site_of_part, 0)] >= 0, start.site_of_part, -1)
    before = start.open_sites[0].size_of(len(problem.sites[0]))
    tier = first_tier(problem, coefficients)
    for site in np.flatnonzero((size >= 0) & (size != before) & (before >= 0)):
        _let_go(problem, tier, site_of_part, int(site), int(size[site]))
    return site_of_part, size


def _let_go(problem: Problem, tier: FirstTier, site_of_part: Int, site: int, size: int) -> None:
    """Take the farthest parts out of a site until the others fit its size."""
    arcs = np.arange(tier.first[site], tier.first[site + 1])
    arcs = arcs[site_of_part[tier.part[arcs]] == site]
    arcs = arcs[np.argsort(-problem.walk.distance_m[tier.arc[arcs]], kind="stable")]
    while len(arcs) and (tier.use[arcs].sum(axis=0) > tier.capacity[size] * (1.0 + FITS_SHARE)).any():
        site_of_part[tier.part[arcs[0]]] = -1
        arcs = arcs[1:]
