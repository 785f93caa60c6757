"""Row 28: ten times as much is asked as can be done. Who comes too many is told when to come back, memory stays flat,
and soon after all is as it was; crawlers wait for processors."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles

import psutil
import pytest
from tests.harness.accounts import Collect, check_ledger
from tests.harness.backends import BACKENDS, Backend, opened_backend
from tests.harness.brokers import PATIENCE_S
from tests.harness.fleet import Fleet
from tests.harness.outages import base_of, endured
from tests.harness.probing import Answer, ask, watching
from tests.harness.sites import site_in_thread
from tests.harness.watch import until
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 600)]
IN_FLIGHT = 4
MB = 1024 * 1024


def test_the_api_takes_on_what_it_can_do(fleet_on_sqlite: Fleet, is_long: bool) -> None:
    fleet = fleet_on_sqlite
    member = fleet.add("serve", f"api.max_in_flight={IN_FLIGHT}", "api.timeout_s=5")
    base = base_of(member)
    process = psutil.Process(member.running.pid)
    paths = ("/api/v1/runs", "/api/v1/stats", "/api/v1/search?q=harbour", "/api/v1/sources")
    assert [ask(base + path).status for path in paths] == [200] * 4
    over = threading.Event()
    memory: list[int] = []

    def asking(number: int) -> list[Answer]:
        answers: list[Answer] = []
        while not over.is_set():
            body = {"target": f"http://shop-{number}.example/"} if number % 5 == 0 else None
            answers.append(ask(base + (paths[0] if body else paths[number % 4]), body, 30))
        return answers

    with watching({"serve": base}) as watch, ThreadPoolExecutor(10 * IN_FLIGHT) as pool:
        busy = [pool.submit(asking, number) for number in range(10 * IN_FLIGHT)]
        for _ in range(300 if is_long else 6):
            time.sleep(1)
            memory.append(process.memory_info().rss)
        over.set()
        answers = [each for one in busy for each in one.result()]
    told = Counter(each.status for each in answers)
    assert set(told) <= {200, 202, 503}, told
    assert told[503], "it was no overload"
    assert told[200] + told[202] > 50, told
    assert all(each.header("Retry-After") for each in answers if each.status == 503)
    assert watch.never_but("/livez", 200) == []
    assert memory[-1] - memory[len(memory) // 4] < 40 * MB, [each // MB for each in memory]
    after = [ask(base + path).seconds for path in paths * 10]
    assert quantiles(after, n=20)[-1] < 0.5, "p95 when it is over"
    endured(fleet)


@pytest.fixture(scope="module")
def numbered_site() -> Iterator[Site]:
    """A site with more pages than a crawler fetches between two looks at what waits."""
    with site_in_thread(pages=400) as site:
        yield site


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Over each backend in the long form, over one in the short one."""
    if "over" in metafunc.fixturenames:
        metafunc.parametrize("over", BACKENDS if metafunc.config.getoption("--long") else ("postgres",))


@pytest.fixture
def backend(over: str, queue_url: Callable[[str], str]) -> Iterator[Backend]:
    with opened_backend(over, queue_url) as opened:
        yield opened


def test_crawlers_wait_for_processors(fleet: Fleet, collect: Collect) -> None:
    """What waits is not much more than the high-water mark, however fast the site is, and grows no more."""
    high = 20
    fleet.house = fleet.house.with_settings(f"queue.high_water={high}", "queue.low_water=5")
    crawler = fleet.add("crawler")
    fleet.begin()
    until(lambda: "crawl.held_back" in crawler.said(), what="a crawler that is held back")
    time.sleep(1)  # what is in flight still ends
    waiting = fleet.books.count("waiting", "token IS NULL")
    assert high <= waiting < 350
    time.sleep(1.5)
    assert fleet.books.count("waiting", "token IS NULL") == waiting
    fleet.add("processor")
    fleet.add("indexer")
    fleet.settle()
    check_ledger(fleet, "28. processors too slow", collect=collect, blows=1)
