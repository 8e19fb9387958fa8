"""Linear and integer models handed to OR-Tools MathOpt as arrays (no Python object per coefficient)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt
from scipy.sparse import csr_array

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LONGEST_S = 1e7
"""Longest time limit an engine is given: it cannot count to infinity."""


@dataclass(frozen=True)
class Rows:
    """Constraints lower <= A x <= upper, A given by triplets; repeated entries add up."""

    row: Int
    column: Int
    value: Float
    lower: Float
    upper: Float


@dataclass(frozen=True)
class LinearModel:
    """Minimise cost x over lower <= x <= upper and the rows; `integer` marks whole variables."""

    cost: Float
    lower: Float
    upper: Float
    integer: NDArray[np.bool_]
    rows: Rows


@dataclass(frozen=True)
class Answer:
    """What the engine found: x is None without a solution; dual is None for integer models."""

    x: Float | None
    dual: Float | None
    objective: float
    bound: float
    hit_time_limit: bool


def solve(model: LinearModel, *, time_limit_s: float, relative_gap: float = 0.0, absolute_gap: float = 0.0,
          start: Float | None = None, node_limit: int | None = None) -> Answer:
    """The best solution HiGHS finds (GLOP or SCIP where it breaks down); linear models are solved with their duals.

    `node_limit` ends an integer model after so many branches, with the same answer on every machine.
    """
    is_lp = not model.integer.any()
    parameters = mathopt.SolveParameters(time_limit=time_limit(time_limit_s))
    if not is_lp:
        parameters.relative_gap_tolerance = relative_gap
        parameters.absolute_gap_tolerance = absolute_gap
        parameters.node_limit = node_limit
    stand_in = mathopt.SolverType.GLOP if is_lp else mathopt.SolverType.GSCIP
    built, result = run_engine(model, (mathopt.SolverType.HIGHS, stand_in), parameters, start)
    limit = (result.termination.reason in (mathopt.TerminationReason.FEASIBLE,
                                           mathopt.TerminationReason.NO_SOLUTION_FOUND)
             and result.termination.limit != mathopt.Limit.NODE)
    bounds = result.termination.objective_bounds
    if not result.has_primal_feasible_solution():
        return Answer(None, None, np.inf, bounds.dual_bound, limit)
    x = np.array(result.variable_values(list(built.variables())), dtype=np.float64)
    dual = None
    if is_lp and result.has_dual_feasible_solution():
        dual = np.array(result.dual_values(list(built.linear_constraints())), dtype=np.float64)
    return Answer(x, dual, float(model.cost @ x), bounds.dual_bound, limit)


def time_limit(seconds: float) -> timedelta:
    """A time limit that an engine understands."""
    return timedelta(seconds=min(max(seconds, 0.01), LONGEST_S))


def run_engine(model: LinearModel, engines: tuple[mathopt.SolverType, mathopt.SolverType],
               parameters: mathopt.SolveParameters, start: Float | None) -> tuple[mathopt.Model, mathopt.SolveResult]:
    """The model as built and what the first engine says of it, or the second one where the first breaks down."""
    built = mathopt.Model.from_model_proto(_proto(model))
    hints = []
    if start is not None:
        values = dict(zip(built.variables(), start.tolist(), strict=True))
        hints = [mathopt.SolutionHint(variable_values=values)]
    given = mathopt.ModelSolveParameters(solution_hints=hints)
    with _quiet():
        try:
            return built, mathopt.solve(built, engines[0], params=parameters, model_params=given)
        except (AttributeError, RuntimeError, ValueError):
            # HiGHS broke down inside (OR-Tools raises AttributeError while it reports that)
            return built, mathopt.solve(built, engines[1], params=parameters, model_params=given)


@contextmanager
def _quiet() -> Iterator[None]:
    """Standard output closed to native code: HiGHS prints a stray line although its output is off."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _proto(model: LinearModel) -> model_pb2.ModelProto:
    proto = model_pb2.ModelProto()
    columns, rows = len(model.cost), len(model.rows.lower)
    proto.variables.ids.extend(range(columns))
    proto.variables.lower_bounds.extend(model.lower.tolist())
    proto.variables.upper_bounds.extend(model.upper.tolist())
    proto.variables.integers.extend(model.integer.tolist())
    proto.objective.linear_coefficients.ids.extend(range(columns))
    proto.objective.linear_coefficients.values.extend(model.cost.tolist())
    proto.linear_constraints.ids.extend(range(rows))
    proto.linear_constraints.lower_bounds.extend(model.rows.lower.tolist())
    proto.linear_constraints.upper_bounds.extend(model.rows.upper.tolist())
    matrix = csr_array((model.rows.value, (model.rows.row, model.rows.column)), shape=(rows, columns))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    proto.linear_constraint_matrix.row_ids.extend(np.repeat(np.arange(rows), np.diff(matrix.indptr)).tolist())
    proto.linear_constraint_matrix.column_ids.extend(matrix.indices.tolist())
    proto.linear_constraint_matrix.coefficients.extend(matrix.data.tolist())
    return proto


class RowBuilder:
    """Collects blocks of constraints as arrays and numbers their rows."""

    def __init__(self) -> None:
        """No rows yet."""
        self._row: list[Int] = []
        self._column: list[Int] = []
        self._value: list[Float] = []
        self._lower: list[Float] = []
        self._upper: list[Float] = []
        self._count = 0

    def block(self, count: int, *, lower: float | Float = -np.inf, upper: float | Float = np.inf) -> int:
        """The number of the first of `count` new rows with these limits."""
        start = self._count
        self._count += count
        self._lower.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), (count,)))
        self._upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), (count,)))
        return start

    def put(self, row: Int, column: Int, value: float | Float) -> None:
        """Coefficients at (row, column), broadcast against one another."""
        shape = np.broadcast_shapes(np.shape(row), np.shape(column), np.shape(value))
        self._row.append(np.broadcast_to(row, shape).ravel())
        self._column.append(np.broadcast_to(column, shape).ravel())
        self._value.append(np.broadcast_to(np.asarray(value, dtype=np.float64), shape).ravel())

    def rows(self) -> Rows:
        """All rows so far."""
        return Rows(np.concatenate(self._row).astype(np.int64), np.concatenate(self._column).astype(np.int64),
                    np.concatenate(self._value), np.concatenate(self._lower), np.concatenate(self._upper))
