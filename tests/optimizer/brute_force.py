"""The exact optimum of a tiny problem, and the cost of a plan by explicit loops.

Written from the definition of the model alone and with none of the optimizer's own arithmetic: a mixed-integer
programme with one binary per open site and size, per walking arc and per point-station pair, solved to a gap of zero;
`enumerated` tries every combination of the same decisions for the very smallest problems.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from optimizer.network import Vehicle
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Problem, SiteStatus

DAYS = 365.0
SCALE = 1e-4
"""Costs in 10,000 CNY inside the solver."""


@dataclass(frozen=True)
class Prices:
    """The figures of a problem, worked out one by one. Loops over materials m, sizes k, sites."""

    problem: Problem

    def annuity(self, level: int) -> float:
        rate, years = self.problem.network.money.discount_rate, self.problem.network.tiers[level].life_years
        return 1.0 / years if rate == 0 else rate / (1.0 - (1.0 + rate) ** -years)

    def open(self, level: int, site: int, size: int) -> float:
        """CNY per year of an open site: fixed cost, rent, and the annualised build cost of a new one."""
        entry = self.problem.network.tiers[level].sizes[size]
        new = self.problem.sites[level].status[site] in (SiteStatus.NEW, SiteStatus.REQUIRED)
        rent = self.problem.sites[level].site_cost_cny_per_year
        ground = 0.0 if rent is None else float(rent[site] if rent.ndim == 1 else rent[site, size])
        build, fixed = (1.0 if share is None else float(share[site]) for share in
                        (self.problem.sites[level].build_share, self.problem.sites[level].fixed_share))
        built = build * entry.build_cost_cny * self.annuity(level) if new else 0.0
        return ground + fixed * entry.fixed_cost_cny_per_year + built

    def closed(self, level: int, site: int) -> float:
        sites = self.problem.sites[level]
        return sites.closing_cost_cny[site] * self.annuity(level) if sites.status[site] == SiteStatus.MAY_CLOSE else 0.0

    def passed(self, level: int, m: int) -> float:
        removes = self.problem.network.tiers[level].removes_residue
        return 1.0 - self.problem.network.materials[m].residue_share if removes else 1.0

    def truck(self, leg: int) -> Vehicle:
        feed = self.problem.network.tiers[leg + 1].feed
        assert feed is not None
        return self.problem.network.vehicle(feed.vehicle)

    def haul(self, leg: int, a: int, b: int, m: int) -> float:
        """CNY per tonne of material m driven from a to b: its share of a full load's round trip, fuel to carbon."""
        feed, truck, drive = self.problem.network.tiers[leg + 1].feed, self.truck(leg), self.problem.legs[leg]
        assert feed is not None
        density = self.problem.network.materials[m].density_t_per_m3[feed.state]
        load_t = min(truck.payload_t, truck.volume_m3 * truck.fill_share * density)
        km = (drive.loaded_m[a, b] + drive.empty_m[a, b]) / 1000
        seconds = drive.loaded_s[a, b] + drive.empty_s[a, b] + truck.unload_s
        if feed.stops_per_t == 0:
            seconds += truck.stop_s
        return (km * self.per_km(truck) + seconds * self.per_s(truck)) / load_t

    def per_km(self, truck: Vehicle) -> float:
        return truck.cost_cny_per_km + truck.co2_kg_per_km / 1000 * self.problem.network.money.carbon_cny_per_t

    def per_s(self, truck: Vehicle) -> float:
        return (truck.fixed_cny_per_day + truck.crew_cny_per_day) / (truck.shift_s - truck.break_s)

    def entering(self, level: int, m: int) -> float:
        """CNY per tonne entering a tier: handling, residue, collection stops; at the last tier less what it earns."""
        network = self.problem.network
        tier, material = network.tiers[level], network.materials[m]
        total = tier.variable_cost_cny_per_t + (1 - self.passed(level, m)) * network.money.residue_cny_per_t
        if tier.feed is not None:
            truck, stops = self.truck(level - 1), tier.feed.stops_per_t
            drive_s = tier.feed.detour_m_per_stop / (truck.speed_km_per_h["default"] * 1000 / 3600)
            total += truck.load_s_per_t * self.per_s(truck) + stops * (truck.stop_s + drive_s) * self.per_s(truck)
            total += stops * tier.feed.detour_m_per_stop / 1000 * self.per_km(truck)
        if level == len(network.tiers) - 1:
            total -= material.price_cny_per_t * self.passed(level, m)
            total -= material.subsidy_cny_per_t if material.low_value else 0.0
        return total

    def m3(self, level: int, m: int) -> float:
        network = self.problem.network
        return 1.0 / network.materials[m].density_t_per_m3[network.tiers[level].state]

    def accepts(self, level: int, size: int, m: int) -> bool:
        accepted = self.problem.network.tiers[level].sizes[size].accepts
        return accepted is None or self.problem.network.materials[m].id in accepted

    def bringing(self, arc: int) -> float:
        """CNY per tonne brought over a walking arc."""
        own = self.problem.walk.cost_cny_per_t
        return 0.0 if own is None else float(own[arc])

    def unserved(self, part: int) -> float:
        """CNY per year of leaving a part unserved."""
        would = self.problem.demand.generated_t_per_day[part].sum() * self.problem.participation_share
        return float(would * self.problem.network.money.unserved_cny_per_t * DAYS)


