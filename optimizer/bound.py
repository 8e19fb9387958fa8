"""A lower bound on every plan of a problem, from stored multipliers, with numpy alone.

Lagrangian relaxation. Any multipliers >= 0 give a valid bound; good ones give a tight one.
- `part_price` dualises "a part uses at most one site"; what is left of the first tier is one 0-1 knapsack per
  site and size.
- links dualise "part i reaches station t only if t is open"; `site_per_t`, `site_per_m3` dualise the capacities of the
  tiers between the first and the last.
- `end_price` dualises "what arrives at the last tier fits into its sites"; every mix of sizes of the last tier is then
  tried (with every mix of the tier between, where there is one), each against the scenario that serves it best.
- A scenario may speak of an area only: then it counts for plans whose sites of the last tier lie inside.
- `row` dualises the side rules.
The downstream path of every walking arc is priced over all sites in closed form (optimizer/prices.py). What is left
out (`dropped`) leaves the bound valid.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.areas import over_choices
from optimizer.between import Between, between_mixes, each_between
from optimizer.configurations import TierSites, last_tier, mix_cost_cny_per_year, mixes, most_worth, possible
from optimizer.first_tier import FirstTier, choose, first_tier
from optimizer.links import reach_links
from optimizer.multipliers import BadMultipliersError, Multipliers, Scenario, check_multipliers, link_table
from optimizer.objectives import Coefficients
from optimizer.prices import ArcPrices, SitePrices, arc_prices, onward_prices, unserved_cny_per_year
from optimizer.problem import Problem, with_allowance

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

CELLS, PAIRS = 200_000, 2_000
"""Pairs of mixes evaluated together, and tried on choices of areas together; bounds memory."""
THREADS = 2
"""Scenarios evaluated at a time."""

@dataclass(frozen=True)
class Bound:
    """A lower bound and how it came about."""

    value_cny_per_year: float
    scenario_cny_per_year: tuple[float, ...]
    """First tier and the tiers between, per scenario, before the last tier's sites."""
    mixes_tried: int
    binding_mix: tuple[int, ...]
    """Extra sites of each size of the last tier in the mix that binds (empty where the ceiling binds)."""
    binding_area: Bool
    """The sites of the last tier among which the extra sites of the binding case lie, [J_L]."""
    dropped: tuple[str, ...]
    """Parts of the model the bound leaves out."""


def site_prices(problem: Problem, multipliers: Multipliers, end_price: Float) -> SitePrices:
    """The prices the multipliers put on tonnes entering the tiers above the first."""
    last = len(problem.sites) - 1
    def between(arrays: tuple[Float, ...]) -> tuple[Float | None, ...]:
        return tuple(arrays[level] if 0 < level < last else None for level in range(last + 1))
    return SitePrices(between(multipliers.site_per_t), between(multipliers.site_per_m3), end_price)


def priced_arcs(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, end_price: Float,
                link: Float | None, area: Bool | None = None) -> ArcPrices:
    """Every walking arc priced down to the end of the chain at the multipliers, over the sites of an area."""
    return arc_prices(problem, coefficients, onward_at(problem, coefficients, multipliers, end_price, area), link)


def onward_at(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, end_price: Float,
              area: Bool | None = None) -> Float:
    """Price of a tonne entering each site of tier 1 at the multipliers, [J_1, M]; the last tier within an area."""
    usable = None
    if area is not None:
        last = problem.sites[-1]
        within = last.allowed & (area | last.must_open)[:, None]
        usable = (*(sites.allowed for sites in problem.sites[:-1]), within)
    return onward_prices(problem, coefficients, site_prices(problem, multipliers, end_price), usable)[1]


def links_of(problem: Problem, coefficients: Coefficients, multipliers: Multipliers,
             scenario: Scenario) -> Float | None:
    """The link prices of a scenario, its own or the common ones, [n, J_1]; None where there are none."""
    if scenario.reach is None:
        return link_table(problem, multipliers)
    onward = onward_at(problem, coefficients, multipliers, scenario.end_price, scenario.area)
    return reach_links(problem, coefficients, onward, scenario.reach)


