"""What the edits of a study mean on its ground: which candidates they take away, settle or bring. No solver."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.crs import WGS84, to_metric
from geodata.edited_ground import (
    NewSite,
    SettledSite,
    TakenSite,
    street_distance_m,
    with_new_sites,
    with_settled,
    without_sites,
)
from geodata.ground import Ground
from geodata.land_survey import LandSurvey
from geodata.places import Places
from geodata.screening import TierScreening
from geodata.tables import DataError, Fault, did_you_mean, has_errors
from optimizer.network import Network, Tier
from optimizer.rules import ClauseVerdict, quota_faults, quotas, tightest
from service.edit_screening import Drawn, screened_site
from service.edits import Edit, in_force

Bool = NDArray[np.bool_]
Place = tuple[int, int]
"""Tier and row of a candidate."""

FAR_FROM_STREET_M = 500.0
"""A new site further than this from a street of use is refused: no vehicle would ever get there."""
FORBIDDEN, IN_NO_GO, MOVED_AWAY = "edit_forbidden", "edit_no_go", "edit_moved"


@dataclass(frozen=True)
class EditTerms:
    """What edits are read against: the study's network, rules and layers."""

    network: Network
    verdicts: tuple[ClauseVerdict, ...]
    places: Places
    screening: tuple[TierScreening, ...]
    max_walk_m: float
    edits: tuple[Edit, ...]
    survey: LandSurvey = field(default_factory=LandSurvey)

    def lawful_sizes(self, tier: Tier) -> Bool:
        """Sizes with the land that the rules ask of a site of the tier, [K]."""
        clause = tightest(self.verdicts, "min_area_m2", tier.id)
        least = 0.0 if clause is None else clause.clause.value
        return np.array([size.area_m2 >= least for size in tier.sizes], dtype=bool)


@dataclass(frozen=True)
class EditTarget:
    """What one edit changes, in rows of the ground with all new sites."""

    edit: Edit
    taken: tuple[TakenSite, ...] = ()
    settled: tuple[SettledSite, ...] = ()
    brought: tuple[Place, ...] = ()

    @property
    def touched(self) -> tuple[Place, ...]:
        """Every candidate the edit speaks of."""
        return (*((t.level, t.row) for t in self.taken), *((s.level, s.row) for s in self.settled), *self.brought)


@dataclass(frozen=True)
class EditableGround:
    """A ground with the new sites of all edits, and what each edit changes on it."""

    union: Ground
    targets: tuple[EditTarget, ...]
    faults: tuple[Fault, ...]

    def with_edits(self, active: Collection[int]) -> Ground:
        """The ground with some of the edits (by position) and none of the others."""
        mine = [target for n, target in enumerate(self.targets) if n in active]
        idle = [TakenSite(level, row, None) for n, target in enumerate(self.targets) if n not in active
                for level, row in target.brought]
        ground = with_settled(self.union, [s for target in mine for s in target.settled])
        taken = {(t.level, t.row): t for t in (*idle, *(t for target in mine for t in target.taken))}
        return replace(without_sites(ground, list(taken.values())), faults=self.faults)


def edited_ground(terms: EditTerms, ground: Ground) -> Ground:
    """The ground with all edits of a study; DataError with every edit that is impossible."""
    found = editable_ground(terms, ground)
    return found.with_edits(range(len(found.targets)))


def editable_ground(terms: EditTerms, ground: Ground) -> EditableGround:
    """The ground ready for any subset of the edits; DataError with every edit that is impossible."""
    drawn = _metric(terms)
    reader = _Reader(terms, ground)
    new = [site for edit, shape in zip(terms.edits, drawn, strict=True)
           if edit.kind in ("add", "move") and shape is not None
           for site in [reader.new_site(edit, shape)] if site is not None]
    if has_errors(reader.faults):
        raise DataError(reader.faults)
    union = with_new_sites(ground, terms.places.zones, terms.places.crs_metric, [site for _, site in new],
                           terms.max_walk_m)
    targets = _Targets(terms, union, len(ground.sites[0].ids), {edit.id: site for edit, site in new})
    found = [targets.target(edit, shape) for edit, shape in zip(terms.edits, drawn, strict=True)]
    faults = [*reader.faults, *targets.faults, *targets.conflicts(found)]
    if not has_errors(faults):
        told = (*map(in_force, terms.edits), *faults)
        out = EditableGround(union, tuple(t for t in found if t is not None), told)
        faults += _left_over(terms, out.with_edits(range(len(out.targets))))
        if not has_errors(faults):
            return out
    raise DataError(faults)


