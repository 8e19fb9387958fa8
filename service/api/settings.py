"""What the server is told when it is made: where results lie, how it is reached, what it allows."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from service.jobs import RUN_COMMAND

PREFIX = "/v1"
DEFAULT_LIMIT, MAX_LIMIT = 1000, 10_000


@dataclass(frozen=True)
class ServeSettings:
    """Settings of one application."""

    data: Path
    """Folder of run folders; it need not exist yet."""
    host: str = "127.0.0.1"
    public_url: str | None = None
    """Address other machines use; links are made from it, never from a foreign Host header."""
    run_command: tuple[str, ...] = RUN_COMMAND
    allow_runs: bool | None = None
    """Whether runs may be started and cancelled over HTTP; None: only when bound to this machine alone."""
    max_body_bytes: int = 1_000_000
    running_jobs: int = 1
    waiting_jobs: int = 20

    @property
    def runs_allowed(self) -> bool:
        """There is no login, so starting runs is for the machine itself unless somebody decided otherwise."""
        return is_loopback(self.host) if self.allow_runs is None else self.allow_runs


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses, and for names that only this network can resolve (no dot)."""
    name = host.strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return "." not in name or name == "localhost"
