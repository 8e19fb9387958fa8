"""Upper tiers for given loads as one integer programme in which every point keeps whole (OR-Tools MathOpt, HiGHS).

Searches over the upper tiers split points between stations; where minimum throughputs bind, what they find often has no
room for whole points. Few points and stations can be settled outright.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.problem import Problem
from optimizer.solvers.linear import solve
from optimizer.solvers.tier_model import SCALE, TierModel
from optimizer.solvers.upper_tiers import Supply

Int = NDArray[np.int64]

SMALL = 2_000
"""Most columns of service and flows together; beyond, the programme is not tried."""
NODES, GAP_SHARE = 200, 0.01
"""Branches tried, and the share of the costs within which the answer is good enough."""
LIMIT_S = 60.0
"""Only a safety stop: the number of branches ends the programme."""


@dataclass(frozen=True)
class WholeUpper:
    """Open sites of tiers 1 and up, and the station of each point of the supply."""

    open_sites: tuple[OpenSites, ...]
    station: Int


def few_columns(problem: Problem, supply: Supply) -> bool:
    """Whether the programme of a supply is small enough to be tried."""
    flows = sum(leg.loaded_m.size for leg in problem.legs[1:]) * len(problem.network.materials)
    return len(supply.site) * len(problem.sites[1]) + flows <= SMALL


def whole_upper(problem: Problem, coefficients: Coefficients, supply: Supply) -> tuple[WholeUpper | None, bool]:
    """Lawful upper tiers at low cost, None where none was found; and whether that is for sure."""
    sent, materials = supply.t_per_day, supply.t_per_day.shape[1]
    model = TierModel(problem, coefficients, range(1, len(problem.sites)), float(sent.sum()) + 1.0)
    trip = coefficients.trip_cny[0][supply.site]
    point, station = np.nonzero(np.isfinite(trip))
    cost = (sent @ problem.trips_per_t(0))[point] * trip[point, station]
    cost = cost + (sent @ coefficients.entering_cny_per_t[1])[point]
    cost = cost + sent.sum(axis=1)[point] * coefficients.site_cny_per_t[1][station]
    serves = model.columns(np.stack([point, station], axis=1), DAYS_PER_YEAR * cost, 1.0, whole=True)
    once = model.rows.block(len(supply.site), lower=1.0, upper=1.0)
    model.rows.put(once + point, serves.number, 1.0)
    linked = model.rows.block(len(point), upper=0.0)
    model.rows.put(linked + np.arange(len(point)), serves.number, 1.0)
    pair, size = np.nonzero(station[:, None] == model.opened[1].index[:, 0])
    model.rows.put(linked + pair, model.opened[1].number[size], -1.0)
    arriving = (np.repeat(station, materials), np.tile(np.arange(materials), len(point)),
                np.repeat(serves.number, materials), sent[point].ravel())
    model.tier(1, arriving)
    for level in range(1, len(problem.legs)):
        arriving = model.flows(level, arriving)
        model.tier(level + 1, arriving)
    model.side_rules(problem.rows.most if supply.row_room is None else supply.row_room)
    answer = solve(model.linear(), time_limit_s=LIMIT_S, relative_gap=GAP_SHARE, absolute_gap=SCALE, node_limit=NODES)
    if answer.x is None:
        return None, bool(np.isposinf(answer.bound))
    chosen = answer.x[serves.number] > 0.5
    at = np.full(len(supply.site), -1, dtype=np.int64)
    at[point[chosen]] = station[chosen]
    return WholeUpper(model.open_sites(answer.x), at), True
