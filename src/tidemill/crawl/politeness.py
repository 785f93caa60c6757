"""How hard a site may be asked: the interval between requests to an origin and how many may be in flight to it.

A person's word (`--rate`) comes before the source's, and that before the setting. The setting speaks of other people's
sites: an address on this very machine has no limit unless someone asks for one.
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass
from urllib.parse import urlsplit

from tidemill.crawl.robots import Robots
from tidemill.models.run import RunOptions
from tidemill.models.source import SourceSpec
from tidemill.settings import CrawlSettings


@dataclass(frozen=True, slots=True)
class Politeness:
    """The limits of one run. `rate_per_s` and `host_concurrency` are `None` where nobody asked for one."""

    settings: CrawlSettings
    robots: Robots
    rate_per_s: float | None
    concurrency: int

    def interval_s(self, origin: str) -> float:
        """The least time between the starts of two requests to an origin, in seconds; 0 for none."""
        rate = self.rate_per_s
        if rate is None:
            rate = 0.0 if _is_here(origin) else self.settings.rate_per_s
        rules = self.robots.known(origin)
        delay = rules.delay_s(self.settings.product) if rules is not None and self.settings.robots else 0.0
        return max(1.0 / rate if rate > 0 else 0.0, delay)

    def in_flight(self, origin: str) -> int:
        """How many requests to an origin may be in flight at once: one, until its robots.txt is known."""
        if self.settings.robots and self.robots.known(origin) is None:
            return 1
        return self.concurrency if _is_here(origin) else min(self.concurrency, self.settings.host_concurrency)


def politeness(settings: CrawlSettings, robots: Robots, spec: SourceSpec, options: RunOptions) -> Politeness:
    """The limits of a run of a source."""
    rate = options.rate_per_s if options.rate_per_s is not None else spec.rate_per_s
    concurrency = options.concurrency or spec.concurrency or settings.concurrency
    return Politeness(settings=settings, robots=robots, rate_per_s=rate, concurrency=concurrency)


def retry_delay_s(settings: CrawlSettings, attempts: int, retry_after_s: float | None, rng: random.Random) -> float:
    """How long a visit waits after its `attempts`-th try (from 1): full jitter, and never less than the site asked."""
    jitter = rng.uniform(0.0, min(settings.retry_cap_s, settings.retry_base_s * 2.0 ** (attempts - 1)))
    return max(jitter, min(retry_after_s or 0.0, settings.retry_cap_s))


def _is_here(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
