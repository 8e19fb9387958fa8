"""Whole plans under nearest assignment: first-tier sites in use, upper tiers sized for what residents bring.

Who comes is implied by the sites in use (optimizer/nearest.py), so nobody can be let go where the upper tiers are too
small: they are made to fit, and only where no tiers fit are sites given up. Rounds alternate between the search of the
first tier at given prices and the upper tiers for its loads; small problems end with whole plans tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import arc_of_part, books
from optimizer.assemble import without_idle
from optimizer.first_tier import FirstTier
from optimizer.nearest import nearest_assignment
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.pools import Pools, last_tier_pools, pools_of
from optimizer.prices import unserved_cny_per_year
from optimizer.problem import Problem
from optimizer.row_repair import lawful_sites, with_minimums
from optimizer.solvers.assignment import path_cost, send_on, serve_points, transport, upward
from optimizer.solvers.certify import capacity_prices
from optimizer.solvers.nearest_search import neighbours, search_nearest
from optimizer.solvers.nearest_state import NearestState, nearest_tables
from optimizer.solvers.upper_search import improve_upper
from optimizer.solvers.upper_tiers import Supply, choose_upper_tiers

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Upper = tuple[OpenSites, ...]

GIVE_UP_SHARE = 0.02
"""Share of the sites in use that is given up at a time while no upper tiers hold the loads."""
SMALL_SITES = 14
"""Up to this many candidates of the first tier whole plans are tried one by one."""
WHOLE_TRIES = 400
RESTARTS, DRAWS = 12, 20
WORTH_CNY_PER_YEAR = 1.0


class _Nearest:
    """The search for a plan under the rule; holds what its steps share."""

    def __init__(self, problem: Problem, coefficients: Coefficients, tier: FirstTier, seed: int) -> None:
        self.problem, self.coefficients, self.tier, self.seed = problem, coefficients, tier, seed
        self.tables = nearest_tables(problem, tier)
        self.near = neighbours(tier, len(problem.demand.part_ids))
        self.cheapest = np.argmin(tier.open_cny_per_year, axis=1)

    def loads(self, size_of_site: Int) -> tuple[Int, Supply]:
        """Site of each part under the rule, and what the sites in use send up."""
        site_of_part = nearest_assignment(self.problem, size_of_site)
        arc = arc_of_part(self.problem, site_of_part)
        load = np.zeros((self.tier.site_count, len(self.problem.network.materials)))
        np.add.at(load, site_of_part[arc >= 0], self.problem.captured_t_per_day[arc[arc >= 0]])
        used = np.flatnonzero(load.sum(axis=1) > 0.0)
        rows = self.problem.rows
        room = rows.most - rows.values((self.opened(used, size_of_site),)) if len(rows) else None
        return site_of_part, Supply(used, load[used], row_room=room)

    def opened(self, used: Int, size_of_site: Int) -> OpenSites:
        """The open sites of the first tier: those with loads, and those that must be open."""
        opened = np.union1d(used, np.flatnonzero(self.tier.must_open))
        return OpenSites(opened, np.where(size_of_site >= 0, size_of_site, self.cheapest)[opened])

    def place(self, size_of_site: Int, upper: Upper) -> Plan | None:
        """The whole plan of sites in use under given upper tiers; None where these do not hold the loads."""
        problem = self.problem
        site_of_part, supply = self.loads(size_of_site)
        if not len(supply.site) or not all(len(opened.site) for opened in upper):
            return None
        up = upward(problem, self.coefficients, upper)
        choice = serve_points(problem, up, supply.site, supply.t_per_day)
        if choice is None:
            return None
        arriving = np.zeros((len(up.station), supply.t_per_day.shape[1]))
        np.add.at(arriving, choice, supply.t_per_day)
        flows = send_on(problem, self.coefficients, upper, arriving)
        if flows is None:
            return None
        first = Flows(supply.site, up.station[choice], supply.t_per_day)
        plan = without_idle(problem, Plan((self.opened(supply.site, size_of_site), *upper), site_of_part,
                                          (first, *flows), SolveReport("feasible", 0.0, None)))
        every = with_minimums(problem, self.coefficients, plan.open_sites, range(len(problem.sites)))
        return replace(plan, open_sites=every) if lawful_sites(problem, every) else None

    def whole(self, size_of_site: Int, upper: Upper, *, thorough: bool = False) -> Plan | None:
        """The plan with the upper tiers improved for the loads; chosen anew where they do not hold them.

        With `thorough` they are chosen anew in any case, and the cheaper plan counts.
        """
        _, supply = self.loads(size_of_site)
        if not len(supply.site):
            return None
        plan = self.place(size_of_site, improve_upper(self.problem, self.coefficients, upper, supply))
        if plan is None or thorough:  # better tiers may only hold the loads where points are split
            plan = min((plan, self.place(size_of_site, upper)), key=self.objective)
        if plan is not None and not thorough:
            return plan
        choice = choose_upper_tiers(self.problem, self.coefficients, supply, gap=0.001, time_limit_s=20.0,
                                    seed=self.seed)
        if choice is None:
            return plan
        improved = self.place(size_of_site, improve_upper(self.problem, self.coefficients, choice.open_sites, supply))
        return min((plan, improved, self.place(size_of_site, choice.open_sites)), key=self.objective)

    def fitted(self, size_of_site: Int, upper: Upper) -> Plan | None:
        """The same; while no upper tiers hold the loads, the sites that bring least are given up."""
        size = size_of_site.copy()
        while (size >= 0).any():
            plan = self.whole(size, upper)
            if plan is not None:
                return plan
            _, supply = self.loads(size)
            idle = np.setdiff1d(np.flatnonzero(size >= 0), supply.site)
            least = supply.site[np.argsort(supply.t_per_day.sum(axis=1), kind="stable")]
            size[idle] = -1
            size[least[: max(1, int(GIVE_UP_SHARE * len(least)))]] = -1
        return None

    def sizes_in_use(self, plan: Plan) -> Int:
        """Size of each site that some part uses, -1 of the others, [J]."""
        size = plan.open_sites[0].size_of(self.tier.site_count)
        used = np.zeros(len(size), dtype=bool)
        used[plan.site_of_part[plan.site_of_part >= 0]] = True
        return np.where(used, size, -1)

    def search(self, size_of_site: Int, upper: Upper, *, filled: bool, tries: int, seed: int,
               watch: Callable[[int], bool]) -> Int:
        """Better sites in use at the prices of given upper tiers.

        With `filled` the room of these tiers is a limit; without, station room costs what more of it would, and only
        the last tier is one.
        """
        cost, pools = self._priced(size_of_site, upper, filled)
        state = NearestState(self.tables, self.problem.rows, upper, cost, pools, np.flatnonzero(size_of_site >= 0))
        return search_nearest(self.tables, self.near, state, tries=tries, seed=seed, watch=watch)

    def _priced(self, size_of_site: Int, upper: Upper, filled: bool) -> tuple[Float, Pools]:
        """What serving each arc adds to the yearly cost, [E], and the room above that arcs share."""
        problem, tier = self.problem, self.tier
        up = upward(problem, self.coefficients, upper)
        q = problem.captured_t_per_day[tier.arc]
        everything = np.zeros((tier.site_count, q.shape[1]))
        np.add.at(everything, tier.site, q)
        per_t = np.zeros(len(up.station))
        if len(upper) > 1 and not filled:
            per_t = capacity_prices(problem, self.coefficients, 1)[up.station]
        path = path_cost(problem, up, np.arange(tier.site_count), everything)
        station = np.argmin(path + everything.sum(axis=1)[:, None] * per_t, axis=1)
        _, supply = self.loads(size_of_site)
        served = transport(problem, up, supply.site, supply.t_per_day) if filled and len(supply.site) else None
        if served is not None:
            station[served.site] = np.argmax(served.share, axis=1)
        here = station[tier.site]
        cost = (q @ problem.trips_per_t(0)) * up.trip_cny_per_year[tier.site, here]
        cost = cost + (q * up.onward_cny_per_year[here]).sum(axis=1) + q.sum(axis=1) * per_t[here]
        cost = cost + self.coefficients.arriving_cny_per_year(q, tier.arc)
        pools = pools_of(problem, tier, upper, station) if filled else last_tier_pools(problem, tier, upper[-1].size)
        return cost - unserved_cny_per_year(problem, self.coefficients)[tier.part], pools

    def objective(self, plan: Plan | None) -> float:
        """CNY per year, inf without a plan."""
        return np.inf if plan is None else books(self.problem, plan).objective_cny_per_year

    def one_by_one(self, start: Plan | None, upper: Upper, watch: Callable[[int], bool]) -> Plan | None:
        """Whole plans around a plan, one or two first-tier sites changed at a time, until none is cheaper.

        Then the same from other sites at random, RESTARTS times or as long as WHOLE_TRIES last.
        """
        random = np.random.default_rng(self.seed)
        at = self._elsewhere(random, upper) if start is None else start
        if at is None:
            return None
        tried, restarts, wins, size = set[bytes](), 0, at, self.sizes_in_use(at)
        while True:
            value = self.objective(at)
            for other_size in self._changed(size):
                key = other_size.tobytes() + b"".join(o.site.tobytes() + o.size.tobytes() for o in at.open_sites[1:])
                if key in tried:
                    continue
                if len(tried) >= WHOLE_TRIES or watch(len(tried)):
                    return wins
                tried.add(key)
                other = self.whole(other_size, at.open_sites[1:], thorough=True)
                cost = self.objective(other)
                if other is not None and cost < value - WORTH_CNY_PER_YEAR:
                    at, size = other, self.sizes_in_use(other)
                    wins = min((wins, at), key=self.objective)
                    break
            else:
                found = self._elsewhere(random, at.open_sites[1:]) if restarts < RESTARTS else None
                restarts += 1
                if found is None:
                    return wins
                at, size = found, self.sizes_in_use(found)
                wins = min((wins, at), key=self.objective)

    def _elsewhere(self, random: np.random.Generator, upper: Upper) -> Plan | None:
        """A plan with sites in use and sizes drawn by lot; None where several draws gave none."""
        options = [[k for k, _ in sizes] for sizes in self.tables.fixed]
        for _ in range(DRAWS):
            drawn = [-1 if not sizes or random.random() < 0.5 else sizes[int(random.integers(len(sizes)))]
                     for sizes in options]
            plan = self.whole(np.array(drawn, dtype=np.int64), upper)
            if plan is not None:
                return plan
        return None

    def _changed(self, size_of_site: Int) -> Iterator[Int]:
        """Sites in use with one site at another size or not in use, then with one exchanged for another."""
        options = [[k for k, _ in sizes] for sizes in self.tables.fixed]
        for site, sizes in enumerate(options):
            for size in (-1, *sizes):
                if size != size_of_site[site]:
                    yield _with(size_of_site, site, size)
        for site in np.flatnonzero(size_of_site >= 0).tolist():
            for other in np.flatnonzero(size_of_site < 0).tolist():
                for size in options[other]:
                    yield _with(_with(size_of_site, site, -1), other, size)


def _with(size_of_site: Int, site: int, size: int) -> Int:
    out = size_of_site.copy()
    out[site] = size
    return out


def nearest_plan(problem: Problem, coefficients: Coefficients, tier: FirstTier, planned: Plan, *, tries: int,
                 rounds: int, seed: int, watch: Callable[[float], bool] = lambda _: False) -> Plan | None:
    """A plan under nearest assignment, started from the open sites of a planned one; None where none was found.

    `tries` random changes in the first round, half as many in later ones. `watch` is told how much is done (0 to 1)
    and may stop the search.
    """
    search = _Nearest(problem, coefficients, tier, seed)
    size, upper = search.sizes_in_use(planned), planned.open_sites[1:]
    starts = (size >= 0).any() and all(len(opened.site) for opened in upper)
    best = search.fitted(size, upper) if starts else None
    for number in range(max(rounds, 1) if starts else 0):
        own_tries = tries if number == 0 else tries // 2
        start, above = (size, upper) if best is None else (search.sizes_in_use(best), best.open_sites[1:])

        def on_step(step: int, number: int = number, own_tries: int = own_tries) -> bool:
            return watch((number + min(step / max(own_tries, 1), 1.0)) / (rounds + 1))

        found = search.search(start, above, filled=number % 2 == 1, tries=own_tries, seed=seed + number,
                              watch=on_step)
        plan = search.fitted(found, above)
        if search.objective(plan) < search.objective(best) - WORTH_CNY_PER_YEAR:
            best = plan
    if tier.site_count <= SMALL_SITES:
        best = search.one_by_one(best, upper, lambda _: watch(1.0))
    return best
