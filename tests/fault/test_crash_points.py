"""Row 3: a process dies at every step that is named in the code, over every backend, and the sums come out right.

In the short form the processes of a run die at one step after another; in the long form each step has a run of its own
as well, and dies at a passing that chance chooses.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.harness.accounts import Collect, check_ledger
from tests.harness.backends import BACKENDS, Backend
from tests.harness.brokers import PATIENCE_S
from tests.harness.command import Tidemill
from tests.harness.fleet import Fleet, fleet_over
from tests.harness.nursery import Nursery
from tests.harness.s3 import S3Server
from tests.harness.steps import armed, die_at, named_steps
from tests.harness.watch import until
from tests.site.server import Site
from tests.site.website import Answer

from tidemill.models.run import RunOptions

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 600)]
FAULT = "3. death at each named step"

STEPS = {
    "crawler": (
        "worker.registered", "crawl.leased", "crawl.fetched", "archive.begun", "archive.written", "archive.appended",
        "crawl.archived", "crawl.before_commit", "crawl.recorded", "queue.marked", "crawl.announced", "crawl.finished",
    ),
    "processor": (
        "queue.taken", "process.claimed", "process.computed", "process.before_commit", "process.committed",
        "process.acknowledged",
    ),
    "indexer": ("index.created", "index.read", "index.added", "index.committed", "index.moved_on"),
}  # fmt: skip
"""In an order in which each can be reached: what is reached once at the end comes last."""

OF_BROKERS = frozenset({"queue.marked", "queue.taken"})
ONCE = frozenset({"crawl.finished", "worker.registered", "archive.begun", *STEPS["indexer"]})
"""Steps that a process may pass but once: an index may catch up in one go."""

LAST = frozenset({"crawl.finished", "index.created", "index.moved_on"})
"""Steps that nobody may pass a second time."""

ELSEWHERE = frozenset({"worker.buried", "worker.resigned", "crawl.entered_ahead", "archive.uploaded"})
"""Steps that need more than a run, each with a test of its own below."""

OF_EXPORTS = frozenset({"export.batch", "export.shelved"})
"""See `test_export_kill.py`."""


def steps_over(backend: str) -> dict[str, tuple[str, ...]]:
    """The steps that a run over this backend passes."""
    has_broker = "+" in backend
    return {role: tuple(each for each in of if has_broker or each not in OF_BROKERS) for role, of in STEPS.items()}


def test_every_step_of_the_code_has_its_test() -> None:
    tested = [step for of_role in STEPS.values() for step in of_role]
    assert sorted(named_steps()) == sorted([*tested, *ELSEWHERE, *OF_EXPORTS])


def test_a_step_is_named_once() -> None:
    assert {step: places for step, places in named_steps().items() if len(places) > 1} == {}


ROUNDS = [0, *(pytest.param(number, marks=pytest.mark.long) for number in range(1, 13))]


@pytest.mark.parametrize("number", ROUNDS)
def test_processes_die_at_one_step_after_another(fleet: Fleet, collect: Collect, number: int) -> None:
    """In the first round in the order above, in others in one that chance gives, and at other passings."""
    steps = {role: list(of_role) for role, of_role in steps_over(fleet.backend.name).items()}
    if number:
        steps = {role: shuffled(of_role, fleet.rng) for role, of_role in steps.items()}
    repeated = [each for of_role in steps.values() for each in of_role if each not in ONCE]
    passings = dict.fromkeys(fleet.rng.sample(repeated, 3), 2) if number else {}  # all would need more pages
    fleet.begin()
    die_at(fleet, steps, passings)
    fleet.settle()
    check_ledger(fleet, FAULT, collect=collect)


def shuffled(steps: Sequence[str], rng: random.Random) -> list[str]:
    """In any order, but for what comes last of itself; an index that has caught up may have nothing more to read."""
    if "index.created" in steps:
        return [*steps]
    ended = [each for each in steps if each == "crawl.finished"]
    others = [each for each in steps if each not in ended]
    return [*rng.sample(others, len(others)), *ended]


EACH = [
    pytest.param(backend, role, step, id=f"{backend}-{step}")
    for backend in BACKENDS
    for role, of_role in steps_over(backend).items()
    for step in of_role
]


@pytest.mark.long
@pytest.mark.parametrize(("backend", "role", "step"), EACH, indirect=["backend"])
def test_processes_die_again_and_again_at_one_step(fleet: Fleet, collect: Collect, role: str, step: str) -> None:
    deaths = 1 if step in LAST else 5
    number = 1 if step in ONCE else fleet.rng.randint(1, 2)
    fleet.begin()
    die_at(fleet, {**dict.fromkeys(STEPS, ()), role: [step] * deaths}, {step: number})
    fleet.settle()
    check_ledger(fleet, FAULT, collect=collect)


TWO = pytest.mark.parametrize("backend", ["sqlite", "postgres+redis"], indirect=True)


@TWO
def test_a_processor_dies_while_it_buries_another(fleet: Fleet, collect: Collect) -> None:
    only_crawled(fleet)
    victim = fleet.add("processor")
    until(lambda: fleet.books.count("workers", "role = 'processor'") == 1, what="a processor in the list of workers")
    heir = fleet.add("processor", armed("worker.buried"))
    until(lambda: heir.is_up, what="another processor")
    fleet.kill(victim)
    until(lambda: not heir.alive, what="the burial of the first by the second")
    fleet.fell(heir, "worker.buried")
    fleet.add("processor")
    fleet.add("indexer")
    fleet.settle()
    check_ledger(fleet, FAULT, collect=collect)


@TWO
def test_a_processor_dies_at_the_end_of_its_drain(fleet: Fleet, collect: Collect) -> None:
    only_crawled(fleet)
    leaving = fleet.add("processor", armed("worker.resigned"))
    until(lambda: leaving.is_up, what="a processor")
    until(lambda: fleet.books.count("workers", "role = 'processor'") == 1, what="its name in the list of workers")
    leaving.running.signal_group(signal.SIGTERM)
    fleet.fell(leaving, "worker.resigned")
    fleet.add("processor")
    fleet.add("indexer")
    fleet.settle()
    check_ledger(fleet, FAULT, collect=collect)


def only_crawled(fleet: Fleet) -> None:
    """A run of which everything is fetched and nothing processed, and no crawler any more."""
    fleet.begin()
    crawler = fleet.add("crawler")
    until(lambda: fleet.books.count("runs", "state = 'crawled'") == 1, timeout_s=60, what="the end of the crawl")
    fleet.drain(crawler)


@pytest.mark.parametrize("backend", ["sqlite", "postgres"], indirect=True)
def test_a_crawler_dies_in_the_middle_of_a_long_listing(fleet: Fleet) -> None:
    """What was entered before is entered once, and the listing is read again."""
    links = "".join(f'<li><a href="/n/{note:05}.html">note {note}</a>' for note in range(1, 1101))
    text = "<main><h1>Notes</h1><p>All notes of the night editor are listed here.</p>"
    page = f"<!DOCTYPE html><title>Notes</title>{text}<ul>{links}</ul></main>"
    fleet.site.replaced["/n/"] = Answer(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
    try:
        fleet.begin(options=RunOptions(allow_private=True, max_pages=3))
        fleet.add("processor")
        fleet.add("indexer")
        die_at(fleet, {"crawler": ["crawl.entered_ahead"] * 2}, {"crawl.entered_ahead": 2})
        fleet.settle()
    finally:
        fleet.site.replaced.clear()
    fleet.books.check()
    assert fleet.books.count("visits", "outcome = 'skipped' AND reason = 'limit'") >= 1095
    assert fleet.books.one("SELECT count(*) FROM pages WHERE url LIKE '%/n/0____.html'") == 1100
    assert fleet.hits()["/n/"] == 3


@pytest.mark.parametrize("name", ["sqlite"])
def test_a_crawler_dies_when_its_bodies_are_on_s3_and_nobody_knows(
    name: str, s3: S3Server, numbered_site: Site, tmp_path: Path, rng: random.Random, nursery: Nursery | None,
    collect: Collect,
) -> None:  # fmt: skip
    options = tuple(f"{key}={value}" for key, value in s3.options(s3.place()).items())
    backend = Backend(name, "", "database:", archive=options)
    with fleet_over(backend, Tidemill(tmp_path / "data", nursery=nursery), numbered_site, rng) as fleet:
        fleet.begin()
        die_at(fleet, {"crawler": ["archive.uploaded"] * 2, "processor": (), "indexer": ()}, {"archive.uploaded": 2})
        fleet.settle()
        check_ledger(fleet, FAULT, collect=collect)
        fleet.house("archive", "verify", "--json").expect(0)
