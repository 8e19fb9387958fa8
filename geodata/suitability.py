"""A suitability score per parcel: measured criteria, each turned into 0 to 1 by a stated function, weighted, added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Measure = Literal["distance_to_street_m", "access_m", "slope_share", "usable_area_m2", "parcel_area_m2",
                  "compactness_share", "distance_m", "land_use", "host"]
CLASSES = ("land_use", "host")
"""Measures that are words, each with a score of its own."""


@dataclass(frozen=True)
class Criterion:
    """One criterion: what is measured, and how that becomes a score."""

    name: str
    measure: Measure
    worst: float = 0.0
    """Measured value with score 0 ..."""
    best: float = 1.0
    """... and with score 1; linear between them, level beyond. `best` may be the smaller of the two."""
    layer: str | None = None
    """For distance_m: the exclusion layer, group of points, or `communities` it is measured to."""
    street_classes: tuple[str, ...] = ()
    """For distance_to_street_m: OSM classes of the streets that count; empty: all that vehicles use."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """For land_use and host: score per class, 0 for classes that are not named."""

    @property
    def unit(self) -> str:
        """Suffix of the measured value, empty for classes."""
        if self.measure in CLASSES:
            return ""
        return next(unit for unit in ("m2", "share", "m") if self.measure.endswith(f"_{unit}"))

    def score(self, measured: Float) -> Float:
        """Scores of measured values, 0 to 1; 0 where nothing could be measured."""
        share = (measured - self.worst) / (self.best - self.worst)
        return np.where(np.isnan(measured), 0.0, np.clip(share, 0.0, 1.0))

    def class_score(self, classes: list[str | None]) -> Float:
        """Scores of classes."""
        return np.array([0.0 if name is None else self.scores.get(name, 0.0) for name in classes])


@dataclass(frozen=True)
class SuitabilityRule:
    """Criteria of a tier with their weights."""

    criteria: tuple[Criterion, ...]
    weights: tuple[float, ...]
    """One per criterion, sum 1."""
    min_score_share: float | None = None
    """Land with a lower score is rejected; None: the score is only shown."""


@dataclass(frozen=True)
class Suitability:
    """What was measured and how it scores, criterion by criterion."""

    measured: Mapping[str, Float]
    """By column name criterion_<name>_<unit>, without classes; nan where nothing could be measured."""
    scores: Mapping[str, Float]
    """By criterion, 0 to 1."""
    total: Float
    """Weighted sum, 0 to 1."""


def scored(rule: SuitabilityRule, measured: Mapping[str, Float], classes: list[str | None]) -> Suitability:
    """The score of each place from the measured values of every criterion, and from its class of land use or host."""
    scores = {c.name: c.class_score(classes) if c.measure in CLASSES else c.score(measured[c.name])
              for c in rule.criteria}
    total = sum((weight * scores[c.name] for c, weight in zip(rule.criteria, rule.weights, strict=True)),
                start=np.zeros(len(classes)))
    shown = {f"criterion_{c.name}_{c.unit}": measured[c.name] for c in rule.criteria if c.unit}
    return Suitability(shown, scores, np.asarray(total, dtype=np.float64))
