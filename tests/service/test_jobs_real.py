"""A run started over HTTP is the run of the command line: it tells its progress and its result is served at once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.settings import ServeSettings
from service.jobs import ENDED
from tests.service.tiny_town import TinyTown


@pytest.fixture
def client(tmp_path: Path) -> Any:
    TinyTown(tmp_path / "studies" / "tiny_town").write()
    with TestClient(create_app(ServeSettings(data=tmp_path))) as client:
        yield client


def ended(client: TestClient, job: str) -> dict[str, Any]:
    """The job once it has ended."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        found = dict(client.get(f"/v1/jobs/{job}").json())
        if found["state"] in ENDED:
            return found
        time.sleep(0.1)
    raise AssertionError(f"job {job} did not end")


def test_a_real_run_reports_and_its_result_appears(client: TestClient) -> None:
    quick = {"solve.iterations": 20, "routing.iterations": 5}
    answer = client.post("/v1/runs", json={"study": "tiny_town", "overrides": quick})
    assert answer.status_code == 201, answer.text
    job = ended(client, answer.json()["id"])
    assert job["state"] == "successful", job
    assert (job["phase"], job["percent"]) == ("done", 100)
    plan = client.get(f"/v1/runs/{job['run']}").json()
    assert (job["objective"], job["bound"], job["gap"]) == (
        plan["objective_cny_per_year"], plan["bound_cny_per_year"], plan["gap"])
    assert job["bound"] <= job["objective"]
    lines = client.get(f"/v1/jobs/{job['id']}/events").text.splitlines()
    phases = [json.loads(line.removeprefix("data: "))["phase"] for line in lines if line.startswith("data: ")]
    assert phases[0] == "reading"
    assert {"ground", "siting", "routing", "publishing"} <= set(phases)
    assert "<h1>" in client.get(f"/v1/runs/{job['run']}/report").text
    untitled = [name for name, kpi in plan["kpis"].items() if kpi["title"]["zh"].isascii()]
    assert untitled == []


def test_a_cancelled_real_run_leaves_nothing(client: TestClient, tmp_path: Path) -> None:
    job = client.post("/v1/runs", json={"study": "tiny_town", "overrides": {"solve.iterations": 200_000}}).json()["id"]
    deadline = time.monotonic() + 60
    while not client.get(f"/v1/jobs/{job}").json()["percent"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.delete(f"/v1/jobs/{job}").json()["state"] == "dismissed"
    assert client.get("/v1/runs").json()["runs"] == []
    assert not (tmp_path / ".jobs" / job / "result").exists()
