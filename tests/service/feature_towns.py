"""Finished small towns with features of their own: nearest assignment, and a tier that may be passed by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.service.tiny_town import TinyTown, packaged_network, recynet


def finished(town: TinyTown) -> Path:
    """The result folder of a town, run."""
    done = recynet("run", town.write(), "--out", town.folder / "out")
    assert done.exit_code == 0, done.output
    return town.folder / "out"


def nearest_town(folder: Path) -> Path:
    """Less dense, so that the nearest sites hold most residents, with stations and centres that pay at its size."""
    town = TinyTown(folder)
    town.layers["communities"]["population"] = town.layers["communities"]["population"] // 3
    network: dict[str, Any] = packaged_network()
    for tier in network["tiers"][1:]:
        for size in tier["sizes"]:
            size["build_cost_cny"], size["fixed_cost_cny_per_year"] = 200_000, 100_000
    town.add_network("small_centres", network)
    town.study["access"] = {"share": 0.8, "decay_m": 500, "max_m": 800, "assignment": "nearest"}
    return finished(town)


def bypassed_town(folder: Path) -> Path:
    """Stations that are so dear that collecting straight to the centre pays for some points at least."""
    town = TinyTown(folder)
    network: dict[str, Any] = packaged_network()
    network["tiers"][1] |= {"bypass": True, "variable_cost_cny_per_t": 300}
    town.add_network("direct_allowed", network)
    return finished(town)
