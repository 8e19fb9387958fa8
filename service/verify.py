"""The referee of a result folder: reads the inputs again, rebuilds the problem, and believes nothing in the folder.

The plan's choices (open sites and sizes, who uses what, flows, tours) are read from the layers. Everything else is
computed again from inputs and configuration: feasibility, cost, balances, indicators, tours on the streets, the bound
from its multipliers. The folder must say the same. No solver is imported. What is compared how: docs/verify.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from geodata.tables import DataError, fault
from optimizer.accounts import books, gap_of
from optimizer.bound import Bound, lower_bound
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.multipliers import BadMultipliersError
from optimizer.plan import Plan, SolveReport, Status
from optimizer.tours_check import Violation, check_tours
from optimizer.transport import NO_LOAD, RoutingWarning
from service.certificate import claim_document, read_claim, read_multipliers
from service.compare_folder import diff, differences, read_json
from service.manifest import MANIFEST, Manifest, input_files, read_manifest, sha256_of
from service.plan_json import PlanJson, read_plan_json
from service.read_plan import BadResultError, read_plan, read_tours, visits_of
from service.result_tables import Outcome
from service.study import Study, load_study
from service.vehicles import Haulage, Loads, loads_of
from service.verify_again import Again, key_of
from service.verify_case import Case, fingerprint_of, prepare
from service.verify_config import config_answers
from service.verify_edits import edits_findings
from service.verify_finding import Finding, Verdict, rejected
from service.verify_geopackage import geopackage_differences
from service.verify_inputs import moved_study
from service.verify_report import report_differences
from service.verify_seal import seal_findings, seal_notes

__all__ = ["Finding", "Verdict", "Verifier", "verify"]

OPTIMAL_GAP_SHARE = 1e-6
"""A plan this close to its bound is called optimal."""
LONGEST_S = 1e7
"""No phase of a run takes four months."""


def verify(folder: Path, inputs: Path | None = None) -> Verdict:
    """The verdict on a result folder; DataError where there is no study.yaml or an input file is missing.

    `inputs` is a folder with the input files, where they are no longer at the paths of the folder's study.yaml.
    """
    return Verifier().verdict(folder, inputs)


@dataclass(frozen=True)
class _Folder:
    """What was read of a folder before anything was computed."""

    path: Path
    study: Study
    manifest: Manifest
    plan_json: PlanJson
    beside: tuple[Path, ...]
    """Folders in which the study's own configuration may lie."""

    def same(self, program: str) -> bool:
        """Whether the folder was made with the version of a program that is at work now."""
        return self.manifest.versions.get(program) == version(program)


