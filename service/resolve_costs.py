"""What each edit costs by itself: the old plan repaired for this edit alone, by single moves around it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from optimizer.accounts import all_coefficients, books
from optimizer.warm_start import repaired
from service.edit_merge import MergedEdits
from service.edit_targets import EditableGround
from service.edits_report import Method
from service.resolve_case import OldPlan, edited_case
from service.resolve_rules import conflict_of
from service.seam import Brief

SEED = 1


@dataclass(frozen=True)
class AloneCost:
    """The cost of one edit without the other new ones, CNY per year against the old plan; None where not known."""

    edit_id: str
    cny_per_year: float | None
    method: Method


EachAlone = tuple[AloneCost, ...]


def costs_alone(old: OldPlan, brief: Brief, editable: EditableGround, edits: MergedEdits, objective_cny_per_year: float,
                limit_s: float) -> EachAlone:
    """The cost of every new edit, in file order, for as long as the limit lasts; earlier edits hold throughout.

    One edit alone is the whole change. Of several each is repaired by single moves, so they need not add up to the
    whole change: edits help or hinder one another, and the whole is searched harder.
    """
    new = [n for n, target in enumerate(editable.targets) if target.edit.id in edits.new_ids]
    earlier = [n for n in range(len(editable.targets)) if n not in new]
    if len(new) == 1 and not edits.superseded:
        change = objective_cny_per_year - old.objective_cny_per_year
        return (AloneCost(editable.targets[new[0]].edit.id, change, "the_whole_change"),)
    begin, out = time.monotonic(), []
    for n in new:
        name = editable.targets[n].edit.id
        if time.monotonic() - begin > limit_s or edits.superseded:
            out.append(AloneCost(name, None, "not_computed"))
            continue
        case = edited_case(old, brief, editable, [*earlier, n])
        if not len(case.places):
            out.append(AloneCost(name, 0.0, "nothing_to_change"))
            continue
        if conflict_of(case.problem) is not None:
            out.append(AloneCost(name, None, "impossible_alone"))
            continue
        coefficients = all_coefficients(case.problem)
        plan = repaired(case.problem, coefficients, case.start, case.searched, SEED)
        change = books(case.problem, plan).objective_cny_per_year - old.objective_cny_per_year
        out.append(AloneCost(name, change, "repaired_alone"))
    return tuple(out)
