"""Starting runs over a real store: new, taken up, begun afresh; and what is refused before anything is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.store_house import SITE, House, draft, opened_house

from tidemill.errors import Forbidden, Invalid, NotFound
from tidemill.manage.runs import latest, start
from tidemill.manage.sources import apply_files
from tidemill.models.run import RunOptions, RunState
from tidemill.settings import NetSettings
from tidemill.store import runs, sources

NET = NetSettings()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


async def test_a_source_gets_a_run_and_that_is_taken_up_until_it_ends(house: House) -> None:
    begun = await start(house.store, NET, "site", RunOptions(max_pages=5))
    assert (begun.resumed, begun.ignored, begun.run.state) == (False, (), RunState.QUEUED)
    again = await start(house.store, NET, "site", RunOptions(max_pages=7, max_depth=1))
    assert (again.run.id, again.resumed) == (begun.run.id, True)
    assert again.ignored == ("max_pages", "max_depth")
    assert (await start(house.store, NET, "site", RunOptions())).ignored == ()
    fresh = await start(house.store, NET, "site", RunOptions(), fresh=True)
    assert fresh.run.id != begun.run.id
    assert await runs.state(house.store, begun.run.id) is RunState.CANCELLED
    await runs.begin(house.store, fresh.run.id, house.worker.id)
    await house.crawl(fresh.run, {"": "x"})
    await house.process({"": [draft("x")]})
    assert not (await start(house.store, NET, "site", RunOptions())).resumed


async def test_a_url_makes_a_source_of_its_folder(house: House) -> None:
    begun = await start(house.store, NET, "HTTP://Docs.example:80/guide/index.html#x", RunOptions())
    assert (begun.source.name, begun.source.adhoc) == ("docs.example/guide/", True)
    assert begun.source.spec.within == ("http://docs.example/guide/",)
    assert (await start(house.store, NET, "http://docs.example/guide/index.html", RunOptions())).resumed


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("nobody", NotFound),
        ("http://[", Invalid),
        ("ftp://a/", Invalid),
        ("http://me:secret@a.example/", Invalid),
        ("http://127.0.0.1/", Forbidden),
        ("http://[::1]/", Forbidden),
        ("http://169.254.169.254/latest/", Forbidden),
    ],
)
async def test_what_cannot_be_crawled_begins_no_run(house: House, target: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await start(house.store, NET, target, RunOptions())
    assert await house.count("runs") == 0
    with pytest.raises(NotFound):
        await latest(house.store)


async def test_private_addresses_are_crawled_if_that_was_said(house: House) -> None:
    begun = await start(house.store, NET, "http://127.0.0.1:8000/", RunOptions(allow_private=True))
    assert (await latest(house.store)).id == begun.run.id


async def test_files_are_applied_all_or_none(house: House, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(f"name: good\nstart: [{SITE}]\n")
    bad.write_text("name: bad\n")
    with pytest.raises(Invalid):
        await apply_files(house.store, [good, bad])
    assert [source.name for source in await sources.listed(house.store)] == ["site"]
    assert [each.changed for each in await apply_files(house.store, [good])] == [True]
    assert [each.changed for each in await apply_files(house.store, [good])] == [False]
