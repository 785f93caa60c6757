"""The site over HTTP, with a record of every request: `async with serve_site() as site`."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TextIO

from aiohttp import web
from tests.site.expected import Expected
from tests.site.identity import page_key
from tests.site.misbehave import MISBEHAVIOURS
from tests.site.truth import truth
from tests.site.website import Answer, Website


@dataclass(frozen=True, slots=True)
class Hit:
    """One request as it arrived, and the status of the answer (0: none was meant to come)."""

    monotonic: float
    wall: float
    method: str
    path: str
    status: int
    user_agent: str | None
    referer: str | None
    if_none_match: str | None


@dataclass
class Site:
    """A running site. `replaced` answers a path (with its query, as it is asked) in the page's place."""

    website: Website
    today: date
    base_url: str = ""
    hits: list[Hit] = field(default_factory=list)
    replaced: dict[str, Answer] = field(default_factory=dict)
    log: TextIO | None = None
    asked: Counter[str] = field(default_factory=Counter)

    @cached_property
    def truth(self) -> dict[str, Expected]:
        """What a correct crawl makes of each URL."""
        return truth(hostile=self.website.hostile, pages=self.website.numbered, today=self.today)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and record it."""
        arrived, target = (time.monotonic(), time.time()), request.raw_path
        answer = self._answer(request, target)
        self._record(request, arrived, 0 if answer.behaviour in ("stall", "loris", "reset") else answer.status)
        if answer.behaviour:
            return await MISBEHAVIOURS[answer.behaviour](request)
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def _answer(self, request: web.Request, target: str) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return Answer(405, {"Allow": "GET, HEAD"})
        if target in self.replaced:
            return self.replaced[target]
        key = page_key(target)
        self.asked[key] += 1
        return self.website.answer(target, f"http://{request.host}", request.headers, self.asked[key])

    def _record(self, request: web.Request, arrived: tuple[float, float], status: int) -> None:
        get = request.headers.get
        hit = Hit(
            *arrived,
            request.method,
            request.raw_path,
            status,
            get("User-Agent"),
            get("Referer"),
            get("If-None-Match"),
        )
        self.hits.append(hit)
        if self.log is not None:
            self.log.write(json.dumps(asdict(hit)) + "\n")
            self.log.flush()


@asynccontextmanager
async def serve_site(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    hostile: bool = False,
    pages: int = 0,
    listings: bool = False,
    hits_file: Path | None = None,
    today: date | None = None,
) -> AsyncIterator[Site]:
    """Serve the site until the block ends. `port` 0 takes any free one; `today` is for the truth of the traps.

    With `listings` there is a JSON API, a JSON Feed and a calendar as well (see `api`), which no page leads to.
    """
    site = Site(Website(hostile=hostile, pages=pages, listings=listings), today or datetime.now(UTC).date())
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    with ExitStack() as stack:
        if hits_file is not None:
            site.log = stack.enter_context(hits_file.open("a", encoding="utf-8"))
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            name = "127.0.0.1" if host == "0.0.0.0" else host
            site.base_url = f"http://{name}:{runner.addresses[0][1]}"
            yield site
        finally:
            await runner.cleanup()
