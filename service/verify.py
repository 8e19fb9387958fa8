"""The referee of a result folder: reads the inputs again, rebuilds the problem, and believes nothing in the folder.

The plan's choices (open sites and sizes, who uses what, flows, tours) are read from the layers. Everything else is
computed again from inputs and configuration: feasibility, cost, balances, indicators, tours on the streets, the bound
from its multipliers. The folder must say the same. No solver is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from geodata.tables import DataError
from optimizer.accounts import all_coefficients, books
from optimizer.bound import BadMultipliersError, lower_bound
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.plan import SolveReport
from optimizer.problem import Problem
from optimizer.tours_check import Violation, check_tours
from service.certificate import read_claim, read_multipliers
from service.compare_folder import differences
from service.manifest import Manifest, read_manifest, sha256_of
from service.plan_json import PlanJson, read_plan_json
from service.read_plan import BadResultError, read_plan, read_tours, visits_of
from service.result_tables import Outcome
from service.seam import as_problem, ground_of, read_brief
from service.study import Study, load_study
from service.vehicles import Haulage, loads_of

BOUND_TOLERANCE = 1e-6
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

    def lines(self) -> list[str]:
        """The verdict for a terminal."""
        out = [f"rejected [{f.code}] {f.subject}: {f.text}" for f in self.findings[:MOST_LINES]]
        if len(self.findings) > MOST_LINES:
            out.append(f"... and {len(self.findings) - MOST_LINES} more")
        if self.accepted:
            out += [f"accepted: objective {self.objective_cny_per_year:,.0f} CNY/year recomputed",
                    "bound -" if self.bound_cny_per_year is None or self.gap is None else
                    f"bound {self.bound_cny_per_year:,.0f} CNY/year recomputed, gap {self.gap:.2%}"]
        return out


def verify(folder: Path, inputs: Path | None = None) -> Verdict:
    """The verdict on a result folder; DataError where a file that is needed is missing or unreadable.

    `inputs` is a folder with the input files, where they are no longer at the paths of the folder's study.yaml.
    """
    study = _study(folder, inputs)
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
    stated = {entry.role: entry for entry in manifest.inputs}
    for role, source in study.inputs.named():
        if not source.path.is_file():
            continue  # reading the layers reports what is missing
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
    bound, bound_findings = _bound(folder, problem, objective)
    findings += bound_findings
    report = SolveReport(plan_json.status, objective, bound, {}, not manifest.reproducible)
    plan = replace(plan, report=report)
    tours, warnings = read_tours(folder, problem, plan_json)
    loads = loads_of(problem, ground, plan)
    findings += [_finding(v) for v in check_tours(tours, loads.areas, loads.links, warnings)]
    haulage = Haulage(loads, tours, visits_of(tours, loads), warnings, not manifest.reproducible)
    outcome = Outcome(brief, ground, problem, all_coefficients(problem), plan, haulage)
    findings += [Finding("differs", where, text) for where, text in differences(folder, outcome, plan_json)]
    gap = None if bound is None else (objective - bound) / max(account.gross_cost_cny_per_year, 1.0)
    return Verdict(not findings, objective, bound, gap, tuple(findings))


def _bound(folder: Path, problem: Problem, objective: float) -> tuple[float | None, list[Finding]]:
    """The bound recomputed from the multipliers, and what is wrong with the claim."""
    claim = read_claim(folder)
    claimed = claim.get("bound_cny_per_year")
    if claimed is None:
        return None, []
    found = lower_bound(problem, all_coefficients(problem), read_multipliers(folder, problem), objective)
    stated = {"bound_cny_per_year": found.value_cny_per_year, "objective_cny_per_year": objective}
    wrong = []
    for name, value in stated.items():
        said = claim.get(name)
        if not isinstance(said, int | float) or abs(said - value) > BOUND_TOLERANCE * max(1.0, abs(value)):
            wrong.append(Finding("claim_differs", f"certificate.json {name}", f"says {said}, recomputed {value}"))
    if list(found.dropped) != claim.get("dropped_from_bound"):
        wrong.append(Finding("claim_differs", "certificate.json dropped_from_bound",
                             f"recomputed {list(found.dropped)}"))
    return found.value_cny_per_year, wrong


def _finding(violation: Violation) -> Finding:
    return Finding(violation.code, violation.subject_id, violation.text)


def _rejected(findings: list[Finding]) -> Verdict:
    return Verdict(False, None, None, None, tuple(findings))
