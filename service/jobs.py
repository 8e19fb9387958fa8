"""Background runs: one operating-system process per run in its own session, so that a cancel frees the CPU.

A job is a folder <data>/.jobs/<id>: job.json (its record), progress.jsonl (written by the child), log.txt, and result/
until the run has ended well; then result/ becomes <data>/<id> in one rename. Results appear whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from service.runs import NotFoundError

State = Literal["accepted", "running", "successful", "failed", "dismissed"]
ENDED: frozenset[State] = frozenset({"successful", "failed", "dismissed"})
JOB_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
RUN_COMMAND = (sys.executable, "-c", "import sys; from service.cli import main; sys.exit(main())", "run")
LOG_LINES = 20
GRACE_S = 1.0


class QueueFullError(RuntimeError):
    """As many runs are waiting as the server allows."""


class JobRecord(BaseModel):
    """What is known of a job; stored as job.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    study: str
    overrides: tuple[str, ...] = ()
    state: State = "accepted"
    message: str | None = None
    faults: tuple[str, ...] = ()
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    pid: int | None = None


class Progress(BaseModel):
    """The last line a run wrote about itself; percent 0-100, money in CNY per year, gap as a share."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    phase: str | None = None
    percent: float | None = None
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    elapsed_s: float | None = None


class JobStore:
    """The jobs below one data folder; at most `running` at a time, further ones wait in order."""

    def __init__(self, data: Path, command: Sequence[str] = RUN_COMMAND, *, running: int = 1, waiting: int = 20,
                 limit_s: float = 6 * 3600.0) -> None:
        self._data, self._folder = data, data / ".jobs"
        self._command = tuple(command)
        self._slots, self._waiting_limit, self._limit_s = running, waiting, limit_s
        self._lock = threading.RLock()
        self._queue: deque[tuple[str, Path]] = deque()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._recover()

    def submit(self, name: str, study: Path, overrides: Sequence[str] = ()) -> JobRecord:
        """A new job for a study file; it starts at once or waits. QueueFullError when too many wait."""
        with self._lock:
            if len(self._queue) >= self._waiting_limit:
                raise QueueFullError(f"{len(self._queue)} runs are waiting already; try again later")
            now = datetime.now(UTC)
            job_id = f"{name[:36].lower()}_{now:%Y%m%d_%H%M%S}_{secrets.token_hex(3)}"
            record = JobRecord(id=job_id, study=name, overrides=tuple(overrides), created=now)
            (self._folder / job_id).mkdir(parents=True)
            self._write(record)
            self._queue.append((job_id, study))
            self._start_next()
            return self.job(job_id)

    def job(self, job_id: str) -> JobRecord:
        """The record of a job; NotFoundError when there is none."""
        path = self._folder / job_id / "job.json"
        if not JOB_ID.fullmatch(job_id) or not path.is_file():
            raise NotFoundError(f"there is no job '{job_id}'")
        return JobRecord.model_validate_json(path.read_bytes())

    def jobs(self) -> list[JobRecord]:
        """All jobs, the newest first."""
        found = [self.job(p.parent.name) for p in self._folder.glob("*/job.json") if JOB_ID.fullmatch(p.parent.name)]
        return sorted(found, key=lambda job: (job.created, job.id), reverse=True)

    def progress(self, job_id: str) -> Progress:
        """The latest progress a job reported, empty before the first."""
        lines = self.progress_lines(job_id)
        return Progress.model_validate(lines[-1]) if lines else Progress()

    def progress_lines(self, job_id: str) -> list[dict[str, Any]]:
        """Every progress line of a job so far; a line still being written, or not of the right form, is left out."""
        path = self._folder / job_id / "progress.jsonl"
        if not JOB_ID.fullmatch(job_id) or not path.is_file():
            return []
        complete, _, _ = path.read_bytes().rpartition(b"\n")
        found = []
        for line in complete.splitlines():
            try:
                found.append(Progress.model_validate_json(line).model_dump())
            except ValidationError:
                continue  # a child that writes something else must not take the status page down
        return found

    def cancel(self, job_id: str) -> JobRecord:
        """Dismiss a job: its process group is ended, what it wrote is removed. A job that has ended stays as it is."""
        record = self.job(job_id)
        with self._lock:
            if record.state in ENDED:
                return record
            self._queue = deque(entry for entry in self._queue if entry[0] != job_id)
            child = self._children.get(job_id)
            record = self._finish(job_id, "dismissed", "cancelled on request")
        if child is not None:
            _end(child)
        shutil.rmtree(self._folder / job_id / "result", ignore_errors=True)
        return record

    def close(self) -> None:
        """End all children; called when the server stops."""
        with self._lock:
            self._queue.clear()
            children = dict(self._children)
            for job_id in children:
                self._finish(job_id, "failed", "the server was stopped")
        for child in children.values():
            _end(child)

    # -- inside ---------------------------------------------------------------------------------------------

    def _start_next(self) -> None:
        """Start waiting jobs while slots are free; the lock is held."""
        while self._queue and len(self._children) < self._slots:
            job_id, study = self._queue.popleft()
            folder = self._folder / job_id
            record = self.job(job_id)
            command = [*self._command, str(study), "--out", str(folder / "result"),
                       "--progress-file", str(folder / "progress.jsonl")]
            for override in record.overrides:
                command += ["--set", override]
            try:
                with (folder / "log.txt").open("wb") as log:
                    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                             start_new_session=True)
            except OSError as error:
                self._finish(job_id, "failed", f"the run could not be started: {error.strerror}")
                continue
            self._children[job_id] = child
            self._write(record.model_copy(update={"state": "running", "pid": child.pid, "started": datetime.now(UTC)}))
            threading.Thread(target=self._watch, args=(job_id, child), daemon=True, name=f"watch {job_id}").start()

    def _watch(self, job_id: str, child: subprocess.Popen[bytes]) -> None:
        """Wait for a child, then record how it ended and start the next one."""
        try:
            code = child.wait(timeout=self._limit_s)
            message = None
        except subprocess.TimeoutExpired:
            _end(child)
            code, message = -1, f"ended by the server after {self._limit_s:.0f} s"
        with self._lock:
            self._children.pop(job_id, None)
            if self.job(job_id).state == "running":
                self._conclude(job_id, code, message)
            self._start_next()

    def _conclude(self, job_id: str, code: int, message: str | None) -> None:
        result = self._folder / job_id / "result"
        if code in (0, 1) and (result / "manifest.json").is_file():  # 1: a lawful result that serves nobody
            result.rename(self._data / job_id)
            self._finish(job_id, "successful", None)
            return
        shutil.rmtree(result, ignore_errors=True)
        self._finish(job_id, "failed", message or f"the run ended with exit code {code}", self._log_tail(job_id))

    def _finish(self, job_id: str, state: State, message: str | None, faults: tuple[str, ...] = ()) -> JobRecord:
        record = self.job(job_id).model_copy(update={
            "state": state, "message": message, "faults": faults, "finished": datetime.now(UTC)})
        self._write(record)
        return record

    def _log_tail(self, job_id: str) -> tuple[str, ...]:
        """The last lines the child printed that are no part of a traceback."""
        path = self._folder / job_id / "log.txt"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        if any(line.startswith("Traceback") for line in lines):
            return tuple(lines[-1:])
        return tuple(line for line in lines if line.strip())[-LOG_LINES:]

    def _write(self, record: JobRecord) -> None:
        """Replace job.json in one step, so that a reader never sees half of it."""
        path = self._folder / record.id / "job.json"
        draft = path.with_suffix(".part")
        draft.write_text(record.model_dump_json(indent=1), encoding="utf-8")
        draft.replace(path)

    def _recover(self) -> None:
        """After a crash of the server: end what still runs unwatched, and say so in its record."""
        for record in self.jobs() if self._folder.is_dir() else []:
            if record.state in ENDED:
                continue
            if record.pid is not None and _is_ours(record.pid, self._folder / record.id):
                _kill_group(record.pid, signal.SIGKILL)
            shutil.rmtree(self._folder / record.id / "result", ignore_errors=True)
            self._finish(record.id, "failed", "the server stopped while this run was not finished; start it again")


def override_texts(overrides: Mapping[str, str | int | float | bool]) -> list[str]:
    """Overrides as the command line takes them: dotted key, equals sign, JSON value (which is YAML too)."""
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in overrides.items()]


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and all it started: politely first, after a second for good."""
    _kill_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    _kill_group(child.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait()


def _kill_group(pid: int, number: int) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:  # Windows has no process groups of this kind
            os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # it has ended already


def _is_ours(pid: int, folder: Path) -> bool:
    """True when that process is still the run of this job folder (its pid may have been given to another one)."""
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
