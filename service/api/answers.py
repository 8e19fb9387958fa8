"""What several routes share: the state of the application, its own address, answers with an ETag."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from service.api.errors import BadQueryError
from service.api.settings import ServeSettings
from service.jobs import JobStore
from service.runs import RunStore, file_stamp
from service.texts import Texts

GEOJSON = "application/geo+json"
_LOOPBACK_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?")
REPORT_POLICY = ("default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
                 "frame-ancestors 'none'")
"""The report is one file with its style inside and no script at all."""


@dataclass(frozen=True)
class Parts:
    """What one application works with."""

    settings: ServeSettings
    runs: RunStore
    jobs: JobStore
    texts: Texts


def parts_of(request: Request) -> Parts:
    """The parts of the application that answers a request."""
    return cast(Parts, request.app.state.parts)


def no_query(request: Request) -> None:
    """BadQueryError when a request carries a parameter its route does not know."""
    if request.query_params:
        raise BadQueryError(f"unknown parameter '{next(iter(request.query_params))[:60]}'; this address takes none")


App = Annotated[Parts, Depends(parts_of)]
NoQuery = Depends(no_query)


def base_url(request: Request) -> str:
    """Address links start with: the configured one, the loopback name the caller used, else the socket's own.

    The Host header of a request is never repeated otherwise: anybody can forge it.
    """
    settings = parts_of(request).settings
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    scheme, host = request.scope.get("scheme", "http"), request.headers.get("host", "")
    if _LOOPBACK_HOST.fullmatch(host):
        return f"{scheme}://{host}"
    server = request.scope.get("server") or (settings.host, None)
    usual = (None, 443 if scheme == "https" else 80)
    return f"{scheme}://{server[0]}" + ("" if server[1] in usual else f":{server[1]}")


def with_etag(request: Request, tag: str, body: Any, media_type: str = "application/json") -> Response:
    """An answer that a client may keep and ask about again: 304 when `tag` is the version it has.

    `body` is bytes, or anything JSON can write, or a function that returns one of them (called only when needed).
    """
    etag = f'W/"{hashlib.sha256(tag.encode()).hexdigest()[:24]}"'
    headers = {"etag": etag, "cache-control": "no-cache", "vary": "Accept-Encoding"}
    known = [t.strip() for t in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    content = body() if callable(body) else body
    if not isinstance(content, bytes):
        content = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, headers=headers, media_type=media_type)


def file_answer(request: Request, path: Path, media_type: str, download: str | None = None) -> Response:
    """A file with its version as ETag."""
    etag = 'W/"{:x}-{:x}"'.format(*file_stamp(path))
    headers = {"etag": etag, "cache-control": "no-cache"}
    if etag in [t.strip() for t in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    if path.name == "report.html":
        headers["content-security-policy"] = REPORT_POLICY
    return FileResponse(path, headers=headers, media_type=media_type, filename=download)


def plain_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """A JSON answer that changes all the time and is not kept."""
    return JSONResponse(content, status, {"cache-control": "no-store", **(headers or {})})
