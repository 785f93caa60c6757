"""Totals over the whole store, for metrics: they survive processes and add up over roles."""

from __future__ import annotations

from sqlalchemy import func, select

from tidemill.models.run import FINISHED_RUNS
from tidemill.store.engine import Store
from tidemill.store.tables import documents, runs, visits


async def document_states(store: Store) -> dict[str, int]:
    """How many documents are in each state."""
    statement = select(documents.c.state, func.count()).group_by(documents.c.state)
    async with store.read() as connection:
        return {str(state): int(count) for state, count in (await connection.execute(statement)).all()}


async def open_visit_states(store: Store) -> dict[str, int]:
    """The visits of unfinished runs, by outcome or open state."""
    label = func.coalesce(visits.c.outcome, visits.c.state)
    finished = [state.value for state in FINISHED_RUNS]
    statement = (
        select(label, func.count())
        .join(runs, runs.c.id == visits.c.run_id)
        .where(runs.c.state.not_in(finished))
        .group_by(label)
    )
    async with store.read() as connection:
        return {str(name): int(count) for name, count in (await connection.execute(statement)).all()}
