"""Dead letters: captures that could not be processed, with what is known of why, until somebody has dealt with them.

`open → replayed → resolved`, or back to `open` if the replay fails too; `discarded` is kept, and can be replayed still.
While a letter is being replayed, its visit stays `done (dead)`; the transaction that stores the result corrects the
visit and resolves the letter, so that a run's totals add up at any time. `bury` and `resolve` are called by `processed`
inside that transaction, the rest by `manage.deadletters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.account import Caller
from tidemill.models.audit import Note
from tidemill.store import audit, locks
from tidemill.store import captures as captures_store
from tidemill.store.engine import Store
from tidemill.store.engine import insert as upsert
from tidemill.store.tables import audit_log, captures, dead_letters, sources, waiting
from tidemill.store.versions import id_range

STATES = ("open", "replayed", "discarded", "resolved")
UNSETTLED = ("open", "replayed")
_REPLAYABLE = ("open", "discarded")
_DIED = dead_letters.c.created_at
_CAUSE = (dead_letters.c.reason, dead_letters.c.error_type, dead_letters.c.place)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: of one source, reason or group (or the beginning of its key), dead since then, in `states`."""

    source_id: str | None = None
    reason: str | None = None
    group: str | None = None
    since: datetime | None = None
    states: tuple[str, ...] = UNSETTLED


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A capture that could not be processed. `died_at` is when it last failed for good, `attempts` all that were made.

    `settled_at` is when it was resolved or discarded, `settled_by` who discarded it.
    """

    id: str
    capture_id: str
    run_id: str
    source: str
    url: str
    reason: str
    error_type: str
    message: str
    place: str
    trace: str
    attempts: int
    state: str
    died_at: datetime
    settled_at: datetime | None
    body_hash: str
    fetched_at: datetime
    settled_by: str | None = None

    @property
    def group(self) -> str:
        """The key of its cause."""
        return group_key(self.reason, self.error_type, self.place)


@dataclass(frozen=True, slots=True)
class Group:
    """The letters with one cause: the same exception at the same place. `message` and `url` are those of the newest."""

    key: str
    reason: str
    error_type: str
    place: str
    count: int
    first_at: datetime
    last_at: datetime
    letter_id: str
    url: str
    message: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of letters that were to be replayed or discarded; `left` counts those left as they are, by why."""

    letter_ids: tuple[str, ...] = ()
    capture_ids: tuple[str, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)


def group_key(reason: str, error_type: str, place: str) -> str:
    """Eight digits that stand for a cause."""
    return sha256("\x1f".join((reason, error_type, place)).encode()).hexdigest()[:8]


async def groups(store: Store, wanted: Wanted) -> list[Group]:
    """The causes of these letters, the most frequent first."""
    counted = [func.count().label("number"), func.min(_DIED).label("first"), func.max(_DIED).label("last")]
    async with store.read() as connection:
        where = await _conditions(connection, wanted)
        rows = (await connection.execute(select(*_CAUSE, *counted).where(*where).group_by(*_CAUSE))).all()
        found = []
        for row in rows:
            same = [column == value for column, value in zip(_CAUSE, row[:3], strict=True)]
            newest = select(dead_letters).where(*where, *same).order_by(_DIED.desc(), dead_letters.c.id.desc()).limit(1)
            letter = (await connection.execute(newest)).mappings().one()
            found.append(
                Group(
                    key=group_key(row.reason, row.error_type, row.place),
                    reason=row.reason,
                    error_type=row.error_type,
                    place=row.place,
                    count=row.number,
                    first_at=row.first,
                    last_at=row.last,
                    letter_id=letter["id"],
                    url=letter["url"],
                    message=letter["message"],
                )
            )
    return sorted(found, key=lambda group: (-group.count, group.key))


