"""How hard a site may be asked: the interval between requests to an origin and how many may be in flight to it.

A person's word (`--rate`) comes before the source's, and that before the setting. The setting speaks of other people's
sites: an address on this very machine has no limit unless someone asks for one. A host that asks for less, or answers
slowly, gets less; the ledger remembers that for all processes, and tells it here after each batch.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from tidemill.crawl.requesting import agent_product
from tidemill.crawl.robots import Robots
from tidemill.models.host import HostPolicy, HostState
from tidemill.models.run import RunOptions
from tidemill.models.source import LOCAL_KINDS, SourceSpec
from tidemill.models.url import url_key, url_origin
from tidemill.settings import CrawlSettings
from tidemill.store.hosts import Settled


@dataclass(frozen=True, slots=True)
class Politeness:
    """The limits of one run. `rate_per_s` is `None` where nobody asked for one; `delay_s` is the source's.

    `product` is our name in robots.txt; `is_local` tells origins that are answered by files of this machine.
    `heeded` are the hosts that are not as usual, as the ledger last told.
    """

    settings: CrawlSettings
    robots: Robots
    rate_per_s: float | None
    concurrency: int
    product: str
    delay_s: float = 0.0
    is_local: Callable[[str], bool] = lambda _: False
    heeded: dict[str, HostState] = field(default_factory=dict)

    def base_interval_s(self, origin: str) -> float:
        """The least time between the starts of two requests to a healthy origin, in seconds; 0 for none.

        The largest of what the rate, the source's delay and the `Crawl-delay` of robots.txt ask for.
        """
        if self.is_local(origin):
            return 0.0
        rate = self.rate_per_s
        if rate is None:
            rate = 0.0 if _is_here(origin) else self.settings.rate_per_s
        rules = self.robots.known(origin) if self.settings.robots else None
        delay = rules.delay_s(self.product) if rules is not None else 0.0
        return max(1.0 / rate if rate > 0 else 0.0, self.delay_s, delay)

    def interval_s(self, origin: str) -> float:
        """The least time between the starts of two requests to an origin as it stands now, in seconds; 0 for none."""
        host = self.heeded.get(origin) if self.heeded else None
        adapted = 1.0 / host.rate_per_s if host is not None and host.rate_per_s else 0.0
        return max(self.base_interval_s(origin), adapted)

    def in_flight(self, origin: str) -> int:
        """How many requests to an origin may be in flight at once: one, until its robots.txt is known.

        However few hosts there are, one that answers nothing must leave room for the others.
        """
        if self.is_local(origin):
            return self.concurrency
        if self.settings.robots and self.robots.known(origin) is None:
            return 1
        if _is_here(origin):
            return max(self.settings.host_concurrency, (self.concurrency + 1) // 2)
        return min(self.concurrency, self.settings.host_concurrency)

    def policy(self, pace_per_s: Callable[[str], float | None]) -> HostPolicy:
        """The rules by which the ledger judges the health of hosts. `pace_per_s` is what an origin gets at present."""
        settings = self.settings
        return HostPolicy(
            interval_s=self.base_interval_s,
            slow_answer_s=settings.slow_answer_s,
            retry_cap_s=settings.retry_cap_s,
            retry_deadline_s=settings.retry_deadline_s,
            retry_budget=settings.retry_budget,
            breaker_failures=settings.breaker_failures,
            breaker_open_s=settings.breaker_open_s,
            breaker_trials=settings.breaker_trials,
            pace_per_s=pace_per_s,
        )

    def heed(self, settled: Settled, now: datetime) -> list[str]:
        """Take note of how hosts stand. Returns those whose visits that wait in this process are to be given back.

        They were leased at a speed, or for a time, that does not hold any more.
        """
        outdated = []
        for origin, state in settled.states.items():
            before = self.heeded.pop(origin, None)
            if not state.is_healthy:
                self.heeded[origin] = state
            if origin in settled.put_off or state.is_shut(now) or _is_slower(state, before):
                outdated.append(origin)
        return outdated


def politeness(settings: CrawlSettings, robots: Robots, spec: SourceSpec, options: RunOptions) -> Politeness:
    """The limits of a run of a source."""
    rate = options.rate_per_s if options.rate_per_s is not None else spec.rate_per_s
    concurrency = options.concurrency or spec.concurrency or settings.concurrency
    return Politeness(
        settings=settings,
        robots=robots,
        rate_per_s=rate,
        concurrency=concurrency,
        product=agent_product(spec, settings),
        delay_s=spec.delay_s or 0.0,
        is_local=_local_origins(spec),
    )


def _local_origins(spec: SourceSpec) -> Callable[[str], bool]:
    """Tells the origins whose pages lie in a folder or an archive: neither is asked too often."""
    if spec.kind not in LOCAL_KINDS:
        return lambda _: False
    base = url_origin(url_key(spec.base_url)) if spec.base_url else None
    return lambda origin: spec.kind == "warc" or origin in ("file://", base)


def retry_delay_s(settings: CrawlSettings, attempts: int, retry_after_s: float | None, rng: random.Random) -> float:
    """How long a visit waits after its `attempts`-th try (from 1): full jitter, and never less than the site asked."""
    jitter = rng.uniform(0.0, min(settings.retry_cap_s, settings.retry_base_s * 2.0 ** (attempts - 1)))
    return max(jitter, min(retry_after_s or 0.0, settings.retry_cap_s))


def _is_slower(state: HostState, before: HostState | None) -> bool:
    if state.rate_per_s is None:
        return False
    return before is None or before.rate_per_s is None or state.rate_per_s < before.rate_per_s


@lru_cache(maxsize=4096)
def _is_here(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
