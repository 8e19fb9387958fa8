"""Screening of many parcels against many exclusions: CPU seconds, with and without shape, slope and score.

    python -m tests.benchmarks.screening [--parcels 20000] [--exclusions 5000] [--seed 1] [--out results.json]

Parcels are turned quadrangles and L shapes of 200 to 20,000 m2 in a square city; exclusions are blobs (lakes, parks)
and bands (rivers, pipelines) with a distance to keep; streets form a grid of 200 m, cut at the crossings. Everything
lies in memory: reading files is not counted. The bar of the requirement is the first row.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from rasterio.transform import from_origin
from shapely import affinity

from geodata.land_survey import LandSurvey
from geodata.places import Exclusion
from geodata.screening import ScreenedLand, TierScreening, screen_land
from geodata.screening_rules import RectangleRule
from geodata.slope import SlopeGrid
from geodata.suitability import Criterion, SuitabilityRule

CRS = "EPSG:4547"
AREAS_M2 = (500.0, 1000.0, 2000.0)


def city(parcels: int, exclusions: int, seed: int) -> tuple[gpd.GeoDataFrame, Exclusion, shapely.STRtree, LandSurvey]:
    """Land, exclusions, streets and heights of a square city."""
    rng = np.random.default_rng(seed)
    side = np.sqrt(parcels) * 150.0
    size = rng.uniform(15.0, 140.0, parcels)
    ratio = rng.uniform(0.3, 1.0, parcels)
    shapes = []
    for at, long, wide, turn, bay in zip(rng.uniform(0, side, (parcels, 2)), size, size * ratio,
                                         rng.uniform(0, 90, parcels), rng.random(parcels), strict=True):
        shape = shapely.box(0, 0, long, wide)
        if bay < 0.3:  # an L shape
            shape = shape.difference(shapely.box(long * 0.5, wide * 0.5, long, wide))
        shapes.append(affinity.translate(affinity.rotate(shape, turn), *at))
    land = gpd.GeoDataFrame({"id": [f"P{n}" for n in range(parcels)], "zone_id": ["Z"] * parcels,
                             "land_use": rng.choice(["2", "3"], parcels).astype(object)}, geometry=shapes, crs=CRS)
    where = rng.uniform(0, side, (exclusions, 2))
    blobs = shapely.buffer(shapely.points(where[::2]), rng.uniform(10, 60, len(where[::2])))
    ends = where[1::2] + rng.normal(0, 200, where[1::2].shape)
    bands = shapely.buffer(shapely.linestrings(np.stack([where[1::2], ends], axis=1)), 8.0)
    cut = np.arange(0, side, 200.0)
    streets = [shapely.LineString([(a, k), (a + 200.0, k)]) for k in cut for a in cut]
    streets += [shapely.LineString([(k, a), (k, a + 200.0)]) for k in cut for a in cut]
    cells = int(side / 30.0) + 2
    slopes = SlopeGrid(np.abs(rng.normal(0.03, 0.03, (cells, cells))), from_origin(-30.0, side + 30.0, 30.0, 30.0),
                       gpd.GeoSeries(crs=CRS).crs)
    return (land, Exclusion("barred", 5.0, gpd.GeoSeries([*blobs, *bands], crs=CRS)),
            shapely.STRtree(np.array(streets, dtype=object)), LandSurvey(slopes))


def rules() -> dict[str, TierScreening]:
    """The screening of one tier, plain and with each further question."""
    plain = {"min_area_m2": 500.0, "land_use": ("3",), "max_distance_to_street_m": 150.0}
    score = SuitabilityRule((Criterion("street", "distance_to_street_m", 150.0, 0.0),
                             Criterion("area", "usable_area_m2", 500.0, 2000.0),
                             Criterion("barred", "distance_m", 0.0, 100.0, layer="barred")), (0.5, 0.3, 0.2))
    return {"exclusions, area, land use, streets": TierScreening("t", AREAS_M2, **plain),  # type: ignore[arg-type]
            "and a rectangle": TierScreening("t", AREAS_M2, rectangle=RectangleRule(3.0),
                                             **plain),  # type: ignore[arg-type]
            "and slope": TierScreening("t", AREAS_M2, max_slope_share=0.08, **plain),  # type: ignore[arg-type]
            "and a score": TierScreening("t", AREAS_M2, suitability=score, **plain)}  # type: ignore[arg-type]


def timed(work: Callable[[], ScreenedLand]) -> tuple[ScreenedLand, float, float]:
    """A result with wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure and print; write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parcels", type=int, default=20_000)
    parser.add_argument("--exclusions", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    land, barred, streets, survey = city(asked.parcels, asked.exclusions, asked.seed)
    rows = []
    for name, rule in rules().items():
        around = survey if "slope" in name else LandSurvey()
        found, wall_s, cpu_s = timed(lambda rule=rule, around=around: screen_land(  # type: ignore[misc]
            land, [barred], [rule], streets, survey=around))
        rows.append({"case": name, "parcels": asked.parcels, "exclusions": asked.exclusions, "seed": asked.seed,
                     "candidates": int(found.tiers[0].is_candidate.sum()), "seconds": round(wall_s, 3),
                     "cpu_seconds": round(cpu_s, 3)})
        print(f"{name:<40} {rows[-1]['candidates']:>7} candidates  {wall_s:7.2f} s  {cpu_s:7.2f} CPU s")
    if asked.out is not None:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        machine = {"system": platform.platform(), "python": platform.python_version(), "peak_rss_mb": round(peak_mb)}
        asked.out.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
