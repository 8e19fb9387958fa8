"""One way from an extract to a labelled truck graph, in a process of its own: says time, peak memory and counts.

    python -m tests.benchmarks.streets_child recynet EXTRACT.osm.pbf
    python -m tests.benchmarks.streets_child osmnx DRIVEN.osm
    python -m tests.benchmarks.streets_child streets|driven EXTRACT.osm.pbf DRIVEN.osm

Labelled: times on every arc, and which arcs lie in the largest strongly connected part. OSMnx reads XML alone:
`streets` writes all ways with a highway tag, as this program reads them, `driven` only those that vehicles use.
"""

from __future__ import annotations

import gc
import json
import re
import sys
import time
from collections.abc import Collection
from importlib import import_module
from pathlib import Path

VEHICLE = "heavy_truck"
HOURS = "Mo-Fr 10:00-11:00"
DRIVEN = frozenset({"motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary",
                    "secondary_link", "tertiary", "tertiary_link", "unclassified", "residential", "living_street",
                    "service", "road"})


def own_graph(path: Path) -> dict[str, int]:
    """This program: turn restrictions, barriers, access, limits and hours of a heavy truck."""
    from tests.benchmarks.streets import labelled

    chosen = labelled(path, VEHICLE, HOURS)
    return {"nodes": len(chosen.graph.network.node_osm_id), "segments": chosen.graph.network.segment_count,
            "states": chosen.graph.state_count, "core_arcs": int(chosen.in_core.sum())}


def osmnx_graph(path: Path) -> dict[str, int]:
    """OSMnx: graph, simplified, speeds and times, largest strongly connected part. Turn restrictions are not read."""
    import osmnx as ox

    graph = ox.graph_from_xml(path, simplify=False, retain_all=True)
    graph = ox.simplify_graph(graph)
    graph = ox.add_edge_travel_times(ox.add_edge_speeds(graph, fallback=20.0))
    core = ox.truncate.largest_component(graph, strongly=True)
    return {"nodes": len(graph), "edges": graph.number_of_edges(), "core_edges": core.number_of_edges()}


def driven(path: Path, target: Path) -> dict[str, int]:
    """The ways that vehicles use as XML."""
    return _as_xml(path, target, DRIVEN)


def streets(path: Path, target: Path) -> dict[str, int]:
    """All ways with a highway tag as XML: what this program reads."""
    return _as_xml(path, target, None)


def _as_xml(path: Path, target: Path, classes: Collection[str] | None) -> dict[str, int]:
    """Ways of some classes with the nodes that are in the file (OSMnx takes no others)."""
    import osmium

    ways, there = 0, {node.id for node in osmium.FileProcessor(str(path), osmium.osm.NODE)}
    with osmium.BackReferenceWriter(str(target), ref_src=str(path), overwrite=True) as writer:
        for way in osmium.FileProcessor(str(path), osmium.osm.WAY):
            highway = way.tags.get("highway")
            if highway is not None and (classes is None or highway in classes) and way.tags.get("area") != "yes":
                nodes = [node.ref for node in way.nodes if node.ref in there]
                if len(nodes) > 1:
                    writer.add(way.replace(nodes=nodes))
                    ways += 1
    return {"ways": ways}


def peak_mb() -> float:
    """Most memory this process has held, MB; nan where the system does not say (Linux does).

    What getrusage says of a child is at least what its parent held when it began.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return float(found[1]) * 1024 / 1e6 if found else float("nan")


def main(words: list[str]) -> None:
    what, *paths = words
    needed = {"recynet": "tests.benchmarks.streets", "osmnx": "osmnx", "streets": "osmium", "driven": "osmium"}
    import_module(needed[what])  # imports are no part of the measurement, nor is tidying up after them
    gc.collect()
    begun, wall = time.process_time(), time.perf_counter()
    steps = {"recynet": own_graph, "osmnx": osmnx_graph, "streets": streets, "driven": driven}
    counts = steps[what](*(Path(path) for path in paths))
    print(json.dumps({"cpu_s": time.process_time() - begun, "wall_s": time.perf_counter() - wall,
                      "peak_mb": peak_mb(), **counts}))


if __name__ == "__main__":
    main(sys.argv[1:])
