"""Bypass of a tier: sites below may send straight to the tier above it.

A direct way is a *virtual site* of the bypassed tier: one for each site of the tier above, which it stands for. It
costs nothing to open, handles nothing, holds anything, and leads to its own upper site alone, over no distance; the
drive to it is the whole drive to that upper site, with the vehicle that feeds the bypassed tier. A site below that is
served by a virtual site sends everything directly to one upper site, so single sourcing keeps its meaning. Searches,
bound and referee need to know nothing else. Virtual sites come after all real ones, and so does their size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.network import Network, Size, Tier, Title
from optimizer.plan import Flows, OpenSites, Plan
from optimizer.problem import Leg, Problem, Sites, SiteStatus

Float = NDArray[np.float64]
Int = NDArray[np.int64]

DIRECT = "direct"
"""Id and type of the size of virtual sites; their ids are `direct:<id of the upper site>`."""
ANY_T_PER_DAY = 1e7
"""Room of a virtual site: more than any network moves."""
TITLE = Title(zh="直运", en="Direct")


def direct_size() -> Size:
    """The size of virtual sites: no cost, no land, room for anything."""
    return Size(id=DIRECT, type=DIRECT, title=TITLE, capacity_t_per_day=ANY_T_PER_DAY, area_m2=0.0,
                build_cost_cny=0.0, fixed_cost_cny_per_year=0.0)


def bypassed(network: Network) -> tuple[int, ...]:
    """Numbers of the tiers that may be bypassed."""
    return tuple(number for number, tier in enumerate(network.tiers) if tier.bypass)


def with_direct_sizes(network: Network) -> Network:
    """The network with the size of virtual sites as the last size of every tier that may be bypassed."""
    def widened(tier: Tier) -> Tier:
        return tier.model_copy(update={"sizes": (*tier.sizes, direct_size())}) if tier.bypass else tier
    return network.model_copy(update={"tiers": tuple(widened(tier) for tier in network.tiers)})


def with_bypass(problem: Problem, direct: dict[int, Leg]) -> Problem:
    """The problem with virtual sites in every tier that may be bypassed.

    `direct[l]` holds the drives from tier l - 1 to tier l + 1, [J_l-1, J_l+1], with the vehicle that feeds tier l.
    ValueError where one is missing or of the wrong shape. A problem without bypass is returned as it is.
    """
    levels = bypassed(problem.network)
    if not levels:
        return problem
    sites, legs = list(problem.sites), list(problem.legs)
    for level in levels:
        shape = (len(problem.sites[level - 1]), len(problem.sites[level + 1]))
        if level not in direct or direct[level].loaded_m.shape != shape:
            raise ValueError(f"drives past tier {level} are needed as arrays of shape {shape}")
        upper = problem.sites[level + 1]
        legs[level - 1] = _joined(problem.legs[level - 1], direct[level], axis=1)
        legs[level] = _joined(problem.legs[level], _own_site_only(len(upper)), axis=0)
        sites[level] = _with_virtual(sites[level], upper)
    return replace(problem, network=with_direct_sizes(problem.network), sites=tuple(sites), legs=tuple(legs))


def with_direct(problem: Problem, upper: tuple[OpenSites, ...]) -> tuple[OpenSites, ...]:
    """Open sites of tiers 1 and up with exactly the virtual sites whose upper sites are open: they cost nothing."""
    out = list(upper)
    for level in range(1, len(upper)):
        stands_for = problem.sites[level].stands_for
        if stands_for is None:
            continue
        size = out[level - 1].size_of(len(stands_for))
        leads = (stands_for >= 0) & np.isin(stands_for, upper[level].site)
        size = np.where(stands_for < 0, size, np.where(leads, len(problem.network.tiers[level].sizes) - 1, -1))
        site = np.flatnonzero(size >= 0)
        out[level - 1] = OpenSites(site, size[site])
    return tuple(out)


def with_used_ways(problem: Problem, opened: tuple[OpenSites, ...], flows: tuple[Flows, ...]) -> tuple[OpenSites, ...]:
    """Open sites of all tiers with the virtual sites that some flow passes."""
    out = list(opened)
    for level, sites in enumerate(problem.sites):
        if level > 0 and sites.stands_for is not None:
            used = np.unique(flows[level - 1].destination)
            used = used[sites.virtual[used]]
            size = out[level].size_of(len(sites))
            size[used] = len(problem.network.tiers[level].sizes) - 1
            site = np.flatnonzero(size >= 0)
            out[level] = OpenSites(site, size[site])
    return tuple(out)


def without_virtual(problem: Problem, plan: Plan) -> Plan:
    """The plan with its real sites only, for counts and land; its flows still pass the virtual ones."""
    opened = []
    for sites, here in zip(problem.sites, plan.open_sites, strict=True):
        real = ~sites.virtual[here.site]
        opened.append(OpenSites(here.site[real], here.size[real]))
    return replace(plan, open_sites=tuple(opened))


def _with_virtual(sites: Sites, upper: Sites) -> Sites:
    count, sizes = len(upper), sites.allowed.shape[1]
    allowed = np.zeros((len(sites) + count, sizes + 1), dtype=bool)
    allowed[: len(sites), :sizes] = sites.allowed
    allowed[len(sites):, sizes] = True
    ground = sites.site_cost_cny_per_year
    if ground is not None and ground.ndim == 2:
        ground = np.pad(ground, ((0, count), (0, 1)))
    elif ground is not None:
        ground = np.pad(ground, (0, count))
    shares = {name: None if (own := getattr(sites, name)) is None else np.concatenate([own, np.ones(count)])
              for name in ("build_share", "fixed_share")}
    return replace(
        sites, **shares, ids=(*sites.ids, *(f"{DIRECT}:{name}" for name in upper.ids)), allowed=allowed,
        zone_of=np.concatenate([sites.zone_of, np.full(count, -1, dtype=np.int64)]),
        area_m2=np.concatenate([sites.area_m2, np.full(count, np.inf)]),
        status=np.concatenate([sites.status, np.full(count, SiteStatus.NEW, dtype=np.int64)]),
        closing_cost_cny=np.concatenate([sites.closing_cost_cny, np.zeros(count)]), site_cost_cny_per_year=ground,
        stands_for=np.concatenate([np.full(len(sites), -1, dtype=np.int64), np.arange(count)]))


def _own_site_only(count: int) -> Leg:
    way = np.where(np.eye(count, dtype=bool), 0.0, np.inf)
    return Leg(way, way, way, way)


def _joined(leg: Leg, more: Leg, axis: int) -> Leg:
    return Leg(*(np.concatenate([getattr(leg, name), getattr(more, name)], axis=axis)
                 for name in ("loaded_m", "loaded_s", "empty_m", "empty_s")))