def plan_cost(problem: Problem, plan: Plan) -> float:
    """CNY per year of a plan, one addend at a time; tonnes of upper tiers are what the flows bring."""
    prices, total = Prices(problem), 0.0
    materials = range(len(problem.network.materials))
    for level, opened in enumerate(plan.open_sites):
        size_at = dict(zip(opened.site.tolist(), opened.size.tolist(), strict=True))
        for site in range(len(problem.sites[level])):
            total += prices.open(level, site, size_at[site]) if site in size_at else prices.closed(level, site)
    for part, site in enumerate(plan.site_of_part):
        if site < 0:
            total += prices.unserved(part)
            continue
        arc, = np.flatnonzero((problem.walk.part == part) & (problem.walk.site == site))
        for m in materials:
            tonnes = problem.demand.generated_t_per_day[part, m] * problem.walk.captured_share[arc]
            total += DAYS * tonnes * (prices.entering(0, m) + prices.bringing(int(arc)))
    for leg, flow in enumerate(plan.flows):
        for a, b, tonnes in zip(flow.origin, flow.destination, flow.t_per_day, strict=True):
            for m in materials:
                total += DAYS * tonnes[m] * (prices.haul(leg, a, b, m) + prices.entering(leg + 1, m))
    return float(total)


class Model:
    """Variables and rows of the mixed-integer programme, gathered one by one."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.integer: list[int] = []
        self.rows: list[tuple[dict[int, float], float, float]] = []

    def var(self, cost: float, upper: float, integer: bool) -> int:
        self.cost.append(cost * SCALE)
        self.upper.append(upper)
        self.integer.append(int(integer))
        return len(self.cost) - 1

    def row(self, terms: list[tuple[int, float]], low: float, high: float) -> None:
        merged: dict[int, float] = {}
        for variable, factor in terms:
            merged[variable] = merged.get(variable, 0.0) + factor
        self.rows.append((merged, low, high))

    def solve(self) -> np.ndarray | None:
        data = [(r, v, f) for r, (terms, _, _) in enumerate(self.rows) for v, f in terms.items()]
        row, column, factor = zip(*data, strict=True)
        matrix = csr_array((factor, (row, column)), shape=(len(self.rows), len(self.cost)))
        rows = LinearConstraint(matrix, [r[1] for r in self.rows], [r[2] for r in self.rows])
        found = milp(self.cost, integrality=self.integer, bounds=Bounds(0, self.upper), constraints=rows,
                     options={"mip_rel_gap": 0.0})
        if found.status == 2:
            return None
        assert found.status == 0, found.message
        return np.asarray(found.x)


class Build:
    """The programme of a problem and the plan read off its solution."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.prices, self.model = problem, Prices(problem), Model()
        self.materials = range(len(problem.network.materials))
        self.sizes = [range(len(t.sizes)) for t in problem.network.tiers]
        self.sites = [range(len(s)) for s in problem.sites]
        self.most_t = float(problem.demand.generated_t_per_day.sum()) + 1.0
        self.constant = 0.0
        self.y = self._open()
        self.x, self.via = self._arcs()
        self.f = self._flows()
        for level in range(len(self.sites)):
            self._capacities(level)
        self._side_rules()

    def _open(self) -> list[dict[tuple[int, int], int]]:
        out = []
        for level, sites in enumerate(self.problem.sites):
            chosen = {}
            for j in self.sites[level]:
                closed = self.prices.closed(level, j)
                self.constant += closed
                for k in self.sizes[level]:
                    if sites.allowed[j, k]:
                        chosen[j, k] = self.model.var(self.prices.open(level, j, k) - closed, 1, True)
                keep = 1.0 if sites.status[j] in (SiteStatus.KEEP, SiteStatus.REQUIRED) else 0.0
                terms = [(chosen[j, k], 1.0) for k in self.sizes[level] if (j, k) in chosen]
                if terms:
                    self.model.row(terms, keep, 1.0)
            out.append(chosen)
        return out

    def _arcs(self) -> tuple[list[int], dict[tuple[int, int, int], int]]:
        """x[e]: the part uses the arc; via[e, t, m]: share of m that goes on to t; one t for each point if single."""
        walk, q = self.problem.walk, self.captured
        self.constant += sum(self.prices.unserved(i) for i in range(len(self.problem.demand.part_ids)))
        serves = {(j, t): self.model.var(0.0, 1, True) for j in self.sites[0] for t in self.sites[1]}
        single = self.problem.network.tiers[1].feed.single_source  # type: ignore[union-attr]
        for j in self.sites[0]:
            self.model.row([(serves[j, t], 1.0) for t in self.sites[1]], 0, 1 if single else len(self.sites[1]))
        x, via = [], {}
        for e, (i, j) in enumerate(zip(walk.part.tolist(), walk.site.tolist(), strict=True)):
            own = sum(DAYS * q(e, m) * (self.prices.entering(0, m) + self.prices.bringing(e)) for m in self.materials)
            x.append(self.model.var(own - self.prices.unserved(i), 1, True))
            self.model.row([(x[e], 1.0), *((self.y[0][j, k], -1.0) for k in self.sizes[0] if (j, k) in self.y[0])],
                           -np.inf, 0)
            for t in self.sites[1]:
                if not np.isfinite(self.problem.legs[0].loaded_m[j, t] + self.problem.legs[0].empty_m[j, t]):
                    continue
                for m in self.materials:
                    haul = DAYS * self.sent(e, m) * (self.prices.haul(0, j, t, m) + self.prices.entering(1, m))
                    via[e, t, m] = self.model.var(haul, 1, False)
                    self.model.row([(via[e, t, m], 1.0), (serves[j, t], -1.0)], -np.inf, 0)
            for m in self.materials:
                ways = [(via[e, t, m], -1.0) for t in self.sites[1] if (e, t, m) in via]
                self.model.row([(x[e], 1.0), *ways], 0, 0)
        for i in range(len(self.problem.demand.part_ids)):
            terms = [(x[e], 1.0) for e in np.flatnonzero(walk.part == i)]
            if terms:
                self.model.row(terms, 0, 1)
        return x, via

    def captured(self, e: int, m: int) -> float:
        walk = self.problem.walk
        return float(self.problem.demand.generated_t_per_day[walk.part[e], m] * walk.captured_share[e])

    def sent(self, e: int, m: int) -> float:
        return self.captured(e, m) * self.prices.passed(0, m)

    def _flows(self) -> list[dict[tuple[int, int, int], int]]:
        """f[l][a, b, m] for legs above the first; what enters leaves, less the residue."""
        out: list[dict[tuple[int, int, int], int]] = [{}]
        for leg in range(1, len(self.problem.legs)):
            drive, flow = self.problem.legs[leg], {}
            for a, b in itertools.product(self.sites[leg], self.sites[leg + 1]):
                if np.isfinite(drive.loaded_m[a, b] + drive.empty_m[a, b]):
                    for m in self.materials:
                        price = DAYS * (self.prices.haul(leg, a, b, m) + self.prices.entering(leg + 1, m))
                        flow[a, b, m] = self.model.var(price, np.inf, False)
            out.append(flow)
            self.f = out
            for a, m in itertools.product(self.sites[leg], self.materials):
                arriving = [(v, f * self.prices.passed(leg, m)) for v, f in self.entering(leg, a, m)]
                leaving = [(flow[a, b, m], -1.0) for b in self.sites[leg + 1] if (a, b, m) in flow]
                if arriving or leaving:
                    self.model.row(arriving + leaving, 0, 0)
        return out

    def entering(self, level: int, site: int, m: int) -> list[tuple[int, float]]:
        """Tonnes of a material that enter a site, as variables and factors."""
        walk = self.problem.walk
        if level == 0:
            return [(self.x[e], self.captured(e, m)) for e in np.flatnonzero(walk.site == site).tolist()]
        if level == 1:
            return [(v, self.sent(e, m)) for (e, t, n), v in self.via.items() if t == site and n == m]
        return [(v, 1.0) for (_, b, material), v in self.f[level - 1].items() if b == site and material == m]

    def _capacities(self, level: int) -> None:
        households = self.problem.max_households_per_site if level == 0 else None
        for j in self.sites[level]:
            opened = [(k, self.y[level][j, k]) for k in self.sizes[level] if (j, k) in self.y[level]]
            entry = {k: self.problem.network.tiers[level].sizes[k] for k in self.sizes[level]}
            by_m = {m: self.entering(level, j, m) for m in self.materials}
            tonnes = [pair for m in self.materials for pair in by_m[m]]
            if not tonnes:
                continue
            volume = [(v, f * self.prices.m3(level, m)) for m in self.materials for v, f in by_m[m]]
            most_m3 = self.most_t * max(self.prices.m3(level, m) for m in self.materials)
            self.model.row([*tonnes, *((y, -entry[k].capacity_t_per_day) for k, y in opened)], -np.inf, 0)
            self.model.row([*volume, *((y, -(entry[k].capacity_m3_per_day or most_m3)) for k, y in opened)], -np.inf, 0)
            if any(entry[k].min_t_per_day > 0 for k, _ in opened):
                self.model.row([*tonnes, *((y, -entry[k].min_t_per_day) for k, y in opened)], 0, np.inf)
            for m in self.materials:
                if any(not self.prices.accepts(level, k, m) for k, _ in opened) and by_m[m]:
                    takers = [(y, -self.most_t) for k, y in opened if self.prices.accepts(level, k, m)]
                    self.model.row([*by_m[m], *takers], -np.inf, 0)
            if households is not None:
                users = [(self.x[e], float(self.problem.demand.households[self.problem.walk.part[e]]))
                         for e in np.flatnonzero(self.problem.walk.site == j)]
                self.model.row(users, -np.inf, households)

    def _side_rules(self) -> None:
        for rule in self.problem.site_rows:
            terms = [(self.y[level][j, k], amount)
                     for level, j, k, amount in zip(rule.tier.tolist(), rule.site.tolist(), rule.size.tolist(),
                                                    rule.amount.tolist(), strict=True) if (j, k) in self.y[level]]
            low, high = (-np.inf, rule.limit) if rule.sense == "<=" else (rule.limit, np.inf)
            self.model.row(terms, low, high)

    def plan(self, values: np.ndarray) -> Plan:
        """The plan in the solution, its flows as they are."""
        opened = []
        for chosen in self.y:
            pairs = sorted(pair for pair, v in chosen.items() if values[v] > 0.5)
            opened.append(OpenSites(np.array([j for j, _ in pairs], dtype=np.int64),
                                    np.array([k for _, k in pairs], dtype=np.int64)))
        site_of_part = np.full(len(self.problem.demand.part_ids), -1, dtype=np.int64)
        tonnes: dict[tuple[int, int, int], np.ndarray] = {}
        count = len(self.materials)
        for e, v in enumerate(self.x):
            if values[v] > 0.5:
                i, j = int(self.problem.walk.part[e]), int(self.problem.walk.site[e])
                site_of_part[i] = j
                for t, m in itertools.product(self.sites[1], self.materials):
                    if (e, t, m) in self.via and values[self.via[e, t, m]] > 1e-9:
                        tonnes.setdefault((0, j, t), np.zeros(count))[m] += self.sent(e, m) * values[self.via[e, t, m]]
        for leg in range(1, len(self.f)):
            for (a, b, m), v in self.f[leg].items():
                if values[v] > 1e-9:
                    tonnes.setdefault((leg, a, b), np.zeros(count))[m] += values[v]
        flows = []
        for leg in range(len(self.problem.legs)):
            rows = sorted(key for key in tonnes if key[0] == leg)
            flows.append(Flows(np.array([r[1] for r in rows], dtype=np.int64),
                               np.array([r[2] for r in rows], dtype=np.int64),
                               np.array([tonnes[r] for r in rows]).reshape(len(rows), count)))
        return Plan(tuple(opened), site_of_part, tuple(flows), SolveReport("optimal", np.nan, None))


