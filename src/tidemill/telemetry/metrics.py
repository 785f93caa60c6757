"""What a process counts and times, for Prometheus: one `Metrics` for each app, in a registry of its own.

In: the stages call the verb that names what they did. Out: `render`, the text of `/metrics`. Times are seconds, sizes
bytes. Labels come from closed lists, so that no site and no visitor can make series. What holds for the whole house
(queue, documents) is read from the store by hooks that `refresh` runs before a scrape.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Counter_
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from tidemill import __version__
from tidemill.models.pool import PoolState
from tidemill.models.priority import MEDIUM, PRIORITIES
from tidemill.models.visit import Fetched
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.refreshing import Refresh, Refreshing

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = get_logger(__name__)


class Stream(StrEnum):
    """The kinds of answers that go on."""

    EVENTS = "events"
    SOCKET = "socket"
    EXPORT = "export"


class Metrics:
    """The metrics of one app. Every method is cheap and may be called from any thread."""

    def __init__(self) -> None:
        self.registry: CollectorRegistry = _Registry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self._pools: dict[str, PoolState] = {}
        self._refreshes: list[Refreshing] = []
        self._reads_told: dict[str, int] = {}
        self._gauge("build_info", "The running version", "version").labels(__version__).set(1)
        self._make_crawl()
        self._make_process()
        self._make_search()
        self._make_http()
        self._make_store()
        self._make_pools()

    def observe_fetches(self, fetched: Iterable[Fetched]) -> None:
        """Requests that left the house. The reason of each says why it gave no usable response (`timeout` …)."""
        counted: Counter_[tuple[str, str]] = Counter_()
        received_bytes = 0
        for each in fetched:
            status = "none" if each.status_code is None else f"{each.status_code // 100}xx"
            counted[status, each.reason or "ok"] += 1
            received_bytes += each.received_bytes
            self._fetch_seconds.observe(each.elapsed_s)
        for labels, number in counted.items():
            self._fetches.labels(*labels).inc(number)
        self._fetch_bytes.inc(received_bytes)

    def count_retry(self, reason: str) -> None:
        """A visit was put back to be tried again."""
        self._retries.labels(reason).inc()

    def count_visit(self, outcome: str, number: int = 1) -> None:
        """Visits got this outcome."""
        self._visits.labels(outcome).inc(number)

    def observe_archived(self, bodies: int, seconds: float) -> None:
        """A batch of bodies is durable in the archive."""
        self._archived.inc(bodies)
        self._archive_seconds.observe(seconds)

    def observe_capture(self, result: str, seconds: float, priority: str = MEDIUM) -> None:
        """A capture was processed: `done`, `failed` or `dead`."""
        self._captures.labels(result, priority).inc()
        self._capture_seconds.observe(seconds)

    def observe_batch(self, stage: str, seconds: float) -> None:
        """A batch of `crawl` or `process` was committed."""
        self._batch_seconds.labels(stage).observe(seconds)

    def observe_index(self, *, seconds: float, documents: int) -> None:
        """The index was committed, with so many documents put in or taken out."""
        self._index_commits.inc()
        self._index_documents.inc(documents)
        self._index_seconds.observe(seconds)

    def set_index_lag(self, events: int) -> None:
        """How many changes of documents are not searchable yet."""
        self._index_lag.set(events)

    def observe_query(self, seconds: float, *, is_ok: bool = True) -> None:
        """A search was answered."""
        self._query_seconds.labels("ok" if is_ok else "error").observe(seconds)

    @contextmanager
    def in_progress(self) -> Iterator[None]:
        """While an HTTP request is being answered."""
        with self._http_in_progress.track_inprogress():
            yield

    @contextmanager
    def streaming(self, kind: Stream) -> Iterator[None]:
        """While an answer goes on: an event stream, a WebSocket, or a file of documents."""
        with self._streams.labels(kind.value).track_inprogress():
            yield

    def observe_http(self, *, method: str, route: str | None, status_code: int, seconds: float) -> None:
        """An HTTP request was answered. `route` is the template (`/documents/{id}`), not the path; `None`: no route."""
        verb = method if method in _METHODS else "OTHER"
        template = route or "unmatched"
        self._http_requests.labels(verb, template, str(status_code)).inc()
        self._http_seconds.labels(verb, template).observe(seconds)

    def count_limited(self, limit: str) -> None:
        """A request was refused because of this limit."""
        self._limited.labels(limit).inc()

    def count_cached(self, result: str) -> None:
        """An answer was looked for among those kept: `hit`, `miss`, or `bypass` (the engine cannot vouch for any)."""
        self._cached.labels(result).inc()

    def set_limits_degraded(self, is_degraded: bool) -> None:
        """Whether this process counts requests for itself, because the server of the limits is gone."""
        self._limits_degraded.set(int(is_degraded))

    def set_queue(self, depths: Mapping[str, int], oldest_age_s: Mapping[str, float]) -> None:
        """The captures waiting, by priority, and how long the oldest of each has waited."""
        nothing = dict.fromkeys(PRIORITIES, 0)
        _replace(self._queue_depth, {**nothing, **depths})
        _replace(self._queue_age, {**nothing, **oldest_age_s})

    def count_queue(self, action: str, captures: int) -> None:
        """Captures were `announced`, `announced_again` (the broker may have lost them), `acknowledged`, `released`."""
        if captures:
            self._carried.labels(action).inc(captures)

    def count_claimed(self, priority: str, captures: int) -> None:
        """Captures were claimed by this process."""
        self._claimed.labels(priority).inc(captures)

    def count_queue_error(self, operation: str, reason: str) -> None:
        """The queue, or its broker, failed at something."""
        self._carry_errors.labels(operation, reason).inc()

    def set_pools(self, pools: Mapping[str, PoolState]) -> None:
        """How the connections of this process to the database stand."""
        for name, pool in pools.items():
            for state in ("size", "idle", "checked_out", "overflow"):
                self._pool_connections.labels(name, state).set(getattr(pool, state))
            before = self._pools.get(name)
            self._pool_taken.labels(name).inc(pool.taken - (before.taken if before else 0))
            self._pool_wait.labels(name).inc(max(0.0, pool.waited_s - (before.waited_s if before else 0.0)))
        self._pools = dict(pools)

    def set_held_back(self, is_held_back: bool) -> None:
        """Whether the crawler of this process waits for the processors."""
        self._held_back.set(int(is_held_back))

    def set_documents(self, counts: Mapping[str, int]) -> None:
        """The documents in the store, by state."""
        _replace(self._store_documents, counts)

    def set_visits(self, counts: Mapping[str, int]) -> None:
        """The visits of unfinished runs, by outcome or open state."""
        _replace(self._store_visits, counts)

    def set_hosts(self, counts: Mapping[str, int]) -> None:
        """The hosts that are not asked as usual: `slowed`, or `open` (left alone because they fail)."""
        _replace(self._store_hosts, counts)

    def set_replicas(self, lags_s: Mapping[str, float], reads: Mapping[str, int]) -> None:
        """How far each standby is behind (infinite: it cannot be used), and who has answered the API's reads."""
        _replace(self._replica_lag, lags_s)
        for server, number in reads.items():
            self._replica_reads.labels(server).inc(number - self._reads_told.get(server, 0))
        self._reads_told = dict(reads)

    def add_refresh(self, name: str, refresh: Refresh) -> None:
        """Has `refresh` set gauges before scrapes; `name` stands for it when it fails. A slow one is asked seldom."""
        self._refreshes.append(Refreshing(name, refresh))

    async def refresh(self, timeout_s: float = 1.0) -> None:
        """Runs all hooks at once. One that fails or is late is counted and logged, and its gauges stay as they were."""
        await asyncio.gather(*(self._run(each, timeout_s) for each in self._refreshes))

    async def aclose(self) -> None:
        """End what is still being read for a scrape."""
        await asyncio.gather(*(each.close() for each in self._refreshes))

    def render(self) -> tuple[bytes, str]:
        """The text of `/metrics` and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    async def _run(self, refreshing: Refreshing, timeout_s: float) -> None:
        try:
            await refreshing.ask(timeout_s)
        except Exception as error:  # noqa: BLE001 - a scrape must be answered; the failure is a metric of its own
            self._refresh_errors.labels(refreshing.name).inc()
            log.warning("metrics not refreshed", source=refreshing.name, error=f"{type(error).__name__}: {error}")

    def _make_crawl(self) -> None:
        self._fetches = self._counter("fetch_requests", "Requests to sites", "status", "reason")
        self._fetch_seconds = self._histogram("fetch_duration_seconds", "Time of a request to a site", _SLOW)
        self._fetch_bytes = self._counter("fetch_received_bytes", "Bytes of response bodies as received")
        self._retries = self._counter("fetch_retries", "Visits put back to be tried again", "reason")
        self._visits = self._counter("visits", "Visits finished, by outcome", "outcome")
        self._held_back = self._gauge("crawl_held_back", "Whether the crawler waits for the processors")
        self._archived = self._counter("archive_bodies", "Bodies archived")
        self._archive_seconds = self._histogram("archive_batch_duration_seconds", "Time to archive a batch", _FAST)

    def _make_process(self) -> None:
        self._captures = self._counter("captures_processed", "Captures processed", "result", "priority")
        self._capture_seconds = self._histogram("capture_duration_seconds", "Time to process a capture", _SLOW)
        self._batch_seconds = self._histogram("batch_commit_duration_seconds", "Time to commit a batch", _FAST, "stage")
        self._carried = self._counter("queue_captures", "Captures that went through the queue", "action")
        self._claimed = self._counter("queue_claimed", "Captures claimed", "priority")
        self._carry_errors = self._counter("queue_errors", "Failures of the queue or its broker", "operation", "reason")

    def _make_search(self) -> None:
        self._index_commits = self._counter("index_commits", "Commits of the search index")
        self._index_documents = self._counter("index_documents", "Documents put into the search index, or taken out")
        self._index_seconds = self._histogram("index_commit_duration_seconds", "Time of a commit of the index", _SLOW)
        self._index_lag = self._gauge("index_lag_events", "Changes of documents that are not searchable yet")
        self._query_seconds = self._histogram("search_duration_seconds", "Time of a search", _FAST, "result")

    def _make_http(self) -> None:
        self._http_requests = self._counter("http_requests", "HTTP requests answered", "method", "route", "status")
        self._http_seconds = self._histogram(
            "http_request_duration_seconds", "Time to answer", _FAST, "method", "route"
        )
        self._http_in_progress = self._gauge("http_requests_in_progress", "HTTP requests being answered")
        self._streams = self._gauge("streams", "Open event streams, WebSockets, and downloads of exports", "kind")
        for kind in Stream:
            self._streams.labels(kind.value).set(0)
        self._limited = self._counter("limited_requests", "Requests refused with 429, by the limit they met", "limit")
        self._cached = self._counter("answer_cache_requests", "Searches looked for among kept answers", "result")
        self._limits_degraded = self._gauge("limits_degraded", "Whether requests are counted by this process alone")

    def _make_store(self) -> None:
        self._queue_depth = self._gauge("queue_depth", "Captures waiting to be processed", "priority")
        self._queue_age = self._gauge("queue_oldest_age_seconds", "How long the oldest capture has waited", "priority")
        self._store_documents = self._gauge("store_documents", "Documents in the store", "state")
        self._store_visits = self._gauge("store_visits", "Visits of unfinished runs", "outcome")
        self._store_hosts = self._gauge("store_hosts", "Hosts slowed down, or left alone because they fail", "state")
        self._replica_lag = self._gauge(
            "replica_lag_seconds", "How far a standby of the database is behind at most; +Inf: it is left out", "server"
        )
        self._replica_reads = self._counter(
            "replica_reads", "Reads of documents with standbys, by who answered: `primary` or `replica`", "server"
        )
        self._refresh_errors = self._counter(
            "refresh_errors", "Metrics that could not be read from the store", "source"
        )

    def _make_pools(self) -> None:
        about = "Connections to the database: kept at most, idle, in use, open beyond the size"
        self._pool_connections = self._gauge("database_connections", about, "pool", "state")
        self._pool_taken = self._counter("database_connections_taken", "Times a connection was taken", "pool")
        self._pool_wait = self._counter("database_wait_seconds", "Time waited for a connection", "pool")

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"tidemill_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"tidemill_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"tidemill_{name}", about, labels, buckets=buckets, registry=self.registry)


class _Registry(CollectorRegistry):
    """A registry without the `_created` series: they double the text, and `documents_created` reads like a count."""

    def collect(self) -> Iterator[Metric]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def _replace(gauge: Gauge, values: Mapping[str, float]) -> None:
    gauge.clear()
    for label, value in values.items():
        gauge.labels(label).set(value)
