"""Background runs over HTTP: they report, appear whole or not at all, and a cancel ends every process they started."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.settings import ServeSettings
from service.jobs import ENDED, JobStore
from tests.service.small_run import build_small_run

STAND_IN = '''
import json, shutil, subprocess, sys, time
from pathlib import Path
out, progress = Path(sys.argv[sys.argv.index("--out") + 1]), Path(sys.argv[sys.argv.index("--progress-file") + 1])
seed = next(a.split("=")[1] for a in sys.argv if a.startswith("solve.seed="))
with progress.open("a") as file:
    for percent in (10, 60):
        line = {"phase": "siting", "percent": percent, "objective": 3.0, "bound": 2.0, "gap": 0.1, "elapsed_s": 1.0}
        file.write(json.dumps(line) + "\\n")
    file.write("not json\\n" + json.dumps({"phase": "half a line"})[:9])
if seed == "1":
    shutil.copytree(Path(__file__).parent / "template", out)
elif seed == "2":
    out.mkdir()
    (out / "half.txt").write_text("half a result")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (Path(__file__).parent / "pids").write_text(f"{child.pid}")
    time.sleep(60)
elif seed == "3":
    print("error [key_unknown] study.yaml: unknown key 'x'")
    sys.exit(2)
else:
    raise RuntimeError("a secret path /srv/private/x")
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
    build_small_run(tmp_path / "template")
    return tmp_path


def settings_of(folder: Path, **changes: Any) -> ServeSettings:
    return ServeSettings(data=folder / "out", run_command=(sys.executable, str(folder / "stand_in.py")), **changes)


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings_of(folder)), raise_server_exceptions=False) as client:
        yield client


def start(client: TestClient, seed: int) -> dict[str, Any]:
    answer = client.post("/v1/runs", json={"study": "hankou", "overrides": {"solve.seed": seed}})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(f"/v1/jobs/{answer.json()['id']}")
    return dict(answer.json())


def wait_for(client: TestClient, job: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found = client.get(f"/v1/jobs/{job}").json()
        if found["state"] == state:
            return dict(found)
        assert found["state"] not in ENDED, found
        time.sleep(0.02)
    raise AssertionError(f"job {job} did not become {state}")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split(")")[-1].split()[0] != "Z"
    except OSError:
        return False


def test_a_run_that_ends_well_becomes_a_result(client: TestClient, folder: Path) -> None:
    job = wait_for(client, start(client, 1)["id"], "successful")
    assert (job["percent"], job["phase"], job["objective"], job["bound"], job["gap"]) == (100, "siting", 3, 2, 0.1)
    assert client.get(f"/v1/runs/{job['run']}").json()["study"] == "small"
    assert [r["id"] for r in client.get("/v1/runs").json()["runs"]] == [job["id"]]
    assert not (folder / "out" / ".jobs" / job["id"] / "result").exists()


def test_events_tell_every_step_and_the_end(client: TestClient) -> None:
    job = start(client, 1)["id"]
    text = client.get(f"/v1/jobs/{job}/events").text
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    assert [(e["event"], e.get("id")) for e in events] == [("progress", "1"), ("progress", "2"), ("end", None)]
    assert [json.loads(e["data"])["percent"] for e in events] == [10, 60, 100]
    resumed = client.get(f"/v1/jobs/{job}/events", headers={"last-event-id": "1"}).text
    assert "id: 1\n" not in resumed
    assert "id: 2\n" in resumed


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_cancel_ends_all_processes_and_leaves_nothing(client: TestClient, folder: Path) -> None:
    job = start(client, 2)["id"]
    pids = folder / "pids"
    while not pids.is_file() or not pids.read_text():
        time.sleep(0.02)
    grandchild = int(pids.read_text())
    assert is_alive(grandchild)
    begun = time.monotonic()
    answer = client.delete(f"/v1/jobs/{job}")
    assert time.monotonic() - begun < 2.0
    assert answer.json()["state"] == "dismissed"
    time.sleep(0.1)
    assert not is_alive(grandchild)
    assert client.get("/v1/runs").json()["runs"] == []
    assert not (folder / "out" / ".jobs" / job / "result").exists()
    assert client.delete(f"/v1/jobs/{job}").json()["state"] == "dismissed"
    wait_for(client, start(client, 1)["id"], "successful")  # the slot is free again


def test_a_run_that_fails_says_why_without_a_traceback(client: TestClient) -> None:
    bad = wait_for(client, start(client, 3)["id"], "failed")
    assert bad["faults"] == ["error [key_unknown] study.yaml: unknown key 'x'"]
    broken = wait_for(client, start(client, 4)["id"], "failed")
    assert "Traceback" not in json.dumps(broken)
    assert client.get("/v1/runs").json()["runs"] == []


def test_one_runs_at_a_time_and_the_queue_has_an_end(folder: Path) -> None:
    with TestClient(create_app(settings_of(folder, waiting_jobs=1))) as client:
        first, second = start(client, 2)["id"], start(client, 1)["id"]
        assert client.get(f"/v1/jobs/{second}").json()["state"] == "accepted"
        full = client.post("/v1/runs", json={"study": "hankou", "overrides": {"solve.seed": 1}})
        assert (full.status_code, full.headers["retry-after"]) == (429, "30")
        client.delete(f"/v1/jobs/{first}")
        wait_for(client, second, "successful")


@pytest.mark.parametrize(("body", "status"), [
    ({"study": "none"}, 404), ({"study": "../hankou"}, 422), ({"study": "hankou", "extra": 1}, 422),
    ({}, 422), ([], 422),
    ({"study": "hankou", "overrides": {"solve.gapp": 1}}, 422),
    ({"study": "hankou", "overrides": {"solve.gap": "x"}}, 422),
    ({"study": "hankou", "overrides": {"inputs.roads.path": "/etc/passwd"}}, 422),
    ({"study": "hankou", "overrides": {"network": "../../x"}}, 422),
    ({"study": "hankou", "overrides": {"solve.seed=1 --out /tmp/x": 1}}, 422),
    ({"study": "hankou", "overrides": {"rules.0": "--help"}}, 422),
    ({"study": "hankou", "overrides": {"solve": None}}, 422),
])
def test_what_cannot_run_is_refused_before_it_starts(client: TestClient, body: Any, status: int) -> None:
    answer = client.post("/v1/runs", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_every_fault_of_a_study_has_its_own_line(client: TestClient) -> None:
    wrong = {"solve.gapp": 1, "access.share": 7, "year": "soon"}
    faults = client.post("/v1/runs", json={"study": "hankou", "overrides": wrong}).json()["faults"]
    assert len(faults) == 3
    for key in ("gapp", "share", "year"):
        assert any(key in line for line in faults)


def test_bodies_are_limited_typed_and_plain(client: TestClient) -> None:
    json_type = {"content-type": "application/json"}
    assert client.post("/v1/runs", content=b"x" * 2_000_000, headers=json_type).status_code == 413
    chunks = (b"x" * 300_000 for _ in range(5))
    assert client.post("/v1/runs", content=chunks, headers=json_type).status_code == 413
    assert client.post("/v1/runs", content=b"{", headers=json_type).status_code == 400
    assert client.post("/v1/runs", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/v1/runs", content=b"{}", headers={**json_type, "content-encoding": "gzip"}).status_code == 415


def test_runs_are_closed_where_anybody_could_start_them(folder: Path, client: TestClient) -> None:
    body = {"study": "hankou", "overrides": {}}
    assert client.post("/v1/runs", json=body, headers={"host": "evil.example"}).status_code == 403
    with TestClient(create_app(settings_of(folder, host="0.0.0.0"))) as open_client:
        assert open_client.post("/v1/runs", json=body).status_code == 403
        assert open_client.get("/v1/studies").json()["runs_allowed"] is False


def test_after_a_crash_of_the_server_nothing_runs_unwatched(folder: Path) -> None:
    data, command = folder / "out", settings_of(folder).run_command
    crashed = JobStore(data, command)
    job = crashed.submit("hankou", folder / "study.yaml", ["solve.seed=2"])
    assert job.state == "running"
    assert job.pid is not None
    while not (folder / "pids").is_file():
        time.sleep(0.02)
    fresh = JobStore(data, command)  # as if the first store had died with its server
    assert fresh.job(job.id).state == "failed"
    time.sleep(0.2)
    assert not is_alive(job.pid)
    assert fresh.jobs()[0].message is not None
