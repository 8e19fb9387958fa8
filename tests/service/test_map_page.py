"""The map page asks only its own server, names no tier, and has a text for everything it shows."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.routes_pages import MAP_LIBRARY, asset_bytes
from service.api.settings import ServeSettings
from service.palette import load_palette, street_rank
from service.texts import LANGUAGES, catalogue_bytes
from tests.service.small_run import TIERS

WEB = files("service") / "web"
MODULES = sorted(entry.name for entry in WEB.iterdir() if entry.name.endswith(".js"))
OWN = [*MODULES, "app.css", "index.html", "icon.svg", "palette.json"]


def source(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(create_app(ServeSettings(data=tmp_path)))


@pytest.mark.parametrize("name", OWN)
def test_our_files_name_no_other_host(name: str) -> None:
    text = source(name).replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text) == []


def test_every_file_the_page_names_is_served_with_its_type(client: TestClient) -> None:
    page = client.get("/")
    named = set(re.findall(r'(?:src|href)="(assets/[^"]+)"', page.text))
    for module in MODULES:
        named |= {f"assets/{name}" for name in re.findall(r'from "\./([^"]+)"', source(module))}
        named |= {f"assets/{name}" for name in re.findall(r"assets/([a-z_-]+\.(?:json|js|css))", source(module))}
    assert {f"assets/{module}" for module in MODULES} <= named
    types = {"js": "text/javascript", "css": "text/css", "json": "application/json", "svg": "image/svg+xml"}
    for address in named:
        answer = client.get(f"/{address}")
        assert answer.status_code == 200, address
        assert answer.headers["content-type"].split(";")[0] == types[address.rsplit(".", 1)[1]]


def test_the_map_library_comes_from_the_installed_package() -> None:
    script, style = (asset_bytes(name)[0] for name in MAP_LIBRARY)
    assert b"MapLibre GL JS" in script[:200]
    assert b".maplibregl-map" in style


def test_the_page_runs_under_its_policy_without_inline_code() -> None:
    page = source("index.html")
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\son[a-z]+=", page)
    for module in MODULES:
        assert "innerHTML" not in source(module)
        assert "eval(" not in source(module)


def test_no_module_knows_a_tier_a_material_or_a_study() -> None:
    for module in MODULES:
        for name in (*TIERS, "glass", "textiles", "hankou"):
            assert not re.search(rf"\b{name}\b", source(module)), (module, name)


def test_every_text_the_page_asks_for_exists_in_both_languages() -> None:
    catalogues = [json.loads(catalogue_bytes(language)) for language in LANGUAGES]
    asked = {key for module in MODULES for key in re.findall(r'(?:text|pair)\("([a-z_]+\.[a-z_]+)"', source(module))}
    assert len(asked) > 20
    for catalogue in catalogues:
        assert asked <= set(catalogue)
        assert {f"day.{n}" for n in range(1, 8)} <= set(catalogue)


def test_the_palette_has_a_colour_for_each_class() -> None:
    palette = load_palette()
    assert len(palette.capture_colours) == len(palette.capture_breaks) + 1
    low, second, *_, high = palette.capture_colours
    assert [palette.capture(share) for share in (0.0, 0.1, 0.55, 1.0)] == [low, second, high, high]
    assert palette.tier(len(palette.tiers)) == palette.tier(0)  # a chain of any length is drawn


@pytest.mark.parametrize(("highway", "rank"), [
    ("primary_link", "major"), ("['secondary', 'tertiary']", "middle"), ("residential", "minor"), (None, "minor")])
def test_streets_are_ranked_by_class(highway: object, rank: str) -> None:
    assert street_rank(highway) == rank
