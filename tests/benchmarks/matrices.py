"""Many-to-many travel times measured: all engines on the same places, cells that differ, what a further metric costs.

    python -m tests.benchmarks.matrices --data EXTRACT.osm.pbf|STREETS.gpkg [--layer L] [--places 1000] [--large 5000]
    python -m tests.benchmarks.matrices --grid 240 ...

The streets are those of the file, or a generated grid of so many by so many crossings. Seconds are those of the
processor, of this process. The machine code of compiled loops is made before anything is measured. Exit code 0 when no
cell differs and every path adds up to its cell, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from geodata.crs import metric_crs_for, to_metric
from geodata.matrices import ArcNetwork, Matrix, Router, arc_network, matrix, router_for, with_metric
from geodata.matrix_cache import MatrixCache
from geodata.readers import Source, read_source
from geodata.roads import access_for, driving, read_streets

SPEEDS_KM_PER_H = (("default", 20.0), ("motorway", 65.0), ("motorway_link", 40.0), ("trunk", 50.0),
                   ("trunk_link", 35.0), ("primary", 35.0), ("primary_link", 28.0), ("secondary", 30.0),
                   ("tertiary", 25.0), ("residential", 18.0), ("living_street", 10.0))
ORDERED = ("hierarchy", "labels")
PATHS = 200
METRICS = 24
T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One measured thing."""

    what: str
    value: float
    unit: str


