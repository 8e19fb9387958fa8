"""The layers as OGC API Features collections <run>__<layer>: pages of features, one feature, its schema."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.api.answers import GEOJSON, App, NoQuery, Parts, base_url, with_etag
from service.api.paging import PageQuery, link, page_links, parse_page
from service.api.settings import DEFAULT_LIMIT, MAX_LIMIT, PREFIX
from service.layer_index import LayerIndex
from service.runs import NotFoundError, Run, file_stamp

router = APIRouter(prefix=f"{PREFIX}/collections", tags=["collections"])
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
SCHEMA_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/schema"
QUERYABLES_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/queryables"


@router.get("", dependencies=[NoQuery])
def collections(request: Request, app: App) -> dict[str, Any]:
    """Every layer of every readable run."""
    root = base_url(request) + PREFIX
    found = [_description(app, run, layer, root) for run in app.runs.runs()[0] for layer in run.layer_names()]
    return {"collections": found, "links": [link(f"{root}/collections", "self", "application/json")]}


@router.get("/{collection}", dependencies=[NoQuery])
def collection(request: Request, app: App, collection: str) -> dict[str, Any]:
    """One layer: title, extent, links."""
    run, layer = app.runs.split_collection(collection)
    return _description(app, run, layer, base_url(request) + PREFIX)


@router.get("/{collection}/schema", dependencies=[NoQuery])
@router.get("/{collection}/queryables", dependencies=[NoQuery])
def schema(request: Request, app: App, collection: str) -> Response:
    """JSON Schema of the features; every property in it may be used as ?property=value."""
    run, layer = app.runs.split_collection(collection)
    url = base_url(request) + request.url.path
    document = {"$id": url, **app.runs.schema(run, layer).document}
    return with_etag(request, json.dumps(document), document, "application/schema+json")


_PARAMETERS = [{"name": name, "in": "query", "required": False, "schema": schema, "description": text}
               for name, schema, text in (
    ("bbox", {"type": "string"}, "west,south,east,north in degrees (WGS 84)"),
    ("limit", {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}, f"clipped to {MAX_LIMIT}"),
    ("offset", {"type": "integer", "minimum": 0, "default": 0}, "features to pass over"),
    ("datetime", {"type": "string"}, "RFC 3339; no layer has time, so every feature matches"))]


@router.get("/{collection}/items", openapi_extra={"parameters": _PARAMETERS})
def items(request: Request, app: App, collection: str) -> Response:
    """A page of features: bbox, limit (1000, at most 10000), offset, datetime and ?property=value."""
    run, layer = app.runs.split_collection(collection)
    page = parse_page(request.query_params.multi_items(), app.runs.schema(run, layer))
    url = f"{base_url(request)}{PREFIX}/collections/{collection}/items"
    tag = f"{file_stamp(run.layer_path(layer))} {url}?{request.url.query}"
    return with_etag(request, tag, lambda: _page(app, run, layer, page, url, dict(request.query_params)), GEOJSON)


@router.get("/{collection}/items/{feature}", dependencies=[NoQuery])
def item(request: Request, app: App, collection: str, feature: str) -> Response:
    """One feature by its id."""
    run, layer = app.runs.split_collection(collection)
    found = app.runs.layer(run, layer).one(feature)
    if found is None:
        raise NotFoundError(f"collection '{collection}' has no feature '{feature[:80]}'")
    root = f"{base_url(request)}{PREFIX}/collections/{collection}"
    links = json.dumps([link(f"{root}/items/{feature}", "self", GEOJSON), link(root, "collection", "application/json")])
    tag = f"{file_stamp(run.layer_path(layer))} {root} {feature}"
    return with_etag(request, tag, found[:-1] + b',"links":' + links.encode() + b"}", GEOJSON)


def _page(app: Parts, run: Run, layer: str, page: PageQuery, url: str, query: dict[str, str]) -> bytes:
    """The body of a page: features as they are stored, joined as bytes."""
    index: LayerIndex = app.runs.layer(run, layer)
    chosen = index.select(page.boxes, page.equal)
    shown = chosen[page.offset:page.offset + page.limit]
    head: dict[str, Any] = {
        "type": "FeatureCollection", "numberMatched": len(chosen), "numberReturned": len(shown),
        "links": [*page_links(url, query, page, len(chosen)),
                  link(url.removesuffix("/items"), "collection", "application/json")],
        "attribution": index.head.attribution}
    if index.head.estimated:
        head["estimated"] = index.head.estimated
    start = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    return start + b',"features":[' + b",".join([index.encoded[n] for n in shown]) + b"]}"


def _description(app: Parts, run: Run, layer: str, root: str) -> dict[str, Any]:
    title = run.layer_title(layer, app.texts)
    plan = run.plan.title
    url = f"{root}/collections/{run.name}__{layer}"
    bbox = app.runs.layer_bbox(run, layer)
    return {
        "id": f"{run.name}__{layer}",
        "title": f"{title.zh} · {title.en}" + (f" ({plan.zh} · {plan.en})" if plan else f" ({run.name})"),
        "description": "; ".join([*run.plan.attribution, *(e.en for e in run.plan.estimated)]),
        "itemType": "feature", "crs": [CRS84], "storageCrs": CRS84,
        **({"extent": {"spatial": {"bbox": [bbox], "crs": CRS84}}} if bbox else {}),
        "links": [
            link(url, "self", "application/json"), link(f"{url}/items", "items", GEOJSON, title.en),
            link(f"{url}/schema", "describedby", "application/schema+json"),
            link(f"{url}/schema", SCHEMA_RELATION, "application/schema+json"),
            link(f"{url}/queryables", QUERYABLES_RELATION, "application/schema+json"),
            link(f"{root}/runs/{run.name}", "about", "application/json"),
        ]}
