"""The end of a visit: the outcome of its page, and when that is due again; or another attempt, or a dead letter.

In: plans of pages that were carried out, captures that failed. Out: how many pages had which outcome. Called by
`processed`, inside its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.capture import Capture
from tidemill.models.failure import Failure
from tidemill.models.ids import new_id
from tidemill.models.outcome import Outcome, VisitState
from tidemill.store import claiming, deadletters
from tidemill.store.captures import FREE
from tidemill.store.due import due_of
from tidemill.store.many import execute_many
from tidemill.store.plans import PagePlan
from tidemill.store.tables import captures, pages, visits, waiting

_CLOSE_VISIT = (
    update(visits)
    .where(visits.c.run_id == bindparam("b_run"), visits.c.page_id == bindparam("b_page"))
    .where(visits.c.capture_id == bindparam("b_capture"))
    .where(or_(visits.c.state == VisitState.CAPTURED.value, visits.c.outcome == Outcome.DEAD.value))
    .values(
        state=VisitState.DONE.value,
        outcome=bindparam("b_outcome"),
        reason=bindparam("b_reason"),
        finished_at=bindparam("b_now"),
    )
)
_SETTLE_PAGE = (
    update(pages)
    .where(pages.c.id == bindparam("b_page"))
    .where(
        func.coalesce(pages.c.fetched_at, bindparam("b_fetched_at", type_=pages.c.fetched_at.type))
        <= bindparam("b_fetched_at")
    )
    .values(
        etag=bindparam("b_etag"),
        last_modified=bindparam("b_last_modified"),
        body_hash=bindparam("b_body_hash"),
        capture_id=bindparam("b_capture"),
        last_outcome=bindparam("b_outcome"),
        last_reason=bindparam("b_reason"),
        fetched_at=bindparam("b_fetched_at"),
        changed_at=func.coalesce(bindparam("b_changed_at", type_=pages.c.changed_at.type), pages.c.changed_at),
        change_count=pages.c.change_count + bindparam("b_changed"),
        interval_s=bindparam("b_interval_s"),
        due_at=bindparam("b_due_at", type_=pages.c.due_at.type),
        size_bytes=bindparam("b_size_bytes"),
        visit_count=pages.c.visit_count + 1,
        missing_runs=0,
        state="known",
    )
)


async def close(connection: AsyncConnection, planned: Sequence[PagePlan], now: datetime) -> dict[str, int]:
    """The outcome of every page of the batch."""
    identifiers = [page.capture.id for page in planned]
    validators = select(captures.c.id, captures.c.etag, captures.c.last_modified).where(captures.c.id.in_(identifiers))
    sent = {row.id: row for row in await connection.execute(validators)}
    of_sources = {page.capture.source_id for page in planned}
    due = await due_of(connection, [page.capture.page_id for page in planned], of_sources)
    counted: dict[str, int] = {}
    visit_rows, page_rows = [], []
    for page in planned:
        outcome, reason = page.verdict()
        counted[outcome.value] = counted.get(outcome.value, 0) + 1
        capture = page.capture
        both = {"b_page": capture.page_id, "b_capture": capture.id, "b_outcome": outcome.value, "b_reason": reason}
        visit_rows.append({**both, "b_run": capture.run_id, "b_now": now})
        changed = outcome in (Outcome.STORED, Outcome.CHANGED)
        page_rows.append(
            {
                **both,
                "b_etag": sent[capture.id].etag,
                "b_last_modified": sent[capture.id].last_modified,
                "b_body_hash": capture.body_hash,
                "b_fetched_at": capture.fetched_at,
                "b_changed_at": now if changed else None,
                "b_changed": int(outcome is Outcome.CHANGED),
                "b_size_bytes": capture.size_bytes,
                **due.next(capture.page_id, capture.source_id, changed=outcome is Outcome.CHANGED, now=now),
            }
        )
    if planned:
        await execute_many(connection, _CLOSE_VISIT, visit_rows, key="b_page")
        await execute_many(connection, _SETTLE_PAGE, page_rows, key="b_page")
    await claiming.done(connection, identifiers)
    await deadletters.resolve(connection, identifiers, now)
    return counted


async def put_back(
    connection: AsyncConnection,
    failed: Sequence[tuple[Capture, Failure]],
    now: datetime,
    max_attempts: int,
    retry_delay_s: float,
) -> dict[str, int]:
    """Put failed captures back with a delay; after the last attempt they become dead letters."""
    counted: dict[str, int] = {}
    for capture, failure in failed:
        attempts = min(capture.attempts + 1, max_attempts)
        dead = attempts >= max_attempts
        again = now + timedelta(seconds=retry_delay_s * 2**capture.attempts)
        mine = waiting.c.capture_id == capture.id
        later = {"not_before": again, "attempts": attempts, **FREE}
        await connection.execute(delete(waiting).where(mine) if dead else update(waiting).where(mine).values(later))
        name = Outcome.DEAD.value if dead else "retry"
        counted[name] = counted.get(name, 0) + 1
        if dead:
            await _bury(connection, capture, failure, attempts, now)
    return counted


async def _bury(connection: AsyncConnection, capture: Capture, failure: Failure, attempts: int, now: datetime) -> None:
    letter = {
        "id": new_id(),
        "capture_id": capture.id,
        "run_id": capture.run_id,
        "source_id": capture.source_id,
        "url": capture.url,
        "reason": failure.reason,
        "error_type": failure.error_type,
        "message": failure.message,
        "place": failure.place,
        "trace": failure.trace,
        "attempts": attempts,
        "created_at": now,
    }
    await deadletters.bury(connection, letter)
    closed = {
        "b_run": capture.run_id,
        "b_page": capture.page_id,
        "b_capture": capture.id,
        "b_outcome": Outcome.DEAD.value,
        "b_reason": failure.reason,
        "b_now": now,
    }
    await connection.execute(_CLOSE_VISIT, [closed])
    last = {"last_outcome": Outcome.DEAD.value, "last_reason": failure.reason, "fetched_at": capture.fetched_at}
    await connection.execute(update(pages).where(pages.c.id == capture.page_id).values(last))
