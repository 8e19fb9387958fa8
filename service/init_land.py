"""Whether there is land enough for a plan: said when a study is begun, before anything is solved."""

from __future__ import annotations

import geopandas as gpd
import numpy as np

from geodata.tables import Fault, fault
from optimizer.network import Network, Tier
from service.init_config import LandConfig
from service.init_messages import INIT_MESSAGES
from service.seam import KG_PER_T


def land_faults(network: Network, land: gpd.GeoDataFrame, terms: LandConfig, persons: float, share: float, package: str,
                layer: str) -> tuple[Fault, ...]:
    """A line per tier on land: how many parcels may hold it, a warning where that is no choice or too little room.

    `land` in the metric system, with land_use; it is the layer of that name in the package. `share` of what persons
    generate is taken as the most that comes in.
    """
    needed = captured_t_per_day(network, persons, share)
    found = []
    for tier in network.tiers:
        if tier.candidates != "land":
            continue
        classes = terms.for_tier(tier.id).land_use
        area = land.geometry.area.to_numpy()[land["land_use"].isin(classes).to_numpy()]
        least = smallest_area_m2(tier)
        room = room_t_per_day(tier, area)
        count = int((area >= least).sum())
        short = count < terms.fewest_parcels or room < needed
        found.append(fault("init_land_short" if short else "init_land_found", messages=INIT_MESSAGES, tier=tier.id,
                           least=f"{least:g}", count=count, capacity=f"{min(room, needed):.3g}",
                           needed=f"{needed:.3g}", classes=", ".join(classes), package=package, table=layer))
    return tuple(found)


def captured_t_per_day(network: Network, persons: float, share: float) -> float:
    """What comes in at most, t/day: what persons generate, times the share who take part."""
    return persons * share * sum(m.kg_per_person_day for m in network.materials) / KG_PER_T


def smallest_area_m2(tier: Tier) -> float:
    """Land that the smallest size of a tier needs, m2; of those that take every material, where there are any."""
    return min(size.area_m2 for size in [s for s in tier.sizes if s.accepts is None] or tier.sizes)


def room_t_per_day(tier: Tier, areas_m2: np.ndarray) -> float:
    """What sites on all parcels could handle at the largest size that fits each, t/day; sizes for all materials."""
    room = np.zeros(len(areas_m2))
    for size in tier.sizes:
        if size.accepts is None:
            room = np.maximum(room, np.where(areas_m2 >= size.area_m2, size.capacity_t_per_day, 0.0))
    return float(room.sum())
