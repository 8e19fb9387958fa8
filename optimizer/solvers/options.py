"""Ways to open a site of the first tier that are worth trying: sizes no other size beats, measures that can bind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Options:
    """Site and size pairs sorted by site; `measures` are the capacities that can bind at some of them."""

    site: Int
    size: Int
    fixed_cny_per_year: Float
    """Cost of opening less that of staying closed."""
    measures: Int

    def of_sites(self, sites: Int) -> Int:
        """Rows of the options of some sites (ascending)."""
        start = np.searchsorted(self.site, sites, side="left")
        stop = np.searchsorted(self.site, sites, side="right")
        counts = stop - start
        return np.repeat(start - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())


def most_in_reach(tier: FirstTier) -> Float:
    """At least what any set of arcs that fits into a size can bring to a site, per site, size and measure, [J, K, D].

    A measure is limited by everybody in reach and, through the largest ratio of two measures, by the other capacities.
    """
    count, (sizes, measures) = tier.site_count, tier.capacity.shape
    sums = [np.bincount(tier.site, weights=tier.use[:, d], minlength=count) for d in range(measures)]
    most: Float = np.repeat(np.stack(sums, axis=1).astype(np.float64)[:, None, :], sizes, axis=1)
    for d in range(measures):
        for other in range(measures):
            if d != other:
                ratio = np.zeros(count)
                np.maximum.at(ratio, tier.site, tier.use[:, d] / np.maximum(tier.use[:, other], 1e-12))
                limited = np.isfinite(tier.capacity[:, other])
                limit = ratio[:, None] * tier.capacity[limited, other]
                most[:, limited, d] = np.minimum(most[:, limited, d], limit)
    return most


def site_options(tier: FirstTier) -> Options:
    """The options of every site: dear sizes whose extra room nobody in reach can fill are left out."""
    most = most_in_reach(tier)
    offered = np.isfinite(tier.open_cny_per_year)
    useful = np.minimum(np.broadcast_to(tier.capacity[None], most.shape), most)
    beaten = np.zeros_like(offered)
    sizes = offered.shape[1]
    for size in range(sizes):
        for other in range(sizes):
            if other == size:
                continue
            cheaper = tier.open_cny_per_year[:, other] < tier.open_cny_per_year[:, size]
            same = (tier.open_cny_per_year[:, other] == tier.open_cny_per_year[:, size]) & (other < size)
            enough = (tier.capacity[other][None, :] >= useful[:, size, :] - 1e-12).all(axis=1)
            beaten[:, size] |= offered[:, other] & (cheaper | same) & enough
    site, size_index = np.nonzero(offered & ~beaten)
    tight = most[site, size_index] > tier.capacity[size_index] * (1 + 1e-12)
    fixed = tier.open_cny_per_year[site, size_index] - tier.closed_cny_per_year[site]
    return Options(site.astype(np.int64), size_index.astype(np.int64), fixed, np.flatnonzero(tight.any(axis=0)))
