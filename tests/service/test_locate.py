"""Classic problems on map layers: by hand on straight lines and on a street grid, distances against networkx."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
from shapely.geometry import LineString, Point, box

from service.locate import Located, LocateError, LocateOptions, locate

CRS = "EPSG:4547"  # CGCS2000, 114 degrees east
ORIGIN = np.array([526_000.0, 3_386_000.0])


def points(xy: list[tuple[float, float]], **columns: list[object]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": [f"n{i}" for i in range(len(xy))], **columns},
                            geometry=[Point(*(ORIGIN + at)) for at in np.array(xy, dtype=float)], crs=CRS)


def row_of_places() -> gpd.GeoDataFrame:
    """Five places on a line, 100 m apart, the last one heavy."""
    return points([(100.0 * i, 0.0) for i in range(5)], people=[1, 1, 1, 1, 9], room=[10, 10, 10, 10, 2],
                  price=[50.0, 50.0, 50.0, 50.0, 500.0], keep=[True, False, False, False, False])


def comb() -> gpd.GeoDataFrame:
    """Three streets north from one street that runs east: neighbours on two teeth are far apart by street."""
    lines = [[(0, 0), (100, 0), (200, 0)], *([[(x, 0), (x, 300)] for x in (0, 100, 200)])]
    return gpd.GeoDataFrame({"highway": ["residential"] * 4},
                            geometry=[LineString(ORIGIN + np.array(line, dtype=float)) for line in lines], crs=CRS)


def assigned(answer: Located) -> list[str]:
    return answer.clients["site_id"].tolist()


def test_p_median_on_straight_lines_by_hand() -> None:
    """With the heavy place at the end open, the other site stands in the middle of the rest: 1+0+1+1 (n3 to n4)."""
    places = row_of_places()
    answer = locate("p-median", places, places, LocateOptions(p=2, weight="people"))
    assert answer.distance_kind == "straight_line"
    assert set(answer.clients["distance_kind"]) == {"straight_line"}
    assert answer.result.status == "optimal"
    assert answer.result.objective == pytest.approx(300.0, abs=0.5)
    assert answer.sites.loc[answer.sites["open"], "site_id"].tolist() == ["n1", "n4"]
    assert answer.sites["load"].tolist() == [0, 3, 0, 0, 10]
    assert answer.sites["client_count"].tolist() == [0, 3, 0, 0, 2]
    assert answer.clients["distance_m"].tolist() == pytest.approx([100, 0, 100, 100, 0], abs=0.1)
    assert answer.sites.crs == places.crs


def test_layers_may_come_in_any_system() -> None:
    places = row_of_places()
    here = locate("p-center", places, places, LocateOptions(p=2))
    there = locate("p-center", places.to_crs("EPSG:4326"), places.to_crs("EPSG:3857"), LocateOptions(p=2))
    assert there.result.objective == pytest.approx(here.result.objective, abs=0.01)
    assert there.sites.crs == "EPSG:3857"
    assert there.clients.crs == "EPSG:4326"


def test_streets_decide_who_is_near() -> None:
    """The tips of two teeth are 100 m apart as the crow flies and 700 m by street."""
    tips = points([(0, 300), (100, 300), (200, 300)])
    site = points([(0, 300)])
    crow = locate("p-median", tips, site, LocateOptions(p=1))
    street = locate("p-median", tips, site, LocateOptions(p=1), roads=comb())
    assert crow.clients["distance_m"].tolist() == pytest.approx([0, 100, 200], abs=0.1)
    assert street.clients["distance_m"].tolist() == pytest.approx([0, 700, 800], abs=0.5)
    assert set(street.clients["distance_kind"]) == {"street"}
    covering = locate("lscp", tips, tips, LocateOptions(radius_m=150.0), roads=comb())
    assert covering.result.objective == 3.0
    assert locate("lscp", tips, tips, LocateOptions(radius_m=150.0)).result.objective == 1.0


def test_street_distances_are_those_of_networkx() -> None:
    random = np.random.default_rng(3)
    edges = [(at, at + step) for at in range(36) for step in (1, 6)
             if at + step < 36 and (step == 6 or at % 6 != 5) and random.random() < 0.85]
    where = np.array([(100.0 * (at % 6), 100.0 * (at // 6)) for at in range(36)]) + random.uniform(-20, 20, (36, 2))
    graph = nx.Graph()
    graph.add_weighted_edges_from((u, v, float(np.hypot(*(where[u] - where[v])))) for u, v in edges)
    main = sorted(max(nx.connected_components(graph), key=len))
    roads = gpd.GeoDataFrame({"highway": ["residential"] * len(edges)},
                             geometry=[LineString(ORIGIN + where[[u, v]]) for u, v in edges], crs=CRS)
    clients, sites = main[::3], main[:1]
    answer = locate("p-median", points([tuple(where[c]) for c in clients]), points([tuple(where[s]) for s in sites]),
                    LocateOptions(p=1), roads=roads)
    truth = [nx.dijkstra_path_length(graph, c, sites[0], "weight") for c in clients]
    assert answer.clients["distance_m"].tolist() == pytest.approx(truth, abs=0.2)


def test_the_way_to_the_street_counts() -> None:
    answer = locate("p-median", points([(-30.0, 100.0)]), points([(0.0, 200.0)]), LocateOptions(p=1), roads=comb())
    assert answer.clients["distance_m"].tolist() == pytest.approx([130.0], abs=0.1)


def test_capacities_send_clients_elsewhere() -> None:
    """The heavy place's own site holds 2 of its 9: whole clients go elsewhere, split ones use it for a part."""
    places = row_of_places()
    columns = {"weight": "people", "capacity": "room", "fixed_cost": "price"}
    whole = locate("cpmp", places, places, LocateOptions(p=2, weight="people", capacity="room"))
    assert whole.result.status == "optimal"
    loads = whole.sites["load"].to_numpy()
    assert (loads <= places["room"]).all()
    assert whole.clients["site_count"].tolist() == [1] * 5
    split = locate("cflp", places, places, LocateOptions(**columns, cost_per_unit_m=10.0))
    assert split.sites["load"].sum() == pytest.approx(13.0)
    assert (split.sites["load"] <= places["room"] + 1e-9).all()
    assert split.clients["site_count"].iloc[4] == 2  # moving 2 units 100 m costs more than the dear site
    single = locate("sscflp", places, places, LocateOptions(**columns))
    assert single.result.objective >= locate("cflp", places, places, LocateOptions(**columns)).result.objective - 1e-6
    free = locate("uflp", places, places, LocateOptions(weight="people", fixed_cost="price", cost_per_unit_m=0.01))
    assert free.result.objective == pytest.approx(50 + 0.01 * (300 + 200 + 100 + 900), abs=0.1)
    assert free.sites["load"].tolist() == [0, 0, 0, 13, 0]


