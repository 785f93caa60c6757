"""What the flow tests share: the sample site, and one crawl of it that many of them read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.crawled import Crawled, crawl_sample_site
from tests.harness.command import Tidemill
from tests.harness.sites import site_in_thread
from tests.site.server import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """The sample site, new for each test."""
    with site_in_thread() as served:
        yield served


@pytest.fixture
def tidemill(tmp_path: Path) -> Tidemill:
    """The command over a data folder of the test's own."""
    return Tidemill(tmp_path / "data")


@pytest.fixture(scope="session")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    """The first crawl of the sample site."""
    with crawl_sample_site(tmp_path_factory.mktemp("sample")) as crawled:
        yield crawled
