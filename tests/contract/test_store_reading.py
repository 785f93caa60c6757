"""What else the store keeps: sources and their versions, hosts, events in order, documents as a stream, its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from tests.contract.store_house import House, draft, opened_house

from tidemill.errors import Invalid, NotFound, Permanent, Transient
from tidemill.models.export import Selection
from tidemill.models.source import ProcessRules, SourceSpec
from tidemill.settings import DatabaseSettings, load_settings
from tidemill.store import documents, events, hosts, sources, tables, totals
from tidemill.store.engine import open_store
from tidemill.store.hosts import RobotsRecord

SPEC = SourceSpec(
    name="n",
    start=("http://n/",),
    hosts=("n",),
    deny=("x",),
    max_pages=3,
    rate_per_s=0.5,
    process=ProcessRules(languages=("en",)),
)


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


async def test_a_source_is_made_once_and_versioned_when_it_differs(house: House) -> None:
    made, changed = await sources.apply(house.store, SPEC)
    assert (changed, made.version, made.spec, made.adhoc, made.documents) == (True, 1, SPEC, False, 0)
    assert await sources.apply(house.store, SPEC) == (made, False)
    other = SourceSpec(name="n", start=("http://n/",))
    again, changed = await sources.apply(house.store, other)
    assert (changed, again.version, again.id, again.spec, again.created_at) == (
        True,
        2,
        made.id,
        other,
        made.created_at,
    )
    statement = select(tables.source_versions.c.version, tables.source_versions.c.spec["max_pages"].as_integer())
    async with house.store.read() as connection:
        kept = await connection.execute(statement.where(tables.source_versions.c.source_id == made.id))
        assert [tuple(row) for row in kept] == [(1, 3), (2, None)]
    assert [source.name for source in await sources.listed(house.store)] == ["n", "site"]


async def test_an_ad_hoc_source_that_is_written_down_stays_written_down(house: House) -> None:
    first, _ = await sources.apply(house.store, SPEC, adhoc=True)
    assert first.adhoc
    second, changed = await sources.apply(house.store, SPEC)
    assert (changed, second.adhoc) == (True, False)
    assert await sources.apply(house.store, SPEC, adhoc=True) == (second, False)


async def test_a_source_that_is_not_there(house: House) -> None:
    with pytest.raises(NotFound, match="no source 'x'; `tidemill sources list`"):
        await sources.get(house.store, "x")
    with pytest.raises(NotFound):
        await sources.by_id(house.store, "x")


async def test_a_source_counts_its_current_documents(house: House) -> None:
    await house.run({"a": [draft("x")], "b": [draft("x")], "c": [draft("y")], "d": [draft("", problem="too_short")]})
    assert (await sources.get(house.store, "site")).documents == 2
    assert await totals.document_states(house.store) == {"current": 2, "duplicate": 1, "invalid": 1}


async def test_documents_are_streamed_by_url_then_item(house: House) -> None:
    await house.run({"b": [draft("2", item="y"), draft("1", item="x")], "a": [draft("3")], "c": [draft("3")]})
    streamed = [each async for batch in documents.current(house.store, Selection(source="site")) for each in batch]
    assert [(d.url[-1], d.draft.item_key, d.draft.content) for d in streamed] == [
        ("a", "", "3"),
        ("b", "x", "1"),
        ("b", "y", "2"),
    ]
    assert [batch async for batch in documents.current(house.store, Selection(source="else"))] == []
    assert [each async for batch in documents.current(house.store) for each in batch] == streamed
    assert await documents.by_ids(house.store, [streamed[0].id, "00000000-0000-0000-0000-000000000000"]) == streamed[:1]
    with pytest.raises(NotFound):
        await documents.get(house.store, "00000000-0000-0000-0000-000000000000")


async def test_events_ascend_and_none_is_missed(house: House) -> None:
    for text_ in ("one", "two", "three"):
        await house.run({path: [draft(f"{path} {text_}")] for path in "abc"})
    every = await events.after(house.store, 0, 1000)
    assert [each.id for each in every] == sorted({each.id for each in every})
    assert len(every) == 15
    seen: list[tuple[int, str]] = []
    while more := await events.document_changes(house.store, seen[-1][0] if seen else 0, 4):
        seen += more
    assert [identifier for identifier, _ in seen] == [each.id for each in every if each.document_id]
    assert await events.head(house.store) == seen[-1][0]
    assert every[1].payload["url"].endswith("/a") or every[1].document_id is not None


async def test_identifiers_of_events_are_never_given_twice(house: House) -> None:
    async with house.store.write() as connection:
        await events.append(connection, [events.line("x", house.store.now())] * 3)
    last = (await events.after(house.store, 0, 100))[-1].id
    async with house.store.write() as connection:
        await connection.execute(tables.events.delete())
    assert await events.head(house.store) == 0
    async with house.store.write() as connection:
        await events.append(connection, [events.line("x", house.store.now())])
    assert [each.id for each in await events.after(house.store, 0, 100)] == [last + 1]


async def test_robots_are_remembered_and_slots_left_alone(house: House) -> None:
    assert await hosts.robots(house.store, "http://a") is None
    run = await house.begin("a")
    await house.lease(run, interval_s=1.0)
    origin = house.source.spec.start[0].rstrip("/")
    assert await hosts.robots(house.store, origin) is None
    record = RobotsRecord("rules", "User-agent: *\nDisallow: /ü", house.store.now() + timedelta(hours=1))
    await hosts.remember_robots(house.store, origin, record)
    assert await hosts.robots(house.store, origin) == record
    other = RobotsRecord("deny_all", "http_503", house.store.now())
    await hosts.remember_robots(house.store, origin, other)
    assert await hosts.robots(house.store, origin) == other
    async with house.store.read() as connection:
        assert list(await hosts.out_of_step(connection, house.store.at)) == [origin]


async def test_open_visits_of_unfinished_runs_are_counted(house: House) -> None:
    await house.run({"a": [draft("x")]})
    run = await house.begin("b")
    await house.lease(run, 1)
    assert await totals.open_visit_states(house.store) == {"leased": 1, "pending": 1}


async def test_nothing_is_written_when_a_block_fails(house: House) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with house.store.write() as connection:
            await events.append(connection, [events.line("x", house.store.now())])
            raise RuntimeError
    assert await events.after(house.store, 0, 10) == []


async def test_readers_cannot_write(house: House) -> None:
    with pytest.raises(Permanent, match="readonly"):
        async with house.store.read() as connection:
            await connection.execute(tables.events.delete())


async def test_many_writers_of_one_process_wait_for_each_other(house: House) -> None:
    async def one() -> None:
        async with house.store.write() as connection:
            await events.append(connection, [events.line("x", house.store.now())])

    await asyncio.gather(*(one() for _ in range(50)))
    assert len(await events.after(house.store, 0, 100)) == 50


async def test_a_locked_database_says_who_to_look_for(tmp_path: Path) -> None:
    async with opened_house(tmp_path) as house:
        impatient = open_store(house.store.url, DatabaseSettings(busy_timeout_s=1))
        try:
            async with house.store.write():
                with pytest.raises(Transient, match="is locked by another process") as caught:
                    async with impatient.write():
                        pass
        finally:
            await impatient.close()
        assert caught.value.reason == "database_locked"


async def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database at all, " * 100)
    store = open_store(f"sqlite:///{path}", DatabaseSettings())
    try:
        with pytest.raises(Permanent, match="damaged or no database") as caught:
            async with store.read():
                pass
    finally:
        await store.close()
    assert caught.value.reason == "database_corrupt"
    assert path.read_bytes() == b"this is no database at all, " * 100


@pytest.mark.parametrize("folder", ["a b", "100%", "what?", "a#b", "a%41b", "ü"])
async def test_folders_of_any_name(tmp_path: Path, folder: str) -> None:
    settings = load_settings({"data_dir": tmp_path / folder}, environ={}, directory=tmp_path)
    store = open_store(settings.database_url, settings.database)
    try:
        async with store.write() as connection:
            await connection.execute(text("CREATE TABLE x (y)"))
    finally:
        await store.close()
    assert [path.parent.name for path in tmp_path.rglob("tidemill.db")] == [folder]  # noqa: ASYNC240


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "mysql://me:secret@h/d", "nonsense", ""],  # pragma: allowlist secret
)
def test_other_databases_are_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(Invalid, match="use sqlite:///path") as caught:
        open_store(url, DatabaseSettings())
    assert "secret" not in str(caught.value)
