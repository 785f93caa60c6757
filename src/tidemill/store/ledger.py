"""The ledger: the frontier of every crawl and its account in one, a row for each (run, page).

`pending → leased → captured → done(outcome)`. The crawl stage leases visits in batches and gives back what became of
them; one transaction then writes captures, visits, pages and the links found, so that a kill leaves either all of it or
nothing. Every write of a leased visit must bear its token.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Conflict
from tidemill.models.document import DocumentState
from tidemill.models.host import HostPolicy
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.run import FINISHED_RUNS, RunState
from tidemill.models.visit import Fetched, Found, LedgerEntry
from tidemill.store import admission, hosts, judge, locks, removal
from tidemill.store import captures as captures_store
from tidemill.store.admission import Entry, Saved
from tidemill.store.again import tried_again
from tidemill.store.due import Due, due_of
from tidemill.store.engine import Store
from tidemill.store.hosts import Settled
from tidemill.store.many import execute_many
from tidemill.store.tables import captures, documents, pages, runs, visits
from tidemill.telemetry.steps import reached

_GONE_AFTER_RUNS = 2
_MOST_FOUND = 500
_SEEN_AGAIN = (Outcome.UNCHANGED, Outcome.DUPLICATE, Outcome.INVALID)
_THIS_VISIT = and_(visits.c.run_id == bindparam("b_run"), visits.c.page_id == bindparam("b_page"))
_SETTLE = (
    update(visits)
    .where(_THIS_VISIT)
    .values(
        token=None,
        worker_id=None,
        **{
            name: bindparam(f"b_{name}")
            for name in (
                "state",
                "outcome",
                "reason",
                "status_code",
                "attempts",
                "not_before",
                "capture_id",
                "redirect_to",
                "finished_at",
            )
        },
    )
)
_OUTCOME = bindparam("b_outcome", type_=pages.c.last_outcome.type)
_MISSING = bindparam("b_missing", type_=pages.c.missing_runs.type)
_INSERT_CAPTURE = plain_insert(captures)
_CLOSE_PAGE = (
    update(pages)
    .where(pages.c.id == bindparam("b_page"))
    .values(
        last_outcome=func.coalesce(_OUTCOME, pages.c.last_outcome),
        last_reason=case(
            (_OUTCOME.is_(None), pages.c.last_reason), else_=bindparam("b_reason", type_=pages.c.last_reason.type)
        ),
        fetched_at=func.coalesce(bindparam("b_fetched_at", type_=pages.c.fetched_at.type), pages.c.fetched_at),
        visit_count=pages.c.visit_count + 1,
        interval_s=bindparam("b_interval_s"),
        due_at=bindparam("b_due_at", type_=pages.c.due_at.type),
        missing_runs=case(
            (_MISSING.is_(None), pages.c.missing_runs),
            (_MISSING == 0, 0),
            (pages.c.missing_run_id == bindparam("b_run", type_=pages.c.missing_run_id.type), pages.c.missing_runs),
            else_=pages.c.missing_runs + _MISSING,
        ),
        missing_run_id=bindparam("b_run", type_=pages.c.missing_run_id.type),
    )
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written of a batch: how many visits were still ours to write, and how their hosts stand now."""

    written: int
    hosts: Settled


@tried_again
async def record(store: Store, entry: Entry, batch: Sequence[Fetched], policy: HostPolicy) -> Recorded:
    """Write what became of leased visits of a run, in one transaction; what a long listing found goes ahead of it.

    A visit whose lease was taken back meanwhile is left as it is: someone else has it now.
    """
    batch = [
        await _entered_ahead(store, entry, fetched) if len(fetched.found) > _MOST_FOUND else fetched
        for fetched in batch
    ]
    wanted = [*locks.of_sources([entry.source_id]), *locks.of_runs([entry.run_id])]
    if any(_is_missing(fetched) for fetched in batch):
        wanted.append(locks.EVENTS)
    async with store.write(*wanted) as connection:
        now = store.now()
        batch = await _still_ours(connection, entry.run_id, batch)
        if not batch:
            return Recorded(0, Settled([]))
        settled = await hosts.settle(connection, batch, policy, now)
        batch = await _unchanged_by_documents(connection, settled.batch)
        await _insert_captures(connection, batch, now)
        await execute_many(connection, _SETTLE, [_settled(fetched, now) for fetched in batch])
        closed = [fetched for fetched in batch if fetched.outcome is not None]
        if closed:
            due = await due_of(connection, [fetched.visit.page_id for fetched in closed], [entry.source_id])
            await execute_many(connection, _CLOSE_PAGE, [_closed_page(fetched, due, now) for fetched in closed])
            await _drop_gone(connection, entry.run_id, entry.source_id, closed, now)
        saved = await admission.enter(connection, entry, _unique_found(batch), now)
        await connection.execute(update(runs).where(runs.c.id == entry.run_id).values(_totals(batch, saved)))
        reached("crawl.before_commit")
        return Recorded(len(batch), settled)


