"""certificate.json and certificate.npz: the multipliers of the bound, named arrays and nothing to execute."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from optimizer.bound import BadMultipliersError, Bound, Multipliers, Scenario
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
        "row": np.stack([s.row for s in multipliers.scenarios]).astype(np.float32)}
    for level, (per_t, per_m3) in enumerate(zip(multipliers.site_per_t, multipliers.site_per_m3, strict=True)):
        arrays[f"site_per_t_{level}"] = per_t.astype(np.float32)
        arrays[f"site_per_m3_{level}"] = per_m3.astype(np.float32)
    return arrays


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
        scenarios = tuple(Scenario(w.astype(np.float64), k.astype(np.float64), r.astype(np.float64))
                          for w, k, r in zip(arrays["part_price"], arrays["end_price"], arrays["row"], strict=True))
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
