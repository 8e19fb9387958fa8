"""The application factory: parts, routes, errors and middleware put together, without module-level state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from service.api import errors, routes_collections, routes_jobs, routes_pages, routes_runs
from service.api.answers import Parts
from service.api.middleware import Guard
from service.api.settings import PREFIX, ServeSettings
from service.jobs import JobStore
from service.runs import RunStore
from service.texts import load_texts


def create_app(settings: ServeSettings) -> FastAPI:
    """The API and map page over one data folder."""
    parts = Parts(settings, RunStore(settings.data),
                  JobStore(settings.data, settings.run_command, running=settings.running_jobs,
                           waiting=settings.waiting_jobs), load_texts())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        parts.jobs.close()

    app = FastAPI(title="recynet", version=_version(), openapi_url=f"{PREFIX}/openapi.json", docs_url=None,
                  redoc_url=None, lifespan=lifespan, redirect_slashes=False)
    app.state.parts = parts
    for module in (routes_pages, routes_jobs, routes_runs, routes_collections):
        app.include_router(module.router)
    errors.register(app)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Guard, settings=settings)
    return app


def _version() -> str:
    try:
        return version("recynet")
    except PackageNotFoundError:
        return "0"
