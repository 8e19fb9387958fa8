"""Worker processes for station-days: answers in order, the same whatever their number."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait

from optimizer.vehicle_days import DayAnswer, DayTask, solve_day

DaySolver = Callable[[Sequence[DayTask]], Iterator[DayAnswer]]


@contextmanager
def day_solver(processes: int) -> Iterator[DaySolver]:
    """A function that yields the answers of station-days in order, computed by some worker processes."""
    # a daemonic process may not have children; the answers are the same without them
    if processes <= 1 or multiprocessing.current_process().daemon:
        yield lambda tasks: map(solve_day, tasks)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"),
                             initializer=_end_with_parent) as pool:
        yield lambda tasks: pool.map(solve_day, tasks)


def _end_with_parent() -> None:
    """Let a worker end when its parent is killed, which leaves the parent no time to say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
