"""A finished plan read back with everything a re-solve needs: inputs, ground, problem, plan, multipliers, tours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from geodata.direct import with_direct_ways
from geodata.ground import Ground
from geodata.tables import DataError, fault
from optimizer.bypass import bypassed
from optimizer.multipliers import BadMultipliersError, Multipliers
from optimizer.plan import Plan, Tour
from optimizer.problem import Problem
from optimizer.transport import RoutingWarning
from optimizer.warm_bound import carried_multipliers
from optimizer.warm_scope import EditedPlaces, Scope, carried, scopes_of
from service.certificate import read_multipliers
from service.edit_messages import EDIT_MESSAGES
from service.edit_targets import EditableGround, EditTarget
from service.ground_cache import read_ground_cache
from service.manifest import input_files, read_manifest
from service.plan_json import PlanJson, read_plan_json
from service.read_plan import BadResultError, read_plan, read_tours
from service.seam import Brief, as_problem, read_brief, unedited_ground, with_edits
from service.street_cache import street_cache
from service.study import Study, load_study


@dataclass(frozen=True)
class OldPlan:
    """What a result folder holds, on the ground it was made on."""

    folder: Path
    brief: Brief
    unedited: Ground
    problem: Problem
    plan: Plan
    plan_json: PlanJson
    multipliers: Multipliers | None
    tours: tuple[Tour, ...]
    warnings: tuple[RoutingWarning, ...]

    @property
    def objective_cny_per_year(self) -> float:
        """What the old plan says it costs; its layers hold nine decimals, so a recomputation may differ by a fen."""
        stated = self.plan_json.objective_cny_per_year
        return float("nan") if stated is None else stated

    @property
    def gap_cny_per_year(self) -> float:
        """Objective less bound; inf without a bound."""
        bound = self.plan_json.bound_cny_per_year
        stated = self.plan_json.objective_cny_per_year
        return float("inf") if bound is None or stated is None else stated - bound


def read_old_plan(folder: Path) -> OldPlan:
    """The plan of a result folder; DataError where it is no result or its inputs have changed since."""
    if not (folder / "study.yaml").is_file() or not (folder / "plan.json").is_file():
        raise DataError([fault("resolve_no_plan", file=str(folder), messages=EDIT_MESSAGES, reason="no plan.json")])
    study = load_study(folder / "study.yaml")
    try:
        _require_same_inputs(folder, study)
        plan_json = read_plan_json(folder / "plan.json")
        brief = read_brief(study, checked=True)
        ground = unedited_ground(brief, read_ground_cache(folder, study), street_cache())
        problem = as_problem(brief, with_edits(brief, ground))
        plan = read_plan(folder, problem, plan_json.status)
        multipliers = None if plan_json.bound_cny_per_year is None else read_multipliers(folder, problem)
        tours, warnings = read_tours(folder, problem, plan_json)
    except (OSError, ValidationError, BadResultError, BadMultipliersError) as error:
        reason = " ".join(str(error).split())
        raise DataError([fault("resolve_no_plan", file=str(folder), messages=EDIT_MESSAGES, reason=reason)]) from error
    return OldPlan(folder, brief, ground, problem, plan, plan_json, multipliers, tours, warnings)


def _require_same_inputs(folder: Path, study: Study) -> None:
    missing = [(role, source) for role, source in study.inputs.named() if not source.path.is_file()]
    if missing:
        raise DataError([fault("file_missing", file=str(source.path), layer=role) for role, source in missing])
    stated = {entry.role: entry.sha256 for entry in read_manifest(folder).inputs}
    changed = [entry for entry in input_files(study) if stated.get(entry.role) != entry.sha256]
    if changed:
        raise DataError([fault("resolve_input_changed", file=entry.file, layer=entry.role, messages=EDIT_MESSAGES)
                         for entry in changed])


@dataclass(frozen=True)
class EditedCase:
    """The old plan in the words of an edited problem, with what the edits may change."""

    ground: Ground
    problem: Problem
    start: Plan
    searched: Scope
    surroundings: Scope
    places: EditedPlaces

    def multipliers(self, old: OldPlan) -> Multipliers | None:
        """The old multipliers for the edited problem."""
        return None if old.multipliers is None else carried_multipliers(old.problem, old.multipliers, self.problem)


def edited_case(old: OldPlan, brief: Brief, editable: EditableGround, active: Sequence[int]) -> EditedCase:
    """The problem with some of the edits, and the old plan carried over to it.

    Whether the rules over open sites can all hold is not asked here (see resolve_rules).
    """
    ground = with_direct_ways(editable.with_edits(active), bypassed(brief.network))
    problem = as_problem(brief, ground)
    start = carried(old.problem, old.plan, problem)
    places = _places(old, problem, editable, [editable.targets[n] for n in active])
    searched, surroundings = scopes_of(old.problem, old.plan, problem, start, places)
    return EditedCase(ground, problem, start, searched, surroundings, places)


def _places(old: OldPlan, problem: Problem, editable: EditableGround, targets: Sequence[EditTarget]) -> EditedPlaces:
    """Open sites that are taken away, and sites that must open or change their size for the edits."""
    before, now = [], []
    old_rows = [{name: n for n, name in enumerate(sites.ids)} for sites in old.problem.sites]
    new_rows = [{name: n for n, name in enumerate(sites.ids)} for sites in problem.sites]
    size = [o.size_of(len(s)) for o, s in zip(old.plan.open_sites, old.problem.sites, strict=True)]
    for target in targets:
        for gone in target.taken:
            row = old_rows[gone.level].get(editable.union.sites[gone.level].ids[gone.row], -1)
            if row >= 0 and size[gone.level][row] >= 0:
                before.append((gone.level, row))
        wanted = [(s.level, s.row, s.fits) for s in target.settled]
        wanted += [(level, row, editable.union.sites[level].fits[row]) for level, row in target.brought]
        for level, at, fits in wanted:
            name = editable.union.sites[level].ids[at]
            row = old_rows[level].get(name, -1)
            as_it_is = row >= 0 and size[level][row] >= 0 and bool(fits[size[level][row]])
            if not as_it_is and name in new_rows[level]:
                now.append((level, new_rows[level][name]))
    return EditedPlaces(tuple(dict.fromkeys(before)), tuple(dict.fromkeys(now)))
