"""The API over a small result folder: every route, pages that lose nothing, and requests that mean harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.app import create_app
from service.api.settings import MAX_LIMIT, ServeSettings
from tests.service.small_run import TIERS, build_small_run

RUN = "small"
LAYERS = (*TIERS, "assignments", "candidates", "communities", "flows", "routes", "stops", "streets", "unserved",
          "zones")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    build_small_run(folder / RUN)
    (folder / "secret.txt").write_text("not for you", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    with TestClient(create_app(ServeSettings(data=data)), raise_server_exceptions=False) as client:
        yield client


def stored(data: Path, layer: str) -> list[dict[str, Any]]:
    return list(json.loads((data / RUN / "layers" / f"{layer}.geojson").read_text(encoding="utf-8"))["features"])


def items(layer: str, query: str = "") -> str:
    return f"/v1/collections/{RUN}__{layer}/items" + (f"?{query}" if query else "")


def links_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (node["href"],) if "href" in node else ()
        for value in node.values():
            yield from links_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from links_of(value)


def test_every_link_leads_somewhere(client: TestClient) -> None:
    """Crawl from the landing page: each linked address answers 200, features included."""
    seen: set[str] = set()
    waiting = ["http://testserver/v1"]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code == 200, address
        if "json" in answer.headers["content-type"] and "openapi" not in address:
            waiting += [link for link in links_of(answer.json()) if link.startswith("http://testserver")]
    assert {f"http://testserver{items(layer)}" for layer in LAYERS} <= {a.split("?")[0] for a in seen}


def test_a_run_gives_plan_report_files_and_layers(client: TestClient, data: Path) -> None:
    assert [r["id"] for r in client.get("/v1/runs").json()["runs"]] == [RUN]
    assert client.get(f"/v1/runs/{RUN}").content == (data / RUN / "plan.json").read_bytes()
    assert client.get(f"/v1/runs/{RUN}/report").headers["content-type"].startswith("text/html")
    assert client.get(f"/v1/runs/{RUN}/files/plan.gpkg").content == (data / RUN / "plan.gpkg").read_bytes()
    described = client.get(f"/v1/runs/{RUN}/layers").json()["layers"]
    assert [layer["id"] for layer in described] == list(LAYERS)
    assert [layer["id"] for layer in described if layer["tier"]] == list(TIERS)
    load = next(p for p in described[0]["properties"] if p["name"] == "load_t_per_day")
    assert load == {"name": "load_t_per_day", "type": "number", "unit": "t/day",
                    "title": {"zh": "处理量", "en": "Load"}}


def test_indicators_come_in_groups_each_exactly_once(client: TestClient) -> None:
    plan = client.get(f"/v1/runs/{RUN}").json()
    groups = client.get(f"/v1/runs/{RUN}/indicators").json()["groups"]
    names = [name for group in groups for name in group["names"]]
    rows = [row for group in groups for grid in group["grids"] for row in grid["rows"]]
    names += [name for row in rows for name in row["names"] if name]
    assert sorted(names) == sorted(name for name, kpi in plan["kpis"].items() if kpi["value"] is not None)
    assert all(group["title"]["zh"] and group["title"]["en"] for group in groups)
    assert client.get("/v1/runs/nowhere/indicators").status_code == 404


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("limit", [1, 4, 5])
def test_pages_hold_every_feature_once_and_in_order(client: TestClient, data: Path, layer: str, limit: int) -> None:
    address: str | None = items(layer, f"limit={limit}")
    found: list[dict[str, Any]] = []
    while address:
        answer = client.get(address)
        page = answer.json()
        assert answer.headers["content-type"] == "application/geo+json"
        assert page["numberReturned"] == len(page["features"]) <= limit
        assert page["numberMatched"] == len(stored(data, layer))
        found += page["features"]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found == stored(data, layer)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["communities", "routes", *TIERS, "flows"]), st.floats(114.25, 114.29), st.floats(30.56, 30.60),
       st.floats(0, 0.02), st.floats(0, 0.02))
def test_bbox_finds_what_brute_force_finds(client: TestClient, data: Path, layer: str, x: float, y: float, w: float,
                                           h: float) -> None:
    box = shapely.box(x, y, x + w, y + h)
    wanted = [f["id"] for f in stored(data, layer) if shapely.from_geojson(json.dumps(f["geometry"])).intersects(box)]
    found = client.get(items(layer, f"bbox={x!r},{y!r},{x + w!r},{y + h!r}")).json()
    assert [f["id"] for f in found["features"]] == wanted


def test_a_box_over_the_antimeridian_is_two_boxes(client: TestClient) -> None:
    assert client.get(items("communities", "bbox=170,-80,-170,80")).json()["numberMatched"] == 0
    assert client.get(items("communities", "bbox=114,-80,-170,80")).json()["numberMatched"] == 12


@pytest.mark.parametrize(("query", "wanted"), [
    ("zone_id=z1", 4), ("estimated=true", 12), ("estimated=false", 0), ("parts_count=1", 12), ("parts_count=1.0", 12),
    ("capture_share=0.4", 2), ("zone_id=z1&capture_share=0.2", 1), ("zone_id=nowhere", 0), ("datetime=../..", 12),
])
def test_properties_filter_by_value(client: TestClient, query: str, wanted: int) -> None:
    found = client.get(items("communities", query)).json()
    assert found["numberMatched"] == len(found["features"]) == wanted


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=abc", "limit=1e3", "limit=", "limit=99999999999999999999", "limit=1&limit=2",
    "offset=-1", "bbox=1_0,2,30,4", "bbox=1,2,3", "bbox=a,b,c,d", "bbox=nan,0,1,1", "bbox=0,0,inf,1", "bbox=0,2,1,1",
    "bbox=", "bbox=-181,0,0,0", "unknown=1", "datetime=yesterday", "estimated=maybe",
    "parts_count=x", "parts_count=nan", "%00=1", "limit=１",
])
def test_impossible_queries_are_400(client: TestClient, query: str) -> None:
    answer = client.get(items("communities", query))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 400


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["bbox", "limit", "offset", "datetime", "zone_id", "access_m"]) | st.text(),
                          st.text() | st.integers().map(str) | st.floats().map(repr)), max_size=4))
def test_no_query_whatever_brings_the_server_down(client: TestClient, query: list[tuple[str, str]]) -> None:
    pairs = [(n.encode(errors="replace"), v.encode(errors="replace")) for n, v in query]
    assert client.get(f"{items('communities')}?{urlencode(pairs)}").status_code in (200, 400)


def test_a_limit_beyond_the_most_is_clipped(client: TestClient) -> None:
    answer = client.get(items("communities", f"limit={MAX_LIMIT * 10}"))
    assert answer.status_code == 200
    assert f"limit={MAX_LIMIT}" in answer.json()["links"][0]["href"]


@pytest.mark.parametrize("path", ["/v1", "/v1/runs", "/v1/studies", "/v1/jobs", "/v1/collections", f"/v1/runs/{RUN}",
                                  f"/v1/collections/{RUN}__zones", f"/v1/collections/{RUN}__zones/schema", "/healthz"])
def test_parameters_nobody_knows_are_400_everywhere(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.get(f"{path}?surprise=1").status_code == 400


@pytest.mark.parametrize("path", [
    "/v1/runs/none", "/v1/runs/%2e%2e%2f", "/v1/runs/..%2fsmall", "/v1/runs/" + "a" * 4000, "/v1/runs/%00",
    "/v1/runs/%F0%9F%97%91", "/v1/runs/secret.txt", f"/v1/runs/{RUN}/files/secret.txt", f"/v1/runs/{RUN}/files/layers",
    f"/v1/runs/{RUN}/files/..%2f..%2fsecret.txt", f"/v1/runs/{RUN}/layers/..%2fplan", "/v1/collections/small",
    "/v1/collections/small__none", "/v1/collections/..__zones", items("zones") + "/none", "/v1/jobs/none",
    "/v1/jobs/%2e%2e%2fsmall", "/assets/..%2fapi%2fapp.py", "/assets/report.html", "/assets/none.js", "/nowhere",
    "/v1/",
])
def test_what_is_not_there_is_404_and_never_a_file_from_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "not for you" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "DELETE"])
def test_other_methods_are_405(client: TestClient, method: str) -> None:
    answer = client.request(method, "/v1/collections")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert "GET" in answer.headers["allow"]


def test_one_feature_by_its_id_even_an_odd_one(client: TestClient, data: Path) -> None:
    for layer, number in (("communities", 3), ("flows", 0), ("unserved", 0)):  # ids with > : and #
        feature = stored(data, layer)[number]
        address = items(layer) + "/" + feature["id"].replace("#", "%23")
        assert {k: v for k, v in client.get(address).json().items() if k != "links"} == feature


def test_an_unchanged_answer_is_304_and_a_changed_file_is_not(client: TestClient, data: Path) -> None:
    for path in (items("zones"), items("zones") + "/z1", f"/v1/runs/{RUN}", "/assets/main.js", "/"):
        first = client.get(path)
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    tag = client.get(items("zones")).headers["etag"]
    assert client.get(items("zones", "limit=1")).headers["etag"] != tag
    path = data / RUN / "layers" / "zones.geojson"
    path.write_text(path.read_text(encoding="utf-8").replace("第1片区", "改名片区"), encoding="utf-8")
    changed = client.get(items("zones"), headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.json()["features"][0]["properties"]["name"] == "改名片区"


def test_big_answers_are_compressed_and_head_has_no_body(client: TestClient) -> None:
    assert client.get(items("communities"), headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    head = client.head(items("communities"))
    assert (head.status_code, head.content) == (200, b"")


def test_schemas_name_every_property_that_filters(client: TestClient) -> None:
    for layer in LAYERS:
        answer = client.get(f"/v1/collections/{RUN}__{layer}/schema")
        assert answer.headers["content-type"] == "application/schema+json"
        for name in answer.json()["properties"]["properties"]["properties"]:
            assert client.get(items(layer, f"{name}=1")).status_code in (200, 400)  # 400: a boolean is not 1
        assert answer.json()["properties"]["geometry"]["format"].startswith("geometry-")


def test_security_headers_stand_on_every_answer(client: TestClient) -> None:
    for path in ("/", "/v1", items("zones"), "/nowhere", f"/v1/runs/{RUN}/report"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src" not in client.get(f"/v1/runs/{RUN}/report").headers["content-security-policy"]
    assert "worker-src 'self' blob:" in client.get("/").headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example",
                                  "127.0.0.1@evil.example"])
def test_a_forged_host_never_comes_back_in_links(client: TestClient, host: str) -> None:
    answer = client.get("/v1/collections", headers={"host": host})
    assert answer.status_code == 200
    assert "evil" not in answer.text


def test_links_use_the_configured_address_or_the_loopback_name(data: Path) -> None:
    public = TestClient(create_app(ServeSettings(data=data, public_url="https://plans.example/net/")))
    assert public.get("/v1").json()["links"][0]["href"] == "https://plans.example/net/v1"
    local = TestClient(create_app(ServeSettings(data=data)), base_url="http://localhost:8123")
    assert local.get("/v1").json()["links"][0]["href"] == "http://localhost:8123/v1"


def test_an_unreadable_run_is_named_and_the_others_still_work(tmp_path: Path) -> None:
    build_small_run(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "plan.json").write_text('{"study": 1}', encoding="utf-8")
    (tmp_path / "empty").mkdir()
    client = TestClient(create_app(ServeSettings(data=tmp_path)), raise_server_exceptions=False)
    listed = client.get("/v1/runs").json()
    assert ([r["id"] for r in listed["runs"]], listed["unreadable"]) == (["good"], ["bad"])
    assert client.get("/v1/runs/bad").status_code == 409
    assert client.get("/v1/collections").status_code == 200


def test_a_data_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    client = TestClient(create_app(ServeSettings(data=tmp_path / "none")))
    assert client.get("/v1/runs").json()["runs"] == []
    assert client.get("/v1/collections").json()["collections"] == []
    assert client.get("/").status_code == 200


def test_starting_the_server_imports_no_heavy_package() -> None:
    import subprocess
    import sys
    code = ("import sys; from pathlib import Path; from service.api.app import create_app; import service.cli_serve\n"
            "from service.api.settings import ServeSettings; create_app(ServeSettings(data=Path('none')))\n"
            "print([m for m in ('geopandas', 'pandas', 'ortools', 'osmnx', 'shapely', 'scipy') if m in sys.modules])")
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
