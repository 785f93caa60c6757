"""Runs the pipeline in processes of our own that can be killed.

Comes in: captures with their bytes; goes out: what the pipeline made of each, or the failure that befell it. Called by
`worker` and `jsonl`.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from types import TracebackType
from typing import Self

from tidemill.archive.extents import Extent
from tidemill.errors import Permanent, TidemillError
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.child import ChildOptions
from tidemill.process.handle import ChildHandle, Task
from tidemill.settings.tree import ProcessSettings

PIPELINE = "tidemill.process.pipeline:process"
PRELOAD = "tidemill.process.pipeline:preload"
ARCHIVED = "tidemill.process.archived:process"
FINISH = "tidemill.process.refinish:finish"

_MAX_HANDOVERS = 3
_MAX_FAILED_STARTS = 3
_QUEUED_PER_WORKER = 2
_CLOSE_TIMEOUT_S = 5.0
_START_PAUSE_S = 0.25


class WorkerPool:
    """`async with WorkerPool(settings) as pool: await pool.run(capture, body, rules)`, any number of calls at once.

    Tasks are begun in the order of the calls. Each worker holds one task besides the one it runs, so that it never
    waits for us. A worker that exceeds `timeout_s` on a task is killed; one that dies takes only its own task with it;
    both are replaced, and so is one that has done `recycle_after` tasks, or that a task has left swollen. Every worker
    dies with this process, and whatever it has started dies with the worker.

    `function` and `preload` name other things to run than the pipeline (`module:name`), for tests.
    """

    def __init__(self, settings: ProcessSettings, *, function: str = PIPELINE, preload: str = PRELOAD) -> None:
        self._settings = settings
        self._function = function
        self._options = ChildOptions(
            preload,
            settings.memory_mb,
            parent_pid=0,
            spacy_models=settings.spacy_models,
            min_entity_confidence=settings.min_entity_confidence,
        )
        self._waiting: deque[Task] = deque()
        self._children: set[ChildHandle] = set()
        self._keepers: set[asyncio.Task[None]] = set()
        self._spawned = asyncio.Event()
        self._starts = 0
        self._ready = asyncio.Event()
        self._failed_starts = 0
        self._broken: TidemillError | None = None
        self._closed = True
        self._numbers = 0
        self._rules_packed: tuple[ProcessRules | None, bytes] = None, b""

    async def __aenter__(self) -> Self:
        """Starts the workers and waits for the first. Raises `Permanent` if they cannot start."""
        await self.start()
        try:
            await self._ready.wait()
            if self._broken is not None:
                raise self._broken
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Starts the processes of the workers, without waiting for what they import; whoever calls it must `close`.

        For those who have something to do meanwhile, before they enter the block.
        """
        if self._closed:
            self._closed = False
            for _ in range(self._settings.workers):
                self._hire()
            await self._spawned.wait()

    async def run(self, capture: Capture, body: bytes, rules: ProcessRules) -> Processed | Failure:
        """What the pipeline makes of one capture, or why it could not.

        A failure's reason is `timeout`, `worker_died`, `out_of_memory` or `error`. Raises `Permanent` if workers cannot
        be started any more, and `RuntimeError` outside of the `async with` block.
        """
        calling = self._call(self._function, (capture, body), rules)
        del body  # what is sent is a copy; a large one is not kept twice
        return await calling

    async def read(self, capture: Capture, extent: Extent, rules: ProcessRules) -> Processed | Failure:
        """The same as `run` for a body that the worker reads by itself; the reason may be `child.UNREADABLE`, too."""
        return await self._call(ARCHIVED, (capture, extent), rules)

    async def finish(self, processed: Processed, capture: Capture, rules: ProcessRules) -> Processed | Failure:
        """The same drafts after all steps of the pipeline once more; fails as `run` does."""
        return await self._call(FINISH, (processed, capture), rules)

    async def _call(self, function: str, arguments: tuple[object, ...], rules: ProcessRules) -> Processed | Failure:
        if self._closed:
            raise RuntimeError("the worker pool is not open: use it inside its `async with` block")
        if self._broken is not None:
            raise self._broken
        self._numbers += 1
        payload = pickle.dumps((function, arguments, self._packed(rules)), pickle.HIGHEST_PROTOCOL)
        del arguments
        task = Task(self._numbers, payload, asyncio.get_running_loop().create_future())
        self._waiting.append(task)
        self._hand_out()
        return await task.result

    def _packed(self, rules: ProcessRules) -> bytes:
        """The rules as workers are sent them: packed, and unpacked there, once for all pages of a batch."""
        if rules is not self._rules_packed[0]:
            self._rules_packed = rules, pickle.dumps(rules, pickle.HIGHEST_PROTOCOL)
        return self._rules_packed[1]

    async def close(self) -> None:
        """Cancels what has not been answered and ends every worker, by force after 5 seconds."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().result.cancel()
        for child in self._children:
            child.dismiss()
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=_CLOSE_TIMEOUT_S)
        for child in self._children:
            child.kill()
        await asyncio.gather(*self._keepers)

    def _hire(self) -> None:
        keeper = asyncio.create_task(self._keep())
        self._keepers.add(keeper)
        keeper.add_done_callback(self._note_end_of_keeper)

    def _note_end_of_keeper(self, keeper: asyncio.Task[None]) -> None:
        self._keepers.discard(keeper)
        if not keeper.cancelled() and (fault := keeper.exception()) is not None:
            self._break(Permanent(f"the worker pool failed: {type(fault).__name__}: {fault}", reason="pool_failed"))

    async def _keep(self) -> None:
        """One worker from its start to its end; then hires the next one, unless the pool is closing."""
        try:
            child = await ChildHandle.start(self._options, self._settings.timeout_s, self._note_news)
        except OSError as error:
            self._note_start()
            await self._note_failed_start(f"{type(error).__name__}: {error}")
            return
        self._children.add(child)
        self._note_start()
        if self._closed:
            child.dismiss()
        try:
            await child.ended()
        finally:
            self._children.discard(child)
            await child.end()
            self._take_back(child)
        if not self._closed:
            await self._replace(child)

    def _note_start(self) -> None:
        """A process was started, or refused. Whoever waits for all of them waits for no more than one try each."""
        self._starts += 1
        if self._starts >= self._settings.workers:
            self._spawned.set()

    def _note_news(self, child: ChildHandle) -> None:
        if child.is_ready and not self._ready.is_set():
            self._ready.set()
        self._hand_out()

    async def _replace(self, child: ChildHandle) -> None:
        if child.is_ready:
            self._failed_starts = 0
            if not child.has_successor:
                self._hire()
        else:
            await self._note_failed_start(f"exit code {child.exit_code} before it was ready; see standard error")

    async def _note_failed_start(self, why: str) -> None:
        """Tries again a few times, each time a little later: memory or process numbers may be short for a moment."""
        self._failed_starts += 1
        if self._failed_starts < _MAX_FAILED_STARTS:
            await asyncio.sleep(_START_PAUSE_S * self._failed_starts)
            if not self._closed:
                self._hire()
            return
        message = f"worker processes cannot be started ({self._failed_starts} in a row failed, the last with {why})"
        self._break(Permanent(message, reason="workers_cannot_start"))

    def _break(self, error: Permanent) -> None:
        """Nothing more can be done: whoever waits is told."""
        self._broken = error
        self._spawned.set()
        self._ready.set()
        while self._waiting:
            task = self._waiting.popleft()
            if not task.result.done():
                task.result.set_exception(error)

    def _take_back(self, child: ChildHandle) -> None:
        """What a dead worker held goes back to the head of the line; what it had begun has failed."""
        if self._closed:
            child.cancel()
            return
        if (begun := child.begun) is not None:
            begun.settle(child.failure())
        for task in reversed(child.unbegun()):
            task.handovers += not child.is_spent_early  # nobody died of it
            if task.handovers >= _MAX_HANDOVERS:
                task.settle(child.failure())
            else:
                self._waiting.appendleft(task)
        self._hand_out()

    def _hand_out(self) -> None:
        """Gives each waiting task to the worker that holds least; one that a dead worker had held, to an idle worker.

        Such a task is begun at once then, and cannot be taken along by one neighbour after another.
        """
        while self._waiting and not self._closed:
            quota = self._settings.recycle_after
            at_once = 1 if self._waiting[0].handovers else _QUEUED_PER_WORKER
            open_to = [child for child in self._children if child.takes_tasks(quota, at_once)]
            if not open_to:
                break
            task = self._waiting.popleft()
            if not task.result.done():
                min(open_to, key=ChildHandle.load).give(task)
        for child in self._children:
            self._retire(child)

    def _retire(self, child: ChildHandle) -> None:
        """A worker at the end of its quota gets its successor while it still works, and goes when it has done."""
        if self._closed or not child.is_spent(self._settings.recycle_after):
            return
        if not child.has_successor:
            child.has_successor = True
            self._hire()
        if child.load() == 0:
            child.dismiss()
