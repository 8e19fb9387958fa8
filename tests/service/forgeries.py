"""Forgeries of result folders by hand, and what the referee says of each though every hash was made again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.service.tampering import Forgery, Layer, edit, edit_yaml, geopackage


def on_layer(name: str, change: Callable[[list[Layer]], None]) -> Forgery:
    return lambda folder: edit(folder, f"layers/{name}.geojson", lambda document: change(document["features"]))


def on(name: str, change: Callable[[Any], None]) -> Forgery:
    return lambda folder: edit(folder, name, change)


def on_yaml(name: str, change: Callable[[Any], None]) -> Forgery:
    return lambda folder: edit_yaml(folder, name, change)


def of_first(key: str, value: Callable[[Any], Any]) -> Callable[[list[Layer]], None]:
    def change(features: list[Layer]) -> None:
        features[0]["properties"][key] = value(features[0]["properties"][key])

    return change


def shift(at: list[Any], by: float) -> None:
    """Move the first pair of numbers in nested lists."""
    if isinstance(at[0], float):
        at[0] += by
    else:
        shift(at[0], by)


def plan_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "plan.json").read_text(encoding="utf-8")))


def raised_bound(folder: Path) -> None:
    """A better bound in certificate, plan and indicators alike."""
    plan = plan_of(folder)
    better = 0.1 * plan["bound_cny_per_year"] + 0.9 * plan["objective_cny_per_year"]
    tell(folder, plan["objective_cny_per_year"], better)


def cheaper_plan(folder: Path) -> None:
    """A lower objective in certificate, plan and indicators alike."""
    plan = plan_of(folder)
    tell(folder, plan["objective_cny_per_year"] - 10_000.0, plan["bound_cny_per_year"])


def tell(folder: Path, objective: float, bound: float) -> None:
    gap = (objective - bound) / plan_of(folder)["gross_cost_cny_per_year"]

    def on_plan(plan: Layer) -> None:
        plan |= {"objective_cny_per_year": objective, "bound_cny_per_year": bound, "gap": gap}
        for name, value in (("objective_cny_per_year", objective), ("bound_cny_per_year", bound), ("gap_share", gap)):
            plan["kpis"][name]["value"] = value

    edit(folder, "plan.json", on_plan)
    edit(folder, "certificate.json",
         lambda claim: claim.update(objective_cny_per_year=objective, bound_cny_per_year=bound))


def greedy_multipliers(folder: Path) -> None:
    """Prices that would claim more, and the claim with them."""
    with np.load(folder / "certificate.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["part_price"] = arrays["part_price"] * np.float32(1.5)
    np.savez_compressed(folder / "certificate.npz", allow_pickle=False, **arrays)
    raised_bound(folder)


def further_array(folder: Path) -> None:
    with np.load(folder / "certificate.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez_compressed(folder / "certificate.npz", allow_pickle=False, **arrays, note=np.zeros(3))


def no_layer(folder: Path) -> None:
    """A layer gone, from the manifest too."""
    (folder / "layers" / "zones.geojson").unlink()
    edit(folder, "manifest.json", lambda m: m["outputs"].pop("layers/zones.geojson"))


def further_site(features: list[Layer]) -> None:
    features.append(json.loads(json.dumps(features[0])) | {"id": "P999"})


def cheaper(network: Any) -> None:
    network["tiers"][1]["sizes"][0]["fixed_cost_cny_per_year"] *= 0.9


def larger(network: Any) -> None:
    network["tiers"][2]["sizes"][0]["capacity_t_per_day"] *= 1.5


def owned(change: Callable[[Any], None]) -> Forgery:
    """Change the network, and call it the study's own in the manifest."""
    def forge(folder: Path) -> None:
        edit_yaml(folder, "networks/urban_three_tier.yaml", change)
        edit(folder, "manifest.json",
             lambda m: m["config_sources"].update({"networks/urban_three_tier.yaml": "own"}))

    return forge


def beside(folder: Path) -> None:
    """A network that would be found before the one in its folder."""
    shutil.copy(folder / "networks" / "urban_three_tier.yaml", folder / "urban_three_tier.yaml")
    edit_yaml(folder, "urban_three_tier.yaml", cheaper)


