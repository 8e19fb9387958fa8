"""The multipliers of the bound: what a certificate stores, and what is refused.

Everything here is a price >= 0 on a constraint; optimizer/bound.py turns prices into a bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from optimizer.links import Reach
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Scenario:
    """Multipliers that belong together: a price per part, per tonne at the last tier, and per unit of a side rule."""

    part_price: Float
    """CNY per year, [n]."""
    end_price: Float
    """CNY per year per t/day, [M]."""
    row: Float = field(default_factory=lambda: np.empty(0))
    """Per Problem.site_rows, CNY per year per unit of the rule, [R]."""
    reach: Reach | None = None
    """Links of its own, instead of the common ones."""
    area: Bool | None = None
    """Sites of the last tier it speaks of, [J_L]; None for all. Sites that must be open always belong to it."""


@dataclass(frozen=True)
class Multipliers:
    """Everything the bound needs besides the problem itself."""

    scenarios: tuple[Scenario, ...]
    link_part: Int
    link_site: Int
    link_value: Float
    site_per_t: tuple[Float, ...]
    """Per tier, [J_l]; empty for the first and the last tier."""
    site_per_m3: tuple[Float, ...]


class BadMultipliersError(ValueError):
    """Multipliers that are negative, not finite, or do not fit the problem."""


def check_multipliers(problem: Problem, multipliers: Multipliers) -> None:
    """Raise BadMultipliersError unless every multiplier is finite, not negative and of the right shape."""
    tiers = len(problem.sites)
    if len(multipliers.site_per_t) != tiers or len(multipliers.site_per_m3) != tiers:
        raise BadMultipliersError("site prices are needed for every tier, no more and no less")
    links = (multipliers.link_part, multipliers.link_site)
    if multipliers.link_part.ndim != 1 or any(a.dtype.kind != "i" for a in links):
        raise BadMultipliersError("links are pairs of whole numbers")
    n, materials, last = len(problem.demand.part_ids), len(problem.network.materials), len(problem.sites) - 1
    arrays = [(s.part_price, (n,)) for s in multipliers.scenarios]
    arrays += [(s.end_price, (materials,)) for s in multipliers.scenarios]
    arrays += [(s.row, (len(problem.site_rows),)) for s in multipliers.scenarios]
    arrays += [(multipliers.link_value, multipliers.link_part.shape)]
    for level in range(last + 1):
        shape = (len(problem.sites[level]),) if 0 < level < last else (0,)
        arrays += [(multipliers.site_per_t[level], shape), (multipliers.site_per_m3[level], shape)]
    for array, shape in arrays:
        if array.shape != shape or not np.isfinite(array).all() or (array < 0.0).any():
            raise BadMultipliersError(f"a multiplier of shape {array.shape} is negative, not finite or misplaced")
    _check_own_links(problem, multipliers)
    inside = ((multipliers.link_part >= 0) & (multipliers.link_part < n)
              & (multipliers.link_site >= 0) & (multipliers.link_site < len(problem.sites[1])))
    if not multipliers.scenarios or multipliers.link_site.shape != multipliers.link_part.shape or not inside.all():
        raise BadMultipliersError("there is no scenario, or a link names an unknown part or site")
    if last == 1 and len(multipliers.link_value):
        raise BadMultipliersError("links need a tier between the first and the last")


def _check_own_links(problem: Problem, multipliers: Multipliers) -> None:
    n, last = len(problem.demand.part_ids), len(problem.sites) - 1
    for scenario in multipliers.scenarios:
        area, reach = scenario.area, scenario.reach
        if area is not None and (area.shape != (len(problem.sites[last]),) or area.dtype != np.bool_):
            raise BadMultipliersError("an area is not one mark per site of the last tier")
        if reach is None:
            continue
        if last == 1:
            raise BadMultipliersError("links need a tier between the first and the last")
        for array in (reach.price, reach.share):
            if array.shape != (n,) or not np.isfinite(array).all() or (array < 0.0).any():
                raise BadMultipliersError("a reach is negative, not finite or misplaced")
        if (reach.site.shape != (n,) or reach.site.dtype.kind != "i"
                or not ((reach.site >= 0) & (reach.site < len(problem.sites[0]))).all()):
            raise BadMultipliersError("a reach is measured from an unknown site")


def link_table(problem: Problem, multipliers: Multipliers) -> Float | None:
    """Link multipliers as a table, [n, J_1]; None where there are none."""
    if len(multipliers.link_value) == 0:
        return None
    table = np.zeros((len(problem.demand.part_ids), len(problem.sites[1])))
    np.add.at(table, (multipliers.link_part, multipliers.link_site), multipliers.link_value)
    return table
