"""Candidates from a study file to the layer and back: hosts, land with shape, slope and access, suitability."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from service.seam import as_problem, ground_of, read_brief
from service.study import load_study
from tests.service.feature_towns import finished
from tests.service.tiny_town import CRS, ORIGIN_X, ORIGIN_Y, TinyTown, box, features, plan_of, recynet

PLACES = [  # id, kind, (x, y) m from the corner of the town
    ("market", "supermarket", (300, 10)), ("market again", "supermarket", (310, 10)),
    ("pupils", "school", (500, 190)), ("bins", "垃圾分类点", (305, 5)), ("far off", "school", (300, 3000)),
    ("in the yard", "school", (300, 280)), ("chapel", "place_of_worship", (100, 10))]
HOSTS = {"waste_point": {"kinds": ["垃圾分类点"], "build_cost_share": 0.4, "fixed_cost_share": 0.5,
                         "sizes": ["staffed_1t"], "title": {"zh": "分类点", "en": "Sorting point"}},
         "supermarket": {"kinds": ["supermarket"]}, "school": {"kinds": ["school"]}}


def add_places(town: TinyTown) -> None:
    """Places of interest in a CSV table, and hosts of three kinds."""
    points = gpd.GeoSeries([shapely.Point(ORIGIN_X + x, ORIGIN_Y + y) for _, _, (x, y) in PLACES], crs=CRS)
    lonlat = points.to_crs("EPSG:4326")
    lines = ["id,kind,name,lon,lat", *(f"{i},{kind},{i},{p.x:.9f},{p.y:.9f}"
                                       for (i, kind, _), p in zip(PLACES, lonlat, strict=True))]
    (town.folder / "places.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    town.study["inputs"]["points_of_interest"] = {"path": "places.csv", "crs": "EPSG:4326"}
    town.study["candidates"] = {"spacing_m": 120, "hosts": HOSTS, "point_kinds": {"worship": ["place_of_worship"]}}


def add_heights(town: TinyTown) -> None:
    """Flat west of x = 400 m, rising by 2 m in 10 east of it; cells of 10 m."""
    x = (np.arange(120) - 10) * 10.0 + 5.0
    rows = np.tile(np.maximum(0.0, x - 400.0) * 0.2, (130, 1))
    with rasterio.open(town.folder / "heights.tif", "w", driver="GTiff", width=120, height=130, count=1,
                       dtype="float64", crs=CRS,
                       transform=from_origin(ORIGIN_X - 100.0, ORIGIN_Y + 1100.0, 10.0, 10.0)) as raster:
        raster.write(rows, 1)
    town.study["inputs"]["elevation"] = {"path": "heights.tif"}


def table(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in features(folder, "candidates")}


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    town = TinyTown(tmp_path_factory.mktemp("hosted"))
    add_places(town)
    return finished(town)


def test_hosts_are_candidates_with_their_kind(hosted: Path) -> None:
    """The waste point beside the supermarket comes first; what is too near or out of reach is told."""
    found = {i.removeprefix("collection_point:poi-"): row for i, row in table(hosted).items() if ":poi-" in i}
    assert {i: row["status"] == "rejected" for i, row in found.items()} == {
        "bins": False, "pupils": False, "market": True, "market again": True, "far off": True, "in the yard": True}
    assert {row["host_kind"] for row in found.values()} == {"waste_point", "school", "supermarket"}
    assert found["bins"]["host_name"] == "bins"
    assert found["bins"]["largest_size_id"] == "staffed_1t"
    assert found["pupils"]["largest_size_id"] == "staffed_2t"
    assert found["market"]["reason"] == "near_duplicate:poi-bins"
    assert found["market"]["reasons"] == "near_duplicate:poi-bins 7.07 < 30"
    assert found["in the yard"]["reasons"] == "too_far_from_street 80 > 50"
    assert found["far off"]["reasons"].startswith("too_far_from_street 2400 > 50; too_far_from_communities ")
    assert "距道路过远 80 > 50 m" in found["in the yard"]["reasons_zh"]
    assert "Too far from a street 80 > 50 m" in found["in the yard"]["reasons_en"]


def test_street_points_leave_room_for_hosts(hosted: Path) -> None:
    layer = gpd.read_file(hosted / "layers" / "candidates.geojson").to_crs(CRS)
    points = layer[(layer["tier_id"] == "collection_point") & (layer["status"] != "rejected")]
    hosts, others = points[points["host_kind"].notna()], points[points["host_kind"].isna()]
    assert len(hosts) == 2
    assert len(others) > 10
    assert min(others.distance(host).min() for host in hosts.geometry) > 120.0 - 0.01


def test_hosts_cost_their_share_and_the_result_verifies(hosted: Path) -> None:
    """Build cost times 0.4, yearly cost times 0.5 in the layer of open sites; `verify` works it out from the inputs."""
    annuity = 0.06 / (1 - 1.06**-8)
    opened = {row["id"]: row for row in features(hosted, "collection_point")}
    assert "poi-bins" in opened, "half the price and in the middle of the town"
    assert (opened["poi-bins"]["host_kind"], opened["poi-bins"]["host_name"]) == ("waste_point", "bins")
    assert '<span lang="en">Sorting point</span> bins' in (hosted / "report.html").read_text(encoding="utf-8")
    assert opened["poi-bins"]["annual_cost_cny_per_year"] == pytest.approx(
        60_000 * 0.4 * annuity + 60_340 * 0.5, rel=1e-9)
    plain = next(row for i, row in opened.items() if i.startswith("P") and row["size_id"] == "staffed_1t")
    assert plain["annual_cost_cny_per_year"] == pytest.approx(60_000 * annuity + 60_340, rel=1e-9)
    assumed = {a["parameter"]: (a["value"], a["mark"]) for a in plan_of(hosted)["assumptions"]}
    assert assumed["candidates.hosts.waste_point.build_cost_share"] == (0.4, "A")
    assert "candidates.hosts.school.build_cost_share" not in assumed
    built = sum({"staffed_1t": 60_000, "staffed_2t": 90_000}[row["size_id"]] * (0.4 if i == "poi-bins" else 1.0)
                for i, row in opened.items())
    assert plan_of(hosted)["kpis"]["collection_point_build_cost_cny"]["value"] == pytest.approx(built)
    done = recynet("verify", hosted)
    assert done.exit_code == 0, done.output
    assert json.loads((hosted / "plan.json").read_text())["status"] in ("optimal", "feasible")


def test_a_changed_file_of_places_is_noticed(hosted: Path, tmp_path: Path) -> None:
    """verify with other places rejects: they are among the inputs of the manifest."""
    roles = {entry["role"] for entry in json.loads((hosted / "manifest.json").read_text())["inputs"]}
    assert "points_of_interest.poi" in roles
    for file in (hosted.parent / "town.gpkg", hosted.parent / "places.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert recynet("verify", hosted, "--inputs", tmp_path).exit_code == 0
    text = (tmp_path / "places.csv").read_text(encoding="utf-8")
    (tmp_path / "places.csv").write_text(text.replace("bins,", "skips,"), encoding="utf-8")
    assert recynet("verify", hosted, "--inputs", tmp_path).exit_code == 1


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Land with everything asked of it; three more parcels that break several rules each."""
    town = TinyTown(tmp_path_factory.mktemp("surveyed"))
    add_places(town)
    add_heights(town)
    land = town.layers["land"]
    more = gpd.GeoDataFrame({"id": ["strip", "steep", "remote"], "land_use": ["3", "0", "3"]}, crs=CRS,
                            geometry=[box(10, 790, 200, 5), box(700, 610, 40, 40), box(100, 900, 60, 60)])
    town.layers["land"] = gpd.GeoDataFrame(gpd.pd.concat([land, more], ignore_index=True), crs=CRS)
    criteria = {
        "access": {"measure": "access_m", "worst": 200, "best": 0},
        "slope": {"measure": "slope_share", "worst": 0.2, "best": 0.0},
        "homes": {"measure": "distance_m", "layer": "communities", "worst": 20, "best": 100},
        "use": {"measure": "land_use", "scores": {"3": 1.0}}}
    town.study["candidates"]["suitability"] = {"comparisons": {"host": {"homes": 3}}, "criteria": {
        "host": {"measure": "host", "scores": {"waste_point": 1.0, "school": 0.8, "street": 0.2}},
        "homes": {"measure": "distance_m", "layer": "communities", "worst": 60, "best": 0}}}
    town.study["screening"] = {
        "transfer_station": {
            "min_area_m2": 500, "land_use": ["3"], "rectangle": {"max_aspect": 3}, "max_slope_share": 0.3,
            "slope": "mean", "max_access_m": 150, "buffers_m": {"school": 40},
            "suitability": {"criteria": criteria, "premium_cny_per_year": 50_000, "comparisons": {
                "access": {"slope": 2, "homes": 2, "use": 4}, "slope": {"homes": 1, "use": 2}, "homes": {"use": 2}}}},
        "sorting_center": {"min_area_m2": 2500, "land_use": ["3"]}}
    return finished(town)


