"""What is measured of parcels beyond their own shape: distances to streets, networks and layers, slope, criteria."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.places import Exclusion
from geodata.roads import Snap
from geodata.slope import SlopeGrid, slopes_of
from geodata.suitability import CLASSES, Criterion

Float = NDArray[np.float64]
Shapes = NDArray[np.object_]


class Network(Protocol):
    """The streets that a vehicle can come from and go to (geodata.driver.Driver, geodata.roads.Access)."""

    def snap(self, geometries: NDArray[np.object_]) -> Snap:
        """The place of the network nearest to each geometry."""
        ...


@dataclass(frozen=True)
class LandSurvey:
    """What parcels are measured against, besides exclusions."""

    slopes: SlopeGrid | None = None
    networks: Mapping[str, Network] = field(default_factory=dict)
    """By tier, the network of the vehicle that feeds it."""
    roads: gpd.GeoDataFrame | None = None
    """Streets with their highway classes."""


@dataclass(frozen=True)
class Parcels:
    """Parcels as one tier sees them, metric."""

    whole: Shapes
    pieces: Shapes
    """The usable piece, empty where nothing is usable."""
    crs: object

    @property
    def sites(self) -> Shapes:
        """Where a site would stand: the usable piece, else the parcel."""
        return np.where(shapely.is_empty(self.pieces), self.whole, self.pieces)


def access_m(survey: LandSurvey, tier_id: str, shapes: Shapes) -> Float:
    """Distance of each parcel to the connected network of the vehicle that feeds a tier, m; inf where it has none."""
    network = survey.networks.get(tier_id)
    if network is None or len(shapes) == 0:
        return np.full(len(shapes), np.inf)
    return np.asarray(network.snap(shapes).distance_m, dtype=np.float64)


def slope_share(survey: LandSurvey, parcels: Parcels, quantile: float | None) -> Float:
    """Slope of the place where a site would stand, rise over run; nan where it is not known."""
    if survey.slopes is None:
        return np.full(len(parcels.whole), np.nan)
    return slopes_of(survey.slopes, gpd.GeoSeries(parcels.sites, crs=parcels.crs), quantile)


def nearest_m(shapes: Shapes, others: Shapes) -> Float:
    """Distance of each shape to the nearest of others, m; inf where there are none."""
    out = np.full(len(shapes), np.inf)
    if len(shapes) and len(others):
        (rows, _), nearest = shapely.STRtree(others).query_nearest(shapes, all_matches=False, return_distance=True)
        out[rows] = nearest
    return out


def compactness_share(shapes: Shapes) -> Float:
    """4 pi area / perimeter^2: 1 for a circle, 0.785 for a square, near 0 for slivers (Polsby and Popper 1991)."""
    length = np.asarray(shapely.length(shapes), dtype=np.float64)
    area = np.asarray(shapely.area(shapes), dtype=np.float64)
    return np.divide(4.0 * math.pi * area, length**2, out=np.zeros(len(shapes)), where=length > 0.0)


def measured_criteria(criteria: Sequence[Criterion], survey: LandSurvey, parcels: Parcels, layers: Sequence[Exclusion],
                      known: Mapping[str, Float]) -> dict[str, Float]:
    """Measured values of criteria by name; `known` has, by measure, what screening has worked out already."""
    return {c.name: np.asarray(known[c.measure] if c.measure in known and not c.street_classes
                               else _measured(c, survey, parcels, layers), dtype=np.float64)
            for c in criteria if c.measure not in CLASSES}


def _measured(criterion: Criterion, survey: LandSurvey, parcels: Parcels, layers: Sequence[Exclusion]) -> Float:
    if criterion.measure == "compactness_share":
        return compactness_share(parcels.sites)
    if criterion.measure == "distance_m":
        layer = next(layer for layer in layers if layer.name == criterion.layer)
        return nearest_m(parcels.sites, np.asarray(layer.geometries.array, dtype=object))
    assert survey.roads is not None, criterion.measure
    of_class = survey.roads["highway"].isin(criterion.street_classes).to_numpy()
    return nearest_m(parcels.whole, np.asarray(survey.roads.geometry.array, dtype=object)[of_class])