async def listed(
    store: Store, wanted: Wanted, *, after: str | None = None, limit: int | None = None
) -> list[DeadLetter]:
    """These letters by identifier: `limit` at the most, those behind the identifier `after`."""
    async with store.read() as connection:
        statement = _select().where(*await _conditions(connection, wanted)).order_by(dead_letters.c.id)
        if after is not None:
            statement = statement.where(dead_letters.c.id > after)
        if limit is not None:
            statement = statement.limit(limit)
        return [_letter(row) for row in (await connection.execute(statement)).mappings()]


async def ids(store: Store, wanted: Wanted) -> list[str]:
    """The identifiers of these letters."""
    async with store.read() as connection:
        where = await _conditions(connection, wanted)
        statement = select(dead_letters.c.id).where(*where).order_by(dead_letters.c.id)
        return list((await connection.execute(statement)).scalars())


async def ids_with_prefix(store: Store, prefix: str, limit: int) -> list[str]:
    """The letters whose identifier begins with these hexadecimal digits, dashes left out."""
    within = dead_letters.c.id.between(*id_range(prefix))
    async with store.read() as connection:
        found = select(dead_letters.c.id).where(within).order_by(dead_letters.c.id).limit(limit)
        return list((await connection.execute(found)).scalars())


async def get(store: Store, letter_id: str) -> DeadLetter:
    """The letter of that identifier. Raises `NotFound` (`no_such_dead_letter`)."""
    async with store.read() as connection:
        row = (await connection.execute(_select().where(dead_letters.c.id == letter_id))).mappings().one_or_none()
        if row is None:
            raise NotFound(
                f"no dead letter {letter_id!r}; `tidemill deadletters list --all` shows those there are",
                reason="no_such_dead_letter",
            )
        by = None
        if row["state"] == "discarded":
            discarded = and_(audit_log.c.action == "deadletter.discard", audit_log.c.target == row["id"])
            by = await connection.scalar(
                select(audit_log.c.actor).where(discarded).order_by(audit_log.c.id.desc()).limit(1)
            )
        return _letter(row, by)


async def replay(store: Store, letter_ids: Sequence[str], by: Caller) -> Moved:
    """Put the captures of these letters back into the queue, in one transaction; `by` is who wants it.

    Those that wait already or are resolved are left as they are, and so are those of deleted sources and of sources
    that others own.
    """
    async with store.write(locks.AUDIT) as connection:
        now = store.now()
        rows = await _standing(connection, letter_ids)
        ready = [row for row in rows if _why_not(row, by) is None]
        moved = _moved(rows, ready, letter_ids, by)
        if ready:
            await captures_store.put_again(connection, moved.capture_ids, now)
            replayed = {"state": "replayed", "resolved_at": None}
            await connection.execute(update(dead_letters).where(_are(moved.letter_ids)).values(replayed))
            await audit.append(connection, by, [Note("deadletter.replay", each) for each in moved.letter_ids], now)
        return moved


async def discard(store: Store, letter_ids: Sequence[str], by: Caller) -> Moved:
    """Nobody will replay these letters; they are kept, with who said so and when."""
    async with store.write(locks.AUDIT) as connection:
        now = store.now()
        rows = await _standing(connection, letter_ids)
        ready = [row for row in rows if row.state == "open" and by.may_edit(row.owner_id, row.team_id)]
        moved = _moved(rows, ready, letter_ids, by)
        if ready:
            discarded = {"state": "discarded", "resolved_at": now}
            await connection.execute(update(dead_letters).where(_are(moved.letter_ids)).values(discarded))
            await audit.append(connection, by, [Note("deadletter.discard", each) for each in moved.letter_ids], now)
        return moved


async def bury(connection: AsyncConnection, letter: Mapping[str, Any]) -> None:
    """A capture has failed for good. If it has a letter (its replay failed), that is open again and tells why now."""
    statement = upsert(dead_letters).values(dict(letter))
    new = statement.excluded
    told = {name: new[name] for name in ("reason", "error_type", "message", "place", "trace", "created_at")}
    again = {**told, "attempts": dead_letters.c.attempts + new.attempts, "state": "open", "resolved_at": None}
    await connection.execute(statement.on_conflict_do_update(index_elements=["capture_id"], set_=again))


