"""robots.txt by RFC 9309, as our own agent: 4xx allows everything, 5xx and silence allow nothing for now.

In: an origin. Out: its rules, from memory, from the store, or from the site itself; each origin is asked by one task at
a time and nobody waits for another origin.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urljoin

from protego import Protego

from tidemill.errors import Forbidden, Invalid, Permanent, TidemillError, Transient
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


@dataclass(frozen=True, slots=True)
class Rules:
    """What an origin's robots.txt says. `requests` and `received_bytes` are what it cost, if it was asked for."""

    record: RobotsRecord
    parsed: Protego | None
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
        return self.parsed is None or bool(self.parsed.can_fetch(url, agent))

    def delay_s(self, agent: str) -> float:
        """The `Crawl-delay` for `agent` in seconds, capped; 0 if there is none."""
        delay = self.parsed.crawl_delay(agent) if self.parsed is not None else None
        return min(float(delay or 0.0), _MAX_CRAWL_DELAY_S)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that it declares, as they are written there."""
        return tuple(self.parsed.sitemaps) if self.parsed is not None else ()


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

        Raises `Forbidden` if the guard refuses the origin.
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
        record = await hosts.robots(self._store, origin)
        if record is not None and record.expires_at > self._store.now():
            return _rules(record)
        record, requests, received = await self._ask(origin)
        await hosts.remember_robots(self._store, origin, record)
        rules = _rules(record)
        return Rules(rules.record, rules.parsed, requests=requests, received_bytes=received)

    async def _ask(self, origin: str) -> tuple[RobotsRecord, int, int]:
        url = f"{origin}/robots.txt"
        requests = received = 0
        for _ in range(_MAX_HOPS + 1):
            try:
                answer = await self._client.get(url, allow_private=self._allow_private)
            except Forbidden:
                raise
            except TidemillError as error:
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
        if 200 <= answer.status < 300:
            return self._record("rules", answer.body[:_MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff"))
        if answer.status >= 500 or answer.status == 429:
            return self._record("deny_all", f"http_{answer.status}", self._unreachable_ttl_s)
        return self._record("allow_all", "")

    def _unreachable(self, error: TidemillError) -> RobotsRecord:
        if isinstance(error, Permanent) and error.reason in {"too_large", "inflation", "bad_encoding"}:
            return self._record("allow_all", "")
        return self._record("deny_all", error.reason, self._unreachable_ttl_s)

    def _record(self, status: str, text: str, ttl_s: float | None = None) -> RobotsRecord:
        lifetime = timedelta(seconds=ttl_s if ttl_s is not None else self._settings.robots_ttl_s)
        return RobotsRecord(status=status, text=text, expires_at=self._store.now() + lifetime)


def _rules(record: RobotsRecord) -> Rules:
    parsed = Protego.parse(record.text) if record.status == "rules" else None
    return Rules(record, parsed)
