"""When a page was published and changed: what it declares, its URL, and what it shows near its title.

Comes in: what the page declares, its blocks and its URL; goes out: candidates in their order. Called by `article`.
A page of which nothing tells has no date: none is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from tidemill.models.document import origin, origin_name
from tidemill.process.extract.blocks import Blocks
from tidemill.process.extract.bylines import find_shown_days
from tidemill.process.extract.choices import Candidate
from tidemill.process.extract.head import Head
from tidemill.process.extract.jsonld import Item, text_of
from tidemill.process.extract.measures import Measures
from tidemill.process.extract.times import parse_aware_time, parse_time

_PUBLISHED_META = (
    "article:published_time", "og:article:published_time", "datepublished", "date", "pubdate", "publishdate",
    "publish-date", "publish_date", "published", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dc.date",
    "dc.date.created", "dcterms.created", "dcterms.issued", "dcterms.date", "citation_publication_date",
    "citation_online_date", "citation_date", "article.published", "published_date", "published-date", "ms.date",
    "og:publish_date", "og:published_time", "cxenseparse:recs:publishtime", "article:post_date", "created",
)  # fmt: skip
_OTHER_PUBLISHED = re.compile(r"publi(?:sh|c)\w*[-_.:]?(?:date|time|on)|(?:date|time)[-_.:]?publi(?:sh|c)")
_MODIFIED_META = (
    "article:modified_time", "og:updated_time", "datemodified", "last-modified", "dcterms.modified", "dc.date.modified",
    "article:updated_time", "lastmod", "updated", "revised",
)  # fmt: skip
_IN_URL = re.compile(r"/((?:19|20)\d\d)[/-](0?[1-9]|1[0-2])[/-](0?[1-9]|[12]\d|3[01])(?=[/\-_.+?#]|$)")
_SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})$")
_CJK = re.compile(r"(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")
_MONTH_FIRST = re.compile(r"^[a-z]{2}[-_](?:US|PH|PR)\b", re.IGNORECASE)
_A_DAY = timedelta(days=1)
_MAX_NAME_CHARS = 60  # of a meta tag


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads times as they stand on one page: in its zone if they have none, none that is later than its capture."""

    zone: tzinfo | None
    latest: datetime
    language: str | None = None

    def read(self, text: str) -> tuple[datetime | None, bool]:
        """The time with the offset that was written, and whether its zone had to be assumed."""
        text = self._ordered(text.strip())
        found, assumed = parse_aware_time(text, self.zone)
        if found is None or found > self.latest + _A_DAY:
            return None, False
        written = parse_time(text)
        if written is not None and written.tzinfo is not None:
            return written, assumed  # As the day that its readers saw.
        return (found.astimezone(self.zone) if assumed and self.zone is not None else found), assumed

    def _ordered(self, text: str) -> str:
        """Days that only a reader of the page's language can tell from months."""
        if found := _CJK.fullmatch(text):
            return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
        slashed = _SLASHED.match(text)
        if slashed is None or self.language is None:
            return text
        first, second = int(slashed[1]), int(slashed[2])
        month, day = (first, second) if _MONTH_FIRST.match(self.language) else (second, first)
        return f"{slashed[3]}-{month:02}-{day:02}" if "-" in self.language or "_" in self.language else text


@dataclass(frozen=True, slots=True)
class Dates:
    """Candidates in their order."""

    published: list[Candidate[datetime]]
    modified: list[Candidate[datetime]]
    zone_assumed: bool


class DateFinder:
    """Collects the candidates of one page."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.published: list[Candidate[datetime]] = []
        self.modified: list[Candidate[datetime]] = []
        self.zone_assumed = False

    @property
    def is_sure(self) -> bool:
        """Whether the page declares when it was published."""
        return any(origin_name(one.origin) != "webpage" for one in self.published)

    def found(self) -> Dates:
        """What was collected. When a mere web page was made counts only if the page shows that day, too."""
        shown = {one.value.date() for one in (*self.published, *self.modified) if _is_shown(one)}
        kept = [one for one in self.published if origin_name(one.origin) != "webpage" or one.value.date() in shown]
        return Dates(kept, self.modified, self.zone_assumed)

    def add_declared(self, head: Head, own: Item, type_name: str, *, is_text: bool) -> None:
        """JSON-LD, meta tags and marked elements; `is_text`: someone wrote it, so that it was published once."""
        created = [(text_of(own.get("datePublished")), f"{type_name}.datePublished")]
        if is_text:
            created.append((text_of(own.get("dateCreated")), f"{type_name}.dateCreated"))
        self._add(self.published, "jsonld" if is_text else "webpage", created)
        self._add_metas(self.published, _metas(head, _PUBLISHED_META))
        others = [name for name in head.values if _is_other_published(name)]
        self._add_metas(self.published, _metas(head, others))
        for name in ("dateCreated", "datePublished"):  # Of a question and its answers the question bears the first.
            self._add(self.published, "microdata", [(value, name) for value in head.marked.get(name, [])[:1]])
        self._add(self.modified, "jsonld", [(text_of(own.get("dateModified")), f"{type_name}.dateModified")])
        self._add_metas(self.modified, _metas(head, _MODIFIED_META))
        self._add(
            self.modified, "microdata", [(one, "dateModified") for one in head.marked.get("dateModified", [])[:1]]
        )

    def add_url(self, url: str) -> None:
        """The day in the URL (`/2026/04/03/`)."""
        if found := _IN_URL.search(url):
            self._add(self.published, "url", [(f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}", "")])

    def add_shown(self, found: Blocks, measures: Measures, title: str, *, is_text: bool, is_discussion: bool) -> None:
        """What the page shows. If a text says only when it was updated, then it was published like this on that day."""
        days = find_shown_days(found, measures, title, is_text=is_text, is_discussion=is_discussion)
        for day in days:
            if not day.is_update:
                self._add(self.published, "shown", [(day.text, day.rule)])
            else:
                self._add(self.modified, "shown", [(day.text, day.rule)])
                self._add(self.published, "updated", [(day.text, "shown")] if is_text or is_discussion else [])

    def _add_metas(self, to: list[Candidate[datetime]], given: Iterable[tuple[str, str, str]]) -> None:
        for name, value, rule in given:
            self._add(to, name, [(value, rule)])

    def _add(self, to: list[Candidate[datetime]], name: str, given: Iterable[tuple[str | None, str]]) -> None:
        for value, rule in given:
            time, assumed = self.reader.read(value) if value else (None, False)
            if time is not None:
                to.append(Candidate(time, origin(name, "1", rule)))
                self.zone_assumed |= assumed


def _is_other_published(name: str) -> bool:
    if len(name) > _MAX_NAME_CHARS or name in _PUBLISHED_META:
        return False
    return _OTHER_PUBLISHED.search(name) is not None


def _is_shown(one: Candidate[datetime]) -> bool:
    return origin_name(one.origin) in ("shown", "updated")


def _metas(head: Head, names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for name in names:
        if value := head.meta(name):
            yield "opengraph" if name.startswith(("og:", "article:")) else "meta", value, name
