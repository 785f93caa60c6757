"""Roles as real processes over one backend, begun, killed, stopped and started again: what a fault test plays with.

`Fleet.begin` makes a run over the numbered pages of the site; `add`, `kill`, `restart` and `drain` are what befalls
the processes that work on it; `settle` waits for its end. `tests.harness.accounts.check_ledger` then does the sums.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from tests.harness.backends import Backend
from tests.harness.books import Books
from tests.harness.command import QUICK, Done, Running, Tidemill
from tests.harness.postgres import in_own_loop
from tests.harness.sites import asked
from tests.harness.watch import all_gone, children, until
from tests.site.server import Site

from tidemill.app import open_app
from tidemill.manage import runs
from tidemill.models.run import RunOptions
from tidemill.search.tantivy.cursor import read_cursor
from tidemill.settings import load_settings

CRAWL_LEASE_S, QUEUE_LEASE_S = 5, 3
REDELIVERY_S = CRAWL_LEASE_S + 5
"""What a dead process held is somebody else's by then, at the latest."""

_INDEXING = ("indexer", "serve", "up")

SHORT = (
    f"crawl.lease_s={CRAWL_LEASE_S}",
    f"queue.lease_s={QUEUE_LEASE_S}",
    "crawl.batch_size=8",
    "process.batch_size=4",
    "process.workers=1",
    "process.max_attempts=20",
    "logging.level=INFO",
)
"""Small batches, so that many of them are under way; and a kill is nothing that a page is given up for."""


@dataclass(slots=True)
class Member:
    """One process of the fleet."""

    role: str
    running: Running
    is_stopped: bool = False

    @property
    def alive(self) -> bool:
        return self.running.alive

    def said(self) -> str:
        """What it has written to standard error so far."""
        descriptor = self.running._err.fileno()
        return os.pread(descriptor, 1_000_000, 0).decode("utf-8", "replace")

    @property
    def probes(self) -> str | None:
        """Where its probes are (of `serve` and `up`: where the API is), once it has said so."""
        found = re.search(r"(?:probes and metrics on|serving) (http://[0-9.:]+)", self.said())
        return found[1] if found else None

    @property
    def is_up(self) -> bool:
        """Whether it has begun to work, and heeds signals."""
        return self.probes is not None