class Notes:
    """Figures in the order in which they were measured, shown at once."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def say(self, what: str, value: float, unit: str) -> None:
        self.figures.append(Figure(what, float(value), unit))
        print(f"{what:62s} {value:14,.4f} {unit}", flush=True)

    def timed(self, what: str, work: Callable[[], T]) -> tuple[T, float]:
        """The result of some work, and its processor seconds."""
        begun = time.process_time()
        result = work()
        seconds = time.process_time() - begun
        self.say(what, seconds, "CPU s")
        return result, seconds


def streets_of(path: Path, layer: str | None) -> ArcNetwork:
    """Drivable streets of a file, its largest strongly connected part, with node numbers from 0."""
    roads = read_source(Source(path, layer=layer)).frame
    if layer is None and "highway" not in roads.columns:
        raise SystemExit(f"{path.name}: no column highway")
    streets = read_streets(to_metric(roads, metric_crs_for(roads)))
    access = access_for(streets, driving("truck", dict(SPEEDS_KM_PER_H)))
    edge = access.edge
    ahead, back = streets.forward[edge], streets.backward[edge]
    u, v = streets.u[edge], streets.v[edge]
    nodes, index = np.unique(np.concatenate([u[ahead], v[back], v[ahead], u[back]]), return_inverse=True)
    tail, head = np.split(index, 2)
    length = np.concatenate([streets.length_m[edge][ahead], streets.length_m[edge][back]])
    speed = access.profile.speeds(streets.highway)[edge]
    duration = np.round(length / np.concatenate([speed[ahead], speed[back]]) * 1000.0).astype(np.int64)
    return arc_network(tail, head, duration, length, len(nodes), node_xy=streets.node_xy[nodes])


def grid(side: int) -> ArcNetwork:
    """Crossings in a grid with a tenth of the streets gone, a third of the rest one-way, and faster main roads."""
    random = np.random.default_rng(1)
    node = np.arange(side * side).reshape(side, side)
    u = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    v = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    kept = random.random(len(u)) > 0.1
    u, v = u[kept], v[kept]
    back = random.random(len(u)) > 1 / 3
    xy = np.column_stack([node.ravel() % side, node.ravel() // side]) * 120.0
    xy += random.uniform(-40, 40, xy.shape)
    tail, head = np.concatenate([u, v[back]]), np.concatenate([v, u[back]])
    length = np.hypot(*(xy[tail] - xy[head]).T)
    main = ((tail // side) % 12 == 0) & ((head // side) % 12 == 0) | (tail % side % 12 == 0) & (head % side % 12 == 0)
    duration = np.round(length / np.where(main, 14.0, 5.0) * 1000.0).astype(np.int64)
    return arc_network(tail, head, duration, length, side * side, node_xy=xy)


def differing(one: Matrix, other: Matrix) -> int:
    """Cells that are not the same, in time, in being reachable, or in distance."""
    wrong = (one.duration_ms != other.duration_ms) | (one.unreachable != other.unreachable)
    if one.distance_m is not None and other.distance_m is not None:
        wrong |= one.distance_m != other.distance_m
    return int(wrong.sum())


def engines(network: ArcNetwork, places: np.ndarray, notes: Notes) -> tuple[Router, int]:
    """All engines on the same places: the quickest, ordered, and how many cells differ."""
    count = len(places)
    shown, few = f"{count} x {count}", places[:max(1, count // 10)]
    plain = router_for(network, "shortest")
    slow, slow_s = notes.timed(f"shortest (scipy): {shown}", lambda: plain.matrix(places, places))
    near, _ = notes.timed(f"shortest: {len(few)} x {count} with distances", lambda: plain.matrix(
        few, places, with_distance=True))
    notes.say("cells without a way", slow.unreachable.sum(), "cells")
    wrong = 0
    for engine in ORDERED:
        router, order_s = notes.timed(f"{engine}: nodes ordered", lambda engine=engine: router_for(network, engine))
        _, first_s = notes.timed(f"{engine}: first metric", lambda router=router: router.on(network).matrix(
            places[:1], places[:1]))
        fast, fast_s = notes.timed(f"{engine}: {shown}", lambda router=router: router.matrix(places, places))
        notes.say(f"{engine}: times faster than scipy after ordering, {shown}", slow_s / fast_s, "times")
        notes.say(f"{engine}: the same with ordering", slow_s / (fast_s + order_s), "times")
        notes.timed(f"{engine}: first metric with lengths", lambda router=router: router.matrix(
            places[:1], places[:1], with_distance=True))
        far, _ = notes.timed(f"{engine}: {shown} with distances", lambda router=router: router.matrix(
            places, places, with_distance=True))
        assert far.distance_m is not None
        bad = differing(slow, fast) + differing(slow, far) + differing(
            near, Matrix(far.duration_ms[:len(few)], far.unreachable[:len(few)], far.distance_m[:len(few)]))
        notes.say(f"{engine}: cells that differ of {count * count:,}", bad, "cells")
        wrong += bad
        _further_metrics(network, router, order_s + first_s, notes)
    return router, wrong


def _further_metrics(network: ArcNetwork, router: Router, first_s: float, notes: Notes) -> None:
    random = np.random.default_rng(2)
    one, engine = np.array([0]), router.order.engine
    durations = [np.round(network.duration_ms * random.uniform(1.0, 2.0, len(network.tail))).astype(np.int64)
                 for _ in range(METRICS)]
    for with_distance in (False, True):
        shown = " with lengths" if with_distance else ""
        _, all_s = notes.timed(f"{engine}: {METRICS} further metrics{shown}", lambda far=with_distance: [
            router.on(with_metric(network.topology, duration, network.length_m)).matrix(one, one, with_distance=far)
            for duration in durations])
        notes.say(f"{engine}: one further metric{shown}, of ordering and first", 100 * all_s / METRICS / first_s, "%")


def paths(router: Router, places: np.ndarray, notes: Notes) -> int:
    """Paths between random places: how many do not add up to their cell."""
    pairs = np.random.default_rng(3).choice(places, (PATHS, 2))
    cells = [router.matrix([a], [b], with_distance=True) for a, b in pairs]
    there = [(pair, cell) for pair, cell in zip(pairs, cells, strict=True) if not cell.unreachable[0, 0]]
    found, seconds = notes.timed(f"{len(there)} paths", lambda: [
        router.paths(int(a), [int(b)])[0] for (a, b), _ in there])
    notes.say("one path", 1e6 * seconds / max(1, len(there)), "microseconds")
    network, wrong = router.network, 0
    for path, (_, cell) in zip(found, there, strict=True):
        assert cell.distance_m is not None
        wrong += (network.duration_ms[path.arcs].sum() != cell.duration_ms[0, 0]
                  or path.distance_m != cell.distance_m[0, 0])
    notes.say("paths that do not add up to their cell", wrong, "paths")
    return wrong


def cached(network: ArcNetwork, router: Router, places: np.ndarray, notes: Notes) -> int:
    """A matrix from the disk, and one site more: cells that differ from those computed at once."""
    sites, new = places[:-1][:500], places[-1:]
    with tempfile.TemporaryDirectory() as folder:
        cache = MatrixCache(Path(folder))
        sources = places[:-1]
        notes.timed(f"cache: {len(sources)} x {len(sites)} computed and kept", lambda: cache.matrix(
            network, sources, sites, with_distance=True, router=router))
        notes.timed("cache: the same again from the disk", lambda: cache.matrix(
            network, sources, sites, with_distance=True, router=router))
        more, _ = notes.timed("cache: one place and site more", lambda: cache.matrix(
            network, np.append(sources, new), np.append(sites, new), with_distance=True, router=router))
        notes.say("cache: cells computed for it", sum(rows * columns for rows, columns in more.computed), "cells")
        checked = cache.check(network, 200)
    whole = router.matrix(np.append(sources, new), np.append(sites, new), with_distance=True)
    wrong = differing(more.matrix, whole) + len(checked.differing)
    notes.say("cache: cells that differ from a cold rebuild", wrong, "cells")
    return wrong


def large(network: ArcNetwork, labels: Router, places: np.ndarray, notes: Notes) -> int:
    """A large square and its two lopsided parts: cells in which the engines differ."""
    hierarchy, found = router_for(network, "hierarchy"), list[Matrix]()
    for router in (hierarchy, labels):
        name, side = router.order.engine, f"{len(places)} x {len(places)}"
        router.matrix(places[:1], places[:1])
        matrix_of, _ = notes.timed(f"{name}: {side}", lambda router=router: router.matrix(places, places))
        found.append(matrix_of)
        notes.timed(f"{name}: {len(places)} x 500", lambda router=router: router.matrix(places, places[:500]))
        notes.timed(f"{name}: 500 x {len(places)}", lambda router=router: router.matrix(places[:500], places))
    notes.timed(f"labels: {side} with distances", lambda: labels.matrix(places, places, with_distance=True))
    wrong = differing(*found)
    notes.say(f"cells that differ of {len(places) ** 2:,}", wrong, "cells")
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help="OpenStreetMap extract or layer of streets")
    where.add_argument("--grid", type=int, help="crossings per side of a generated grid")
    parser.add_argument("--layer", help="layer of the file")
    parser.add_argument("--places", type=int, default=1000, help="sources and targets of the comparison")
    parser.add_argument("--large", type=int, default=5000, help="sources and targets of the large matrix, 0 for none")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    given = parser.parse_args(arguments)
    for engine in ("shortest", *ORDERED):  # compiled here, not while something is measured
        warm = router_for(grid(5), engine)
        warm.matrix([0, 1], [2], with_distance=True)
        warm.paths(0, [0])
        matrix(grid(5), [0], [1, 2], engine, with_distance=True)
    notes = Notes()
    read, _ = notes.timed("network read", lambda: (
        grid(given.grid) if given.grid else streets_of(given.data, given.layer)))
    notes.say("nodes", read.node_count, "nodes")
    notes.say("arcs", len(read.tail), "arcs")
    notes.say("parallel arcs and loops", len(read.tail) - read.topology.pair_count, "arcs")
    random = np.random.default_rng(4)
    places = random.choice(read.node_count, min(given.places, read.node_count), replace=False)
    router, wrong = engines(read, places, notes)
    wrong += paths(router, places, notes)
    if not given.large:
        wrong += cached(read, router, places, notes)
    else:
        many = random.choice(read.node_count, min(given.large, read.node_count), replace=False)
        wrong += large(read, router, many, notes) + cached(read, router, many, notes)
    _memory(notes)
    if given.out:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        given.out.write_text(json.dumps({"machine": machine, "figures": [asdict(f) for f in notes.figures]}, indent=1),
                             encoding="utf-8")
    return 1 if wrong else 0


def _memory(notes: Notes) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    notes.say("most memory held", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, "MB")


if __name__ == "__main__":
    sys.exit(main())
