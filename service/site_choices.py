"""Sites the study asks for or rules out: `required` and `forbidden`, as status and sizes of the candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from geodata.edited_ground import SettledSite, with_settled
from geodata.ground import Ground, TierSites
from geodata.tables import DataError, Fault, did_you_mean, fault
from optimizer.network import Network
from service.messages import STUDY_MESSAGES
from service.study import RequiredSite, Study

FORBIDDEN = "forbidden"
"""Status of a candidate that the study forbids."""


def with_choices(study: Study, network: Network, ground: Ground) -> Ground:
    """The ground with the study's required sites settled and its forbidden ones without any size.

    DataError with one fault per unknown tier, site or size, per size that does not fit, and per contradiction.
    """
    if not study.required and not study.forbidden:
        return ground
    choices = _Choices(study, network, ground)
    settled = [*choices.required(), *choices.forbidden()]
    faults = [*choices.faults, *choices.contradictions()]
    if faults:
        raise DataError(faults)
    chosen = with_settled(ground, [s for s in settled if s.fits.any()])
    barred = {(s.level, s.row) for s in settled if not s.fits.any()}
    return replace(chosen, sites=tuple(_barred(sites, [row for n, row in sorted(barred) if n == level])
                                       for level, sites in enumerate(chosen.sites)))


def _barred(sites: TierSites, rows: list[int]) -> TierSites:
    """Some sites without any size; an existing one that may close keeps its status and closes at its cost."""
    status, fits = list(sites.status), sites.fits.copy()
    fits[rows] = False
    for row in rows:
        status[row] = FORBIDDEN if status[row] == "new" else status[row]
    return replace(sites, status=tuple(status), fits=fits)


class _Choices:
    """Reads the keys against the ground and gathers faults."""

    def __init__(self, study: Study, network: Network, ground: Ground) -> None:
        self._study, self._network, self._ground = study, network, ground
        self._level = {tier.id: n for n, tier in enumerate(network.tiers)}
        self._rows = [{i: n for n, i in enumerate(sites.ids)} for sites in ground.sites]
        self.faults: list[Fault] = []

    def required(self) -> Iterator[SettledSite]:
        """Sites to settle, with the sizes they may have."""
        for tier_id, wanted in self._study.required.items():
            for entry in wanted:
                site, size = (entry.id, entry.size) if isinstance(entry, RequiredSite) else (entry, None)
                place = self._place("required", tier_id, site)
                if place is not None:
                    yield from self._sized(place[0], place[1], site, size)

    def forbidden(self) -> Iterator[SettledSite]:
        """Sites without any size."""
        for tier_id, gone in self._study.forbidden.items():
            for site in gone:
                place = self._place(FORBIDDEN, tier_id, site)
                if place is not None:
                    yield SettledSite(*place, np.zeros(len(self._network.tiers[place[0]].sizes), dtype=bool))

    def contradictions(self) -> Iterator[Fault]:
        """Sites both required and forbidden, and existing sites to be kept that are forbidden."""
        for tier_id, gone in self._study.forbidden.items():
            wanted = {e.id if isinstance(e, RequiredSite) else e for e in self._study.required.get(tier_id, ())}
            level = self._level.get(tier_id)
            for site in gone:
                if site in wanted:
                    yield self._fault("site_required_and_forbidden", site=site)
                elif level is not None and site in self._rows[level] and \
                        self._ground.sites[level].status[self._rows[level][site]] == "keep":
                    yield self._fault("site_kept_and_forbidden", site=site)

    def _sized(self, level: int, row: int, site: str, size: str | None) -> Iterator[SettledSite]:
        fits = self._ground.sites[level].fits[row].copy()
        if size is not None:
            known = [s.id for s in self._network.tiers[level].sizes]
            if size not in known:
                self.faults.append(self._fault("size_unknown", tier=self._network.tiers[level].id, size=size,
                                               known=", ".join(known)))
                return
            fits &= np.array([name == size for name in known])
        if not fits.any():
            self.faults.append(self._fault("site_too_small", key="required", site=site, size=size or "-"))
            return
        yield SettledSite(level, row, fits)

    def _place(self, key: str, tier_id: str, site: str) -> tuple[int, int] | None:
        """Tier and row of a site; None after a fault."""
        level = self._level.get(tier_id)
        if level is None:
            found = self._fault("tier_unknown", key=f"{key}.{tier_id}", network=self._network.network,
                                known=", ".join(self._level), hint=did_you_mean(tier_id, self._level))
            self.faults += [found] if found not in self.faults else []
            return None
        row = self._rows[level].get(site)
        if row is None:
            self.faults.append(self._fault("site_unknown", key=key, tier=tier_id, site=site,
                                           hint=did_you_mean(site, self._rows[level])))
            return None
        return level, row

    def _fault(self, code: str, **words: str) -> Fault:
        return fault(code, file=self._study.file.name, layer=None, feature_id=None, messages=STUDY_MESSAGES, **words)
