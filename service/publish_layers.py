"""The GeoJSON layers of a result: what they are and how they are written."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd

from service.candidate_layer import candidate_layer
from service.flow_tables import assignment_layer, flow_layer, route_layers, street_layer, unserved_layer
from service.geojson import write_layer
from service.plan_document import estimates
from service.result_tables import Outcome, community_layer, site_layers, zone_layer
from service.texts import load_texts

STREETS = "streets"

__all__ = ["STREETS", "layer_titles", "layers_of", "street_layer", "write_layers"]


def layers_of(out: Outcome) -> dict[str, gpd.GeoDataFrame]:
    """Every layer of the contract by name, in WGS 84, tiers first."""
    routes, stops = route_layers(out)
    return {**site_layers(out), "communities": community_layer(out), "candidates": candidate_layer(out),
            "assignments": assignment_layer(out), "flows": flow_layer(out), "routes": routes, "stops": stops,
            "unserved": unserved_layer(out), "zones": zone_layer(out)}


def write_layers(folder: Path, out: Outcome, layers: dict[str, gpd.GeoDataFrame]) -> None:
    """One GeoJSON file per layer, with titles, attribution and what is estimated."""
    titles = layer_titles(out, layers)
    attribution, notes = "; ".join(out.brief.study.attribution), [t.en for t in estimates(out)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, features in layers.items():
        write_layer(folder / f"{name}.geojson", name, features, title=titles[name], attribution=attribution,
                    estimated=notes)


def layer_titles(out: Outcome, layers: dict[str, gpd.GeoDataFrame]) -> dict[str, str]:
    """English titles of the layers; tiers carry their own."""
    texts, tiers = load_texts(), {t.id: t.title for t in out.problem.network.tiers}
    return {name: (tiers.get(name) or texts.layer(name)).en for name in layers}
