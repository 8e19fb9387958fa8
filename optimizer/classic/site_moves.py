"""Local search for single service: clients shift and swap, sites open, close and move. Overloads are priced.

Every round evaluates a whole neighbourhood as one matrix and makes its best move.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import ROOM, SitingTask

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

SWAP_CELLS = 4_000_000
"""Pairs of clients are tried where there are no more than that."""
LEAST_GAIN = 1e-9


@dataclass(frozen=True)
class Assignment:
    """Site of each client, [J]; `cost` without penalties, `over` the load beyond capacities."""

    site: Int
    cost: float
    over: float

    @property
    def key(self) -> tuple[float, float]:
        """Ordering: plans that fit first, then the cheaper."""
        return (self.over, self.cost)


def assignment_of(task: SitingTask, site: Int) -> Assignment:
    """The cost and the overload of an assignment, recomputed."""
    load = np.bincount(site, weights=task.demand, minlength=len(task.fixed))
    over = np.maximum(load - task.capacity * (1 + ROOM), 0.0).sum()
    opened = task.required.copy()
    opened[site] = True
    cost = task.cost[site, np.arange(len(site))].sum() + task.fixed[opened].sum()
    return Assignment(site, float(cost), float(over))


def first_assignment(task: SitingTask, opened: Bool, price: Float) -> Assignment:
    """Clients given to open sites one after another: who loses most by waiting comes first, big ones earlier.

    `price` [J] steers ties towards clients the relaxation values. Where nothing fits the least overloaded site is used.
    """
    sites = np.flatnonzero(opened)
    cost = np.where(task.arcs[sites], task.cost[sites], np.inf)
    room = task.capacity[sites].copy()
    site = np.full(len(task.demand), -1)
    waiting = np.ones(len(task.demand), dtype=bool)
    finite = cost[np.isfinite(cost)]
    far = 2.0 * float(np.abs(finite).max(initial=1.0)) + 1.0
    size = task.demand / max(float(task.demand.max(initial=0.0)), 1e-300)
    scale = float(np.std(finite)) if len(finite) else 1.0
    while waiting.any():
        clients = np.flatnonzero(waiting)
        open_cost = np.where(task.demand[None, clients] <= room[:, None] * (1 + ROOM) + 1e-12, cost[:, clients], np.inf)
        lowest = np.sort(np.minimum(open_cost, far), axis=0)[:2]
        loss = (lowest[1] - lowest[0] if len(sites) > 1 else np.zeros(len(clients))) + scale * size[clients]
        loss = np.where(lowest[0] >= far, -np.inf, loss + 1e-9 * price[clients])
        some = np.argsort(-loss, kind="stable")[: max(1, len(clients) // 20)]
        for client in clients[some]:
            fits = (task.demand[client] <= room * (1 + ROOM) + 1e-12) & np.isfinite(cost[:, client])
            reach = np.isfinite(cost[:, client])
            if fits.any():
                best = int(np.argmin(np.where(fits, cost[:, client], np.inf)))
            elif reach.any():
                best = int(np.argmax(np.where(reach, room, -np.inf)))
            else:
                return _anywhere(task, site, waiting)
            site[client] = sites[best]
            room[best] -= task.demand[client]
            waiting[client] = False
    return assignment_of(task, site)


def _anywhere(task: SitingTask, site: Int, waiting: Bool) -> Assignment:
    """Some client reaches no open site: those left go to their cheapest site, open or not."""
    cheapest = np.where(task.arcs, task.cost, np.inf).argmin(axis=0)
    return assignment_of(task, np.where(waiting, cheapest, site))


def descend(task: SitingTask, start: Assignment, *, deadline_s: float) -> Assignment:
    """The local optimum reached from an assignment, with overload priced above any saving."""
    state = _State(task, start.site.copy())
    while time.monotonic() < deadline_s:
        if not (state.shift() or state.swap() or state.relocate() or state.open_site() or state.close_site()):
            break
    return assignment_of(task, state.site)


class _State:
    """An assignment in work. Loads are kept; matrices are [sites, clients]."""

    def __init__(self, task: SitingTask, site: Int) -> None:
        """Take over an assignment."""
        self.task, self.site = task, site
        self.cost = np.where(task.arcs, task.cost, np.inf)
        self.each = np.arange(len(site))
        self.load: Float = np.bincount(site, weights=task.demand, minlength=len(task.fixed)).astype(np.float64)
        finite = self.cost[np.isfinite(self.cost)]
        least = float(task.demand[task.demand > 0.0].min(initial=np.inf))
        spread = float(finite.max(initial=0.0) - finite.min(initial=0.0)) + float(np.abs(task.fixed).max(initial=0.0))
        self.penalty = 4.0 * (spread + 1.0) / (least if np.isfinite(least) else 1.0)
        self.room = task.capacity * (1 + ROOM) + 1e-12

    def opened(self) -> Bool:
        """Sites with clients, and the required ones."""
        opened = self.task.required.copy()
        opened[self.site] = True
        return opened

    def places(self) -> int:
        """How many sites may still be opened."""
        return self.task.most_sites - int(self.opened().sum())

    def over(self, load: Float, room: Float) -> Float:
        """What overload costs."""
        excess: Float = self.penalty * np.maximum(load - room, 0.0)
        return excess

    def put(self, clients: Int, to: Int | int) -> None:
        """Move clients to sites."""
        np.add.at(self.load, self.site[clients], -self.task.demand[clients])
        self.site[clients] = to
        np.add.at(self.load, self.site[clients], self.task.demand[clients])

    def shift(self) -> bool:
        """Moves single clients to other sites, best first, as long as they save."""
        task, moved = self.task, False
        opened = self.opened()
        number = np.bincount(self.site, minlength=len(task.fixed))
        leaves = (self.cost[self.site, self.each] - self.over(self.load[self.site] - task.demand, self.room[self.site])
                  + self.over(self.load[self.site], self.room[self.site]))
        lonely = (number[self.site] == 1) & ~task.required[self.site]
        leaves = leaves + np.where(lonely, task.fixed[self.site], 0.0)
        rows = np.flatnonzero(opened) if self.places() <= 0 else np.arange(len(task.fixed))
        load = self.load[rows, None]
        arrives = (self.cost[rows] + self.over(load + task.demand[None, :], self.room[rows, None])
                   - self.over(load, self.room[rows, None]) + np.where(opened[rows], 0.0, task.fixed[rows])[:, None])
        change = arrives - leaves[None, :]
        change[np.searchsorted(rows, self.site), self.each] = 0.0
        best = change.min(axis=0)
        touched: set[int] = set()
        for client in np.argsort(best, kind="stable"):
            if best[client] >= -LEAST_GAIN * (1.0 + abs(leaves[client])):
                break
            to, origin = int(rows[np.argmin(change[:, client])]), int(self.site[client])
            if touched & {to, origin} or (not opened[to] and moved):
                continue
            self.put(np.array([client]), to)
            touched |= {to, origin}
            moved = True
        return moved

    def swap(self) -> bool:
        """Exchanges pairs of clients of different sites, best first, as long as they save."""
        task, count = self.task, len(self.site)
        if count * count > SWAP_CELLS:
            return False
        at = self.cost[self.site]
        own = self.cost[self.site, self.each]
        moved_load = self.load[self.site][:, None] - task.demand[:, None] + task.demand[None, :]
        excess = self.over(moved_load, self.room[self.site][:, None])
        excess -= self.over(self.load[self.site], self.room[self.site])[:, None]
        change = at + excess - own[None, :]
        change = change + change.T
        change[self.site[:, None] == self.site[None, :]] = 0.0
        flat = np.flatnonzero(np.triu(change < -LEAST_GAIN * (1.0 + np.abs(own).max()), 1).ravel())
        touched: set[int] = set()
        for pair in flat[np.argsort(change.ravel()[flat], kind="stable")[:200]]:
            a, b = divmod(int(pair), count)
            here, there = int(self.site[a]), int(self.site[b])
            if touched & {here, there}:
                continue
            self.put(np.array([a, b]), np.array([there, here]))
            touched |= {here, there}
        return bool(touched)

    def relocate(self) -> bool:
        """Moves a whole site with all its clients to a closed one."""
        task, opened = self.task, self.opened()
        movable, closed = np.flatnonzero(opened & ~task.required), np.flatnonzero(~opened)
        if len(movable) == 0 or len(closed) == 0:
            return False
        member = (self.site[None, :] == movable[:, None]).astype(np.float64)
        barred = member @ (~task.arcs[closed]).T.astype(np.float64) > 0.0
        gain = member @ np.where(task.arcs[closed], task.cost[closed], 0.0).T
        now = member @ np.where(np.isfinite(self.cost[self.site, self.each]), self.cost[self.site, self.each], 0.0)
        arrives = gain + task.fixed[closed][None, :]
        change = (arrives + self.over(self.load[movable][:, None], self.room[closed][None, :])
                  - (now + task.fixed[movable] + self.over(self.load[movable], self.room[movable]))[:, None])
        change[barred] = np.inf
        best = int(np.argmin(change))
        origin, to = movable[best // len(closed)], closed[best % len(closed)]
        if change.ravel()[best] >= -LEAST_GAIN * (1.0 + abs(float(now.max()))):
            return False
        self.put(np.flatnonzero(self.site == origin), int(to))
        return True

    def open_site(self) -> bool:
        """Opens the closed site that saves most when clients that save there come until it is full."""
        task, closed = self.task, np.flatnonzero(~self.opened())
        if self.places() <= 0 or len(closed) == 0:
            return False
        save = np.maximum(self.cost[self.site, self.each][None, :] - self.cost[closed], 0.0)
        density = save / np.maximum(task.demand, 1e-300)[None, :]
        order = np.argsort(-density, axis=1, kind="stable")
        rows = np.arange(len(closed))[:, None]
        worth = save[rows, order]
        weight = np.where(worth > 0.0, task.demand[order], 0.0)
        come = (np.cumsum(weight, axis=1) <= self.room[closed][:, None]) & (worth > 0.0)
        total = (worth * come).sum(axis=1) - task.fixed[closed]
        best = int(np.argmax(total))
        if total[best] <= LEAST_GAIN * (1.0 + abs(task.fixed[closed[best]])):
            return False
        self.put(order[best][come[best]], int(closed[best]))
        return True

    def close_site(self) -> bool:
        """Closes a site whose clients fit elsewhere for less than it costs."""
        task, opened = self.task, self.opened()
        candidates = np.flatnonzero(opened & ~task.required & (task.fixed > 0.0))
        if opened.sum() <= 1:
            return False
        for origin in candidates[np.argsort(-task.fixed[candidates], kind="stable")]:
            clients = np.flatnonzero(self.site == origin)
            clients = clients[np.argsort(-task.demand[clients], kind="stable")]
            others = np.flatnonzero(opened & (np.arange(len(opened)) != origin))
            room = self.room[others] - self.load[others]
            to, change = [], -float(task.fixed[origin])
            for client in clients:
                price = np.where(task.demand[client] <= room, self.cost[others, client], np.inf)
                best = int(np.argmin(price))
                change += float(price[best] - self.cost[origin, client])
                if not change < -LEAST_GAIN:
                    break
                room[best] -= task.demand[client]
                to.append(int(others[best]))
            else:
                self.put(clients, np.array(to, dtype=np.int64))
                return True
        return False
