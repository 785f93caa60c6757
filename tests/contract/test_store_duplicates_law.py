"""The law of duplicates: who is an original depends on what there is, and not on how it came."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from tests.contract.duplicate_house import RULES, Place, opened_houses, page, prose, standings
from tests.contract.store_house import SITE, House, result_of, stores_on

from tidemill.models.document import Draft
from tidemill.store import captures, near, runs, tables
from tidemill.store.alike import likeness
from tidemill.store.processed import store_batch
from tidemill.store.templates import is_template, wording

TEXTS = [
    prose(1),
    prose(1, 1),
    prose(1, 2),
    prose(1, 1, 2),
    prose(1, 3),
    prose(1, 2, 3),
    prose(2),
    prose(2, 1),
    "short",
]
PLACES: list[Place] = [(source, path) for source in (0, 1) for path in "abcd"]
SHOWN = st.none() | st.tuples(st.sampled_from(range(len(TEXTS))), st.none() | st.sampled_from("abcd"))
HISTORY = st.lists(st.dictionaries(st.sampled_from(PLACES), SHOWN, min_size=1, max_size=6), min_size=1, max_size=4)


def shown(given: tuple[int, str | None]) -> Draft:
    text, canonical = given
    return page(TEXTS[text], canonical_url=f"{SITE}{canonical}" if canonical else None)


async def expected(houses: Sequence[House]) -> dict[str, tuple[str, str | None, float | None]]:
    """Who must be what, by comparing everything that the store holds with everything."""
    async with houses[0].store.read() as connection:
        rows = (
            (await connection.execute(select(tables.documents).where(tables.documents.c.state.in_(near.LIVE))))
            .mappings()
            .all()
        )
        rules = await near.comparisons(connection, [house.source.id for house in houses])
        named = await near.named(connection, [row["url"] for row in rows])
    number = {house.source.id: n for n, house in enumerate(houses)}
    ordered = sorted(rows, key=lambda row: (row["url"] not in named, row["url"], row["item_key"], row["id"]))
    leaders: dict[tuple[str, str], Any] = {}
    originals: list[Any] = []
    found: dict[str, tuple[str, str | None, float | None]] = {}
    standing: dict[str, tuple[Any, float] | None] = {}
    follows: tuple[Any, float] | None
    for row in ordered:
        node = node_of(row)
        content = (rules[row["source_id"]].pool, row["content_hash"])
        name = f"{number[row['source_id']]}/{row['url'].removeprefix(SITE)}"
        if content in leaders:
            leader = leaders[content]
            follows = standing[leader["id"]] or (leader, 1.0)
        else:
            leaders[content] = row
            beside = (
                (o, likeness(node, node_of(o), rules[row["source_id"]], rules[o["source_id"]])) for o in originals
            )
            near_by = [
                (o, alike)
                for o, alike in beside
                if alike and not set(node.wants()).isdisjoint(node_of(o).near_keys()) and not template(row, o)
            ]
            follows = near_by[0] if near_by else None
            standing[row["id"]] = follows
            if follows is None:
                originals.append(row)
        if follows is None:
            found[name] = ("current", None, None)
        else:
            original = follows[0]
            found[name] = (
                "duplicate",
                f"{number[original['source_id']]}/{original['url'].removeprefix(SITE)}",
                follows[1],
            )
    return found


def node_of(row: Any) -> near.Node:
    signature = page(row["content"]).signature
    return near.node(near.member_of(row), row["kind"], row["title"], row["fields"], signature)


def template(one: Any, other: Any) -> bool:
    return is_template(wording(one["title"], one["content"]), wording(other["title"], other["content"]))


async def told(
    houses: Sequence[House], history: Sequence[dict[Place, tuple[int, str | None] | None]], rng: random.Random
) -> None:
    """Let the sources show this, run by run; batches are of any size, and some are begun, given back and done later."""
    for step in history:
        for number, house in enumerate(houses):
            site = {path: given for (source, path), given in step.items() if source == number}
            run = await house.begin(*site)
            await house.crawl(
                run, {path: repr(given) if given else 410 for path, given in site.items()}, limit=rng.randint(1, 5)
            )
            drafts = {path: [shown(given)] for path, given in site.items() if given}
            while await captures.backlog(house.store):
                token, claimed = await house.claim(rng.randint(1, 4))
                rng.shuffle(claimed)
                kept = [each for each in claimed if rng.random() < 0.8]
                batch = [(each, result_of(each, drafts[each.url.removeprefix(SITE)])) for each in kept]
                await killed_before_commit(house, token, batch, rng)
                await store_batch(house.store, token, batch, max_attempts=3)
                await captures.release(house.store, token, [each.id for each in claimed if each not in kept])
            await runs.finish(house.store, run.id, 10**6)


class Killed(Exception):
    """The process died before its transaction was committed."""


async def killed_before_commit(house: House, token: str, batch: Any, rng: random.Random) -> None:
    """Sometimes all of it is computed and written, and then the power fails."""
    if rng.random() < 0.7 or not batch:
        return

    def die(_connection: Any) -> None:
        raise Killed

    engine = house.store.writer.sync_engine
    event.listen(engine, "commit", die)
    try:
        with pytest.raises(Killed):
            await store_batch(house.store, token, batch, max_attempts=3)
    finally:
        event.remove(engine, "commit", die)


@settings(max_examples=40)
@given(HISTORY, st.integers(0, 2**32))
async def test_it_depends_on_what_there_is_and_not_on_how_it_came(
    history: list[dict[Place, tuple[int, str | None] | None]], seed: int
) -> None:
    await is_a_function_of_what_there_is(history, seed)


@pytest.mark.usefixtures("postgres")
@settings(max_examples=10)
@given(HISTORY, st.integers(0, 2**32))
async def test_it_depends_on_what_there_is_on_a_server_too(
    history: list[dict[Place, tuple[int, str | None] | None]], seed: int
) -> None:
    with stores_on("postgresql"):
        await is_a_function_of_what_there_is(history, seed)


async def is_a_function_of_what_there_is(history: list[dict[Place, tuple[int, str | None] | None]], seed: int) -> None:
    with TemporaryDirectory() as folder:
        async with opened_houses(Path(folder), RULES, RULES) as houses:
            await told(houses, history, random.Random(seed))
            assert await standings(houses) == await expected(houses)
