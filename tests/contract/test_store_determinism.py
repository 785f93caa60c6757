"""The same site gives the same documents and the same ledger, in whatever order and batches captures are processed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.contract.store_house import SITE, House, draft, opened_house, result_of, stores_on

from tidemill.models.document import Draft
from tidemill.store import captures, runs, tables
from tidemill.store.processed import store_batch

PATHS = ("a", "b", "c", "d")
Site: TypeAlias = "dict[str, Sequence[Draft] | int]"

CANONICAL = st.none() | st.sampled_from([SITE + path for path in PATHS])
PAGES = st.one_of(
    st.builds(lambda text, canonical: [draft(text, canonical_url=canonical)], st.sampled_from("xyz"), CANONICAL),
    st.builds(
        lambda texts: [draft(t, item=str(n)) for n, t in enumerate(texts)], st.lists(st.sampled_from("xyz"), max_size=3)
    ),
    st.sampled_from([[draft("", problem="too_short")], [draft("x", title="other title")]]),
    st.sampled_from([410, 404, 500, 304]),
)
RUNS = st.lists(st.fixed_dictionaries(dict.fromkeys(PATHS, PAGES)), min_size=1, max_size=3)


async def crawled(house: House, sites: Sequence[Site], rng: random.Random | None) -> tuple[object, ...]:
    """What stands in the store after these runs; without `rng` each run is fetched and then processed as one batch."""
    said = []
    for site in sites:
        run = await house.begin(*site)
        bodies = {path: given if isinstance(given, int) else repr(given) for path, given in site.items()}
        drafts = {path: given for path, given in site.items() if not isinstance(given, int)}
        visits = await house.lease(run)
        if rng is None:
            await house.record(*(house.visited(each, bodies[each.url.removeprefix(SITE)]) for each in visits))
        else:
            rng.shuffle(visits)
            while visits:
                some = [visits.pop() for _ in range(rng.randint(1, len(visits)))]
                await house.record(*(house.visited(each, bodies[each.url.removeprefix(SITE)]) for each in some))
                if rng.random() < 0.5:
                    await process_some(house, drafts, rng)
        await runs.finish(house.store, run.id, 10**6)
        while await process_some(house, drafts, rng):
            pass
        done = await runs.get(house.store, run.id)
        said.append((done.state, done.documents, sorted(done.outcomes.items()), await house.outcomes(run)))
    return said, await house.states(), await contents(house)


async def process_some(house: House, drafts: dict[str, Sequence[Draft]], rng: random.Random | None) -> bool:
    token, claimed = await house.claim(100 if rng is None else rng.randint(1, 4))
    if rng is not None:
        rng.shuffle(claimed)
    while claimed:
        some = [claimed.pop() for _ in range(len(claimed) if rng is None else rng.randint(1, len(claimed)))]
        if rng is not None and rng.random() < 0.2:
            await captures.release(house.store, token, [each.id for each in some])
            continue
        batch = [(each, result_of(each, drafts[each.url.removeprefix(SITE)])) for each in some]
        await store_batch(house.store, token, batch, max_attempts=3)
    return bool(await captures.backlog(house.store))


async def contents(house: House) -> list[tuple[object, ...]]:
    kept = tables.documents.c
    columns = (kept.url, kept.item_key, kept.state, kept.version, kept.content, kept.title)
    async with house.store.read() as connection:
        return [tuple(row) for row in await connection.execute(select(*columns).order_by(kept.url, kept.item_key))]


ONE, SAME = [draft("x")], [draft("y")]


@settings(max_examples=60)
@example([{"a": ONE, "b": ONE}, {"a": SAME, "b": 304}], 1)
@example([{"a": ONE, "b": ONE}, {"a": SAME, "b": [draft("z")]}], 2)
@example([{"a": ONE, "b": SAME}, {"a": SAME, "b": SAME}], 3)
@example([{"a": ONE, "b": ONE}, {"a": 410, "b": 304}, {"a": ONE, "b": ONE}], 4)
@given(RUNS, st.integers(0, 2**32))
async def test_order_and_batches_do_not_show(sites: list[Site], seed: int) -> None:
    await same_in_any_order(sites, seed)


@pytest.mark.usefixtures("postgres")
@settings(max_examples=8)
@example([{"a": ONE, "b": ONE}, {"a": 410, "b": 304}, {"a": ONE, "b": ONE}], 4)
@given(RUNS, st.integers(0, 2**32))
async def test_order_and_batches_do_not_show_on_a_server(sites: list[Site], seed: int) -> None:
    with stores_on("postgresql"):
        await same_in_any_order(sites, seed)


async def same_in_any_order(sites: list[Site], seed: int) -> None:
    with TemporaryDirectory() as plain, TemporaryDirectory() as mixed:
        async with opened_house(Path(plain)) as one, opened_house(Path(mixed)) as other:
            assert await crawled(other, sites, random.Random(seed)) == await crawled(one, sites, None)
