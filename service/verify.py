"""The referee of a result folder: reads the inputs again, rebuilds the problem, and believes nothing in the folder.

The plan's choices (open sites and sizes, who uses what, flows, tours) are read from the layers. Everything else is
computed again from inputs and configuration: feasibility, cost, balances, indicators, tours on the streets, the bound
from its multipliers. The folder must say the same. No solver is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from geodata.tables import DataError, fault
from optimizer.accounts import all_coefficients, books
from optimizer.bound import BadMultipliersError, Bound, lower_bound
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.plan import Plan, SolveReport, Status
from optimizer.problem import Problem
from optimizer.tours_check import Violation, check_tours
from service.certificate import claim_document, read_claim, read_multipliers
from service.compare_exports import geopackage_differences, report_differences
from service.compare_folder import diff, differences
from service.manifest import Manifest, read_manifest, sha256_of
from service.plan_json import PlanJson, read_plan_json
from service.read_plan import BadResultError, read_plan, read_tours, visits_of
from service.result_tables import Outcome
from service.seam import as_problem, ground_of, read_brief
from service.study import Study, load_study
from service.vehicles import Haulage, loads_of

OPTIMAL_GAP_SHARE = 1e-6
"""A plan this close to its bound is called optimal."""
MOST_LINES = 200


@dataclass(frozen=True)
class Finding:
    """One reason to reject a result."""

    code: str
    subject: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What the referee says of a folder."""

    accepted: bool
    objective_cny_per_year: float | None
    bound_cny_per_year: float | None
    gap: float | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """What was not looked at, and why."""

    def lines(self) -> list[str]:
        """The verdict for a terminal."""
        out = [f"rejected [{f.code}] {f.subject}: {f.text}" for f in self.findings[:MOST_LINES]]
        if len(self.findings) > MOST_LINES:
            out.append(f"... and {len(self.findings) - MOST_LINES} more")
        if self.accepted:
            out += [f"accepted: objective {self.objective_cny_per_year:,.0f} CNY/year recomputed",
                    "bound -" if self.bound_cny_per_year is None or self.gap is None else
                    f"bound {self.bound_cny_per_year:,.0f} CNY/year recomputed, gap {self.gap:.2%}"]
        return [*out, *(f"note: {note}" for note in self.notes)]


def verify(folder: Path, inputs: Path | None = None) -> Verdict:
    """The verdict on a result folder; DataError where there is no study.yaml or an input file is missing.

    `inputs` is a folder with the input files, where they are no longer at the paths of the folder's study.yaml.
    """
    try:
        study = _study(folder, inputs)
    except (DataError, RecursionError) as error:
        if not (folder / "study.yaml").is_file():
            raise
        return _rejected([Finding("unreadable", "study.yaml", " ".join(str(error).split()))])
    missing = [(role, source) for role, source in study.inputs.named() if not source.path.is_file()]
    if missing:
        raise DataError([fault("file_missing", file=str(source.path), layer=role) for role, source in missing])
    try:
        manifest = read_manifest(folder)
        plan_json = read_plan_json(folder / "plan.json")
    except (OSError, ValidationError) as error:
        return _rejected([Finding("unreadable", folder.name, " ".join(str(error).split()))])
    findings = _changed_files(folder, study, manifest)
    if any(f.code == "input_changed" for f in findings):
        return _rejected(findings)
    try:
        return _judge(folder, study, manifest, plan_json, findings)
    except (BadResultError, BadMultipliersError, DataError) as error:
        return _rejected([*findings, Finding("result_malformed", folder.name, " ".join(str(error).split()))])


def _study(folder: Path, inputs: Path | None) -> Study:
    study = load_study(folder / "study.yaml")
    if inputs is None:
        return study
    moved = {}
    for name, source in study.inputs.named():
        moved[name] = source.model_copy(update={"path": (inputs / source.path.name).resolve()})
    exclusions = tuple(moved[f"exclusions.{e.name}"] for e in study.inputs.exclusions)
    single = {name: source for name, source in moved.items() if "." not in name}
    changed = study.model_copy(update={"inputs": study.inputs.model_copy(update={**single, "exclusions": exclusions})})
    changed._file = study.file
    return changed


def _changed_files(folder: Path, study: Study, manifest: Manifest) -> list[Finding]:
    """Inputs and result files whose content is not what the manifest says."""
    found = []
    for name, said, meant in (("study", manifest.study, study.study), ("seed", manifest.seed, study.solve.seed)):
        if said != meant:
            found.append(Finding("differs", f"manifest.json {name}", f"says {said!r}, study.yaml {meant!r}"))
    stated = {entry.role: entry for entry in manifest.inputs}
    for role, source in study.inputs.named():
        if role not in stated or sha256_of(source.path) != stated[role].sha256:
            found.append(Finding("input_changed", role, f"{source.path.name} is not the file the result was made from"))
    for name, digest in {**manifest.config, **manifest.outputs}.items():
        path = folder / name
        if ".." in Path(name).parts or not path.is_file():
            found.append(Finding("file_missing", name, "named in the manifest, not in the folder"))
        elif sha256_of(path) != digest:
            found.append(Finding("file_changed", name, "differs from the manifest's sha256"))
    return found


