"""Siting all tiers: relax, choose the upper tiers, improve the first tier under their prices, repeat, and prove.

Two processes work at once: one raises the bound, the other improves the plan; they exchange one number, the cost of
the first whole plan. The work is counted in iterations, so the same seed gives the same plan; the time limit is a
safety stop and is reported where it bit.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import Books, all_coefficients, arc_of_part, books, gap_of
from optimizer.assemble import assemble
from optimizer.bound import Bound, with_row_prices
from optimizer.first_tier import FirstTier, first_tier
from optimizer.first_tier_plan import FirstTierPlan
from optimizer.multipliers import Multipliers
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites, Plan, SolveReport, Status
from optimizer.problem import Problem
from optimizer.row_limits import row_limits
from optimizer.row_repair import lawful_sites, with_minimums
from optimizer.solve_clock import SolveClock
from optimizer.solvers.bound_process import BoundProcess
from optimizer.solvers.certify import Effort, blank, end_price_guess, relaxed_at
from optimizer.solvers.first_tier_search import FirstTierSearch
from optimizer.solvers.moves import settle_and_improve
from optimizer.solvers.nearest_plan import nearest_plan
from optimizer.solvers.outright import outright
from optimizer.solvers.upper_search import improve_upper
from optimizer.solvers.upper_tiers import Supply, choose_upper_tiers
from optimizer.solvers.whole_model import is_small

Float = NDArray[np.float64]
Int = NDArray[np.int64]

ITERATIONS_PER_PASS = 2_000.0
"""Iterations stand for passes of regions over the city, so that larger cities get more of them."""
QUICK, MAIN, ROUND = 0.1, 0.5, 1.0 / 3.0
"""Parts of the passes in the first plan, of which the bound only needs to know what it costs, after the first tier was
made anew, and in each of the later rounds."""
PRICE_SHARES = (1.0, 0.4, 0.0)
"""Shares of the relaxation's prices of scarce rules that are tried; the best goes on."""
NEAREST_TRIES = 20
"""Changes tried per iteration where residents use the nearest site: each is cheap."""
NEWS_EVERY_S = 1.0
"""Without progress, that often is told what the bound has become."""
LEAST_UPPER_S, MOST_UPPER_S, OUTRIGHT_S = 2.0, 30.0, 20.0
"""How long the first choice of upper tiers may take at least, as there is no plan without it, and at most; and a small
problem as a whole."""
LEAST_PRICE_SHARE = 0.05
"""What a rule asks for is never cheaper than this share of its cost in the search."""


@dataclass(frozen=True)
class SiteSettings:
    """How long and how hard to search."""

    gap: float = 0.01
    """Share to which the integer programme of the upper tiers is solved."""
    iterations: int = 6_000
    """Effort of the search of the first tier, see ITERATIONS_PER_PASS."""
    rounds: int = 5
    time_limit_s: float = 120.0
    seed: int = 1
    processes: int = 2


@dataclass(frozen=True)
class Progress:
    """One line of news for whoever watches."""

    phase: str
    share_done: float
    objective_cny_per_year: float | None
    bound_cny_per_year: float | None
    gap: float | None


@dataclass(frozen=True)
class Siting:
    """The plan, the multipliers of its bound and the bound they give."""

    plan: Plan
    multipliers: Multipliers
    bound: Bound


def site_network(problem: Problem, settings: SiteSettings,
                 on_progress: Callable[[Progress], None] = lambda _: None) -> Siting:
    """A plan over all tiers with a bound that holds for the whole problem."""
    clock = SolveClock(settings.time_limit_s)
    coefficients = all_coefficients(problem)
    tier = first_tier(problem, coefficients)
    bounding = BoundProcess(problem, Effort(), own_process=settings.processes > 1,
                            time_limit_s=settings.time_limit_s)
    search = _Search(problem, coefficients, tier, settings, clock, on_progress, bounding)
    try:
        plan = search.quick_plan()
        search.known(plan)
        bounding.tell(books(problem, plan).objective_cny_per_year, _extra_sites(problem, plan))
        plan = search.or_nothing(search.improve(search.first_plan(plan)))
        if problem.assignment == "nearest":
            plan = search.as_residents_go(plan)
        elif is_small(problem):
            plan, late = outright(problem, coefficients, tier, plan, time_limit_s=min(OUTRIGHT_S, clock.left_s()))
            clock.hit |= late
            clock.mark("outright")
        on_progress(search.news("bound", 0.95))
        objective = books(problem, plan).objective_cny_per_year
        multipliers, bound = bounding.result(objective)
        clock.hit |= bounding.hit_time_limit
    finally:
        bounding.close()
    clock.mark("bound")
    value = bound.value_cny_per_year if np.isfinite(bound.value_cny_per_year) else None
    gap = gap_share(problem, plan, value)
    on_progress(Progress("sited", 1.0, objective, value, gap))
    report = SolveReport(_status(plan, gap, clock.hit), objective, value, clock.seconds, clock.hit)
    return Siting(replace(plan, report=report), multipliers, bound)


