"""What a search on the first tier decides: who uses which site, and in which size sites are open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int = NDArray[np.int64]


@dataclass(frozen=True)
class FirstTierPlan:
    """Which site each part uses, [n] (-1 none), and the size of each site, [J_0] (-1 closed)."""

    site_of_part: Int
    size_of_site: Int
