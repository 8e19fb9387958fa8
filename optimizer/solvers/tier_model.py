"""What integer programmes over whole tiers have in common: columns of sites and flows, rows of room and side rules.

Rows are those of docs/model.md, constraints 2 to 8; who brings what to the lowest tier is up to each programme.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.minimums import least_t_per_day
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.problem import Problem
from optimizer.solvers.linear import LinearModel, RowBuilder

Float = NDArray[np.float64]
Int = NDArray[np.int64]

SCALE = 1e-4
"""Costs in 10,000 CNY inside the engine."""
MARGIN = 1e-6
"""Capacities are a hair smaller and minimums a hair larger, since an engine keeps rows to a tolerance."""

Arriving = tuple[Int, Int, Int, Float]
"""Tonnes arriving at a tier as triplets: site, material, column, tonnes per unit of the column."""
Measure = tuple[Int, Int, Float, Float]
"""What counts at a site: site, column, amount per unit of the column, and the capacity of each size."""


@dataclass(frozen=True)
class ColumnBlock:
    """Columns of one kind, numbered one after another."""

    first: int
    index: Int
    """What each column stands for, one row per column."""

    @property
    def number(self) -> Int:
        """The number of each column."""
        return self.first + np.arange(len(self.index))


class TierModel:
    """The programme as it grows, tier by tier; `opened` holds the columns of sites and sizes by tier."""

    def __init__(self, problem: Problem, coefficients: Coefficients, levels: Iterable[int],
                 most_t_per_day: float) -> None:
        """Sites and sizes of some tiers; nothing arrives anywhere yet, and never more than `most_t_per_day`."""
        self.problem, self.coefficients, self.rows = problem, coefficients, RowBuilder()
        self._cost: list[Float] = []
        self._upper: list[Float] = []
        self._whole: list[NDArray[np.bool_]] = []
        self._count, self._most = 0, most_t_per_day
        self.opened = {level: self._open(level) for level in levels}

    def columns(self, index: Int, cost: Float, upper: float, *, whole: bool) -> ColumnBlock:
        """New columns between 0 and `upper`, one per row of `index`."""
        made = ColumnBlock(self._count, index)
        self._cost.append(cost)
        self._upper.append(np.full(len(index), upper))
        self._whole.append(np.full(len(index), whole))
        self._count += len(index)
        return made

    def _open(self, level: int) -> ColumnBlock:
        """One column per site and size; one size per site, sites that must be open."""
        sites, costs = self.problem.sites[level], self.coefficients
        index = np.argwhere(sites.allowed)
        site, size = index.T
        cost = costs.open_cny_per_year[level][site, size] - costs.closed_cny_per_year[level][site]
        made = self.columns(index, cost, 1.0, whole=True)
        one = self.rows.block(len(sites), lower=sites.must_open.astype(np.float64), upper=1.0)
        self.rows.put(one + site, made.number, 1.0)
        return made

    def flows(self, level: int, arriving: Arriving) -> Arriving:
        """Flows from a tier to the next: what enters leaves, less the residue."""
        problem, materials = self.problem, len(self.problem.network.materials)
        trip = self.coefficients.trip_cny[level]
        low, high = np.nonzero(np.isfinite(trip))
        a, b = np.repeat(low, materials), np.repeat(high, materials)
        m = np.tile(np.arange(materials), len(low))
        cost = trip[a, b] * problem.trips_per_t(level)[m] + self.coefficients.entering_cny_per_t[level + 1][m]
        cost = cost + self.coefficients.site_cny_per_t[level + 1][b]
        made = self.columns(np.stack([a, b, m], axis=1), DAYS_PER_YEAR * cost, np.inf, whole=False)
        balance = self.rows.block(len(problem.sites[level]) * materials, lower=0.0, upper=0.0)
        site, material, column, tonnes = arriving
        self.rows.put(balance + site * materials + material, column, tonnes * problem.passed_share(level)[material])
        self.rows.put(balance + a * materials + m, made.number, -1.0)
        return b, m, made.number, np.ones(len(m))

    def tier(self, level: int, arriving: Arriving, measures: tuple[Measure, ...] | None = None) -> None:
        """Capacities (`measures`, else mass and volume), minimum throughputs and accepted materials of a tier."""
        problem, sites = self.problem, len(self.problem.sites[level])
        site, material, column, tonnes = arriving
        y = self.opened[level]
        where, size = y.index.T
        if measures is None:
            bulk = tonnes * problem.m3_per_t(problem.network.tiers[level].state)[material]
            measures = ((site, column, tonnes, problem.capacity_t_per_day(level)),
                        (site, column, bulk, problem.capacity_m3_per_day(level)))
        for at, number, taken, limit in measures:
            if np.isfinite(limit).any():
                every = float(taken.sum() if level < 2 else self._most * taken.max(initial=0.0)) + 1.0
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
        self.rows.put(taken_in + where[pair] * materials + accepted, y.number[pair], -self._most)

    def side_rules(self, most: Float) -> None:
        """The side rules over the sites of the model's tiers, within signed limits, [R]."""
        rules = self.problem.rows
        if not len(rules):
            return
        row = self.rows.block(len(rules), upper=most)
        for level, opened in self.opened.items():
            entries = rules.tiers[level]
            column = np.full(len(entries.first) - 1, -1, dtype=np.int64)
            site, size = opened.index.T
            column[site * entries.sizes + size] = opened.number
            inside = column[entries.option] >= 0
            self.rows.put(row + entries.row[inside], column[entries.option[inside]], entries.amount[inside])

    def linear(self) -> LinearModel:
        """The programme as arrays."""
        return LinearModel(SCALE * np.concatenate(self._cost), np.zeros(self._count), np.concatenate(self._upper),
                           np.concatenate(self._whole), self.rows.rows())

    def open_sites(self, x: Float) -> tuple[OpenSites, ...]:
        """The open sites of a solution, tier by tier."""
        chosen = [opened.index[x[opened.number] > 0.5] for opened in self.opened.values()]
        return tuple(OpenSites(on[:, 0], on[:, 1]) for on in chosen)
