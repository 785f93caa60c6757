"""robots.txt by RFC 9309, as our own agent: 4xx allows everything, 5xx and silence allow nothing for now.

In: an origin. Out: its rules, from memory, from the store, or from the site itself; each origin is asked by one task at
a time and nobody waits for another origin. Who a rule is for is decided here, word by word as RFC 9309 has it; which
URLs it matches is Protego's knowledge.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urljoin

from protego import Protego

from tidemill.crawl.directives import header_values
from tidemill.errors import Forbidden, Invalid, OwnTrouble, Permanent, TidemillError, Transient
from tidemill.models.url import url_key
from tidemill.net import Client, Response
from tidemill.settings import CrawlSettings
from tidemill.store import hosts
from tidemill.store.engine import Store
from tidemill.store.hosts import RobotsRecord

_MAX_BYTES = 500 * 1024
_MAX_HOPS = 5
_UNREACHABLE_TTL = 4
_MAX_CRAWL_DELAY_S = 60.0
_LEAST_TTL_S = 300.0
_LONGEST_TTL_S = 86_400.0
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,10})", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_OTHER_BREAKS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # line ends for Protego, but not for the RFC
_AGENT_LINE = re.compile(r"user[- ]?agent(?:\s*:|\s|$)\s*(.*)", re.IGNORECASE)
_RULE_LINE = re.compile(r"(?:allow|dis+al+ow|diasllow|disallaw)\s*(?:[:\s]|$)", re.IGNORECASE)
_DELAY_LINE = re.compile(r"crawl[- ]delay\s*[:\s]", re.IGNORECASE)
_SITEMAP_LINE = re.compile(r"site-?maps?\s*[:\s]\s*(\S+)", re.IGNORECASE)
_PRODUCT = re.compile(r"[A-Za-z0-9_.\-]+")
_ANYONE = "*"


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A robots.txt: the lines for each product (in lower case, `*` for all others), and the sitemaps it declares.

    Lines are held by their groups, which products share: else many products with many lines would take all memory.
    `readings` are those of the lines that were asked for.
    """

    lines: dict[str, list[list[str]]]
    sitemaps: tuple[str, ...]
    readings: dict[str, Protego] = field(default_factory=dict)

    def of(self, agent: str) -> Protego:
        """The rules for `agent`: all that name its product, or else those for everyone."""
        found = self.readings.get(agent)
        if found is None:
            product = _product(agent) or _ANYONE
            groups = self.lines.get(product, self.lines.get(_ANYONE, []))
            each_once = {id(group): group for group in groups}.values()  # one may name a product many times
            lines = [line for group in each_once for line in group]
            found = self.readings[agent] = Protego.parse("\n".join(["User-agent: *", *lines]))
        return found