@dataclass(frozen=True)
class Optimum:
    """The best plan of a problem and its yearly cost."""

    cost_cny_per_year: float
    plan: Plan


def optimum(problem: Problem) -> Optimum | None:
    """The exact optimum; None where no plan keeps the rules."""
    build = Build(problem)
    values = build.model.solve()
    if values is None:
        return None
    return Optimum(float(np.dot(build.model.cost, values)) / SCALE + build.constant, build.plan(values))


def enumerated(problem: Problem) -> float:
    """The optimum by trying every set of sizes, every use of sites and every station of each point; inf if none.

    What is left, the flows above, is one linear programme per combination. For about 10,000 combinations.
    """
    build = Build(problem)
    best = np.inf
    binaries = [v for v, whole in enumerate(build.model.integer) if whole]
    rows = csr_array(([f for t, _, _ in build.model.rows for f in t.values()],
                      ([r for r, (t, _, _) in enumerate(build.model.rows) for _ in t],
                       [v for t, _, _ in build.model.rows for v in t])),
                     shape=(len(build.model.rows), len(build.model.cost))).toarray()
    low = np.array([r[1] for r in build.model.rows])
    high = np.array([r[2] for r in build.model.rows])
    cost, upper = np.array(build.model.cost), np.array(build.model.upper)
    free = np.setdiff1d(np.arange(len(cost)), binaries)
    only_binary = ~np.any(rows[:, free] != 0, axis=1)
    for choice in _choices(build, binaries):
        fixed = rows[:, binaries] @ choice
        if np.any((fixed < low - 1e-9)[only_binary]) or np.any((fixed > high + 1e-9)[only_binary]):
            continue
        keep = ~only_binary
        has_low, has_high = keep & np.isfinite(low), keep & np.isfinite(high)
        found = linprog(cost[free], A_ub=np.vstack([rows[has_high][:, free], -rows[has_low][:, free]]),
                        b_ub=np.concatenate([(high - fixed)[has_high], (fixed - low)[has_low]]) + 1e-9,
                        bounds=list(zip(np.zeros(len(free)), upper[free], strict=True)))
        if found.status == 0:
            best = min(best, (found.fun + cost[binaries] @ choice) / SCALE + build.constant)
    return float(best)


def _choices(build: Build, binaries: list[int]) -> Iterator[np.ndarray]:
    """0-1 vectors over the binaries: at most one per site's sizes, per part's arcs and per point's stations."""
    groups: dict[tuple[str, int, int], list[int]] = {}
    for level, chosen in enumerate(build.y):
        for (j, _), v in chosen.items():
            groups.setdefault(("size", level, j), []).append(v)
    for e, v in enumerate(build.x):
        groups.setdefault(("part", 0, int(build.problem.walk.part[e])), []).append(v)
    grouped = {v for members in groups.values() for v in members}
    stations = len(build.sites[1])
    rest = [v for v in binaries if v not in grouped]
    for j in build.sites[0]:
        groups["point", 0, j] = rest[j * stations:(j + 1) * stations]
    position = {v: n for n, v in enumerate(binaries)}
    for picks in itertools.product(*([None, *members] for members in groups.values())):
        out = np.zeros(len(binaries))
        for v in picks:
            if v is not None:
                out[position[v]] = 1.0
        yield out
