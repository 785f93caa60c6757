"""What the fault tests share: the sample site, what an undisturbed crawl of it comes to, and the seed of chance."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.command import Tidemill
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
def tidemill(tmp_path: Path, site: Site) -> Iterator[Tidemill]:
    """The command over a data folder of the test's own, and the site as if nobody had asked it anything."""
    site.hits.clear()
    site.asked.clear()
    site.replaced.clear()
    yield Tidemill(tmp_path / "data")
    site.replaced.clear()


@pytest.fixture
def rng() -> random.Random:
    """Chance, with its seed printed; `TIDEMILL_TEST_SEED` replays it."""
    seed = int(os.environ.get("TIDEMILL_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"TIDEMILL_TEST_SEED={seed}")
    return random.Random(seed)
