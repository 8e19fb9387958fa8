"""The best choice among columns of small reduced cost, by integer programming (OR-Tools MathOpt, HiGHS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.solvers.columns import (
    Columns,
    Packing,
    Prices,
    columns_below,
    idle_columns,
    joined,
    least_of_each_set,
)
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

Float = NDArray[np.float64]
Token = NDArray[np.uint64]

UNIT_CNY = 1e3
"""Money in the models handed to the engine."""
WIDE = 15
"""Columns listed per column tried."""
NARROWER = 0.7
"""The limit of reduced cost is cut to this share while too many columns are below."""
OPENING_SHARE = 1.0
"""Columns of a reduced cost above this share of a typical opening are never listed."""
SLACK_SHARE = 1e-9


@dataclass(frozen=True)
class ChoiceEffort:
    """How hard one choice is tried; counted, so that the answer is the same on every machine."""

    columns: int = 2_000
    nodes: int = 20
    gap_share: float = 2e-4


@dataclass(frozen=True)
class Choice:
    """The chosen columns, what they save, and what the best choice could save at most among those tried."""

    columns: Columns
    saved_cny_per_year: float
    possible_cny_per_year: float
    hit_time_limit: bool


def better_choice(packing: Packing, present: Columns, columns: Columns, effort: ChoiceEffort, *, held: bool,
                  fine: Float, time_limit_s: float) -> Choice:
    """The present columns, the first of `columns`, or better ones among these.

    Pools are limits only if `held`: priced pools alone make a far easier programme. An excess that is there already may
    stay, each unit at the cost `fine` [R]; it never grows.
    """
    drawn = packing.pools.draw[present.arc].sum(axis=0)
    beyond = drawn > packing.pools.limit * (1.0 + SLACK_SHARE)
    excess = np.where(beyond, drawn - packing.pools.limit, 0.0) if held else np.full(len(drawn), np.inf)
    model = choice_model(packing, columns, present, excess, fine if held else np.zeros(len(fine)))
    hint = np.zeros(len(model.cost))
    hint[:len(present)] = 1.0
    hint[len(columns):] = np.maximum(drawn - packing.pools.limit, 0.0)
    before = float(model.cost @ hint)
    answer = solve(model, time_limit_s=time_limit_s, start=hint, relative_gap=effort.gap_share,
                   node_limit=effort.nodes)
    possible = (before - answer.bound) * UNIT_CNY
    if answer.x is None or (before - answer.objective) * UNIT_CNY <= 1.0:
        return Choice(present, 0.0, possible, answer.hit_time_limit)
    chosen = columns.where(answer.x[:len(columns)] > 0.5)
    return Choice(chosen, (before - answer.objective) * UNIT_CNY, possible, answer.hit_time_limit)


def worth_trying(packing: Packing, present: Columns, prices: Prices, bound: float, effort: ChoiceEffort,
                 token: Token) -> Columns:
    """The present columns first, then those of least reduced cost at prices that prove a bound.

    No column dearer than the gap can be part of anything better. `token` [n] are random numbers, one per part.
    """
    gap = float(packing.cost(present).sum()) - bound
    opened = packing.fixed
    cutoff = min(gap, OPENING_SHARE * float(np.median(opened[np.isfinite(opened)])) + 1.0)
    listed = None
    while listed is None:
        listed = columns_below(packing, prices, cutoff, effort.columns, WIDE * effort.columns)
        cutoff = NARROWER * cutoff if cutoff > 1.0 else cutoff - abs(gap) - 1.0
    kept = least_of_each_set(listed, packing.reduced_cost(listed, prices), token[packing.tier.part], effort.columns)
    return joined([present, listed.where(kept), idle_columns(packing)], token[packing.tier.part])


def choice_model(packing: Packing, columns: Columns, present: Columns, excess: Float, fine: Float) -> LinearModel:
    """The integer programme over some columns; its last variables, one per pool, are what exceeds it.

    At most `excess` [R] at the price `fine` [R]. Side rules that the present columns exceed may stay so far exceeded.
    """
    tier, count, pools = packing.tier, len(columns), len(packing.pools.limit)
    parts, part_row = np.unique(tier.part[columns.arc], return_inverse=True)
    sites, site_row = np.unique(columns.site, return_inverse=True)
    rows = RowBuilder()
    rows.put(rows.block(len(parts), upper=1.0) + part_row, columns.owner, 1.0)
    rows.put(rows.block(len(sites), upper=1.0) + site_row, np.arange(count), 1.0)
    drawn = columns.total(packing.pools.draw)
    column, pool = np.nonzero(drawn > 0.0)
    shared = rows.block(pools, upper=packing.pools.limit)
    rows.put(shared + pool, column, drawn[column, pool])
    rows.put(shared + np.arange(pools), count + np.arange(pools), -1.0)
    if packing.rules is not None:
        at, rule, amount = packing.rules.entries(columns.site, columns.size)
        most = np.maximum(packing.rules.most, packing.rules.taken(present.site, present.size))
        rows.put(rows.block(len(most), upper=most) + rule, at, amount)
    whole = np.arange(count + pools) < count
    return LinearModel(np.concatenate([packing.cost(columns), fine]) / UNIT_CNY, np.zeros(count + pools),
                       np.concatenate([np.ones(count), excess]), whole, rows.rows())
