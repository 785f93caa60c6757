"""What the tests of the crawl stage are made of: answers of a site that only exists in memory, and visits to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from multidict import CIMultiDict

from tidemill.crawl.discovery import Discovery
from tidemill.crawl.fetcher import Fetcher, Ways
from tidemill.crawl.reader import Reader
from tidemill.crawl.robots import Rules, _rules
from tidemill.crawl.scope import Scope
from tidemill.errors import TidemillError
from tidemill.models.source import SourceSpec
from tidemill.models.url import url_key, url_origin
from tidemill.models.visit import Visit
from tidemill.net import Response
from tidemill.process.extract.registry import HANDLED_MEDIA_TYPES
from tidemill.settings import CrawlSettings
from tidemill.store.hosts import RobotsRecord

SITE = "http://site.example/"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def answer(
    status: int = 200,
    body: bytes | str = b"",
    content_type: str = "text/html; charset=utf-8",
    *,
    url: str = SITE,
    body_read: bool = True,
    **headers: str,
) -> Response:
    """An answer as the client gives it; `retry_after="3"` is the header `Retry-After`."""
    raw = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return Response(
        url=url,
        status=status,
        headers=CIMultiDict(named),
        content_type=content_type,
        media_type=content_type.partition(";")[0].strip().lower(),
        body=raw,
        received_bytes=len(raw),
        elapsed_s=0.01,
        body_read=body_read,
    )


@dataclass
class FakeClient:
    """Gives what `site` holds for a URL, or raises it; remembers what it was asked."""

    site: dict[str, Response | TidemillError] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    wanted: list[Callable[[int, str], bool]] = field(default_factory=list)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        want: Callable[[int, str], bool] | None = None,
        allow_private: bool | None = None,
        cut_bytes: int | None = None,
    ) -> Response:
        self.asked.append((url, dict(headers or {})))
        if want is not None:
            self.wanted.append(want)
        found = self.site.get(url, answer(404, url=url))
        if isinstance(found, TidemillError):
            raise found
        return found


@dataclass
class FakeRobots:
    """The rules of every origin: one text, known from the start unless `fresh`; or an error."""

    text: str = ""
    status: str = "rules"
    fresh: bool = False
    error: TidemillError | None = None

    async def rules(self, origin: str) -> tuple[Rules, bool]:
        if self.error is not None:
            raise self.error
        rules = _rules(RobotsRecord(self.status, self.text, NOW + timedelta(hours=1)))
        if self.fresh:
            self.fresh = False
            return Rules(rules.record, rules.book, requests=1, received_bytes=77), True
        return rules, False

    def known(self, origin: str) -> Rules | None:
        return _rules(RobotsRecord(self.status, self.text, NOW + timedelta(hours=1)))


class FakeClock:
    """The store, as far as a fetcher looks at it: its time."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


def fetcher(
    client: FakeClient,
    *,
    robots: FakeRobots | None = None,
    spec: SourceSpec | None = None,
    max_depth: int | None = None,
    sitemaps: bool = True,
    obey: bool = True,
    relink: bool = False,
    ways: Ways | None = None,
    **settings: object,
) -> Fetcher:
    """A fetcher over a site in memory."""
    spec = spec or SourceSpec(name="s", start=(SITE,))
    scope = Scope(spec, max_depth=max_depth, today=date(2026, 11, 23))
    discovery = Discovery(scope, trap_budget=20_000)
    crawl = CrawlSettings(robots=obey, **settings)  # type: ignore[arg-type]
    return Fetcher(
        ways=ways or Ways(client),
        reader=Reader(
            spec,
            discovery,
            product=crawl.product,
            media_types=HANDLED_MEDIA_TYPES,
            max_body_bytes=100_000,
            relink=relink,
        ),
        discovery=discovery,
        robots=robots or FakeRobots(),  # type: ignore[arg-type]
        store=FakeClock(),  # type: ignore[arg-type]
        settings=crawl,
        product=crawl.product,
        sitemaps=sitemaps,
        allow_private=None,
        rng=random.Random(1),
        relink=relink,
    )


def visit(
    url: str = SITE, *, kind: str = "page", depth: int = 0, hops: int = 0, attempts: int = 0, **validators: str
) -> Visit:
    """A leased visit."""
    key = url_key(url)
    return Visit(
        run_id="run",
        page_id=f"page {key}",
        source_id="source",
        url=key,
        origin=url_origin(key),
        kind=kind,
        depth=depth,
        hops=hops,
        attempts=attempts,
        token="token",
        not_before=NOW,
        **validators,
    )