def _metric(terms: EditTerms) -> list[shapely.Geometry | None]:
    """The geometry of each edit in the study's metric system."""
    frame = gpd.GeoDataFrame(geometry=[e.geometry for e in terms.edits], crs=WGS84)
    return list(to_metric(frame, terms.places.crs_metric).geometry)


def _left_over(terms: EditTerms, ground: Ground) -> list[Fault]:
    """Tiers without a candidate and zones with fewer candidates than a rule requires, blamed on the first edit."""
    first, faults = terms.edits[0], []
    counts: dict[str, dict[str, int]] = {str(z): {} for z in terms.places.zones["id"]}
    for sites in ground.sites:
        if not sites.ids:
            faults.append(first.fault("edit_no_candidate_left", tier=sites.tier_id))
        for zone in counts:
            counts[zone][sites.tier_id] = sum(z == zone for z in sites.zone_id)
    faults += [first.fault("edit_quota_impossible", zone=f.zone_id, tier=f.tier, candidates=f.candidate_count,
                           required=f.required_count, clause=f.clause)
               for f in quota_faults(quotas(terms.verdicts), counts)]
    return faults


class _Reader:
    """Turns drawn places into new sites; collects what is wrong with them."""

    def __init__(self, terms: EditTerms, ground: Ground) -> None:
        self.terms, self.ground = terms, ground
        self.faults: list[Fault] = []
        self._taken = {site for sites in ground.sites for site in sites.ids} | set(terms.places.land["id"])

    def new_site(self, edit: Edit, shape: shapely.Geometry) -> tuple[Edit, NewSite] | None:
        """The site that an edit brings; None (and a fault) where it cannot be."""
        level = self._level(edit)
        if level is None:
            return None
        tier, site_id = self.terms.network.tiers[level], edit.added_site_id
        if site_id in self._taken:
            self.faults.append(edit.fault("edit_id_is_site", site=site_id))
            return None
        self._taken.add(site_id)
        far_m = street_distance_m(self.ground, level, shape)
        if not far_m <= FAR_FROM_STREET_M:
            self.faults.append(edit.fault("edit_far_from_street", distance=f"{far_m:.0f}",
                                          most=f"{FAR_FROM_STREET_M:g}"))
            return None
        wanted = [size.id for size in tier.sizes]
        size = wanted.index(edit.size_id) if edit.size_id in wanted else None
        rule = next((r for r in self.terms.screening if r.tier_id == tier.id), None)
        area_m2, fits, found = screened_site(self.terms.places, self.terms.survey, Drawn(edit, shape, tier, size),
                                              rule)
        self.faults += found
        if has_errors(found):
            return None
        lawful = fits & self.terms.lawful_sizes(tier)
        if not lawful.any():
            known = ", ".join(s.id for s, ok in zip(tier.sizes, self.terms.lawful_sizes(tier), strict=True) if ok)
            self.faults.append(edit.fault("edit_size_not_possible", site=site_id, size=edit.size_id or "-",
                                          known=known))
            return None
        return edit, NewSite(level, site_id, shape, area_m2, lawful)

    def _level(self, edit: Edit) -> int | None:
        """The tier of a new site: the edit's own, or that of the site it moves."""
        ids = [tier.id for tier in self.terms.network.tiers]
        if edit.tier_ids:
            return ids.index(edit.tier_ids[0])
        wanted = plain_site_id(edit, ids)
        levels = [n for n, sites in enumerate(self.ground.sites) if wanted in sites.ids]
        # a site that another edit brings
        levels += [ids.index(e.tier_ids[0]) for e in self.terms.edits if e.kind == "add" and e.added_site_id == wanted]
        return levels[0] if len(levels) == 1 else None  # else the edit's own target says what is wrong


def plain_site_id(edit: Edit, tier_ids: Sequence[str]) -> str:
    """The site's own id where the edit gives <tier>:<site> as the layer of candidates does."""
    site = edit.site_id or ""
    tier, colon, rest = site.partition(":")
    return rest if colon and tier in tier_ids else site