def test_every_reason_of_land_is_told(surveyed: Path) -> None:
    found = {i.removeprefix("transfer_station:"): row for i, row in table(surveyed).items()
             if row["tier_id"] == "transfer_station"}
    assert found["P1"]["status"] != "rejected"
    assert found["P1"]["reasons"] is None
    assert found["strip"]["reasons"].startswith("too_far_from_truck_street 190 > 150; no_rectangle_fits ")
    assert found["steep"]["reasons"] == "land_use_not_allowed"
    assert found["P5"]["reasons"] == "area_below_min 400 < 500; no_size_fits 400 < 500"
    assert found["remote"]["reasons"] == "too_far_from_truck_street 300 > 150"
    assert "无法" not in found["remote"]["reasons_zh"]
    assert found["P1"]["slope_share"] == pytest.approx(0.0, abs=1e-9)
    # a metre of the grid is a few millionths longer than one on the ground, on which slopes are measured
    assert found["steep"]["slope_share"] == pytest.approx(0.2, rel=1e-5)
    assert found["P1"]["access_m"] == pytest.approx(10.0)


def test_the_score_is_the_weighted_sum_that_is_shown(surveyed: Path) -> None:
    """Weights of consistent comparisons 4 : 2 : 2 : 1."""
    weight = {"access": 4 / 9, "slope": 2 / 9, "homes": 2 / 9, "use": 1 / 9}
    rows = [row for row in table(surveyed).values() if row["tier_id"] == "transfer_station"]
    assert len(rows) == 9
    for row in rows:
        assert row["suitability_share"] == pytest.approx(
            sum(w * row[f"score_{name}_share"] for name, w in weight.items()), abs=1e-9)
        assert row["score_access_share"] == pytest.approx(np.clip(1 - row["criterion_access_m"] / 200, 0, 1))
        assert row["score_homes_share"] == pytest.approx(np.clip((row["criterion_homes_m"] - 20) / 80, 0, 1))
    assert {row["score_use_share"] for row in rows} == {0.0, 1.0}
    assert all(row["suitability_share"] is None for row in table(surveyed).values()
               if row["tier_id"] == "sorting_center")


