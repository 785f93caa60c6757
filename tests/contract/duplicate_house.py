"""Several sources in one store, and documents with real signatures: what the tests of duplicates are made of."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import select
from tests.contract.store_house import SITE, House, opened_store

from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules, SourceSpec
from tidemill.process.steps.deduplicate import fingerprint
from tidemill.store import near, sources, tables, workers

CAPTURE = Capture("", "", "", "", SITE, datetime(2026, 1, 1, tzinfo=UTC), 200, "text/html", "", "", 0)
THRESHOLD = 0.7
RULES = ProcessRules(near_duplicates=THRESHOLD)
Place: TypeAlias = "tuple[int, str]"
"""Which source, and the path of a page."""


def prose(seed: int, *edits: int, words: int = 200) -> str:
    """A text of these many words; each edit replaces one word in twenty of them, always the same ones."""
    chosen = random.Random(seed)
    text = [f"w{seed}x{chosen.randrange(5000)}" for _ in range(words)]
    for edit in edits:
        for place in random.Random(1000 * seed + edit).sample(range(words), words // 20):
            text[place] = f"edit{edit}"
    return " ".join(text)


def page(text: str, *, title: str = "A title", rules: ProcessRules = RULES, **values: object) -> Draft:
    """A draft as the process stage hands it on."""
    draft = Draft(kind="article", title=title, content=text, markdown=text, **values)  # type: ignore[arg-type]
    return fingerprint(draft, rules, CAPTURE)


def happening(title: str, start: str, place: str | None = None, item: str = "1") -> Draft:
    """A draft of an event."""
    fields = {"start": start, **({"location": place} if place else {})}
    return fingerprint(Draft(kind="event", item_key=item, title=title, fields=fields), RULES, CAPTURE)


@asynccontextmanager
async def opened_houses(folder: Path, *rules: ProcessRules) -> AsyncIterator[list[House]]:
    """One store with as many sources as there are rules, and one worker for all."""
    async with opened_store(folder / "tidemill.db") as store:
        worker = await workers.register(store, "crawler")
        applied = [
            (await sources.apply(store, SourceSpec(name=f"s{number}", start=(SITE,), process=each)))[0]
            for number, each in enumerate(rules)
        ]
        yield [House(store, source, worker) for source in applied]
        await workers.leave(store, worker)


async def standings(houses: Sequence[House]) -> dict[str, tuple[str, str | None, float | None]]:
    """State, original and similarity of each live document, by `source/path#item`."""
    kept = tables.documents.c
    number = {house.source.id: n for n, house in enumerate(houses)}
    columns = (kept.id, kept.source_id, kept.url, kept.item_key, kept.state, kept.duplicate_of, kept.similarity)
    async with houses[0].store.read() as connection:
        rows = (await connection.execute(select(*columns).where(kept.state.in_(near.LIVE)))).all()
    names = {
        row.id: f"{number[row.source_id]}/{row.url.removeprefix(SITE)}" + (f"#{row.item_key}" if row.item_key else "")
        for row in rows
    }
    return {
        names[row.id]: (row.state, names[row.duplicate_of] if row.duplicate_of else None, row.similarity)
        for row in rows
    }


async def states(houses: Sequence[House]) -> dict[str, str]:
    """`current` or the name of the original, by document."""
    return {name: original or state for name, (state, original, _) in (await standings(houses)).items()}
