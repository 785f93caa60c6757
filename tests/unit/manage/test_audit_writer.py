"""What anybody can cause stands in the audit log, and cannot fill it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.logs import captured_logs

from tidemill.errors import Transient
from tidemill.manage import audit_writer
from tidemill.manage.audit_writer import AuditWriter
from tidemill.models.account import STRANGER, Caller, Role, caller_of
from tidemill.models.audit import Note
from tidemill.store.engine import Store

DENIED, REFUSED = Note("request.denied", "/x", {"status": 401}), Note("session.refused")
ADA = caller_of("user:ada", Role.VIEWER)


class Log:
    """The audit log, as the transactions come. It fails as long as it is told to."""

    def __init__(self) -> None:
        self.transactions: list[list[tuple[Caller, Note]]] = []
        self.fails = False
        self.written = asyncio.Event()

    async def record(self, _: Store, said: list[tuple[Caller, Note]]) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise Transient("locked", reason="database_locked")
        self.transactions.append(list(said))
        self.written.set()

    @property
    def notes(self) -> list[Note]:
        return [note for lines in self.transactions for _, note in lines]

    @property
    def sums(self) -> list[tuple[str, int]]:
        return [(note.action, note.detail["more"]) for note in self.notes if "more" in note.detail]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(audit_writer.audit, "record", made.record)
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writer(log: Log, clock: Clock) -> AuditWriter:
    return AuditWriter(cast(Store, SimpleNamespace()), clock=clock)


async def knock(writer: AuditWriter, times: int, by: Caller = STRANGER, note: Note = DENIED) -> None:
    await asyncio.gather(*(writer.note(by, note) for _ in range(times)))


async def test_a_line_is_written_before_the_answer_and_many_in_one_transaction(writer: AuditWriter, log: Log) -> None:
    await writer.note(STRANGER, DENIED)
    assert log.transactions == [[(STRANGER, DENIED)]]
    await knock(writer, 300)
    assert len(log.notes) == 301
    assert len(log.transactions) <= 3


async def test_a_flood_is_counted_and_summed_up(writer: AuditWriter, log: Log, clock: Clock) -> None:
    for _ in range(3):
        await knock(writer, 400)
    assert len(log.notes) == 500
    clock.now = 10.0
    await knock(writer, 400)
    assert log.notes.count(DENIED) == 600, "ten a second"
    await writer.close()
    assert log.sums == [("request.denied", 1000)]


async def test_it_is_summed_up_while_it_lasts(writer: AuditWriter, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_writer, "_SUM_EVERY_S", 0.01)
    await knock(writer, 507)
    log.written.clear()
    await asyncio.wait_for(log.written.wait(), 5)
    await knock(writer, 3)
    await writer.close()
    assert log.sums == [("request.denied", 7), ("request.denied", 3)]


async def test_what_is_beyond_waits_for_nothing(writer: AuditWriter, log: Log) -> None:
    await knock(writer, 500)
    log.fails = True
    before = len(asyncio.all_tasks())
    await writer.note(STRANGER, DENIED)
    assert len(asyncio.all_tasks()) == before


@pytest.mark.thorough
async def test_nobody_hides_what_others_do(writer: AuditWriter, log: Log) -> None:
    await knock(writer, 1000)
    await writer.note(ADA, DENIED)
    await writer.note(STRANGER, REFUSED)
    assert log.transactions[-2:] == [[(ADA, DENIED)], [(STRANGER, REFUSED)]]


async def test_what_the_database_does_not_take_stands_in_the_log_of_the_process(writer: AuditWriter, log: Log) -> None:
    log.fails = True
    with captured_logs() as logged:
        await writer.note(STRANGER, DENIED)
    assert [each["action"] for each in logged] == ["audit.unwritten", "request.denied"]
    log.fails = False
    await writer.note(STRANGER, DENIED)
    assert log.notes == [DENIED]


async def test_closing_writes_what_is_left_and_again_nothing(writer: AuditWriter, log: Log) -> None:
    waiting: Any = asyncio.create_task(writer.note(STRANGER, DENIED))
    await asyncio.sleep(0)
    await writer.close()
    await writer.close()
    await waiting
    assert log.notes == [DENIED]
