"""A whole house with some documents, its API listening on loopback, and a client: what the tests of the API share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tidemill.api.doorway import Doorway, kept
from tidemill.api.main import create_api
from tidemill.app import App, open_app
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.host import HostPolicy
from tidemill.models.ids import new_id
from tidemill.models.outcome import Outcome
from tidemill.models.run import Run, RunOptions
from tidemill.models.source import SourceSpec
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.settings import load_settings
from tidemill.store import captures, events, leases, ledger, processed, runs, sources, workers

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SITE = "https://site.example/"
SOURCE = "site.example/"
PAGES = 25
UNLIMITED = HostPolicy(interval_s=lambda _: 0.0)


async def serve(
    app: App, stop: asyncio.Event, *, host: str, port: int, on_ready: Callable[[str], None] = lambda _: None
) -> None:
    """The API of an open house, behind its door, until `stop` is set."""
    doorway = Doorway()
    doorway.open(create_api(app, host=host), app.health)

    async def work() -> None:
        await stop.wait()

    def ready(url: str) -> None:
        app.health.mark_started()
        on_ready(url)

    await kept(doorway, work, stop, host=host, port=port, on_ready=ready)


@dataclass(frozen=True)
class Reply:
    """An answer of the server."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def reason(self) -> str:
        """The slug of a problem document; the answer must be one."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        document = self.json
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        assert {"title", "detail"} <= document.keys()
        return str(document["type"].removeprefix("urn:tidemill:problem:"))


@dataclass(frozen=True)
class Client:
    """Asks one server."""

    session: aiohttp.ClientSession
    base_url: str

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """Any aiohttp option; redirects are not followed."""
        async with self.session.request(method, self.base_url + path, allow_redirects=False, **options) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **options: Any) -> Reply:
        """A GET."""
        return await self.ask("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Reply:
        """A POST."""
        return await self.ask("POST", path, **options)


@asynccontextmanager
async def house(folder: Path, **overrides: Any) -> AsyncIterator[App]:
    """An open app with everything below `folder`; overrides are settings by dotted name, `__` for the dot."""
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    settings = load_settings({"data_dir": folder / "data", **dotted}, environ={}, directory=folder)
    async with open_app(settings) as app:
        yield app


@asynccontextmanager
async def served(app: App, host: str = "127.0.0.1") -> AsyncIterator[Client]:
    """The API of `app` on a free port. An address for all is asked on loopback all the same."""
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, stop, host=host, port=0, on_ready=ready.set_result))
    try:
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        base_url = ready.result().replace("0.0.0.0", "127.0.0.1")
        async with aiohttp.ClientSession() as session:
            yield Client(session, base_url)
    finally:
        stop.set()
        await asyncio.wait_for(serving, 10)


async def fill(app: App) -> Run:
    """One crawled and processed run: `PAGES` articles, one page that is gone, one skipped; all searchable."""
    source, _ = await sources.apply(app.store, SourceSpec(name=SOURCE, start=(SITE,)))
    found = [Found(url=f"{SITE}{number:02}", origin="https://site.example") for number in range(PAGES)]
    found.append(Found(url=f"{SITE}gone", origin="https://site.example"))
    found.append(Found(url=f"{SITE}private", origin="https://site.example", skip="robots"))
    run = await runs.create(app.store, source, RunOptions(), found)
    worker = await workers.register(app.store, "crawler")
    await runs.begin(app.store, run.id, worker.id)
    visits = await leases.lease(
        app.store, run.id, worker.id, limit=100, max_pages=100, horizon_s=10, interval_s=lambda _: 0.0
    )
    entry = runs.entry_of(run.id, source, RunOptions())
    await ledger.record(app.store, entry, [_fetched(visit) for visit in visits], UNLIMITED)
    await runs.finish(app.store, run.id, 100)
    token, claimed = await captures.claim(app.store, worker.id, 100)
    batch = [(capture, Processed(capture.id, (_draft(capture.url),))) for capture in claimed]
    await processed.store_batch(app.store, token, batch, max_attempts=3)
    await workers.leave(app.store, worker)
    await app.indexer.catch_up(await events.head(app.store))
    return await runs.get(app.store, run.id)


def _fetched(visit: Visit) -> Fetched:
    if visit.url.endswith("gone"):
        return Fetched(visit, outcome=Outcome.GONE, reason="http_410", status_code=410, requests=1)
    capture = Capture(
        id=new_id(),
        run_id=visit.run_id,
        page_id=visit.page_id,
        source_id=visit.source_id,
        url=visit.url,
        fetched_at=MOMENT,
        status_code=200,
        media_type="text/html",
        content_type="text/html; charset=utf-8",
        body_hash=sha256(visit.url.encode()).hexdigest(),
        size_bytes=1000,
    )
    return Fetched(visit, status_code=200, capture=capture, requests=1, received_bytes=1000)


def _draft(url: str) -> Draft:
    number = url[-2:]
    content = (
        f"The mill turns with the tide, page {number}. " + "Water moves the wheel and the wheel moves the stone. " * 20
    )
    return Draft(
        kind="article",
        title=f"Mill number {number}",
        author="Ada Miller",
        published_at=MOMENT,
        language="en",
        content=content,
        markdown=content,
        summary=f"Page {number}",
        word_count=200,
        fields={"grain": "rye", "huge": 10**30} if number == "00" else {"grain": "rye"},
        provenance={"title": "jsonld"},
        content_hash=sha256(content.encode()).hexdigest(),
        fingerprint=sha256(content.encode()).hexdigest(),
    )
