"""The capacitated p-median problem (CPMP): single assignment to a given number of sites."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from optimizer.classic.capacitated_task import make_task
from optimizer.classic.common import ClassicResult
from optimizer.classic.single_source import single_result


def capacitated_p_median(cost: ArrayLike, demand: ArrayLike, capacity: ArrayLike, p: int, *,
                         required: ArrayLike = (), forbidden: ArrayLike = (), time_limit_s: float = 60.0,
                         seed: int = 1) -> ClassicResult:
    """The cheapest assignment of whole clients to exactly p sites with capacities.

    `cost` [clients, sites] of assigning a client (inf: not possible); `demand` [clients]; `capacity` [sites] or one
    number. `required` and `forbidden` hold site numbers or masks. Where fewer than p sites serve everybody best, more
    are opened without clients. ClassicInputError for misshapen input. Mulvey and Beck 1984, EJOR 18.
    """
    begun = time.monotonic()
    sites = np.shape(cost)[1] if np.ndim(cost) == 2 else 0
    task = make_task(cost, demand, capacity, np.zeros(sites), single_source=True, most_sites=p, required=required,
                     forbidden=forbidden)
    result = single_result("cpmp", task, begun, time_limit_s, seed)
    if result.status == "no_plan":
        return result
    spare = np.setdiff1d(task.place, result.open_sites)
    missing = min(p, len(task.place)) - len(result.open_sites)
    return replace(result, open_sites=np.sort(np.concatenate([result.open_sites, spare[:missing]])))