def test_hosts_and_points_along_streets_score_too(surveyed: Path) -> None:
    """Three quarters for what a site stands at, one quarter for homes near by; shown only."""
    rows = {i: row for i, row in table(surveyed).items()
            if row["tier_id"] == "collection_point" and row["status"] != "rejected"}
    at = {"waste_point": 1.0, "school": 0.8, None: 0.2}
    for row in rows.values():
        homes = np.clip(1 - row["criterion_homes_m"] / 60, 0, 1)
        assert row["suitability_share"] == pytest.approx(0.75 * at[row["host_kind"]] + 0.25 * homes, abs=1e-9)
    assert rows["collection_point:poi-bins"]["criterion_homes_m"] == pytest.approx(20.0, abs=0.01)
    summary = plan_of(surveyed)["suitability"]
    assert [s["tier_id"] for s in summary] == ["collection_point", "transfer_station"]


def test_a_premium_of_points(tmp_path: Path) -> None:
    """New sites pay for their low scores, existing ones do not."""
    town = TinyTown(tmp_path)
    add_places(town)
    town.add_existing(("old", "collection_point", "keep", "staffed_1t", (200, 0), 0.0))
    town.study["candidates"]["suitability"] = {"premium_cny_per_year": 1000, "criteria": {
        "host": {"measure": "host", "scores": {"waste_point": 1.0, "school": 0.8, "street": 0.2}}}}
    brief = read_brief(load_study(town.write()))
    sites = as_problem(brief, ground_of(brief)).sites[0]
    assert sites.site_cost_cny_per_year is not None
    cost = dict(zip(sites.ids, sites.site_cost_cny_per_year.tolist(), strict=True))
    assert (cost["poi-bins"], cost["poi-pupils"], cost["old"]) == (0.0, pytest.approx(200.0), 0.0)
    assert {round(value) for site, value in cost.items() if site.startswith("P")} == {800}


