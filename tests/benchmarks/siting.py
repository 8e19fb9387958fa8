"""Siting benchmarks: runs any folder laid out like $RECYNET_BENCH/facility_location and compares with known optima.

    python -m tests.benchmarks.siting --data DIR [--family F] [--instance I] [--problem P] [--time-limit S] [--seed N]
        --out results.json

Every instance is solved in a process of its own (`siting_child`), so that seconds and memory are its own. The columns
`best_known` and `status` of instances.csv are read after the last solve has ended. Solutions go to a folder beside
the results. Exit code 0 when every row met its bar, 1 when one did not, 2 when the folder cannot be read.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.benchmarks.siting_registry import Bar, Benchmark, Row, benchmarks

ROOT = Path(__file__).parents[2]
GRACE_S = 60.0
"""A child that is this much over its time limit is ended, and its row says so."""
PACKAGES = ("numpy", "scipy", "ortools")
FIELDS = ("family", "instance", "problem", "seed", "status", "objective", "bound", "gap", "best_known", "seconds",
          "cpu_seconds", "peak_rss_mb", "violations", "solution_file")
Result = dict[str, Any]


def rows_of(data: Path) -> list[Row]:
    """The rows of instances.csv without the columns that hold the answers."""
    with (data / "instances.csv").open(newline="", encoding="utf-8") as file:
        return [Row(r["family"], r["problem"], r["instance"], r["file"], int(r["p"]) if r["p"] else None,
                    float(r["capacity"]) if r["capacity"] else None, float(r["radius"]) if r["radius"] else None)
                for r in csv.DictReader(file)]


def best_known_of(data: Path) -> dict[tuple[str, str, str], tuple[float, str]]:
    """Best-known value and its status by (family, problem, instance). Only to be read when all solves have ended."""
    with (data / "instances.csv").open(newline="", encoding="utf-8") as file:
        return {(r["family"], r["problem"], r["instance"]): (float(r["best_known"]), r["status"])
                for r in csv.DictReader(file) if r["best_known"]}


def run_one(data: Path, row: Row, time_limit_s: float, seed: int, solutions: Path) -> Result:
    """The result row of one instance, solved in a fresh process; a failure is a row of status "error"."""
    out = solutions / f"{row.family}__{row.problem}__{row.instance}.json"
    out.unlink(missing_ok=True)
    given = json.dumps({"data": str(data), "row": asdict(row), "time_limit_s": time_limit_s, "seed": seed,
                        "out": str(out)})
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.siting_child"], cwd=ROOT,
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
        assert child.stdin is not None
        child.stdin.write(given.encode())
        child.stdin.close()
        ended, usage = _wait(child, time_limit_s + GRACE_S)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    measured = {"cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
                "peak_rss_mb": round(usage.ru_maxrss * 1024 / 1e6, 1)}
    if ended != 0 or not out.is_file():
        why = f"ended after {time_limit_s + GRACE_S:g} s" if ended is None else (said or [f"exit code {ended}"])[-1]
        return _failed(row, seed, why) | measured
    report = json.loads(out.read_text(encoding="utf-8"))["report"]
    return _failed(row, seed, "") | {"message": report.pop("message")} | report | measured | {"solution_file": out.name}


def _failed(row: Row, seed: int, message: str) -> Result:
    values: Result = dict.fromkeys(FIELDS)
    return values | {"family": row.family, "instance": row.instance, "problem": row.problem, "seed": seed,
                     "status": "error", "violations": [], "message": message}


def _wait(child: subprocess.Popen[bytes], limit_s: float) -> tuple[int | None, Any]:
    """Exit code (None when it had to be ended) and what the process and its children used."""
    stop, killed = time.monotonic() + limit_s, False
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return (None if killed else child.returncode), usage
        if time.monotonic() > stop and not killed:
            child.kill()
            killed = True
        time.sleep(0.02)


def machine() -> Result:
    """What the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(),
            "versions": versions, "load_before": round(os.getloadavg()[0], 2)}


