"""The bound in a process of its own: it works while the plan is searched and is told the plan's cost once."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

from optimizer.accounts import all_coefficients
from optimizer.bound import Bound
from optimizer.first_tier import first_tier
from optimizer.multipliers import Multipliers
from optimizer.problem import Problem
from optimizer.solvers.certify import Effort, base_multipliers, certificate


class BoundProcess:
    """Multipliers in the making. With `own_process=False` the work is done when they are asked for."""

    def __init__(self, problem: Problem, effort: Effort, *, own_process: bool) -> None:
        """Start at once."""
        self._problem, self._effort = problem, effort
        self._ceiling: float | None = None
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._latest: float | None = None
        self._found: Multipliers | None = None
        if own_process:
            context = multiprocessing.get_context("spawn")
            self._pipe, far_end = context.Pipe()
            self._process = context.Process(target=_work, args=(far_end, problem, effort), daemon=True)
            self._process.start()
            far_end.close()

    def tell(self, objective_cny_per_year: float) -> None:
        """The cost of a whole plan, told once: mixes of the last tier that cost more need no prices."""
        self._ceiling = objective_cny_per_year
        if self._pipe is not None:
            self._pipe.send(objective_cny_per_year)

    def latest(self) -> float | None:
        """The best bound reported so far, CNY per year; None before the first."""
        while self._found is None and self._pipe is not None and self._pipe.poll():
            self._take(self._pipe.recv())
        return self._latest

    def _take(self, message: object) -> None:
        if isinstance(message, Multipliers):
            self._found = message
        elif isinstance(message, float):
            self._latest = message

    def multipliers(self) -> Multipliers:
        """The finished multipliers; waits for them. RuntimeError when the process died."""
        assert self._ceiling is not None, "tell() comes first"
        if self._pipe is None:
            return _multipliers(self._problem, self._effort, self._ceiling)
        try:
            while self._found is None:
                self._take(self._pipe.recv())
        except EOFError as error:
            raise RuntimeError("the process that computes the bound ended early") from error
        return self._found

    def close(self) -> None:
        """End the process if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()


def _multipliers(problem: Problem, effort: Effort, ceiling: float) -> Multipliers:
    coefficients = all_coefficients(problem)
    tier = first_tier(problem, coefficients)
    base = base_multipliers(problem, coefficients, tier, effort)
    return certificate(problem, coefficients, tier, base, ceiling, effort)


def _work(pipe: Connection, problem: Problem, effort: Effort) -> None:
    coefficients = all_coefficients(problem)
    tier = first_tier(problem, coefficients)
    base = base_multipliers(problem, coefficients, tier, effort)
    ceiling = float(pipe.recv())

    def report(bound: Bound) -> None:
        pipe.send(float(bound.value_cny_per_year))

    pipe.send(certificate(problem, coefficients, tier, base, ceiling, effort, on_bound=report))
