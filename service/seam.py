"""The seam between tables and arrays: a study with its ground becomes a Problem, once, here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geodata.direct import with_direct_ways, without_direct_ways
from geodata.ground import Ground, Measured, TierPlan, lay_ground
from geodata.land_survey import LandSurvey
from geodata.parts import PartLimits
from geodata.places import Places, read_places
from geodata.roads import NoStreetError
from geodata.screening import ScreenedLand, TierScreening, screen_places
from geodata.tables import DataError, fault
from optimizer.bypass import bypassed, with_bypass
from optimizer.network import Network, Tier
from optimizer.problem import Demand, Leg, Problem, Sites, SiteStatus, Walk
from optimizer.rules import ClauseVerdict, quotas, tightest
from service.candidate_inputs import cost_shares, host_plan, with_surroundings
from service.candidate_survey import land_survey, premium_cny_per_year
from service.checks import land_screening, quota_errors, require_sound, rule_verdicts
from service.demand_rates import DemandRates
from service.demand_seam import generated_t_per_day, sound_homes, sound_sources
from service.edit_targets import EditTerms, edited_ground
from service.edits import Edit, load_edits
from service.lookup import load_demand_rates, load_network, load_rules
from service.messages import STUDY_MESSAGES
from service.point_suitability import point_premium_cny_per_year, point_suitability
from service.site_choices import FORBIDDEN, with_choices
from service.site_rules import side_rules
from service.street_use import snap_notes, street_use
from service.study import Study

if TYPE_CHECKING:
    from geodata.matrix_cache import MatrixCache

KG_PER_T = 1000.0
PART_AREA_M2 = 100_000.0
"""Demand parts are at most 10 ha."""
PART_SHARE = 0.5
"""... and at most this share of the household cap of a site."""
_STATUS = {"new": SiteStatus.NEW, "keep": SiteStatus.KEEP, "may_close": SiteStatus.MAY_CLOSE,
           "required": SiteStatus.REQUIRED, FORBIDDEN: SiteStatus.NEW}


@dataclass(frozen=True)
class Brief:
    """What a study asks and has: network, rules, checked layers, screened land."""

    study: Study
    network: Network
    verdicts: tuple[ClauseVerdict, ...]
    places: Places
    screened: ScreenedLand | None
    screening: tuple[TierScreening, ...] = ()
    """How land was screened, tier by tier."""
    edits: tuple[Edit, ...] = ()
    points: gpd.GeoDataFrame | None = None
    """Points of interest, where the study has any."""
    rates: DemandRates | None = None
    """Rates of demand, where the study names any."""
    survey: LandSurvey = field(default_factory=LandSurvey)
    """What land was measured against."""

    @property
    def edit_terms(self) -> EditTerms:
        """What the edits are read against."""
        return EditTerms(self.network, self.verdicts, self.places, self.screening, self.max_walk_m, self.edits,
                         self.survey)

    @property
    def household_cap(self) -> float | None:
        """Most households per site of the first tier: the tighter of network and rules, at its largest size."""
        tier = self.network.tiers[0]
        clause = tightest(self.verdicts, "max_households_per_site", tier.id)
        sizes = [size.max_households or np.inf for size in tier.sizes]
        common = (tier.max_households_per_site, clause.clause.value if clause else None, max(sizes))
        caps = [c for c in common if c is not None and np.isfinite(c)]
        return min(caps) if caps else None

    @property
    def max_walk_m(self) -> float:
        """The walking limit: the tighter of study and rules, m."""
        clause = tightest(self.verdicts, "max_access_m", self.network.tiers[0].id)
        return min(self.study.access.max_m, clause.clause.value if clause else np.inf)


def read_brief(study: Study, *, checked: bool = False) -> Brief:
    """The study's network, rules and layers, checked together; DataError with every error.

    `checked`: these very inputs have made a plan before, so what they say of each other is not checked again.
    """
    if not checked:
        require_sound(study)
    network = load_network(study)
    rules = load_rules(study)
    edits = load_edits(study, network)
    rates = load_demand_rates(study)
    around = with_surroundings(study, sound_homes(study, network, read_places(study.places_input())))
    places = around.places
    screening = land_screening(study, network, rules)
    survey = land_survey(study, network, places, screening)
    screened = screen_places(places, screening, survey) if screening and study.inputs.land is not None else None
    places = _with_households(sound_sources(study, network, rates, places), network)  # no homes: screening minds homes
    return Brief(study, network, rule_verdicts(study, network, rules), places, screened, screening, edits,
                 around.points, rates, survey)


def _with_households(places: Places, network: Network) -> Places:
    communities = places.communities.copy()
    known = communities["households"].astype(float)
    communities["households"] = known.fillna(communities["population"] / network.persons_per_household)
    return replace(places, communities=communities)


def ground_of(brief: Brief) -> Ground:
    """Demand parts, candidate sites and distances of a study with its edits.

    DataError where a minimum count cannot be met or an edit is impossible.
    """
    return with_edits(brief, unedited_ground(brief))


def with_edits(brief: Brief, ground: Ground) -> Ground:
    """The unedited ground of a study with its edits and direct ways past tiers that may be bypassed.

    DataError with every edit that is impossible.
    """
    ground = edited_ground(brief.edit_terms, ground) if brief.edits else ground
    return with_direct_ways(ground, bypassed(brief.network))


def unedited_ground(brief: Brief, measured: Measured | None = None, cache: MatrixCache | None = None) -> Ground:
    """The ground before any edit; with `measured` (of the same study) distances are not measured again.

    Drives on streets of OpenStreetMap are looked up in the `cache`, and kept there.
    """
    use = street_use(brief.study, brief.network, brief.places, cache)
    tiers = [TierPlan(t.id, tuple(s.id for s in t.sizes), tuple(s.street_classes for s in t.sizes))
             for t in brief.network.tiers]
    tiers[0] = replace(tiers[0], hosts=host_plan(brief.study, brief.network, brief.points, brief.max_walk_m))
    cap = brief.household_cap
    limits = PartLimits(None if cap is None else PART_SHARE * cap, PART_AREA_M2)
    try:
        ground = lay_ground(brief.places, use, brief.screened, tiers, limits, brief.study.candidates.spacing_m,
                            brief.max_walk_m, measured)
    except NoStreetError as error:
        roads = brief.study.inputs.roads
        raise DataError([fault("streets_unusable", file=roads.path.name, layer=roads.layer, messages=STUDY_MESSAGES,
                               reason=str(error))]) from error
    on_street = [q for q in quotas(brief.verdicts) if q.tier == tiers[0].tier_id]
    counts = {str(z): {tiers[0].tier_id: sum(zone == str(z) for zone in ground.sites[0].zone_id)}
              for z in brief.places.zones["id"]}
    faults = quota_errors(brief.study, on_street, counts)
    if faults:
        raise DataError(faults)
    ground = replace(ground, faults=(*ground.faults, *snap_notes(brief.study, ground)))
    return with_choices(brief.study, brief.network, ground)


def as_problem(brief: Brief, ground: Ground) -> Problem:
    """The study as arrays; the ground must have its direct ways (see with_edits)."""
    levels = bypassed(brief.network)
    real = without_direct_ways(ground, levels)
    problem = _plain_problem(brief, real)
    direct = {}
    for level in levels:
        ways, first = ground.ways[level - 1], len(real.sites[level].ids)
        direct[level] = Leg(*(way[:, first:] for way in (ways.loaded_m, ways.loaded_s, ways.empty_m, ways.empty_s)))
    return with_bypass(problem, direct)


def _plain_problem(brief: Brief, ground: Ground) -> Problem:
    """The study as arrays, without direct ways past tiers."""
    network, access = brief.network, brief.study.access
    zone_ids = tuple(str(z) for z in brief.places.zones["id"])
    index = {z: i for i, z in enumerate(zone_ids)}
    walk = ground.walks
    captured = access.share * np.exp(-walk.distance_m / access.decay_m)
    kind_of = {site: host.kind_id for site, host in ground.hosts.items()}
    premiums = [premium_cny_per_year(brief.study, brief.screened, s) for s in ground.sites]
    premiums[0] = point_premium_cny_per_year(
        brief.study, point_suitability(brief.study, brief.places, brief.survey, ground), ground)
    shares = [cost_shares(brief.study, s, kind_of if level == 0 else {}) for level, s in enumerate(ground.sites)]
    sites = tuple(
        Sites(s.ids, _zones(s.zone_id, index), s.area_m2, s.fits & _lawful_sizes(brief, tier)[None, :],
              np.array([_STATUS[status] for status in s.status], dtype=np.int64), s.closing_cost_cny,
              premium, build_share=build, fixed_share=fixed)
        for s, tier, premium, (build, fixed) in zip(ground.sites, network.tiers, premiums, shares, strict=True))
    problem = Problem(
        network=network, demand=_demand(brief, ground, index), participation_share=access.share, zone_ids=zone_ids,
        sites=sites, walk=Walk(walk.part, walk.site, walk.distance_m, captured),
        legs=tuple(Leg(w.loaded_m, w.loaded_s, w.empty_m, w.empty_s) for w in ground.ways),
        max_households_per_site=brief.household_cap,
        assignment=access.assignment, peak_factor=brief.study.peak_factor)
    xy = [(s.xy[:, 0], s.xy[:, 1]) for s in ground.sites]
    return replace(problem, site_rows=side_rules(problem, brief.verdicts, brief.study.budget_cny, xy))


def _lawful_sizes(brief: Brief, tier: Tier) -> NDArray[np.bool_]:
    """Sizes with the land that the rules ask of a site of the tier."""
    clause = tightest(brief.verdicts, "min_area_m2", tier.id)
    least = 0.0 if clause is None else clause.clause.value
    return np.array([size.area_m2 >= least for size in tier.sizes], dtype=bool)


def _zones(zone_ids: Sequence[str | None], index: dict[str, int]) -> NDArray[np.int64]:
    return np.array([-1 if z is None else index.get(z, -1) for z in zone_ids], dtype=np.int64)


def _demand(brief: Brief, ground: Ground, zone_index: dict[str, int]) -> Demand:
    communities, parts = brief.places.communities, ground.parts
    persons = communities["population"].to_numpy(dtype=np.float64)[parts.community] * parts.share
    households = communities["households"].to_numpy(dtype=np.float64)[parts.community] * parts.share
    tonnes = generated_t_per_day(brief.places, brief.network, brief.rates, parts, persons)
    zones = [None if z is None or z != z else str(z) for z in communities["zone_id"]]
    return Demand(parts.ids, tuple(str(i) for i in communities["id"]), parts.community,
                  _zones(zones, zone_index)[parts.community], persons, households, tonnes)