def test_required_and_forbidden_sites_come_from_columns() -> None:
    places = row_of_places()
    answer = locate("p-median", places, places, LocateOptions(p=1, weight="people", required="keep"))
    assert assigned(answer) == ["n0"] * 5
    banned = locate("p-median", places, places, LocateOptions(p=1, weight="people", forbidden="keep"))
    assert not banned.sites["open"].iloc[0]


def test_who_is_not_covered_has_no_site() -> None:
    places = row_of_places()
    answer = locate("mclp", places, places, LocateOptions(p=1, radius_m=150.0, weight="people"))
    assert assigned(answer) == [None, None, "n3", "n3", "n3"]
    assert answer.result.objective == 11.0
    assert np.isnan(answer.clients["distance_m"].iloc[0])


def test_without_a_plan_nothing_is_open_and_the_reason_is_given() -> None:
    places = row_of_places()
    answer = locate("lscp", places, places.iloc[:1], LocateOptions(radius_m=150.0))
    assert answer.result.status == "no_plan"
    assert answer.result.clients == (2, 3, 4)
    assert not answer.sites["open"].any()
    assert assigned(answer) == [None] * 5


def test_polygons_are_places_too() -> None:
    x, y = ORIGIN
    block = gpd.GeoDataFrame({"id": ["b"]}, geometry=[box(x - 80, y + 90, x - 20, y + 110)], crs=CRS)
    answer = locate("p-median", block, points([(0.0, 0.0)]), LocateOptions(p=1), roads=comb())
    assert answer.clients["distance_m"].iloc[0] == pytest.approx(20 + 100, abs=11)


@pytest.mark.parametrize(("problem", "options", "words"), [
    ("p-medain", LocateOptions(p=1), "did you mean 'p-median'"),
    ("p-median", LocateOptions(), "p: this problem needs"),
    ("lscp", LocateOptions(), "radius_m"),
    ("cpmp", LocateOptions(p=1), "capacity"),
    ("cflp", LocateOptions(capacity="room"), "fixed_cost"),
    ("p-median", LocateOptions(p=1, weight="peopel"), "did you mean 'people'"),
    ("p-median", LocateOptions(p=1, weight="id"), "row 0 of column 'id' holds no number"),
    ("p-median", LocateOptions(p=0), "p of at least 1"),
])
def test_what_cannot_be_asked_is_refused_in_one_line(problem: str, options: LocateOptions, words: str) -> None:
    with pytest.raises(LocateError, match=words) as caught:
        locate(problem, row_of_places(), row_of_places(), options)
    assert "\n" not in str(caught.value)


def test_layers_without_system_features_or_streets_are_refused() -> None:
    places = row_of_places()
    with pytest.raises(LocateError, match="demand: the layer has no CRS"):
        locate("p-median", places.set_crs(None, allow_override=True), places, LocateOptions(p=1))
    with pytest.raises(LocateError, match="candidates: the layer is empty"):
        locate("p-median", places, places.iloc[:0], LocateOptions(p=1))
    barred = comb().assign(highway="motorway")
    with pytest.raises(LocateError, match="roads: no street is open"):
        locate("p-median", places, places, LocateOptions(p=1), roads=barred)