@dataclass(frozen=True, slots=True)
class Rules:
    """What an origin's robots.txt says. `requests` and `received_bytes` are what it cost, if it was asked for."""

    record: RobotsRecord
    book: Rulebook | None
    requests: int = 0
    received_bytes: int = 0

    def allows(self, url: str, agent: str, now: datetime) -> bool:
        """Whether `agent` may fetch `url`. Raises `Transient` (`robots_unreachable`) while nobody can tell."""
        if self.record.status == "deny_all":
            raise Transient(
                f"robots.txt of {url} cannot be had ({self.record.text})",
                reason="robots_unreachable",
                retry_after_s=max(0.0, (self.record.expires_at - now).total_seconds()),
            )
        return self.book is None or bool(self.book.of(agent).can_fetch(url, agent))

    def delay_s(self, agent: str) -> float:
        """The `Crawl-delay` for `agent` in seconds, capped; 0 if there is none."""
        delay = self.book.of(agent).crawl_delay(agent) if self.book is not None else None
        return min(float(delay or 0.0), _MAX_CRAWL_DELAY_S)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that it declares, as they are written there."""
        return self.book.sitemaps if self.book is not None else ()


def read_robots(text: str) -> Rulebook:
    """Read a robots.txt (RFC 9309, section 2.2): groups that name the same product are one.

    Only a rule ends the list of the products that a group is for; sitemaps, delays and unknown lines do not. A delay,
    of which the RFC knows nothing, is for the products named just before it. Lines before the first group are for
    nobody.
    """
    lines: dict[str, list[list[str]]] = {}
    sitemaps: list[str] = []
    rules: list[str] = []
    delays: list[str] = []
    has_rule = has_delay = True
    for line in _lines(text):
        if named := _AGENT_LINE.match(line):
            rules = [] if has_rule else rules
            delays = [] if has_rule or has_delay else delays
            has_rule = has_delay = False
            if product := _product(named[1]):
                lines.setdefault(product, []).extend((rules, delays))
        elif sitemap := _SITEMAP_LINE.match(line):
            sitemaps.append(sitemap[1])
        elif _RULE_LINE.match(line):
            has_rule = True
            rules.append(line)
        elif _DELAY_LINE.match(line):
            has_delay = True
            delays.append(line)
    return Rulebook(lines, tuple(sitemaps))


def _lines(text: str) -> Iterator[str]:
    """The lines that say something, without comments and margins."""
    for line in _LINE_END.split(text.removeprefix("\ufeff")):
        bare = line.partition("#")[0].strip()
        if bare:
            yield _OTHER_BREAKS.sub(lambda found: quote(found[0]), bare)


def _product(agent: str) -> str:
    """The product token of a user agent in lower case, `*` for anyone: what is behind it has no meaning."""
    if agent.startswith(_ANYONE) and not agent[1:2].strip():
        return _ANYONE
    found = _PRODUCT.match(agent.strip())
    return found[0].lower() if found else ""


class Robots:
    """The rules of every origin that this crawler meets."""

    def __init__(self, store: Store, client: Client, settings: CrawlSettings, *, allow_private: bool | None) -> None:
        self._store = store
        self._client = client
        self._settings = settings
        self._allow_private = allow_private
        self._unreachable_ttl_s = _UNREACHABLE_TTL * settings.retry_base_s
        self._known: dict[str, Rules] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    def known(self, origin: str) -> Rules | None:
        """The rules of an origin, if they have been looked up already; they may have expired."""
        return self._known.get(origin)

    async def rules(self, origin: str) -> tuple[Rules, bool]:
        """The rules of an origin, and whether this call brought them (then it carries their cost).

        Raises `Forbidden` if the guard refuses the origin, `OwnTrouble` if the database cannot be asked.
        """
        rules = self._known.get(origin)
        if rules is not None and rules.record.expires_at > self._store.now():
            return rules, False
        async with self._asking.setdefault(origin, asyncio.Lock()):
            rules = self._known.get(origin)
            if rules is not None and rules.record.expires_at > self._store.now():
                return rules, False
            rules = await self._look_up(origin)
            self._known[origin] = rules
            return rules, True

    async def _look_up(self, origin: str) -> Rules:
        with _ours():
            record = await hosts.robots(self._store, origin)
        if record is not None and record.expires_at > self._store.now():
            return _rules(record)
        record, requests, received = await self._ask(origin)
        with _ours():
            await hosts.remember_robots(self._store, origin, record)
        rules = _rules(record)
        return Rules(rules.record, rules.book, requests=requests, received_bytes=received)

    async def _ask(self, origin: str) -> tuple[RobotsRecord, int, int]:
        url = f"{origin}/robots.txt"
        requests = received = 0
        for _ in range(_MAX_HOPS + 1):
            try:
                answer = await self._client.get(url, allow_private=self._allow_private, cut_bytes=_MAX_BYTES)
            except TidemillError as error:
                if isinstance(error, Forbidden) and not requests:
                    raise  # the origin itself is forbidden, and not only where it sends us for its rules
                return self._unreachable(error), requests, received
            requests += 1
            received += answer.received_bytes
            if not 300 <= answer.status < 400 or "Location" not in answer.headers:
                return self._judged(answer), requests, received
            try:
                url = url_key(urljoin(url, answer.headers["Location"]))
            except (Invalid, ValueError):
                break
        return self._record("allow_all", ""), requests, received

    def _judged(self, answer: Response) -> RobotsRecord:
        if answer.status >= 500 or answer.status == 429:
            return self._record("deny_all", f"http_{answer.status}", self._unreachable_ttl_s)
        lifetime = _lifetime_s(answer)
        if 200 <= answer.status < 300:
            text = answer.body[:_MAX_BYTES].decode("utf-8", "replace").replace("\0", "").removeprefix("\ufeff")
            return self._record("rules", text, lifetime)
        return self._record("allow_all", "", lifetime)

    def _unreachable(self, error: TidemillError) -> RobotsRecord:
        if isinstance(error, Permanent) and error.reason in {"too_large", "inflation", "bad_encoding"}:
            return self._record("allow_all", "")
        return self._record("deny_all", error.reason, self._unreachable_ttl_s)

    def _record(self, status: str, text: str, ttl_s: float | None = None) -> RobotsRecord:
        lifetime = timedelta(seconds=ttl_s if ttl_s is not None else self._settings.robots_ttl_s)
        return RobotsRecord(status=status, text=text, expires_at=self._store.now() + lifetime)


@contextmanager
def _ours() -> Iterator[None]:
    """What fails inside is none of the site's doing."""
    try:
        yield
    except TidemillError as error:
        raise OwnTrouble(error) from error


def _rules(record: RobotsRecord) -> Rules:
    return Rules(record, read_robots(record.text) if record.status == "rules" else None)


def _lifetime_s(answer: Response) -> float | None:
    """How long the site says that its robots.txt holds, within five minutes and a day; `None` if it does not say."""
    found = _MAX_AGE.search(",".join(header_values(answer.headers, "Cache-Control")))
    return min(max(float(found[1]), _LEAST_TTL_S), _LONGEST_TTL_S) if found else None
