"""The bound in a process of its own: it works while the plan is searched and is told the plan's cost once."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from optimizer.accounts import all_coefficients
from optimizer.bound import Bound, bound_of
from optimizer.first_tier import first_tier
from optimizer.multipliers import Multipliers
from optimizer.problem import Problem
from optimizer.solvers.certify import Effort, certificate, first_look


class BoundProcess:
    """Multipliers in the making. With `own_process=False` the work is done when they are asked for."""

    def __init__(self, problem: Problem, effort: Effort, *, own_process: bool, time_limit_s: float = np.inf) -> None:
        """Start at once; the time limit counts from now."""
        self._problem, self._effort = problem, effort
        self._deadline_s = time.monotonic() + time_limit_s
        self._told: Told | None = None
        self.hit_time_limit = False
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._latest: float | None = None
        if own_process:
            context = multiprocessing.get_context("spawn")
            self._pipe, far_end = context.Pipe()
            self._process = context.Process(target=_work, args=(far_end, problem, effort, time_limit_s),
                                            daemon=True)
            self._process.start()
            far_end.close()

    def tell(self, objective_cny_per_year: float, mix: tuple[int, ...]) -> None:
        """The cost of a whole plan and its extra sites of each size of the last tier, told once.

        Mixes of the last tier that cost more than the plan need no prices; its own mix is looked at first.
        """
        self._told = Told(objective_cny_per_year, mix)
        if self._pipe is not None:
            self._pipe.send(self._told)

    def latest(self) -> float | None:
        """The best bound reported so far, CNY per year; None before the first."""
        while self._pipe is not None and self._pipe.poll():
            self._latest = self._pipe.recv()
        return self._latest

    def result(self, ceiling_cny_per_year: float) -> tuple[Multipliers, Bound]:
        """The finished multipliers and what they prove below the final plan's cost; waits for them.

        RuntimeError when the process died.
        """
        assert self._told is not None, "tell() comes first"
        if self._pipe is None:
            made = _made(self._problem, self._effort, lambda: self._told, lambda: ceiling_cny_per_year,
                         self._deadline_s, lambda _: None)
        else:
            try:
                self._pipe.send(ceiling_cny_per_year)
                while not isinstance(made := self._pipe.recv(), Made):
                    self._latest = made
            except (EOFError, BrokenPipeError) as error:
                raise RuntimeError("the process that computes the bound ended early") from error
        self.hit_time_limit = made.hit_time_limit
        return made.multipliers, made.bound

    def close(self) -> None:
        """End the process if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()


@dataclass(frozen=True)
class Told:
    """What the bound is told about a plan."""

    objective_cny_per_year: float
    mix: tuple[int, ...]


@dataclass(frozen=True)
class Made:
    """The multipliers, what they prove, and whether time ran out before all cases were looked at."""

    multipliers: Multipliers
    bound: Bound
    hit_time_limit: bool


def _made(problem: Problem, effort: Effort, told: Callable[[], Told | None], ceiling: Callable[[], float],
          deadline_s: float, report: Callable[[float], None]) -> Made:
    """Everything the process does: the first look, the cases, and what they prove below the `ceiling` asked for last.
    """
    coefficients = all_coefficients(problem)
    tier = first_tier(problem, coefficients)
    look = first_look(problem, coefficients, tier)
    plan = told()
    assert plan is not None
    late = False

    def on_bound(bound: Bound) -> bool:
        nonlocal late
        report(float(bound.value_cny_per_year))
        late = time.monotonic() > deadline_s
        return late

    found, cases = certificate(problem, coefficients, tier, look, plan.objective_cny_per_year, plan.mix, effort,
                               on_bound)
    return Made(found, bound_of(problem, cases, ceiling()), late)


def _work(pipe: Connection, problem: Problem, effort: Effort, time_limit_s: float) -> None:
    pipe.send(_made(problem, effort, pipe.recv, pipe.recv, time.monotonic() + time_limit_s, pipe.send))
