"""Rows 7, 18 and 19, of the database: it is killed, cut off, half open, slow. Every process says so, none ends or
hangs, and when all is well again the ledger is that of an undisturbed run."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.harness.accounts import Collect, check_ledger
from tests.harness.brokers import PATIENCE_S
from tests.harness.command import Tidemill
from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.fleet import Fleet, fleet_over
from tests.harness.nursery import Nursery
from tests.harness.outages import APART, Detour, customer, ended, endured, manned, reach, waited
from tests.harness.postgres import Server, again, crash, in_own_loop, own_postgres
from tests.harness.probing import Answer, Watch, ask, watching
from tests.harness.watch import until
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 300)]

QUICK = (
    "database.connect_timeout_s=1",
    "database.statement_timeout_s=2",
    "database.lock_timeout_s=2",
    "database.pool_timeout_s=2",
)
MIXED = ("crawler", "indexer", "up")
UNREADY_S = 5.0
ANSWERED_S = 12.0
"""No request takes longer, whatever the database does: the time limits of one statement and of what is around it."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL that may be killed; what was committed survives that."""
    with own_postgres() as server:
        yield server


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """The way that our processes take to it."""
    port = make_url(server.url).port
    assert port is not None
    with fault_proxy(port) as proxy:
        yield proxy


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Over each queue in the long form, over the database's own in the short one."""
    if "over" in metafunc.fixturenames:
        brokers = ("postgres+redis", "postgres+rabbitmq") if metafunc.config.getoption("--long") else ()
        metafunc.parametrize("over", ["postgres", *brokers])
    if "roles" in metafunc.fixturenames:
        crews = {"apart": APART, "up": ("up",)} if metafunc.config.getoption("--long") else {"mixed": MIXED}
        metafunc.parametrize("roles", list(crews.values()), ids=list(crews))


@pytest.fixture
def fleet(
    over: str,
    server: Server,
    proxy: FaultProxy,
    queue_url: Callable[[str], str],
    numbered_site: Site,
    tmp_path: Path,
    rng: random.Random,
    nursery: Nursery | None,
) -> Iterator[Fleet]:
    """A fleet without members that reaches PostgreSQL through the proxy."""
    queue = over.partition("+")[2]
    if server.process is not None and server.process.poll() is not None:
        again(server)
    url = in_own_loop(server.copy())
    through = make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
    backend = Detour(over, url, queue_url(queue) if queue else "database:", database_by=through)
    with fleet_over(backend, Tidemill(tmp_path / "data", *QUICK, nursery=nursery), numbered_site, rng) as made:
        yield made
    if server.process is not None and server.process.poll() is None:
        in_own_loop(server.drop(url))


def test_a_killed_server_is_waited_for_by_every_process(
    fleet: Fleet, server: Server, roles: tuple[str, ...], collect: Collect, is_long: bool
) -> None:
    """Row 7: /readyz 503 within 5 s, /livez 200 throughout, nothing acknowledged is lost, nobody is restarted."""
    bases = manned(fleet, *roles)
    blows = 3 if is_long else 1
    recovered: list[float] = []
    with watching(bases) as watch, customer(bases[roles[-1]]) as shopping:
        fleet.begin()
        for blow in range(blows):
            reach(fleet, 0.3 + 0.6 * blow / blows)
            crash(server)
            assert said_by_all(fleet, watch, bases, 503) <= UNREADY_S
            again(server)
            recovered.append(said_by_all(fleet, watch, bases, 200))
        time.sleep(0.5)
    endured(fleet)
    assert watch.never_but("/livez", 200) == []
    assert shopping.unclean == []
    assert shopping.acknowledged
    named = {name for (name,) in fleet.books.rows("SELECT name FROM sources")}
    assert set(shopping.acknowledged) <= named, "what was acknowledged is there"
    settled(fleet, "7. kill -9 of PostgreSQL", collect, blows, recovered)


def said_by_all(fleet: Fleet, watch: Watch, bases: Mapping[str, str], status: int) -> float:
    """How long from now it takes until the last process answers /readyz so."""
    since = time.monotonic()

    def times() -> list[float | None]:
        return [watch.said(name, "/readyz", status, since) for name in bases]

    waited(fleet, lambda: None not in times(), what=f"{status} of every /readyz")
    return max(each for each in times() if each is not None)


