"""The whole model of a small problem as one integer programme (OR-Tools MathOpt, HiGHS): sites, sizes, service, flows.

Where minimum throughputs tie the tiers together, searches that change one tier at a time stop early; a small problem
can be solved outright instead. Rows and columns are those of docs/model.md, constraints 1 to 9.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.assemble import without_idle
from optimizer.first_tier import capacity_of_sizes, use_of_arcs
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, Plan, SolveReport
from optimizer.prices import unserved_cny_per_year
from optimizer.problem import Problem
from optimizer.solvers.assignment import send_on
from optimizer.solvers.linear import solve
from optimizer.solvers.tier_model import SCALE, ColumnBlock, TierModel

Float = NDArray[np.float64]
Int = NDArray[np.int64]

SMALL = 4_000
"""Most columns of service and flows together; beyond, the programme is not tried."""


def is_small(problem: Problem) -> bool:
    """Whether the programme of a problem is small enough to be tried."""
    flows = sum(leg.loaded_m.size for leg in problem.legs[1:]) * len(problem.network.materials)
    return len(problem.walk.part) * len(problem.sites[1]) + flows <= SMALL


def solve_whole(problem: Problem, coefficients: Coefficients, *, time_limit_s: float,
                node_limit: int | None = None) -> Plan | None:
    """The best plan of the programme; None where there is none, or none within the limits."""
    model = _Model(problem, coefficients)
    answer = solve(model.linear(), time_limit_s=time_limit_s, absolute_gap=SCALE, node_limit=node_limit)
    return None if answer.x is None else model.plan(answer.x)


class _Model(TierModel):
    """All tiers, with the walking arcs that are used and the station of each point."""

    def __init__(self, problem: Problem, coefficients: Coefficients) -> None:
        super().__init__(problem, coefficients, range(len(problem.sites)),
                         float(problem.demand.generated_t_per_day.sum()) + 1.0)
        self.used, self.serves, self.way = self._service()
        q = problem.captured_t_per_day
        e, m = (i.ravel() for i in np.indices(q.shape))
        capacity, use = capacity_of_sizes(problem), use_of_arcs(problem, np.arange(len(problem.walk.part)))
        measures = tuple((problem.walk.site, self.used.number, use[:, d], capacity[:, d]) for d in range(3))
        self.tier(0, (problem.walk.site[e], m, self.used.number[e], q[e, m]), measures)
        passed = q * problem.passed_share(0)
        at = np.repeat(np.arange(len(self.way.index)), q.shape[1])
        m = np.tile(np.arange(q.shape[1]), len(self.way.index))
        arc, station = self.way.index[at].T
        arriving = (station, m, self.way.number[at], passed[arc, m])
        self.tier(1, arriving)
        for level in range(1, len(problem.legs)):
            arriving = self.flows(level, arriving)
            self.tier(level + 1, arriving)
        self.side_rules(problem.rows.most)

    def _service(self) -> tuple[ColumnBlock, ColumnBlock, ColumnBlock]:
        """Which arc a part uses, which station a point, and both together."""
        problem, walk = self.problem, self.problem.walk
        q = problem.captured_t_per_day
        own = self.coefficients.arriving_cny_per_year(q)
        own = own - unserved_cny_per_year(problem, self.coefficients)[walk.part]
        used = self.columns(np.arange(len(own))[:, None], own, 1.0, whole=True)
        at_most_one = self.rows.block(len(problem.demand.part_ids), upper=1.0)
        self.rows.put(at_most_one + walk.part, used.number, 1.0)
        stations = len(problem.sites[1])
        pairs = np.argwhere(np.ones((len(problem.sites[0]), stations), dtype=bool))
        serves = self.columns(pairs, np.zeros(len(pairs)), 1.0, whole=True)
        single = self.rows.block(len(problem.sites[0]), upper=1.0)
        self.rows.put(single + pairs[:, 0], serves.number, 1.0)
        trip = self.coefficients.trip_cny[0][walk.site]
        index = np.argwhere(np.isfinite(trip))
        arc, station = index.T
        sent = q * problem.passed_share(0)
        haul = (sent @ problem.trips_per_t(0))[arc] * trip[arc, station]
        entering = (sent @ self.coefficients.entering_cny_per_t[1])[arc]
        entering = entering + sent.sum(axis=1)[arc] * self.coefficients.site_cny_per_t[1][station]
        way = self.columns(index, DAYS_PER_YEAR * (haul + entering), 1.0, whole=False)
        onward = self.rows.block(len(own), lower=0.0, upper=0.0)
        self.rows.put(onward + np.arange(len(own)), used.number, 1.0)
        self.rows.put(onward + arc, way.number, -1.0)
        by_one = self.rows.block(len(index), upper=0.0)
        self.rows.put(by_one + np.arange(len(index)), way.number, 1.0)
        self.rows.put(by_one + np.arange(len(index)), serves.first + walk.site[arc] * stations + station, -1.0)
        linked = self.rows.block(len(own), upper=0.0)
        self.rows.put(linked + np.arange(len(own)), used.number, 1.0)
        for e, site in enumerate(walk.site.tolist()):
            self.rows.put(np.array([linked + e]), self.opened[0].number[self.opened[0].index[:, 0] == site], -1.0)
        return used, serves, way

    def plan(self, x: Float) -> Plan | None:
        """The plan of a solution, flows above the stations worked out anew; None where these do not fit."""
        problem = self.problem
        opened = self.open_sites(x)
        arc = np.flatnonzero(x[self.used.number] > 0.5)
        site_of_part = np.full(len(problem.demand.part_ids), -1, dtype=np.int64)
        site_of_part[problem.walk.part[arc]] = problem.walk.site[arc]
        load = np.zeros((len(problem.sites[0]), len(problem.network.materials)))
        np.add.at(load, problem.walk.site[arc], problem.captured_t_per_day[arc])
        used = np.unique(problem.walk.site[arc])
        served = x[self.serves.number].reshape(len(problem.sites[0]), len(problem.sites[1]))
        station = np.argmax(served[used], axis=1) if len(used) else used
        none = np.empty(0, dtype=np.int64)
        above: tuple[Flows, ...] | None = tuple(Flows(none, none, load[none]) for _ in problem.legs[1:])
        if len(used):
            arriving = np.zeros((len(opened[1].site), load.shape[1]))
            np.add.at(arriving, np.searchsorted(opened[1].site, station), load[used])
            above = send_on(problem, self.coefficients, opened[1:], arriving)
        if above is None:
            return None
        first = Flows(used, station, load[used] * problem.passed_share(0))
        return without_idle(problem, Plan(opened, site_of_part, (first, *above),
                                          SolveReport("feasible", 0.0, None)))
