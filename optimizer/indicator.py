"""The shape of an indicator: a name that ends in its unit, a value, a unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Kpi:
    """One indicator; the value is None where it is not defined (a mean over nobody)."""

    name: str
    value: float | None
    unit: str
    """`1` for shares and counts."""


@dataclass(frozen=True)
class Kpis:
    """Indicators in the order a reader wants them; names are unique."""

    items: tuple[Kpi, ...]

    def __post_init__(self) -> None:
        """Raise ValueError for a repeated name."""
        names = [kpi.name for kpi in self.items]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"indicators are repeated: {repeated}")

    def __iter__(self) -> Iterator[Kpi]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, name: str) -> Kpi:
        """The indicator of that name; KeyError when there is none."""
        for kpi in self.items:
            if kpi.name == name:
                return kpi
        raise KeyError(name)


def ratio(value: float, by: float) -> float | None:
    """value / by, None where there is nothing to divide by."""
    return value / by if by > 0.0 else None
