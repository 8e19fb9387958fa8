"""The bundled study measured as a user runs it: time, memory, gap, and what the referee says of the result.

    python -m tests.benchmarks.bundled --out docs/measurements.md

Runs `recynet run`, then `recynet verify`, as processes of their own, and rewrites the rows between the markers of the
file. Takes minutes; the tests only run it with --quick, which leaves the siting and routing searches next to no work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "configs" / "studies" / "hankou" / "study.yaml"
BEGIN, END = "<!-- bundled study: begin -->", "<!-- bundled study: end -->"
HEAD = "| what | bar | figure | date | machine | command |\n|---|---|---|---|---|---|\n"
QUICK = ("solve.iterations=20", "solve.time_limit_s=5", "routing.iterations=1", "routing.time_limit_s=5")
SAMPLE_S = 0.1
BUSY_LOAD = 0.5
"""Load average from which the table says that the machine was not idle."""
MB = 1e6


@dataclass(frozen=True)
class Used:
    """What one command took."""

    command: str
    exit_code: int
    wall_s: float
    cpu_s: float | None
    """Of the process and all its descendants that ended; None where the system does not say."""
    peak_rss_mb: float | None
    """Largest sum over the living process tree, sampled every SAMPLE_S; None without /proc."""


@dataclass(frozen=True)
class Row:
    """One line of the table; an empty bar means the figure is only recorded."""

    what: str
    bar: str
    figure: str
    command: str


def measure(arguments: Sequence[str]) -> Used:
    """Run `recynet` with arguments and see what it takes."""
    before = _cpu_of_children_s()
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "service.cli", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = [0.0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done), daemon=True)
    watcher.start()
    code = process.wait()
    wall = time.monotonic() - begun
    done.set()
    watcher.join()
    after = _cpu_of_children_s()
    cpu = None if before is None or after is None else after - before
    return Used(f"recynet {arguments[0]}", code, wall, cpu, peak[0] / MB if peak[0] else None)


def _cpu_of_children_s() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(root: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(SAMPLE_S):
        peak[0] = max(peak[0], tree_rss_bytes(root))


def tree_rss_bytes(root: int) -> float:
    """Resident memory of a process and its descendants, bytes; pages they share count for each. 0 without /proc."""
    children: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            pages[int(entry.name)] = int((entry / "statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
        children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        total += pages.get(process, 0)
        waiting += children.get(process, [])
    return float(total * os.sysconf("SC_PAGE_SIZE")) if total else 0.0


def machine() -> str:
    """The machine in a few words: processor, cores we may use, memory, system, Python, and what else it is doing."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    busy = f", busy with other programs (load {load:.1f})" if load >= BUSY_LOAD else ""
    return f"{name}, {cores} cores{memory}, {platform.system()}, Python {platform.python_version()}{busy}"


def bundled(folder: Path, *, quick: bool) -> list[Row]:
    """Rows of one run of the bundled study and of the referee on its result. RuntimeError where there is no plan."""
    settings = [word for text in (QUICK if quick else ()) for word in ("--set", text)]
    name = "bundled study, quick settings" if quick else "bundled study"
    ran = measure(["run", str(STUDY), "--out", str(folder), *settings])
    if ran.exit_code != 0:
        raise RuntimeError(f"recynet run ended with exit code {ran.exit_code}")
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    checked = measure(["verify", str(folder)])
    run_text, verify_text = "make bench" + (" (--quick)" if quick else ""), "recynet verify"
    gap, verdict = plan["gap"], "accepted" if checked.exit_code == 0 else f"exit {checked.exit_code}"
    return [
        Row(f"{name}: objective", "", f"{plan['objective_cny_per_year']:,.0f} CNY/year", run_text),
        Row(f"{name}: bound", "", _or_none(plan["bound_cny_per_year"], lambda v: f"{v:,.0f} CNY/year"), run_text),
        Row(f"{name}: gap", "1.5 % or less", _or_none(gap, lambda v: f"{v:.2%}"), run_text),
        Row(f"{name}: a time limit cut it short", "no", "no" if manifest["reproducible"] else "yes", run_text),
        *_usage(f"{name}: run", ran, run_text, "180 s or less"),
        Row(f"{name}: referee", "accepted", verdict, verify_text),
        *_usage(f"{name}: verify", checked, verify_text, "60 s or less"),
    ]


def _usage(name: str, used: Used, command: str, bar: str) -> list[Row]:
    return [
        Row(f"{name}, wall time", bar, f"{used.wall_s:.1f} s", command),
        Row(f"{name}, CPU time of all processes", "", _or_none(used.cpu_s, lambda v: f"{v:.1f} s"), command),
        Row(f"{name}, peak memory of all processes", "2,000 MB or less",
            _or_none(used.peak_rss_mb, lambda v: f"{v:,.0f} MB"), command)]


def _or_none(value: float | None, shown: Callable[[float], str]) -> str:
    return "not known" if value is None else shown(value)


def with_rows(text: str, rows: Sequence[Row], date: str, where: str, begin: str = BEGIN, end: str = END) -> str:
    """The text of a page with the table between its markers replaced, or added at its end where it has none."""
    lines = "".join(f"| {r.what} | {r.bar or '-'} | {r.figure} | {date} | {where} | `{r.command}` |\n" for r in rows)
    block = f"{begin}\n{HEAD}{lines}{end}"
    if begin in text and end in text:
        return text[:text.index(begin)] + block + text[text.index(end) + len(end):]
    return (text.rstrip() + "\n\n" if text.strip() else "") + block + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; exit code 1 when the run or the referee fails."""
    parser = argparse.ArgumentParser(description="Measure the bundled study.")
    parser.add_argument("--out", type=Path, required=True, help="page whose table is rewritten")
    parser.add_argument("--quick", action="store_true", help="next to no search; says nothing about quality")
    wanted = parser.parse_args(arguments)
    where = machine()  # before the run makes it busy
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = bundled(Path(folder) / "hankou", quick=wanted.quick)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
    old = wanted.out.read_text(encoding="utf-8") if wanted.out.is_file() else ""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    wanted.out.write_text(with_rows(old, rows, date, where), encoding="utf-8")
    print("\n".join(f"{row.what}: {row.figure}" for row in rows))
    return 0 if any(row.what.endswith("referee") and row.figure == "accepted" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
