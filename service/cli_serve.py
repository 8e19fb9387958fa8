"""`recynet serve`: the API and the map page of all results in a folder."""

from __future__ import annotations

from pathlib import Path

import uvicorn
from rich.console import Console

from service.api.app import create_app
from service.api.settings import ServeSettings, is_loopback


def serve(data: Path, host: str = "127.0.0.1", port: int = 8000, *, public_url: str | None = None,
          allow_runs: bool | None = None) -> None:
    """Serve until interrupted. Runs can be started over HTTP only on loopback, unless `allow_runs` says otherwise."""
    settings = ServeSettings(data=Path(data).resolve(), host=host, public_url=public_url, allow_runs=allow_runs)
    console = Console(stderr=True)
    shown = f"[{host}]" if ":" in host else host
    console.print(f"map  http://{shown}:{port}/\nAPI  http://{shown}:{port}/v1\ndata {settings.data}")
    if not is_loopback(host) and not settings.runs_allowed:
        console.print("open to other machines, without login: results can be read, runs cannot be started",
                      style="yellow")
    uvicorn.run(create_app(settings), host=host, port=port, log_level="warning", server_header=False)
