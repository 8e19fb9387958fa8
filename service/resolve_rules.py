"""Edits after which the rules over open sites cannot all hold: refused, with one line per edit and the reason in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from geodata.tables import DataError, Fault
from optimizer.network import Title
from optimizer.problem import Problem
from service.edit_merge import MergedEdits
from service.edit_targets import EditableGround
from service.edits import Edit
from service.resolve_case import OldPlan, edited_case
from service.rule_conflicts import ConflictingRulesError, require_consistent_rules
from service.seam import Brief


def require_rules_hold(old: OldPlan, brief: Brief, editable: EditableGround, edits: MergedEdits,
                       problem: Problem) -> None:
    """DataError where no set of open sites of the edited problem keeps every side rule.

    One fault per new edit that is in conflict by itself, or one for all of them where only several together are.
    """
    together = conflict_of(problem)
    if together is None:
        return
    new = [n for n, target in enumerate(editable.targets) if target.edit.id in edits.new_ids]
    earlier = [n for n in range(len(editable.targets)) if n not in new]
    found: list[Fault] = []
    if len(new) > 1:
        for n in new:
            alone = conflict_of(edited_case(old, brief, editable, [*earlier, n]).problem)
            if alone is not None:
                found.append(_fault([editable.targets[n].edit], alone))
    raise DataError(found or [_fault([editable.targets[n].edit for n in new], together)])


def conflict_of(problem: Problem) -> ConflictingRulesError | None:
    """Why the rules over open sites cannot all hold; None where they can."""
    try:
        require_consistent_rules(problem)
    except ConflictingRulesError as error:
        return error
    return None


def _fault(edits: Sequence[Edit], conflict: ConflictingRulesError) -> Fault:
    """The explanation as one line, blamed on the edits."""
    known = conflict.explanation
    facts = conflict.lines if known.nowhere else conflict.lines[1:1 + len(known.rules) + len(known.sites)]
    changes = () if known.nowhere else conflict.lines[2 + len(facts):]
    return edits[0].fault(
        "edit_rules_conflict", ids=", ".join(edit.id for edit in edits), facts_zh=_joined(facts, "zh"),
        facts_en=_joined(facts, "en"), changes_zh=_joined(changes, "zh") or "-",
        changes_en=_joined(changes, "en") or "-")


def _joined(lines: Sequence[Title], language: Literal["zh", "en"]) -> str:
    mark = "；" if language == "zh" else "; "
    return mark.join(getattr(line, language).strip() for line in lines)
