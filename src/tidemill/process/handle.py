"""One worker process as the pool sees it: its pipe, the tasks it holds, its deadline, its end.

Comes in: tasks; goes out: their results. Called by `pool` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from typing import Self

import orjson

from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.process.child import MAX_RESULT_BYTES, ChildOptions
from tidemill.process.failures import describe
from tidemill.process.frames import HEADER, Kind, pack

_START_TIMEOUT_S = 120.0
_GRACE_S = 0.1  # for a frame that lies in the pipe while this process was kept from reading it
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

    def __init__(self, process: Process, timeout_s: float) -> None:
        self.is_ready = False
        self.begun: Task | None = None
        self.done = 0
        if process.stdin is None or process.stdout is None:
            raise ValueError("a worker process needs its input and its output as pipes")
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._timeout_s = timeout_s
        self._held: dict[int, Task] = {}
        self._given = 0
        self._dismissed = False
        self._timed_out = False
        self._is_ending = False
        self.has_successor = False
        self.is_spent_early = False
        self._follower = asyncio.create_task(self._follow(), name=f"end of worker {process.pid}")
        self._deadline = asyncio.get_running_loop().call_later(_START_TIMEOUT_S, self.kill)

    @classmethod
    async def start(cls, options: ChildOptions, timeout_s: float) -> Self:
        """Starts the process; raises `OSError` if the system refuses."""
        given = {"path": sys.path, "options": asdict(replace(options, parent_pid=os.getpid()))}
        command = (sys.executable, "-c", _BOOT, orjson.dumps(given).decode())
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, start_new_session=True)
        return cls(process, timeout_s)

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
            self._set_deadline()

    def unbegun(self) -> list[Task]:
        """What it was given and did not come to, in order."""
        return [task for task in self._held.values() if task is not self.begun]

    def cancel(self) -> None:
        """Tells whoever waits for its tasks that they will not be done."""
        for task in self._held.values():
            task.result.cancel()

    async def events(self) -> AsyncIterator[Kind]:
        """Reads its frames, settles the tasks that are done, and ends when it ends, or speaks no sense any more."""
        while True:
            try:
                code, number, size = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
                kind = Kind(code)
                if size > MAX_RESULT_BYTES or (number not in self._held and kind is not Kind.READY):
                    return
                payload = await self._stdout.readexactly(size) if size else b""
            except (asyncio.IncompleteReadError, ConnectionResetError, ValueError):
                return
            self._note(kind, number, payload)
            yield kind

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
        self._deadline.cancel()
        self._follower.cancel()
        self.kill()
        await self._gone(_LOOK_S / 50)
        self._kill_group()
        self._stdin.close()

    async def _follow(self) -> None:
        """When it is gone, so is what it has started; and if that has fled with the pipe, the pipe is at its end."""
        await self._gone(_LOOK_S)
        self._kill_group()
        await asyncio.sleep(_LOOK_S)
        self._stdout.feed_eof()

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
            self.is_ready = True
        elif kind is Kind.BEGIN and not self._is_ending:  # What a dying worker still begins is begun again elsewhere.
            self.begun = self._held[number]
            self._set_deadline()
        elif kind in (Kind.DONE, Kind.LAST):
            self.begun = None
            self.done += 1
            self._held.pop(number).settle(_result(payload))
            if kind is Kind.LAST:
                self._is_ending = self.is_spent_early = True
                self.kill()
            elif self._held:  # The next one is to begin at once, unless something that was left behind prevents it.
                self._set_deadline()

    def _set_deadline(self) -> None:
        self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(self._timeout_s, self._run_out)

    def _run_out(self) -> None:
        """Time is up, unless a frame lies in the pipe that says otherwise."""
        self._deadline = asyncio.get_running_loop().call_later(_GRACE_S, self._give_up)

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
