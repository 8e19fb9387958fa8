"""What the land of a study is measured against: heights, the networks of vehicles, and the price of a low score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geodata.ground import TierSites
from geodata.land_survey import LandSurvey
from geodata.places import Places
from geodata.screening import ScreenedLand
from geodata.screening_rules import TierScreening
from geodata.slope import read_slopes
from optimizer.network import Network
from service.street_use import street_use
from service.study import Study

Float = NDArray[np.float64]


def land_survey(study: Study, network: Network, places: Places, rules: Sequence[TierScreening]) -> LandSurvey:
    """The survey that the screening of a study needs; heights and networks only where they are asked for.

    DataError where the heights cannot be read or a vehicle cannot use the streets.
    """
    elevation = study.inputs.elevation
    slopes = None if elevation is None or places.land.empty else read_slopes(elevation.source(), places.land.geometry)
    reached = any(rule.max_access_m is not None or _scores_access(rule) for rule in rules)
    fed = [tier.id for tier in network.tiers if tier.feed is not None]
    networks = dict(zip(fed, street_use(study, network, places).by_vehicle, strict=True)) if reached else {}
    return LandSurvey(slopes, networks, places.roads)


def _scores_access(rule: TierScreening) -> bool:
    return rule.suitability is not None and any(c.measure == "access_m" for c in rule.suitability.criteria)


def premium_cny_per_year(study: Study, screened: ScreenedLand | None, sites: TierSites) -> Float | None:
    """What the sites of a tier cost for their low scores, [J]; None where the study asks nothing for it.

    Land of score s pays (1 - s) times the premium; sites without a score, such as existing ones, pay nothing.
    """
    config = study.screening.get(sites.tier_id)
    asked = None if config is None or config.suitability is None else config.suitability.premium_cny_per_year
    if asked is None or screened is None:
        return None
    seen = screened.tier(sites.tier_id)
    if seen.suitability is None:
        return None
    score = dict(zip((str(i) for i in seen.table["parcel_id"]), seen.suitability.total.tolist(), strict=True))
    return np.array([asked * (1.0 - score.get(site, 1.0)) for site in sites.ids])
