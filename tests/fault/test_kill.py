"""kill -9, of everything or of one process: the same command again comes to what an undisturbed run comes to."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import psutil
import pytest
from tests.harness.books import Books
from tests.harness.command import Done, Running, Tidemill
from tests.harness.reports import Report, report
from tests.harness.sites import asked
from tests.harness.watch import all_gone, children, progress, until, until_progress
from tests.site.server import Site

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]
AT_START = 2
"""How many of the kills come at a random time of the first second: while tables are made, while processes start."""

TRIES = {"/status/stiff.html": 3, "/status/busy.html": 2}


def crawl_command(site: Site) -> tuple[str, ...]:
    return ("crawl", f"{site.base_url}/", "--allow-private", "--json")


@pytest.mark.slow
def test_kill_the_whole_group_at_random_points(
    site: Site, tidemill: Tidemill, undisturbed: Report, rng: random.Random, is_long: bool
) -> None:
    tidemill = tidemill.with_settings(
        "process.max_attempts=20"
    )  # whoever dies three times over a page may owe it to it
    total = len(undisturbed.ledger)
    kills = 50 if is_long else 6
    points = sorted(rng.random() for _ in range(kills - AT_START))
    killed = 0
    books = Books(tidemill.data_dir)
    for number in range(kills):
        if is_complete(books):
            break
        with tidemill.start(*crawl_command(site)) as running:
            if number < AT_START:
                time.sleep(rng.uniform(0.3, 1.3))
            else:
                further = progress(books) / total + rng.uniform(0.001, 0.02)  # never before it has done anything
                until_progress(running, books, max(points[number - AT_START], further), total)
                time.sleep(rng.uniform(0, 0.03))
            family = children(running.pid)
            killed += running.alive
            said = running.kill_group()
            assert all_gone(family), f"left alive: {family}\n{said}"
    print(f"{killed} kills at {[round(point, 2) for point in points]}")
    # whose run was over when it was killed would begin another one; only its search index may lack something
    tidemill(*(("process",) if is_complete(books) else crawl_command(site))).expect(0)
    assert_the_same(tidemill, site, undisturbed)
    for path, times in asked(site.hits).items():
        assert times <= TRIES.get(path, 1) + killed, f"{path} was asked for {times} times"


@pytest.mark.slow
def test_kill_pool_workers_again_and_again(
    site: Site, tidemill: Tidemill, undisturbed: Report, rng: random.Random
) -> None:
    patient = tidemill.with_settings("process.max_attempts=20")
    killed = []
    with patient.start(*crawl_command(site)) as running:
        until(lambda: bool(children(running.pid)), what="a pool worker")
        for fraction in sorted(rng.uniform(0.3, 0.95) for _ in range(5)):
            if not until_progress(running, Books(tidemill.data_dir), fraction, len(undisturbed.ledger)):
                break
            if family := children(running.pid):
                victim = min(family, key=psutil.Process.create_time)  # at work: younger ones may still be starting
                with suppress(psutil.NoSuchProcess):  # it may have ended since it was listed
                    victim.kill()
                    killed.append(victim.pid)
        running.wait().expect(0)
    assert killed
    assert_the_same(tidemill, site, undisturbed)
    assert Books(tidemill.data_dir).count("dead_letters") == 0


@pytest.mark.slow
def test_the_children_of_a_killed_parent_die_with_it(site: Site, tidemill: Tidemill, undisturbed: Report) -> None:
    with tidemill.start(*crawl_command(site)) as running:
        assert until_progress(running, Books(tidemill.data_dir), 0.5, len(undisturbed.ledger))
        until(lambda: len(children(running.pid)) == 2, what="two pool workers")
        family = children(running.pid)
        os.kill(running.pid, signal.SIGKILL)
        assert all_gone(family), family
    tidemill(*crawl_command(site)).expect(0)
    assert_the_same(tidemill, site, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_one_signal_drains_and_the_same_command_goes_on(
    site: Site, tidemill: Tidemill, undisturbed: Report, number: signal.Signals
) -> None:
    with tidemill.start(*crawl_command(site)) as running:
        done = interrupted_at(0.25, running, tidemill, number, len(undisturbed.ledger))
    done.expect(130)
    assert done.json["status"] == "interrupted"
    assert done.json["discovered"] == sum(done.json["outcomes"].values())
    assert "Traceback" not in done.stderr
    Books(tidemill.data_dir).check()
    assert tidemill("runs", "show", "--json").json["state"] == "interrupted"
    again = tidemill(*crawl_command(site)).expect(0)
    assert again.json["run_id"] == done.json["run_id"]
    assert "taking up run" in again.stderr
    assert_the_same(tidemill, site, undisturbed)
    assert {path: n for path, n in asked(site.hits).items() if n > TRIES.get(path, 1)} == {}


@pytest.mark.slow
def test_a_second_signal_stops_at_once(site: Site, tidemill: Tidemill, undisturbed: Report) -> None:
    """A page that takes a minute to answer keeps the first signal from ending anything."""
    patient = tidemill.with_settings("net.read_timeout_s=90", "net.total_timeout_s=90")
    slow = site.website.answer("/about.html", site.base_url, {})
    site.replaced["/about.html"] = type(slow)(200, slow.headers, slow.body, delay_s=60)
    with patient.start(*crawl_command(site)) as running:
        until(lambda: "/about.html" in asked(site.hits), what="the request for the slow page")
        until_progress(running, Books(tidemill.data_dir), 0.25, len(undisturbed.ledger))
        running.signal_group(signal.SIGINT)
        time.sleep(1.0)
        assert running.alive, running.wait()
        family = children(running.pid)
        began = time.monotonic()
        running.signal_group(signal.SIGINT)
        done = running.wait(10).expect(130)
    assert time.monotonic() - began < 2
    assert all_gone(family)
    assert "Traceback" not in done.stderr
    site.replaced.clear()
    tidemill(*crawl_command(site)).expect(0)
    assert_the_same(tidemill, site, undisturbed)


@pytest.mark.slow
def test_a_crawler_that_slept_through_its_lease_changes_nothing(
    site: Site, tidemill: Tidemill, undisturbed: Report
) -> None:
    """SIGSTOP for longer than the lease; another process takes the run over; SIGCONT."""
    short = tidemill.with_settings("crawl.lease_s=5", "queue.lease_s=5")
    books = Books(tidemill.data_dir)
    with short.start(*crawl_command(site)) as sleeper:
        assert until_progress(sleeper, books, 0.3, len(undisturbed.ledger))
        stop_between_writes(sleeper, books)
        time.sleep(6.0)
        with short.start(*crawl_command(site)) as heir:
            until(lambda: books.count("runs", "state = 'completed'") == 1, timeout_s=60, what="the end of the run")
            sleeper.signal_group(signal.SIGCONT)  # only now: until it wakes, it holds the search index
            heir.wait().expect(0)
        sleeper.wait().expect(0)
    assert_the_same(tidemill, site, undisturbed)
    assert books.count("runs") == 1


def is_complete(books: Books) -> bool:
    """Whether the run is over. Before the first kill has left tables behind there is none."""
    return progress(books) > 0 and books.count("runs", "state = 'completed'") == 1


def stop_between_writes(running: Running, books: Books) -> None:
    """SIGSTOP. Who is stopped inside a transaction keeps the database locked, and nobody can take anything over."""
    running.signal_group(signal.SIGSTOP)
    while not books.is_free():
        running.signal_group(signal.SIGCONT)
        time.sleep(0.01)
        running.signal_group(signal.SIGSTOP)


def interrupted_at(fraction: float, running: Running, tidemill: Tidemill, number: int, total: int) -> Done:
    assert until_progress(running, Books(tidemill.data_dir), fraction, total), running.wait()
    running.signal_group(number)
    return running.wait(30)


def assert_the_same(tidemill: Tidemill, site: Site, undisturbed: Report) -> None:
    """The outcomes and the documents of an undisturbed run, and the books in order."""
    found = report(tidemill, site.base_url)
    assert found.run["state"] == "completed"
    differing = {
        path: (found.outcomes().get(path), undisturbed.outcomes().get(path))
        for path in found.outcomes().keys() | undisturbed.outcomes().keys()
        if found.outcomes().get(path) != undisturbed.outcomes().get(path)
    }
    assert differing == {}
    assert found.documents == undisturbed.documents
    assert tidemill.search('"counter for every bat"')["total"] == 1
