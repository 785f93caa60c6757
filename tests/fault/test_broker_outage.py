"""Rows 12, 13, 14, 18 and 19, of the brokers: killed, emptied, full, silent, slow. The rows of the database are the
truth: nothing is lost, crawlers go on, processors wait, and no process ends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis as redis_client
from tests.harness.accounts import Collect, check_ledger
from tests.harness.brokers import PATIENCE_S, OwnServer, own_rabbitmq, own_redis
from tests.harness.command import Tidemill
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.fleet import Fleet, fleet_over
from tests.harness.nursery import Nursery
from tests.harness.outages import Detour, ended, endured, manned, reach, waited
from tests.harness.postgres import in_own_loop, need_postgres
from tests.harness.probing import watching
from tests.harness.watch import until
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 300)]
Opened = Callable[[str, str, str], Fleet]


@pytest.fixture
def over(numbered_site: Site, tmp_path: Path, rng: random.Random, nursery: Nursery | None) -> Iterator[Opened]:
    """A fleet over a new database of PostgreSQL and a broker: `over(name, its URL, the URL for processes)`."""
    with ExitStack() as stack:

        def begin(name: str, url: str, by: str) -> Fleet:
            server = need_postgres()
            database = in_own_loop(server.copy())
            stack.callback(lambda: in_own_loop(server.drop(database)))
            house = Tidemill(tmp_path / "data", nursery=nursery)
            backend = Detour(f"postgres+{name}", database, url, queue_by=by)
            return stack.enter_context(fleet_over(backend, house, numbered_site, rng))

        yield begin


@contextmanager
def redis_at(tmp_path: Path, *options: str) -> Iterator[tuple[OwnServer, redis_client.Redis[bytes], str]]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with own_redis(folder, *options) as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        with redis_client.Redis.from_url(url) as client:
            yield server, client, url


def test_a_redis_that_is_killed_under_load_and_then_emptied(
    over: Opened, tmp_path: Path, collect: Collect, is_long: bool
) -> None:
    """Row 12: kill -9 with an append-only file, restart; FLUSHALL. Work waits for nobody longer than it must."""
    with redis_at(tmp_path, "--appendonly", "yes", "--appendfsync", "everysec") as (server, client, url):
        fleet = over("redis", url, url)
        bases = manned(fleet, "crawler", "processor", "indexer")
        blows = 6 if is_long else 2
        with watching(bases) as watch:
            fleet.begin()
            for blow in range(blows):
                reach(fleet, 0.2 + 0.7 * blow / blows)
                if blow % 2:
                    client.flushall()
                    continue
                server.kill()
                time.sleep(fleet.rng.uniform(0.2, 1.5))
                server.start()
            ended(fleet, timeout_s=60)
        endured(fleet)
        assert watch.never_but("/livez", 200) == []
        assert watch.never_but("/readyz", 200) == [], "a broker is no hard dependency"
        fleet.settle()
        check_ledger(fleet, "12. kill -9 of Redis, FLUSHALL", collect=collect, blows=blows)


def test_a_redis_that_is_full_makes_producers_wait_and_consumers_make_room(
    over: Opened, tmp_path: Path, collect: Collect
) -> None:
    """Row 13: noeviction and no memory left. Producers ask ever less often, and who starts meanwhile still consumes."""
    with redis_at(tmp_path) as (_, client, url):
        fleet = over("redis", url, url)
        manned(fleet, "crawler")
        fleet.begin()
        until(lambda: waiting_in(client) > 1, what="messages")
        client.config_set("maxmemory", "1")
        until(lambda: fleet.books.count("runs", "state = 'crawled'") == 1, what="a crawl that goes on all the same")
        refused = oom_errors(client)
        time.sleep(3)
        assert oom_errors(client) - refused <= 12, "who is refused waits before it tries again"
        before = fleet.books.count("documents")
        fleet.add("processor")
        waited(fleet, lambda: waiting_in(client) == 0, what="an empty Redis")
        until(lambda: fleet.books.count("documents") > before, what="what Redis held, processed")
        client.config_set("maxmemory", "0")
        fleet.add("indexer")
        fleet.settle()
        check_ledger(fleet, "13. Redis out of memory", collect=collect, blows=1)


def waiting_in(client: redis_client.Redis[bytes]) -> int:
    return sum(client.xlen(key) for key in client.scan_iter("tidemill:*"))


def oom_errors(client: redis_client.Redis[bytes]) -> int:
    said = client.info("errorstats").get("errorstat_OOM", {})
    return int(said.get("count", 0)) if isinstance(said, dict) else 0


@pytest.mark.parametrize("role", ["processor", "up"])
def test_a_redis_that_throws_keys_away_is_refused_at_the_start(tmp_path: Path, role: str) -> None:
    """Row 13: `allkeys-lru` would throw away what waits. A sentence, exit 1, no trace."""
    with redis_at(tmp_path, "--maxmemory-policy", "allkeys-lru") as (_, _, url):
        arguments = ("--port", "0") if role == "up" else ()
        done = Tidemill(tmp_path / "data", f"queue.url={url}")(role, *arguments).expect(1)
    assert "allkeys-lru" in done.stderr
    assert "noeviction" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_rabbitmq_that_is_killed_between_publish_and_confirm(
    over: Opened, tmp_path: Path, collect: Collect, is_long: bool
) -> None:
    """Row 14: what was published and not confirmed is published again; N documents come of it, not more."""
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    with own_rabbitmq(folder) as server, fault_proxy(server.port) as proxy:
        url = "amqp://guest:guest@127.0.0.1:{}/"  # pragma: allowlist secret
        fleet = over("rabbitmq", url.format(server.port), url.format(proxy.port))
        manned(fleet, "crawler", "processor", "indexer")
        blows = 3 if is_long else 1
        fleet.begin()
        for blow in range(blows):
            reach(fleet, 0.2 + 0.6 * blow / blows)
            proxy.mute()
            time.sleep(fleet.rng.uniform(0.1, 0.5))  # confirms are on their way and never arrive
            server.kill()
            proxy.cut()
            server.start()
            proxy.heal()
        ended(fleet, timeout_s=90)
        endured(fleet)
        fleet.settle()
        check_ledger(fleet, "14. kill -9 of RabbitMQ between publish and confirm", collect=collect, blows=blows)


WEATHERS: dict[str, Callable[[FaultProxy], None]] = {
    "silence": lambda proxy: proxy.silence(),
    "partition": lambda proxy: proxy.partition(),
    "trickle": lambda proxy: proxy.trickle(1.0),
    "latency": lambda proxy: proxy.slow(2.0),
    "reset": lambda proxy: proxy.reset_mid_answer(after=200),
}


@pytest.mark.parametrize("name", ["redis", "rabbitmq"])
def test_a_broker_behind_a_bad_wire_is_waited_for_and_found_again(
    over: Opened, name: str, queue_url: Callable[[str], str], collect: Collect, is_long: bool
) -> None:
    """Rows 18 and 19: half-open, cut off, slow, broken in the midst of answers; probes stay what they were."""
    url = queue_url(name)
    port = int(url.rpartition(":")[2].partition("/")[0])
    with fault_proxy(port) as proxy:
        fleet = over(name, url, url.replace(f":{port}/", f":{proxy.port}/"))
        bases = manned(fleet, "crawler", "processor", "indexer")
        with watching(bases) as watch:
            fleet.begin()
            for number, weather in enumerate(WEATHERS):
                reach(fleet, 0.1 + 0.15 * number)
                WEATHERS[weather](proxy)
                time.sleep(30 if is_long else 1.5)
                proxy.heal()
            ended(fleet, timeout_s=90)
        endured(fleet)
        assert watch.never_but("/livez", 200) == []
        assert watch.never_but("/readyz", 200) == [], "a broker is no hard dependency"
        assert max(each.seconds for answers in watch.answers.values() for each in answers) < 5
        fleet.settle()
        check_ledger(fleet, "18, 19. bad wire to the broker", collect=collect, blows=len(WEATHERS))
