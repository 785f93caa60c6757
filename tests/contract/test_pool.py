"""The worker pool over real processes: whatever a task does, only that task is lost, and no process stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from tidemill.errors import Permanent
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.pool import WorkerPool
from tidemill.settings.tree import ProcessSettings

OBEY = "tests.contract.pool_tasks:obey"
WARM = "tests.contract.pool_tasks:warm"
RULES = ProcessRules()


def capture(name: str = "c") -> Capture:
    return Capture(
        name, "r", "p", "s", "http://a.example/", datetime(2026, 1, 1, tzinfo=UTC), 200, "text/html", "", "", 0
    )


def pool(**settings: float) -> WorkerPool:
    return WorkerPool(ProcessSettings(**{"workers": 1, **settings}), function=OBEY, preload=WARM)  # type: ignore[arg-type]


async def tell(workers: WorkerPool, command: str, name: str = "c") -> Processed | Failure:
    return await workers.run(capture(name), command.encode(), RULES)


def given(result: Processed | Failure) -> object:
    assert isinstance(result, Processed), result
    return result.drafts[0].fields["given"]


def worker_pid(result: Processed | Failure) -> int:
    assert isinstance(result, Processed), result
    return int(result.drafts[0].title)


async def test_results_belong_to_their_calls_however_many_there_are() -> None:
    async with pool(workers=2) as workers:
        results = await asyncio.gather(*(tell(workers, "print noise", str(number)) for number in range(60)))
    assert [result.capture_id for result in results if isinstance(result, Processed)] == [str(n) for n in range(60)]
    assert len({worker_pid(result) for result in results}) <= 2


def descriptors() -> set[Path]:
    """What this process has open."""
    return set(Path("/dev/fd").iterdir())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_no_descriptor_is_closed_twice(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The loop closes it, and the object in which it came knows that it is gone: it would close somebody else's."""

    async def run() -> tuple[Any, set[Path]]:
        before = descriptors()
        workers = pool()
        async with workers:
            assert given(await tell(workers, "ok")) is None
            (child,) = workers._children
            assert child._pipe is not None
            pipe = child._pipe.get_extra_info("pipe")
            assert pipe.fileno() >= 0
        await asyncio.sleep(0.05)
        return pipe, descriptors() - before

    with asyncio.Runner(loop_factory=new_loop) as runner:
        pipe, left = runner.run(run())
    assert isinstance(pipe, socket.socket), "uvloop closes the descriptor of any other file a second time"
    assert pipe.fileno() == -1
    assert len(left) <= 1  # the folder's own


async def test_tasks_are_begun_in_the_order_of_the_calls() -> None:
    done: list[str] = []

    async def one(workers: WorkerPool, name: str) -> None:
        await tell(workers, "ok", name)
        done.append(name)

    async with pool() as workers:
        await asyncio.gather(*(one(workers, str(number)) for number in range(20)))
    assert done == [str(number) for number in range(20)]


async def test_a_task_that_hangs_is_killed_and_the_one_behind_it_is_done_elsewhere() -> None:
    async with pool(timeout_s=0.5) as workers:
        began = time.monotonic()
        hung, *others = await asyncio.gather(*(tell(workers, command) for command in ("sleep 60", "ok", "ok")))
        assert time.monotonic() - began < 20
    assert isinstance(hung, Failure)
    assert (hung.reason, hung.error_type) == ("timeout", "Timeout")
    assert "0.5 s" in hung.message
    assert all(isinstance(result, Processed) for result in others)


async def test_the_deadline_counts_from_the_beginning_of_a_task_not_from_its_call() -> None:
    async with pool(timeout_s=1.5) as workers:
        results = await asyncio.gather(*(tell(workers, "sleep 0.6") for _ in range(4)))
    assert all(isinstance(result, Processed) for result in results)


async def test_a_worker_that_crashes_costs_only_its_own_task() -> None:
    async with pool() as workers:
        died, after, exited, last = await asyncio.gather(
            *(tell(workers, command) for command in ("die", "ok", "exit 3", "ok"))
        )
    assert isinstance(died, Failure)
    assert isinstance(exited, Failure)
    assert (died.reason, exited.reason) == ("worker_died", "worker_died")
    assert "SIGSEGV" in died.message
    assert "exit code 3" in exited.message
    assert worker_pid(after) != worker_pid(last)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of address space is Linux's")