def settled(fleet: Fleet, fault: str, collect: Collect, blows: int, recovered: list[float]) -> None:
    """The run ends by itself, and its ledger is in order. What was fetched and not yet written is fetched again."""
    fleet.settle()
    fleet.kills["crawler"] += blows
    fleet.recovery_s += recovered
    check_ledger(fleet, fault, collect=collect, blows=blows)


def test_a_partition_holds_nobody_longer_than_the_timeouts(
    fleet: Fleet, proxy: FaultProxy, collect: Collect, is_long: bool
) -> None:
    """Row 18: nothing passes for a while, in the middle of a run; what was sent arrives when nobody waits any more."""
    bases = manned(fleet, *APART)
    length_s = 30.0 if is_long else 3.0
    with watching(bases) as watch, customer(bases["serve"]) as shopping:
        fleet.begin()
        reach(fleet, 0.3)
        proxy.partition()
        assert said_by_all(fleet, watch, bases, 503) <= UNREADY_S
        time.sleep(length_s)
        proxy.heal()
        recovered = said_by_all(fleet, watch, bases, 200)
    endured(fleet)
    assert watch.never_but("/livez", 200) == []
    assert shopping.unclean == []
    assert max(each.seconds for each in shopping.answers) < ANSWERED_S
    settled(fleet, "18. partition from the database", collect, 1, [recovered])


def test_connections_that_are_half_open_are_given_up(
    fleet: Fleet, proxy: FaultProxy, collect: Collect, is_long: bool
) -> None:
    """Row 18: no FIN, no RST, no byte, for ever; and what they had locked in the server is let go."""
    bases = manned(fleet, *APART)
    with watching(bases) as watch:
        fleet.begin()
        points = (0.2, 0.4, 0.6) if is_long else (0.3,)
        for point in points:
            reach(fleet, point)
            proxy.silence()
        ended(fleet, timeout_s=90)
    endured(fleet)
    assert watch.never_but("/livez", 200) == []
    settled(fleet, "18. half-open connections to the database", collect, len(points), [])


WEATHERS: dict[str, Callable[[FaultProxy], None]] = {
    "latency": lambda proxy: proxy.slow(2.0),
    "trickle": lambda proxy: proxy.trickle(1.0),
    "reset": lambda proxy: proxy.reset_mid_answer(after=600),
}


@pytest.mark.parametrize("weather", sorted(WEATHERS))
def test_a_slow_or_broken_way_to_the_database_makes_answers_late_and_nothing_else(
    fleet: Fleet, proxy: FaultProxy, weather: str, is_long: bool
) -> None:
    """Row 19: answers are bounded by the time limits, what needs no database does not wait, and all is well after."""
    bases = manned(fleet, "serve")
    base = bases["serve"]
    length_s = 30.0 if is_long else 4.0
    with ThreadPoolExecutor(24) as pool, watching(bases) as watch:
        WEATHERS[weather](proxy)
        until_s = time.monotonic() + length_s
        paths = ("/api/v1/runs", "/api/v1/sources", "/api/v1/stats", "/api/v1/search?q=note")

        def asking(number: int) -> list[Answer]:
            answers = []
            while time.monotonic() < until_s:
                answers.append(ask(base + paths[number % len(paths)], timeout_s=60))
            return answers

        answers = [each for found in pool.map(asking, range(20)) for each in found]
        light = ask(f"{base}/api/v1/nowhere", timeout_s=60)
        proxy.heal()
        since = time.monotonic()
        until(lambda: watch.said("serve", "/readyz", 200, since) is not None, timeout_s=15, what="readiness")
    assert watch.never_but("/livez", 200) == []
    assert max(each.seconds for each in watch.answers["serve", "/livez"]) < 1.5
    assert light.status == 404
    assert light.seconds < 1.5, "a route that needs no database waits for none"
    assert {each.status for each in answers} <= {200, 503}, Counter(each.status for each in answers)
    assert all(each.header("Retry-After") for each in answers if each.status == 503)
    assert max(each.seconds for each in answers) < ANSWERED_S
    assert [ask(base + path).status for path in paths] == [200] * 4, "nothing is left of it"
    endured(fleet)
