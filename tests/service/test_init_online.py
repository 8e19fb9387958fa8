"""`recynet init --place`: a local stub of Nominatim and Overpass gives the study of the file; offline is one line."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import pytest
import shapely
from typer.testing import CliRunner

from geodata.osm_download import download, tags_of
from geodata.osm_servers import Servers
from geodata.tables import DataError, has_errors
from service.checks import check_study
from service.cli import app
from service.init_config import load_init_config
from service.study import load_study
from tests.geodata.osm_area_town import OsmTown, degrees, small_town

WEST, SOUTH, EAST, NORTH = *degrees(-5, -5), *degrees(605, 605)


@dataclass
class Answers:
    """What the stub says, and what it was asked."""

    town: OsmTown
    status: int = 200
    remark: str | None = None
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    def nominatim(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        """One place with an outline, one without, nothing else."""
        name = query["q"][0]
        outline = {"Quadrata": shapely.box(WEST, SOUTH, EAST, NORTH), "Pointville": shapely.Point(WEST, SOUTH)}
        if name not in outline:
            return []
        return [{"place_id": 1, "osm_type": "relation", "osm_id": 7, "lat": str(SOUTH), "lon": str(WEST),
                 "display_name": f"{name}, Nowhere", "class": "boundary", "type": "administrative", "importance": 0.5,
                 "place_rank": 14, "addresstype": "city", "name": name,
                 "boundingbox": [str(SOUTH), str(NORTH), str(WEST), str(EAST)],
                 "geojson": shapely.geometry.mapping(outline[name])}]

    def overpass(self) -> dict[str, Any]:
        """Every element of the town."""
        said = {"version": 0.6, "generator": "stub", "elements": self.town.elements()}
        return said if self.remark is None else {**said, "remark": self.remark}


@dataclass(frozen=True)
class Stub:
    """A server on this machine."""

    url: str
    answers: Answers

    @property
    def options(self) -> list[str]:
        """Options of the command that lead to it."""
        return ["--overpass-url", f"{self.url}/api", "--nominatim-url", f"{self.url}/"]


@pytest.fixture
def stub() -> Iterator[Stub]:
    answers = Answers(small_town())

    class Handler(BaseHTTPRequestHandler):
        def answer(self, data: object) -> None:
            body = json.dumps(data).encode()
            self.send_response(answers.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            answers.asked.append((url.path, parse_qs(url.query)))
            self.answer(answers.nominatim(parse_qs(url.query)))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answers.asked.append((self.path, parse_qs(text)))
            self.answer(answers.overpass())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Stub(f"http://127.0.0.1:{server.server_address[1]}", answers)
    finally:
        server.shutdown()
        server.server_close()


def layers(folder: Path) -> dict[str, gpd.GeoDataFrame]:
    names = ("communities", "roads", "land", "zones", "water", "green", "points_of_interest")
    return {name: gpd.read_file(folder / "study.gpkg", layer=name).set_index("id").sort_index() for name in names}


def test_a_place_gives_the_study_that_its_file_gives(stub: Stub, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "online"), "--place", "Quadrata", *stub.options])
    assert result.exit_code == 0, result.output
    assert [path for path, _ in stub.answers.asked] == ["/search", "/api/interpreter"]
    file = small_town().write(tmp_path / "town.osm")
    box = f"{WEST!r},{SOUTH!r},{EAST!r},{NORTH!r}"
    from_file = ["init", str(tmp_path / "offline"), "--osm", str(file), "--bbox", box]
    assert CliRunner().invoke(app, from_file).exit_code == 0
    online, offline = layers(tmp_path / "online"), layers(tmp_path / "offline")
    for name, frame in offline.items():
        assert len(frame)
        assert list(online[name].index) == list(frame.index), name
        assert online[name].geometry.geom_equals(frame.geometry).all(), name
        columns = [c for c in frame.columns if c not in ("geometry", *(["name"] if name == "zones" else []))]
        assert online[name][columns].equals(frame[columns]), name


def test_a_study_of_a_place_has_no_error_and_names_its_licence(stub: Stub, tmp_path: Path) -> None:
    CliRunner().invoke(app, ["init", str(tmp_path / "s"), "--place", "Quadrata", *stub.options])
    study = load_study(tmp_path / "s" / "study.yaml")
    assert not has_errors(check_study(study, audit=True))
    assert any("OpenStreetMap contributors, ODbL" in line for line in study.attribution)
    assert study.title.en == "Quadrata recycling network"


def test_the_servers_can_be_named_by_environment(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECYNET_OVERPASS_URL", f"{stub.url}/api")
    monkeypatch.setenv("RECYNET_NOMINATIM_URL", stub.url)
    assert CliRunner().invoke(app, ["init", str(tmp_path / "s"), "--place", "Quadrata"]).exit_code == 0
    assert len(stub.answers.asked) == 2


def test_the_question_names_every_tag_that_means_something(stub: Stub) -> None:
    meanings = load_init_config().meanings()
    download("Quadrata", meanings, Servers(f"{stub.url}/api", stub.url))
    question = stub.answers.asked[1][1]["data"][0]
    for key, asked in tags_of(meanings).items():
        for value in asked if isinstance(asked, list) else []:
            assert f"['{key}'='{value}']" in question
        if asked is True:
            assert f"['{key}']" in question


def test_osmnx_keeps_its_own_settings(stub: Stub) -> None:
    from osmnx import settings

    look_up = socket.getaddrinfo
    before = {name: getattr(settings, name) for name in ("overpass_url", "nominatim_url", "use_cache",
                                                         "requests_kwargs", "doh_url_template")}
    download("Quadrata", load_init_config().meanings(), Servers(f"{stub.url}/api", stub.url))
    assert {name: getattr(settings, name) for name in before} == before
    assert socket.getaddrinfo is look_up


@pytest.mark.parametrize("place", ["Nowhere at all", "Pointville"])
def test_a_place_without_an_outline_is_one_line(stub: Stub, tmp_path: Path, place: str) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "s"), "--place", place, *stub.options])
    assert_one_line(result, "place_unknown")
    assert not (tmp_path / "s").exists()


def test_offline_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as probe:  # a port on which nobody listens
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    result = CliRunner().invoke(app, ["init", str(tmp_path / "s"), "--place", "Quadrata", "--overpass-url", url,
                                      "--nominatim-url", url])
    assert_one_line(result, "download_failed")
    assert url.removeprefix("http://") in result.output


@pytest.mark.parametrize(("status", "remark"), [(500, None), (200, "runtime error: Query timed out")])
def test_an_answer_with_holes_is_refused(stub: Stub, status: int, remark: str | None) -> None:
    meanings = load_init_config().meanings()
    stub.answers.status, stub.answers.remark = status, remark
    with pytest.raises(DataError) as error:
        download("Quadrata", meanings, Servers(f"{stub.url}/api", stub.url))
    assert [f.code for f in error.value.faults] == ["download_failed"]
    assert (remark or "500") in error.value.faults[0].title.en


def assert_one_line(result: Any, code: str) -> None:
    """Exit code 2 and one line with the code, in both languages the same place."""
    assert result.exit_code == 2
    assert f"[{code}]" in result.output
    assert "Traceback" not in result.output
    assert len([line for line in result.output.splitlines() if line.strip()]) == 1
