"""The same crawl with PostgreSQL behind it: undisturbed, under kill -9, and when the server itself dies under it."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.fault.test_roles import begun
from tests.harness.command import Tidemill
from tests.harness.postgres import Server, again, in_own_loop, need_postgres, own_postgres
from tests.harness.reports import Report, report
from tests.harness.served_books import ServedBooks
from tests.harness.watch import all_gone, children, progress, until, until_progress
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True, slots=True)
class Served:
    """The command with a database of its own on a server, and its books."""

    server: Server
    tidemill: Tidemill
    books: ServedBooks


@pytest.fixture
def served(tidemill: Tidemill) -> Iterator[Served]:
    server = need_postgres()
    url = in_own_loop(server.empty())
    yield Served(server, tidemill.with_settings(f"database.url={url}"), ServedBooks(tidemill.data_dir, url))
    in_own_loop(server.drop(url))


def crawl_command(site: Site) -> tuple[str, ...]:
    return ("crawl", f"{site.base_url}/", "--allow-private", "--json")


def assert_the_same(served: Served, site: Site, undisturbed: Report) -> None:
    """The outcomes and the documents of an undisturbed run on SQLite, and the books in order."""
    found = report(served.tidemill, site.base_url, served.books)
    assert found.run["state"] == "completed"
    ours, theirs = found.outcomes(), undisturbed.outcomes()
    assert {
        path: (ours.get(path), theirs.get(path)) for path in ours | theirs if ours.get(path) != theirs.get(path)
    } == {}
    assert found.documents == undisturbed.documents
    assert served.tidemill.search('"counter for every bat"')["total"] == 1


def test_a_server_gives_what_a_file_gives(site: Site, served: Served, undisturbed: Report) -> None:
    served.tidemill.crawl(f"{site.base_url}/")
    assert_the_same(served, site, undisturbed)
    said = {each["check"]: each for each in served.tidemill("doctor", "--json").expect(0).json}
    assert said["database"]["status"] == "ok", said
    assert "PostgreSQL" in said["database"]["detail"]


@pytest.mark.long  # the short form is in test_kill, over a file
def test_kill_the_whole_group_at_random_points(
    site: Site, served: Served, undisturbed: Report, rng: random.Random
) -> None:
    total = len(undisturbed.ledger)
    killed = 0
    for number, point in enumerate(sorted(rng.uniform(0.02, 0.98) for _ in range(50))):
        if served.books.begun and number and is_complete(served):
            break
        with served.tidemill.start(*crawl_command(site)) as running:
            if number == 0:
                time.sleep(rng.uniform(0.3, 1.5))  # while tables are made
            else:
                further = progress(served.books) / total + rng.uniform(0.001, 0.02)
                until_progress(running, served.books, max(point, further), total)
            family = children(running.pid)
            killed += running.alive
            said = running.kill_group()
            assert all_gone(family), f"left alive: {family}\n{said}"
    served.tidemill(*(("process",) if is_complete(served) else crawl_command(site))).expect(0)
    assert killed
    assert_the_same(served, site, undisturbed)


def test_when_every_connection_is_cut_the_same_command_goes_on(site: Site, served: Served, undisturbed: Report) -> None:
    """What a server that crashes or is restarted does to its clients."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemill'"
    with served.tidemill.start(*crawl_command(site)) as running:
        assert until_progress(running, served.books, 0.4, len(undisturbed.ledger))
        served.books.rows(cut)
        done = running.wait()
    assert "Traceback" not in done.stderr, done
    if done.code:
        assert "the database" in done.stderr or "the connection" in done.stderr, done
        until(lambda: not served.books.rows(cut), what="the end of all connections")
        served.tidemill(*crawl_command(site)).expect(0)
    assert_the_same(served, site, undisturbed)


def test_roles_outlive_the_server_and_go_on_when_it_is_back(
    site: Site, tidemill: Tidemill, undisturbed: Report, rng: random.Random
) -> None:
    """A server that is killed under a crawler and a processor, and started again, twice."""
    with own_postgres() as server:
        url = in_own_loop(server.empty())
        house = tidemill.with_settings(f"database.url={url}", "process.batch_size=4", "logging.level=INFO")
        served = Served(server, house, ServedBooks(tidemill.data_dir, url))
        with begun(house, site), house.start("crawler") as crawler, house.start("processor") as processor:
            for point in sorted(rng.uniform(0.1, 0.8) for _ in range(2)):
                until_progress(crawler, served.books, point, len(undisturbed.ledger))
                assert server.process is not None
                server.process.send_signal(signal.SIGQUIT)  # what it does not write down now is gone
                server.process.wait(30)
                time.sleep(rng.uniform(0.5, 2.5))
                again(server)
            until(lambda: is_complete(served), timeout_s=120, what="the end of the run")
            assert crawler.alive
            assert processor.alive
            for role in (crawler, processor):
                role.signal_group(signal.SIGTERM)
            said = [role.wait(60).expect(0).stderr for role in (crawler, processor)]
        assert any("waiting for a server" in each for each in said), said
        assert not any("Traceback" in each for each in said), said
        assert served.books.count("workers", "true") == 0
        house("process").expect(0)
        assert_the_same(served, site, undisturbed)


def is_complete(served: Served) -> bool:
    return progress(served.books) > 0 and served.books.count("runs", "state = 'completed'") == 1
