"""How the sites of the first tier score: hosts and points along streets, by criteria of the study."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geodata.ground import Ground
from geodata.land_survey import LandSurvey, Parcels, measured_criteria
from geodata.places import Exclusion, Places
from geodata.screening import COMMUNITIES
from geodata.suitability import Suitability, scored
from service.study import Study

Float = NDArray[np.float64]
AT_STREET = "street"
"""What a site stands at that has no host."""


def point_suitability(study: Study, places: Places, survey: LandSurvey, ground: Ground) -> Suitability | None:
    """The scores of the sites of the first tier, in their order; None where the study asks for none."""
    config = study.candidates.suitability
    if config is None:
        return None
    sites, rule = ground.sites[0], config.rule()
    hosts = [ground.hosts.get(site) for site in sites.ids]
    kinds: list[str | None] = [AT_STREET if host is None else host.kind_id for host in hosts]
    known = {"distance_to_street_m": ground.snap_m[0], "access_m": ground.by_vehicle[0].snap(sites.geometry).distance_m}
    layers = [*places.exclusions, Exclusion(COMMUNITIES, 0.0, places.communities.geometry)]
    around = Parcels(sites.geometry, sites.geometry, places.crs_metric)
    return scored(rule, measured_criteria(rule.criteria, survey, around, layers, known), kinds)


def point_premium_cny_per_year(study: Study, found: Suitability | None, ground: Ground) -> Float | None:
    """What new sites of the first tier cost for their low scores, [J]; None where the study asks nothing for it."""
    config = study.candidates.suitability
    if config is None or config.premium_cny_per_year is None or found is None:
        return None
    new = np.isin(ground.sites[0].status, ("new", "required"))
    return np.where(new, config.premium_cny_per_year * (1.0 - found.total), 0.0)
