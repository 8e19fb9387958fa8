"""`recynet resolve`: a planner edits a finished plan and gets the new certified one from the warm start.

The edits become part of the question (inputs.edits of the new folder's study), so that `recynet verify` rebuilds the
edited model from inputs and edits alone. What is searched where: optimizer/warm_start.py.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from geodata.tables import DataError, fault
from optimizer.accounts import all_coefficients
from optimizer.multipliers import Multipliers
from optimizer.plan import Plan
from optimizer.solvers.certify import blank
from optimizer.warm_bound import warm_cases
from optimizer.warm_start import WarmSettings, WarmSiting, certified, resite, resited_outside
from service.edit_merge import MergedEdits, edits_text, merged
from service.edit_messages import EDIT_MESSAGES
from service.edit_targets import EditableGround, editable_ground
from service.edits import network_faults, read_edits
from service.edits_report import REPORT_FILE, EditsReport
from service.manifest import MANIFEST, sha256_of
from service.pipeline import referee, routing_settings
from service.plan_json import PlanJson
from service.publish import publish, require_usable_target
from service.resolve_case import EditedCase, OldPlan, edited_case, read_old_plan
from service.resolve_costs import EachAlone, costs_alone
from service.resolve_report import Told, edits_report
from service.resolve_routes import Rerouted, quick, reroute
from service.resolve_rules import require_rules_hold
from service.result_tables import Outcome
from service.seam import Brief
from service.stopwatch import Stopwatch, Watch
from service.study import EditsConfig, Study

EDITS_FILE = "edits.geojson"
ROUTING_ITERATIONS, ROUTING_ROUNDS, PACKING_S = 40, 1, 0.15
"""Effort for stations that are routed anew: a planner waits for the answer."""
ALONE_S = 5.0
"""The cost of each edit by itself is worked out as long as this lasts."""


@dataclass(frozen=True)
class ResolveSettings:
    """How hard to search, and what to leave out."""

    warm: WarmSettings = field(default_factory=WarmSettings)
    alone_s: float = ALONE_S
    full_routing: bool = False
    """Route changed stations with the study's own effort."""

    def limited(self, time_limit_s: float | None) -> ResolveSettings:
        """The same with another safety stop of siting; None changes nothing."""
        return self if time_limit_s is None else replace(self, warm=replace(self.warm, time_limit_s=time_limit_s))


@dataclass(frozen=True)
class Resolved:
    """The folder a re-solve leaves, its key figures, and what the edits cost."""

    folder: Path
    plan: PlanJson
    report: EditsReport


def default_target(folder: Path) -> Path:
    """<folder>_edited, or the next free <folder>_edited_2, _3 ..."""
    folder = folder.resolve()
    names = [f"{folder.name}_edited", *(f"{folder.name}_edited_{n}" for n in range(2, 1000))]
    return next(folder.parent / name for name in names if not (folder.parent / name).exists())


