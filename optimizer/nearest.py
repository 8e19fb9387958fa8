"""The rule of nearest assignment: residents use the nearest open site, and fill it in order of distance.

A site is *in use* if at least one demand part uses it; open sites that nobody uses (such as existing ones that must
stay where no vehicle comes) are passed by. The rule, for the sites in use and their sizes:

1. Each part belongs to the site in use with the shortest walk among its walking arcs; equally near ones by site id.
2. The parts of a site come in order of walk, equally near ones by part id. A part that still has room as a whole
   (households, t/day, m3/day of the site's size, besides those before it) is served; one that has not is left out,
   and the next one tries.
3. Who is left out goes nowhere else: unserved, because the nearest site is full.

So sites in use and sizes alone decide who goes where: nothing is left to choose, and anyone can check it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import capacity_of_sizes, use_of_arcs
from optimizer.plan import Plan
from optimizer.problem import FULL_SHARE, Problem
from optimizer.tours_check import Violation

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

NOT_NEAREST, LEFT_OUT, OUT_OF_TURN = "not_nearest_site", "nearest_site_has_room", "nearest_site_is_full"


def rank_of_ids(ids: tuple[str, ...]) -> Int:
    """Place of each id in the sorted list of ids, [len(ids)]: ties are settled by it."""
    rank = np.empty(len(ids), dtype=np.int64)
    rank[np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)] = np.arange(len(ids))
    return rank


def arcs_by_walk(problem: Problem) -> Int:
    """Rows of Problem.walk by part, each part's shortest walk first, equally long ones by site id, [E]."""
    walk = problem.walk
    return np.lexsort((rank_of_ids(problem.sites[0].ids)[walk.site], walk.distance_m, walk.part))


def nearest_arcs(problem: Problem, in_use: Bool) -> Int:
    """The walking arc of each part to its nearest site in use, -1 where none is within the walking limit, [n].

    `in_use` is [J_0].
    """
    order = arcs_by_walk(problem)
    order = order[in_use[problem.walk.site[order]]]
    part = problem.walk.part[order]
    first = np.flatnonzero(np.diff(part, prepend=-1) > 0)
    out = np.full(len(problem.demand.part_ids), -1, dtype=np.int64)
    out[part[first]] = order[first]
    return out


def nearest_assignment(problem: Problem, size_of_site: Int) -> Int:
    """The site each part uses under the rule, -1 where it has none or is left out, [n].

    `size_of_site` [J_0] is the size index of each site in use, -1 of all others.
    """
    arc = nearest_arcs(problem, size_of_site >= 0)
    coming = np.flatnonzero(arc >= 0)
    part_rank = rank_of_ids(problem.demand.part_ids)
    coming = coming[np.lexsort((part_rank[coming], problem.walk.distance_m[arc[coming]]))]
    use = use_of_arcs(problem, arc[coming])
    room = capacity_of_sizes(problem)[size_of_site] * (1.0 + FULL_SHARE)
    filled = np.zeros_like(room)
    out = np.full(len(arc), -1, dtype=np.int64)
    for part, taken, site in zip(coming.tolist(), use, problem.walk.site[arc[coming]].tolist(), strict=True):
        after = filled[site] + taken
        if (after <= room[site]).all():
            filled[site], out[part] = after, site
    return out


def check_nearest(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Every part that is not where the rule puts it. Parts must use open sites (check that first)."""
    size = plan.open_sites[0].size_of(len(problem.sites[0]))
    in_use = np.zeros(len(size), dtype=bool)
    in_use[plan.site_of_part[plan.site_of_part >= 0]] = True
    due = nearest_assignment(problem, np.where(in_use, size, -1))
    nearest = nearest_arcs(problem, in_use & (size >= 0))
    ids = problem.sites[0].ids
    for part in np.flatnonzero(plan.site_of_part != due).tolist():
        own = int(plan.site_of_part[part])
        at = ids[int(problem.walk.site[nearest[part]])] if nearest[part] >= 0 else ""
        if own >= 0 and ids[own] != at:
            yield Violation(NOT_NEAREST, problem.demand.part_ids[part], f"uses '{ids[own]}', the nearest is '{at}'")
        elif own >= 0:
            yield Violation(OUT_OF_TURN, problem.demand.part_ids[part], f"'{at}' has no room left in order of distance")
        else:
            yield Violation(LEFT_OUT, problem.demand.part_ids[part], f"unserved although '{at}' has room for it")
