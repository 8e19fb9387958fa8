"""The whole model of a small problem as one integer programme (OR-Tools MathOpt, HiGHS): sites, sizes, service, flows.

Where minimum throughputs tie the tiers together, searches that change one tier at a time stop early; a small problem
can be solved outright instead. Rows and columns are those of docs/model.md, constraints 1 to 9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.assemble import without_idle
from optimizer.first_tier import capacity_of_sizes, use_of_arcs
from optimizer.minimums import least_t_per_day
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.prices import unserved_cny_per_year
from optimizer.problem import Problem
from optimizer.solvers.assignment import send_on
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

Float = NDArray[np.float64]
Int = NDArray[np.int64]

SMALL = 4_000
"""Most columns of service and flows together; beyond, the programme is not tried."""
SCALE = 1e-4
"""Costs in 10,000 CNY inside the engine."""
MARGIN = 1e-6
"""Capacities are a hair smaller and minimums a hair larger, since an engine keeps rows to a tolerance."""

Arriving = tuple[Int, Int, Int, Float]
"""Tonnes arriving at a tier as triplets: site, material, column, tonnes per unit of the column."""


def is_small(problem: Problem) -> bool:
    """Whether the programme of a problem is small enough to be tried."""
    flows = sum(leg.loaded_m.size for leg in problem.legs[1:]) * len(problem.network.materials)
    return len(problem.walk.part) * len(problem.sites[1]) + flows <= SMALL


def solve_whole(problem: Problem, coefficients: Coefficients, *, time_limit_s: float) -> Plan | None:
    """The best plan of the programme; None where there is none, or none in time."""
    model = _Model(problem, coefficients)
    answer = solve(model.linear(), time_limit_s=time_limit_s, absolute_gap=SCALE)
    return None if answer.x is None else model.plan(answer.x)


@dataclass(frozen=True)
class _Columns:
    first: int
    index: Int
    """What each column stands for, one row per column."""

    @property
    def number(self) -> Int:
        return self.first + np.arange(len(self.index))


class _Model:
    """Columns and rows, added tier by tier."""

    def __init__(self, problem: Problem, coefficients: Coefficients) -> None:
        self.problem, self.coefficients, self.rows = problem, coefficients, RowBuilder()
        self.cost: list[Float] = []
        self.upper: list[Float] = []
        self.whole: list[NDArray[np.bool_]] = []
        self.count = 0
        self.opened = [self._open(level) for level in range(len(problem.sites))]
        self.used, self.serves, self.way = self._service()
        q = problem.captured_t_per_day
        e, m = (i.ravel() for i in np.indices(q.shape))
        self._tier(0, (problem.walk.site[e], m, self.used.number[e], q[e, m]))
        passed = q * problem.passed_share(0)
        at = np.repeat(np.arange(len(self.way.index)), q.shape[1])
        m = np.tile(np.arange(q.shape[1]), len(self.way.index))
        arc, station = self.way.index[at].T
        arriving = (station, m, self.way.number[at], passed[arc, m])
        self._tier(1, arriving)
        for level in range(1, len(problem.legs)):
            arriving = self._flows(level, arriving)
            self._tier(level + 1, arriving)
        self._side_rules()

    def _columns(self, index: Int, cost: Float, upper: float, *, whole: bool) -> _Columns:
        made = _Columns(self.count, index)
        self.cost.append(cost)
        self.upper.append(np.full(len(index), upper))
        self.whole.append(np.full(len(index), whole))
        self.count += len(index)
        return made

    def _open(self, level: int) -> _Columns:
        """One column per site and size; one size per site, sites that must be open."""
        sites, costs = self.problem.sites[level], self.coefficients
        index = np.argwhere(sites.allowed)
        site, size = index.T
        cost = costs.open_cny_per_year[level][site, size] - costs.closed_cny_per_year[level][site]
        made = self._columns(index, cost, 1.0, whole=True)
        one = self.rows.block(len(sites), lower=sites.must_open.astype(np.float64), upper=1.0)
        self.rows.put(one + site, made.number, 1.0)
        return made

    def _service(self) -> tuple[_Columns, _Columns, _Columns]:
        """Which arc a part uses, which station a point, and both together."""
        problem, walk = self.problem, self.problem.walk
        q = problem.captured_t_per_day
        own = self.coefficients.arriving_cny_per_year(q)
        own = own - unserved_cny_per_year(problem, self.coefficients)[walk.part]
        used = self._columns(np.arange(len(own))[:, None], own, 1.0, whole=True)
        at_most_one = self.rows.block(len(problem.demand.part_ids), upper=1.0)
        self.rows.put(at_most_one + walk.part, used.number, 1.0)
        stations = len(problem.sites[1])
        pairs = np.argwhere(np.ones((len(problem.sites[0]), stations), dtype=bool))
        serves = self._columns(pairs, np.zeros(len(pairs)), 1.0, whole=True)
        single = self.rows.block(len(problem.sites[0]), upper=1.0)
        self.rows.put(single + pairs[:, 0], serves.number, 1.0)
        trip = self.coefficients.trip_cny[0][walk.site]
        index = np.argwhere(np.isfinite(trip))
        arc, station = index.T
        sent = q * problem.passed_share(0)
        haul = (sent @ problem.trips_per_t(0))[arc] * trip[arc, station]
        entering = (sent @ self.coefficients.entering_cny_per_t[1])[arc]
        entering = entering + sent.sum(axis=1)[arc] * self.coefficients.site_cny_per_t[1][station]
        way = self._columns(index, DAYS_PER_YEAR * (haul + entering), 1.0, whole=False)
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

    def _flows(self, level: int, arriving: Arriving) -> Arriving:
        """Flows from a tier to the next: what enters leaves, less the residue."""
        problem, materials = self.problem, len(self.problem.network.materials)
        trip = self.coefficients.trip_cny[level]
        low, high = np.nonzero(np.isfinite(trip))
        a, b = np.repeat(low, materials), np.repeat(high, materials)
        m = np.tile(np.arange(materials), len(low))
        cost = trip[a, b] * problem.trips_per_t(level)[m] + self.coefficients.entering_cny_per_t[level + 1][m]
        cost = cost + self.coefficients.site_cny_per_t[level + 1][b]
        made = self._columns(np.stack([a, b, m], axis=1), DAYS_PER_YEAR * cost, np.inf, whole=False)
        balance = self.rows.block(len(problem.sites[level]) * materials, lower=0.0, upper=0.0)
        site, material, column, tonnes = arriving
        self.rows.put(balance + site * materials + material, column, tonnes * problem.passed_share(level)[material])
        self.rows.put(balance + a * materials + m, made.number, -1.0)
        return b, m, made.number, np.ones(len(m))

    def _tier(self, level: int, arriving: Arriving) -> None:
        """Capacities, minimum throughputs and accepted materials of a tier."""
        problem, sites = self.problem, len(self.problem.sites[level])
        site, material, column, tonnes = arriving
        y = self.opened[level]
        where, size = y.index.T
        if level == 0:
            capacity, use = capacity_of_sizes(problem), use_of_arcs(problem, np.arange(len(problem.walk.part)))
            measures = [(problem.walk.site, self.used.number, use[:, d], capacity[:, d]) for d in range(3)]
        else:
            bulk = tonnes * problem.m3_per_t(problem.network.tiers[level].state)[material]
            measures = [(site, column, tonnes, problem.capacity_t_per_day(level)),
                        (site, column, bulk, problem.capacity_m3_per_day(level))]
        most = float(problem.demand.generated_t_per_day.sum()) + 1.0
        for at, number, taken, limit in measures:
            if np.isfinite(limit).any():
                every = float(taken.sum() if level < 2 else most * taken.max(initial=0.0)) + 1.0
                within = self.rows.block(sites, upper=0.0)
                self.rows.put(within + at, number, taken)
                room = np.minimum(np.where(np.isfinite(limit), limit * (1.0 - MARGIN), every), every)
                self.rows.put(within + where, y.number, -room[size])
        least = least_t_per_day(problem, level)
        if least.any():
            enough = self.rows.block(sites, lower=0.0)
            self.rows.put(enough + site, column, tonnes)
            self.rows.put(enough + where, y.number, -(least * (1.0 + MARGIN))[size])
        materials = len(problem.network.materials)
        taken_in = self.rows.block(sites * materials, upper=0.0)
        self.rows.put(taken_in + site * materials + material, column, tonnes)
        pair, accepted = np.nonzero(problem.accepts(level)[size])
        self.rows.put(taken_in + where[pair] * materials + accepted, y.number[pair], -most)

    def _side_rules(self) -> None:
        rules = self.problem.rows
        if not len(rules):
            return
        row = self.rows.block(len(rules), upper=rules.most)
        for level, entries in enumerate(rules.tiers):
            column = np.full(len(entries.first) - 1, -1, dtype=np.int64)
            site, size = self.opened[level].index.T
            column[site * entries.sizes + size] = self.opened[level].number
            inside = column[entries.option] >= 0
            self.rows.put(row + entries.row[inside], column[entries.option[inside]], entries.amount[inside])

    def linear(self) -> LinearModel:
        """The programme as arrays."""
        return LinearModel(SCALE * np.concatenate(self.cost), np.zeros(self.count), np.concatenate(self.upper),
                           np.concatenate(self.whole), self.rows.rows())

    def plan(self, x: Float) -> Plan | None:
        """The plan of a solution, flows above the stations worked out anew; None where these do not fit."""
        problem = self.problem
        opened = []
        for columns in self.opened:
            on = columns.index[x[columns.number] > 0.5]
            opened.append(OpenSites(on[:, 0], on[:, 1]))
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
            above = send_on(problem, self.coefficients, tuple(opened[1:]), arriving)
        if above is None:
            return None
        first = Flows(used, station, load[used] * problem.passed_share(0))
        return without_idle(problem, Plan(tuple(opened), site_of_part, (first, *above),
                                          SolveReport("feasible", 0.0, None)))
