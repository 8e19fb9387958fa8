"""Prices of parts and pools of the first tier by the volume algorithm: good prices and a fractional first tier.

Barahona and Anbil (2000), Mathematical Programming 87: steps go along what a moving average of the answers leaves open
or takes twice, from the best prices so far; the average tends to an optimal fractional answer. One step prices every
site once (compiled knapsacks), so that a city takes seconds where a linear programme over its columns takes minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.solvers.column_dual import Rooms
from optimizer.solvers.columns import Packing, Prices
from optimizer.solvers.first_tier_kernel import best_sets

Float = NDArray[np.float64]

LONGEST, SHORTEST = 1.5, 0.01
"""Of a step, as a share of the way to where the bound would meet the target."""
LONGER, SHORTER, PATIENCE = 1.1, 0.7, 8
MEMORY = 0.1
"""Weight of the newest answer in the moving average."""
ABOVE = 0.03
"""How far above the best bound the target lies, as a share of what is spent on sites."""
LEAST_SPENT = 0.1
"""What is spent on sites is taken to be this share of the prices of all parts at least."""
POOL_STEP = 2.0
"""Steps of the prices of pools against those of parts."""
NODES = 400
"""Branches per knapsack, then its relaxation counts: where prices are far off all knapsacks are hard, and a step of a
city took a second and more instead of a hundredth."""
LEAST_SHARE = 0.02
"""Shares of the average below this are noise."""


@dataclass(frozen=True)
class VolumeDual:
    """Prices, the bound they prove, and a fractional first tier."""

    prices: Prices
    bound_cny_per_year: float
    arc_share: Float
    """[E] in FirstTier order."""


def volume_dual(packing: Packing, start: Prices, steps: int, rooms: Rooms | None = None) -> VolumeDual:
    """The best prices found in some steps.

    The pools' limits are those of the packing, or bought as one of several `rooms`.
    """
    rooms = Rooms(packing.pools.limit[None, :], np.zeros(1)) if rooms is None else rooms
    walk = _Walk(packing, start)
    for _ in range(steps):
        sets = best_sets(packing.tier, packing.arc_value(walk.at), packing.option_value(walk.at), nodes=NODES,
                         proven=True)
        used = sets.cost_cny_per_year < 0.0
        least, room = rooms.least(walk.at.pool)
        value = float(sets.cost_cny_per_year[used].sum()) - float(walk.at.part.sum()) + least
        walk.spent += MEMORY * (float(packing.fixed[used, sets.size[used]].sum()) - walk.spent)
        if not walk.on((sets.taken & used[packing.tier.site]).astype(np.float64), room, value):
            break
    assert walk.arc is not None
    return VolumeDual(walk.best, walk.bound, np.where(walk.arc >= LEAST_SHARE, walk.arc, 0.0))


class _Walk:
    """Where the prices are, the best so far, and the moving average of the answers."""

    def __init__(self, packing: Packing, start: Prices) -> None:
        self._packing = packing
        self.at = self.best = start
        self.bound = -np.inf
        self.spent = LEAST_SPENT * float(start.part.sum()) + 1.0
        self.arc: Float | None = None
        self._room = np.zeros(len(packing.pools.limit))
        self._length, self._waited = 1.0, 0
        draw = packing.pools.draw
        unit = draw.mean(axis=0) if len(draw) else np.ones(len(packing.pools.limit))
        self._scale = POOL_STEP / (np.sqrt(max(packing.parts, 1)) * np.maximum(unit, 1e-12))
        # a dearer pool makes parts worth so much less: prices of pools move together with those of parts
        self._drawn = np.zeros((packing.parts, len(packing.pools.limit)))
        np.maximum.at(self._drawn, packing.tier.part, draw)

    def on(self, arc: Float, room: Float, value: float) -> bool:
        """The next prices after an answer of some value; False when there is no way on."""
        if self.arc is None:
            self.arc, self._room = arc, room.astype(np.float64)
        self.arc = self.arc + MEMORY * (arc - self.arc)
        self._room = self._room + MEMORY * (room - self._room)
        if value > self.bound:
            self.best, self.bound, self._waited = self.at, value, 0
            self._length = min(self._length * LONGER, LONGEST)
        else:
            self._waited += 1
            if self._waited >= PATIENCE:
                self._length, self._waited = max(self._length * SHORTER, SHORTEST), 0
        packing, best = self._packing, self.best
        part = np.bincount(packing.tier.part, weights=self.arc, minlength=packing.parts) - 1.0
        part[(best.part <= 0.0) & (part < 0.0)] = 0.0
        pool = (self.arc @ packing.pools.draw - self._room - self._drawn.T @ part) * self._scale
        pool[(best.pool <= 0.0) & (pool < 0.0)] = 0.0
        norm = float(part @ part + pool @ pool)
        if norm <= 1e-12:
            return False
        above = ABOVE * max(self.spent, LEAST_SPENT * float(best.part.sum()), 1.0)
        stride = self._length * (self.bound + above - value) / norm
        after = np.maximum(best.pool + stride * pool * self._scale, 0.0)
        moved = best.part + stride * part - self._drawn @ (after - best.pool)
        self.at = Prices(np.maximum(moved, 0.0), after, best.rule)
        return True
