"""What every classic problem is asked with and answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import sparray, spmatrix

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Matrix = Float | sparray | spmatrix
"""[clients, sites]; in a sparse matrix what is not stored cannot be reached, and a stored zero is a zero."""

Status = Literal["optimal", "feasible", "stopped", "no_plan"]
"""optimal: the bound proves it; stopped: the time limit ended the search; feasible: a plan without a full proof;
no_plan: there is none, or none was found in time (`reason` says which)."""

NOT_SERVED = -1
PROOF_TOLERANCE = 1e-9
"""Relative difference of objective and bound up to which a plan counts as proven optimal."""


class ClassicInputError(ValueError):
    """Input that is no problem at all (shapes, negative or missing numbers): one clear line."""


@dataclass(frozen=True)
class Flows:
    """Amounts between places where a client's demand is split; parallel arrays of one entry per flow."""

    stage: Int
    """0 for the stage that ends at the clients, 1 for the one before, and so on."""
    origin: Int
    destination: Int
    product: Int
    amount: Float


@dataclass(frozen=True)
class BranchRecord:
    """A finished Lagrangian branch and bound, node by node in depth-first order (branch with the site open first)."""

    prices: NDArray[np.float32]
    """[nodes, clients]."""
    branch: Int
    """Site each node branches on (an index into the sites left), -1 where the search ends, [nodes]."""
    target: Float
    """Bound from which each node counted as settled, [nodes]."""
    first_total: float
    """Cost of the plan when sites were fixed at the root."""


@dataclass(frozen=True)
class ClassicResult:
    """The answer to one classic problem: what is open, who goes where, and how good that is at worst."""

    problem: str
    status: Status
    objective: float
    """nan without a plan."""
    bound: float
    """No plan is better: a lower bound when minimising, an upper bound when `maximise`."""
    open_sites: Int
    """Indices of open sites, ascending."""
    site_of_client: Int | None
    """Site per client, NOT_SERVED where there is none; None where demand is split (see `flows`)."""
    seconds: float
    flows: Flows | None = None
    maximise: bool = False
    bound_source: str = ""
    """How the bound was found, in words ("Lagrangian", "branch and bound")."""
    multipliers: Float | None = None
    """Prices per client that prove a Lagrangian bound to whoever recomputes it."""
    checkable_bound: float = float("nan")
    """The part of the bound that `multipliers` alone prove, nan where there are none."""
    record: BranchRecord | None = None
    """What proves the rest of the bound, where a finished branch and bound does."""
    reason: str = ""
    """Why there is no plan, in one line."""
    clients: tuple[int, ...] = ()
    """The clients the reason is about."""

    @property
    def gap(self) -> float:
        """(objective - bound) / |objective|, signs turned when maximising; 0 when both agree, inf without a plan."""
        if not np.isfinite(self.objective):
            return float("inf")
        short = self.bound - self.objective if self.maximise else self.objective - self.bound
        if abs(short) <= PROOF_TOLERANCE * max(1.0, abs(self.objective)):
            return 0.0
        return float(short / abs(self.objective)) if self.objective != 0.0 else float("inf")


def is_proven(short: float, objective: float) -> bool:
    """Whether a plan that is at most `short` from the best one counts as proven optimal."""
    return bool(np.isfinite(objective)) and short <= PROOF_TOLERANCE * max(1.0, abs(objective))


def status_of(short: float, objective: float, *, stopped: bool) -> Status:
    """Status of a plan that is at most `short` from the best one; `stopped` says whether time ran out."""
    if is_proven(short, objective):
        return "optimal"
    return "stopped" if stopped else "feasible"


def site_mask(given: ArrayLike, sites: int, name: str) -> Bool:
    """Site numbers, or a mask, as a mask [sites]. ClassicInputError where they are neither."""
    array, mask = np.asarray(given), np.zeros(sites, dtype=bool)
    if array.dtype == bool:
        if array.shape != (sites,):
            raise ClassicInputError(f"{name} has shape {array.shape}, expected {(sites,)}")
        return array.copy()
    if array.size and (not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() >= sites):
        raise ClassicInputError(f"{name} must hold site numbers from 0 to {sites - 1}")
    mask[array.astype(np.int64).ravel()] = True
    return mask


def no_plan(problem: str, reason: str, *, clients: tuple[int, ...] = (), seconds: float = 0.0,
            bound: float | None = None, maximise: bool = False) -> ClassicResult:
    """The answer when there is no plan: a reason in one line, and the clients it is about."""
    nothing = -np.inf if not maximise else np.inf
    return ClassicResult(problem, "no_plan", float("nan"), nothing if bound is None else bound,
                         np.zeros(0, dtype=np.int64), None, seconds, maximise=maximise, reason=reason, clients=clients)
