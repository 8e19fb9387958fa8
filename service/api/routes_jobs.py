"""Studies, and runs in the background: start one, watch it, cancel it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from service.api.answers import App, NoQuery, Parts, base_url, plain_json
from service.api.errors import BadStudyError, NotAllowedError
from service.api.paging import link
from service.api.schemas import RunRequest
from service.api.settings import PREFIX
from service.jobs import ENDED, JobRecord, override_texts
from service.runs import NotFoundError
from service.studies import OPEN_SECTIONS, find_study, list_studies, study_faults

router = APIRouter(prefix=PREFIX, tags=["jobs"], dependencies=[NoQuery])
POLL_S, KEEP_ALIVE_S = 0.25, 15.0


@router.get("/studies")
def studies(request: Request, app: App) -> dict[str, Any]:
    """The studies POST /v1/runs can start."""
    return {"studies": [{"name": s.name, "origin": s.origin, "title": s.title().model_dump()}
                        for s in list_studies(app.settings.data)],
            "runs_allowed": app.settings.runs_allowed,
            "links": [link(f"{base_url(request)}{PREFIX}/studies", "self", "application/json")]}


@router.post("/runs", status_code=201)
def start_run(request: Request, app: App, wanted: RunRequest) -> Response:
    """Start a run of a study; 201 with the job, whose address is in Location."""
    _allowed(app)
    entry = find_study(app.settings.data, wanted.study)
    closed = [key for key in wanted.overrides if key.split(".")[0] not in OPEN_SECTIONS]
    if closed:
        raise BadStudyError([f"override '{key}' is not open to requests; open: {', '.join(OPEN_SECTIONS)}"
                             for key in closed])
    overrides = override_texts(wanted.overrides)
    faults = study_faults(entry.path, overrides)
    if faults:
        raise BadStudyError(faults)
    record = app.jobs.submit(entry.name, entry.path, overrides)
    url = f"{base_url(request)}{PREFIX}/jobs/{record.id}"
    return plain_json(_job(app, record, base_url(request)), 201, {"location": url})


@router.get("/jobs")
def jobs(request: Request, app: App) -> Response:
    """All jobs, the newest first."""
    return plain_json({"jobs": [_job(app, record, base_url(request)) for record in app.jobs.jobs()]})


@router.get("/jobs/{job}")
def job(request: Request, app: App, job: str) -> Response:
    """State, phase, percent, objective, bound and gap of a job."""
    return plain_json(_job(app, app.jobs.job(job), base_url(request)))


@router.delete("/jobs/{job}")
def cancel(request: Request, app: App, job: str) -> Response:
    """Dismiss a job: its processes are ended and nothing of its result stays."""
    _allowed(app)
    return plain_json(_job(app, app.jobs.cancel(job), base_url(request)))


@router.get("/jobs/{job}/events")
async def events(request: Request, app: App, job: str) -> Response:
    """The job's progress as server-sent events; Last-Event-ID resumes after a broken connection."""
    await run_in_threadpool(app.jobs.job, job)
    resumed = request.headers.get("last-event-id", "")
    first = int(resumed) if resumed.isdigit() and len(resumed) < 9 else 0
    return StreamingResponse(_events(request, app, job, first, base_url(request)), media_type="text/event-stream",
                             headers={"cache-control": "no-store", "x-accel-buffering": "no"})


async def _events(request: Request, app: Parts, job_id: str, sent: int, root: str) -> AsyncIterator[str]:
    """One `progress` event per line the run writes, then one `end` event with the job as it ended."""
    quiet_s = 0.0
    while not await request.is_disconnected():
        try:
            record = await run_in_threadpool(app.jobs.job, job_id)
        except NotFoundError:
            return
        lines = await run_in_threadpool(app.jobs.progress_lines, job_id)
        for number, line in enumerate(lines[sent:], start=sent + 1):
            yield f"id: {number}\nevent: progress\ndata: {json.dumps(line)}\n\n"
        quiet_s = 0.0 if len(lines) > sent else quiet_s + POLL_S
        sent = max(sent, len(lines))
        if record.state in ENDED:
            yield f"event: end\ndata: {json.dumps(_job(app, record, root), ensure_ascii=False)}\n\n"
            return
        if quiet_s >= KEEP_ALIVE_S:
            quiet_s = 0.0
            yield ": still running\n\n"
        await asyncio.sleep(POLL_S)


def _allowed(app: Parts) -> None:
    if not app.settings.runs_allowed:
        raise NotAllowedError("this server is open to other machines and has no login: runs are started on it directly")


def _job(app: Parts, record: JobRecord, root: str) -> dict[str, Any]:
    """A job as the API shows it; links lead to the result once it is there."""
    url = f"{root}{PREFIX}/jobs/{record.id}"
    links = [link(url, "self", "application/json"), link(f"{url}/events", "monitor", "text/event-stream")]
    done = record.state == "successful"
    if done:
        links.append(link(f"{root}{PREFIX}/runs/{record.id}", "results", "application/json"))
    progress = app.jobs.progress(record.id).model_dump()
    if done:
        progress["percent"] = 100.0
    shown = record.model_dump(mode="json", exclude={"pid"})
    return {**shown, **progress, "run": record.id if done else None, "links": links}
