"""Equal and alike documents of all sources: who is the original depends on what there is, not on how it came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from tests.contract.duplicate_house import (
    CAPTURE,
    RULES,
    THRESHOLD,
    happening,
    opened_houses,
    page,
    prose,
    standings,
    states,
)
from tests.contract.store_house import SITE, House, result_of

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.source import ProcessRules
from tidemill.process.steps.deduplicate import fingerprint
from tidemill.store import ledger, tables
from tidemill.store.processed import store_batch, store_reprocessed


@pytest.fixture
async def houses(tmp_path: Path, database: str) -> AsyncIterator[list[House]]:
    async with opened_houses(tmp_path, RULES, RULES) as houses:
        yield houses


@pytest.fixture
def house(houses: list[House]) -> House:
    return houses[0]


async def reasons(house: House, run: Any) -> dict[str, str | None]:
    """Why each page of a run ended as it did."""
    return {each.url.removeprefix(SITE): each.reason async for each in ledger.entries(house.store, run.id)}


# --- what is alike ----------------------------------------------------------------------------------------------------


async def test_a_text_that_is_almost_another_is_its_duplicate(houses: list[House], house: House) -> None:
    run = await house.run({"b": [page(prose(1))], "a": [page(prose(1, 1))], "c": [page(prose(2))]})
    found = await standings(houses)
    similarity = found["0/b"][2]
    assert found == {
        "0/a": ("current", None, None),
        "0/b": ("duplicate", "0/a", similarity),
        "0/c": ("current", None, None),
    }
    assert similarity is not None
    assert THRESHOLD <= similarity < 1
    assert await house.outcomes(run) == {"a": "stored", "b": "duplicate", "c": "stored"}
    assert await reasons(house, run) == {"a": None, "b": "near_duplicate", "c": None}


async def test_equal_ones_have_similarity_1_and_another_reason(houses: list[House], house: House) -> None:
    run = await house.run({"a": [page(prose(1))], "b": [page(prose(1))]})
    assert (await standings(houses))["0/b"] == ("duplicate", "0/a", 1.0)
    assert (await reasons(house, run))["b"] == "exact_content"


async def test_what_equals_a_near_duplicate_names_the_same_original(houses: list[House], house: House) -> None:
    run = await house.run({"a": [page(prose(1, 1))], "b": [page(prose(1))], "c": [page(prose(1))]}, limit=1)
    found = await standings(houses)
    assert found["0/b"] == found["0/c"] != ("current", None, None)
    assert (await reasons(house, run))["c"] == "near_duplicate"


async def test_what_another_names_as_canonical_is_the_original_of_what_is_alike(
    houses: list[House], house: House
) -> None:
    printed = page(prose(1, 1), canonical_url=f"{SITE}b")
    await house.run({"a": [printed]})
    assert await states(houses) == {"0/a": "current"}
    await house.run({"b": [page(prose(1))]})
    assert await states(houses) == {"0/a": "0/b", "0/b": "current"}
    await house.run({"a": [page(prose(1, 1))]})
    assert await states(houses) == {"0/a": "current", "0/b": "0/a"}


async def test_two_pages_of_one_template_are_two_documents(houses: list[House], house: House) -> None:
    weather: dict[str, Sequence[Draft] | int] = {
        town: [page(f"{prose(1)} Weather of {town}: {n}1 and {n}7 degrees, {n}5 mm", title=f"Weather in {town}")]
        for n, town in enumerate(["leeds", "york"], 1)
    }
    assert (await house.run(weather)).outcomes == {"stored": 2}


@pytest.mark.parametrize("rules", [ProcessRules(near_duplicates=None), ProcessRules(near_duplicates=0.99)])
async def test_a_source_says_from_which_similarity_on_and_the_stricter_one_counts(
    tmp_path: Path, rules: ProcessRules
) -> None:
    async with opened_houses(tmp_path, RULES, rules) as houses:
        await houses[0].run({"a": [page(prose(1))]})
        await houses[1].run({"b": [page(prose(1, 1), rules=rules)], "c": [page(prose(1), rules=rules)]})
        assert await states(houses) == {"0/a": "current", "1/b": "current", "1/c": "0/a"}


async def test_documents_of_one_page_are_not_compared_by_their_words(houses: list[House], house: House) -> None:
    items = [fingerprint(Draft(kind="article", item_key=str(n), content=prose(1, n)), RULES, CAPTURE) for n in (1, 2)]
    await house.run({"a": items})
    assert set((await states(houses)).values()) == {"current"}


async def test_a_product_is_not_compared_by_its_words(houses: list[House], house: House) -> None:
    products: dict[str, Sequence[Draft] | int] = {
        path: [fingerprint(Draft(kind="product", content=prose(1, n)), RULES, CAPTURE)] for n, path in enumerate("ab")
    }
    await house.run(products)
    assert set((await states(houses)).values()) == {"current"}


async def test_an_event_that_two_pages_announce_is_one(houses: list[House]) -> None:
    title = "Jazz Night with the Big Band"
    await houses[0].run({"b": [happening(title, "2026-05-01T20:00+02:00", "City Park, Leeds")]})
    await houses[1].run(
        {
            "a": [
                happening(f"{title} (sold out)", "2026-05-01T18:00Z", "City Park", "x"),
                happening(title, "2026-05-02T20:00+02:00", "City Park", "y"),
            ]
        }
    )
    assert await states(houses) == {"0/b#1": "1/a#x", "1/a#x": "current", "1/a#y": "current"}
    await houses[1].run({"a": 410})
    assert await states(houses) == {"0/b#1": "current"}


# --- across sources ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1])
async def test_equal_documents_of_two_sources_have_one_original(houses: list[House], first: int) -> None:
    paths = ["b", "a"]
    ran = {number: await houses[number].run({paths[number]: [page(prose(1))]}) for number in (first, 1 - first)}
    assert await states(houses) == {"0/b": "1/a", "1/a": "current"}
    said = {number: await houses[number].outcomes(run) for number, run in ran.items()}
    assert said == {0: {"b": "stored" if first == 0 else "duplicate"}, 1: {"a": "stored"}}
    async with houses[0].store.read() as connection:
        kept = tables.events.c
        told = (
            await connection.execute(select(kept.source_id, kept.document_id).where(kept.document_id.is_not(None)))
        ).all()
    owners = {house.document(path): house.source.id for house, path in zip(houses, paths, strict=True)}
    assert {(row.source_id, row.document_id) for row in told} == {(owner, each) for each, owner in owners.items()}


async def test_a_source_may_keep_to_itself(tmp_path: Path) -> None:
    alone = ProcessRules(across_sources=False)
    async with opened_houses(tmp_path, RULES, alone, alone) as houses:
        for house in houses:
            await house.run({"a": [page(prose(1))], "b": [page(prose(1))], "c": [page(prose(1, 1))]})
        assert {each for each in (await states(houses)).values() if each != "current"} == {"0/a", "1/a", "2/a"}


async def test_when_the_original_of_another_source_goes_the_next_takes_over(houses: list[House]) -> None:
    await houses[0].run({"a": [page(prose(1))]})
    run = await houses[1].run({"b": [page(prose(1))], "c": [page(prose(1, 1))], "d": [page(prose(1))]})
    assert await states(houses) == {"0/a": "current", "1/b": "0/a", "1/c": "0/a", "1/d": "0/a"}
    before = await houses[1].outcomes(run)
    await houses[0].run({"a": 410})
    assert await states(houses) == {"1/b": "current", "1/c": "1/b", "1/d": "1/b"}
    assert await houses[1].outcomes(run) == before, "only the ledger of the run that is at work is corrected"


# --- what is written --------------------------------------------------------------------------------------------------


async def test_only_the_leader_of_equal_documents_has_keys(house: House) -> None:
    await house.run({f"p{number:02}": [page(prose(1))] for number in range(30)}, limit=4)
    assert await house.count("leaders") == 1
    keys = await house.count("signatures")
    await house.run({"p00": 410})
    assert (await house.count("leaders"), await house.count("signatures")) == (1, keys)


async def test_what_has_gone_leaves_no_keys(house: House) -> None:
    await house.run({"a": [page(prose(1))], "b": [page(prose(2))]})
    await house.run({"a": 410, "b": [page("short")]})
    assert await house.count("leaders") == 1
    assert await house.count("signatures") == 1, "a text that is too short has the key of its content alone"


async def test_an_unchanged_document_writes_nothing(houses: list[House], house: House) -> None:
    site: dict[str, Sequence[Draft] | int] = {"a": [page(prose(1))], "b": [page(prose(1, 1))], "c": [page("short")]}
    await house.run(site)
    run = await house.begin(*site)
    await house.crawl(run, dict.fromkeys(site, "other bytes"))
    written: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(statement.split()[1 + statement.startswith(("INSERT", "DELETE"))])

    token, claimed = await house.claim()
    batch = [(each, result_of(each, site[each.url.removeprefix(SITE)])) for each in claimed]  # type: ignore[arg-type]
    engine = house.store.writer.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    await store_batch(house.store, token, batch, max_attempts=3)
    event.remove(engine, "before_cursor_execute", note)
    assert set(written) <= {"visits", "pages", "waiting", "runs", "events", "dead_letters"}
    assert len(await house.changes()) == 3


# --- reprocessing -----------------------------------------------------------------------------------------------------


async def stored_captures(house: House) -> list[Capture]:
    """Every capture of a source, the oldest first."""
    columns = [tables.captures.c[name] for name in Capture.__dataclass_fields__]
    statement = select(*columns).where(tables.captures.c.source_id == house.source.id).order_by(tables.captures.c.id)
    async with house.store.read() as connection:
        return [Capture(**row) for row in (await connection.execute(statement)).mappings()]


async def test_reprocessing_decides_as_processing_does_and_leaves_the_ledger_alone(
    houses: list[House], house: House
) -> None:
    run = await house.run({"a": [page(prose(1))], "b": [page(prose(2))], "c": [page(prose(3))]})
    before = (await house.outcomes(run), [await house.page_row(path) for path in "abc"])
    drafts = {"a": page(prose(1), author="Someone"), "b": page(prose(1, 1)), "c": page(prose(3))}
    batch = [
        (each, Processed(each.id, (drafts[each.url.removeprefix(SITE)],))) for each in await stored_captures(house)
    ]
    assert await store_reprocessed(house.store, batch) == {"changed": 1, "duplicate": 1, "unchanged": 1}
    assert await states(houses) == {"0/a": "current", "0/b": "0/a", "0/c": "current"}
    assert (await house.outcomes(run), [await house.page_row(path) for path in "abc"]) == before
    assert await house.count("document_versions") == 2
    assert await store_reprocessed(house.store, batch) == {"duplicate": 1, "unchanged": 2}
    assert await house.count("document_versions") == 2


async def test_reprocessing_takes_what_a_page_showed_last_and_nothing_that_is_gone(
    houses: list[House], house: House
) -> None:
    await house.run({"a": [page(prose(1))], "b": [page(prose(2))], "c": [page(prose(3))]})
    await house.run({"a": [page(prose(4))], "b": 410, "c": 304})
    batch = [(each, Processed(each.id, (page(prose(9), title=each.id),))) for each in await stored_captures(house)]
    assert len(batch) == 4
    assert sum((await store_reprocessed(house.store, batch)).values()) == 2
    assert set(await states(houses)) == {"0/a", "0/c"}