@tried_again
async def give(store: Store, entry: Entry, found: Sequence[Found]) -> list[str]:
    """Enter pages that come with their bytes, without a visit; gives those of their captures that are to be processed.

    The others were entered in this run before, or hold the same bytes as when their page was last processed. Raises
    `Conflict` (`run_ended`) if the run was cancelled meanwhile, or its source deleted.
    """
    wanted = [*locks.of_sources([entry.source_id]), *locks.of_runs([entry.run_id])]
    given = [each.item.id for each in found if each.item is not None]
    async with store.write(*wanted) as connection:
        state = await connection.scalar(select(runs.c.state).where(runs.c.id == entry.run_id))
        if state is None or RunState(state) in FINISHED_RUNS:
            raise Conflict(f"run {entry.run_id} has ended ({state or 'deleted'})", reason="run_ended")
        await admission.enter(connection, entry, found, store.now())
        waiting = await connection.execute(select(captures.c.id).where(captures.c.id.in_(given)))
        return list(waiting.scalars())


async def given(store: Store, run_id: str, page_ids: Sequence[str]) -> dict[str, str]:
    """Which of these pages were given to the run, and the hash of the bytes that they came with."""
    found: dict[str, str] = {}
    came_with = func.coalesce(captures.c.body_hash, pages.c.body_hash, "")
    of_run = and_(captures.c.run_id == visits.c.run_id, captures.c.page_id == visits.c.page_id)
    async with store.read() as connection:
        for start in range(0, len(page_ids), _MOST_FOUND):
            some = and_(visits.c.run_id == run_id, visits.c.page_id.in_(page_ids[start : start + _MOST_FOUND]))
            chosen = select(visits.c.page_id, came_with).join(pages, pages.c.id == visits.c.page_id)
            rows = await connection.execute(chosen.outerjoin(captures, of_run).where(some))
            found |= {row[0]: row[1] for row in rows}
    return found


async def _entered_ahead(store: Store, entry: Entry, fetched: Fetched) -> Fetched:
    """Enter what a long listing found piece by piece, so that nobody waits long for the database.

    The listing stays leased meanwhile; after a kill it is read again, and what was entered already stays as it is.
    """
    wanted = [*locks.of_sources([entry.source_id]), *locks.of_runs([entry.run_id])]
    for start in range(0, len(fetched.found), _MOST_FOUND):
        async with store.write(*wanted) as connection:
            if not await _still_ours(connection, entry.run_id, [fetched]):
                return fetched
            piece = fetched.found[start : start + _MOST_FOUND]
            saved = await admission.enter(connection, entry, piece, store.now())
            of_run = runs.c.id == entry.run_id
            await connection.execute(update(runs).where(of_run).values(_savings(saved)))
        reached("crawl.entered_ahead")
    return replace(fetched, found=())


def _savings(saved: Saved) -> dict[str, Any]:
    return {
        "saved_requests": runs.c.saved_requests + saved.requests,
        "saved_bytes": runs.c.saved_bytes + saved.size_bytes,
    }


async def led_away(store: Store, run_id: str) -> list[tuple[str, str]]:
    """The URLs at depth 0 that redirected out of the source's scope, and where to."""
    away = and_(visits.c.run_id == run_id, visits.c.depth == 0, visits.c.outcome == Outcome.REDIRECTED.value)
    statement = (
        select(pages.c.url, visits.c.redirect_to)
        .join(pages, pages.c.id == visits.c.page_id)
        .where(away, visits.c.reason == "out_of_scope")
        .limit(5)
    )
    async with store.read() as connection:
        return [(row.url, row.redirect_to) for row in await connection.execute(statement)]


