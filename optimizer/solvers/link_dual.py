"""Prices on links between parts and stations: the dual of an uncapacitated siting problem, by subgradient.

For fixed loads of the parts, stations with a fixed cost are to be opened and every part sent to an open one. The dual
asks for v_i with the excesses max(0, v_i - c_it) as the price of using a station, so that no station earns more than
its fixed cost (Erlenkotter 1978, Operations Research 26).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

STEPS = 250
PATIENCE = 12


def link_prices(path_cost: Float, fixed_cost: Float, steps: int = STEPS) -> Float:
    """Price of each link, [n, J], >= 0, from path costs [n, J] and fixed costs [J], CNY per year.

    Rows without any cost (parts that send nothing) get none.
    """
    price = np.partition(path_cost, 1, axis=1)[:, 1].copy() if path_cost.shape[1] > 1 else path_cost[:, 0].copy()
    best_value, best_price = -np.inf, price.copy()
    upper = float((path_cost + 0.0).min(axis=1).sum() + fixed_cost.min() * np.sqrt(len(fixed_cost)))
    factor, waited = 1.0, 0
    direction = np.zeros_like(price)
    for _ in range(steps):
        excess = np.maximum(price[:, None] - path_cost, 0.0)
        surplus = fixed_cost - excess.sum(axis=0)
        value = float(price.sum() + np.minimum(surplus, 0.0).sum())
        if value > best_value + 1e-9 * abs(value):
            best_value, best_price, waited = value, price.copy(), 0
        else:
            waited += 1
            if waited >= PATIENCE:
                factor, waited, price = factor * 0.6, 0, best_price.copy()
                direction[:] = 0.0
                continue
        used = (excess > 0.0) & (surplus < 0.0)[None, :]
        slope = 1.0 - used.sum(axis=1)
        direction = 0.7 * direction + 0.3 * slope
        norm = float(direction @ direction)
        if norm < 1e-12:
            break
        upper = max(upper, best_value * 1.02 if best_value > 0 else best_value * 0.98)
        price = price + factor * max(upper - value, 1e-3 * abs(value)) / norm * direction
    return np.asarray(np.maximum(best_price[:, None] - path_cost, 0.0))
