"""All reasons why a parcel is no candidate of a tier, worked out for many parcels at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geodata.rejections import Rejection

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]


class Found:
    """Collects the rejections of parcels, in the order of the rules."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._rows: defaultdict[int, list[Rejection]] = defaultdict(list)

    def below(self, code: str, measured: Float, least: float, where: Bool | None = None) -> None:
        """Rejects what is below a least value; `where` narrows the parcels it is asked of."""
        self._add(code, measured, least, measured < least, where, below=True)

    def above(self, code: str, measured: Float, most: float | None, where: Bool | None = None) -> None:
        """Rejects what is above a greatest value, where there is one."""
        if most is not None:
            self._add(code, measured, most, measured > most, where, below=False)

    def plain(self, code: str, where: Bool, subjects: Sequence[str | None] | None = None) -> None:
        """Rejects some parcels without a measured value."""
        for row in np.flatnonzero(where).tolist():
            self._rows[row].append(Rejection(code, subject=None if subjects is None else subjects[row]))

    def add(self, row: int, rejection: Rejection) -> None:
        """One more reason of one parcel."""
        self._rows[row].append(rejection)

    def _add(self, code: str, measured: Float, limit: float, broken: Bool, where: Bool | None, *, below: bool) -> None:
        for row in np.flatnonzero(broken if where is None else broken & where).tolist():
            self._rows[row].append(Rejection(code, float(measured[row]), float(limit), below))

    @property
    def rows(self) -> tuple[tuple[Rejection, ...], ...]:
        """The reasons of every parcel, none for a candidate."""
        return tuple(tuple(self._rows[row]) if row in self._rows else () for row in range(self._count))
