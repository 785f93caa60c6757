"""The whole site without a socket: every page by its path, and the answer to a request."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import chain

from tests.site.api import api_pages
from tests.site.articles import article_pages
from tests.site.charsets import charset_pages
from tests.site.events import event_pages
from tests.site.feeds import feed_pages, robots
from tests.site.files import assets, file_pages
from tests.site.hostile import hostile_pages
from tests.site.identity import page_key
from tests.site.numbered import numbered_page
from tests.site.oddities import odd_pages
from tests.site.page import Page
from tests.site.redirects import endless_hop, redirect_pages
from tests.site.reprints import reprint_pages
from tests.site.sections import section_pages
from tests.site.statuses import status_pages
from tests.site.traps import trap_entrances, trap_page


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent for a request. `behaviour` names what is done instead, `delay_s` the wait before."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    behaviour: str = ""
    delay_s: float = 0.0


class Website:
    """All pages of the site. What it answers depends on the request and on nothing else."""

    def __init__(self, *, hostile: bool = False, pages: int = 0, listings: bool = False) -> None:
        self.hostile, self.numbered = hostile, pages
        more = api_pages() if listings else ()
        self.pages = {page.path: page for page in (*_all_pages(hostile=hostile, pages=pages), *more)}
        self._assets = assets()
        self._bodies: dict[tuple[str, str], bytes] = {}

    def find(self, target: str) -> Page | None:
        """Give the page of a path with its query; a query that no page has is ignored."""
        key = page_key(target)
        path = key.partition("?")[0]
        for one in (key, path):
            page = self.pages.get(one) or trap_page(one) or endless_hop(one) or numbered_page(one, self.numbered)
            if page:
                return page
        return None

    def answer(self, target: str, base: str, headers: Mapping[str, str], attempt: int = 1) -> Answer:
        """Answer a GET for a path with its query. `attempt` counts the requests for its page, this one included."""
        path = target.partition("?")[0]
        if path == "/robots.txt":
            return Answer(200, {"Content-Type": "text/plain; charset=utf-8"}, robots(base).encode())
        if path in self._assets:
            media_type, content = self._assets[path]
            return Answer(200, {"Content-Type": media_type}, content)
        page = self.find(target)
        if page is None:
            return _plain(404)
        if attempt <= len(page.first_statuses):
            return _plain(page.first_statuses[attempt - 1])
        return _page_answer(page, self.body(page, base), base, headers)

    def body(self, page: Page, base: str) -> bytes:
        """Give the body of a page; all but the numbered ones are kept once made."""
        key = (page.path, base)
        made = self._bodies.get(key)
        if made is None:
            content = page.body(base)
            made = content.encode() if isinstance(content, str) else content
            if page.path in self.pages:
                self._bodies[key] = made
        return made


def _all_pages(*, hostile: bool, pages: int) -> Iterator[Page]:
    return chain(
        section_pages(hostile=hostile, pages=pages),
        article_pages(),
        event_pages(),
        feed_pages(),
        file_pages(),
        odd_pages(),
        charset_pages(),
        reprint_pages(),
        redirect_pages(),
        status_pages(),
        trap_entrances(),
        hostile_pages(),
    )


def _plain(status: int) -> Answer:
    headers = {"Content-Type": "text/html; charset=utf-8"}
    if status == 429:
        headers["Retry-After"] = "1"
    return Answer(status, headers, f"<!DOCTYPE html><title>{status}</title><p>Status {status}.</p>".encode())


def _page_answer(page: Page, body: bytes, base: str, headers: Mapping[str, str]) -> Answer:
    sent = {"Content-Type": page.media_type}
    sent.update((name, value.replace("{base}", base)) for name, value in page.headers)
    weight = zlib.crc32(page.path.encode())
    zipped = page.may_gzip and page.status == 200 and weight % 3 == 0
    if page.validators and weight % 10:
        mark = hashlib.sha256(body).hexdigest()[:24]
        sent["ETag"] = f'W/"{mark}"' if zipped else f'"{mark}"'
        changed = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=weight % 800_000)
        sent["Last-Modified"] = format_datetime(changed, usegmt=True)
        if _is_fresh(headers, sent["ETag"], changed):
            kept = {name: sent[name] for name in ("ETag", "Last-Modified")}
            return Answer(304, kept)
    if zipped:
        sent["Vary"] = "Accept-Encoding"
        if "gzip" in headers.get("Accept-Encoding", ""):
            sent["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 6, mtime=0)
    return Answer(page.status, sent, body, page.behaviour, page.delay_s)


def _is_fresh(headers: Mapping[str, str], etag: str, changed: datetime) -> bool:
    """Tell whether the client's copy is current (RFC 9110, 13.1: If-None-Match goes before If-Modified-Since)."""
    if given := headers.get("If-None-Match"):
        marks = [mark.strip().removeprefix("W/") for mark in given.split(",")]
        return "*" in marks or etag.removeprefix("W/") in marks
    if since := headers.get("If-Modified-Since"):
        try:
            return changed <= parsedate_to_datetime(since)
        except ValueError:
            return False
    return False
