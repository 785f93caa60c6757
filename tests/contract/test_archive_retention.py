"""Retention: old captures go with a sweep, and never one that a page or document shows, or that waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tests.contract.api_house import house

from tidemill.app import App
from tidemill.errors import Conflict, Invalid
from tidemill.manage import archives
from tidemill.manage.archives import Tidied, Tools, rules_of
from tidemill.manage.presence import at_work
from tidemill.manage.runs import start
from tidemill.models.run import RunOptions
from tidemill.models.source import RetentionRules, SourceSpec
from tidemill.roles.jobs import run_to_end
from tidemill.store import jobs, sources
from tidemill.store.captures import put_again
from tidemill.store.tables import captures, documents, runs

DAY_S = 86_400.0


class Mill:
    """A source of three pages that is crawled again and again, and time that passes."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.pages = app, folder / "pages"
        self.pages.mkdir()
        self.tools = Tools(app.store, app.archive, lease_s=30.0)
        for number in range(3):
            self.write(number, "first")

    def write(self, number: int, word: str) -> None:
        words = f"The {word} wheel of mill {number} was turned by the tide in {1800 + number}, as the miller tells. "
        (self.pages / f"{number}.html").write_text(f"<html lang=en><title>Mill {number}</title><p>{words * 5}</p>")

    async def crawl(self) -> None:
        begun = await start(self.app.store, self.app.settings.net, "mills", RunOptions())
        await run_to_end(self.app, begun.run.id, asyncio.Event())
        await self.app.archive.close()  # as a command does when it ends: its pack is nobody's any more

    async def keep(self, days: float | None) -> None:
        spec = SourceSpec(
            name="mills",
            kind="files",
            start=(str(self.pages),),
            base_url="https://mills.example/",
            retention=RetentionRules(days),
        )
        await sources.apply(self.app.store, spec)

    async def age(self, days: int) -> None:
        """Everything that is there becomes older."""
        async with self.app.store.write() as connection:
            for row in (await connection.execute(select(captures.c.id, captures.c.fetched_at))).all():
                moved = update(captures).where(captures.c.id == row.id)
                await connection.execute(moved.values(fetched_at=row.fetched_at - timedelta(days=days)))
        for path in (self.app.settings.data_dir / "archive").rglob("*.pack"):
            about = path.stat()
            os.utime(path, (about.st_atime - days * DAY_S, about.st_mtime - days * DAY_S))

    async def hashes(self) -> set[str]:
        async with self.app.store.read() as connection:
            return set((await connection.execute(select(captures.c.body_hash))).scalars())

    async def texts(self) -> list[str]:
        async with self.app.store.read() as connection:
            return sorted((await connection.execute(select(documents.c.content))).scalars())

    async def sweep(self, *, dry_run: bool = False) -> Tidied:
        return await archives.sweep(self.tools, rules_of(7 * DAY_S, dry_run=dry_run), asyncio.Event())


@pytest.fixture
async def mill(tmp_path: Path) -> AsyncIterator[Mill]:
    async with house(tmp_path, **{"process.workers": 1}) as app:
        mill = Mill(app, tmp_path)
        await mill.keep(None)
        await mill.crawl()
        yield mill


async def test_what_was_replaced_long_ago_goes_and_what_is_shown_stays(mill: Mill) -> None:
    before = await mill.hashes()
    mill.write(0, "second")
    await mill.crawl()
    texts = await mill.texts()
    await mill.age(100)
    assert (await mill.sweep()).expired == {}, "without retention all is kept"
    await mill.keep(90)
    await mill.age(8)  # the sweep above wrote a new pack
    foretold = await mill.sweep(dry_run=True)
    assert foretold.expired["mills"] >= 1
    done = await mill.sweep()
    assert done.expired == foretold.expired
    (gone,) = before - await mill.hashes()
    await mill.age(8)
    await mill.sweep()
    assert not await mill.app.archive.exists(gone)
    assert await mill.texts() == texts
    found = await archives.verify(mill.tools, asyncio.Event())
    assert (found.bodies, found.is_sound) == (3, True)
    await mill.crawl()
    assert (await archives.verify(mill.tools, asyncio.Event())).is_sound


async def test_nothing_goes_while_a_run_is_unfinished(mill: Mill) -> None:
    mill.write(0, "second")
    await mill.crawl()
    await mill.keep(90)
    await mill.age(100)
    async with mill.app.store.write() as connection:
        await connection.execute(update(runs).values(finished_at=None, state="running"))
    assert (await mill.sweep()).expired == {"mills": 0}


async def test_captures_that_wait_or_are_young_stay(mill: Mill) -> None:
    mill.write(0, "second")
    await mill.crawl()
    await mill.keep(90)
    async with mill.app.store.write() as connection:
        ids = list((await connection.execute(select(captures.c.id))).scalars())
        await put_again(connection, ids, mill.app.store.now())
    await mill.age(100)
    assert (await mill.sweep()).expired == {"mills": 0}


async def test_two_sweeps_do_not_meet(mill: Mill) -> None:
    async with at_work(mill.app.store, archives.KIND, 30.0) as worker:
        await jobs.take_up(mill.app.store, archives.KIND, {}, worker.id)
        with pytest.raises(Conflict, match="another archive-sweep is at work") as caught:
            await mill.sweep()
        assert caught.value.reason == "job_running"
    await mill.sweep()


async def test_the_archive_of_another_database_is_not_swept(mill: Mill, tmp_path: Path) -> None:
    url = mill.app.settings.archive_url
    async with house(tmp_path / "other", **{"archive.url": url}) as stranger:
        tools = Tools(stranger.store, stranger.archive, lease_s=30.0)
        stranger.store.url = "postgresql://mill:hunter2@db.example/mill"  # pragma: allowlist secret
        with pytest.raises(Conflict, match="do not belong together") as caught:
            await archives.sweep(tools, rules_of(7 * DAY_S, dry_run=False), asyncio.Event())
        assert "hunter2" not in f"{caught.value} {stranger.store!r}"
    assert caught.value.reason == "archive_foreign"


def test_a_grace_time_in_which_a_crawler_could_be_overtaken_is_refused() -> None:
    with pytest.raises(Invalid, match="too short") as caught:
        rules_of(DAY_S - 1, dry_run=False)
    assert caught.value.reason == "bad_grace"


async def test_a_lost_body_is_fetched_again_by_the_next_crawl(mill: Mill) -> None:
    """The site has it still, and answers that nothing has changed: who is not asked anew would never give it."""
    lost = await mill.hashes()
    texts = await mill.texts()
    for path in (mill.app.settings.data_dir / "archive").rglob("*"):
        if path.is_file():
            path.unlink()
    await mill.app.archive.close()
    await mill.crawl()
    assert not any([await mill.app.archive.exists(each) for each in lost]), "nobody knows of the loss yet"
    found = await archives.verify(mill.tools, asyncio.Event())
    assert found.missing.keys() | found.corrupt.keys() == lost
    await mill.crawl()
    assert (await archives.verify(mill.tools, asyncio.Event())).is_sound
    assert await mill.texts() == texts
