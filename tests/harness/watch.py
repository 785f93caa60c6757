"""Waiting for a moment in the middle of a run, seen from outside: in the database, or among the processes."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
from tests.harness.books import Books
from tests.harness.command import Running

_EVERY_S = 0.01


def until(condition: Callable[[], bool], *, timeout_s: float = 30.0, what: str = "the condition") -> None:
    """Wait for a condition; fail if it does not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s} s"
        time.sleep(_EVERY_S)


def until_progress(running: Running, books: Books, fraction: float, of: int, *, timeout_s: float = 30.0) -> bool:
    """Wait until so much of the latest run's work is done; False if the command has ended before.

    Fetching a page is half of its work and processing it the other half; `of` is the number of pages of the whole run.
    """
    deadline = time.monotonic() + timeout_s
    while running.alive:
        if progress(books) >= fraction * of:
            return True
        assert time.monotonic() < deadline, f"no progress to {fraction:.2f}\n{running.kill_group()}"
        time.sleep(_EVERY_S)
    return False


def progress(books: Books) -> float:
    """How many pages of the latest run are done, those that are only fetched counted half."""
    if not books.begun:
        return 0.0
    latest = "run_id = (SELECT id FROM runs ORDER BY created_at DESC LIMIT 1)"
    try:
        done = books.count("visits", f"state = 'done' AND {latest}")
        return done + books.count("visits", f"state = 'captured' AND {latest}") / 2
    except books.no_tables:
        return 0.0


def children(pid: int) -> list[psutil.Process]:
    """The processes that a process has started, and theirs."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def all_gone(processes: list[psutil.Process], *, timeout_s: float = 3.0) -> bool:
    """Whether all of these processes end in time (a zombie that nobody has waited for has ended)."""
    deadline = time.monotonic() + timeout_s
    while any(_lives(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_EVERY_S)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
