"""The shape every term of the objective has: linear coefficients on open sites, trips, tonnes and unserved tonnes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.network import DAYS_PER_YEAR
from optimizer.problem import Leg, Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Kind = Literal["cost", "income", "penalty"]


@dataclass(frozen=True)
class Coefficients:
    """Linear coefficients; income is negative.

    open_cny_per_year[l]: [J_l, K_l] for an open site of a size. closed_cny_per_year[l]: [J_l] for a site left closed.
    walk_cny_per_t: [E] per tonne brought over a walking arc. trip_cny[l]: [J_l, J_l+1] per full load on a leg (times
    Problem.trips_per_t per tonne). entering_cny_per_t[l]: [M] per tonne that enters a tier. unserved_cny_per_t: [M]
    per tonne not served.
    """

    open_cny_per_year: tuple[Float, ...]
    closed_cny_per_year: tuple[Float, ...]
    walk_cny_per_t: Float
    trip_cny: tuple[Float, ...]
    entering_cny_per_t: tuple[Float, ...]
    unserved_cny_per_t: Float
    site_cny_per_t: tuple[Float, ...]
    """[J_l] per tonne that enters a site, on top of its tier's."""

    def arriving_cny_per_year(self, captured_t_per_day: Float, arc: Int | slice = slice(None)) -> Float:
        """CNY per year of tonnes [A, M] brought over arcs (rows of Walk, [A]) and taken in at the first tier, [A]."""
        tonnes = captured_t_per_day.sum(axis=1)
        entering = captured_t_per_day @ self.entering_cny_per_t[0]
        return np.asarray(DAYS_PER_YEAR * (entering + tonnes * self.walk_cny_per_t[arc]), dtype=np.float64)


@dataclass(frozen=True)
class Term:
    """A named term of the objective; gross cost is the sum of the terms of kind `cost`."""

    name: str
    kind: Kind
    coefficients: Callable[[Problem], Coefficients]


def zero(problem: Problem) -> Coefficients:
    """Coefficients of nothing, in the right shapes."""
    materials = len(problem.network.materials)
    return Coefficients(
        tuple(np.zeros(s.allowed.shape) for s in problem.sites),
        tuple(np.zeros(len(s)) for s in problem.sites),
        np.zeros(len(problem.walk.part)),
        tuple(np.zeros(leg.loaded_m.shape) for leg in problem.legs),
        tuple(np.zeros(materials) for _ in problem.sites),
        np.zeros(materials),
        tuple(np.zeros(len(s)) for s in problem.sites),
    )


def on_direct_ways(problem: Problem, per_t: tuple[float, ...]) -> tuple[Float, ...]:
    """Coefficients [J_l] per tier that hold `per_t[l]` at virtual sites (optimizer/bypass.py) and 0 elsewhere."""
    return tuple(np.where(s.virtual, cost, 0.0) for s, cost in zip(problem.sites, per_t, strict=True))


def no_trip_from_virtual(problem: Problem, trip_cny: list[Float]) -> tuple[Float, ...]:
    """Trip costs with none from virtual sites to the sites they stand for."""
    return tuple(np.where(s.virtual[:, None] & np.isfinite(trip), 0.0, trip)
                 for s, trip in zip(problem.sites, trip_cny, strict=False))


def finite(values: Float) -> Float:
    """Values with 0 where there is no way, so that a price of zero does not make nan of it."""
    return np.where(np.isfinite(values), values, 0.0)


def where_reachable(leg: Leg, cost: Float) -> Float:
    """Costs with inf where a leg has no way there or back."""
    return np.where(np.isfinite(leg.loaded_s) & np.isfinite(leg.empty_s), cost, np.inf)


def add(parts: Iterable[Coefficients]) -> Coefficients:
    """The sum of several coefficients of the same shapes."""
    items = list(parts)

    def summed(arrays: list[tuple[Float, ...]]) -> tuple[Float, ...]:
        return tuple(np.sum(np.stack(level), axis=0) for level in zip(*arrays, strict=True))

    return Coefficients(
        summed([c.open_cny_per_year for c in items]),
        summed([c.closed_cny_per_year for c in items]),
        np.sum(np.stack([c.walk_cny_per_t for c in items]), axis=0),
        summed([c.trip_cny for c in items]),
        summed([c.entering_cny_per_t for c in items]),
        np.sum(np.stack([c.unserved_cny_per_t for c in items]), axis=0),
        summed([c.site_cny_per_t for c in items]),
    )