def test_the_premium_is_paid_and_the_result_verifies(surveyed: Path) -> None:
    score = {i: row["suitability_share"] for i, row in table(surveyed).items()}
    annuity = 0.06 / (1 - 1.06**-15)
    size = {"station_20t": (750_000, 542_500), "station_50t": (1_500_000, 945_600),
            "station_100t": (3_000_000, 1_591_100)}
    opened = features(surveyed, "transfer_station")
    assert opened
    for row in opened:
        build, fixed = size[row["size_id"]]
        premium = 50_000 * (1 - score[f"transfer_station:{row['id']}"])
        assert row["annual_cost_cny_per_year"] == pytest.approx(build * annuity + fixed + premium, rel=1e-9)
    report = (surveyed / "report.html").read_text(encoding="utf-8")
    assert "Area below the least asked for 400 &lt; 500 m²" in report
    assert "consistency ratio 0.000" in report
    assert "Land that scores 0 costs 50,000 CNY a year more" in report
    done = recynet("verify", surveyed)
    assert done.exit_code == 0, done.output


def test_a_study_without_the_new_keys_has_no_shares_and_no_premium(tmp_path: Path) -> None:
    brief = read_brief(load_study(TinyTown(tmp_path).write()))
    problem = as_problem(brief, ground_of(brief))
    for sites in problem.sites:
        assert (sites.build_share, sites.fixed_share, sites.site_cost_cny_per_year) == (None, None, None)


def edited(folder: Path, *edits: dict[str, Any]) -> TinyTown:
    """A town with hosts, heights and land that needs flat ground, and edits of a planner."""
    town = TinyTown(folder)
    add_places(town)
    add_heights(town)
    town.study["screening"]["transfer_station"] |= {"max_slope_share": 0.1, "rectangle": {"max_aspect": 2}}
    drawn = [{"type": "Feature", "id": f"e{n}", "geometry": shapely.geometry.mapping(
        gpd.GeoSeries([edit["shape"]], crs=CRS).to_crs("EPSG:4326").iloc[0]) if "shape" in edit else None,
        "properties": {key: value for key, value in edit.items() if key != "shape"}} for n, edit in enumerate(edits)]
    (folder / "edits.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": drawn}))
    town.study["inputs"]["edits"] = {"path": "edits.geojson"}
    return town


def test_edits_of_hosts(tmp_path: Path) -> None:
    """A host that is forbidden has no share of costs to give; one that moves away leaves its host and its price."""
    town = edited(tmp_path, {"edit": "forbid", "site_id": "poi-pupils"},
                  {"edit": "move", "site_id": "poi-bins", "new_site_id": "corner",
                   "shape": shapely.Point(ORIGIN_X + 200, ORIGIN_Y)})
    brief = read_brief(load_study(town.write()))
    ground = ground_of(brief)
    sites = as_problem(brief, ground).sites[0]
    assert {"poi-pupils", "poi-bins"}.isdisjoint(sites.ids)
    assert (sites.build_share, sites.fixed_share) == (None, None)
    assert sites.must_open[sites.ids.index("corner")]
    assert {"poi-pupils": "edit_forbidden", "poi-bins": "edit_moved"}.items() <= {
        site.site_id: site.reason for site in ground.rejected}.items()


def test_a_drawn_site_is_measured_like_all_land(tmp_path: Path) -> None:
    """On the slope east of x = 400, and a strip: warnings with what was measured, the site is there all the same."""
    town = edited(tmp_path, {"edit": "add", "tier_id": "transfer_station", "new_site_id": "hill",
                             "shape": box(600, 650, 30, 30)},
                  {"edit": "add", "tier_id": "transfer_station", "new_site_id": "strip",
                   "shape": box(100, 790, 200, 4)})
    brief = read_brief(load_study(town.write()))
    ground = ground_of(brief)
    said = " ".join(f.title.en for f in ground.faults)
    assert "slope_above_max 0.2 > 0.1" in said
    assert "no_rectangle_fits " in said
    assert {"hill", "strip"} <= set(ground.sites[1].ids)


def test_drawn_land_takes_the_sizes_whose_rectangle_fits(tmp_path: Path) -> None:
    """A strip of 400 m by 20 m has the area of every size; twice as long as wide, only 20 m by 40 m fits."""
    town = edited(tmp_path, {"edit": "add", "tier_id": "transfer_station", "new_site_id": "strip",
                             "shape": box(0, 790, 400, 20)})
    brief = read_brief(load_study(town.write()))
    stations = ground_of(brief).sites[1]
    sizes = [size.area_m2 for size in brief.network.tiers[1].sizes]
    fits = stations.fits[stations.ids.index("strip")]
    assert fits.tolist() == [area <= 20.0 * 40.0 for area in sizes]
    assert max(sizes) <= 400.0 * 20.0
    assert 0 < fits.sum() < len(sizes)
