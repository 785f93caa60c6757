"""What the fault tests share: the sample site, what an undisturbed crawl of it comes to, and the seed of chance."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.harness.accounts import Collect, Tally
from tests.harness.backends import BACKENDS, Backend, opened_backend
from tests.harness.command import Tidemill
from tests.harness.fleet import Fleet, fleet_over
from tests.harness.nursery import Nursery, shared_nursery
from tests.harness.reports import Report, against_truth, report
from tests.harness.sites import site_in_thread
from tests.site.server import Site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The sample site. All tests crawl the same one, so that their URLs are the same."""
    with site_in_thread() as served:
        yield served


@pytest.fixture(scope="session")
def undisturbed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What a crawl of the whole site comes to if nothing happens to it."""
    tidemill = Tidemill(tmp_path_factory.mktemp("undisturbed") / "data")
    tidemill.crawl(f"{site.base_url}/")
    found = report(tidemill, site.base_url)
    wrong = against_truth(found.ledger, site.truth)
    assert not wrong, "\n".join(wrong)
    return found


@pytest.fixture
def tidemill(tmp_path: Path, site: Site, nursery: Nursery | None) -> Iterator[Tidemill]:
    """The command over a data folder of the test's own, and the site as if nobody had asked it anything."""
    site.hits.clear()
    site.asked.clear()
    site.replaced.clear()
    yield Tidemill(tmp_path / "data", nursery=nursery)
    site.replaced.clear()


@pytest.fixture
def rng() -> random.Random:
    """Chance, with its seed printed; `TIDEMILL_TEST_SEED` replays it."""
    seed = int(os.environ.get("TIDEMILL_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"TIDEMILL_TEST_SEED={seed}")
    return random.Random(seed)


NUMBERED = 100
"""Notes of the site that fleets work on; with their index there are two pages more."""


@pytest.fixture(scope="session")
def numbered_site() -> Iterator[Site]:
    """A site with so many numbered pages below /n/."""
    with site_in_thread(pages=NUMBERED) as served:
        yield served


@pytest.fixture(scope="session")
def queue_url(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The URL of a broker that the tests of this session share: `queue_url("redis")`."""
    return lambda name: str(request.getfixturevalue(f"{name}_url"))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, queue_url: Callable[[str], str]) -> Iterator[Backend]:
    """Each backend in turn, with a database of the test's own."""
    with opened_backend(request.param, queue_url) as opened:
        yield opened


@pytest.fixture
def fleet(
    backend: Backend, numbered_site: Site, tmp_path: Path, rng: random.Random, nursery: Nursery | None
) -> Iterator[Fleet]:
    """A fleet without members over each backend and the numbered pages."""
    with fleet_over(backend, Tidemill(tmp_path / "data", nursery=nursery), numbered_site, rng) as made:
        yield made


@pytest.fixture(scope="session")
def nursery() -> Nursery | None:
    """Where processes come from that are started by the hundred."""
    return shared_nursery()


@pytest.fixture
def collect(request: pytest.FixtureRequest) -> Collect:
    """Keeps a tally for the table of `docs/reliability.md`, in the file that `--fault-report` names."""
    given = request.config.getoption("--fault-report")

    def keeping(tally: Tally) -> None:
        print(tally)
        if given:
            with Path(given).open("a", encoding="utf-8") as file:
                file.write(json.dumps(tally.as_line()) + "\n")

    return keeping


@pytest.fixture
def small_disk(missing: Callable[[str, str], NoReturn]) -> Iterator[Callable[[str], Path]]:
    """A file system of so many bytes that every user may look into; called again, the same one with another size."""
    folder = Path(tempfile.mkdtemp(prefix="tidemill-disk-"))
    mounted = False

    def make(size: str) -> Path:
        nonlocal mounted
        options = f"size={size},mode=755" + (",remount" if mounted else "")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            missing("the right to mount a tmpfs", "run as root")
        mounted = True
        folder.chmod(0o755)
        return folder

    yield make
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def fleet_on_sqlite(
    numbered_site: Site, tmp_path: Path, rng: random.Random, nursery: Nursery | None
) -> Iterator[Fleet]:
    """A fleet without members over embedded backends."""
    house = Tidemill(tmp_path / "data", nursery=nursery)
    with fleet_over(Backend("sqlite", "", "database:"), house, numbered_site, rng) as made:
        yield made
