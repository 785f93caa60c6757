"""Tidying up an archive, in a folder or on S3: what is named stays readable at every moment, what is not goes, a put at
the same time loses nothing, and a kill at any step leaves nothing lost."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness.s3 import S3Server

from tidemill.archive import inspect
from tidemill.archive.open import open_archive, shelf_of
from tidemill.archive.shelf import FRESH_S, LEAST_GRACE_S, Pack, Shelf
from tidemill.archive.sweep import Rules, Swept, sweep
from tidemill.errors import Permanent
from tidemill.settings import ArchiveSettings

DAY_S = 86_400.0
STEPS = ("write", "trash", "delete", "restore", "read", "counting", "packs", "trashed")


def named(*bodies: bytes) -> dict[str, bytes]:
    return {sha256(body).hexdigest(): body for body in bodies}


class Killed(BaseException):
    """The process ended here."""


class Dying:
    """A shelf whose process ends at one call, before it or just after it."""

    def __init__(self, shelf: Shelf, dies_at: int, *, after: bool) -> None:
        self._shelf, self._left, self._after = shelf, dies_at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._shelf, name)
        if name not in STEPS:
            return method

        async def call(*arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Killed
            done = await method(*arguments)
            if self._left == 0:
                raise Killed
            return done

        return call


class Ageing:
    """A shelf whose packs are as old as the house says: no server lets anybody turn its clock."""

    def __init__(self, shelf: Shelf, house: House) -> None:
        self._shelf, self._house = shelf, house
        self._true: dict[int, Pack] = {}

    async def packs(self) -> list[Pack]:
        return [self._aged("", each) for each in await self._shelf.packs()]

    async def trashed(self) -> list[Pack]:
        return [self._aged("trash/", each) for each in await self._shelf.trashed()]

    def _aged(self, folder: str, pack: Pack) -> Pack:
        born = self._house.born.setdefault(folder + pack.name, self._house.passed_s)
        aged = replace(pack, written_at=pack.written_at - (self._house.passed_s - born))
        self._true[id(aged)] = pack
        self._house.seen.append(aged)
        return aged

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._shelf, name)

        async def call(*arguments: Any) -> Any:
            return await method(*(self._true.get(id(each), each) for each in arguments))

        return call


@dataclass
class House:
    """An archive, what is named of it, and how much time has passed."""

    open: Callable[[], Any]
    names: set[str] = field(default_factory=set)
    passed_s: float = 0.0
    born: dict[str, float] = field(default_factory=dict)
    seen: list[Pack] = field(default_factory=list)
    archives: list[Any] = field(default_factory=list)

    def archive(self) -> Any:
        """One more machine."""
        archive = self.open()
        archive._now = lambda: time.time() + self.passed_s
        self.archives.append(archive)
        return archive

    def shelf(self) -> Ageing:
        return Ageing(shelf_of(self.archive()), self)

    async def put(self, *bodies: bytes, name: bool = True, archive: Any = None) -> dict[str, bytes]:
        """One batch, by a process that ends then unless one is given."""
        putting, batch = archive or self.archive(), named(*bodies)
        await putting.put(batch)
        if archive is None:
            await putting.close()
        if name:
            self.names |= set(batch)
        await self.shelf().packs()
        return batch

    async def sweep(self, *, grace_s: float = 7 * DAY_S, shelf: Any = None, **rules: Any) -> Swept:
        tidy = shelf or self.shelf()
        try:
            return await sweep(tidy, self.named, Rules(grace_s=grace_s, **rules), asyncio.Event())
        finally:
            await self.shelf().packs()
            await self.shelf().trashed()

    async def named(self, hashes: Sequence[str]) -> set[str]:
        return self.names & set(hashes)

    async def check(self, *batches: dict[str, bytes]) -> None:
        """Every named body of these can be read, by who was there all the time and by somebody new."""
        for archive in (self.archives[0], self.archive()):
            for batch in batches:
                for body_hash, body in batch.items():
                    if body_hash in self.names:
                        assert await archive.get(body_hash) == body


@pytest.fixture(params=["files", "s3"])
async def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[], House]]:
    """A house over a place of its own; any number of them."""
    houses: list[House] = []

    def another() -> House:
        place = tmp_path / f"house-{len(houses)}"
        if request.param == "s3":
            s3: S3Server = request.getfixturevalue("s3")
            url = s3.place()
            settings = s3.settings(url)
        else:
            url, settings = f"file://{place / 'archive'}", ArchiveSettings()
        house = House(lambda: open_archive(settings, url, place / f"machine-{len(house.archives)}"))
        houses.append(house)
        return house

    yield another
    for house in houses:
        for each in house.archives:
            await each.close()


@pytest.fixture
def house(opening: Callable[[], House]) -> House:
    return opening()


async def test_what_nobody_names_goes_and_the_rest_stays(house: House) -> None:
    kept, lost = await house.put(b"kept", b"kept too"), await house.put(b"lost", name=False)
    house.passed_s += 8 * DAY_S
    swept = await house.sweep()
    assert (swept.packs, swept.packs_trashed, swept.bodies_removed) == (2, 1, 1)
    await house.check(kept)
    assert not await house.archive().exists(*lost)
    with pytest.raises(Permanent) as caught:
        await house.archives[0].get(*lost)
    assert caught.value.reason == "archive_missing"


async def test_a_dry_run_tells_the_same_and_changes_nothing(house: House) -> None:
    batches = [await house.put(b"%d" % number, name=number % 2 == 0) for number in range(6)]
    house.passed_s += 8 * DAY_S
    before = [each.name for each in await house.shelf().packs()]
    foretold = await house.sweep(dry_run=True)
    assert [each.name for each in await house.shelf().packs()] == before
    assert await house.shelf().trashed() == []
    assert await house.sweep() == foretold
    await house.check(*batches)


async def test_small_packs_become_one(house: House) -> None:
    batches = [await house.put(b"small %d" % number) for number in range(10)]
    house.passed_s += 8 * DAY_S
    swept = await house.sweep()
    assert (swept.packs_merged, swept.packs_written, swept.bodies_removed) == (10, 1, 0)
    assert len(await house.shelf().packs()) == 1
    await house.check(*batches)
    house.passed_s += 8 * DAY_S
    again = await house.sweep()
    assert (again.packs_written, again.packs_deleted) == (0, 10), "one pack is not rewritten for ever"
    await house.check(*batches)


async def test_of_a_pack_with_little_left_the_rest_moves(house: House) -> None:
    large = [os.urandom(50_000) for _ in range(9)]
    kept = await house.put(b"small and kept")
    mixed = await house.put(*large, b"of the large", name=False)
    house.names |= set(named(b"of the large"))
    house.passed_s += 8 * DAY_S
    swept = await house.sweep(pack_bytes=800)
    assert swept.bodies_removed == 9
    assert sum(each.size_bytes for each in await house.shelf().packs()) < 2000
    await house.check(kept, mixed)


async def test_a_thorough_sweep_leaves_nothing_in_a_large_pack(house: House) -> None:
    batch = await house.put(*(b"%d" % number * 100 for number in range(9)))
    lost = next(iter(batch))
    house.names -= {lost}
    house.passed_s += 8 * DAY_S
    assert (await house.sweep(pack_bytes=1000)).packs_trashed == 0
    assert await house.archive().exists(lost)
    assert (await house.sweep(pack_bytes=1000, thorough=True)).bodies_removed == 1
    assert not await house.archive().exists(lost)
    await house.check(batch)


async def test_what_is_young_is_left_alone(house: House) -> None:
    lost = await house.put(b"lost", name=False)
    house.passed_s += 6 * DAY_S
    swept = await house.sweep()
    assert (swept.young, swept.packs_trashed) == (1, 0)
    assert await house.archive().exists(*lost)


async def test_the_trash_keeps_for_the_grace_time_and_gives_back_what_is_named_after_all(house: House) -> None:
    one, other = await house.put(b"one", name=False), await house.put(b"other", name=False)
    house.passed_s += 8 * DAY_S
    assert (await house.sweep()).packs_trashed == 2
    house.names |= set(one)  # the database was restored from a backup, say
    swept = await house.sweep()
    assert (swept.packs_trashed, swept.packs_deleted, swept.packs_restored) == (0, 0, 1)
    await house.check(one)
    house.passed_s += 6 * DAY_S
    swept = await house.sweep()
    assert (swept.packs_trashed, swept.packs_deleted, swept.packs_restored) == (0, 0, 0)
    house.passed_s += 2 * DAY_S
    swept = await house.sweep()
    assert (swept.packs_deleted, swept.packs_restored) == (1, 0)
    assert await house.shelf().trashed() == []
    await house.check(one)
    assert not await house.archive().exists(*other)


async def test_a_put_of_what_is_about_to_be_swept_brings_it_anew(house: House) -> None:
    """The crawler has put it, and names it only after the sweep."""
    crawler = house.archive()
    batch = await house.put(b"comes again", name=False, archive=crawler)
    await crawler.close()
    await house.shelf().packs()
    house.passed_s += 8 * DAY_S
    await house.put(b"comes again", name=False, archive=crawler)
    swept = await house.sweep()
    assert swept.packs_trashed == 1
    house.names |= set(batch)
    await house.check(batch)


async def test_a_put_between_two_steps_of_a_sweep_loses_nothing(house: House) -> None:
    """Whatever a sweep has decided, the body comes again at every step of it."""
    batch = await house.put(b"comes again", name=False)
    house.passed_s += 8 * DAY_S
    shelf, crawler = house.shelf(), house.archive()

    class Interrupted(Ageing):
        def __getattr__(self, name: str) -> Any:
            method = super().__getattr__(name)

            async def call(*arguments: Any) -> Any:
                await crawler.put(batch)
                done = await method(*arguments)
                await crawler.put(batch)
                return done

            return call

    await house.sweep(shelf=Interrupted(shelf._shelf, house))
    house.names |= set(batch)
    await house.check(batch)


async def test_a_pack_that_a_process_appends_to_is_left_alone(opening: Callable[[], House]) -> None:
    house = opening()
    crawler = house.archive()
    batch = await house.put(b"by a process that lives", name=False, archive=crawler)
    house.passed_s += 8 * DAY_S
    await house.sweep()
    later = await house.put(b"appended", archive=crawler)
    house.names |= set(later)
    await house.check(later, batch)


async def test_what_is_damaged_is_neither_copied_nor_thrown_away(house: House) -> None:
    first, second = await house.put(b"first"), await house.put(b"second")
    house.passed_s += 8 * DAY_S

    class Spoiling(Ageing):
        async def read(self, pack: Pack, records: Any) -> list[bytes]:
            found = await self._shelf.read(self._true[id(pack)], records)
            return [each[:-1] + b"?" for each in found] if records[0].digest.hex() in first else found

    swept = await house.sweep(shelf=Spoiling(shelf_of(house.archive()), house))
    assert swept.packs_damaged == 1
    assert swept.packs_restored == 0
    await house.check(first, second)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_kill_at_any_step_loses_nothing(opening: Callable[[], House], after: bool) -> None:
    """And the next sweep comes to what an undisturbed one comes to."""
    step = 1
    while step < 60:
        house = opening()
        batches = [await house.put(b"kept %d" % number, b"lost %d" % number, name=False) for number in range(3)]
        batches.append(await house.put(b"gone", name=False))
        house.names |= {body_hash for batch in batches for body_hash, body in batch.items() if b"kept" in body}
        house.passed_s += 8 * DAY_S
        await house.sweep(grace_s=30 * DAY_S)
        try:
            await house.sweep(shelf=Dying(house.shelf(), step, after=after))  # type: ignore[arg-type]
            ended = True
        except Killed:
            ended = False
        await house.check(*batches)
        await house.sweep()
        await house.check(*batches)
        house.passed_s += 8 * DAY_S
        await house.sweep()
        house.passed_s += 8 * DAY_S
        await house.sweep()
        await house.check(*batches)
        assert (await inspect.totals(house.shelf())).bodies == 3
        if ended:
            return
        step += 1
    pytest.fail("the sweep has more steps than this test takes")


BODIES = st.sampled_from([b"a", b"bb" * 40, b"c" * 300, b"d", os.urandom(2000)])
HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(BODIES, min_size=1, max_size=3)),
        st.tuples(st.just("name"), BODIES),
        st.tuples(st.just("unname"), BODIES),
        st.tuples(st.just("wait"), st.sampled_from([1.0, FRESH_S, LEAST_GRACE_S, 8 * DAY_S])),
        st.tuples(st.just("sweep"), st.integers(1, 30)),
    ),
    max_size=14,
)


@given(history=HISTORY)
async def test_whatever_happens_what_was_put_and_is_named_can_be_read(
    opening: Callable[[], House], history: list[tuple[str, Any]]
) -> None:
    house = opening()
    known: dict[str, bytes] = {}
    for what, about in history:
        if what == "put":
            known |= await house.put(*about)
        elif what == "name":
            house.names |= set(named(about)) & set(known) & house.names
        elif what == "unname":
            house.names -= set(named(about))
        elif what == "wait":
            house.passed_s += about
        else:
            with suppress(Killed):
                await house.sweep(
                    grace_s=LEAST_GRACE_S,
                    pack_bytes=2000,
                    shelf=Dying(house.shelf(), about, after=about % 2 == 0),  # type: ignore[arg-type]
                )
        if house.archives:
            await house.check(known)


async def test_verify_tells_what_is_missing_and_what_is_damaged(house: House) -> None:
    batch = await house.put(b"sound", b"spoilt")
    archive = house.archive()
    get = archive.get

    async def spoilt(body_hash: str) -> bytes:
        if body_hash in named(b"spoilt"):
            raise Permanent("it is damaged", reason="archive_corrupt")
        return bytes(await get(body_hash))

    archive.get = spoilt

    async def names() -> AsyncIterator[list[str]]:
        yield [*batch, *named(b"never put")]

    found = await inspect.verify(archive, names(), asyncio.Event())
    assert (found.bodies, found.bytes, found.is_sound, found.finished) == (3, 5, False, True)
    assert set(found.missing) == set(named(b"never put"))
    assert set(found.corrupt) == set(named(b"spoilt"))
