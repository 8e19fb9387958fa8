"""The keys of a study that make up a suitability score: criteria, and how much more one matters than another."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import combinations
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from geodata.suitability import CLASSES, Criterion, Measure, SuitabilityRule
from geodata.suitability_weights import MOST_CRITERIA, MOST_INCONSISTENT, Weights, ahp_weights
from optimizer.network import Config, Identifier, NonNegative, Share

NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?\s*(/\s*\d{1,6}(\.\d{1,6})?)?")
MOST_SHOWN = 40
STRONGEST = 9
"""Saaty's scale runs from 1 (equal) to 9 (extreme), and from 1/9 to 1 the other way round."""


class CriterionConfig(Config):
    """One criterion: what is measured, and which values score 0 and 1."""

    measure: Measure
    worst: float | None = None
    best: float | None = None
    layer: str | None = None
    """For distance_m: an exclusion layer, a group of points of interest, or `communities`."""
    street_classes: tuple[str, ...] = ()
    """For distance_to_street_m: OSM classes of the streets that count."""
    scores: dict[str, Share] = Field(default_factory=dict)
    """For land_use and host: score per class; points along streets are of the host `street`."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.measure in CLASSES:
            if not self.scores or self.worst is not None or self.best is not None:
                raise ValueError(f"{self.measure} needs `scores` and neither worst nor best")
        elif self.worst is None or self.best is None or self.worst == self.best or self.scores:
            raise ValueError(f"{self.measure} needs `worst` and `best`, which differ, and no scores")
        if (self.layer is not None) != (self.measure == "distance_m"):
            raise ValueError("`layer` belongs to distance_m")
        if self.street_classes and self.measure != "distance_to_street_m":
            raise ValueError("`street_classes` belong to distance_to_street_m")
        return self

    def criterion(self, name: str) -> Criterion:
        """The same for screening."""
        return Criterion(name, self.measure, 0.0 if self.worst is None else self.worst,
                         1.0 if self.best is None else self.best, self.layer, self.street_classes, self.scores)


class SuitabilityConfig(Config):
    """Criteria of one tier with their pairwise comparisons; the score is shown, and counts only where that is asked."""

    criteria: Annotated[dict[Identifier, CriterionConfig], Field(min_length=1, max_length=MOST_CRITERIA)]
    comparisons: dict[Identifier, dict[Identifier, float | str]] = Field(default_factory=dict)
    """{a: {b: 3}}: a matters 3 times as much as b; every pair once, 1/9 to 9, fractions as '1/3'."""
    min_score_share: Share | None = None
    """Land with a lower score is rejected."""
    premium_cny_per_year: NonNegative | None = None
    """What land with score 0 costs a year on top of the rest, none at score 1, linear between."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found, names = self.weights, list(self.criteria)
        if not found.acceptable:
            a, b = (names[n] for n in found.worst)
            raise ValueError(
                f"the comparisons contradict one another: consistency ratio {found.consistency_ratio:.3f} > "
                f"{MOST_INCONSISTENT:g}, most of all '{a}' over '{b}', given as {_fraction(found.given)}, while the "
                f"others together say {_fraction(found.consistent)}")
        return self

    @cached_property
    def weights(self) -> Weights:
        """Weights of the criteria in order; ValueError where a comparison is missing, repeated or off the scale."""
        names, matrix = list(self.criteria), np.eye(len(self.criteria))
        number = {name: n for n, name in enumerate(names)}
        unknown = sorted({name for a, row in self.comparisons.items() for name in (a, *row)} - set(names))
        if unknown:
            raise ValueError(f"comparisons name {unknown}, which are no criteria")
        given: dict[frozenset[str], float] = {}
        for a, row in self.comparisons.items():
            for b, text in row.items():
                pair, value = frozenset((a, b)), _number(text)
                if a == b or pair in given:
                    raise ValueError(f"'{a}' and '{b}' are compared twice, or with themselves")
                if not 1 / STRONGEST - 1e-9 <= value <= STRONGEST + 1e-9:
                    raise ValueError(f"'{a}' over '{b}' is {text}; the scale runs from 1/{STRONGEST} to {STRONGEST}")
                given[pair] = value
                matrix[number[a], number[b]], matrix[number[b], number[a]] = value, 1.0 / value
        missing = [f"{a} and {b}" for a, b in combinations(names, 2) if frozenset((a, b)) not in given]
        if missing:
            raise ValueError(f"not compared: {', '.join(missing)}")
        return ahp_weights(matrix)

    def measures(self) -> set[str]:
        """Everything that is measured."""
        return {criterion.measure for criterion in self.criteria.values()}

    def rule(self) -> SuitabilityRule:
        """The same for screening."""
        return SuitabilityRule(tuple(c.criterion(name) for name, c in self.criteria.items()),
                               self.weights.weights, self.min_score_share)


def _number(given: float | str) -> float:
    if not isinstance(given, str):
        return float(given)
    if not NUMBER.fullmatch(given.strip()):  # no exponents, no endless digits: they would take minutes to work out
        raise ValueError(f"'{given[:MOST_SHOWN]}' is no number such as 3 or 1/3")
    above, _, below = given.partition("/")
    if below and not float(below):
        raise ValueError(f"'{given}' divides by zero")
    return float(above) / (float(below) if below else 1.0)


def _fraction(value: float) -> str:
    return f"{value:.3g}" if value >= 1.0 else f"1/{1.0 / value:.3g}"
