"""Roles as processes of their own, killed and drained, over each queue: the ledger is that of an undisturbed crawl."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from tests.fault.test_kill import assert_the_same
from tests.harness.books import Books
from tests.harness.brokers import PATIENCE_S, free_port, own_redis
from tests.harness.command import Running, Tidemill
from tests.harness.reports import Report
from tests.harness.watch import until
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 300)]
LEASE_S = 5


@pytest.fixture(params=["redis", *(pytest.param(each, marks=pytest.mark.long) for each in ("database", "rabbitmq"))])
def house(request: pytest.FixtureRequest, tidemill: Tidemill) -> Tidemill:
    """The command over each queue, with leases that a test can wait for."""
    url = "database:" if request.param == "database" else request.getfixturevalue(f"{request.param}_url")
    patient = ("process.batch_size=4", "process.max_attempts=20", f"crawl.lease_s={LEASE_S}")
    return tidemill.with_settings(f"queue.url={url}", f"queue.lease_s={LEASE_S}", *patient, "logging.level=INFO")


@contextlib.contextmanager
def begun(house: Tidemill, site: Site) -> Iterator[None]:
    """A run that waits for a crawler, by the API."""
    port = free_port()
    with house.start("serve", "--port", str(port)) as serving:
        until(lambda: _status(f"http://127.0.0.1:{port}/readyz") == 200, what="the API")
        body = json.dumps({"target": f"{site.base_url}/", "allow_private": True}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/runs", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 202
        yield
        serving.signal_group(signal.SIGTERM)
        serving.wait(30).expect(0)


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def completed(house: Tidemill) -> bool:
    return Books(house.data_dir).count("runs", "state = 'completed'") == 1


def probes_of(running: Running) -> str:
    """Where a role says that its probes are."""
    said: list[str] = []

    def is_said() -> bool:
        running._err.flush()
        text = os.pread(running._err.fileno(), 10_000, 0).decode()
        said[:] = re.findall(r"probes and metrics on (http://\S+)", text)
        return bool(said)

    until(is_said, what="the address of the probes")
    return said[0]


@pytest.mark.long  # the short form is in test_thousand_kills
def test_killed_processors_lose_nothing(house: Tidemill, site: Site, undisturbed: Report, rng: random.Random) -> None:
    """kill -9 at random moments; each dead processor's captures are claimed again within the lease and five seconds."""
    with begun(house, site), house.start("crawler") as crawling, house.start("indexer"):
        for _ in range(20):
            with house.start("processor") as victim:
                probes_of(victim)
                time.sleep(rng.uniform(0.1, 1.2))
                victim.kill_group()
        killed_at = time.monotonic()
        books = Books(house.data_dir)
        with house.start("processor") as processing:
            until(lambda: books.count("waiting", "attempts > 0 AND token IS NOT NULL") == 0, timeout_s=60)
            assert time.monotonic() - killed_at < LEASE_S + 5 + 30, "the start of a process and its work included"
            until(lambda: completed(house), timeout_s=90, what="the end of the run")
            for each in (processing, crawling):
                each.signal_group(signal.SIGTERM)
                each.wait(30).expect(0)
    assert books.count("dead_letters") == 0
    assert_the_same(house, site, undisturbed)


def test_roles_start_in_any_order_answer_probes_and_drain(house: Tidemill, site: Site, undisturbed: Report) -> None:
    with house.start("processor") as one, house.start("indexer") as indexing, house.start("processor") as two:
        url = probes_of(one)
        until(lambda: _status(f"{url}/readyz") == 200, what="readiness")
        assert _status(f"{url}/livez") == _status(f"{url}/metrics") == _status(f"{url}/startupz") == 200
        with begun(house, site), house.start("crawler") as crawling:
            until(lambda: Books(house.data_dir).count("documents") > 20, timeout_s=60, what="documents")
            two.signal_group(signal.SIGTERM)
            two.wait(30).expect(0)
            until(lambda: completed(house), timeout_s=90, what="the end of the run")
            for each in (crawling, one, indexing):
                each.signal_group(signal.SIGTERM)
                each.wait(30).expect(0)
    assert_the_same(house, site, undisturbed)


def test_a_redis_that_is_killed_and_comes_back_empty(
    tidemill: Tidemill, site: Site, undisturbed: Report, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with own_redis(tmp_path_factory.mktemp("redis")) as redis:
        house = tidemill.with_settings(f"queue.url=redis://127.0.0.1:{redis.port}/0", "queue.lease_s=5")
        with house.start("crawl", f"{site.base_url}/", "--allow-private", "--json") as running:
            until(lambda: Books(house.data_dir).path.exists() and _documents(house) > 10, what="documents")
            redis.kill()
            time.sleep(1.5)
            redis.start()
            running.wait(120).expect(0)
    assert_the_same(tidemill, site, undisturbed)


def test_a_crawl_with_a_low_high_water_mark_ends_all_the_same(
    tidemill: Tidemill, site: Site, undisturbed: Report
) -> None:
    """Crawl and process in one process: held back again and again, and never for good."""
    house = tidemill.with_settings("queue.high_water=5", "queue.low_water=0", "logging.level=INFO")
    with house.start("crawl", f"{site.base_url}/", "--allow-private", "--json") as running:
        said = running.wait(200).expect(0).stderr
    assert "crawl.held_back" in said
    assert "crawl.let_go" in said
    assert_the_same(tidemill, site, undisturbed)


def _documents(house: Tidemill) -> int:
    with contextlib.suppress(Exception):
        return Books(house.data_dir).count("documents")
    return 0