def with_row_prices(problem: Problem, coefficients: Coefficients, row: Float) -> Coefficients:
    """The coefficients with opening costs raised or lowered by the prices of the side rules."""
    charges = [problem.rows.charge(level, row) for level in range(len(problem.sites))]
    if all(charge is None for charge in charges):
        return coefficients
    opened = (cost if charge is None else cost + charge
              for cost, charge in zip(coefficients.open_cny_per_year, charges, strict=True))
    return replace(coefficients, open_cny_per_year=tuple(opened))


def with_row_prices_at_first(problem: Problem, tier: FirstTier, row: Float) -> FirstTier:
    """The first tier with opening costs raised or lowered by the prices of the side rules."""
    charge = problem.rows.charge(0, row)
    return tier if charge is None else replace(tier, open_cny_per_year=tier.open_cny_per_year + charge)


def between_tiers(problem: Problem, coefficients: Coefficients, multipliers: Multipliers,
                  link: Float | None) -> tuple[float, tuple[Float, ...]]:
    """Least cost of the tiers between first and last at the multipliers, and each site's margin of opening.

    The coefficients hold the prices of the side rules already (with_row_prices).
    """
    total, margins = 0.0, [np.empty(0)]
    for level in range(1, len(problem.sites) - 1):
        sites = problem.sites[level]
        volume = problem.capacity_m3_per_day(level)
        per_m3 = multipliers.site_per_m3[level][:, None]
        limited = np.where(np.isfinite(volume), with_allowance(volume), 0.0)[None, :]
        earned = multipliers.site_per_t[level][:, None] * with_allowance(problem.capacity_t_per_day(level))[None, :]
        earned = earned + np.where((per_m3 > 0.0) & ~np.isfinite(volume)[None, :], np.inf, per_m3 * limited)
        opened = np.where(sites.allowed, coefficients.open_cny_per_year[level] - earned, np.inf).min(axis=1)
        if level == 1 and link is not None:
            opened = opened - link.sum(axis=0)
        closed = coefficients.closed_cny_per_year[level]
        margin = opened - closed
        total += float(np.where(sites.must_open, opened, closed + np.minimum(margin, 0.0)).sum())
        margins.append(margin)
    return total, tuple(margins)


def most_arriving_t_per_day(problem: Problem) -> Float:
    """At least what could ever arrive at the last tier, per material, [M]: every part at its best arc."""
    best = np.zeros((len(problem.demand.part_ids), len(problem.network.materials)))
    np.maximum.at(best, problem.walk.part, problem.captured_t_per_day)
    passed = np.prod([problem.passed_share(level) for level in range(len(problem.sites) - 1)], axis=0)
    return np.asarray(best.sum(axis=0) * passed, dtype=np.float64)


def scenario_value(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, scenario: Scenario,
                   tier: FirstTier, link: Float | None) -> float:
    """First tier of the bound in one scenario, CNY per year, with every unserved part's penalty as the start.

    The tier holds the prices of the side rules already (with_row_prices_at_first).
    """
    arcs = priced_arcs(problem, coefficients, multipliers, scenario.end_price, link, scenario.area)
    value = arcs.value[tier.arc] + scenario.part_price[tier.part]
    chosen = choose(tier, value, pick=False)
    unserved = unserved_cny_per_year(problem, coefficients)
    return float(unserved.sum() - scenario.part_price.sum() + chosen.value.sum())


@dataclass(frozen=True)
class Case:
    """One scenario evaluated below the last tier."""

    scenario: Scenario
    priced: Coefficients
    """With the prices of the side rules."""
    first_cny_per_year: float
    """First tier and the constant of the side rules."""
    between_cny_per_year: float
    last: TierSites
    between: Between | None
    """Every mix of the one tier between; None where there are several, or too many mixes."""


def lower_bound(problem: Problem, coefficients: Coefficients, multipliers: Multipliers,
                ceiling_cny_per_year: float) -> Bound:
    """A value no plan can undercut, never above the ceiling (the objective of a known plan).

    Raises BadMultipliersError. Mixes of the last tier that cost more than the ceiling leaves are not listed.
    """
    if np.isnan(ceiling_cny_per_year):
        raise BadMultipliersError("the ceiling is not a number")
    return bound_of(problem, all_cases(problem, coefficients, multipliers), ceiling_cny_per_year)


