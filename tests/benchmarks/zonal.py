"""Zonal sums measured: persons of a raster in 2,000 zones, against the rule of cell centres.

    python -m tests.benchmarks.zonal [--zones 2000] [--cells 3000] [--out results.json]

Zones are an irregular partition of the raster's square, so their sums must add up to its total. Measured twice: on
cells far smaller than a zone, and on cells larger than a zone, where the rule of cell centres leaves zones
without anybody. Seconds are those of the processor. Exit code 0 when no zone with persons is empty and the total is
kept to 1e-6, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import rasterize
from rasterio.transform import from_origin

from geodata.population_zonal import sums
from geodata.readers.population_raster import PersonGrid

EXTENT_M = 36_000.0
KEPT_SHARE = 1e-6


def partition(zones: int, seed: int) -> NDArray[np.object_]:
    """About so many quadrangles with moved corners that fill the square."""
    side = round(zones**0.5)
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, EXTENT_M, side + 1), np.linspace(0, EXTENT_M, side + 1))
    inner = np.zeros_like(x, dtype=bool)
    inner[1:-1, 1:-1] = True
    x, y = (v + np.where(inner, rng.uniform(-0.45, 0.45, v.shape) * EXTENT_M / side, 0.0) for v in (x, y))
    corners = [np.stack([x, y], axis=2)[r:r + side, c:c + side] for r, c in ((0, 0), (0, 1), (1, 1), (1, 0))]
    return np.array([shapely.make_valid(shapely.Polygon(p)) for p in np.stack(corners, axis=2).reshape(-1, 4, 2)],
                    dtype=object)


def by_centres(grid: PersonGrid, zones: NDArray[np.object_]) -> NDArray[np.float64]:
    """Sums by the rule that a cell belongs to the zone that holds its centre."""
    burnt = rasterize(((z, n + 1) for n, z in enumerate(zones)), out_shape=grid.persons.shape, transform=grid.at)
    return np.bincount(burnt.ravel(), weights=grid.persons.ravel(), minlength=len(zones) + 1)[1:]


def measured(cells: int, zones: NDArray[np.object_], seed: int) -> dict[str, float]:
    """Figures on a raster of cells x cells."""
    persons = np.random.default_rng(seed).uniform(0.1, 10.0, (cells, cells))
    grid = PersonGrid(persons, from_origin(0.0, EXTENT_M, EXTENT_M / cells, EXTENT_M / cells),
                      CRS.from_user_input("EPSG:32650"))
    sums(grid, zones[:1])
    began = time.process_time()
    found = sums(grid, zones)
    took = time.process_time() - began
    began = time.process_time()
    centres = by_centres(grid, zones)
    return {"zones": len(zones), "cells": cells**2, "cell_m": EXTENT_M / cells, "seconds": took,
            "empty_zones": int((found <= 0.0).sum()), "total_error_share": abs(found.sum() / persons.sum() - 1.0),
            "centre_rule_seconds": time.process_time() - began, "centre_rule_empty_zones": int((centres <= 0.0).sum()),
            "centre_rule_median_error_share": float(np.median(np.abs(centres / found - 1.0)))}


def main() -> int:
    """Measure, print, write; 1 where a zone is empty or the total is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zones", type=int, default=2000)
    parser.add_argument("--cells", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    zones = partition(asked.zones, asked.seed)
    rows = [measured(cells, zones, asked.seed) for cells in (asked.cells, round(0.75 * len(zones)**0.5))]
    for row in rows:
        print("  ".join(f"{name} {value:,.6g}" for name, value in row.items()))
    if asked.out is not None:
        asked.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(any(row["empty_zones"] or row["total_error_share"] > KEPT_SHARE for row in rows))


if __name__ == "__main__":
    sys.exit(main())
