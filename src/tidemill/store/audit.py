"""The audit log: lines are appended in the transaction of what they tell of, each chained to the one before by a hash.

In: a caller and notes. Out: lines that nobody may change; the database refuses it, and `verify` finds what was changed
behind its back. Called by every module of the store that changes something for a caller, and by `manage.audit`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.account import Caller
from tidemill.models.audit import FIRST_HASH, AuditLine, Note, chained_hash
from tidemill.store import locks
from tidemill.store.engine import Store
from tidemill.store.tables import audit_log
from tidemill.telemetry.redact import redact, redact_text

_AT_ONCE = 2000
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: of this actor, action (or all that begin with `action.`), target, since and until then."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many lines hold, the identifier and hash of the last of them, and what is wrong with the next, if anything.

    Whoever keeps `head` elsewhere can tell later that no line up to it was taken away.
    """

    lines: int
    head_id: int
    head_hash: str
    fault: str | None = None


async def append(connection: AsyncConnection, by: Caller, notes: Sequence[Note], now: datetime) -> None:
    """Append to the log, inside the caller's transaction, which has the log to itself from then on."""
    await append_all(connection, [(by, note) for note in notes], now)


async def append_all(connection: AsyncConnection, said: Sequence[tuple[Caller, Note]], now: datetime) -> None:
    """Append what several callers did."""
    if not said:
        return
    await locks.take(connection, locks.AUDIT)
    newest = select(audit_log.c.hash).order_by(audit_log.c.id.desc()).limit(1)
    previous = await connection.scalar(newest) or FIRST_HASH
    lines = []
    for by, note in said:
        line = _values(by, note, now)
        previous_hash, previous = previous, chained_hash(previous, **line)
        lines.append({**line, "previous_hash": previous_hash, "hash": previous})
    await connection.execute(insert(audit_log), lines)


async def record(store: Store, said: Sequence[tuple[Caller, Note]]) -> None:
    """Append what has no other transaction, such as requests that were denied."""
    async with store.write(locks.AUDIT) as connection:
        await append_all(connection, said, store.now())


async def listed(store: Store, wanted: Wanted, *, before: int | None = None, limit: int) -> list[AuditLine]:
    """The newest of these lines first, those with an identifier below `before`."""
    where = _conditions(wanted)
    if before is not None:
        where.append(audit_log.c.id < before)
    statement = select(audit_log).where(*where).order_by(audit_log.c.id.desc()).limit(limit)
    async with store.read() as connection:
        return [_line(row) for row in (await connection.execute(statement)).mappings()]


async def lines(store: Store, wanted: Wanted | None = None) -> AsyncGenerator[AuditLine]:
    """All of these lines, the oldest first."""
    where, after = _conditions(wanted or Wanted()), 0
    while True:
        statement = select(audit_log).where(*where, audit_log.c.id > after).order_by(audit_log.c.id).limit(_AT_ONCE)
        async with store.read() as connection:
            found = [_line(row) for row in (await connection.execute(statement)).mappings()]
        for line in found:
            yield line
        if len(found) < _AT_ONCE:
            return
        after = found[-1].id


async def verify(store: Store, *, head: tuple[int, str] | None = None) -> Verdict:
    """Follow the chain from its first line. `head` is the identifier and hash of a line that must still be there."""
    held, last_id, previous, is_head_seen = 0, 0, FIRST_HASH, head is None
    async for line in lines(store):
        if line.previous_hash != previous:
            return Verdict(held, last_id, previous, f"line {line.id} does not follow line {last_id}: lines are missing")
        if line.expected_hash() != line.hash:
            return Verdict(held, last_id, previous, f"line {line.id} was changed: its hash is not that of its content")
        held, last_id, previous = held + 1, line.id, line.hash
        is_head_seen = is_head_seen or (line.id, line.hash) == head
    if head is not None and not is_head_seen:
        return Verdict(held, last_id, previous, f"line {head[0]} with the hash {head[1]} is not there any more")
    return Verdict(held, last_id, previous)


def _values(by: Caller, note: Note, now: datetime) -> dict[str, Any]:
    return {
        "at": now,
        "actor": _clean(by.name),
        "action": note.action,
        "target": None if note.target is None else redact_text(note.target)[:_LONGEST],
        "detail": redact(note.detail),
        "request_id": by.request_id,
        "address": by.address,
    }


def _clean(name: str) -> str:
    """A name as every database keeps it. Not redacted: `key:…` is a name, not a key."""
    visible = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
    return visible[:_LONGEST]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.actor is not None:
        where.append(audit_log.c.actor == wanted.actor)
    if wanted.action is not None:
        is_group = wanted.action.endswith(".")
        by_name = audit_log.c.action.startswith(wanted.action, autoescape=True)
        where.append(by_name if is_group else audit_log.c.action == wanted.action)
    if wanted.target is not None:
        where.append(audit_log.c.target == wanted.target)
    if wanted.since is not None:
        where.append(audit_log.c.at >= wanted.since)
    if wanted.until is not None:
        where.append(audit_log.c.at < wanted.until)
    return where


def _line(row: RowMapping) -> AuditLine:
    return AuditLine(**dict(row))
