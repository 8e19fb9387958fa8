"""The last step of the search against plain loops over every move (plain_moves.py), with the books for the cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.accounts import all_coefficients, books
from optimizer.assemble import assemble
from optimizer.check import check_plan
from optimizer.first_tier import first_tier
from optimizer.plan import OpenSites, Plan
from optimizer.problem import Problem, SiteStatus, Walk
from optimizer.solvers import moves
from optimizer.solvers.assignment import send_on
from optimizer.solvers.moves import settle_and_improve
from tests.optimizer.plain_moves import Town
from tests.optimizer.small_problems import Shape, small_problem

WORTH = 1.0 + 1e-3
KEEP, MAY_CLOSE = SiteStatus.KEEP, SiteStatus.MAY_CLOSE
SHAPES = {
    "two tiers": Shape(parts=10, sites=(8, 3)),
    "three tiers": Shape(parts=10, sites=(8, 3, 2)),
    "four tiers": Shape(parts=9, sites=(7, 3, 2, 2), residue_at=(2,)),
    "three sizes": Shape(parts=10, sites=(7, 3, 2), sizes=3, households_cap=None),
    "mass alone": Shape(parts=10, sites=(8, 3, 2), households_cap=None, volume_caps=False),
    "households": Shape(parts=12, sites=(9, 3, 2), households_cap=700.0),
    "existing and minimum": Shape(parts=9, sites=(8, 4, 2), existing=((0, 1, KEEP), (0, 2, MAY_CLOSE), (1, 0, KEEP)),
                                  quotas=((0, 0, 3), (0, 1, 2))),
    "specialised centres": Shape(parts=9, sites=(7, 3, 4), specialised=True, volume_caps=False),
    "missing ways": Shape(parts=9, sites=(8, 3, 1), unreachable_share=0.25),
}
CASES = [(name, seed) for name in SHAPES for seed in range(4)]


def start_plan(problem: Problem, seed: int, *, settled: bool) -> Plan:
    """A random lawful plan: some sites open, parts on open sites with room (the nearest one, or any)."""
    rng = np.random.default_rng(seed)
    upper = []
    for level, sites in enumerate(problem.sites[1:], start=1):
        opened = np.flatnonzero((rng.random(len(sites)) < 0.8) | (sites.status == KEEP))
        opened = opened if len(opened) else np.array([0])
        size = [int(np.flatnonzero(sites.allowed[j])[-1]) for j in opened]
        keep = [n for n, (j, k) in enumerate(zip(opened, size, strict=True))
                if problem.accepts(level)[k].all() or level > 1 or sites.status[j] == KEEP] or [0]
        upper.append(OpenSites(opened[keep].astype(np.int64), np.array(size, dtype=np.int64)[keep]))
    first = problem.sites[0]
    opened = np.flatnonzero((rng.random(len(first)) < 0.6) | (first.status == KEEP))
    for rule in problem.site_rows:
        if rule.code == "min_sites":
            opened = np.union1d(opened, np.unique(rule.site[rule.tier == 0])[: int(rule.limit)])
    size = np.array([int(rng.choice(np.flatnonzero(first.allowed[j]))) for j in opened], dtype=np.int64)
    town = Town.of(problem, with_first_tier(problem, tuple(upper), np.full(len(problem.demand.part_ids), -1),
                                            opened.astype(np.int64), size))
    for i in rng.permutation(len(town.site_of)).tolist():
        reach = [j for j in town.ways.walk_m[i] if j in town.size]
        for j in sorted(reach, key=lambda j: town.ways.walk_m[i][j]) if settled else rng.permutation(reach).tolist():
            s = town.way(i, j, town.stations_for(i, j))
            if s is not None:
                town.site_of[i], town.station[j] = j, s
                break
    return with_first_tier(problem, tuple(upper), np.array(town.site_of), opened.astype(np.int64), size)


def with_first_tier(problem: Problem, upper: tuple[OpenSites, ...], site_of_part: np.ndarray, opened: np.ndarray,
                    size: np.ndarray) -> Plan:
    """The assembled plan with these first-tier sites open, used or not."""
    table = np.full(len(problem.sites[0]), -1, dtype=np.int64)
    table[opened] = size
    plan = assemble(problem, all_coefficients(problem), upper, site_of_part.astype(np.int64), table)
    return replace(plan, open_sites=(OpenSites(opened, size), *(upper if (plan.site_of_part < 0).all()
                                                                else plan.open_sites[1:])))


def improved(problem: Problem, plan: Plan) -> Plan:
    coefficients = all_coefficients(problem)
    return settle_and_improve(problem, coefficients, first_tier(problem, coefficients), plan)


def idle_faults(town: Town, plan: Plan) -> list[str]:
    """(a) Sites without load that may close."""
    faults = [f"site {j} is idle" for j in town.size if j not in town.station and town.may_close(j)]
    for level, flow in enumerate(plan.flows, start=1):
        sites = town.ways.problem.sites[level]
        faults += [f"site {j} of tier {level} is idle" for j in plan.open_sites[level].site.tolist()
                   if j not in flow.destination and sites.status[j] != KEEP]
    return faults


def walking_faults(town: Town) -> list[str]:
    """(b) Parts for which a nearer open site has room, once they have left their present one."""
    faults = []
    for i, j in enumerate(town.site_of):
        present_m = town.ways.walk_m[i][j] if j >= 0 else np.inf
        without = town.copy()
        without.leave(i)
        found = without.nearest(i, present_m)
        if found is not None:
            faults.append(f"part {i} walks past site {found[0]}")
    return faults


def station_faults(town: Town) -> list[str]:
    """(c) Sites whose whole load fits a cheaper open station."""
    faults = []
    for j, present in town.station.items():
        users = town.users(j)
        without = town.copy()
        for i in users:
            without.leave(i)
        for s in town.ways.stations:
            saved = sum(town.ways.path_cost(i, j, present) - town.ways.path_cost(i, j, s) for i in users)
            if saved > 1e-3 and without.station_has_room(s, [town.ways.tonnes[i][j] for i in users]):
                faults.append(f"site {j} passes station {s} by")
    return faults


def move_faults(town: Town, asked: int) -> list[str]:
    """(d) Moves that pay. The plain sum decides; the books are asked about every move that looks good to it, and

    about one in `asked` of the others: both must say the same.
    """
    problem, before = town.ways.problem, books(town.ways.problem, town.as_plan()).objective_cny_per_year
    assert before == pytest.approx(town.cost() + upper_cost(town), rel=1e-9)
    faults = []
    for number, (name, after) in enumerate(town.moves()):
        change = after.cost() - town.cost()
        if change < 0 or number % asked == 0:
            said = books(problem, after.as_plan()).objective_cny_per_year - before
            assert said == pytest.approx(change, abs=1e-3)
        if change < -WORTH:
            faults.append(f"{name} saves {-change:.0f}")
    return faults


def upper_cost(town: Town) -> float:
    """Sites above the first tier, CNY per year."""
    known, total = town.ways.known, 0.0
    for level, opened in enumerate(town.ways.upper, start=1):
        size = dict(zip(opened.site.tolist(), opened.size.tolist(), strict=True))
        total += sum(known.open(level, j, size[j]) if j in size else known.closed(level, j)
                     for j in range(len(town.ways.problem.sites[level])))
    return total


def faults_of(problem: Problem, plan: Plan, asked: int = 1) -> list[str]:
    """Everything the finished plan should not have; the referee's word on nearer sites is left to walking_faults,
    which also asks for room above the site."""
    town = Town.of(problem, plan)
    codes = {fault.code for fault in check_plan(problem, plan)} - {"nearer_site_has_room"}
    return [*codes, *idle_faults(town, plan), *walking_faults(town), *station_faults(town), *move_faults(town, asked)]


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_finished_plan_holds_every_promise(name: str, seed: int) -> None:
    problem = small_problem(seed, SHAPES[name])
    start = start_plan(problem, seed, settled=False)
    plan = improved(problem, start)
    assert faults_of(problem, plan) == []
    assert_cost(problem, start, plan)


@pytest.mark.parametrize("name", SHAPES)
def test_a_settled_plan_never_gets_dearer(name: str) -> None:
    calm = 0
    for seed in range(6):
        problem = small_problem(seed, SHAPES[name])
        start = start_plan(problem, seed, settled=True)
        calm += not (walking_faults(Town.of(problem, start)) or idle_faults(Town.of(problem, start), start))
        assert_cost(problem, start, improved(problem, start))
    assert calm > 0


def assert_cost(problem: Problem, start: Plan, plan: Plan) -> None:
    """Not dearer than the start; if the start had to be settled first, not dearer than the dearer of the two."""
    town = Town.of(problem, start)
    most = books(problem, start).objective_cny_per_year
    if walking_faults(town) or idle_faults(town, start):
        while (moved := town.settled_once()) is not None:
            town = moved
        most = max(most, books(problem, town.as_plan()).objective_cny_per_year)
    assert books(problem, plan).objective_cny_per_year <= most + 1e-3


def town_of_150(seed: int) -> Problem:
    """150 parts and 60 sites on a square of 3 km, two stations and a centre; households, mass and volume bind."""
    shape = Shape(parts=150, sites=(60, 2, 1), households_cap=2000.0)
    problem = small_problem(seed, shape)
    rng = np.random.default_rng(seed)
    away = np.linalg.norm(rng.uniform(0, 3000, (150, 1, 2)) - rng.uniform(0, 3000, (1, 60, 2)), axis=2) * 1.2
    part, site = np.nonzero(away <= 800)
    metres = away[part, site]
    tiers = tuple(
        tier.model_copy(update={"sizes": tuple(size.model_copy(update={
            "capacity_t_per_day": size.capacity_t_per_day * scale,
            "capacity_m3_per_day": (size.capacity_m3_per_day or 0.0) * scale}) for size in tier.sizes)})
        for tier, scale in zip(problem.network.tiers, (3.0, 9.0, 13.0), strict=True))
    return replace(problem, network=problem.network.model_copy(update={"tiers": tiers}),
                   walk=Walk(part, site, metres, 0.8 * np.exp(-metres / 1500)))


def test_at_the_time_limit_walking_is_settled() -> None:
    """With no time at all: lawful, nobody walks past a nearer site with room, nothing stands idle."""
    problem = town_of_150(4)
    start = start_plan(problem, 4, settled=False)
    coefficients = all_coefficients(problem)
    plan = settle_and_improve(problem, coefficients, first_tier(problem, coefficients), start, time_limit_s=0.0)
    town = Town.of(problem, plan)
    codes = {fault.code for fault in check_plan(problem, plan)} - {"nearer_site_has_room"}
    assert [*codes, *idle_faults(town, plan), *walking_faults(town)] == []
    assert move_faults(town, 10_000) != []  # or the limit would say nothing


def test_a_town_of_150_parts_holds_every_promise() -> None:
    problem = town_of_150(3)
    start = start_plan(problem, 3, settled=False)
    plan = improved(problem, start)
    assert (plan.site_of_part >= 0).mean() > 0.5
    assert faults_of(problem, plan, asked=200) == []
    assert_cost(problem, start, plan)
    again = improved(problem, plan)
    assert np.array_equal(again.site_of_part, plan.site_of_part)


@pytest.mark.parametrize("name", ["three tiers", "existing and minimum", "specialised centres"])
def test_the_same_plan_every_time(name: str) -> None:
    problem = small_problem(11, SHAPES[name])
    start = start_plan(problem, 11, settled=False)
    first, second = improved(problem, start), improved(problem, start)
    assert np.array_equal(first.site_of_part, second.site_of_part)
    assert all(np.array_equal(a.site, b.site) and np.array_equal(a.size, b.size)
               for a, b in zip(first.open_sites, second.open_sites, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_flows_fit_where_mass_volume_and_materials_bind_together(seed: int) -> None:
    """There the pools may promise more than the flows can keep; the plan stays lawful and no dearer."""
    problem = small_problem(seed, Shape(parts=9, sites=(7, 3, 4), specialised=True))
    start = start_plan(problem, seed, settled=True)
    plan = improved(problem, start)
    assert {fault.code for fault in check_plan(problem, plan)} <= {"nearer_site_has_room"}
    assert_cost(problem, start, plan)


def test_nobody_served_leaves_nothing_open_that_may_close() -> None:
    """With all stations out of reach there is nothing to serve; the kept site stays, the idle ones close."""
    problem = small_problem(2, Shape(existing=((0, 1, KEEP),)))
    leg = problem.legs[0]
    problem = replace(problem, legs=(replace(leg, loaded_m=leg.loaded_m + np.inf, loaded_s=leg.loaded_s + np.inf),
                                     *problem.legs[1:]))
    plan = improved(problem, start_plan(problem, 2, settled=True))
    assert plan.open_sites[0].site.tolist() == [1]
    assert (plan.site_of_part == -1).all()
    assert check_plan(problem, plan) == []


def at_dear_stations(problem: Problem, plan: Plan) -> Plan:
    """The plan with every site moved to the dearest station that has room for its load."""
    town = Town.of(problem, plan)
    for j in sorted(town.station):
        users = town.users(j)
        others = town.copy()
        for i in users:
            others.leave(i)
        cost = {s: sum(town.ways.path_cost(i, j, s) for i in users) for s in town.ways.stations}
        room = [s for s in town.ways.stations if np.isfinite(cost[s])
                and others.station_has_room(s, [town.ways.tonnes[i][j] for i in users])]
        town.station[j] = max(room, key=lambda s: cost[s])
    moved, upper = town.as_plan(), plan.open_sites[1:]
    arriving = np.zeros((len(upper[0].site), len(problem.network.materials)))
    np.add.at(arriving, np.searchsorted(upper[0].site, moved.flows[0].destination), moved.flows[0].t_per_day)
    flows = send_on(problem, all_coefficients(problem), upper, arriving)
    assert flows is not None
    return replace(moved, flows=(moved.flows[0], *flows))


@pytest.mark.parametrize("name", ["two tiers", "three tiers", "four tiers", "missing ways"])
def test_sites_leave_dear_stations_even_without_the_engine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "serve_points", lambda *_: None)
    dear = 0
    for seed in range(6):
        problem = small_problem(seed, SHAPES[name])
        start = at_dear_stations(problem, start_plan(problem, seed, settled=True))
        dear += len(station_faults(Town.of(problem, start)))
        assert faults_of(problem, improved(problem, start)) == []
    assert dear > 0


def test_no_site_or_station_is_pushed_below_its_minimum_throughput() -> None:
    lawful = 0
    for seed in range(120):
        problem = small_problem(seed, Shape(parts=10, sites=(8, 3, 1), min_t_per_day=0.75))
        start = start_plan(problem, seed, settled=True)
        if not {fault.code for fault in check_plan(problem, start)} & {"below_min_throughput"}:
            lawful += 1
            codes = {fault.code for fault in check_plan(problem, improved(problem, start))}
            assert codes <= {"nearer_site_has_room"}, seed
    assert lawful >= 10, lawful


def test_a_saving_that_settling_undoes_is_left_and_the_search_ends() -> None:
    """Two swaps that undo each other: each pays by itself, one of them no longer once walking is settled."""
    problem = small_problem(246, SHAPES["existing and minimum"])
    plan = improved(problem, start_plan(problem, 246, settled=False))
    town = Town.of(problem, plan)
    assert idle_faults(town, plan) + walking_faults(town) + station_faults(town) == []
    paying = [after for _, after in town.moves() if after.cost() < town.cost() - WORTH]
    assert len(paying) == 1
    settled = paying[0]
    while (moved := settled.settled_once()) is not None:
        settled = moved
    assert settled.cost() > town.cost()
