"""The map page and its files, the landing page of the API, conformance, health."""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.api.answers import App, NoQuery, base_url, with_etag
from service.api.paging import link
from service.api.settings import PREFIX
from service.runs import NotFoundError
from service.texts import LANGUAGES, catalogue_bytes

router = APIRouter()
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml"}
MAP_LIBRARY = ("maplibre-gl.js", "maplibre-gl.css")
CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)


@router.get("/", include_in_schema=False)
def map_page(request: Request, app: App) -> Response:
    """The map; its query string belongs to the page."""
    del app
    body = (files("service") / "web" / "index.html").read_bytes()
    return with_etag(request, version_of(body), body, "text/html; charset=utf-8")


@router.get("/assets/{name}", include_in_schema=False)
def asset(request: Request, name: str) -> Response:
    """A file of the map page: its own modules and style, the text catalogues, the map library out of its package."""
    body, suffix = asset_bytes(name)
    return with_etag(request, version_of(body), body, MEDIA_TYPES[suffix])


def asset_bytes(name: str) -> tuple[bytes, str]:
    """Content and suffix of an asset; NotFoundError for a name that is none."""
    suffix = Path(name).suffix
    if name in [f"{language}.json" for language in LANGUAGES]:
        return catalogue_bytes(name.removesuffix(".json")), suffix
    if name in MAP_LIBRARY:
        return map_library_file(name).read_bytes(), suffix
    known = {entry.name: entry for entry in (files("service") / "web").iterdir()}
    if name not in known or suffix not in MEDIA_TYPES:
        raise NotFoundError(f"there is no asset '{name}'")
    return known[name].read_bytes(), suffix


def version_of(body: bytes) -> str:
    """A fingerprint of a body, the same in every process."""
    return hashlib.sha256(body).hexdigest()


def map_library_file(name: str) -> Path:
    """A file of MapLibre GL in the installed package `maplibre`, found without importing that package."""
    spec = importlib.util.find_spec("maplibre")
    if spec is None or spec.origin is None:
        raise NotFoundError("the Python package 'maplibre' is not installed")
    return Path(spec.origin).parent / "srcjs" / name


@router.get("/healthz", dependencies=[NoQuery], tags=["server"])
def health(app: App) -> dict[str, Any]:
    """Whether the server works, and how many results it sees."""
    return {"status": "ok", "runs": len(app.runs.names())}


@router.get(PREFIX, dependencies=[NoQuery], tags=["server"])
def landing(request: Request) -> dict[str, Any]:
    """Where everything is."""
    root = base_url(request) + PREFIX
    return {"title": "recynet", "description": "Recycling-network plans: results, layers, runs", "links": [
        link(root, "self", "application/json"),
        link(f"{root}/openapi.json", "service-desc", "application/vnd.oai.openapi+json;version=3.1"),
        link(f"{root}/conformance", "conformance", "application/json"),
        link(f"{root}/collections", "data", "application/json"),
        link(f"{root}/runs", "runs", "application/json"),
        link(f"{root}/studies", "studies", "application/json"),
        link(f"{root}/jobs", "jobs", "application/json"),
        link(base_url(request) + "/", "alternate", "text/html", "Map"),
    ]}


@router.get(f"{PREFIX}/conformance", dependencies=[NoQuery], tags=["server"])
def conformance() -> dict[str, Any]:
    """The conformance classes the layers follow."""
    return {"conformsTo": list(CONFORMS_TO)}
