"""Solves one instance in this process: reads what to do from standard input, writes solution and report to a file."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.siting_registry import Row, benchmark_for, number_or_none

AGREES = 1e-6
"""Relative difference up to which the objective a solver claims agrees with the referee's."""


def report_of(solution: Any, recomputed: float, violations: list[str], seconds: float) -> dict[str, Any]:
    """The measured part of a result row; the objective is the referee's, and the gap is taken from it."""
    violations = list(violations)
    has_plan = solution.status != "no_plan"
    if has_plan and abs(recomputed - solution.objective) > AGREES * max(1.0, abs(recomputed)):
        violations.append(f"the solver claims {solution.objective!r}, the plan is worth {recomputed!r}")
    return {"status": solution.status, "objective": number_or_none(recomputed) if has_plan else None,
            "bound": number_or_none(solution.bound), "gap": _gap(recomputed, solution) if has_plan else None,
            "seconds": round(seconds, 3), "violations": violations,
            "maximise": bool(solution.maximise), "message": solution.reason}


def _gap(objective: float, solution: Any) -> float | None:
    """(objective - bound) / |objective| of the recomputed objective, signs turned when maximising.

    A solution with a `gap_base` has its gap as a share of that instead (gross cost, where income makes up for cost).
    """
    short = solution.bound - objective if solution.maximise else objective - solution.bound
    if abs(short) <= 1e-9 * max(1.0, abs(objective)):
        return 0.0
    base = abs(objective) if getattr(solution, "gap_base", None) is None else solution.gap_base
    return number_or_none(short / base) if base else None


def main() -> None:
    """One instance."""
    given = json.loads(sys.stdin.read())
    row = Row(**given["row"])
    benchmark = benchmark_for(row.family, row.problem)
    started, started_cpu = time.perf_counter(), time.process_time()
    instance = benchmark.read(Path(given["data"]) / row.file, row)
    solution = benchmark.solve(instance, given["time_limit_s"], given["seed"])
    seconds, solve_cpu = time.perf_counter() - started, time.process_time() - started_cpu
    recomputed, violations = benchmark.referee(instance, solution) if solution.status != "no_plan" else (0.0, [])
    document = {"family": row.family, "problem": row.problem, "instance": row.instance, "seed": given["seed"],
                "solution": benchmark.solution_json(instance, solution),
                "report": report_of(solution, recomputed, violations, seconds) | {"solve_cpu_seconds": solve_cpu}}
    Path(given["out"]).write_text(json.dumps(document) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
