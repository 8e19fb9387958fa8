"""What an edit may change: the old plan in the words of the edited problem, and the sites around the edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.plan import Flows, OpenSites, Plan
from optimizer.problem import Problem, Sites, SiteStatus

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Place = tuple[int, int]
"""Tier and candidate."""


@dataclass(frozen=True)
class Scope:
    """Candidates that may open, close or change size, [J_l] per tier."""

    may_change: tuple[Bool, ...]

    def any(self) -> bool:
        """Whether anything may change."""
        return any(mask.any() for mask in self.may_change)

    def all(self) -> bool:
        """Whether everything may change."""
        return all(mask.all() for mask in self.may_change)


def everywhere(problem: Problem) -> Scope:
    """Everything may change."""
    return Scope(tuple(np.ones(len(sites), dtype=bool) for sites in problem.sites))


def carried(old: Problem, plan: Plan, new: Problem) -> Plan:
    """A plan of one problem in the indices of another, by ids; what names a site or part that is gone is left out.

    Both must have the same network. The result need not be lawful.
    """
    to = [_index(a.ids, b.ids) for a, b in zip(old.sites, new.sites, strict=True)]
    part = _index(old.demand.part_ids, new.demand.part_ids)
    site_of_part = np.full(len(new.demand.part_ids), -1, dtype=np.int64)
    served = np.flatnonzero((plan.site_of_part >= 0) & (part >= 0))
    site_of_part[part[served]] = to[0][plan.site_of_part[served]]
    opened = []
    for rows, now in zip(plan.open_sites, to, strict=True):
        stays = now[rows.site] >= 0
        order = np.argsort(now[rows.site[stays]], kind="stable")
        opened.append(OpenSites(now[rows.site[stays]][order], rows.size[stays][order]))
    flows = []
    for leg, flow in enumerate(plan.flows):
        origin, destination = to[leg][flow.origin], to[leg + 1][flow.destination]
        stays = (origin >= 0) & (destination >= 0)
        flows.append(Flows(origin[stays], destination[stays], flow.t_per_day[stays]))
    return Plan(tuple(opened), site_of_part, tuple(flows), plan.report)


def _index(old: Sequence[str], new: Sequence[str]) -> Int:
    """Position in `new` of each id of `old`, -1 where it is gone."""
    position = {name: n for n, name in enumerate(new)}
    return np.array([position.get(name, -1) for name in old], dtype=np.int64)


def surroundings(problem: Problem, plan: Plan, edited: Sequence[Place]) -> Scope:
    """The zones of edited sites and the sites they feed: what an edit may change at all.

    A site outside every zone counts to the same zone as all others outside.
    """
    masks = [np.zeros(len(sites), dtype=bool) for sites in problem.sites]
    zones = {int(problem.sites[level].zone_of[row]) for level, row in edited}
    for level, sites in enumerate(problem.sites):
        masks[level] |= np.isin(sites.zone_of, sorted(zones))
    on_path = [np.zeros(len(sites), dtype=bool) for sites in problem.sites]
    for level, row in edited:
        on_path[level][row] = True
    for leg, flow in enumerate(plan.flows):  # upwards: what edited sites feed
        on_path[leg + 1][flow.destination[on_path[leg][flow.origin]]] = True
    for level, mask in enumerate(masks):
        mask |= on_path[level]
    return Scope(tuple(masks))


def neighbourhood(problem: Problem, plan: Plan, edited: Sequence[Place]) -> Scope:
    """The part of the surroundings that is searched: sites that share walking arcs with edited ones.

    Edited sites above the first tier bring all points they handle, and their zone on their own tier and above.
    """
    wide = surroundings(problem, plan, edited)
    masks = [np.zeros(len(sites), dtype=bool) for sites in problem.sites]
    points = np.array([row for level, row in edited if level == 0], dtype=np.int64)
    masks[0][_sharing_walks(problem, points)] = True
    for level, row in edited:
        if level > 0:
            for above in range(level, len(masks)):
                masks[above] |= wide.may_change[above]
            if level == 1:
                first = plan.flows[0]
                masks[0][first.origin[first.destination == row]] = True
        masks[level][row] = True
    return Scope(tuple(mask & area for mask, area in zip(masks, wide.may_change, strict=True)))


def _sharing_walks(problem: Problem, sites: Int) -> Int:
    """Candidates of the first tier that share a demand part with some sites."""
    if not len(sites):
        return sites
    walk = problem.walk
    shape = (len(problem.sites[0]), len(problem.demand.part_ids))
    member = csr_array((np.ones(len(walk.site)), (walk.site, walk.part)), shape=shape)
    parts = np.unique(member[sites].indices)
    return np.unique(walk.site[np.isin(walk.part, parts)])


def held_outside(problem: Problem, plan: Plan, scope: Scope) -> Problem:
    """The problem with every site outside the scope held at its state in the plan, open ones at their size.

    Costs must be computed on the problem itself: here, held sites count as existing. Direct ways past a tier are
    never held: they are no sites.
    """
    return replace(problem, sites=tuple(
        _held(sites, opened, mask)
        for sites, opened, mask in zip(problem.sites, plan.open_sites, scope.may_change, strict=True)))


def _held(sites: Sites, opened: OpenSites, mask: Bool) -> Sites:
    size = opened.size_of(len(sites))
    still = ~mask & ((size >= 0) | ~sites.must_open) & ~sites.virtual
    rows, allowed = np.arange(len(sites)), sites.allowed.copy()
    allowed[still] = False
    lawful = still & (size >= 0) & sites.allowed[rows, np.maximum(size, 0)]
    allowed[rows[lawful], size[lawful]] = True
    return replace(sites, allowed=allowed, status=np.where(lawful, SiteStatus.KEEP, sites.status).astype(np.int64))


@dataclass(frozen=True)
class EditedPlaces:
    """Sites that edits touch: those of the old problem that lose their state, those of the new one that get theirs."""

    old: tuple[Place, ...]
    new: tuple[Place, ...]

    def __len__(self) -> int:
        return len(self.old) + len(self.new)


def scopes_of(old: Problem, plan: Plan, new: Problem, start: Plan, places: EditedPlaces) -> tuple[Scope, Scope]:
    """In the new problem: what is searched around the edits, and the surroundings that may change at all."""
    both = []
    for around in (neighbourhood, surroundings):
        masks = [np.zeros(len(sites), dtype=bool) for sites in new.sites]
        if places.old:
            before = around(old, plan, places.old)
            for level, mask in enumerate(masks):
                at = _index(new.sites[level].ids, old.sites[level].ids)
                mask |= (at >= 0) & before.may_change[level][np.maximum(at, 0)]
        if places.new:
            for mask, now in zip(masks, around(new, start, places.new).may_change, strict=True):
                mask |= now
        both.append(Scope(tuple(masks)))
    return both[0], both[1]