def _judge(folder: Path, study: Study, manifest: Manifest, plan_json: PlanJson, findings: list[Finding]) -> Verdict:
    brief = read_brief(study)
    ground = ground_of(brief)
    problem = as_problem(brief, ground)
    plan = read_plan(folder, problem, plan_json.status)
    # faults of sense are warnings of plan.json, which is computed again and compared
    faults = [v for v in check_plan(problem, plan) if v.code not in SANITY_CODES]
    findings += [_finding(v) for v in faults]
    if faults:
        return _rejected(findings)
    account = books(problem, plan)
    objective = account.objective_cny_per_year
    bound, bound_findings = _bound(folder, problem, objective, account.gross_cost_cny_per_year)
    findings += bound_findings
    report = SolveReport(plan_json.status, objective, bound, {}, not manifest.reproducible)
    plan = replace(plan, report=report)
    tours, warnings = read_tours(folder, problem, plan_json)
    loads = loads_of(problem, ground, plan)
    tour_faults = check_tours(tours, loads.areas, loads.links, warnings)
    findings += [_finding(v) for v in tour_faults]
    if tour_faults:
        return _rejected(findings)
    haulage = Haulage(loads, tours, visits_of(tours, loads), warnings, not manifest.reproducible)
    outcome = Outcome(brief, ground, problem, all_coefficients(problem), plan, haulage)
    findings += [Finding("differs", *found) for found in differences(folder, outcome, plan_json)]
    gross = account.gross_cost_cny_per_year
    gap = None if bound is None or gross <= 0.0 else (objective - bound) / gross
    findings += _status_findings(plan_json.status, plan, gap, manifest.reproducible)
    notes = () if findings else _compare_exports(folder, outcome, manifest, plan_json, findings)
    return Verdict(not findings, objective, bound, gap, tuple(findings), notes)


def _compare_exports(folder: Path, outcome: Outcome, manifest: Manifest, plan_json: PlanJson,
                     findings: list[Finding]) -> tuple[str, ...]:
    """Add what is wrong with plan.gpkg and report.html (slow, so only where all else is right); notes."""
    findings += [Finding("differs", *found) for found in geopackage_differences(folder, outcome)]
    if manifest.versions.get("recynet") != version("recynet"):
        return ("report.html was made by another version of recynet and was not compared",)
    findings += [Finding("differs", *found) for found in report_differences(folder, outcome, plan_json)]
    return ()


def _bound(folder: Path, problem: Problem, objective_cny_per_year: float,
           gross_cost_cny_per_year: float) -> tuple[float | None, list[Finding]]:
    """The bound recomputed from the multipliers, and where the claim says something else."""
    claim = read_claim(folder)
    if claim.get("bound_cny_per_year") is None:
        bound = Bound(-np.inf, (), 0, (), ())
        checked = {"bound_cny_per_year", "objective_cny_per_year", "gross_cost_cny_per_year", "schema_version"}
    else:
        multipliers = read_multipliers(folder, problem)
        bound = lower_bound(problem, all_coefficients(problem), multipliers, objective_cny_per_year)
        checked = set(claim)
    made = claim_document(bound, objective_cny_per_year, gross_cost_cny_per_year)
    wrong = [Finding("claim_differs", f"certificate.json {name}", "should not be there")
             for name in sorted(claim.keys() - made.keys())]
    wrong += [Finding("claim_differs", f"certificate.json {name}{where}", text)
              for name in made if name in checked or name not in claim
              for where, text in diff(claim.get(name), made[name], "")]
    return (bound.value_cny_per_year if np.isfinite(bound.value_cny_per_year) else None), wrong


def _status_findings(said: Status, plan: Plan, gap: float | None, reproducible: bool) -> list[Finding]:
    """Whether the status follows from plan and gap; a run that a time limit cut short may say `stopped`."""
    if said == "stopped" and not reproducible:
        return []
    earned = "no_plan" if not len(plan.open_sites[0].site) else (
        "optimal" if gap is not None and gap <= OPTIMAL_GAP_SHARE else "feasible")
    return [] if said == earned else [Finding("differs", "plan.json .status", f"says {said!r}, computed {earned!r}")]


def _finding(violation: Violation) -> Finding:
    return Finding(violation.code, violation.subject_id, violation.text)


def _rejected(findings: list[Finding]) -> Verdict:
    return Verdict(False, None, None, None, tuple(findings))
