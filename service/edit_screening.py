"""The screening of a site that a planner draws: the same rules as for all land, but what they find is a warning."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.land_survey import LandSurvey
from geodata.places import Places
from geodata.screening import ScreenedTier, TierScreening, screen_tier, street_tree
from geodata.tables import Fault, has_errors, text_column
from optimizer.network import Tier
from service.edits import Edit

Bool = NDArray[np.bool_]

DISC_MARGIN_SHARE = 0.02
"""A drawn point is screened as a disc this much larger than the land it needs."""


@dataclass(frozen=True)
class Drawn:
    """A new site as it was drawn, metric."""

    edit: Edit
    shape: shapely.Geometry
    tier: Tier
    size: int | None


def screened_site(places: Places, survey: LandSurvey, drawn: Drawn,
                  rule: TierScreening | None) -> tuple[float, Bool, tuple[Fault, ...]]:
    """Usable land (inf: not asked after), the sizes that are possible [K], and what screening says.

    A tier that stands along streets takes any size. A point says nothing of its land: it is screened as a disc of the
    land it needs and takes any size. Land drawn as a polygon takes the sizes that fit; a size that the edit insists on
    is taken all the same, with a warning.
    """
    edit, tier = drawn.edit, drawn.tier
    asked = np.ones(len(tier.sizes), dtype=bool) if drawn.size is None else np.arange(len(tier.sizes)) == drawn.size
    if rule is None:
        return math.inf, asked, ()
    is_point = shapely.get_dimensions(drawn.shape) == 0
    needed_m2 = min(size.area_m2 for size, on in zip(tier.sizes, asked, strict=True) if on)
    shape = drawn.shape
    if is_point:
        shape = shapely.buffer(shape, math.sqrt(max(needed_m2, rule.min_area_m2) * (1 + DISC_MARGIN_SHARE) / math.pi))
    seen = _screened(places, survey, edit, shape, rule)
    row = seen.table.iloc[0]
    reasons = [*(["land_use_unknown"] if rule.land_use else []), *(r.text for r in seen.rejections[0])]
    faults = [edit.fault("edit_screened_out", reason=reason) for reason in reasons]
    if is_point:
        return math.inf, asked, tuple(faults)
    usable_m2 = float(row["usable_area_m2"])
    by_area = asked & (np.array([size.area_m2 for size in tier.sizes]) <= usable_m2)
    fits = asked & seen.room[0]  # the rectangle too, where the rule asks for one; where none fits, that is told above
    if by_area.any():
        return usable_m2, fits if fits.any() else by_area, tuple(faults)
    if drawn.size is None:
        faults.append(edit.fault("edit_no_size_fits", tier=tier.id, area=f"{usable_m2:.0f}"))
    else:
        faults.append(edit.fault("edit_size_exceeds_land", size=tier.sizes[drawn.size].id, needed=f"{needed_m2:g}",
                                 area=f"{usable_m2:.0f}"))
    return math.inf, asked, tuple(faults if not has_errors(faults) else faults[-1:])


def _screened(places: Places, survey: LandSurvey, edit: Edit, shape: shapely.Geometry,
              rule: TierScreening) -> ScreenedTier:
    """The drawn land as the tier's screening sees it; of its land use nothing is known, so it has no score."""
    nothing = text_column([None])
    land = gpd.GeoDataFrame({"id": [edit.added_site_id], "land_use": nothing, "zone_id": nothing}, geometry=[shape],
                            crs=places.crs_metric)
    return screen_tier(land, places.exclusions, replace(rule, land_use=(), suitability=None),
                       street_tree(places.roads), places.communities, survey)
