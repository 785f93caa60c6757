"""The jobs of exports, over both databases: one whole file each, whoever dies, deletes, writes or runs out of room."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.contract.store_house import SITE, House, draft, opened_house
from tests.harness.s3 import S3Server

from tidemill.archive.bucket import Bucket
from tidemill.deliver.export.formats import FORMATS
from tidemill.deliver.export.shelf import BucketShelf, FolderShelf, Shelf
from tidemill.errors import Forbidden, NotFound, TooMany, Transient
from tidemill.manage import exports as manage
from tidemill.manage.exporter import MOST_ATTEMPTS, Exporter
from tidemill.manage.exports import Wanted
from tidemill.models.account import Caller, Role, caller_of
from tidemill.models.export import Export, Selection
from tidemill.search.base import Hit, SearchQuery, SearchResult
from tidemill.settings import ExportsSettings, QuotaSettings
from tidemill.store import audit, documents, exports, workers

ME = caller_of("me", Role.VIEWER)
WHO = "01890a5d-ac96-774b-bcce-b302099a8057"
ADA = Caller("user:ada", Role.VIEWER, ME.scopes, user_id=WHO)
PAGES = 230
EVERYTHING = Wanted(FORMATS["jsonl"])


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


@pytest.fixture
async def filled(house: House) -> House:
    await house.run({f"{number:03}": [draft(f"page {number}")] for number in range(PAGES)})
    return house


class Place:
    """A folder of exports, and those who work on them."""

    def __init__(self, house: House, folder: Path) -> None:
        self.store, self.folder = house.store, folder
        self.shelf: Shelf = FolderShelf(folder)

    def exporter(self, **changed: Any) -> Exporter:
        search = changed.pop("search", None)
        settings = ExportsSettings(**changed)
        return Exporter(self.store, self.shelf, self.folder, settings, lease_s=60, search=search)

    async def start(self, wanted: Wanted = EVERYTHING, by: Caller = ME) -> Export:
        return await manage.start(self.store, None, wanted, by)

    async def work(self, **changed: Any) -> None:
        await self.exporter(**changed).work(asyncio.Event())

    async def content(self, export: Export) -> bytes:
        done = await exports.get(self.store, export.id)
        assert done.state == "done", done.error
        assert done.file is not None
        assert done.size_bytes is not None
        content = b"".join([piece async for piece in self.shelf.read(done.file, 0, done.size_bytes)])
        assert (len(content), sha256(content).hexdigest()) == (done.size_bytes, done.sha256)
        return content

    async def urls(self, export: Export) -> list[str]:
        return [json.loads(line)["url"].removeprefix(SITE) for line in (await self.content(export)).splitlines()]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def place(house: House, tmp_path: Path) -> Place:
    return Place(house, tmp_path / "exports")


async def test_a_job_makes_one_whole_file(filled: House, place: Place) -> None:
    export = await place.start()
    assert (export.state, export.format, export.rows) == ("pending", "jsonl", 0)
    await place.work()
    assert await place.urls(export) == [f"{number:03}" for number in range(PAGES)]
    done = await exports.get(filled.store, export.id)
    assert (done.rows, done.attempts, done.truncated) == (PAGES, 1, False)
    assert place.files() == [done.file]
    assert await filled.count("workers") == 1, "the exporter is off the list again"
    (line,) = await audit.listed(filled.store, audit.Wanted(action="export.create"), limit=5)
    assert (line.actor, line.target) == ("me", export.id)


async def test_a_selection(filled: House, place: Place) -> None:
    at = filled.store.now()
    await filled.run({"new": [draft("x", language="de", title="neu")], "old": [draft("y")]})
    later, german, both, none = [
        await place.start(Wanted(FORMATS["jsonl"], selection))
        for selection in (
            Selection(updated_after=at),
            Selection(language="de"),
            Selection(source="site", kind="article", updated_after=at),
            Selection(kind="event"),
        )
    ]
    await place.work()
    assert [await place.urls(each) for each in (later, german, both, none)] == [
        ["new", "old"],
        ["new"],
        ["new", "old"],
        [],
    ]


async def test_a_source_that_is_not_there_makes_no_job(house: House, place: Place) -> None:
    with pytest.raises(NotFound):
        await place.start(Wanted(FORMATS["csv"], Selection(source="nothing")))
    assert await house.count("jobs") == 0


async def test_a_job_whose_exporter_died_is_taken_up_and_done_once(filled: House, place: Place) -> None:
    export = await place.start()
    worker = await workers.register(filled.store, "exporter")
    held = await exports.take(filled.store, worker.id, queries=True)
    assert held is not None
    await exports.save(filled.store, held, 200, f"{held.id}.{held.token}.jsonl")
    place.folder.mkdir()
    (place.folder / f"{held.id}.{held.token}.jsonl").write_text("half")
    await place.work()
    assert (await exports.get(filled.store, export.id)).state == "running", "its exporter lives"
    filled.store.turn_on(100)  # its heart has not beaten for a lease
    worker.lock_path.unlink()
    await place.work()
    assert len(await place.urls(export)) == PAGES
    assert (await exports.get(filled.store, export.id)).attempts == 2
    assert len(place.files()) == 1, "what the dead one had put there is gone"
    with pytest.raises(Exception, match="another process has it"):
        await exports.save(filled.store, held, 300)


async def test_two_exporters_share_the_jobs(filled: House, place: Place) -> None:
    made = [await place.start() for _ in range(4)]
    await asyncio.gather(place.work(), place.work())
    assert [len(await place.urls(each)) for each in made] == [PAGES] * 4
    assert [(await exports.get(filled.store, each.id)).attempts for each in made] == [1] * 4


async def test_stopped_it_is_given_back_and_does_not_count_as_tried(filled: House, place: Place) -> None:
    export = await place.start()
    stop = asyncio.Event()

    class Stopping(Exporter):
        async def _records(self, wanted: Wanted) -> Any:
            stop.set()
            return await super()._records(wanted)

    one = place.exporter()
    one.__class__ = Stopping
    await one.work(stop)
    waiting = await exports.get(filled.store, export.id)
    assert (waiting.state, waiting.attempts, place.files()) == ("pending", 0, [])
    await place.work()
    assert len(await place.urls(export)) == PAGES


async def test_a_full_disk_fails_the_job_and_leaves_nothing(
    filled: House, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    export = await place.start()
    with monkeypatch.context() as patch:
        patch.setattr("tidemill.manage.exporter.write", full)
        await place.work()
    failed = await exports.get(filled.store, export.id)
    assert failed.state == "failed"
    assert str(failed.error).startswith("disk_full: cannot write to ")
    assert place.files() == []
    again = await place.start()
    await place.work()
    assert len(await place.urls(again)) == PAGES, "the exporter lives on"


async def test_what_kills_its_exporter_again_and_again_is_given_up(house: House, place: Place) -> None:
    export = await place.start()
    for _ in range(MOST_ATTEMPTS):
        held = await exports.take(house.store, "00000000-0000-0000-0000-00000000dead", queries=True)
        assert held is not None
    await place.work()
    assert str((await exports.get(house.store, export.id)).error).startswith("export_attempts: given up after 5")


async def test_deleted_while_it_is_made(filled: House, place: Place) -> None:
    export = await place.start()

    class Deleting(Exporter):
        async def _records(self, wanted: Wanted) -> Any:
            await exports.remove(self._store, await exports.get(self._store, export.id), ME)
            return await super()._records(wanted)

    one = place.exporter()
    one.__class__ = Deleting
    await one.work(asyncio.Event())
    assert place.files() == []
    with pytest.raises(NotFound):
        await exports.get(filled.store, export.id)
    assert await exports.listed(filled.store, ME, before=None, limit=10) == []
    assert await exports.waiting(filled.store, queries=True) is None


async def test_an_export_is_of_one_moment_whatever_is_written_beside_it(filled: House, place: Place) -> None:
    batches = documents.current(filled.store)
    first = await anext(batches)
    await filled.run({f"{number:03}": [draft(f"changed {number}")] for number in range(PAGES)} | {"zzz": [draft("z")]})
    rest = [each async for batch in batches for each in batch]
    assert [each.draft.content for each in (*first, *rest)] == [f"page {number}" for number in range(PAGES)]
    export = await place.start()
    writing = asyncio.create_task(filled.run({f"w{number}": [draft(f"w {number}")] for number in range(50)}))
    await place.work()
    await writing
    found = await place.urls(export)
    assert len(found) == len(set(found)) >= PAGES + 1


async def test_a_search_is_exported_by_those_who_have_an_engine(filled: House, place: Place) -> None:
    ids = [filled.document(f"{number:03}") for number in (7, 3, 9, 4)]
    asked: list[SearchQuery] = []

    async def search(query: SearchQuery) -> SearchResult:
        asked.append(query)
        page = ids[query.offset : query.offset + min(query.limit, 3)]
        hits = tuple(Hit(each, "", "", 0.0, (), "site", None, None, "article", None, None) for each in page)
        return SearchResult(query.text, len(ids), 0.0, hits)

    wanted = Wanted(FORMATS["jsonl"], query=SearchQuery("mill", tags=("a", "b"), source="site"))
    export, cut = await place.start(wanted), await place.start(wanted)
    await place.work()
    assert (await exports.get(filled.store, export.id)).state == "pending", "nobody with an engine came by"
    held = await exports.take(filled.store, filled.worker.id, queries=False)
    assert held is None
    await place.work(search=search)
    assert await place.urls(export) == ["007", "003", "009", "004"], "the best first"
    assert (asked[0].text, asked[0].tags, asked[0].source) == ("mill", ("a", "b"), "site")
    assert not (await exports.get(filled.store, cut.id)).truncated
    small = await place.start(wanted)
    await place.work(search=search, max_hits=2)
    assert await place.urls(small) == ["007", "003"]
    assert (await exports.get(filled.store, small.id)).truncated


async def test_an_engine_that_is_gone_is_waited_for(house: House, place: Place) -> None:
    async def gone(_: SearchQuery) -> SearchResult:
        raise Transient("no engine", reason="engine_unavailable")

    export = await place.start(Wanted(FORMATS["csv"], query=SearchQuery("mill")))
    with pytest.raises(Transient):
        await place.work(search=gone)
    waiting = await exports.get(house.store, export.id)
    assert (waiting.state, waiting.attempts) == ("pending", 1)


async def test_who_sees_which(house: House, place: Place) -> None:
    hers, nobodys = await place.start(by=ADA), await place.start()
    other = Caller("user:bob", Role.OPERATOR, ME.scopes, user_id=WHO.replace("0", "1"))
    admin = caller_of("root", Role.ADMIN)
    for caller, seen in ((ADA, {hers.id, nobodys.id}), (other, {nobodys.id}), (admin, {hers.id, nobodys.id})):
        assert {each.id for each in await exports.listed(house.store, caller, before=None, limit=10)} == seen
    with pytest.raises(NotFound):
        await manage.visible(house.store, hers.id, other)
    blind = Caller("key:x", Role.VIEWER, frozenset(["exports:write"]))
    with pytest.raises(Forbidden, match="documents:read"):
        await place.start(by=blind)
    with pytest.raises(Forbidden):
        await manage.visible(house.store, nobodys.id, blind)


async def test_a_days_share_counts_what_was_deleted(
    house: House, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def limits(*_: object) -> dict[str, int]:
        return {"exports_per_day": 2}

    monkeypatch.setattr("tidemill.manage.quotas.limits", limits)
    quotas = QuotaSettings(exports_per_day=2)
    for _ in range(2):
        made = await manage.start(house.store, quotas, EVERYTHING, ADA)
        await exports.remove(house.store, made, ADA)
    with pytest.raises(TooMany) as caught:
        await manage.start(house.store, quotas, EVERYTHING, ADA)
    assert caught.value.reason == "quota_exports"


async def test_old_files_go_with_their_rows(filled: House, place: Place) -> None:
    await place.start()
    await place.work()
    assert len(place.files()) == 1
    (place.folder / ".left.part").write_text("by one that was killed")
    one = place.exporter(keep_days=1)
    await one._tidy()
    assert len(place.files()) == 2
    filled.store.turn_on(2 * 86_400)
    one._tidied_at = -1e9
    await one._tidy()
    assert place.files() == [".left.part"], "it may be of one that is at work"
    assert await filled.count("jobs") == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_on_s3_the_file_lies_beside_the_archive(filled: House, place: Place, s3: S3Server) -> None:
    url = s3.place()
    bucket = Bucket(s3.settings(url), url)
    place.shelf = BucketShelf(bucket)
    export = await place.start()
    await place.work()
    assert len(await place.urls(export)) == PAGES
    assert place.files() == [], "nothing stays on this machine"
    done = await exports.get(filled.store, export.id)
    whole = await place.content(export)
    part = b"".join([piece async for piece in place.shelf.read(str(done.file), 100, len(whole) - 100)])
    assert part == whole[100:-100]
    await place.shelf.delete(str(done.file))
    with pytest.raises(NotFound, match="export again"):
        await place.content(export)
    await place.shelf.close()