async def test_a_task_that_eats_memory_fails_and_its_worker_is_replaced() -> None:
    async with pool(memory_mb=128) as workers:
        first = await tell(workers, "eat 16")
        greedy = await tell(workers, "eat 4096")
        after = await tell(workers, "ok")
    assert isinstance(greedy, Failure)
    assert greedy.reason == "out_of_memory"
    assert worker_pid(first) != worker_pid(after)


async def test_an_exception_tells_type_message_and_place() -> None:
    async with pool() as workers:
        failed = await tell(workers, "raise no such thing")
        after = await tell(workers, "ok")
    assert isinstance(failed, Failure)
    assert (failed.reason, failed.error_type, failed.message) == ("error", "LookupError", "no such thing")
    assert failed.place.startswith("pool_tasks.py:")
    assert failed.place.endswith(" _raise")
    assert "raise LookupError" in failed.trace
    assert len(failed.trace.encode()) <= 8192
    assert isinstance(after, Processed)


async def test_a_worker_is_replaced_after_its_quota() -> None:
    async with pool(recycle_after=3) as workers:
        results = [await tell(workers, "ok") for _ in range(9)]
    pids = [worker_pid(result) for result in results]
    assert len(set(pids)) == 3
    assert pids == sorted(pids, key=pids.index)


async def test_large_bodies_pass_through_the_pipe() -> None:
    async with pool() as workers:
        result = await workers.run(capture(), b"ok " + b"x" * 20_000_000, RULES)
    assert isinstance(result, Processed)


@pytest.mark.parametrize(
    ("command", "reason", "says"),
    [
        ("null", "worker_died", "SIGSEGV"),
        ("sys.exit 4", "error", "4"),
        ("recurse", "error", "recursion"),
        ("speechless", "error", "cannot be shown"),
        ("bomb", "error", "no number"),
        ("lambda", "error", "lambda"),
        ("long 300", "error", "more than"),
    ],
)
async def test_whatever_a_plug_in_does_costs_its_own_capture_alone(command: str, reason: str, says: str) -> None:
    async with pool() as workers:
        before, fault, after = await asyncio.gather(*(tell(workers, each) for each in ("ok", command, "ok")))
    assert isinstance(fault, Failure)
    assert fault.reason == reason
    assert says in fault.message
    assert isinstance(before, Processed)
    assert isinstance(after, Processed)


async def test_a_task_finds_neither_the_tasks_of_others_nor_the_pipe_of_results() -> None:
    async with pool() as workers:
        read, printed, after = await asyncio.gather(*(tell(workers, each) for each in ("read", "print x", "ok")))
    assert given(read) == ""
    assert worker_pid(printed) == worker_pid(after)


async def test_threads_that_tasks_leave_behind_are_ended_with_their_worker() -> None:
    async with pool() as workers:
        few = [worker_pid(await tell(workers, "threads 2")) for _ in range(2)]
        many, after = await asyncio.gather(tell(workers, "threads 9"), tell(workers, "ok"))
        pids = {*few, worker_pid(many), worker_pid(after)}
    assert len(set(few)) == 1, "a plug-in may keep a thread or two"
    assert worker_pid(after) != worker_pid(many)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere memory is not measured")
async def test_a_worker_that_a_task_left_swollen_is_replaced_before_the_next() -> None:
    async with pool(memory_mb=400) as workers:
        pids = [worker_pid(result) for result in [await tell(workers, "keep 40") for _ in range(7)]]
        large = worker_pid(await tell(workers, "eat 300"))
    assert len(set(pids)) == 3, "a quarter of 400 MiB is filled with the third task"
    assert pids == sorted(pids, key=pids.index)
    assert large == pids[-1], "what a task gave back is no reason"


async def test_what_a_task_started_ends_with_its_worker() -> None:
    async with pool() as workers:
        orphan = given(await tell(workers, "spawn"))
    assert isinstance(orphan, int)
    deadline = time.monotonic() + 5
    while _lives(orphan) and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.02)
    assert not _lives(orphan)


async def test_a_child_of_a_dead_worker_does_not_hold_its_task_back() -> None:
    """The child keeps the pipe open, so that its end alone would not tell that the worker is gone."""
    async with pool(timeout_s=60) as workers:
        died, after = await asyncio.wait_for(asyncio.gather(tell(workers, "fork"), tell(workers, "ok")), 30)
    assert isinstance(died, Failure)
    assert "exit code 9" in died.message
    assert isinstance(after, Processed)