async def entries(
    store: Store, run_id: str, outcome: str | None = None, *, after: str | None = None, limit: int | None = None
) -> AsyncIterator[LedgerEntry]:
    """Every URL of a run by URL: all, those with one outcome (or open state), or `limit` behind the URL `after`."""
    label = func.coalesce(visits.c.outcome, visits.c.state)
    statement = (
        select(
            visits.c.page_id,
            pages.c.url,
            label.label("outcome"),
            visits.c.reason,
            visits.c.status_code,
            visits.c.depth,
            visits.c.capture_id,
        )
        .join(pages, pages.c.id == visits.c.page_id)
        .where(visits.c.run_id == run_id)
        .order_by(pages.c.url)
    )
    if outcome is not None:
        statement = statement.where(label == outcome)
    if after is not None:
        statement = statement.where(pages.c.url > after)
    if limit is not None:
        statement = statement.limit(limit)
    async with store.read(at_leisure=True) as connection:
        result = await connection.stream(statement)
        async for rows in result.mappings().partitions(500):
            given = await _documents_of(connection, [row["page_id"] for row in rows])
            for row in rows:
                fields = {name: value for name, value in row.items() if name != "page_id"}
                yield LedgerEntry(**fields, document_ids=tuple(given.get(row["page_id"], ())))


async def _still_ours(connection: AsyncConnection, run_id: str, batch: Sequence[Fetched]) -> list[Fetched]:
    """The results of the leases that hold, one of each. A process that slept may bring those of two leases at once."""
    page_ids = {fetched.visit.page_id for fetched in batch}
    statement = select(visits.c.page_id, visits.c.token).where(
        visits.c.run_id == run_id, visits.c.page_id.in_(page_ids), visits.c.state == VisitState.LEASED.value
    )
    held = {row.page_id: row.token for row in await connection.execute(statement)}
    valid = [fetched for fetched in batch if held.get(fetched.visit.page_id) == fetched.visit.token]
    return list({fetched.visit.page_id: fetched for fetched in valid}.values())


async def _unchanged_by_documents(connection: AsyncConnection, batch: Sequence[Fetched]) -> list[Fetched]:
    """A page that did not change ends as what its documents are: a duplicate stays one, an invalid page too."""
    same = [fetched.visit.page_id for fetched in batch if fetched.outcome is Outcome.UNCHANGED]
    if not same:
        return list(batch)
    columns = (documents.c.page_id, documents.c.state, documents.c.problems, documents.c.similarity)
    standing: dict[str, dict[str, list[str]]] = {}
    similar: dict[str, list[float | None]] = {}
    for row in await connection.execute(select(*columns).where(documents.c.page_id.in_(same))):
        standing.setdefault(row.page_id, {})[row.state] = row.problems
        if row.state == DocumentState.DUPLICATE.value:
            similar.setdefault(row.page_id, []).append(row.similarity)
    last = select(pages.c.id, pages.c.last_outcome, pages.c.last_reason).where(pages.c.id.in_(same))
    before = {row.id: (row.last_outcome, row.last_reason) for row in await connection.execute(last)}

    def settled(fetched: Fetched) -> Fetched:
        if fetched.outcome is not Outcome.UNCHANGED:
            return fetched
        outcome, reason = before[fetched.visit.page_id]
        if outcome in (Outcome.INVALID, Outcome.SKIPPED):
            return replace(fetched, outcome=Outcome(outcome), reason=reason)
        held = standing.get(fetched.visit.page_id, {})
        if set(held) == {DocumentState.INVALID}:
            return replace(fetched, outcome=Outcome.INVALID, reason=held[DocumentState.INVALID][0])
        if DocumentState.CURRENT not in held and DocumentState.DUPLICATE in held:
            return replace(fetched, outcome=Outcome.DUPLICATE, reason=judge.reason_of(similar[fetched.visit.page_id]))
        return fetched

    return [settled(fetched) for fetched in batch]


async def _insert_captures(connection: AsyncConnection, batch: Sequence[Fetched], now: datetime) -> None:
    rows = [
        {
            **captures_store.row(fetched.capture, now),
            "etag": fetched.etag,
            "last_modified": fetched.last_modified,
            "headers": fetched.headers or None,
            "screenshot_hash": fetched.screenshot_hash,
        }
        for fetched in batch
        if fetched.capture is not None
    ]
    if rows:
        await execute_many(connection, _INSERT_CAPTURE, rows)
    fresh = [fetched.capture for fetched in batch if fetched.capture is not None and fetched.outcome is None]
    await captures_store.put(connection, fresh, now)


