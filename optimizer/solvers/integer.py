"""Integer models solved by an engine of the caller's choice, with the bound and the fact that there is no solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt.python import mathopt

from optimizer.solvers.linear import LinearModel, run_engine, time_limit

Engine = Literal["highs", "scip"]


@dataclass(frozen=True)
class IntegerAnswer:
    """What the engine found and proved."""

    x: NDArray[np.float64] | None
    """None without a solution."""
    objective: float
    bound: float
    """No solution is below; inf when there is none at all."""
    infeasible: bool


def solve_integer(model: LinearModel, *, engine: Engine, time_limit_s: float, seed: int = 0, absolute_gap: float = 0.0,
                  start: NDArray[np.float64] | None = None) -> IntegerAnswer:
    """The best solution found within the time limit, and its bound.

    Ends early once objective - bound <= absolute_gap. When an engine breaks down the other one tries.
    """
    engines = (mathopt.SolverType.HIGHS, mathopt.SolverType.GSCIP)
    parameters = mathopt.SolveParameters(time_limit=time_limit(time_limit_s), random_seed=seed,
                                         relative_gap_tolerance=0.0, absolute_gap_tolerance=absolute_gap)
    built, result = run_engine(model, engines if engine == "highs" else engines[::-1], parameters, start)
    reason = result.termination.reason
    if reason in (mathopt.TerminationReason.INFEASIBLE, mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED):
        return IntegerAnswer(None, np.inf, np.inf, True)
    bound = result.termination.objective_bounds.dual_bound
    if not result.has_primal_feasible_solution():
        return IntegerAnswer(None, np.inf, bound, False)
    x = np.array(result.variable_values(list(built.variables())), dtype=np.float64)
    return IntegerAnswer(x, float(model.cost @ x), bound, False)
