"""The one table from exceptions to problem documents (RFC 9457). Nothing else decides a status code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from service.jobs import QueueFullError
from service.runs import NotFoundError, UnreadableRunError

PROBLEM = "application/problem+json"
Handler = Callable[[Request, Exception], Awaitable[Response]]


class BadQueryError(ValueError):
    """A query parameter that is unknown or has a value it cannot have."""


class BadStudyError(ValueError):
    """A study or override that cannot be run; one line per fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"the study has {len(self.faults)} fault(s)")


class NotAllowedError(PermissionError):
    """Something this server is not set up to do for this caller."""


STATUS_OF: Mapping[type[Exception], tuple[int, str]] = {
    BadQueryError: (400, "bad-query"),
    BadStudyError: (422, "bad-study"),
    NotAllowedError: (403, "not-allowed"),
    NotFoundError: (404, "not-found"),
    UnreadableRunError: (409, "unreadable-run"),
    QueueFullError: (429, "queue-full"),
}


def problem(status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None,
            **members: Any) -> JSONResponse:
    """A problem document; `kind` becomes a stable relative type URI."""
    body = {"type": f"/v1/problems/{kind}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
            **members}
    return JSONResponse(body, status, dict(headers or {}), media_type=PROBLEM)


def register(app: FastAPI) -> None:
    """Install the table and the handlers of what the framework raises itself."""
    for exception, (status, kind) in STATUS_OF.items():
        app.add_exception_handler(exception, _of_table(status, kind))
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unforeseen)


def _of_table(status: int, kind: str) -> Handler:
    async def answer(_: Request, error: Exception) -> Response:
        faults = getattr(error, "faults", None)
        members = {"faults": list(faults)} if faults else {}
        headers = {"Retry-After": "30"} if status == 429 else None
        return problem(status, kind, str(error), headers, **members)
    return answer


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type"}
    details = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not possible here"}
    return problem(error.status_code, kinds.get(error.status_code, "http"),
                   details.get(error.status_code, str(error.detail)), error.headers)


async def _validation(_: Request, error: Exception) -> Response:
    """Faults of the query are 400, of the body 422; each with a JSON pointer to its place."""
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if faults[0]["type"] == "json_invalid":
        return problem(400, "bad-json", f"the body is no JSON: {faults[0].get('ctx', {}).get('error', '')}")
    in_body = any(fault["loc"][:1] == ("body",) for fault in faults)
    errors = [{"pointer": "/" + "/".join(str(step) for step in fault["loc"][1:]), "detail": fault["msg"]}
              for fault in faults]
    detail = "; ".join(f"{e['pointer'].lstrip('/') or 'body'}: {e['detail']}" for e in errors)
    return problem(422 if in_body else 400, "bad-body" if in_body else "bad-query", detail, errors=errors)


async def _unforeseen(_: Request, error: Exception) -> Response:
    """Nothing of the inside leaves the server; the log has the trace."""
    del error
    return problem(500, "internal", "the server failed to answer this request; its log says why")