async def resolve(connection: AsyncConnection, capture_ids: Sequence[str], now: datetime) -> None:
    """These captures are processed: the letters of those that had died are resolved."""
    unsettled = and_(dead_letters.c.capture_id.in_(capture_ids), dead_letters.c.state.in_(UNSETTLED))
    await connection.execute(update(dead_letters).where(unsettled).values(state="resolved", resolved_at=now))


async def _conditions(connection: AsyncConnection, wanted: Wanted) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [dead_letters.c.state.in_(wanted.states)]
    if wanted.source_id is not None:
        where.append(dead_letters.c.source_id == wanted.source_id)
    if wanted.reason is not None:
        where.append(dead_letters.c.reason == wanted.reason)
    if wanted.since is not None:
        where.append(dead_letters.c.created_at >= wanted.since)
    if wanted.group is not None:
        causes = (await connection.execute(select(*_CAUSE).distinct())).all()
        keys = [each for each in causes if group_key(*each).startswith(wanted.group.lower())]
        if not keys:
            raise NotFound(
                f"no group {wanted.group!r} of dead letters; `tidemill deadletters list` shows those there are",
                reason="no_such_group",
            )
        where.append(or_(*(and_(*(c == v for c, v in zip(_CAUSE, each, strict=True))) for each in keys)))
    return where


async def _standing(connection: AsyncConnection, letter_ids: Sequence[str]) -> Sequence[Any]:
    columns = (dead_letters.c.id, dead_letters.c.capture_id, dead_letters.c.state)
    of_source = (sources.c.deleted_at, sources.c.owner_id, sources.c.team_id)
    statement = (
        select(*columns, waiting.c.capture_id.label("waits"), *of_source)
        .outerjoin(waiting, waiting.c.capture_id == dead_letters.c.capture_id)
        .join(sources, sources.c.id == dead_letters.c.source_id)
        .where(_are(letter_ids))
        .order_by(dead_letters.c.id)
    )
    return (await connection.execute(statement)).all()


def _why_not(row: Any, by: Caller) -> str | None:
    """Why a letter is not replayed."""
    if not by.may_edit(row.owner_id, row.team_id):
        return "not_owner"
    if row.deleted_at is not None:
        return "source_deleted"
    if row.state not in _REPLAYABLE or row.waits is not None:
        return str(row.state)
    return None


def _moved(rows: Sequence[Any], ready: Sequence[Any], asked: Sequence[str], by: Caller) -> Moved:
    left: dict[str, int] = {}
    for row in rows:
        if row not in ready:
            why = _why_not(row, by) or str(row.state)
            left[why] = left.get(why, 0) + 1
    if missing := len(set(asked)) - len(rows):
        left["unknown"] = missing
    return Moved(tuple(row.id for row in ready), tuple(row.capture_id for row in ready), left)


def _are(letter_ids: Sequence[str]) -> ColumnElement[bool]:
    return dead_letters.c.id.in_(letter_ids)


def _select() -> Select[Any]:
    return (
        select(dead_letters, sources.c.name.label("source"), captures.c.body_hash, captures.c.fetched_at)
        .join(captures, captures.c.id == dead_letters.c.capture_id)
        .join(sources, sources.c.id == dead_letters.c.source_id)
    )


def _letter(row: Mapping[str, Any], settled_by: str | None = None) -> DeadLetter:
    same = ("id", "capture_id", "run_id", "source", "url", "reason", "error_type", "message", "place", "trace")
    return DeadLetter(
        **{name: row[name] for name in same},
        attempts=row["attempts"],
        state=row["state"],
        died_at=row["created_at"],
        settled_at=row["resolved_at"],
        body_hash=row["body_hash"],
        fetched_at=row["fetched_at"],
        settled_by=settled_by,
    )
