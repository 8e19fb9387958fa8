"""What one move of the first tier does by the rules of moves.py: closing for trial, opening and resizing in thought."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.solvers.first_tier_state import INF, State

MOST_STATIONS, FEW_ARCS = 16, 2
"""A new site tries so many stations, the cheapest for so many of those who would come; all where there are no more."""


@dataclass(frozen=True)
class Undo:
    """What takes a closing back."""

    site: int
    size: int
    station: int
    parts: tuple[tuple[int, int, float, float], ...]
    """Part, its arc, its yearly cost and its walk before."""
    used: tuple[float, ...]
    total: float


@dataclass(frozen=True)
class Opening:
    """A way to open or resize a site: what it adds to the yearly cost, and the arcs of those who come."""

    change_cny_per_year: float
    site: int
    size: int
    station: int = -1
    arcs: tuple[int, ...] = ()


def close(state: State, site: int) -> Undo:
    """Close a site: its parts, the largest first, go to the nearest other open site with room, else nowhere."""
    parts = sorted(state.parts_of(site), key=lambda part: (-state.fixed.households[part], part))
    before = tuple((part, state.arc[part], state.now[part], state.walk_m[part]) for part in parts)
    undo = Undo(site, state.size[site], state.station[site], before, tuple(state.used), state.total)
    for part in parts:
        state.lift(part)
    state.resize(site, -1)
    for part in parts:
        state.go_nearest(part)
    return undo


def reopen(state: State, undo: Undo) -> None:
    """Take a closing back."""
    for part, *_ in undo.parts:
        state.lift(part)
    state.resize(undo.site, undo.size)
    for part, arc, _, _ in undo.parts:
        state.put(part, arc, undo.station)
    state.used[:] = undo.used
    state.total = undo.total


def opening(state: State, site: int, sizes: list[int], below_cny_per_year: float) -> Opening | None:
    """The cheapest way to open a closed site, over sizes and stations; None unless it changes the cost by less."""
    fixed = state.fixed
    wanted = state.would_come(site)
    best: Opening | None = None
    for station in _stations_near(state, wanted):
        ranked = _by_gain(state, wanted, station)
        hope = sum(gain for gain, _, _ in ranked if gain > 0.0)
        for size in sizes:
            price = fixed.open_cost[site][size] - fixed.closed_cost[site]
            if price - hope >= below_cny_per_year:
                continue
            arcs, gain = _arrivals(state, site, size, station, ranked)
            if arcs and price - gain < below_cny_per_year:
                below_cny_per_year = price - gain
                best = Opening(below_cny_per_year, site, size, station, arcs)
    return best


def resizing(state: State, site: int, sizes: list[int], below_cny_per_year: float) -> Opening | None:
    """The cheapest other size that holds the present load, without or with new parts; None as with `opening`."""
    fixed = state.fixed
    station = state.station[site]
    ranked = _by_gain(state, state.would_come(site), station) if station >= 0 else []
    best: Opening | None = None
    for size in sizes:
        if size == state.size[site] or any(
                load[site] > room for load, room in zip(state.load, fixed.capacity[size], strict=True)):
            continue
        price = fixed.open_cost[site][size] - fixed.open_cost[site][state.size[site]]
        arcs, gain = _arrivals(state, site, size, station, ranked) if ranked else ((), 0.0)
        for change, who in ((price, ()), (price - gain, arcs)):
            if change < below_cny_per_year:
                below_cny_per_year = change
                best = Opening(change, site, size, station, who)
    return best


def _stations_near(state: State, wanted: list[int]) -> list[int]:
    """The stations tried for a new site, by position: all of few, else the cheapest ones for those who would come."""
    if state.fixed.stations <= MOST_STATIONS:
        return list(range(state.fixed.stations))
    near: set[int] = set()
    for arc in wanted[:FEW_ARCS]:  # all arcs of a site see the stations almost alike
        near.update(state.fixed.by_cost[arc][:MOST_STATIONS])
    return sorted(near)


def _by_gain(state: State, wanted: list[int], station: int) -> list[tuple[float, int, int]]:
    """Gain in CNY per year, part and arc of those who would come, the largest gain first; no way, no gain."""
    part, cost, now = state.fixed.part, state.fixed.cost, state.now
    ranked = [(now[part[arc]] - cost[arc][station], part[arc], arc) for arc in wanted if cost[arc][station] < INF]
    ranked.sort(key=lambda item: (-item[0], item[1]))
    return ranked


def _arrivals(state: State, site: int, size: int, station: int,
              ranked: list[tuple[float, int, int]]) -> tuple[tuple[int, ...], float]:
    """Who comes to a site at a size while there is room, and their gain together."""
    fixed = state.fixed
    most, left = fixed.capacity[size], [load[site] for load in state.load]
    households, tonnes, cubic = left
    ample = _ample(state, station, ranked)
    drawn: dict[int, float] = {}
    come, total = [], 0.0
    for gain, _, arc in ranked:
        use = fixed.use[arc]
        if households + use[0] > most[0] or tonnes + use[1] > most[1] or cubic + use[2] > most[2]:
            continue
        if not ample and not _draws(state, drawn, arc, station):
            continue
        households, tonnes, cubic = households + use[0], tonnes + use[1], cubic + use[2]
        come.append(arc)
        total += gain
    return tuple(come), total


def _ample(state: State, station: int, ranked: list[tuple[float, int, int]]) -> bool:
    """Whether the pools have room for everybody who would come, even if they left none elsewhere."""
    fixed, used, limit = state.fixed, state.used, state.fixed.limit
    arcs = [arc for _, _, arc in ranked]
    bulk = fixed.stations + station
    if (used[station] + sum(fixed.mass_t_per_day[arc] for arc in arcs) > limit[station]
            or used[bulk] + sum(fixed.bulk_m3_per_day[arc] for arc in arcs) > limit[bulk]):
        return False
    first = 2 * fixed.stations
    return all(used[first + row] + sum(fixed.above[arc][row] for arc in arcs) <= limit[first + row]
               for row in range(len(limit) - first))


def _draws(state: State, drawn: dict[int, float], arc: int, station: int) -> bool:
    """Move a part's draw from its present arc to another one if the pools allow it; whether they do.

    `drawn` holds what the pools would have used where that differs from the state.
    """
    fixed, used, limit = state.fixed, state.used, state.fixed.limit
    old = state.arc[fixed.part[arc]]
    here = state.station[fixed.site[old]] if old >= 0 else -1
    stays = here == station  # what leaves a pool makes room in it
    mass, bulk = fixed.mass_t_per_day, fixed.bulk_m3_per_day
    most = drawn.get(station, used[station])
    if (most - mass[old] if stays else most) + mass[arc] > limit[station]:
        return False
    volume, first = fixed.stations + station, 2 * fixed.stations
    most = drawn.get(volume, used[volume])
    if (most - bulk[old] if stays else most) + bulk[arc] > limit[volume]:
        return False
    above, before = fixed.above[arc], fixed.above[old] if old >= 0 else None
    for row, amount in enumerate(above):
        most = drawn.get(first + row, used[first + row])
        if (most if before is None else most - before[row]) + amount > limit[first + row]:
            return False
    if old >= 0:
        drawn[here] = drawn.get(here, used[here]) - mass[old]
        drawn[fixed.stations + here] = drawn.get(fixed.stations + here, used[fixed.stations + here]) - bulk[old]
    drawn[station] = drawn.get(station, used[station]) + mass[arc]
    drawn[volume] = drawn.get(volume, used[volume]) + bulk[arc]
    for row, amount in enumerate(above):
        most = drawn.get(first + row, used[first + row])
        drawn[first + row] = (most if before is None else most - before[row]) + amount
    return True
