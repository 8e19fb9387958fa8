"""Genuine results of all kinds of towns are accepted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.sealed import hashes_fit
from tests.service.tiny_town import ONE_STREET, TinyTown, one_street, packaged_network, recynet


def street_with(change: Callable[[TinyTown], None]) -> Callable[[Path], TinyTown]:
    return changed(one_street, change)


def town_with(change: Callable[[TinyTown], None]) -> Callable[[Path], TinyTown]:
    return changed(TinyTown, change)


def changed(place: Callable[[Path], TinyTown], change: Callable[[TinyTown], None]) -> Callable[[Path], TinyTown]:
    def make(folder: Path) -> TinyTown:
        town = place(folder)
        change(town)
        return town

    return make


def setting(block: str, **values: Any) -> Callable[[TinyTown], None]:
    return lambda town: town.study.setdefault(block, {}).update(values)


def priced(**money: float) -> Callable[[TinyTown], None]:
    return lambda town: town.add_network("one_street", {**ONE_STREET, "money": {**ONE_STREET["money"], **money}})


def peopled(count: int) -> Callable[[TinyTown], None]:
    return lambda town: town.layers["communities"].__setitem__("population", [count])


def no_zones(town: TinyTown) -> None:
    del town.study["inputs"]["zones"], town.layers["zones"]


def station(status: str, tier: str = "transfer_station", size: str = "station") -> Callable[[TinyTown], None]:
    return lambda town: town.add_existing(("OLD", tier, status, size, (600, 20), 10_000.0))


def ruling(kind: str, value: float, tier: str, **more: str) -> Callable[[TinyTown], None]:
    return lambda town: town.add_rule("OWN_RULE", {"id": "clause", "kind": kind, "value": value, "tier": tier, **more})


def dear(town: TinyTown) -> None:
    network = packaged_network()
    for size in network["tiers"][1]["sizes"]:
        size["build_cost_cny"] *= 3
    town.add_network("dear_stations", network)


STREETS: dict[str, Callable[[TinyTown], None]] = {
    "plain": lambda _: None,
    "another seed": setting("solve", seed=7),
    "another seed of the tours": setting("routing", seed=9),
    "few people": peopled(40),
    "many people": peopled(4321),
    "odd people": peopled(997),
    "no zones": no_zones,
    "short walks": setting("access", max_m=200.0),
    "steep decay": setting("access", decay_m=150.0),
    "fine candidates": setting("candidates", spacing_m=150),
    "dear unserved": priced(unserved_cny_per_t=900),
    "dear carbon": priced(carbon_cny_per_t=1234.5),
    "a station to keep": station("keep"),
    "a station that may close": station("may_close"),
    "a point to keep": station("keep", "collection_point", "point"),
    "households ruled": ruling("max_households_per_site", 300, "collection_point"),
    "walks ruled": ruling("max_access_m", 400, "collection_point"),
    "a count ruled": ruling("min_sites_per_zone", 1, "collection_point", zone_level="district"),
    "a count of another level": ruling("min_sites_per_zone", 3, "transfer_station", zone_level="community"),
    "nobody at all": peopled(0),
}
TOWNS: dict[str, Callable[[TinyTown], None]] = {
    "another seed": setting("solve", seed=3),
    "packaged rule": lambda town: town.study.update(rules=["SBT_10719_2012"]),
    "dear stations": dear,
    "a centre to keep": station("keep", "sorting_center", "comprehensive_82t"),
    "short walks": setting("access", max_m=300.0),
}


QUICK = ("odd people", "a station to keep", "households ruled", "nobody at all")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in STREETS])
def test_genuine_streets_are_accepted(tmp_path: Path, name: str) -> None:
    genuine(street_with(STREETS[name])(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", TOWNS)
def test_genuine_towns_are_accepted(tmp_path: Path, name: str) -> None:
    genuine(town_with(TOWNS[name])(tmp_path))


def genuine(town: TinyTown) -> None:
    out = town.folder / "out"
    assert recynet("run", town.write(), "--out", out).exit_code in (0, 1)  # 1: a plan that serves nobody
    done = recynet("verify", out)
    assert done.exit_code == 0, done.output
    assert hashes_fit(out)
