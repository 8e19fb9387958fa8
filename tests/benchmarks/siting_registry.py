"""What a benchmark family must offer, and where families are found: one file each in `siting_families`.

A file of that folder has a module constant BENCHMARKS, a tuple of Benchmark. A pair of family and problem that no file
offers is named by the harness and skipped.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("siting_families")


@dataclass(frozen=True)
class Row:
    """One row of instances.csv as a solver may see it: without the best-known value and its status."""

    family: str
    problem: str
    instance: str
    file: str
    p: int | None
    capacity: float | None
    radius: float | None


@dataclass(frozen=True)
class Bar:
    """What a run is measured against; None where there is no bar."""

    seconds: float | None = None
    peak_rss_mb: float | None = None
    gap: float | None = 0.0
    """Largest gap between objective and bound that the run itself may report (0: proof)."""
    to_best_known: float = 1e-6
    """Largest relative difference to the best-known value, on the bad side."""


@dataclass(frozen=True)
class Benchmark:
    """How one family's instances of some problems are read, solved and checked."""

    family: str
    problems: tuple[str, ...]
    read: Callable[[Path, Row], Any]
    """(file, row) -> instance."""
    solve: Callable[[Any, float, int], Any]
    """(instance, time limit in s, seed) -> solution with status, objective, bound, gap, maximise, reason."""
    referee: Callable[[Any, Any], tuple[float, list[str]]]
    """(instance, solution) -> objective recomputed from the plan alone, and what the plan violates."""
    solution_json: Callable[[Any, Any], dict[str, Any]]
    """(instance, solution) -> what is written beside the results."""
    bar: Bar = Bar()


def benchmarks() -> dict[tuple[str, str], Benchmark]:
    """All benchmarks by (family, problem). ValueError when two files offer the same pair."""
    found: dict[tuple[str, str], Benchmark] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules([str(FOLDER)])):
        for benchmark in importlib.import_module(f"tests.benchmarks.siting_families.{module}").BENCHMARKS:
            for problem in benchmark.problems:
                if (benchmark.family, problem) in found:
                    raise ValueError(f"{benchmark.family}/{problem} is offered twice")
                found[benchmark.family, problem] = benchmark
    return found


def benchmark_for(family: str, problem: str) -> Benchmark:
    """The benchmark of one pair, importing as few families as possible: imports count in what a run is measured by.

    KeyError when no file offers it.
    """
    names = sorted((m.name for m in pkgutil.iter_modules([str(FOLDER)])), key=lambda name: (name != family, name))
    for name in names:
        for benchmark in importlib.import_module(f"tests.benchmarks.siting_families.{name}").BENCHMARKS:
            if benchmark.family == family and problem in benchmark.problems:
                return benchmark
    raise KeyError(f"{family}/{problem}")


def number_or_none(value: float) -> float | None:
    """The number for JSON: null instead of nan and infinities."""
    return float(value) if math.isfinite(value) else None
