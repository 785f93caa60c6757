"""What the store exports as a web archive gives the same documents when it is replayed, from both ages of the store."""

from __future__ import annotations

from argparse import Namespace
from contextlib import aclosing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import update
from tests.contract.store_house import SITE, House, opened_house
from warcio.checker import Checker

from tidemill.archive.packs import PackArchive
from tidemill.archive.warc import write_warc
from tidemill.crawl.local.folder import start_url
from tidemill.crawl.local.replay import Replay
from tidemill.manage.documents import archived
from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.net import Response
from tidemill.process.pipeline import process
from tidemill.store import captures, tables

HEADERS = (
    ("Content-Type", "text/html"),
    ("Content-Encoding", "gzip"),
    ("ETag", '"1"'),
    ("X-Robots-Tag", "noarchive"),
    ("Link", "<a>; rel=next"),
    ("Link", "<b>; rel=last"),
)
TEXT = "The tide turns the wheel twice a day, and the miller with it, whatever the town says."
PAGES = {
    "a": f"<html lang=en><title>Mill</title><time datetime=2026-03-01T10:00>March</time><article><p>{TEXT}</article>",
    "b": f"<html lang=en><title>Mañana</title><article><h1>Mañana</h1><p>{TEXT} Tomorrow again.</article>",
    "copy": f"<html lang=en><title>Mañana</title><article><h1>Mañana</h1><p>{TEXT} Tomorrow again.</article>",
}


async def _crawled(house: House, archive: PackArchive) -> None:
    await archive.put({sha256(body.encode()).hexdigest(): body.encode() for body in PAGES.values()})
    run = await house.begin(*PAGES)
    visits = await house.lease(run)
    bodies = {SITE + path: body for path, body in PAGES.items()}
    await house.record(*(house.captured(visit, bodies[visit.url], headers=HEADERS) for visit in visits))


async def _exported(house: House, archive: PackArchive, path: Path) -> None:
    async with aclosing(archived(house.store, archive, house.source.name)) as entries:
        with path.open("wb") as out:
            await write_warc(out, entries, software="tidemill/test", created_at=datetime(2026, 11, 1, tzinfo=UTC))


def _drafts(capture: Capture, body: bytes) -> tuple[Draft, ...]:
    drafts = process(capture, body, ProcessRules()).drafts
    assert drafts
    return drafts


def _as_captured(answer: Response) -> Capture:
    """What the crawl stage makes of an answer, as far as the process stage looks at it."""
    assert answer.fetched_at is not None
    body_hash, size = sha256(answer.body).hexdigest(), len(answer.body)
    about = (answer.fetched_at, answer.status, answer.media_type, answer.content_type, body_hash, size)
    return Capture("other", "run", "page", "source", answer.url, *about)


async def test_an_export_is_replayed_to_the_same_documents(tmp_path: Path) -> None:
    archive, path = PackArchive(tmp_path / "archive", compression_level=3), tmp_path / "export.warc.gz"
    async with opened_house(tmp_path) as house:
        await _crawled(house, archive)
        await _exported(house, archive, path)
        stored = [
            (capture, await archive.get(capture.body_hash))
            async for capture, _ in captures.of_source(house.store, None)
        ]
    await archive.close()
    assert Checker(Namespace(inputs=[str(path)], verbose=False)).process_all() == 0
    replay = Replay([str(path)], max_body_bytes=10**6)
    listing = await replay.listing(start_url(str(path)))
    assert sorted(each.url for each in listing.pages) == sorted(SITE + name for name in PAGES)
    assert len(stored) == len(PAGES)
    for capture, body in stored:
        answer = await replay.get(capture.url)
        assert (answer.body, answer.fetched_at, answer.status) == (body, capture.fetched_at, capture.status_code)
        assert tuple(answer.headers.items()) == tuple(pair for pair in HEADERS if pair[0] != "Content-Encoding")
        assert _drafts(_as_captured(answer), answer.body) == _drafts(capture, body)


async def test_captures_of_older_versions_have_the_headers_that_were_kept(tmp_path: Path) -> None:
    archive = PackArchive(tmp_path / "archive", compression_level=3)
    async with opened_house(tmp_path) as house:
        await _crawled(house, archive)
        async with house.store.write() as connection:
            await connection.execute(update(tables.captures).values(headers=None, etag='"old"', last_modified=None))
        found = [headers async for _, headers in captures.of_source(house.store, house.source.id)]
    await archive.close()
    assert found == [(("Content-Type", "text/html"), ("ETag", '"old"'))] * len(PAGES)


async def test_the_content_type_is_that_of_what_was_archived(tmp_path: Path) -> None:
    """A browser's page has the headers of the answer, but its own content type."""
    async with opened_house(tmp_path) as house:
        (visit,) = await house.lease(await house.begin("a"))
        await house.record(house.captured(visit, headers=(("content-type", "application/json"), ("X-A", "1"))))
        found = [headers async for _, headers in captures.of_source(house.store, None)]
    assert found == [(("Content-Type", "text/html"), ("X-A", "1"))]
