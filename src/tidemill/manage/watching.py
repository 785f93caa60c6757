"""Watching a run: what it looks like now, asked of the database once a second however many watch.

In: a run's identifier. Out: the run and its progress, the same numbers that the command line shows. Called by the API.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from tidemill.models.progress import Progress
from tidemill.models.run import FINISHED_RUNS, Run
from tidemill.store import runs
from tidemill.store.engine import Store
from tidemill.store.progress import progress

_FRESH_S = 0.9
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """A run at one moment."""

    run: Run
    progress: Progress

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.run.state in FINISHED_RUNS


class Watch:
    """The looks of one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looks: dict[str, tuple[float, asyncio.Task[Look]]] = {}

    async def look(self, run_id: str) -> Look:
        """How the run is, at most a second ago. Raises `NotFound`."""
        asked, task = self._looks.get(run_id, (0.0, None))
        if task is None or task.cancelled() or time.monotonic() - asked > _FRESH_S:
            if len(self._looks) >= _MOST:
                self._looks.clear()
            task = asyncio.create_task(self._look(run_id), name="look at a run")
            self._looks[run_id] = (time.monotonic(), task)
        return await asyncio.shield(task)

    async def _look(self, run_id: str) -> Look:
        run = await runs.get(self._store, run_id)
        return Look(run, await progress(self._store, run))
