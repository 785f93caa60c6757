"""Answers of a language model, kept so that the same question is paid once, and what they cost.

Comes in: keys of questions, answers, tokens; goes out: kept answers, and leave to ask. Called by `process.llm`. Each
request has a row of its own from before it is sent (`ask:` + run + number), so that no process and no restart forgets
what it may have cost; when the answer is usable, its tokens go over to the row of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Permanent
from tidemill.models.document import Json
from tidemill.models.ids import new_id
from tidemill.store import locks
from tidemill.store.engine import Store, insert
from tidemill.store.tables import llm_answers

_NUMBER_CHARS = 27  # with `ask:`, the run's 32 hexadecimal digits and a colon: the 64 of a key


@dataclass(frozen=True, slots=True)
class Reservation:
    """Leave to send one request, whose answer may have so many tokens."""

    key: str
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Need:
    """What a request is expected to cost: its prompt, and an answer of `answer_tokens` (or fewer, but of `least`)."""

    prompt_tokens: int
    answer_tokens: int
    least: int


async def answer(store: Store, key: str) -> dict[str, Json] | None:
    """The answer that is kept for a question; `None` if there is none."""
    statement = select(llm_answers.c.answer).where(llm_answers.c.key == key)
    async with store.read() as connection:
        return cast("dict[str, Json] | None", await connection.scalar(statement))


async def reserve(store: Store, run_id: str, need: Need, *, daily_tokens: int, max_pages: int) -> Reservation:
    """Enter a request before it is sent, at the price that it may have.

    Raises `Permanent`: `max_pages` if so many of the run's pages were asked about, `budget` if the tokens of the day
    (UTC) do not suffice. Tokens that others have reserved count as spent until their requests are settled.
    """
    prefix = f"ask:{run_id.replace('-', '')[:32]}:"
    async with store.write(locks.MODEL) as connection:
        now = store.now()
        if await _asked(connection, prefix) >= max_pages:
            raise Permanent(f"{max_pages} pages of this run were asked about (llm.max_pages)", reason="max_pages")
        left = daily_tokens - await _spent(connection, now)
        answer_tokens = min(need.answer_tokens, left - need.prompt_tokens)
        if answer_tokens < min(need.least, need.answer_tokens):
            message = f"{left} of {daily_tokens} tokens are left today (process.llm.daily_tokens)"
            raise Permanent(message, reason="budget")
        key = prefix + new_id().replace("-", "")[-_NUMBER_CHARS:]
        row = {"key": key, "answer": {}, "tokens": need.prompt_tokens + answer_tokens, "created_at": now}
        await connection.execute(insert(llm_answers).values(row))
        return Reservation(key, answer_tokens)


async def settle(store: Store, reservation: Reservation, tokens: int) -> None:
    """A request is over and gave nothing that can be kept; so many tokens were spent on it."""
    async with store.write() as connection:
        await _price(connection, reservation, tokens)


async def keep(
    store: Store, reservation: Reservation, key: str, answer: Mapping[str, Json], tokens: int
) -> dict[str, Json]:
    """Keep the answer to a question and what it cost. Returns what is kept: another process may have been first."""
    row = {"key": key, "answer": dict(answer), "tokens": tokens, "created_at": store.now()}
    async with store.write() as connection:
        statement = insert(llm_answers).values(row).on_conflict_do_nothing(index_elements=["key"])
        is_first = (await connection.execute(statement)).rowcount == 1
        await _price(connection, reservation, 0 if is_first else tokens)
        kept = await connection.scalar(select(llm_answers.c.answer).where(llm_answers.c.key == key))
        return cast("dict[str, Json]", kept)


async def spent_today(store: Store) -> int:
    """The tokens spent or reserved since midnight (UTC), by all processes."""
    async with store.read() as connection:
        return await _spent(connection, store.now())


async def _asked(connection: AsyncConnection, prefix: str) -> int:
    of_run = (llm_answers.c.key >= prefix, llm_answers.c.key < prefix[:-1] + ";")  # `;` follows `:`
    return int(await connection.scalar(select(func.count()).where(*of_run)) or 0)


async def _spent(connection: AsyncConnection, now: datetime) -> int:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    total = select(func.coalesce(func.sum(llm_answers.c.tokens), 0)).where(llm_answers.c.created_at >= midnight)
    return int(await connection.scalar(total) or 0)


async def _price(connection: AsyncConnection, reservation: Reservation, tokens: int) -> None:
    statement = update(llm_answers).where(llm_answers.c.key == reservation.key).values(tokens=tokens)
    await connection.execute(statement)