def journal(folder: Path) -> None:
    (folder / "plan.gpkg-wal").write_bytes(b"anything")


def on_geopackage(statement: str) -> Forgery:
    def forge(folder: Path) -> None:
        with geopackage(folder) as base:
            base.executescript(statement)

    return forge


def in_report(pattern: str, new: Callable[[str], str]) -> Forgery:
    def forge(folder: Path) -> None:
        text = (folder / "report.html").read_text(encoding="utf-8")
        match = re.search(pattern, text)
        assert match is not None
        (folder / "report.html").write_text(text[:match.start(1)] + new(match.group(1)) + text[match.end(1):],
                                            encoding="utf-8")

    return forge


def twice(folder: Path) -> None:
    """The key figures once more with another objective: which one counts depends on who reads."""
    path = folder / "plan.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{", '{"objective_cny_per_year": 1.0,', 1), encoding="utf-8")


def warned(plan: Layer) -> None:
    plan["warnings"].append({"code": "point_without_load", "feature_id": plan["tiers"][0]["id"], "text": {
        "zh": "该点没有回收量，不安排收运", "en": "Nothing arises at this point, so no visit is planned"}})


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "a site moved on the map": (
        on_layer("collection_point", lambda f: shift(f[0]["geometry"]["coordinates"], 1e-4)),
        r"\[differs\] layers/collection_point.geojson P\S*.geometry.coordinates\[0\]: says .* computed"),
    "demand dropped": (on_layer("assignments", lambda f: f.pop(0)), r"\[flow_balance\]"),
    "a part renamed": (
        on_layer("assignments", of_first("part_id", lambda v: f"{v}x")), r"\[result_malformed\].*C\d+#\d+x"),
    "bound raised": (
        raised_bound, r"\[claim_differs\] certificate.json bound_cny_per_year: says .* computed"),
    "gap altered": (on("plan.json", lambda p: p.update(gap=p["gap"] / 2)), r"\[differs\] plan.json .gap: says"),
    "objective and indicators forged alike": (
        cheaper_plan, r"\[claim_differs\] certificate.json objective_cny_per_year"),
    "cost of a site altered": (
        on_layer("transfer_station", of_first("annual_cost_cny_per_year", lambda v: v * 0.9)),
        r"\[differs\] layers/transfer_station.geojson \S*.properties.annual_cost_cny_per_year"),
    "a road swapped": (
        on_layer("streets", of_first("highway", lambda _: "motorway")),
        r"\[differs\] layers/streets.geojson s0.properties.highway: says 'motorway'"),
    "a size changed": (
        on_layer("collection_point", of_first("size_id", {"staffed_1t": "staffed_2t", "staffed_2t": "staffed_1t"}.get)),
        r"\[(over_mass|over_volume|claim_differs)\] \S+"),
    "a flow edited": (
        on_layer("flows", of_first("flow_t_per_day", lambda v: v * 1.1)), r"\[flow_balance\]"),
    "multipliers that claim more": (greedy_multipliers, r"\[claim_differs\] certificate.json bound_cny_per_year"),
    "an array too many": (further_array, r"\[result_malformed\].*belong to no bound: \['note'\]"),
    "a cheaper network, called packaged": (
        on_yaml("networks/urban_three_tier.yaml", cheaper),
        r"\[config_changed\] networks/urban_three_tier.yaml: .*fixed_cost_cny_per_year says .* packaged"),
    "a larger capacity, called packaged": (
        on_yaml("networks/urban_three_tier.yaml", larger), r"\[config_changed\] .*capacity_t_per_day says"),
    "a cheaper network, called own": (
        owned(cheaper), r"note: network urban_three_tier differs from the packaged one: .*fixed_cost_cny_per_year"),
    "a network before the network": (beside, r"\[differs\] urban_three_tier.yaml: does not belong here"),
    "a rule changed": (
        on_yaml("rules/TOWN_RULE.yaml", lambda r: r["clauses"][0].update(value=3500)),
        r"\[differs\] plan.json .rules\[0\].required: says '3000', computed '3500'"),
    "the study changed": (
        on_yaml("study.yaml", lambda s: s["access"].update(decay_m=600.0)), r"\[flow_balance\]"),
    "a layer removed": (no_layer, r"\[differs\] layers/zones.geojson: is missing"),
    "a site added": (on_layer("collection_point", further_site), r"\[result_malformed\].*P999"),
    "a community added": (
        on_layer("communities", lambda f: f.append(json.loads(json.dumps(f[0])) | {"id": "C99"})),
        r"\[differs\] layers/communities.geojson C99: should not be there"),
    "a route bent": (
        on_layer("routes", lambda f: shift(f[0]["geometry"]["coordinates"][1], 2e-5)),
        r"\[differs\] layers/routes.geojson \S*.geometry.coordinates\[1\]\[0\]: says"),
    "an assumption changed": (
        on("plan.json", lambda p: p["assumptions"][0].update(value=0.9)),
        r"\[differs\] plan.json .assumptions\[0\].value: says 0.9, computed 0.8"),
    "a warning left out": (
        on("plan.json", lambda p: p["warnings"].pop(0)), r"\[differs\] plan.json .warnings: has \d+ entries, computed"),
    "a warning invented": (on("plan.json", warned), r"\[false_warning\] .*point_without_load"),
    "a number as text": (
        on("plan.json", lambda p: p.update(year=str(p["year"]))),
        r"\[differs\] plan.json .year: says '2025', computed 2025"),
    "a figure told twice": (twice, r"\[differs\] plan.json: is no JSON: an object has a key twice"),
    "time below nothing": (
        on("plan.json", lambda p: p["timings_s"].update(siting=-1.0)),
        r"\[differs\] plan.json .timings_s.siting: says -1"),
    "status improved": (
        on("plan.json", lambda p: p.update(status="optimal")), r"\[differs\] plan.json .status: says 'optimal'"),
    "a cell of the geopackage": (
        on_geopackage("UPDATE collection_point SET load_t_per_day = load_t_per_day * 1.01 WHERE fid = 3"),
        r"\[differs\] plan.gpkg collection_point.load_t_per_day: differs in 1 rows, first in 'P"),
    "a style of the geopackage": (
        on_geopackage("UPDATE layer_styles SET styleQML = replace(styleQML, '1', '2') WHERE id = 1"),
        r"\[differs\] plan.gpkg layer_styles.styleQML"),
    "a title in the geopackage": (
        on_geopackage("UPDATE gpkg_contents SET identifier = 'x' WHERE table_name = 'zones'"),
        r"\[differs\] plan.gpkg gpkg_contents.identifier"),
    "a view in the geopackage": (
        on_geopackage("CREATE VIEW more AS SELECT * FROM zones"), r"\[differs\] plan.gpkg view more: should not be"),
    "a journal beside the geopackage": (journal, r"\[differs\] plan.gpkg-wal: does not belong here"),
    "the last digit of a figure in the report": (
        in_report(r">(\d+\.\d\d)<", lambda v: f"{float(v) + 0.01:.2f}"), r"\[differs\] report.html: says"),
    "a count in the legend of the map": (
        in_report(r"<text[^>]*>[^<]*\((\d+)\)</text>", lambda v: str(int(v) + 1)), r"\[differs\] report.html: says"),
    "commas of the report shifted": (
        in_report(r">(\d\d,\d\d\d)<", lambda v: v.replace(",", "")[:3] + "," + v.replace(",", "")[3:]),
        r"\[differs\] report.html: says"),
    "another source in the manifest": (
        on("manifest.json", lambda m: m["config_sources"].update({"networks/urban_three_tier.yaml": "own"})),
        r"\[differs\] manifest.json config_sources networks/urban_three_tier.yaml: says own, but it is the packaged"),
    "a hash left out of the manifest": (
        on("manifest.json", lambda m: m["outputs"].pop("certificate.npz")),
        r"\[differs\] manifest.json outputs: does not name certificate.npz"),
    "no hash of the manifest": (
        on("manifest.json", lambda m: m.pop("content_sha256")), r"\[manifest_unsealed\]"),
    "a path out of the folder": (
        on("manifest.json", lambda m: m["outputs"].update({"../out/plan.json": m["outputs"]["plan.json"]})),
        r"\[file_missing\] ../out/plan.json: named in the manifest, but no file of the folder"),
}
"""What the forger does, and what the referee says of it though every hash was made again."""
