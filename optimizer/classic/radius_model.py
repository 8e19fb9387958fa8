"""The radius (telescoping) model of "open p sites": one variable per client and distinct cost, not per arc.

z_ik = 1 when no open site serves client i at its k-th cost D_ik or less; the client then pays D_i,k+1 - D_ik more
(Cornuejols, Nemhauser, Wolsey 1980; Elloumi 2010).  z_ik + sum of y_j with c_ij = D_ik  >=  z_i,k-1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.classic.arcs import Arcs, nearest_open
from optimizer.classic.common import Bool, Float, Int
from optimizer.solvers.linear import LinearModel, RowBuilder


@dataclass(frozen=True)
class RadiusModel:
    """The integer model, and which of its first variables is which site."""

    model: LinearModel
    site: Int
    """Candidate of each of the first variables."""
    constant: float
    """What every plan costs on top of the model's objective."""
    level: tuple[Int, Float]
    """Of each further variable: the client and the cost level D_ik."""

    def start(self, served_cost: Float, is_open: Bool) -> Float:
        """The variables of a plan, from what each client costs in it."""
        client, cost = self.level
        return np.concatenate([is_open[self.site].astype(np.float64), (served_cost[client] > cost).astype(np.float64)])


def radius_model(arcs: Arcs, p: int, fixed_open: Bool) -> RadiusModel:
    """The model over the sites that still have arcs or are fixed open; sites to be left out must have no arc.

    Arcs that cost more than a client's cheapest fixed-open site, or than staying outside, are dropped.
    """
    arcs = arcs.keep(arcs.cost < arcs.outside[arcs.client])
    limit = nearest_open(arcs, fixed_open).first_cost
    arcs = arcs.keep(arcs.cost <= limit[arcs.client])
    client = arcs.client
    used = np.zeros(arcs.sites, dtype=bool)
    used[arcs.site] = True
    site = np.flatnonzero(used | fixed_open)
    number = np.full(arcs.sites, -1, dtype=np.int64)
    number[site] = np.arange(len(site))

    starts = _new_level(client, arcs.cost)
    level_of_arc = np.cumsum(starts) - 1
    level_client, level_cost = client[starts], arcs.cost[starts]
    last = np.concatenate([level_client[1:] != level_client[:-1], [True]]) if len(level_client) else np.zeros(0, bool)
    after = np.where(last, limit[level_client], np.append(level_cost[1:], 0.0)[: len(level_cost)])
    jump = after - level_cost
    must = ~np.isfinite(jump)  # nothing beyond the last level: it has to serve
    jump[must] = 0.0
    first_level = np.concatenate([[True], level_client[1:] != level_client[:-1]]) if len(level_client) else last
    rows = RowBuilder()
    count = len(level_cost)
    z = len(site) + np.arange(count)
    cover = rows.block(count, lower=first_level.astype(np.float64))
    rows.put(cover + np.arange(count), z, 1.0)
    rows.put(cover + np.flatnonzero(~first_level), z[np.flatnonzero(~first_level)] - 1, -1.0)
    rows.put(cover + level_of_arc, number[arcs.site], 1.0)
    exactly = rows.block(1, lower=float(min(p, len(site))), upper=float(p))
    rows.put(np.full(len(site), exactly), np.arange(len(site)), 1.0)
    model = LinearModel(
        cost=np.concatenate([np.zeros(len(site)), jump]),
        lower=np.concatenate([fixed_open[site].astype(np.float64), np.zeros(count)]),
        upper=np.concatenate([np.ones(len(site)), (~must & (jump > 0)).astype(np.float64)]),
        integer=np.concatenate([np.ones(len(site), dtype=bool), np.zeros(count, dtype=bool)]), rows=rows.rows())
    served = np.diff(arcs.first) > 0
    constant = float(arcs.cost[arcs.first[:-1][served]].sum() + limit[~served].sum())
    return RadiusModel(model, site, constant, (level_client, level_cost))


def _new_level(client: Int, cost: Float) -> Bool:
    """Where a client's next distinct cost begins."""
    if len(client) == 0:
        return np.zeros(0, dtype=bool)
    return np.concatenate([[True], (client[1:] != client[:-1]) | (cost[1:] != cost[:-1])])
