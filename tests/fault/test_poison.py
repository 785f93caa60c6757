"""Row 15: one page in a thousand ends the process that reads it. It becomes a dead letter that says why, the others are
done, and when its cause is gone the replay makes a document of it: on each queue."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.harness.accounts import Collect, check_ledger
from tests.harness.backends import BACKENDS, opened_backend
from tests.harness.brokers import PATIENCE_S
from tests.harness.command import ROOT, Tidemill
from tests.harness.fleet import Fleet, fleet_over
from tests.harness.outages import ended, endured
from tests.harness.sites import site_in_thread
from tests.harness.watch import until
from tests.site.server import Site
from tests.site.website import Answer

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 300)]

ROGUE = "application/x-rogue"
WELL = """
from tidemill.models.document import Draft
from tidemill.process.extract.registry import handles

@handles("application/x-rogue")
def extract(page):
    words = " ".join(f"word{number}{page.url[-9:-5]}" for number in range(60))
    return (Draft(kind="article", title=page.url, content=words, markdown=words),)
"""
POISONOUS = WELL.replace("    words =", "    import ctypes\n    ctypes.string_at(0)\n    words =", 1)


@pytest.fixture(scope="module")
def thousand(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site of a thousand numbered pages, in the short form of a hundred."""
    with site_in_thread(pages=1000 if request.config.getoption("--long") else 100) as site:
        yield site


@pytest.fixture
def plug_in(tmp_path: Path) -> Path:
    """The module of a package with an extractor, which the test writes."""
    folder = tmp_path / "packages"
    info = folder / "rogue_plug_in-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rogue-plug-in\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[tidemill.extractors]\nrogue = rogue_plug_in:extract\n", encoding="utf-8")
    return folder / "rogue_plug_in.py"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Over each queue in the short form."""
    if "over" in metafunc.fixturenames:
        short = ("sqlite", "postgres+redis", "postgres+rabbitmq")
        metafunc.parametrize("over", BACKENDS if metafunc.config.getoption("--long") else short)


@pytest.fixture
def fleet(
    over: str,
    queue_url: Callable[[str], str],
    thousand: Site,
    plug_in: Path,
    tmp_path: Path,
    rng: random.Random,
) -> Iterator[Fleet]:
    with ExitStack() as stack:
        backend = stack.enter_context(opened_backend(over, queue_url))
        made = stack.enter_context(fleet_over(backend, Tidemill(tmp_path / "data"), thousand, rng))
        path = os.pathsep.join((str(ROOT / "src"), str(ROOT), str(plug_in.parent)))
        made.house = made.house.with_settings("process.max_attempts=3", "process.batch_size=16")
        made.house.environ = {"PYTHONPATH": path}
        yield made
        thousand.replaced.clear()


def test_poison_costs_itself_alone_and_is_replayed_when_it_is_mended(
    fleet: Fleet, plug_in: Path, collect: Collect
) -> None:
    plug_in.write_text(POISONOUS, encoding="utf-8")
    path = f"/n/{fleet.rng.randrange(1, fleet.site.website.numbered + 1):04}.html"
    fleet.site.replaced[path] = Answer(200, {"Content-Type": ROGUE}, b"poison")
    fleet.begin()
    fleet.add("crawler")
    fleet.add("processor")
    fleet.add("indexer")
    ended(fleet, timeout_s=180)
    endured(fleet)
    fleet.settle()
    check_ledger(fleet, "15. poison", collect=collect, blows=1, dead_letters=[path])
    ((reason, attempts),) = fleet.books.rows("SELECT reason, attempts FROM dead_letters")
    assert (reason, attempts) == ("worker_died", 3)

    plug_in.write_text(WELL, encoding="utf-8")
    fleet.add("processor")
    fleet.add("indexer")
    fleet.house("deadletters", "replay", "--all").expect(0)
    until(lambda: fleet.books.count("dead_letters", "state = 'resolved'") == 1, what="the replay")
    fleet.settle()
    check_ledger(fleet, "15. poison, replayed", collect=collect, blows=0)