def all_cases(problem: Problem, coefficients: Coefficients, multipliers: Multipliers) -> list[Case]:
    """Every scenario evaluated below the last tier. Raises BadMultipliersError."""
    check_multipliers(problem, multipliers)
    tier = first_tier(problem, coefficients)
    with ThreadPoolExecutor(THREADS) as threads:  # numpy leaves the interpreter free while it works
        return list(threads.map(lambda s: evaluated(problem, coefficients, multipliers, s, tier),
                                multipliers.scenarios))


def bound_of(problem: Problem, cases: list[Case], ceiling_cny_per_year: float) -> Bound:
    """The bound that evaluated scenarios give, never above the ceiling, with the rules it leaves out."""
    return replace(over_mixes(problem, cases, ceiling_cny_per_year), dropped=dropped_rules(problem))


def evaluated(problem: Problem, coefficients: Coefficients, multipliers: Multipliers, scenario: Scenario,
              tier: FirstTier) -> Case:
    """A scenario with what it proves below the last tier; the tier without prices of side rules."""
    charged = with_row_prices_at_first(problem, tier, scenario.row)
    priced = with_row_prices(problem, coefficients, scenario.row)
    link = links_of(problem, coefficients, multipliers, scenario)
    apart, _ = between_tiers(problem, priced, multipliers, link)
    first = scenario_value(problem, coefficients, multipliers, scenario, charged, link)
    between = None
    if len(problem.sites) == 3 and not multipliers.site_per_m3[1].any():
        links = np.zeros(len(problem.sites[1])) if link is None else link.sum(axis=0)
        between = between_mixes(problem, priced, links, multipliers.site_per_t[1], most_entering_t_per_day(problem))
    return Case(scenario, priced, first - problem.rows.credit(scenario.row), apart, last_tier(problem, priced), between)