async def test_a_worker_that_cannot_begin_its_next_task_is_killed_and_the_task_done_elsewhere() -> None:
    async with pool(timeout_s=1.0) as workers:
        blocking = await tell(workers, "block")
        await asyncio.sleep(0.3)
        after = await asyncio.wait_for(tell(workers, "ok"), 30)
    assert worker_pid(blocking) != worker_pid(after)


async def test_a_good_task_among_many_that_kill_their_workers_is_done() -> None:
    async with pool(workers=2) as workers:
        commands = ["exit 1", "exit 1", "ok", *["exit 1"] * 4, "ok"]
        results = await asyncio.gather(*(tell(workers, command) for command in commands))
    assert [isinstance(result, Processed) for result in results] == [command == "ok" for command in commands]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of address space is Linux's")
async def test_a_body_that_no_worker_can_hold_fails_and_the_next_one_does_not_wait_for_it() -> None:
    async with pool(memory_mb=128) as workers:
        bodies = (b"ok " + b"x" * 200_000_000, b"ok")
        huge, after = await asyncio.gather(*(workers.run(capture(), body, RULES) for body in bodies))
    assert isinstance(huge, Failure)
    assert huge.reason == "out_of_memory"
    assert isinstance(after, Processed)


async def test_closing_leaves_no_process_and_cancels_what_waits() -> None:
    workers = pool(workers=2)
    async with workers:
        pids = {worker_pid(result) for result in await asyncio.gather(*(tell(workers, "sleep 0.1") for _ in range(4)))}
        waiting = [asyncio.create_task(tell(workers, "sleep 60")) for _ in range(5)]
        await asyncio.sleep(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    with pytest.raises(RuntimeError, match="not open"):
        await tell(workers, "ok")


async def test_a_call_that_is_cancelled_harms_no_other() -> None:
    async with pool() as workers:
        first = asyncio.create_task(tell(workers, "sleep 0.3"))
        second = asyncio.create_task(tell(workers, "ok"))
        third = asyncio.create_task(tell(workers, "ok"))
        await asyncio.sleep(0.1)
        first.cancel()
        second.cancel()
        assert isinstance(await third, Processed)


async def test_workers_that_cannot_start_are_reported_and_not_tried_for_ever() -> None:
    broken = WorkerPool(ProcessSettings(workers=1), function=OBEY, preload="tests.contract.pool_tasks:cannot_start")
    with pytest.raises(Permanent, match="cannot be started"):
        async with broken:
            pass


async def test_a_pool_may_be_started_before_it_is_entered() -> None:
    early = pool(workers=2)
    await early.start()
    assert len(psutil.Process().children()) >= 2
    async with early as workers:
        results = await asyncio.gather(*(tell(workers, "sleep 0.1", str(number)) for number in range(8)))
    assert len({worker_pid(result) for result in results}) <= 2


async def test_a_pool_that_was_started_and_never_entered_leaves_no_process() -> None:
    early = pool(workers=2)
    await early.start()
    started = [each for each in psutil.Process().children() if "ChildOptions" in " ".join(each.cmdline())]
    await early.close()
    assert started
    assert not any(each.is_running() for each in started)


async def test_starting_a_pool_whose_workers_cannot_start_does_not_wait_for_ever() -> None:
    broken = WorkerPool(ProcessSettings(workers=2), function=OBEY, preload="tests.contract.pool_tasks:cannot_start")
    async with asyncio.timeout(60):
        await broken.start()
    with pytest.raises(Permanent, match="cannot be started"):
        async with broken:
            pass


async def test_workers_ignore_the_interrupt_of_the_terminal() -> None:
    async with pool() as workers:
        pid = worker_pid(await tell(workers, "ok"))
        os.kill(pid, signal.SIGINT)
        assert worker_pid(await tell(workers, "sleep 0.1")) == pid


async def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            """
            import asyncio, os, signal, sys
            sys.path[:0] = PATH
            from tests.contract.test_pool import pool, tell, worker_pid

            async def main() -> None:
                async with pool(workers=2) as workers:
                    results = await asyncio.gather(*(tell(workers, "sleep 0.2") for _ in range(4)))
                    pids = {worker_pid(result) for result in results}
                    hung = [asyncio.create_task(tell(workers, "sleep 600")) for _ in range(4)]
                    await asyncio.sleep(0.3)
                    print(*pids, flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)

            asyncio.run(main())
            """
        ).replace("PATH", repr(sys.path)),
        encoding="utf-8",
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
    output, _ = await parent.communicate()
    pids = [int(word) for word in output.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(_lives(pid) for pid in pids) and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.05)
    assert not [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
