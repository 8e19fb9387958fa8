"""certificate.json and certificate.npz: the multipliers of the bound, named arrays and nothing to execute."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from optimizer.bound import Bound
from optimizer.links import Reach
from optimizer.multipliers import BadMultipliersError, Multipliers, Scenario
from optimizer.problem import Problem

SCHEMA_VERSION = 1


def write_certificate(folder: Path, multipliers: Multipliers, bound: Bound, objective_cny_per_year: float,
                      gross_cost_cny_per_year: float) -> None:
    """Write the claim and the multipliers that prove it."""
    np.savez_compressed(folder / "certificate.npz", allow_pickle=False, **stored_arrays(multipliers))
    claim = claim_document(bound, objective_cny_per_year, gross_cost_cny_per_year)
    text = json.dumps(claim, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "certificate.json").write_text(text + "\n", encoding="utf-8")


def stored_arrays(multipliers: Multipliers) -> dict[str, NDArray[np.generic]]:
    """The arrays of certificate.npz by name, rounded to float32 and int32."""
    arrays: dict[str, NDArray[np.generic]] = {
        "part_price": np.stack([s.part_price for s in multipliers.scenarios]).astype(np.float32),
        "end_price": np.stack([s.end_price for s in multipliers.scenarios]).astype(np.float32),
        "link_part": multipliers.link_part.astype(np.int32), "link_site": multipliers.link_site.astype(np.int32),
        "link_value": multipliers.link_value.astype(np.float32),
        "row": np.stack([s.row for s in multipliers.scenarios]).astype(np.float32),
        **_own_arrays(multipliers)}
    for level, (per_t, per_m3) in enumerate(zip(multipliers.site_per_t, multipliers.site_per_m3, strict=True)):
        arrays[f"site_per_t_{level}"] = per_t.astype(np.float32)
        arrays[f"site_per_m3_{level}"] = per_m3.astype(np.float32)
    return arrays


def _own_arrays(multipliers: Multipliers) -> dict[str, NDArray[np.generic]]:
    """Areas and links of their own, one row per scenario that has them (numbered in area_of and reach_of)."""
    areas = [(n, s.area) for n, s in enumerate(multipliers.scenarios) if s.area is not None]
    reach = [(n, s.reach) for n, s in enumerate(multipliers.scenarios) if s.reach is not None]
    arrays: dict[str, NDArray[np.generic]] = {"area_of": np.array([n for n, _ in areas], dtype=np.int32),
                                              "reach_of": np.array([n for n, _ in reach], dtype=np.int32)}
    if areas:
        arrays["area"] = np.stack([area for _, area in areas])
    if reach:
        arrays["reach_price"] = np.stack([r.price for _, r in reach]).astype(np.float32)
        arrays["reach_site"] = np.stack([r.site for _, r in reach]).astype(np.int32)
        arrays["reach_share"] = np.stack([r.share for _, r in reach]).astype(np.float32)
    return arrays


def _scenarios(arrays: dict[str, NDArray[np.generic]]) -> tuple[Scenario, ...]:
    areas = dict(zip(arrays["area_of"].tolist(), arrays.get("area", ()), strict=True))
    stored = zip(*(arrays.get(name, ()) for name in ("reach_price", "reach_site", "reach_share")), strict=True)
    reach = {n: Reach(price.astype(np.float64), site.astype(np.int64), share.astype(np.float64))
             for n, (price, site, share) in zip(arrays["reach_of"].tolist(), stored, strict=True)}
    basic = zip(arrays["part_price"], arrays["end_price"], arrays["row"], strict=True)
    return tuple(Scenario(w.astype(np.float64), k.astype(np.float64), r.astype(np.float64), reach.get(n), areas.get(n))
                 for n, (w, k, r) in enumerate(basic))


def claim_document(bound: Bound, objective_cny_per_year: float, gross_cost_cny_per_year: float) -> dict[str, object]:
    """What certificate.json says: the bound, how it came about, and what it is compared with."""
    return {
        "schema_version": SCHEMA_VERSION, "method": "lagrangian", "objective_cny_per_year": objective_cny_per_year,
        "bound_cny_per_year": bound.value_cny_per_year if np.isfinite(bound.value_cny_per_year) else None,
        "gross_cost_cny_per_year": gross_cost_cny_per_year, "gap_definition": "(objective - bound) / gross cost",
        "scenario_cny_per_year": [b if np.isfinite(b) else None for b in bound.scenario_cny_per_year],
        "mixes_tried": bound.mixes_tried,
        "binding_mix": list(bound.binding_mix), "dropped_from_bound": list(bound.dropped)}


def read_multipliers(folder: Path, problem: Problem) -> Multipliers:
    """The multipliers of a certificate; BadMultipliersError when the file does not have the right arrays."""
    tiers = len(problem.sites)
    try:
        with np.load(folder / "certificate.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        scenarios = _scenarios(arrays)
        read = Multipliers(
            scenarios, arrays["link_part"].astype(np.int64), arrays["link_site"].astype(np.int64),
            arrays["link_value"].astype(np.float64),
            tuple(arrays[f"site_per_t_{level}"].astype(np.float64) for level in range(tiers)),
            tuple(arrays[f"site_per_m3_{level}"].astype(np.float64) for level in range(tiers)))
        strange = sorted(arrays.keys() ^ stored_arrays(read).keys()) if scenarios else []
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile, zlib.error) as error:
        raise BadMultipliersError(f"certificate.npz cannot be read: {error}") from error
    if strange:
        raise BadMultipliersError(f"certificate.npz holds arrays that belong to no bound: {strange}")
    return read


def read_claim(folder: Path) -> dict[str, object]:
    """The claim of certificate.json; BadMultipliersError when it is no JSON object."""
    try:
        claim = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadMultipliersError(f"certificate.json cannot be read: {error}") from error
    if not isinstance(claim, dict):
        raise BadMultipliersError("certificate.json is no object")
    return claim
