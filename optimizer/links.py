"""Link prices: what a part pays for using a site of tier 1, which pays for opening it.

Any prices >= 0 give a valid bound. A table of them would be large, so a certificate stores one number per part: how
much more than at its cheapest station it would be ready to pay (the form of the dual of uncapacitated facility
location, Erlenkotter 1978, Operations Research 26).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.prices import NO_WAY
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Reach:
    """A part pays a station what its reach exceeds the extra cost of that station over its cheapest one."""

    price: Float
    """CNY per year, [n]."""
    site: Int
    """The site of the first tier from which its ways are measured, [n]."""
    share: Float
    """The captured share with which they are measured, [n]."""


def extra_cost(problem: Problem, coefficients: Coefficients, onward: Float, site: Int, share: Float) -> Float:
    """What each site of tier 1 costs a part more than its cheapest one, [n, J_1], CNY per year.

    `onward` [J_1, M] from onward_prices; the part is taken to use `site` [n] with captured `share` [n].
    """
    generated = problem.demand.generated_t_per_day
    loads = generated @ problem.trips_per_t(0) * DAYS_PER_YEAR
    trip = np.minimum(coefficients.trip_cny[0], NO_WAY)[site]
    way = loads[:, None] * trip
    way += generated @ onward.T
    way -= way.min(axis=1, keepdims=True)
    way *= share[:, None]
    return way


def reach_links(problem: Problem, coefficients: Coefficients, onward: Float, reach: Reach) -> Float:
    """The link prices of a reach as a table, [n, J_1]."""
    return np.maximum(reach.price[:, None] - extra_cost(problem, coefficients, onward, reach.site, reach.share), 0.0)
