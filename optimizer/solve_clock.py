"""The clock of a solve."""

from __future__ import annotations

import time


class SolveClock:
    """Seconds per phase, and whether the time limit bit."""

    def __init__(self, limit_s: float) -> None:
        self._begin = self._last = time.monotonic()
        self._limit_s = limit_s
        self.seconds: dict[str, float] = {}
        self.hit = False

    def mark(self, phase: str) -> None:
        """Count the time since the last mark to a phase."""
        now = time.monotonic()
        self.seconds[phase] = round(self.seconds.get(phase, 0.0) + now - self._last, 3)
        self._last = now

    def left_s(self) -> float:
        """Seconds until the limit, 0 at least; remembers when it was reached."""
        left = self._limit_s - (time.monotonic() - self._begin)
        if left <= 0.0:
            self.hit = True
        return max(left, 0.0)
