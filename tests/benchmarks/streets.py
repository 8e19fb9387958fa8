"""Streets measured: an extract to a labelled truck graph beside OSMnx, matrices on it, snapping, GCJ-02.

    python -m tests.benchmarks.streets --data $RECYNET_DATA/porto_alegre/poa_osm.pbf [--out FILE.json] [--no-osmnx]

Graphs are built in processes of their own (streets_child), so that each has its own peak memory; everything else is
measured in this one. Seconds are those of the processor. Exit code 0 when no cell differs between engines, every route
adds up to its cell, every place is on the strongly connected part, and coordinates come back to a millimetre; else 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from scipy.spatial import cKDTree

from geodata.crs import gcj02_to_wgs84, metric_crs_of, to_metric, wgs84_to_gcj02
from geodata.engines import ENGINES
from geodata.matrices import Router, router_for
from geodata.matrix_docks import docked_matrix
from geodata.osm_conditions import week_of
from geodata.osm_network import read_network
from geodata.osm_tags import VehicleClass
from geodata.roads import Snap
from geodata.turn_driver import TurnDriver, TurnStreets
from geodata.turn_matrices import state_docks, state_network, state_topology
from geodata.turn_metric import Metric, Slot, all_arc_rules, arc_rules, metric, topology
from geodata.turn_places import Places
from geodata.turn_snap import SegmentLines
from service.vehicle_classes import read_vehicle_classes
from tests.benchmarks.matrices import Notes, differing, grid
from tests.benchmarks.streets_child import HOURS, VEHICLE

CLASSES = Path(__file__).parents[2] / "configs" / "vehicle_classes" / "default.yaml"
ROUTES = 200
SNAPPED = 100_000
METRES_PER_DEGREE = 111_320.0


def classes() -> dict[str, VehicleClass]:
    """The packaged vehicle classes by id."""
    return {row.id: row for row in read_vehicle_classes(CLASSES).rows()}


def labelled(path: Path, vehicle: str, hours: str) -> Metric:
    """Times on the turn graph of a vehicle class, with the strongly connected part marked."""
    network = read_network(path)
    rules = arc_rules(network, classes()[vehicle], Slot("day", week_of(hours) or 0))
    return metric(topology(network, [rules]), rules)


def child(*words: object) -> dict[str, float]:
    """What a process of streets_child says."""
    command = [sys.executable, "-m", "tests.benchmarks.streets_child", *(str(word) for word in words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def graphs(path: Path, notes: Notes, *, beside: bool) -> None:
    """File to labelled graph: this program, and OSMnx beside it."""
    own = child("recynet", path)
    for what, unit in (("cpu_s", "CPU s"), ("wall_s", "s"), ("peak_mb", "MB"), ("nodes", "nodes"),
                       ("states", "states"), ("core_arcs", "arcs")):
        notes.say(f"labelled truck graph: {what}", own[what], unit)
    if not beside:
        return
    for step, called in (("streets", "OSMnx, all streets"), ("driven", "OSMnx, driven streets")):
        with tempfile.TemporaryDirectory() as folder:
            xml = Path(folder) / "streets.osm"
            before = child(step, path, xml)["cpu_s"]
            other = child("osmnx", xml)
        notes.say(f"{called}: file to XML", before, "CPU s")
        for what, unit in (("cpu_s", "CPU s"), ("wall_s", "s"), ("peak_mb", "MB"), ("nodes", "nodes")):
            notes.say(f"{called}: {what}", other[what], unit)
        notes.say(f"{called}: labelled truck graph is faster than it", other["cpu_s"] / own["cpu_s"], "times")
        notes.say(f"{called}: and than it with XML", (before + other["cpu_s"]) / own["cpu_s"], "times")


def matrices(path: Path, count: int, notes: Notes) -> int:
    """Matrices on the turn graph: cells in which the engines differ, and what a further class and hour costs."""
    begun, rows = time.process_time(), classes()
    network = read_network(path)
    first_slot, next_slot = Slot("day", week_of(HOURS) or 0), Slot("peak", week_of("Mo-Fr 08:00-09:00") or 0,
                                                                   {"default": 1.6})
    rules = all_arc_rules(network, [rows["heavy_truck"], rows["light_truck"]], [first_slot, next_slot])
    graph, _ = notes.timed("topology of two classes and two hours", lambda: topology(network, rules))
    states, _ = notes.timed("its states as a network", lambda: state_topology(graph))
    own = metric(graph, rules[0])
    from_file_s = time.process_time() - begun
    random = np.random.default_rng(1)
    segment = random.choice(np.flatnonzero(own.in_core.reshape(-1, 2).any(axis=1)), count)
    places = Places(segment, random.random(count))
    first = state_network(states, own)
    slow_router = router_for(first, "shortest")
    docks = state_docks(own, places, places)
    slow, slow_s = notes.timed(f"scipy: {count} x {count} places", lambda: docked_matrix(slow_router, *docks))
    wrong = 0
    for engine in ("hierarchy", "labels"):
        order, order_s = notes.timed(f"{engine}: states ordered", lambda engine=engine: ENGINES[engine](states))
        router = Router(first, order, order.search(first))
        _, put_s = notes.timed(f"{engine}: first metric put in", lambda router=router: router.matrix([0], [1]))
        fast, fast_s = notes.timed(f"{engine}: {count} x {count} places", lambda router=router: docked_matrix(
            router, *docks))
        notes.say(f"{engine}: times faster than scipy after ordering", slow_s / fast_s, "times")
        bad = differing(slow, fast)
        notes.say(f"{engine}: cells that differ of {count * count:,}", bad, "cells")
        wrong += bad
        more, rules_s = notes.timed("further class and hour: rules of the streets", lambda: arc_rules(
            network, rows["light_truck"], next_slot))
        other, metric_s = notes.timed("further class and hour: times and strongly connected part", lambda more=more:
                                      metric(graph, more))
        _, more_s = notes.timed(f"{engine}: further metric put in", lambda other=other, router=router: router.on(
            state_network(states, other)).matrix([0], [1]))
        notes.say(f"{engine}: further metric of ordering and first", 100 * more_s / (order_s + put_s), "%")
        notes.say(f"{engine}: the same, with rules and times, of the first from the file", 100 * (
            more_s + rules_s + metric_s) / (order_s + put_s + from_file_s), "%")
    return wrong + routes(network_driver(path), notes)


def network_driver(path: Path) -> TurnDriver:
    """The heavy truck of an extract."""
    own = labelled(path, VEHICLE, HOURS)
    crs = metric_crs_of(*own.graph.network.node_lonlat.mean(axis=0))
    return TurnStreets(own.graph, SegmentLines.of(own.graph.network, crs)).driver(own)


def routes(driver: TurnDriver, notes: Notes) -> int:
    """Routes between random places that do not add up to their cell, or whose line is not as long."""
    random = np.random.default_rng(2)
    edge = random.choice(driver.edge, ROUTES + 20)
    length = driver.streets.graph.network.length_m[edge]
    trips = driver.trips(Snap(edge, random.random(len(edge)) * length, np.zeros(len(edge))))
    sources, targets = np.arange(20), np.arange(20, 20 + ROUTES)
    cells = trips.times(sources, targets)
    wrong = 0
    begun = time.process_time()
    found = [(source, trips.ways(int(source), targets), trips.lines(int(source), targets)) for source in sources]
    notes.say(f"{len(sources) * ROUTES} routes with lines", time.process_time() - begun, "CPU s")
    for source, ways, lines in found:
        for at, (way, line) in enumerate(zip(ways, lines, strict=True)):
            drawn = float(np.hypot(*np.diff(line, axis=0).T).sum())
            wrong += way is None or way.duration_ms != round(cells.duration_s[source, at] * 1000) or not (
                abs(drawn - cells.distance_m[source, at]) < 2e-3 * drawn + 0.1)
    notes.say("routes that do not add up to their cell", wrong, "routes")
    return wrong


def snapping(path: Path, notes: Notes) -> int:
    """100,000 places near crossings snapped: how many are not on the strongly connected part, or not on its nearest."""
    driver = network_driver(path)
    network = driver.streets.graph.network
    core = driver.metric.in_core.reshape(-1, 2).any(axis=1)
    nodes = np.unique(np.concatenate([network.u[core], network.v[core]]))
    crs = metric_crs_of(*network.node_lonlat.mean(axis=0))
    lonlat = gpd.GeoSeries(shapely.points(network.node_lonlat), crs="EPSG:4326")
    xy = shapely.get_coordinates(to_metric(lonlat, crs).to_numpy())
    random = np.random.default_rng(3)
    at = xy[random.integers(0, len(xy), SNAPPED)] + random.normal(0.0, 60.0, (SNAPPED, 2))
    points = shapely.points(at)
    fresh = replace(driver.snapper, tree=shapely.STRtree(driver.snapper.lines))
    found, _ = notes.timed(f"{SNAPPED:,} places snapped, index built", lambda: fresh.snap(points))
    stray = int((~core[found.places.segment]).sum())
    nearest = cKDTree(xy[nodes]).query(at)[0]
    notes.say("places not on the strongly connected part", stray, "places")
    notes.say("distance to the street, median", float(np.median(found.distance_m)), "m")
    notes.say("distance to its nearest node, median", float(np.median(nearest)), "m")
    worse = int((found.distance_m > nearest + 1e-6).sum())
    notes.say("places further from their street than from a node", worse, "places")
    return stray + worse


def datum(notes: Notes) -> int:
    """A million points over China to GCJ-02 and back: whether one is a millimetre off."""
    random = np.random.default_rng(4)
    lon, lat = random.uniform(75.0, 132.0, 1_000_000), random.uniform(19.0, 52.0, 1_000_000)
    (there, _), _ = notes.timed("GCJ-02: a million points there", lambda: (wgs84_to_gcj02(lon, lat), None))
    (back, _), _ = notes.timed("GCJ-02: and back", lambda: (gcj02_to_wgs84(*there), None))
    east = (back[0] - lon) * METRES_PER_DEGREE * np.cos(np.radians(lat))
    worst_mm = 1000.0 * float(np.hypot(east, (back[1] - lat) * METRES_PER_DEGREE).max())
    notes.say("GCJ-02: largest error", worst_mm, "mm")
    return int(worst_mm >= 1.0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="extract of OpenStreetMap")
    parser.add_argument("--places", type=int, default=1000, help="sources and targets of the matrix")
    parser.add_argument("--only-graphs", action="store_true", help="nothing but files to labelled graphs")
    parser.add_argument("--no-osmnx", action="store_true", help="without the anchor, which takes long")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    given = parser.parse_args(arguments)
    for engine in ENGINES:  # compiled here, not while something is measured
        warm = router_for(grid(5), engine)
        warm.matrix([0, 1], [2], with_distance=True)
        warm.paths(0, [0])
    notes = Notes()
    graphs(given.data, notes, beside=not given.no_osmnx)
    wrong = 0 if given.only_graphs else (
        matrices(given.data, given.places, notes) + snapping(given.data, notes) + datum(notes))
    if given.out:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        given.out.write_text(json.dumps({"machine": machine, "figures": [asdict(f) for f in notes.figures]}, indent=1),
                             encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