@dataclass
class Fleet:
    """The processes, what they work on, and what befell them."""

    house: Tidemill
    backend: Backend
    site: Site
    rng: random.Random
    members: list[Member] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    """How many processes of each role were killed."""
    recovery_s: list[float] = field(default_factory=list)
    """How long what a dead process held stayed in its name."""
    _mourned: list[tuple[list[str], float]] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def books(self) -> Books:
        """The books of what the fleet works on."""
        return self.backend.books(self.house.data_dir)

    def begin(self, path: str = "/n/", options: RunOptions | None = None) -> str:
        """Make a run over a part of the site, as `POST /runs` does; its identifier. Crawlers take it up."""
        given = dict(each.split("=", 1) for each in (*self.house.settings,))
        settings = load_settings({**given, "data_dir": self.house.data_dir}, environ={}, directory=self.house.cwd)
        wanted = options or RunOptions(allow_private=True)

        async def making() -> str:
            async with open_app(settings) as app:
                return (await runs.start(app.store, app.settings.net, self.site.base_url + path, wanted)).run.id

        return str(in_own_loop(making()))

    def add(self, role: str, *settings: str, elsewhere: bool = False) -> Member:
        """Start one more process of a role (`up` is all of them), with settings of its own.

        `elsewhere` gives it a data folder of its own, as if on another machine: its lock is nobody else's to try, and
        only its heartbeat tells that it is alive. The archive is the same.
        """
        arguments = ("--port", "0") if role in ("serve", "up") else ()
        house = self.house.with_settings(*settings)
        if elsewhere:
            house = house.with_settings(f"archive.url=file://{self.house.data_dir}/archive")
            house.data_dir = self.house.data_dir.parent / f"elsewhere-{len(self.members)}-{sum(self.kills.values())}"
        member = Member(role, self._stack.enter_context(house.start(role, *arguments)))
        self.members.append(member)
        return member

    def of(self, role: str) -> list[Member]:
        """The living processes of a role."""
        return [member for member in self.members if member.role == role and member.alive]

    def kill(self, victim: Member, *, recovered: bool = False) -> None:
        """kill -9 for a process; its children must go with it. `recovered` waits until nothing is held in its name."""
        names = self.names_of(victim)
        family = children(victim.running.pid)
        self.kills[victim.role] += victim.alive
        if victim.alive:
            os.kill(victim.running.pid, signal.SIGKILL)
        self._buried(victim)
        self.mourn(names)
        assert all_gone(family), f"left alive: {family}\n{victim.said()}"
        if recovered:
            self.await_recovery()

    def fell(self, victim: Member, step: str | None = None) -> None:
        """A process has killed itself at a step, as it was told to; it counts as a kill."""
        done = victim.running.wait(60)
        assert done.code == -signal.SIGKILL, f"it ended otherwise than at {step}\n{done}"
        self.kills[victim.role] += 1
        self._buried(victim)

    def stop(self, member: Member) -> None:
        """SIGSTOP: it sleeps, and does not know it; not in a transaction, in which it would keep the others waiting."""
        member.running.signal_group(signal.SIGSTOP)
        while not self.books.is_free():
            member.running.signal_group(signal.SIGCONT)
            time.sleep(0.01)
            member.running.signal_group(signal.SIGSTOP)
        member.is_stopped = True

    def wake(self, member: Member) -> None:
        """SIGCONT."""
        member.running.signal_group(signal.SIGCONT)
        member.is_stopped = False

    def restart(self, victim: Member, *settings: str) -> Member:
        """Kill a process and start another in its place."""
        self.kill(victim)
        return self.add(victim.role, *settings)

    def drain(self, member: Member, *, timeout_s: float = 40.0) -> Done:
        """SIGTERM, once it has started, and its end, which must be a clean one."""
        if member.is_stopped:
            self.wake(member)
        until(lambda: member.is_up or not member.alive, what=f"the start of {member.role}")
        member.running.signal_group(signal.SIGTERM)
        done = member.running.wait(timeout_s)
        self.members.remove(member)
        assert "Traceback" not in done.stderr, done
        return done.expect(0)

    def names_of(self, member: Member) -> list[str]:
        """What the ledger knows a process by: its workers."""
        with suppress(*self.books.no_tables):
            return [row[0] for row in self.books.rows(f"SELECT id FROM workers WHERE pid = {member.running.pid}")]
        return []

    def holds(self, names: list[str]) -> bool:
        """Whether anything is held in one of these names."""
        listed = ", ".join(f"'{name}'" for name in names)
        return bool(names) and any(self.books.count(t, f"worker_id IN ({listed})") for t in ("visits", "waiting"))

    def is_over(self) -> bool:
        """Whether all runs have ended."""
        return _is_over(self.books)

    def await_recovery(self) -> None:
        """Wait until nothing is held in the name of a dead process, for no longer than a lease and five seconds."""
        until(lambda: not self.look_for_recovery(), timeout_s=REDELIVERY_S + 1, what="the return of what the dead held")

    def mourn(self, names: list[str]) -> None:
        """A process of these names is dead; how long what it held stays in its name is measured from now on."""
        self._mourned.append((names, time.monotonic()))

    def look_for_recovery(self) -> int:
        """How many dead processes hold something still; fails if one does for longer than a lease and five seconds."""
        for names, since in tuple(self._mourned):
            took = time.monotonic() - since
            if not self.holds(names):
                self.recovery_s.append(took)
                self._mourned.remove((names, since))
            assert took < REDELIVERY_S, (
                f"what a dead process held is not given back after {took:.1f} s\n{self.report()}"
            )
        return len(self._mourned)

    def settle(self, *, timeout_s: float = 90.0) -> None:
        """Wait until the run is over and nothing waits or is held by the dead; then drain every process."""
        books = self.books
        self.await_recovery()
        if not eventually(lambda: _is_over(books), timeout_s):
            raise AssertionError(f"the run did not end\n{self._ledger()}\n{self.report()}")
        living = ", ".join(str(member.running.pid) for member in self.members if member.alive) or "0"
        dead = f"pid NOT IN ({living})"
        if not eventually(lambda: books.count("workers", dead) == 0, REDELIVERY_S):
            raise AssertionError(f"workers that are none of {living} are listed\n{self._ledger()}\n{self.report()}")
        until(self._is_empty, timeout_s=QUEUE_LEASE_S + 15, what="an empty queue")
        if any(member.role in _INDEXING for member in self.members):
            until(self._is_searchable, what="the search index")
        for member in tuple(self.members):
            self.drain(member)

    def queue_depth(self) -> int:
        """How many messages the broker holds; none if the database is the queue."""
        from tests.harness.queues import depth_of

        return depth_of(self.backend, self.books)

    def hits(self) -> Counter[str]:
        """How often each page was asked for."""
        return asked(self.site.hits)

    def report(self) -> str:
        """The processes and the end of what each has said, for messages of failed tests."""
        return "\n".join(
            f"{m.role} {m.running.pid} alive={m.alive}: …{m.said()[-600 if m.alive else -6000 :]}" for m in self.members
        )

    def close(self) -> None:
        """End every process."""
        for member in self.members:
            member.running.signal_group(signal.SIGCONT)
        self._stack.close()

    def _buried(self, victim: Member) -> None:
        victim.running.wait(10)
        if victim in self.members:
            self.members.remove(victim)

    def _ledger(self) -> str:
        """How the work stands, for messages of failed tests."""
        asked = (
            "SELECT id, state, error FROM runs",
            "SELECT state, outcome, count(*) FROM visits GROUP BY 1, 2",
            "SELECT worker_id, attempts, min(not_before), count(*) FROM waiting GROUP BY 1, 2",
            "SELECT id, role, pid, started_at, heartbeat_at FROM workers",
        )
        return "\n".join(str(row) for each in asked for row in self.books.rows(each))

    def _is_searchable(self) -> bool:
        cursor = read_cursor(self.house.data_dir / "index")
        return cursor is not None and cursor.event_id >= self.books.one(
            "SELECT coalesce(max(id), 0) FROM events WHERE document_id IS NOT NULL"
        )

    def _is_empty(self) -> bool:
        waiting = self.books.count("waiting")
        return waiting == 0 and self.queue_depth() == 0


def _is_over(books: Books) -> bool:
    with suppress(*books.no_tables):
        return books.count("runs") > 0 and books.count("runs", "state NOT IN ('completed', 'cancelled', 'failed')") == 0
    return False


@contextmanager
def fleet_over(backend: Backend, data: Tidemill, site: Site, rng: random.Random) -> Iterator[Fleet]:
    """A fleet without members, over a data folder; all of its processes end with the block."""
    site.hits.clear()
    site.asked.clear()
    house = Tidemill(data.data_dir, *data.settings[len(QUICK) :], *SHORT, *backend.settings, nursery=data.nursery)
    fleet = Fleet(house, backend, site, rng)
    try:
        yield fleet
    finally:
        fleet.close()


def eventually(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
