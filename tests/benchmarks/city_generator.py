"""A seeded city of any size as a siting problem: clustered people, walking arcs, straight-line drives.

    python -m tests.benchmarks.city_generator --out DIR [--communities N] [--points N] [--stations N] [--centres N]
        [--seeds 1 2 3]

writes DIR/instances.csv and one small parameter file per seed, a folder that `tests.benchmarks.siting --data DIR` runs;
the city itself is generated when it is read. Materials, vehicles, sizes and costs are those of
configs/networks/urban_three_tier.yaml (its first MATERIALS materials, and the sizes that accept any of them). Taken
from the sources named there: 2.64 persons a household, half the cap of 2,000 households a point as the largest demand
part. Assumed here: 900 households a community on average (lognormal), people around several centres, 8 communities
per km2.

`capacity_multiple` says how many times the demand (what is captured when every part uses its nearest candidate) the
candidates of each tier hold together, each in the largest size its ground allows. Where even the smallest sizes are
more, they stay. The households that a point may serve are the same multiple of households over points: at the cap of
2,000, five thousand points could not serve ten thousand communities of 900.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial import KDTree

from optimizer.network import Network, Tier
from optimizer.problem import Demand, Leg, Problem, Sites, Walk

Float = NDArray[np.float64]
Int = NDArray[np.int64]
NETWORK_FILE = Path(__file__).parents[2] / "configs" / "networks" / "urban_three_tier.yaml"
FAMILY, PROBLEM = "generated_city", "city"
DETOUR = 1.3
WALK_M = 800.0
ACCESS_SHARE = 0.8
DECAY_M = 500.0
MATERIALS = 6
HOUSEHOLDS_PER_COMMUNITY = 900.0
HOUSEHOLDS_SPREAD = 0.5
"""Standard deviation of the logarithm of a community's households."""
COMMUNITIES_PER_KM2 = 8.0
CENTRES_OF_TOWN = 6
IN_TOWN_SHARE = 0.7
"""Share of communities and points around a centre of the town; the others lie anywhere."""
PART_RADIUS_M = 60.0
"""Parts of one community lie that far apart."""
NEAREST_M = 10.0


@dataclass(frozen=True)
class City:
    """What a generated city looks like."""

    communities: int = 10_000
    points: int = 5_000
    stations: int = 300
    centres: int = 40
    seed: int = 1
    capacity_multiple: tuple[float, float, float] = (3.0, 2.0, 2.0)

    @property
    def name(self) -> str:
        """How the instance is called."""
        return f"{self.communities}x{self.points}x{self.stations}x{self.centres}_seed{self.seed}"


def generate(city: City) -> Problem:
    """The siting problem of a city; the same parameters give the same arrays."""
    rng = np.random.default_rng(city.seed)
    network = _network()
    side_m = 1000.0 * float(np.sqrt(city.communities / COMMUNITIES_PER_KM2))
    town = _Town(rng, side_m)
    community_xy, point_xy = town.places(city.communities, 1.0), town.places(city.points, 1.0)
    station_xy, centre_xy = town.places(city.stations, 1.5), town.places(city.centres, 2.5)
    demand, part_xy = _demand(rng, network, community_xy)
    walk = _walk(part_xy, point_xy)
    needed_t = _captured_at_nearest(demand, walk)
    counts = (city.points, city.stations, city.centres)
    sites = tuple(_sites(rng, tier, count, multiple * needed_t)
                  for tier, count, multiple in zip(network.tiers, counts, city.capacity_multiple, strict=True))
    legs = tuple(_leg(network, tier, a, b) for tier, (a, b) in
                 zip(network.tiers[1:], ((point_xy, station_xy), (station_xy, centre_xy)), strict=True))
    cap = city.capacity_multiple[0] * float(demand.households.sum()) / city.points
    return Problem(network, demand, ACCESS_SHARE, (), sites, walk, legs, max_households_per_site=cap)


def demand_t_per_day(problem: Problem) -> float:
    """What is captured when every part uses its nearest candidate, t/day: what the capacity multiples refer to."""
    return _captured_at_nearest(problem.demand, problem.walk)


def _network() -> Network:
    """The bundled urban network with its first materials, and the sizes that accept at least one of them."""
    data = yaml.safe_load(NETWORK_FILE.read_text(encoding="utf-8"))
    data["materials"] = data["materials"][:MATERIALS]
    known = {material["id"] for material in data["materials"]}
    for tier in data["tiers"]:
        for size in tier["sizes"]:
            if "accepts" in size:
                size["accepts"] = [i for i in size["accepts"] if i in known]
        tier["sizes"] = [size for size in tier["sizes"] if size.get("accepts", known)]
    return Network.model_validate(data)


class _Town:
    """Where things lie: a mixture of places around a few centres and places anywhere in the square."""

    def __init__(self, rng: np.random.Generator, side_m: float) -> None:
        self.rng, self.side_m = rng, side_m
        self.centre_xy = rng.uniform(0.2 * side_m, 0.8 * side_m, (CENTRES_OF_TOWN, 2))
        self.spread_m = side_m * rng.uniform(0.06, 0.14, CENTRES_OF_TOWN)
        weight = rng.uniform(0.5, 2.0, CENTRES_OF_TOWN)
        self.weight = weight / weight.sum()

    def places(self, count: int, wider: float) -> Float:
        """`count` places, [count, 2], with spreads `wider` times the people's."""
        which = self.rng.choice(CENTRES_OF_TOWN, size=count, p=self.weight)
        near = self.rng.normal(self.centre_xy[which], wider * self.spread_m[which, None])
        anywhere = self.rng.uniform(0.0, self.side_m, (count, 2))
        in_town = self.rng.random(count) < IN_TOWN_SHARE
        return np.clip(np.where(in_town[:, None], near, anywhere), 0.0, self.side_m)


