"""Times the phases of a run and says where the work stands."""

from __future__ import annotations

import time
from collections.abc import Callable

from optimizer.siting import Progress

Watch = Callable[[Progress], None]


class Stopwatch:
    """Times the phases and passes news on as shares of the whole run; what is known of the plan stays known."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._phase, self._since = watch, "", time.monotonic()
        self._seconds: dict[str, float] = {}
        self._known: tuple[float | None, float | None, float | None] = (None, None, None)

    def begin(self, phase: str, share: float, objective: float | None = None, bound: float | None = None,
              gap: float | None = None) -> None:
        """End the phase before and begin another at a share of the whole, with figures in CNY per year if new."""
        now = time.monotonic()
        if self._phase:
            self._seconds[self._phase] = round(now - self._since, 3)
        self._phase, self._since = phase, now
        self._known = tuple(new if new is not None else old  # type: ignore[assignment]
                            for new, old in zip((objective, bound, gap), self._known, strict=True))
        self._watch(Progress(phase, share, *self._known))

    def seconds(self) -> dict[str, float]:
        """Seconds by phase, of those that have ended."""
        return dict(self._seconds)

    def within(self, low: float, high: float) -> Watch:
        """A watch for a part of the run that reports shares of its own."""
        def passed(news: Progress) -> None:
            self._known = (news.objective_cny_per_year, news.bound_cny_per_year, news.gap)
            self._watch(Progress(news.phase, low + (high - low) * news.share_done, *self._known))
        return passed

    def steps(self, low: float, high: float) -> Callable[[int, int], None]:
        """A counter (done, of how many) for the routing part of the run."""
        return lambda done, most: self._watch(
            Progress("routing", low + (high - low) * done / max(most, 1), *self._known))
