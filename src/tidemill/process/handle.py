"""One worker process as the pool sees it: its pipe, the tasks it holds, its deadline, its end.

Comes in: tasks; goes out: their results. Called by `pool` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Self

import orjson

from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.process.child import MAX_RESULT_BYTES, ChildOptions
from tidemill.process.deadline import Deadline
from tidemill.process.failures import describe
from tidemill.process.frames import FrameReader, Kind, pack

_START_TIMEOUT_S = 120.0
_LOOK_S = 0.5
# The child gets our search path and the way in; everything else it reads from its input.
_BOOT = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given['path']; "
    "from tidemill.process.child import ChildOptions, main; main(ChildOptions(**given['options']))"
)


@dataclass(slots=True, eq=False)
class Task:
    """One call of `run`. `handovers` counts the workers that died with it in their hands before they began it."""

    number: int
    payload: bytes
    result: asyncio.Future[Processed | Failure]
    handovers: int = 0

    def settle(self, result: Processed | Failure) -> None:
        """Answers the caller, if it still waits."""
        if not self.result.done():
            self.result.set_result(result)


class ChildHandle:
    """A worker process. Not ready until its imports are done; ended by `dismiss` (gently) or `kill`."""

    def __init__(self, process: Process, timeout_s: float, news: Callable[[ChildHandle], None]) -> None:
        self.is_ready = False
        self.begun: Task | None = None
        self.done = 0
        if process.stdin is None:
            raise ValueError("a worker process needs its input as a pipe")
        self._process, self._stdin = process, process.stdin
        self._frames = FrameReader(self._wants, self._note, lambda: news(self))
        self._pipe: asyncio.ReadTransport | None = None
        self._timeout_s = timeout_s
        self._held: dict[int, Task] = {}
        self._given = 0
        self._dismissed = False
        self._timed_out = False
        self._is_ending = False
        self.has_successor = False
        self.is_spent_early = False
        self._follower = asyncio.create_task(self._follow(), name=f"end of worker {process.pid}")
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._give_up)
        self._starting = self._loop.call_later(_START_TIMEOUT_S, self.kill)

    @classmethod
    async def start(cls, options: ChildOptions, timeout_s: float, news: Callable[[ChildHandle], None]) -> Self:
        """Starts the process; raises `OSError` if the system refuses. `news` is called when frames have come."""
        given = {"path": sys.path, "options": asdict(replace(options, parent_pid=os.getpid()))}
        command = (sys.executable, "-c", _BOOT, orjson.dumps(given).decode())
        # Not a pipe: uvloop closes the descriptor of a file twice, and by the second time a thread may have opened
        # another file under its number. Of a socket it lets go.
        output, sending = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=sending.fileno(), start_new_session=True
            )
        except BaseException:
            output.close()
            raise
        finally:
            sending.close()
        child = cls(process, timeout_s, news)
        child._pipe, _ = await child._loop.connect_read_pipe(lambda: child._frames, output)
        return child

    @property
    def exit_code(self) -> int | None:
        """As `subprocess` gives it: negative for a signal, `None` while it lives."""
        return self._process.returncode

    def load(self) -> int:
        """How many tasks it holds."""
        return len(self._held)

    def takes_tasks(self, at_most: int, at_once: int) -> bool:
        """Whether it is ready, is to be kept, and holds fewer than `at_once` tasks."""
        usable = self.is_ready and not (self._dismissed or self._is_ending)
        return usable and len(self._held) < at_once and self._given < at_most

    def give(self, task: Task) -> None:
        """Sends it a task; it begins it when it has done those before."""
        self._held[task.number] = task
        self._given += 1
        self._stdin.write(pack(Kind.TASK, task.number, task.payload))
        if self.begun is None and len(self._held) == 1:
            self._deadline.set(self._timeout_s)

    def unbegun(self) -> list[Task]:
        """What it was given and did not come to, in order."""
        return [task for task in self._held.values() if task is not self.begun]

    def cancel(self) -> None:
        """Tells whoever waits for its tasks that they will not be done."""
        for task in self._held.values():
            task.result.cancel()

    async def ended(self) -> None:
        """Returns when it has ended, or speaks no sense any more. Until then its tasks are settled as they are done."""
        await self._frames.ended

    def _wants(self, kind: Kind, number: int, size: int) -> bool:
        return size <= MAX_RESULT_BYTES and (number in self._held or kind is Kind.READY)

    def dismiss(self) -> None:
        """Lets it go: it ends at once if it is idle, and nobody waits for what it has begun."""
        self._dismissed = True
        self._stdin.close()

    def is_spent(self, at_most: int) -> bool:
        """Whether it has been given all the tasks that one worker is to do."""
        return self._given >= at_most

    def kill(self) -> None:
        """Ends it at once, whatever it does, and all that it has started."""
        # Not `Process.kill`: that polls, and may so reap the process behind the back of asyncio's watcher.
        if self._process.returncode is None:
            self._kill_group()

    async def end(self) -> None:
        """Waits for the process after its output has ended; a process that closed it and lives on is killed."""
        self._starting.cancel()
        self._deadline.cancel()
        self._follower.cancel()
        self.kill()
        await self._gone(_LOOK_S / 50)
        self._kill_group()
        self._stdin.close()
        if self._pipe is not None:
            self._pipe.close()

    async def _follow(self) -> None:
        """When it is gone, so is what it has started; and if that has fled with the pipe, the pipe is at its end."""
        await self._gone(_LOOK_S)
        self._kill_group()
        await asyncio.sleep(_LOOK_S)
        self._frames.end()

    async def _gone(self, look_s: float) -> None:
        while self._process.returncode is None:  # noqa: ASYNC110 - `wait` waits for whoever holds the pipe, too
            await asyncio.sleep(look_s)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def failure(self) -> Failure:
        """Why the task it had begun failed."""
        if self._timed_out:
            message = f"not done after {self._timeout_s:g} s; its worker was killed"
            return Failure(reason="timeout", error_type="Timeout", message=message)
        code = self.exit_code or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return Failure(reason="worker_died", error_type="WorkerDied", message=f"its worker process ended {how}")

    def _note(self, kind: Kind, number: int, payload: bytes) -> None:
        self._deadline.cancel()
        if kind is Kind.READY:
            self._starting.cancel()
            self.is_ready = True
        elif kind is Kind.BEGIN and not self._is_ending:  # What a dying worker still begins is begun again elsewhere.
            self.begun = self._held[number]
            self._deadline.set(self._timeout_s)
        elif kind in (Kind.DONE, Kind.LAST):
            self.begun = None
            self.done += 1
            self._held.pop(number).settle(_result(payload))
            if kind is Kind.LAST:
                self._is_ending = self.is_spent_early = True
                self.kill()
            elif self._held:  # The next one is to begin at once, unless something that was left behind prevents it.
                self._deadline.set(self._timeout_s)

    def _give_up(self) -> None:
        self._timed_out = self._is_ending = True
        self.kill()


def _result(payload: bytes) -> Processed | Failure:
    """What a worker sent. It is ours and may be believed; but a plug-in may have put things into it."""
    try:
        result: Processed | Failure = pickle.loads(payload)  # noqa: S301 - our own child wrote it
    except Exception as error:  # noqa: BLE001 - whatever a stranger's class does when it is put together
        return describe(error)
    return result