def _settled(fetched: Fetched, now: datetime) -> dict[str, Any]:
    visit = fetched.visit
    if fetched.outcome is not None:
        state = VisitState.DONE
    elif fetched.capture is not None:
        state = VisitState.CAPTURED
    else:
        state = VisitState.PENDING
    return {
        "b_run": visit.run_id,
        "b_page": visit.page_id,
        "b_state": state.value,
        "b_outcome": fetched.outcome.value if fetched.outcome else None,
        "b_reason": fetched.reason,
        "b_status_code": fetched.status_code,
        "b_attempts": visit.attempts + 1,
        "b_not_before": fetched.retry_at or visit.not_before,
        "b_capture_id": fetched.capture.id if fetched.capture else None,
        "b_redirect_to": fetched.redirect_to,
        "b_finished_at": now if fetched.outcome else None,
    }


def _closed_page(fetched: Fetched, due: Due, now: datetime) -> dict[str, Any]:
    assert fetched.outcome is not None  # noqa: S101 - the caller chose the closed ones
    visit = fetched.visit
    changed = False if fetched.outcome in _SEEN_AGAIN else None
    missing: int | None = 0
    if _is_missing(fetched):
        missing = _GONE_AFTER_RUNS if fetched.status_code == 410 or fetched.reason == "noindex" else 1
    elif fetched.outcome in (Outcome.FAILED, Outcome.BLOCKED, Outcome.SKIPPED):
        missing = None  # says nothing about whether the page is there
    return {
        "b_page": visit.page_id,
        "b_run": visit.run_id,
        "b_outcome": fetched.outcome.value if fetched.requests else None,
        "b_reason": fetched.reason,
        "b_fetched_at": now if fetched.requests else None,
        "b_missing": missing,
        **due.next(visit.page_id, visit.source_id, changed=changed, now=now),
    }


def _is_missing(fetched: Fetched) -> bool:
    """Whether nothing is to be kept of the page's URL: it is gone, has moved for good, or asks not to be indexed."""
    moved = fetched.outcome is Outcome.REDIRECTED and (
        fetched.status_code in (301, 308) or fetched.reason == "canonical"
    )
    return moved or fetched.outcome is Outcome.GONE or fetched.reason == "noindex"


async def _drop_gone(
    connection: AsyncConnection, run_id: str, source_id: str, closed: Sequence[Fetched], now: datetime
) -> None:
    """Pages that are gone for good lose their documents."""
    candidates = [fetched.visit.page_id for fetched in closed if _is_missing(fetched)]
    if not candidates:
        return
    gone = and_(pages.c.id.in_(candidates), pages.c.missing_runs >= _GONE_AFTER_RUNS)
    lost = list((await connection.execute(select(pages.c.id).where(gone))).scalars())
    forgotten = {"etag": None, "last_modified": None, "body_hash": None}  # if it comes back, it must come in full
    await connection.execute(update(pages).where(pages.c.id.in_(lost)).values(state="gone", **forgotten))
    await removal.remove_pages(connection, lost, run_id=run_id, source_id=source_id, now=now)


def _unique_found(batch: Sequence[Fetched]) -> list[Found]:
    """What a batch found, each URL once, as it was found nearest to the start."""
    nearest: dict[str, Found] = {}
    for fetched in batch:
        for found in fetched.found:
            if found.url not in nearest or found.depth < nearest[found.url].depth:
                nearest[found.url] = found
    return list(nearest.values())


def _totals(batch: Sequence[Fetched], saved: Saved) -> dict[str, Any]:
    unasked = [each for each in batch if each.outcome is Outcome.SKIPPED and not each.requests]
    refused = sum(each.visit.attempts == 0 for each in unasked)
    spared = sum(each.visit.size_bytes for each in batch if each.status_code == 304)
    return {
        "fetched": runs.c.fetched + sum(fetched.requests + fetched.aside_requests for fetched in batch),
        "received_bytes": runs.c.received_bytes + sum(each.received_bytes + each.aside_bytes for each in batch),
        "out_of_scope": runs.c.out_of_scope + sum(fetched.out_of_scope for fetched in batch),
        "admitted": runs.c.admitted - refused,
        **_savings(Saved(saved.requests, saved.size_bytes + spared)),
    }


async def _documents_of(connection: AsyncConnection, page_ids: Sequence[str]) -> dict[str, list[str]]:
    kept = documents.c.state.in_((DocumentState.CURRENT.value, DocumentState.DUPLICATE.value))
    statement = (
        select(documents.c.page_id, documents.c.id)
        .where(documents.c.page_id.in_(page_ids), kept)
        .order_by(documents.c.page_id, documents.c.item_key)
    )
    found: dict[str, list[str]] = {}
    for row in await connection.execute(statement):
        found.setdefault(row.page_id, []).append(row.id)
    return found
