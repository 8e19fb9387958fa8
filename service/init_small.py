"""A network for a small area: smaller sizes of the upper tiers, scaled down, where the smallest are far too large.

Capacity and land go down in proportion, costs with the power 0.6 (six-tenths rule: Williams, Chemical Engineering 54
(12), 1947). The network so made lies in the study's folder, with every scaled figure marked as an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from geodata.tables import Fault, fault
from optimizer.network import Network, Size, Tier
from service.init_messages import INIT_MESSAGES

COST_EXPONENT = 0.6
MOST_USED_SHARE = 0.5
"""A tier whose smallest size would not be used to this share gets smaller ones."""
LEAST_AREA_M2 = 100.0
_NICE = (1.0, 2.0, 5.0)
_SOURCE = ("scaled down by recynet init: capacity and land in proportion, costs to the power 0.6 (six-tenths rule, "
           "Williams 1947)")


@dataclass(frozen=True)
class SmallNetwork:
    """A network with sizes that suit a small area, as a model and as YAML, and what is said about it."""

    network: Network
    text: str
    faults: tuple[Fault, ...]


def small_network(network: Network, needed_t_per_day: float) -> SmallNetwork | None:
    """The network with a smaller size in each upper tier that needs one; None where none does."""
    added = {tier.id: size for tier in network.tiers if tier.feed is not None
             and (size := _smaller(tier, needed_t_per_day)) is not None}
    if not added:
        return None
    data = network.model_dump(mode="json", exclude_none=True)
    data["network"] = f"{network.network}_small"
    data["title"] = {"zh": f"{network.title.zh}（小区域）", "en": f"{network.title.en}, small area"}
    for tier in data["tiers"]:
        if tier["id"] in added:
            tier["sizes"].insert(0, added[tier["id"]])
    covers = [f"tiers.{tier}.sizes.{size['id']}.*" for tier, size in added.items()]
    data["provenance"].insert(0, {"covers": covers, "mark": "A", "source": _SOURCE})
    made = Network.model_validate(data)
    faults = tuple(fault("init_small_area", messages=INIT_MESSAGES, tier=tier, needed=f"{needed_t_per_day:.3g}",
                         least=f"{_smallest(network.tier(tier)).capacity_t_per_day:g}",
                         size=f"{size['capacity_t_per_day']:g}") for tier, size in added.items())
    head = f"# Made by recynet init from {network.network} for an area of about {needed_t_per_day:.3g} t/day.\n"
    return SmallNetwork(made, head + yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=120), faults)


def room_for(needed_t_per_day: float) -> float:
    """The least of 0.1, 0.2, 0.5, 1, 2, 5 ... t/day that is enough."""
    power = 0.1
    while True:
        for step in _NICE:
            if step * power >= needed_t_per_day:
                return round(step * power, 6)
        power *= 10.0


def _smallest(tier: Tier) -> Size:
    """The smallest size that takes every material, or of all where none does."""
    return min([s for s in tier.sizes if s.accepts is None] or tier.sizes, key=lambda size: size.capacity_t_per_day)


def _smaller(tier: Tier, needed_t_per_day: float) -> dict[str, Any] | None:
    """A size for what is needed, scaled down from the smallest, as YAML; None where that suits."""
    model = _smallest(tier)
    wanted = room_for(needed_t_per_day)
    if wanted > MOST_USED_SHARE * model.capacity_t_per_day:
        return None
    share = wanted / model.capacity_t_per_day
    data: dict[str, Any] = model.model_dump(mode="json", exclude_none=True)
    words = f"{wanted:g}"
    data.update(id=f"small_{words.replace('.', '_')}t",
                title={"zh": f"小型 {words}吨/日", "en": f"Small {words} t/day"},
                capacity_t_per_day=wanted, area_m2=max(LEAST_AREA_M2, float(round(share * model.area_m2))),
                min_t_per_day=0.0)
    for key in ("capacity_m3_per_day", "storage_m3"):
        if key in data:
            data[key] = round(share * data[key], 3)
    for key in ("build_cost_cny", "fixed_cost_cny_per_year"):
        data[key] = float(round(share**COST_EXPONENT * data[key], -2))
    return data
