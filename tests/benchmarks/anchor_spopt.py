"""The anchor of p-median: spopt's PMedian with HiGHS through PuLP, on the same matrix, in a process of its own.

    python -m tests.benchmarks.anchor_spopt --data DIR [--instance I] [--python PYTHON] [--time-limit S] --out FILE

spopt, PuLP and highspy (extra `bench`) must not be imported beside ortools in one process: this program only starts
processes. They may live in another environment, named by --python or RECYNET_ANCHOR_PYTHON. Says so and ends with 0
where they are not installed. Both sides are measured alike: CPU seconds and peak memory of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHILD = """
import json, sys, time
import numpy, pulp
from spopt.locate import PMedian
matrix, p, limit = numpy.load(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
started = time.process_time()
model = PMedian.from_cost_matrix(matrix, numpy.ones(len(matrix)), p_facilities=p)
try:
    model = model.solve(pulp.HiGHS(msg=False, threads=1, timeLimit=limit))
    found = {"status": "optimal", "objective": pulp.value(model.problem.objective)}
except RuntimeError as error:
    found = {"status": "error", "objective": None, "message": str(error).splitlines()[0]}
print(json.dumps(found | {"solve_cpu_seconds": time.process_time() - started}))
"""


def installed(python: str) -> bool:
    """Whether that interpreter has what the anchor needs."""
    tried = subprocess.run([python, "-c", "import spopt, pulp, highspy"], capture_output=True, check=False)
    return tried.returncode == 0


def anchor(python: str, matrix: Any, p: int, time_limit_s: float) -> dict[str, Any]:
    """What spopt found, and what its process used."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "matrix.npy"
        np.save(file, matrix)
        started = time.perf_counter()
        command = [python, "-c", CHILD, str(file), str(p), str(time_limit_s)]
        with (Path(folder) / "out").open("w+") as out, (Path(folder) / "err").open("w+") as err:
            child = subprocess.Popen(command, stdout=out, stderr=err)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            lines = out.read().strip().splitlines()
            said = err.read().strip().splitlines()
    found = json.loads(lines[-1]) if child.returncode == 0 and lines else {
        "status": "error", "objective": None, "message": (said or [f"exit code {child.returncode}"])[-1]}
    return found | {"seconds": round(time.perf_counter() - started, 2),
                    "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
                    "peak_rss_mb": round(usage.ru_maxrss * 1024 / 1e6, 1)}


def ratios(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float | None]:
    """CPU of the anchor over ours: of the whole processes, and from the matrix (ours: the file) to the answer."""
    whole, solve = (_ratio(theirs.get(name), ours.get(name)) for name in ("cpu_seconds", "solve_cpu_seconds"))
    return {"cpu_ratio": whole, "solve_cpu_ratio": solve}


def _ratio(theirs: float | None, ours: float | None) -> float | None:
    return round(theirs / ours, 2) if theirs and ours else None


def _print(instance: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    nan = float("nan")
    ratio = ratios(ours, theirs)
    print(f"{instance:<12}{ours['objective'] or nan:>8.0f}{ours['cpu_seconds']:>7.2f}"
          f"{ours.get('solve_cpu_seconds') or nan:>7.2f}{ours['peak_rss_mb']:>6.0f}{theirs['objective'] or nan:>9.0f}"
          f"{theirs['cpu_seconds']:>8.2f}{theirs.get('solve_cpu_seconds') or nan:>8.2f}{theirs['peak_rss_mb']:>7.0f}"
          f"{ratio['cpu_ratio'] or nan:>7.1f}x{ratio['solve_cpu_ratio'] or nan:>7.1f}x"
          f"{'  ' + theirs['message'] if theirs.get('message') else ''}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs both sides on every p-median row asked for and prints them next to one another."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.anchor_spopt")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--instance", action="append")
    parser.add_argument("--python", default=os.environ.get("RECYNET_ANCHOR_PYTHON", sys.executable))
    parser.add_argument("--time-limit", type=float, default=120.0)
    given = parser.parse_args(argv)
    if not installed(given.python):
        print(f"skipped: spopt, pulp and highspy are not installed for {given.python}")
        return 0
    from tests.benchmarks.siting import machine, rows_of, run_one
    from tests.benchmarks.siting_families.pmed_orlib import read

    rows = []
    print(f"{'instance':<12}{'ours':>8}{'cpu s':>7}{'solve':>7}{'MB':>6}{'spopt':>9}{'cpu s':>8}{'solve':>8}{'MB':>7}"
          f"{'cpu':>8}{'solve':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows_of(given.data):
            if row.problem != "p-median" or (given.instance and row.instance not in given.instance):
                continue
            graph = read(given.data / row.file, row)
            ours = run_one(given.data, row, given.time_limit, 1, Path(folder))
            theirs = anchor(given.python, graph.distance(), graph.p, given.time_limit)
            rows.append({"instance": row.instance, "ours": ours, "spopt": theirs} | ratios(ours, theirs))
            _print(row.instance, ours, theirs)
    given.out.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