def _extra_sites(problem: Problem, plan: Plan) -> tuple[int, ...]:
    """How many sites of each size of the last tier a plan opens beyond those that must be open."""
    opened, last = plan.open_sites[-1], problem.sites[-1]
    size = opened.size[~last.must_open[opened.site]]
    return tuple(np.bincount(size, minlength=last.allowed.shape[1]).tolist())


def gap_share(problem: Problem, plan: Plan, bound_cny_per_year: float | None) -> float | None:
    """The gap of a plan (see accounts.gap_of); None without a bound."""
    account = books(problem, plan)
    return gap_of(account.objective_cny_per_year, bound_cny_per_year, account.gross_cost_cny_per_year)


def _status(plan: Plan, gap: float | None, stopped: bool) -> Status:
    if stopped:
        return "stopped"
    if not len(plan.open_sites[0].site):
        return "no_plan"
    return "optimal" if gap is not None and gap <= 1e-6 else "feasible"


class _Search:
    """The search for a plan; holds what its steps share."""

    def __init__(self, problem: Problem, coefficients: Coefficients, tier: FirstTier, settings: SiteSettings,
                 clock: SolveClock, on_progress: Callable[[Progress], None], bounding: BoundProcess) -> None:
        self.problem, self.coefficients, self.tier = problem, coefficients, tier
        self.settings, self.clock, self.on_progress = settings, clock, on_progress
        self.priced = coefficients
        self.guide = np.zeros(len(problem.demand.part_ids))
        self.best: float | None = None
        self.account: Books | None = None
        self._bounding = bounding
        self._trim_price = np.zeros(len(problem.network.materials))
        self._end_price = np.empty(0)
        self._unfilled: FirstTierPlan | None = None
        self._searches = 0
        self._first_tier = FirstTierSearch(problem, coefficients, tier)
        self._passes = settings.iterations / ITERATIONS_PER_PASS

    def _price_rules(self, price: Float) -> None:
        """Let openings pay for what they take of scarce rules, such as a budget, and earn what a rule asks for."""
        charged = with_row_prices(self.problem, self.coefficients, price)
        self.priced = replace(charged, open_cny_per_year=tuple(
            np.maximum(cost, LEAST_PRICE_SHARE * bare) for cost, bare in
            zip(charged.open_cny_per_year, self.coefficients.open_cny_per_year, strict=True)))

    def news(self, phase: str, share: float) -> Progress:
        """Where the search stands, with the bound so far."""
        bound = self._bounding.latest()
        if self.account is None or self.best is None:
            return Progress(phase, share, self.best, bound, None)
        return Progress(phase, share, self.best, bound, gap_of(self.best, bound, self.account.gross_cost_cny_per_year))

    def known(self, plan: Plan) -> None:
        """Remember what the best whole plan so far costs, for the news (a planned one is none under nearest)."""
        if self.problem.assignment == "nearest":
            return
        account = books(self.problem, plan)
        if self.best is None or account.objective_cny_per_year < self.best:
            self.best, self.account = account.objective_cny_per_year, account

    def quick_plan(self) -> Plan:
        """Relax the first tier, choose the upper tiers for its loads, then serve the parts with little effort."""
        problem, tier = self.problem, self.tier
        multipliers = blank(problem, self.coefficients)
        guess = end_price_guess(problem, self.coefficients)
        rules = row_limits(problem, tier)
        relaxed = relaxed_at(problem, self.coefficients, tier, multipliers, guess, rules=rules)
        self.on_progress(self.news("relaxation", 0.05))
        if relaxed is None:
            self.clock.hit = True
            return self._nothing()
        load = np.zeros((tier.site_count, len(problem.network.materials)))
        np.add.at(load, tier.site, problem.captured_t_per_day[tier.arc] * relaxed.arc_share[:, None])
        used = np.flatnonzero(load.sum(axis=1) > 1e-6)
        self._trim_price = guess
        supply = self._as_supply(load, used, np.argmin(tier.open_cny_per_year, axis=1), relaxed.open_share)
        self.clock.mark("relaxation")
        every = np.zeros(len(problem.site_rows))
        if rules is not None:
            every[rules.number] = relaxed.row_price
        best: tuple[float, Plan, _Search] | None = None
        for share in PRICE_SHARES if every.any() else (0.0,):
            trial = copy(self)
            trial._price_rules(share * every)
            trial.guide = relaxed.part_price
            plan = trial._quick_at(supply)
            cost = books(problem, plan).objective_cny_per_year
            if best is None or cost < best[0]:
                best = (cost, plan, trial)
        assert best is not None
        self.guide, self.priced, self._end_price = best[2].guide, best[2].priced, best[2]._end_price
        self._unfilled = best[2]._unfilled
        return best[1]

    def _quick_at(self, supply: Supply) -> Plan:
        """A plan for the loads of a relaxed first tier at the present prices of the side rules."""
        problem, tier = self.problem, self.tier
        limit_s = max(LEAST_UPPER_S, min(MOST_UPPER_S, self.clock.left_s()))
        choice = choose_upper_tiers(problem, self.priced, supply, gap=self.settings.gap, time_limit_s=limit_s,
                                    seed=self.settings.seed)
        self.clock.mark("upper_tiers")
        self.on_progress(self.news("upper_tiers", 0.15))
        if choice is None:
            self.clock.hit = True
            return self._nothing()
        self.clock.hit |= choice.hit_time_limit
        if not len(supply.site) or not all(len(opened.site) for opened in choice.open_sites):
            return self._nothing()
        upper = improve_upper(problem, self.priced, choice.open_sites, supply, time_limit_s=self.clock.left_s())
        keep = np.flatnonzero(tier.must_open)
        least = OpenSites(keep, np.argmin(tier.open_cny_per_year[keep], axis=1).astype(np.int64))
        lowest = with_minimums(problem, self.coefficients, (least, *upper), range(1))[0]
        start = FirstTierPlan(np.full(len(problem.demand.part_ids), -1, dtype=np.int64),
                              lowest.size_of(tier.site_count))
        self.clock.mark("upper_tiers")
        self._unfilled = self._search(upper, start, QUICK * self._passes, (0.2, 0.25), filled=False)
        return self._whole(upper, self._unfilled)

    def first_plan(self, quick: Plan) -> Plan:
        """The first tier searched in earnest, the upper tiers sized for what it brings, then filled."""
        upper = quick.open_sites[1:]
        if not all(len(opened.site) for opened in upper):
            return quick
        start = self._choices(quick) if self._unfilled is None else self._unfilled
        found = self._search(upper, start, MAIN * self._passes, (0.25, 0.6), filled=False, anew=True)
        upper = self._upper(upper, found)
        found = self._search(upper, found, ROUND * self._passes, (0.6, 0.65), filled=True)
        plan = self._settled(self._whole(upper, found))
        self.known(plan)
        def cost(p: Plan) -> float:
            return books(self.problem, p).objective_cny_per_year
        # walking in the quick plan is not settled yet: only then is it one that counts
        return min(self._settled(quick), plan, key=cost) if cost(quick) < cost(plan) else plan

    def _choices(self, plan: Plan) -> FirstTierPlan:
        return FirstTierPlan(plan.site_of_part, plan.open_sites[0].size_of(len(self.problem.sites[0])))

    def improve(self, plan: Plan) -> Plan:
        """Rounds of: better upper tiers for the plan's loads, then a better first tier that fills them."""
        best, value = plan, books(self.problem, plan).objective_cny_per_year
        rounds = self.settings.rounds
        for number in range(rounds):
            if self.clock.left_s() <= 0.0 or not all(len(opened.site) for opened in best.open_sites[1:]):
                break
            found = self._choices(best)
            upper = self._upper(best.open_sites[1:], found)
            share = 0.65 + 0.25 * number / rounds
            found = self._search(upper, found, ROUND * self._passes, (share, share + 0.25 / rounds), filled=True)
            other = self._settled(self._whole(upper, found))
            cost = books(self.problem, other).objective_cny_per_year
            if cost < value - 1.0:
                best, value = other, cost
            self.known(best)
        return best

    def _settled(self, plan: Plan) -> Plan:
        found = settle_and_improve(self.problem, self.coefficients, self.tier, plan, time_limit_s=self.clock.left_s())
        self.clock.mark("single_moves")
        return found

    def _upper(self, upper: tuple[OpenSites, ...], found: FirstTierPlan) -> tuple[OpenSites, ...]:
        """Better open sites above the first tier for what it brings."""
        better = improve_upper(self.problem, self.priced, upper, self._supply(found), time_limit_s=self.clock.left_s())
        self.clock.mark("upper_tiers")
        return better

    def _whole(self, upper: tuple[OpenSites, ...], found: FirstTierPlan) -> Plan:
        plan = assemble(self.problem, self.coefficients, upper, found.site_of_part, found.size_of_site)
        self.clock.mark("assembly")
        return plan

    def _supply(self, found: FirstTierPlan) -> Supply:
        arc = arc_of_part(self.problem, found.site_of_part)
        load = np.zeros((self.tier.site_count, len(self.problem.network.materials)))
        np.add.at(load, found.site_of_part[arc >= 0], self.problem.captured_t_per_day[arc[arc >= 0]])
        size = found.size_of_site
        opened = np.where((size < 0) & self.tier.must_open, np.argmin(self.tier.open_cny_per_year, axis=1), size)
        return self._as_supply(load, np.flatnonzero(load.sum(axis=1) > 0.0), opened, (opened >= 0).astype(np.float64))

    def _as_supply(self, load: Float, used: Int, size: Int, open_share: Float) -> Supply:
        """Loads with what the last tonnes among them are worth: the price of last-tier room they were captured at.

        `size` and `open_share` [J_0] say what the first tier takes of the side rules.
        """
        total = load[used].sum(axis=0)
        price = float(total @ self._trim_price) / max(float(total.sum()), 1e-12)
        return Supply(used, load[used], price, self._row_room(size, open_share))

    def _row_room(self, size: Int, open_share: Float) -> Float | None:
        """What a first tier leaves of the side rules, signed, [R]; None without rules."""
        rows = self.problem.rows
        if not len(rows):
            return None
        entries = rows.tiers[0]
        site, kind = np.divmod(entries.option, entries.sizes)
        here = size[site] == kind
        taken = np.bincount(entries.row[here], weights=entries.amount[here] * open_share[site[here]],
                            minlength=len(rows))
        return rows.most - taken

    def _search(self, upper: tuple[OpenSites, ...], start: FirstTierPlan, passes: float, span: tuple[float, float],
                *, filled: bool, anew: bool = False) -> FirstTierPlan:
        """The first tier improved under given upper tiers; see FirstTierSearch.better."""
        begin, end = span
        told, told_left_s = -1.0, np.inf

        def watch(share: float, _: float) -> float:
            nonlocal told, told_left_s
            left_s = self.clock.left_s()
            if share > told or told_left_s - left_s >= NEWS_EVERY_S:
                self.on_progress(self.news("search", begin + (end - begin) * share))
                told, told_left_s = share, left_s
            return left_s

        self._searches += 1
        found = self._first_tier.better(upper, start, self._supply(start), self.priced, self.guide, self._end_price,
                                        passes, filled=filled, anew=anew, seed=self.settings.seed + self._searches,
                                        watch=watch)
        self.guide, self._end_price = found.part_price, found.end_price
        self.clock.hit |= found.hit_time_limit
        self.clock.mark("search")
        return found.plan

    def as_residents_go(self, planned: Plan) -> Plan:
        """The best plan found in which residents use the nearest site, from the sites of a planned one."""
        def watch(share: float) -> bool:
            self.on_progress(self.news("search", 0.9 + 0.05 * share))
            return self.clock.left_s() <= 0.0

        found = nearest_plan(self.problem, self.coefficients, self.tier, planned, rounds=self.settings.rounds,
                             tries=NEAREST_TRIES * self.settings.iterations, seed=self.settings.seed, watch=watch)
        self.clock.mark("nearest")
        return self._nothing() if found is None else self.or_nothing(found)

    def or_nothing(self, plan: Plan) -> Plan:
        """The plan, or that of serving nobody where this is lawful and cheaper."""
        idle = self._nothing()
        if not lawful_sites(self.problem, idle.open_sites):
            return plan
        cost, idle_cost = (books(self.problem, p).objective_cny_per_year for p in (plan, idle))
        return idle if idle_cost < cost - 1.0 else plan

    def _nothing(self) -> Plan:
        problem = self.problem
        opened = []
        for level, sites in enumerate(problem.sites):
            keep = np.flatnonzero(sites.must_open)
            cost = np.where(sites.allowed, self.coefficients.open_cny_per_year[level], np.inf)
            opened.append(OpenSites(keep, np.argmin(cost[keep], axis=1).astype(np.int64)))
        materials = len(problem.network.materials)
        none = np.empty(0, dtype=np.int64)
        flows = tuple(Flows(none, none, np.empty((0, materials))) for _ in problem.legs)
        sites_open = with_minimums(problem, self.coefficients, tuple(opened), range(len(opened)))
        return Plan(sites_open, np.full(len(problem.demand.part_ids), -1, dtype=np.int64), flows,
                    SolveReport("no_plan", 0.0, None))
