"""A document in time: its versions, what changed between them, where its values come from, and how people name it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tests.contract.store_house import SITE, House, draft, opened_house

from tidemill.archive.packs import PackArchive
from tidemill.errors import Conflict, Invalid, NotFound
from tidemill.manage.documents import find, full_record, listed
from tidemill.manage.history import diff, history
from tidemill.manage.provenance import why
from tidemill.models.document import origin
from tidemill.models.source import SourceSpec
from tidemill.store import documents, sources, tables, versions


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


@asynccontextmanager
async def archive_in(folder: Path) -> AsyncIterator[PackArchive]:
    archive = PackArchive(folder / "archive", compression_level=1)
    try:
        yield archive
    finally:
        await archive.close()


async def thrice(house: House) -> str:
    """A document with three versions; its identifier."""
    await house.run({"a": [draft("one", title="A", tags=("x",), fields={"price": 1, "unit": "kg"})]})
    await house.run({"a": [draft("two", title="A", tags=("x",), fields={"price": 2, "unit": "kg"})]})
    await house.run({"a": [draft("two", title="B", tags=("x", "y"), fields={"price": 2, "unit": "kg"})]})
    return house.document("a")


async def test_every_version_tells_when_it_stood_and_what_changed(house: House) -> None:
    entries = await history(house.store, await thrice(house))
    assert [(entry.version.number, entry.changed) for entry in entries] == [
        (1, ()),
        (2, ("content", "markdown", "fields.price")),
        (3, ("title", "tags")),
    ]
    first, second, third = (entry.version for entry in entries)
    assert first.fetched_at < second.fetched_at < third.fetched_at
    assert first.replaced_at is not None
    assert second.replaced_at is not None
    assert second.fetched_at < second.replaced_at
    assert third.replaced_at is None
    assert len({first.capture_id, second.capture_id, third.capture_id}) == 3


async def test_an_unchanged_document_gets_no_version(house: House) -> None:
    for _ in range(3):
        await house.run({"a": [draft("one", title="A")]})
    assert len(await history(house.store, house.document("a"))) == 1


async def test_a_removal_and_a_return_are_versions(house: House) -> None:
    await house.run({"a": [draft("one", title="A")]})
    await house.run({"a": 410})
    await house.run({"a": [draft("one", title="A")]})
    found = await history(house.store, house.document("a"))
    assert [(entry.version.state.value, entry.changed) for entry in found] == [
        ("current", ()),
        ("removed", ("state",)),
        ("current", ("state",)),
    ]


async def test_two_versions_are_compared_value_by_value(house: House) -> None:
    document = await documents.get(house.store, await thrice(house))
    before, after, changes = await diff(house.store, document, None, None)
    assert (before.number, after.number) == (2, 3)
    assert [(change.field, change.old, change.new) for change in changes] == [
        ("title", "A", "B"),
        ("tags", ["x"], ["x", "y"]),
    ]
    _, _, changes = await diff(house.store, document, 1, None)
    assert {change.field for change in changes} == {"title", "content", "markdown", "tags", "fields.price"}
    _, _, changes = await diff(house.store, document, 2, 2)
    assert changes == []
    with pytest.raises(NotFound, match="no version 9; it has 1 to 3"):
        await diff(house.store, document, 1, 9)


async def test_a_document_without_a_past_has_nothing_to_compare(house: House) -> None:
    await house.run({"a": [draft("one", title="A")]})
    with pytest.raises(Invalid, match="only 1 version"):
        await diff(house.store, await documents.get(house.store, house.document("a")), None, None)


async def test_a_version_of_long_ago_is_not_said_to_lack_what_was_not_known_then(house: House) -> None:
    identifier = await thrice(house)
    async with house.store.write() as connection:
        versions = tables.document_versions
        kept = await connection.scalar(select(versions.c.draft).where(versions.c.version == 1))
        known = {name: value for name, value in kept.items() if name not in ("keywords", "entities")}
        await connection.execute(update(versions).where(versions.c.version == 1).values(draft=known))
    assert (await history(house.store, identifier))[1].changed == ("content", "markdown", "fields.price")


async def test_documents_are_named_by_identifier_its_first_digits_or_the_url(house: House) -> None:
    await house.run(
        {"a": [draft("one", title="A")], "b": [draft("two", item="1", title="Two"), draft("three", item="2")]}
    )
    expected = await documents.get(house.store, house.document("a"))
    for name in (expected.id, expected.id[:13], expected.id[:6].upper(), f"{SITE}a", "HTTP://SITE.EXAMPLE:80/a#top"):
        assert await find(house.store, name) == expected
    with pytest.raises(Conflict, match="not one document") as told:
        await find(house.store, f"{SITE}b")
    assert f"{house.document('b', '1')} (Two)" in str(told.value)
    assert f"{house.document('b', '2')} (no title)" in str(told.value)
    for name in (f"{SITE}c", "ffffff"):
        with pytest.raises(NotFound):
            await find(house.store, name)
    for name in ("abcde", "no document", ""):
        with pytest.raises(Invalid, match="at least the first 6 digits"):
            await find(house.store, name)


async def test_a_url_means_the_document_that_is_there_not_those_that_went(house: House) -> None:
    await house.run({"a": [draft("one", item="1"), draft("two", item="2")]})
    await house.run({"a": [draft("two", item="2")]})
    assert (await find(house.store, f"{SITE}a")).id == house.document("a", "2")


async def test_a_prefix_of_several_documents_names_them(house: House) -> None:
    await house.run({f"p{n}": [draft(f"text {n}")] for n in range(3)})
    ids = sorted(house.document(f"p{n}") for n in range(3))
    low, high = versions.id_range(ids[0].replace("-", "")[:6])
    assert low <= ids[0] <= high
    assert await versions.ids_with_prefix(house.store, ids[0].replace("-", "")[:8], 10) == [ids[0]]


async def test_the_same_page_in_two_sources_is_two_documents(house: House) -> None:
    await house.run({"a": [draft("one", title="A")]})
    other, _ = await sources.apply(house.store, SourceSpec(name="other", start=(SITE,)))
    house.source = other
    await house.run({"a": [draft("another", title="A")]})
    with pytest.raises(Conflict):
        await find(house.store, f"{SITE}a")


async def test_why_names_capture_extractor_version_rule_and_what_others_gave(house: House, tmp_path: Path) -> None:
    given = draft(
        "one",
        title="A",
        author="Ada",
        language="en",
        fields={"price": 2, "odd": "x"},
        provenance={"title": origin("jsonld", "2", "Article.headline"), "price": origin("selector", "1", "css:.p b")},
        disagreements=({"field": "title", "value": "B", "origin": "h1@1"},),
    )
    await house.run({"a": [given]})
    document = await documents.get(house.store, house.document("a"))
    async with archive_in(tmp_path) as archive:
        told = await why(house.store, archive, document)
    assert (told["capture"]["id"], told["capture"]["archived"]) == (document.capture_id, False)
    by_field = {each["field"]: each for each in told["values"]}
    title = by_field["title"]
    assert (title["extractor"], title["version"], title["rule"]) == ("jsonld", "2", "Article.headline")
    assert title["others"] == [{"value": "B", "origin": "h1@1"}]
    assert by_field["fields.price"]["rule"] == "css:.p b"
    assert by_field["language"]["extractor"] == "steps"
    assert by_field["author"]["extractor"] is None, "what is not recorded is not made up"
    assert "site_name" not in by_field


async def test_why_does_without_a_capture_that_is_not_kept(house: House, tmp_path: Path) -> None:
    await house.run({"a": [draft("one", title="A")]})
    async with house.store.write() as connection:
        await connection.exec_driver_sql("DELETE FROM captures")
    async with archive_in(tmp_path) as archive:
        told = await why(house.store, archive, await documents.get(house.store, house.document("a")))
    assert told["capture"] is None


async def test_lists_and_records_tell_the_state(house: House) -> None:
    await house.run({"a": [draft("one")], "b": [draft("one")], "c": [draft("c", problem="short")]})
    assert [each["url"] for each in await listed(house.store, "site", "current", 10)] == [f"{SITE}a"]
    (copy,) = await listed(house.store, None, "duplicate", 10)
    assert copy["duplicate_of"] == house.document("a")
    (bad,) = await listed(house.store, None, "invalid", 10)
    assert bad["problems"] == ["short"]
    record = full_record(await documents.get(house.store, bad["id"]))
    assert (record["state"], record["problems"], record["disagreements"]) == ("invalid", ["short"], [])
    with pytest.raises(Invalid, match="no state"):
        await listed(house.store, None, "gone", 10)