def resolve(folder: Path, edits_file: Path, target: Path, settings: ResolveSettings | None = None,
            watch: Watch = lambda _: None) -> Resolved:
    """Apply edits to the plan of a result folder and publish the new plan at the target.

    DataError with every fault of the edits, or where the old result cannot be used; RejectedPlanError where the referee
    rejects the new plan. Nothing is written then.
    """
    settings = settings or ResolveSettings()
    if target.resolve() == folder.resolve():
        raise DataError([fault("resolve_same_folder", messages=EDIT_MESSAGES, folder=str(folder))])
    require_usable_target(target)
    clock = Stopwatch(watch)
    clock.begin("reading", 0.0)
    new = read_edits(edits_file)
    old = read_old_plan(folder)
    wrong = network_faults(new.edits, old.brief.network)
    if wrong:
        raise DataError(wrong)
    edits = merged(old.brief.edits, new.edits, old.problem, old.plan)
    clock.begin("edits", 0.25)
    brief = replace(old.brief, edits=edits.edits)
    editable = _as_kept(editable_ground(brief.edit_terms, old.unedited))
    case = edited_case(old, brief, editable, range(len(editable.targets)))
    require_rules_hold(old, brief, editable, edits, case.problem)
    clock.begin("siting", 0.30)
    multipliers = _multipliers(old, case)
    routing = routing_settings(brief.study)
    effort = routing if settings.full_routing else quick(routing, ROUTING_ITERATIONS, ROUTING_ROUNDS, PACKING_S)
    with ThreadPoolExecutor(2) as beside:  # the bound and the tours meanwhile: both leave the interpreter free
        cases = beside.submit(warm_cases, case.problem, all_coefficients(case.problem), multipliers)
        warm = resite(case.problem, case.start, case.searched, multipliers.scenarios[0].part_price, settings.warm,
                      case.surroundings, old.gap_cny_per_year)

        def routed(plan: Plan) -> Future[Rerouted]:
            return beside.submit(reroute, old, case.problem, case.ground, plan, effort,
                                 adapt=not settings.full_routing)

        tours = routed(warm.plan)
        siting = certified(case.problem, warm, multipliers, old.gap_cny_per_year, settings.warm, cases.result())
        wider = resited_outside(case.problem, siting, case.start, case.searched, old.gap_cny_per_year, settings.warm)
        if wider is not None:
            tours = routed(wider.plan)
            siting = certified(case.problem, wider, siting.multipliers, old.gap_cny_per_year, settings.warm)
        clock.begin("edit_costs", 0.60)
        alone = costs_alone(old, brief, editable, edits, siting.plan.report.objective_cny_per_year, settings.alone_s)
        clock.begin("routing", 0.65, siting.plan.report.objective_cny_per_year, siting.plan.report.bound_cny_per_year)
        routes = tours.result()
    clock.begin("publishing", 0.80)
    found = _published(old, brief, case, siting, edits, alone, routes, target, clock)
    clock.begin("done", 1.0, found.plan.objective_cny_per_year, found.plan.bound_cny_per_year, found.plan.gap)
    return found


def _as_kept(editable: EditableGround) -> EditableGround:
    """Warnings name the file that the result keeps, as they will when it is read again."""
    return replace(editable, faults=tuple(replace(found, file=EDITS_FILE) for found in editable.faults))


def _multipliers(old: OldPlan, case: EditedCase) -> Multipliers:
    """Multipliers to start from; without an old certificate, capacity prices alone."""
    found = case.multipliers(old)
    return blank(case.problem, all_coefficients(case.problem)) if found is None else found


def _published(old: OldPlan, brief: Brief, case: EditedCase, siting: WarmSiting, edits: MergedEdits, alone: EachAlone,
               routes: Rerouted, target: Path, clock: Stopwatch) -> Resolved:
    """Refereed and written, with the edits and what they cost beside it."""
    referee(case.problem, siting.plan, routes.new)
    seconds = {**clock.seconds(), **{f"siting.{k}": v for k, v in siting.plan.report.seconds.items()}}
    report = edits_report(Told(old, case, siting, edits, alone, routes, sha256_of(old.folder / MANIFEST), seconds))
    with tempfile.TemporaryDirectory() as temporary:
        kept = Path(temporary) / EDITS_FILE
        text = edits_text(edits.edits)
        kept.write_text(text, encoding="utf-8")
        study = _with_edits(brief.study, kept)
        outcome = Outcome(replace(brief, study=study), case.ground, case.problem, all_coefficients(case.problem),
                          siting.plan, routes.haulage)
        plan = publish(outcome, siting.multipliers, siting.bound, target, seconds,
                       {EDITS_FILE: text, REPORT_FILE: report.model_dump_json(indent=1) + "\n"}, old.unedited)
    return Resolved(target, plan, report)


def _with_edits(study: Study, path: Path) -> Study:
    inputs = study.inputs.model_copy(update={"edits": EditsConfig(path=path)})
    changed = study.model_copy(update={"inputs": inputs})
    changed._file = study.file
    return changed
