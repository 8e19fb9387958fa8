"""Generated cities (tests/benchmarks/city_generator.py): the three tiers of the bundled network, thousands of sites.

The instance file holds the generator's parameters. The referee checks the plan by the rules of the model
(optimizer/check.py) and adds up its cost from the problem's own figures, tonne by tonne, in plain Python. The gap is a
share of gross cost, as in a study.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.accounts import books
from optimizer.check import check_plan
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.siting import SiteSettings, site_network
from tests.benchmarks.city_generator import FAMILY, PROBLEM, City, generate
from tests.benchmarks.siting_registry import Bar, Benchmark, Row
from tests.optimizer.brute_force import DAYS, Prices

SEARCH_SHARE = 0.9
"""Share of the time limit that the search may take; the bound's last evaluation comes after it."""
ITERATIONS = 10_000
"""More than a study's default: ten minutes are allowed."""
MOST_FAULTS = 20
"""Faults that are written down."""


@dataclass(frozen=True)
class Answer:
    """A plan and what the solver claims, CNY per year."""

    status: str
    objective: float
    bound: float
    gap: float
    gap_base: float
    """Gross cost of the plan."""
    maximise: bool
    reason: str
    plan: Plan


def read(path: Path, row: Row) -> Problem:
    """The city that a file's parameters stand for."""
    del row
    given = json.loads(path.read_text(encoding="utf-8"))
    given["capacity_multiple"] = tuple(given["capacity_multiple"])
    return generate(City(**given))


def solve(problem: Problem, time_limit_s: float, seed: int) -> Answer:
    """A plan and its bound by the siting core."""
    found = site_network(problem, SiteSettings(time_limit_s=SEARCH_SHARE * time_limit_s, seed=seed,
                                                iterations=ITERATIONS))
    report, gross = found.plan.report, books(problem, found.plan).gross_cost_cny_per_year
    bound = math.nan if report.bound_cny_per_year is None else report.bound_cny_per_year
    gap = (report.objective_cny_per_year - bound) / gross if gross > 0.0 else math.nan
    return Answer(report.status, report.objective_cny_per_year, bound, gap, gross, False, "", found.plan)


def referee(problem: Problem, answer: Answer) -> tuple[float, list[str]]:
    """The plan's yearly cost, added up from the problem's figures, and what is wrong with it."""
    faults = [f"{fault.code} {fault.subject_id}: {fault.text}" for fault in check_plan(problem, answer.plan)]
    if len(faults) > MOST_FAULTS:
        faults = [*faults[:MOST_FAULTS], f"and {len(faults) - MOST_FAULTS} more"]
    try:
        return _cost(problem, answer.plan), faults
    except KeyError as error:
        return math.nan, [*faults, f"no walking arc {error}"]


def _cost(problem: Problem, plan: Plan) -> float:
    prices, walk, materials = Prices(problem), problem.walk, range(len(problem.network.materials))
    arcs = {pair: e for e, pair in enumerate(zip(walk.part.tolist(), walk.site.tolist(), strict=True))}
    entering = [[prices.entering(level, m) for m in materials] for level in range(len(problem.sites))]
    total = 0.0
    for level, opened in enumerate(plan.open_sites):
        size_at = dict(zip(opened.site.tolist(), opened.size.tolist(), strict=True))
        total += sum(prices.open(level, j, size_at[j]) if j in size_at else prices.closed(level, j)
                     for j in range(len(problem.sites[level])))
    generated, share = problem.demand.generated_t_per_day.tolist(), walk.captured_share.tolist()
    for part, site in enumerate(plan.site_of_part.tolist()):
        if site < 0:
            total += prices.unserved(part)
            continue
        e = arcs[part, site]
        total += sum(DAYS * generated[part][m] * share[e] * (entering[0][m] + prices.bringing(e)) for m in materials)
    for leg, flow in enumerate(plan.flows):
        for a, b, tonnes in zip(flow.origin.tolist(), flow.destination.tolist(), flow.t_per_day.tolist(), strict=True):
            total += sum(DAYS * tonnes[m] * (prices.haul(leg, a, b, m) + entering[leg + 1][m])
                         for m in materials if tonnes[m])
    return float(total)


def solution_json(problem: Problem, answer: Answer) -> dict[str, Any]:
    """Open sites with their sizes, the site of every part, how many tonnes flow where, and the seconds per phase."""
    plan = answer.plan
    through = books(problem, plan)
    return {"tiers": [{"id": tier.id, "open": len(opened.site),
                       "by_size": np.bincount(opened.size, minlength=len(tier.sizes)).tolist()}
                      for tier, opened in zip(problem.network.tiers, plan.open_sites, strict=True)],
            "size_of_site": [dict(zip(o.site.tolist(), o.size.tolist(), strict=True)) for o in plan.open_sites],
            "site_of_part": plan.site_of_part.tolist(), "unserved_parts": int((plan.site_of_part < 0).sum()),
            "flows": [[f.origin.tolist(), f.destination.tolist(), f.t_per_day.round(9).tolist()] for f in plan.flows],
            "terms_cny_per_year": through.terms_cny_per_year, "gross_cost_cny_per_year": answer.gap_base,
            "claimed_gap": answer.gap, "seconds": plan.report.seconds}


BENCHMARKS = (
    Benchmark(FAMILY, (PROBLEM,), read, solve, referee, solution_json,
              Bar(seconds=600.0, peak_rss_mb=6000.0, gap=0.04)),
)
