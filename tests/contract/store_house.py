"""A store over a real database whose clock the test turns, and short ways to crawl and process in it.

It is a SQLite file, or a database of a real PostgreSQL where a test asks for the fixture `database`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select
from tests.harness.postgres import need_postgres

from tidemill.errors import TidemillError
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.failure import Failure
from tidemill.models.host import HostPolicy
from tidemill.models.ids import document_id, new_id, page_id
from tidemill.models.outcome import Outcome
from tidemill.models.run import Run, RunOptions
from tidemill.models.source import Source, SourceSpec
from tidemill.models.url import url_key, url_origin
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.settings import DatabaseSettings
from tidemill.store import admission, captures, leases, ledger, runs, schema, sources, tables, workers
from tidemill.store.engine import Store, open_store
from tidemill.store.processed import store_batch
from tidemill.store.workers import Worker

SITE = "http://site.example/"
DATABASES = ("sqlite", "postgresql")
_TEMPLATE: list[bytes] = []
_CHOSEN = ["sqlite"]
UNLIMITED = HostPolicy(interval_s=lambda _: 0.0)
EPOCH = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(slots=True)
class TurnedStore(Store):
    """A store whose time goes on by a millisecond with each look, and by more when the test says so."""

    at: datetime = field(default=EPOCH)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def turn_on(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@contextmanager
def stores_on(database: str) -> Iterator[str]:
    """Inside the block, new stores are of that kind."""
    _CHOSEN.append(database)
    try:
        yield database
    finally:
        _CHOSEN.pop()


async def made_store(path: Path) -> TurnedStore:
    """A new store with its tables."""
    url = await need_postgres().copy() if _CHOSEN[-1] == "postgresql" else await _new_file(path)
    opened = open_store(url, DatabaseSettings(), path.parent)
    return TurnedStore(**{each.name: getattr(opened, each.name) for each in fields(Store)})


async def _new_file(path: Path) -> str:
    if not _TEMPLATE:
        with TemporaryDirectory() as folder:
            template = open_store(f"sqlite:///{folder}/t.db", DatabaseSettings())
            await schema.ensure_schema(template)
            await template.close()
            _TEMPLATE.append(template.path.read_bytes())
    path.write_bytes(_TEMPLATE[0])  # noqa: ASYNC240
    return f"sqlite:///{path}"


@asynccontextmanager
async def opened_store(path: Path) -> AsyncIterator[TurnedStore]:
    """A new store with its tables, closed at the end."""
    store = await made_store(path)
    try:
        yield store
    finally:
        await store.close()
        if store.url.startswith("postgresql"):
            await need_postgres().drop(store.url)


def found(*paths: str, depth: int = 0, skip: str | None = None, kind: str = "page") -> list[Found]:
    """URLs below the site."""
    keys = [url_key(SITE + path) for path in paths]
    return [Found(url=key, origin=url_origin(key), depth=depth, skip=skip, kind=kind) for key in keys]


def draft(text: str = "text", *, item: str = "", problem: str = "", **values: object) -> Draft:
    """A draft whose content is its text; it changes visibly with its `title` alone, too."""
    content_hash = sha256(text.encode()).hexdigest()
    fingerprint = sha256(f"{text}|{problem}|{sorted(values.items())}".encode()).hexdigest()
    given: dict[str, object] = {"content": text, "markdown": text, "content_hash": content_hash, **values}
    problems = (problem,) if problem else ()
    return Draft(kind="article", item_key=item, fingerprint=fingerprint, problems=problems, **given)  # type: ignore[arg-type]


class House:
    """One source, its runs, and a worker who does what the test says."""

    def __init__(self, store: TurnedStore, source: Source, worker: Worker) -> None:
        self.store = store
        self.source = source
        self.worker = worker
        self.media_type = "text/html"

    async def begin(self, *paths: str, **options: object) -> Run:
        """A run that is running, with these start pages."""
        run = await runs.create(self.store, self.source, RunOptions(**options), found(*paths))  # type: ignore[arg-type]
        await runs.begin(self.store, run.id, self.worker.id)
        return await runs.get(self.store, run.id)

    async def enter(self, run: Run, *links: Found) -> None:
        """A listing of the run is read, and told of these."""
        (listing,) = found(f"listing-{new_id()}", kind="feed")
        entry = runs.entry_of(run.id, self.source, run.options)
        async with self.store.write() as connection:
            await admission.enter(connection, entry, [listing], self.store.now())
        visits = await self.lease(run)
        assert {visit.kind for visit in visits} == {"feed"}, "listings come first, and those of earlier runs with them"
        read = [Fetched(visit, Outcome.SKIPPED, "feed", status_code=200, requests=1) for visit in visits]
        await self.record(*(replace(each, found=links) if each.visit.url == listing.url else each for each in read))

    async def lease(
        self, run: Run, limit: int = 100, *, max_pages: int = 10**6, interval_s: float = 0.0
    ) -> list[Visit]:
        """Lease visits of a run."""
        return await leases.lease(
            self.store,
            run.id,
            self.worker.id,
            limit=limit,
            max_pages=max_pages,
            horizon_s=10,
            interval_s=lambda _: interval_s,
        )

    async def record(self, *results: Fetched) -> int:
        """Record what became of visits."""
        run = await runs.get(self.store, results[0].visit.run_id)
        entry = runs.entry_of(run.id, self.source, run.options)
        return (await ledger.record(self.store, entry, results, UNLIMITED)).written

    def captured(self, visit: Visit, body: str = "body", **values: object) -> Fetched:
        """A visit that was answered with a page."""
        raw = body.encode()
        capture = Capture(
            id=new_id(),
            run_id=visit.run_id,
            page_id=visit.page_id,
            source_id=visit.source_id,
            url=visit.url,
            fetched_at=self.store.now(),
            status_code=200,
            media_type=self.media_type,
            content_type=self.media_type,
            body_hash=sha256(raw).hexdigest(),
            size_bytes=len(raw),
        )
        given: dict[str, object] = {
            "status_code": 200,
            "requests": 1,
            "received_bytes": len(raw),
            "etag": f'"{body}"',
            **values,
        }
        return Fetched(visit, capture=capture, **given)  # type: ignore[arg-type]

    async def crawl(self, run: Run, site: dict[str, str | int], *, limit: int = 100) -> None:
        """Visit everything of a run: pages that `site` holds are captured, or answered with that status."""
        while visits := await self.lease(run, limit):
            await self.record(*(self.visited(each, site.get(each.url.removeprefix(SITE), 304)) for each in visits))
        await runs.finish(self.store, run.id, 10**6)

    def visited(self, visit: Visit, answer: str | int) -> Fetched:
        """What becomes of a visit that gets this body, or this status."""
        if isinstance(answer, str):
            same = sha256(answer.encode()).hexdigest() == visit.body_hash
            kept = self.captured(visit, answer)
            return replace(kept, outcome=Outcome.UNCHANGED, reason="same_bytes") if same else kept
        moved = dict.fromkeys((301, 302, 307, 308), Outcome.REDIRECTED)
        outcome = {404: Outcome.GONE, 410: Outcome.GONE, 304: Outcome.UNCHANGED, **moved}.get(answer, Outcome.FAILED)
        return Fetched(visit, outcome, f"http_{answer}", status_code=answer, requests=1)

    async def claim(self, limit: int = 100) -> tuple[str, list[Capture]]:
        """Claim captures."""
        return await captures.claim(self.store, self.worker.id, limit)

    async def process(
        self, drafts: dict[str, Sequence[Draft] | Failure], *, limit: int = 100, max_attempts: int = 3
    ) -> dict[str, int]:
        """Process everything that waits: each path gives these drafts, or fails."""
        counted: dict[str, int] = {}
        while True:
            token, claimed = await self.claim(limit)
            if not claimed:
                return counted
            batch = [(each, result_of(each, drafts[each.url.removeprefix(SITE)])) for each in claimed]
            stored = await store_batch(self.store, token, batch, max_attempts=max_attempts)
            counted = {name: counted.get(name, 0) + stored.get(name, 0) for name in counted | stored}

    async def run(
        self, pages: dict[str, Sequence[Draft] | int], *, limit: int = 100, media_type: str = "text/html"
    ) -> Run:
        """A whole run in which each page gives these drafts, or is answered with that status."""
        self.media_type = media_type
        run = await self.begin(*pages)
        site = {path: given if isinstance(given, int) else repr(given) for path, given in pages.items()}
        await self.crawl(run, site)
        await self.process({path: given for path, given in pages.items() if not isinstance(given, int)}, limit=limit)
        return await runs.get(self.store, run.id)

    async def finished(self, run: Run, site: dict[str, str | int] | None = None) -> Run:
        """Visit and process what is left of a run; each page gives a document of what it holds."""
        held = site or {}
        await self.crawl(run, held)
        await self.process({path: [draft(body)] for path, body in held.items() if isinstance(body, str)})
        return await runs.get(self.store, run.id)

    async def reasons(self, run: Run) -> dict[str, str]:
        """Outcome and reason of each page of a run (not of its listings): `unchanged (lastmod)`."""
        said = {}
        async for each in ledger.entries(self.store, run.id):
            path = each.url.removeprefix(SITE)
            if not path.startswith("listing-"):
                said[path] = f"{each.outcome} ({each.reason})" if each.reason else each.outcome
        return said

    async def page_row(self, path: str) -> Any:
        """What is known of a page."""
        async with self.store.read() as connection:
            statement = select(tables.pages).where(tables.pages.c.id == self.page(path))
            return (await connection.execute(statement)).one()

    async def outcomes(self, run: Run) -> dict[str, str]:
        """The outcome of each page of a run."""
        return {each.url.removeprefix(SITE): each.outcome async for each in ledger.entries(self.store, run.id)}

    async def states(self) -> dict[str, str]:
        """The state of each document by path (and `#item`); duplicates name their original: `duplicate of a`."""
        columns = (tables.documents.c.id, tables.documents.c.url, tables.documents.c.item_key)
        statement = select(*columns, tables.documents.c.state, tables.documents.c.duplicate_of)
        async with self.store.read() as connection:
            rows = (await connection.execute(statement)).all()
        names = {row.id: row.url.removeprefix(SITE) + (f"#{row.item_key}" if row.item_key else "") for row in rows}
        return {
            names[row.id]: f"{row.state} of {names[row.duplicate_of]}" if row.duplicate_of else str(row.state)
            for row in rows
        }

    async def changes(self) -> list[tuple[str, str]]:
        """The events about documents in order: kind and path."""
        kept = tables.events.c.document_id.is_not(None)
        statement = (
            select(tables.events.c.kind, tables.documents.c.url)
            .join(tables.documents, tables.documents.c.id == tables.events.c.document_id)
            .where(kept)
            .order_by(tables.events.c.id)
        )
        async with self.store.read() as connection:
            return [
                (row.kind.removeprefix("document."), row.url.removeprefix(SITE))
                for row in await connection.execute(statement)
            ]

    def page(self, path: str) -> str:
        """The identifier of a page."""
        return page_id(self.source.id, url_key(SITE + path))

    def document(self, path: str, item: str = "") -> str:
        """The identifier of a document."""
        return document_id(self.page(path), item)

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        async with self.store.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(tables.metadata.tables[table])) or 0)


def result_of(capture: Capture, given: Sequence[Draft] | Failure) -> Processed | Failure:
    """What the process stage hands over."""
    return given if isinstance(given, Failure) else Processed(capture.id, tuple(given), None if given else "empty")


@asynccontextmanager
async def opened_house(folder: Path, **spec: object) -> AsyncIterator[House]:
    """A new store with one source and one worker."""
    async with opened_store(folder / "tidemill.db") as store:
        source, _ = await sources.apply(store, SourceSpec(name="site", start=(SITE,), **spec))  # type: ignore[arg-type]
        worker = await workers.register(store, "crawler")
        yield House(store, source, worker)
        with suppress(TidemillError):
            await workers.leave(store, worker)
