"""The usable part of parcels: what exclusions and the distances to keep from them leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.places import Exclusion

Float = NDArray[np.float64]

ROUNDING_M2 = 1e-6
"""Less than this an exclusion does not take."""


@dataclass(frozen=True)
class Usable:
    """What is left of each parcel."""

    pieces: NDArray[np.object_]
    """The largest connected piece, an empty polygon where nothing is left: a site stands on one piece."""
    blockers: tuple[tuple[str, ...], ...]
    """Names of the exclusions that take something of it, the one that takes most first."""


def usable_parts(shapes: NDArray[np.object_], barred: Sequence[tuple[Exclusion, float]]) -> Usable:
    """What exclusions, each with the distance to keep (m), leave of parcels; all in one metric system.

    Per parcel union and difference of what a search tree finds near it: about five times faster than an overlay.
    """
    taken = np.zeros((len(shapes), len(barred)))
    left = shapes.copy()
    for number, (exclusion, buffer_m) in enumerate(barred):
        obstacles = np.asarray(exclusion.geometries.array, dtype=object)
        if buffer_m > 0.0:
            obstacles = shapely.buffer(obstacles, buffer_m)
        rows, hits = shapely.STRtree(obstacles).query(shapes, predicate="intersects")
        order = np.argsort(rows, kind="stable")
        found, starts = np.unique(rows[order], return_index=True)
        barriers = [obstacles[near[0]] if len(near) == 1 else shapely.union_all(obstacles[near])
                    for near in np.split(hits[order], starts[1:]) if len(near)]
        if barriers:
            barrier = np.array(barriers, dtype=object)
            before, left[found] = shapely.area(left[found]), shapely.difference(left[found], barrier)
            taken[found, number] = before - shapely.area(left[found])
            again = found[taken[found, :number].any(axis=1)]  # what an earlier exclusion took counts here as well
            both = barrier[np.isin(found, again)]
            taken[again, number] = shapely.area(shapely.intersection(shapes[again], both))
            taken[:, number] = np.where(taken[:, number] > ROUNDING_M2, taken[:, number], 0.0)
    order = np.argsort(-taken, axis=1, kind="stable")
    names = [exclusion.name for exclusion, _ in barred]
    blockers: list[tuple[str, ...]] = [()] * len(shapes)
    for row in np.flatnonzero(taken.any(axis=1)):
        blockers[row] = tuple(names[n] for n in order[row] if taken[row, n] > 0.0)
    return Usable(_largest_pieces(left), tuple(blockers))


def _largest_pieces(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """The largest polygon of each shape (the first of equal ones), an empty polygon where there is none."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    areal = shapely.area(parts) > 0.0
    parts, owner = parts[areal], owner[areal]
    out = np.full(len(shapes), shapely.Polygon(), dtype=object)
    area = shapely.area(parts)
    order = np.lexsort((-np.arange(len(parts)), area, owner))
    last = np.flatnonzero(np.diff(owner[order], append=-1)) if len(order) else order
    out[owner[order][last]] = parts[order][last]
    return out
