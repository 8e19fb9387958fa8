"""Upper tiers made to hold given loads with every open site at its minimum throughput."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites
from optimizer.problem import Problem
from optimizer.solvers.assignment import path_cost, send_on, serve_points, upward
from optimizer.solvers.upper_search import improve_upper, upper_cost
from optimizer.solvers.upper_tiers import Supply, choose_upper_tiers
from optimizer.solvers.whole_upper import few_columns, whole_upper

Int = NDArray[np.int64]
Upper = tuple[OpenSites, ...]


def mended(problem: Problem, coefficients: Coefficients, upper: Upper,
           supply: Supply) -> tuple[Upper, tuple[Flows, ...]] | None:
    """Upper tiers that hold the loads lawfully, and all flows; None where none was found.

    Few points and stations are settled by one integer programme. Else these are tried in order, and the first that
    works counts: single changes (improve_upper), other tiers by the programme that splits points, and the given tiers
    with the emptiest station or last-tier site closed, again and again.
    """
    if len(supply.site) and few_columns(problem, supply):
        found, sure = whole_upper(problem, coefficients, supply)
        flows = None if found is None else _flows(problem, coefficients, found.open_sites, supply, found.station)
        if found is not None and flows is not None:
            return found.open_sites, flows
        if found is None and sure:
            return None
    tried: set[bytes] = set()
    for other in _attempts(problem, coefficients, upper, supply):
        key = b"".join(part.tobytes() for opened in other for part in (opened.site, opened.size))
        if key in tried:
            continue
        tried.add(key)
        if np.isfinite(upper_cost(problem, coefficients, other, supply)):
            flows = served(problem, coefficients, other, supply)
            if flows is not None:
                return other, flows
    return None


def served(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply) -> tuple[Flows, ...] | None:
    """All flows of loads through given upper tiers, [legs]; None where they do not fit or reach no minimum."""
    up = upward(problem, coefficients, upper)
    choice = serve_points(problem, up, supply.site, supply.t_per_day)
    return None if choice is None else _flows(problem, coefficients, upper, supply, up.station[choice])


def _flows(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply,
           station: Int) -> tuple[Flows, ...] | None:
    """All flows with the station of each point given; None where they do not fit above."""
    arriving = np.zeros((len(upper[0].site), supply.t_per_day.shape[1]))
    np.add.at(arriving, np.searchsorted(upper[0].site, station), supply.t_per_day)
    above = send_on(problem, coefficients, upper, arriving)
    return None if above is None else (Flows(supply.site, station, supply.t_per_day), *above)


def _attempts(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply) -> Iterator[Upper]:
    if not len(supply.site) or not all(len(opened.site) for opened in upper):
        return
    yield improve_upper(problem, coefficients, upper, supply)
    choice = choose_upper_tiers(problem, coefficients, supply, gap=0.01, time_limit_s=20.0, seed=1)
    if choice is not None:
        yield improve_upper(problem, coefficients, choice.open_sites, supply)
        yield choice.open_sites
    for level in range(len(upper)):
        fewer = upper
        while len(fewer[level].site) > 1:
            reduced = _without_emptiest(problem, coefficients, fewer, level, supply)
            if reduced is None:
                break
            fewer = reduced
            yield improve_upper(problem, coefficients, fewer, supply)


def _without_emptiest(problem: Problem, coefficients: Coefficients, upper: Upper, level: int,
                      supply: Supply) -> Upper | None:
    """The tiers without the site of a tier that would get least if everybody took the cheapest station.

    Above the stations the smallest site goes. None where all of them must stay.
    """
    opened = upper[level]
    if level == 0:
        up = upward(problem, coefficients, upper)
        nearest = np.argmin(path_cost(problem, up, supply.site, supply.t_per_day), axis=1)
        load = np.bincount(nearest, weights=supply.t_per_day.sum(axis=1), minlength=len(opened.site)).astype(float)
    else:
        load = problem.capacity_t_per_day(level + 1)[opened.size]
    free = ~problem.sites[level + 1].must_open[opened.site]
    if not free.any():
        return None
    gone = int(np.argmin(np.where(free, load, np.inf)))
    rest = np.arange(len(opened.site)) != gone
    return (*upper[:level], OpenSites(opened.site[rest], opened.size[rest]), *upper[level + 1:])
