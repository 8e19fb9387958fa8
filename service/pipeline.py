"""The whole program on one screen: from a study file to a result folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geodata.tables import DataError, fault
from optimizer.accounts import all_coefficients
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.routing import RoutingSettings
from optimizer.siting import SiteSettings, site_network
from optimizer.tours_check import check_tours
from service.haulage import route_vehicles
from service.messages import STUDY_MESSAGES
from service.plan_json import PlanJson
from service.publish import publish, require_usable_target
from service.result_tables import Outcome
from service.rule_conflicts import require_consistent_rules
from service.seam import as_problem, read_brief, unedited_ground, with_edits
from service.stopwatch import Stopwatch, Watch
from service.street_cache import street_cache
from service.study import Study
from service.vehicles import Haulage

MINIMUM_ADVICE = ("no plan was found in which every open site reaches its minimum throughput: lower min_t_per_day of "
                  "its size to what it would get (above), or ask for fewer open sites")


@dataclass(frozen=True)
class Result:
    """The folder a run leaves, and its key figures."""

    folder: Path
    plan: PlanJson


def run(study: Study, target: Path, watch: Watch = lambda _: None) -> Result:
    """Read, site, route, publish.

    DataError with every fault of the inputs, ConflictingRulesError when the rules over open sites cannot all hold;
    nothing is written then.
    """
    require_usable_target(target)
    routing = routing_settings(study)
    clock = Stopwatch(watch)
    clock.begin("reading", 0.02)
    brief = read_brief(study)
    clock.begin("ground", 0.05)
    unedited = unedited_ground(brief, cache=street_cache())
    ground = with_edits(brief, unedited)
    problem = as_problem(brief, ground)
    require_consistent_rules(problem)
    clock.begin("siting", 0.10)
    siting = site_network(problem, site_settings(study), clock.within(0.10, 0.65))
    clock.begin("routing", 0.65, siting.plan.report.objective_cny_per_year, siting.plan.report.bound_cny_per_year)
    haulage = route_vehicles(problem, ground, siting.plan, routing, clock.steps(0.65, 0.88))
    clock.begin("publishing", 0.88)
    referee(problem, siting.plan, haulage)
    outcome = Outcome(brief, ground, problem, all_coefficients(problem), siting.plan, haulage)
    timings = {**clock.seconds(), **{f"siting.{k}": v for k, v in siting.plan.report.seconds.items()}}
    plan = publish(outcome, siting.multipliers, siting.bound, target, timings, unedited=unedited)
    clock.begin("done", 1.0, plan.objective_cny_per_year, plan.bound_cny_per_year, plan.gap)
    return Result(target, plan)


class RejectedPlanError(RuntimeError):
    """The referee rejects what the solvers returned; nothing is published. The message lists every violation."""


def referee(problem: Problem, plan: Plan, haulage: Haulage) -> None:
    """Check plan and tours without any solver's word; RejectedPlanError when they break the model or the study."""
    found = [v for v in check_plan(problem, plan) if v.code not in SANITY_CODES]
    found += check_tours(haulage.tours, haulage.loads.areas, haulage.loads.links, haulage.warnings)
    if found:
        lines = [f"[{v.code}] {v.subject_id}: {v.text}" for v in found]
        if any(v.code == "below_min_throughput" for v in found):
            lines.append(MINIMUM_ADVICE)
        raise RejectedPlanError("\n".join(lines))


def site_settings(study: Study) -> SiteSettings:
    """The study's `solve` block; what it leaves open keeps the default."""
    solve, default = study.solve, SiteSettings()
    return SiteSettings(gap=solve.gap, iterations=solve.iterations or default.iterations,
                        time_limit_s=solve.time_limit_s, seed=solve.seed, processes=solve.threads)


def routing_settings(study: Study) -> RoutingSettings:
    """The study's `routing` block; what it leaves open keeps the default. DataError for an unknown engine."""
    routing, default = study.routing, RoutingSettings()
    try:
        return RoutingSettings(engine=routing.engine, iterations=routing.iterations or default.iterations,
                               time_limit_s=routing.time_limit_s, seed=routing.seed, processes=routing.threads)
    except ValueError as error:
        raise DataError([fault("value_wrong", file=study.file.name, messages=STUDY_MESSAGES, key="routing",
                               reason=str(error))]) from error