class Verifier:
    """Judges result folders, and keeps what it rebuilt last: further folders of the same question take less time.

    What was rebuilt is used again only where study, network, rules and the content of all inputs are the same.
    """

    def __init__(self) -> None:
        self._case: Case | None = None
        self._again: Again | None = None

    def verdict(self, folder: Path, inputs: Path | None = None) -> Verdict:
        """The verdict on a result folder (see verify)."""
        manifest, trouble = _manifest(folder)
        try:
            study, notes = _study(folder, inputs, manifest)
        except (DataError, RecursionError) as error:
            if not (folder / "study.yaml").is_file():
                raise
            return rejected([Finding("unreadable", "study.yaml", _line(error))])
        missing = [(role, source) for role, source in study.inputs.named() if not source.path.is_file()]
        if missing:
            raise DataError([fault("file_missing", file=str(source.path), layer=role) for role, source in missing])
        if manifest is None:
            return rejected([Finding("unreadable", MANIFEST, trouble)])
        seal = sha256_of(folder / MANIFEST)
        now = input_files(study)
        try:
            findings = seal_findings(folder, study, manifest, read_json(folder / MANIFEST), now)
            notes += seal_notes(folder, study, manifest)
            if any(f.code == "input_changed" for f in findings):
                return rejected(findings, notes, seal)
            beside = (() if inputs is None else (inputs,)) + tuple(
                dict.fromkeys(source.path.parent for _, source in study.inputs.named()))
            read = _Folder(folder, study, manifest, read_plan_json(folder / "plan.json"), beside)
        except (OSError, ValueError, RecursionError) as error:
            return rejected([Finding("unreadable", folder.name, _line(error))], notes, seal)
        try:
            if self._case is None or self._case.fingerprint != fingerprint_of(study, now):
                self._case, self._again = prepare(study, now), None
            verdict = self._judged(read, self._case, findings)
        except (BadResultError, BadMultipliersError, DataError) as error:
            return rejected([*findings, Finding("result_malformed", folder.name, _line(error))], notes, seal)
        return replace(verdict, notes=(*notes, *verdict.notes), seal_sha256=seal)

    def _judged(self, read: _Folder, case: Case, findings: list[Finding]) -> Verdict:
        config_findings, notes = config_answers(read.path, read.study, read.manifest, read.beside,
                                                same_program=read.same("recynet"))
        findings += config_findings
        plan = read_plan(read.path, case.problem, read.plan_json.status)
        # faults of sense are warnings of plan.json, which is computed again and compared
        faults = [v for v in check_plan(case.problem, plan) if v.code not in SANITY_CODES]
        findings += [_finding(v) for v in faults]
        if faults:
            return rejected(findings, notes)
        account = books(case.problem, plan)
        objective, gross = account.objective_cny_per_year, account.gross_cost_cny_per_year
        bound, bound_findings = _bound(read.path, case, objective, gross)
        findings += bound_findings
        report = SolveReport(read.plan_json.status, objective, bound, {}, not read.manifest.reproducible)
        haulage, tour_findings = _haulage(read, case, replace(plan, report=report))
        findings += tour_findings
        if haulage is None:
            return rejected(findings, notes)
        outcome = Outcome(case.brief, case.ground, case.problem, case.coefficients, replace(plan, report=report),
                          haulage)
        again = self._written_again(outcome, read.plan_json.timings_s)
        findings += [Finding("differs", *found) for found in differences(read.path, again)]
        gap = gap_of(objective, bound, gross)
        findings += edits_findings(read.path, outcome, gap)
        findings += _status_findings(read.plan_json, plan, gap, read.manifest.reproducible)
        if not findings:  # slow, so only where all else is right
            export_findings, export_notes = _exports(read, again)
            findings, notes = export_findings, (*notes, *export_notes)
        return Verdict(not findings, objective, bound, gap, tuple(findings), notes)

    def _written_again(self, outcome: Outcome, timings_s: Mapping[str, float]) -> Again:
        if self._again is None or self._again.key != key_of(outcome, timings_s):
            self._again = Again(outcome, timings_s)
        return self._again


def _manifest(folder: Path) -> tuple[Manifest | None, str]:
    """The manifest, or what is wrong with it."""
    try:
        return read_manifest(folder), ""
    except (OSError, ValidationError) as error:
        return None, _line(error)


def _study(folder: Path, inputs: Path | None, manifest: Manifest | None) -> tuple[Study, tuple[str, ...]]:
    study = load_study(folder / "study.yaml")
    if inputs is None:
        return study, ()
    return moved_study(study, inputs, {} if manifest is None else {i.role: i.sha256 for i in manifest.inputs})


def _haulage(read: _Folder, case: Case, plan: Plan) -> tuple[Haulage | None, list[Finding]]:
    """The tours of a folder replayed on the streets; None where they are faulty."""
    tours, warnings = read_tours(read.path, case.problem, read.plan_json)
    loads = loads_of(case.problem, case.ground, plan)
    faults = [_finding(v) for v in check_tours(tours, loads.areas, loads.links, warnings)]
    faults += _faults_of_warnings(warnings, loads)
    if faults:
        return None, faults
    return Haulage(loads, tours, visits_of(tours, loads), warnings, not read.manifest.reproducible), []