class _Targets:
    """Finds what each edit speaks of on the ground with all new sites."""

    def __init__(self, terms: EditTerms, union: Ground, points: int, new: dict[str, NewSite]) -> None:
        self.terms, self.union, self._new, self._points = terms, union, new, points
        self.faults: list[Fault] = []
        self._rows = [{site: n for n, site in enumerate(sites.ids)} for sites in union.sites]
        self._tier_ids = [tier.id for tier in terms.network.tiers]

    def target(self, edit: Edit, shape: shapely.Geometry | None) -> EditTarget | None:
        """What an edit changes; None (and a fault) where that is impossible."""
        if edit.kind == "no_go":
            return self._no_go(edit, shape)
        brought: tuple[Place, ...] = ()
        if edit.id in self._new:
            site = self._new[edit.id]
            brought = ((site.level, self._rows[site.level][site.site_id]),)
            if site.level == 0 and brought[0][1] not in self.union.walks.site:
                self.faults.append(edit.fault("edit_far_from_demand"))
        if edit.kind == "add":
            return EditTarget(edit, brought=brought)
        place = self._place(edit)
        if place is None:
            return None
        if edit.kind in ("forbid", "move"):
            taken = self._taken(edit, place, FORBIDDEN if edit.kind == "forbid" else MOVED_AWAY)
            return None if taken is None else EditTarget(edit, taken=(taken,), brought=brought)
        return self._settled(edit, place)

    def _place(self, edit: Edit) -> Place | None:
        """Tier and row of the site an edit names."""
        site = plain_site_id(edit, self._tier_ids)
        tiers = edit.tier_ids or ((edit.site_id or "").partition(":")[0],) if site != edit.site_id else edit.tier_ids
        found = [(n, rows[site]) for n, rows in enumerate(self._rows)
                 if site in rows and (not tiers or self._tier_ids[n] in tiers)]
        if len(found) == 1:
            return found[0]
        if found:
            known = ", ".join(self._tier_ids[n] for n, _ in found)
            self.faults.append(edit.fault("edit_site_in_tiers", site=site, known=known))
            return None
        known_ids = [i for n, rows in enumerate(self._rows) if not tiers or self._tier_ids[n] in tiers for i in rows]
        self.faults.append(edit.fault("edit_site_unknown", site=site, hint=did_you_mean(site, known_ids)))
        return None

    def _taken(self, edit: Edit, place: Place, reason: str) -> TakenSite | None:
        level, row = place
        sites = self.union.sites[level]
        if sites.status[row] == "keep":
            self.faults.append(edit.fault("edit_site_kept", site=sites.ids[row]))
            return None
        if sites.status[row] == "may_close":
            self.faults.append(edit.fault("edit_closing_not_counted", site=sites.ids[row]))
        return TakenSite(level, row, reason)

    def _settled(self, edit: Edit, place: Place) -> EditTarget | None:
        level, row = place
        tier, sites = self.terms.network.tiers[level], self.union.sites[level]
        possible = sites.fits[row] & self.terms.lawful_sizes(tier)
        ids = [size.id for size in tier.sizes]
        fits = possible if edit.size_id is None else possible & np.array([i == edit.size_id for i in ids])
        if not fits.any():
            known = ", ".join(i for i, ok in zip(ids, possible, strict=True) if ok) or "-"
            self.faults.append(edit.fault("edit_size_not_possible", site=sites.ids[row], size=edit.size_id or "-",
                                          known=known))
            return None
        return EditTarget(edit, settled=(SettledSite(level, row, fits),))

    def _no_go(self, edit: Edit, shape: shapely.Geometry | None) -> EditTarget:
        taken = []
        for level, sites in enumerate(self.union.sites):
            if edit.tier_ids and self._tier_ids[level] not in edit.tier_ids:
                continue
            inside = shapely.intersects(sites.geometry, shape)
            # a parcel is barred as soon as it reaches inside: nobody knows yet where on it the site would stand
            inside &= (shapely.get_dimensions(sites.geometry) < 2) | ~shapely.touches(sites.geometry, shape)
            for row in np.flatnonzero(inside):
                gone = self._taken(edit, (level, int(row)), IN_NO_GO)
                if gone is not None:
                    taken.append(gone)
        if not taken:
            self.faults.append(edit.fault("edit_without_effect"))
        return EditTarget(edit, taken=tuple(taken))

    def conflicts(self, targets: Sequence[EditTarget | None]) -> list[Fault]:
        """Edits that take away what another one requires, or that say two things of one site."""
        faults, known = [], [t for t in targets if t is not None]
        named: dict[Place, EditTarget] = {}
        required = {(s.level, s.row): t for t in known for s in t.settled} | {p: t for t in known for p in t.brought}
        for target in known:
            for gone in target.taken:
                other = required.get((gone.level, gone.row))
                # an earlier edit may bring a site that a later one takes away by name
                if other is not None and not (target.edit.kind != "no_go" and (gone.level, gone.row) in other.brought):
                    faults.append(target.edit.fault("edit_conflict", other=other.edit.id,
                                                    site=self.union.sites[gone.level].ids[gone.row]))
            if target.edit.kind in ("lock", "size", "forbid", "move"):
                place = target.touched[0]
                if place in named:
                    faults.append(target.edit.fault("edit_conflict", other=named[place].edit.id,
                                                    site=self.union.sites[place[0]].ids[place[1]]))
                else:
                    named[place] = target
        return list({f.line(): f for f in faults}.values())