def over_mixes(problem: Problem, cases: list[Case], ceiling: float) -> Bound:
    """The least over mixes of the upper tiers, and over where those of the last may lie, of the best case.

    Every mix of the last tier is met with every mix of the tier between, where there is one. Raises
    BadMultipliersError.
    """
    nowhere = np.zeros(len(problem.sites[-1]), dtype=np.bool_)
    base = tuple(case.first_cny_per_year + case.between_cny_per_year for case in cases)
    bound = Bound(ceiling, base, 0, (), nowhere, ())
    free = [(case.first_cny_per_year + case.between_cny_per_year + case.last.base_cny_per_year, number)
            for number, case in enumerate(cases) if not case.scenario.end_price.any() and case.scenario.area is None]
    if not free:
        raise BadMultipliersError("one scenario must leave the last tier unpriced and speak of all its sites")
    known, number = max(free)
    rows = mixes(cases[number].last, ceiling - known)
    if rows is None:  # too many mixes to be tried: each size opened as often as is cheapest, which may be a gain
        gain = float(cases[number].last.cost_cny_per_year.min(axis=0).sum())
        return replace(bound, value_cny_per_year=min(ceiling, known + gain))
    rows = rows[possible(problem, rows)]
    bound, supply = replace(bound, mixes_tried=len(rows)), most_arriving_t_per_day(problem)
    least = np.max([_without_between(case, rows, supply) for case in cases if case.scenario.area is None], axis=0,
                   initial=-np.inf)
    order = np.argsort(least, kind="stable")
    paired = max([len(case.between.rows) for case in cases if case.between is not None], default=1)
    block = max(1, CELLS // paired)
    for start in range(0, len(rows), block):
        here = order[start:start + block]
        here = here[least[here] < bound.value_cny_per_year]
        if len(here):
            bound = _over_pairs(problem, cases, rows[here], supply, bound)
    return bound


def _over_pairs(problem: Problem, cases: list[Case], rows: Int, supply: Float, bound: Bound) -> Bound:
    """The bound, or a lower one where some of the mixes, each with a mix of the tier between, undercuts it."""
    stations = next((len(case.between.rows) for case in cases if case.between is not None), 1)
    value = np.stack([_of_pairs(case, rows, supply, stations) for case in cases])
    everywhere = value[[case.scenario.area is None for case in cases]].max(axis=0, initial=-np.inf)
    areas = np.stack([np.ones_like(bound.binding_area) if c.scenario.area is None else c.scenario.area for c in cases])
    last = problem.sites[-1]
    pairs = np.flatnonzero(everywhere.ravel() < bound.value_cny_per_year)
    pairs = pairs[np.argsort(everywhere.ravel()[pairs], kind="stable")]
    for start in range(0, len(pairs), PAIRS):
        some = pairs[start:start + PAIRS]
        some = some[everywhere.ravel()[some] < bound.value_cny_per_year]
        if not len(some):
            break
        mix, station = np.divmod(some, stations)
        offered = ((rows[mix] > 0).astype(np.float64) @ last.allowed.T > 0.0) & ~last.must_open[None, :]

        def dearer(chosen: Bool, numbers: Int, mix: Int = mix) -> Float:
            return np.stack([_dearer_within(problem, case, chosen, rows[mix[numbers]]) for case in cases])

        least, where = over_choices(value[:, mix, station], areas, offered, rows[mix].sum(axis=1), dearer)
        worst = int(np.argmin(least))
        if least[worst] < bound.value_cny_per_year:
            bound = replace(bound, value_cny_per_year=float(least[worst]),
                            binding_mix=tuple(int(v) for v in rows[mix[worst]]), binding_area=where[worst])
    return bound


def _of_pairs(case: Case, rows: Int, supply: Float, stations: int) -> Float:
    """The bound of each mix of the last tier with each mix of the tier between in a case, [N, T]."""
    value = np.repeat(_without_between(case, rows, supply)[:, None], stations, axis=1)
    if case.between is not None:
        rest = each_between(case.last, rows, case.scenario.end_price, supply, case.between)
        fixed = case.first_cny_per_year + mix_cost_cny_per_year(case.last, rows)
        np.maximum(value, fixed[:, None] + rest, out=value)
    return value


def _dearer_within(problem: Problem, case: Case, chosen: Bool, rows: Int) -> Float:
    """What mixes cost more, at least, if their extra sites are among the chosen ones, [N]; inf where none fits."""
    last = problem.sites[-1]
    extra = case.priced.open_cny_per_year[-1] - case.priced.closed_cny_per_year[-1][:, None]
    free = np.where(last.allowed & (chosen & ~last.must_open)[:, None], extra, np.inf)
    if np.array_equal(chosen, last.allowed.any(axis=1) & ~last.must_open):
        return np.zeros(len(rows))
    most = min(int(rows.max(initial=0)), len(free))
    least = np.cumsum(np.concatenate([np.zeros((1, free.shape[1])), np.sort(free, axis=0)[:most]]), axis=0)
    within = least[np.minimum(rows, len(least) - 1), np.arange(rows.shape[1])]
    within = np.where(rows < len(least), within, np.inf).sum(axis=1)
    anywhere = case.last.cost_cny_per_year[rows, np.arange(rows.shape[1])].sum(axis=1)
    return np.asarray(within - anywhere)


def _without_between(case: Case, rows: Int, supply: Float) -> Float:
    """The bound of each mix in a case, every site between the tiers judged by itself, [N]."""
    worth = most_worth(case.last, rows, case.scenario.end_price, supply)
    start = case.first_cny_per_year + case.between_cny_per_year
    return np.asarray(start + mix_cost_cny_per_year(case.last, rows) - worth)


def most_entering_t_per_day(problem: Problem) -> float:
    """More can never leave the first tier: every part at its best arc, t/day."""
    best = np.zeros(len(problem.demand.part_ids))
    np.maximum.at(best, problem.walk.part, problem.captured_t_per_day.sum(axis=1))
    return float(best.sum())


def dropped_rules(problem: Problem) -> tuple[str, ...]:
    """Parts of the model that the bound leaves out (it stays valid), named for the report."""
    last = len(problem.sites) - 1
    out = ["single_sourcing_of_sites"] if problem.single_source else []
    if any(size.min_t_per_day > 0.0 for tier in problem.network.tiers for size in tier.sizes):
        out.append("minimum_throughput")
    if np.isfinite(problem.capacity_m3_per_day(last)).any():
        out.append("volume_of_last_tier")
    if any(not (accepts == accepts.any(axis=0)).all() for accepts in map(problem.accepts, range(1, last))):
        out.append("materials_of_open_sizes")
    if len(problem.sites[last]) > 1:
        out.append("single_sites_of_last_tier")
    if problem.assignment == "nearest":
        out.append("nearest_assignment")
    return tuple(out)