def _faults_of_warnings(warnings: tuple[RoutingWarning, ...], loads: Loads) -> Iterator[Finding]:
    """What check_tours leaves: warnings said twice, and of points without load (a milligram a day is none)."""
    empty = {point for area in loads.areas for point, tonnes, bulk in
             zip(area.point_ids, area.load_t_per_day, area.load_m3_per_day, strict=True) if max(tonnes, bulk) <= 1e-9}
    for (code, subject), count in Counter((w.code, w.subject_id) for w in warnings).items():
        if count > 1:
            yield Finding("false_warning", subject, f"the plan says '{code}' {count} times")
        if code == NO_LOAD and subject not in empty:
            yield Finding("false_warning", subject, f"the plan says '{code}', which is not so")


def _exports(read: _Folder, again: Again) -> tuple[list[Finding], tuple[str, ...]]:
    """What is wrong with plan.gpkg and report.html, and what of them was not compared."""
    found = [*geopackage_differences(read.path, again.geopackage, same_writer=read.same("pyogrio")),
             *report_differences(read.path, again)]
    made_by = read.manifest.versions.get("recynet")
    cause = "" if read.same("recynet") else f" (made by recynet {made_by}, this is {version('recynet')})"
    note = "plan.gpkg was written by another version of pyogrio: the tables GDAL keeps for itself were not compared"
    return ([Finding("differs", place, text + cause) for place, text in found],
            () if read.same("pyogrio") else (note,))


def _bound(folder: Path, case: Case, objective_cny_per_year: float,
           gross_cost_cny_per_year: float) -> tuple[float | None, list[Finding]]:
    """The bound recomputed from the multipliers, and where the claim says something else."""
    claim = read_claim(folder)
    if claim.get("bound_cny_per_year") is None:
        bound = Bound(-np.inf, (), 0, (), np.zeros(0, dtype=np.bool_), ())
        checked = {"bound_cny_per_year", "objective_cny_per_year", "gross_cost_cny_per_year", "schema_version"}
    else:
        multipliers = read_multipliers(folder, case.problem)
        # which mix binds at a gap of nothing hangs on the last bits of the ceiling: the claim's own, where it is right
        said = claim.get("objective_cny_per_year")
        right = isinstance(said, float) and not list(diff(said, objective_cny_per_year, ""))
        bound = lower_bound(case.problem, case.coefficients, multipliers,
                            said if right and isinstance(said, float) else objective_cny_per_year)
        bound = replace(bound, value_cny_per_year=min(bound.value_cny_per_year, objective_cny_per_year))
        checked = set(claim)
    made = claim_document(bound, objective_cny_per_year, gross_cost_cny_per_year)
    wrong = [Finding("claim_differs", f"certificate.json {name}", "should not be there")
             for name in sorted(claim.keys() - made.keys())]
    wrong += [Finding("claim_differs", f"certificate.json {name}{where}", text)
              for name in made if name in checked or name not in claim
              for where, text in diff(claim.get(name), made[name], "")]
    return (bound.value_cny_per_year if np.isfinite(bound.value_cny_per_year) else None), wrong


def _status_findings(said: PlanJson, plan: Plan, gap: float | None, reproducible: bool) -> list[Finding]:
    """Whether the status follows from plan and gap, and clocks showed times; a run cut short may say `stopped`."""
    found = [Finding("differs", f"plan.json .timings_s.{name}", f"says {seconds} s")
             for name, seconds in said.timings_s.items() if not 0.0 <= seconds <= LONGEST_S]
    if said.status == "stopped" and not reproducible:
        return found
    earned: Status = "no_plan" if not len(plan.open_sites[0].site) else (
        "optimal" if gap is not None and gap <= OPTIMAL_GAP_SHARE else "feasible")
    if said.status != earned:
        found.append(Finding("differs", "plan.json .status", f"says {said.status!r}, computed {earned!r}"))
    return found


def _finding(violation: Violation) -> Finding:
    return Finding(violation.code, violation.subject_id, violation.text)


def _line(error: BaseException | Any) -> str:
    return " ".join(str(error).split())