def _demand(rng: np.random.Generator, network: Network, community_xy: Float) -> tuple[Demand, Float]:
    """Parts of at most half the network's household cap, and where they are, [n, 2]."""
    cap = network.tiers[0].max_households_per_site
    assert cap is not None
    count = len(community_xy)
    mean = np.log(HOUSEHOLDS_PER_COMMUNITY) - HOUSEHOLDS_SPREAD**2 / 2.0
    households = np.maximum(np.rint(rng.lognormal(mean, HOUSEHOLDS_SPREAD, count)), 20.0)
    pieces = np.ceil(households / (cap / 2.0)).astype(np.int64)
    community = np.repeat(np.arange(count), pieces)
    number = np.arange(len(community)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    own = (households / pieces)[community]
    apart = np.where((pieces > 1)[community, None], rng.normal(0.0, PART_RADIUS_M, (len(community), 2)), 0.0)
    persons = own * network.persons_per_household
    kg = np.array([m.kg_per_person_day for m in network.materials])
    ids = tuple(f"c{i}#{k + 1}" for i, k in zip(community.tolist(), number.tolist(), strict=True))
    demand = Demand(ids, tuple(f"c{i}" for i in range(count)), community, np.full(len(community), -1, dtype=np.int64),
                    persons, own, persons[:, None] * kg[None, :] / 1000.0)
    return demand, community_xy[community] + apart


def _walk(part_xy: Float, point_xy: Float) -> Walk:
    """All pairs within the walking limit, sorted by part."""
    near = KDTree(part_xy).sparse_distance_matrix(KDTree(point_xy), WALK_M / DETOUR, output_type="ndarray")
    order = np.lexsort((near["j"], near["i"]))
    part, site = near["i"][order].astype(np.int64), near["j"][order].astype(np.int64)
    metres = np.maximum(DETOUR * near["v"][order], NEAREST_M)
    return Walk(part, site, metres, ACCESS_SHARE * np.exp(-metres / DECAY_M))


def _captured_at_nearest(demand: Demand, walk: Walk) -> float:
    best = np.zeros(len(demand.part_ids))
    np.maximum.at(best, walk.part, walk.captured_share)
    return float(demand.generated_t_per_day.sum(axis=1) @ best)


def _sites(rng: np.random.Generator, tier: Tier, count: int, wanted_t_per_day: float) -> Sites:
    """Sites with ground for the smallest size that takes everything; in random order some get more, until it is enough.

    ValueError where the largest sizes everywhere hold less than wanted.
    """
    area = np.array([size.area_m2 for size in tier.sizes])
    capacity = np.array([size.capacity_t_per_day for size in tier.sizes])
    most = np.array([capacity[area <= own].max() for own in area])
    by_room = np.array([k for k in np.lexsort((area, most)) if tier.sizes[k].accepts is None])
    if count * most.max() < wanted_t_per_day:
        raise ValueError(f"{count} candidates of tier '{tier.id}' hold {count * most.max():.0f} t/day at most, "
                         f"{wanted_t_per_day:.0f} are wanted")
    ground = np.full(count, by_room[0])
    held = count * float(most[by_room[0]])
    while held < wanted_t_per_day:
        for site in rng.permutation(count).tolist():
            larger = by_room[most[by_room] > most[ground[site]]]
            if held >= wanted_t_per_day:
                break
            if len(larger):
                new = int(rng.choice(larger))
                held += float(most[new] - most[ground[site]])
                ground[site] = new
    zero = np.zeros(count, dtype=np.int64)
    own = area[ground]
    return Sites(tuple(f"{tier.id}_{j}" for j in range(count)), zero - 1, own, area[None, :] <= own[:, None], zero,
                 np.zeros(count))


def _leg(network: Network, tier: Tier, low_xy: Float, high_xy: Float) -> Leg:
    """Straight lines with a detour, there and back, at the vehicle's default speed."""
    assert tier.feed is not None
    speed_m_per_s = network.vehicle(tier.feed.vehicle).speed_km_per_h["default"] / 3.6
    metres = DETOUR * np.hypot(*(np.subtract.outer(low_xy[:, d], high_xy[:, d]) for d in (0, 1)))
    return Leg(metres, metres / speed_m_per_s, metres, metres / speed_m_per_s)


def write_folder(folder: Path, cities: Sequence[City]) -> None:
    """Writes instances.csv and the parameter files of some cities."""
    (folder / FAMILY).mkdir(parents=True, exist_ok=True)
    with (folder / "instances.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["family", "problem", "instance", "file", "p", "capacity", "radius", "best_known", "status"])
        for city in cities:
            path = f"{FAMILY}/{city.name}.json"
            (folder / path).write_text(json.dumps(asdict(city)) + "\n", encoding="utf-8")
            table.writerow([FAMILY, PROBLEM, city.name, path, "", "", "", "", ""])


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the folder asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.city_generator")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    for name in ("communities", "points", "stations", "centres"):
        parser.add_argument(f"--{name}", type=int, default=getattr(City, name))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args(argv)
    write_folder(given.out, [City(given.communities, given.points, given.stations, given.centres, seed)
                             for seed in given.seeds])
    return 0


if __name__ == "__main__":
    sys.exit(main())