def faults_of(result: Result, bar: Bar, known: tuple[float, str] | None) -> list[str]:
    """Every bar a result row misses, in words; empty when it passes."""
    if result["status"] in ("error", "no_plan") or result["objective"] is None:
        return [result.get("message") or "no plan"]
    missed = [*result["violations"]]
    objective, best, maximise = result["objective"], None if known is None else known[0], result["maximise"]
    sign = -1.0 if maximise else 1.0
    slack = 1e-6 * max(1.0, abs(objective))
    if result["bound"] is None:
        missed.append("no bound")
    elif sign * (objective - result["bound"]) < -slack:
        missed.append("bound on the wrong side of the plan")
    if best is not None and sign * (objective - best) > bar.to_best_known * abs(best):
        missed.append(f"{abs(objective - best) / abs(best):.3%} worse than best known")
    if best is not None and result["bound"] is not None and sign * (result["bound"] - best) > 1e-4 * abs(best):
        missed.append("bound contradicts the best-known value")
    if bar.gap is not None and (result["gap"] is None or result["gap"] > bar.gap + 1e-9):
        missed.append("not proven" if bar.gap == 0 else f"gap above {bar.gap:.2%}")
    if bar.seconds is not None and result["seconds"] > bar.seconds:
        missed.append(f"over {bar.seconds:g} s")
    if bar.peak_rss_mb is not None and result["peak_rss_mb"] > bar.peak_rss_mb:
        missed.append(f"over {bar.peak_rss_mb:g} MB")
    return missed


def print_table(results: Sequence[Result], marks: Sequence[list[str]]) -> None:
    """One line per result with its bar's mark, then how many passed."""
    print(f"{'family':<18}{'problem':<11}{'instance':<28}{'status':<9}{'objective':>16}{'bound':>16}{'gap':>9}"
          f"{'best known':>16}{'s':>8}{'cpu s':>8}{'MB':>7}  mark")
    for r, missed in zip(results, marks, strict=True):
        print(f"{r['family']:<18}{r['problem']:<11}{r['instance']:<28}{r['status']:<9}{_figure(r['objective']):>16}"
              f"{_figure(r['bound']):>16}{_share(r['gap']):>9}{_figure(r['best_known']):>16}"
              f"{_figure(r['seconds'], 2):>8}{_figure(r['cpu_seconds'], 2):>8}{_figure(r['peak_rss_mb'], 0):>7}  "
              f"{'MISS: ' + '; '.join(missed) if missed else 'pass'}")
    print(f"{sum(not m for m in marks)} of {len(marks)} rows pass")


def _figure(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if digits and float(value).is_integer() else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3%}"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what was asked for, writes the results, prints the table; returns the exit code."""
    given = _arguments(argv)
    if not (given.data / "instances.csv").is_file():
        print(f"{given.data} holds no instances.csv", file=sys.stderr)
        return 2
    known_how = benchmarks()
    wanted = [row for row in rows_of(given.data) if given.family in (None, row.family)
              and given.instance in (None, row.instance) and given.problem in (None, row.problem)]
    solutions = given.out.with_name(given.out.stem + "_solutions")
    solutions.mkdir(parents=True, exist_ok=True)
    about, results, used = machine(), [], []
    skipped = sorted({(row.family, row.problem) for row in wanted} - set(known_how))
    for row in (row for row in wanted if (row.family, row.problem) in known_how):
        results.append(run_one(given.data, row, given.time_limit, given.seed, solutions))
        used.append(known_how[row.family, row.problem])
        print(f"{row.family}/{row.problem}/{row.instance}: {results[-1]['status']}", file=sys.stderr, flush=True)
    for family, problem in skipped:
        print(f"skipped, not covered: {family}/{problem}")
    marks = _compare(given.data, results, used)
    given.out.write_text(json.dumps({"machine": about, "rows": [_published(r) for r in results]}, indent=1) + "\n",
                         encoding="utf-8")
    print_table(results, marks)
    return int(any(marks))


def _compare(data: Path, results: list[Result], used: Sequence[Benchmark]) -> list[list[str]]:
    """The second pass, after the last solve: best-known values join the rows."""
    known = best_known_of(data)
    marks = []
    for result, benchmark in zip(results, used, strict=True):
        best = known.get((result["family"], result["problem"], result["instance"]))
        result["best_known"] = best[0] if best else None
        marks.append(faults_of(result, benchmark.bar, best))
    return marks


def _published(result: Result) -> Result:
    row = {name: result[name] for name in FIELDS}
    return row | ({"message": result["message"]} if result.get("message") else {})


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.siting", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with instances.csv")
    parser.add_argument("--out", type=Path, required=True, help="results.json; solutions go to a folder beside it")
    parser.add_argument("--family")
    parser.add_argument("--instance")
    parser.add_argument("--problem")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds per instance")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    if not (given.time_limit > 0 and math.isfinite(given.time_limit)):
        parser.error("--time-limit must be a positive number of seconds")
    return given


if __name__ == "__main__":
    sys.exit(main())
