"""Starting runs, and applying, comparing and deleting sources, over a real store.

Runs: new, taken up, begun afresh; and what is refused before anything is written. Sources: all or none, with history;
a deletion forgets everything that a search could find, and can be taken back until it is a purge.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.contract.store_house import SITE, House, draft, opened_house

from tidemill.errors import Forbidden, Invalid, NotFound
from tidemill.manage.runs import latest, start
from tidemill.manage.sources import Change, apply_files, compare_files, delete, history, version
from tidemill.models.document import Processed
from tidemill.models.event import RUN_FINISHED
from tidemill.models.run import RunOptions, RunState
from tidemill.models.source import SourceSpec
from tidemill.settings import NetSettings
from tidemill.store import deletion, events, runs, sources, tables
from tidemill.store.processed import store_batch

NET = NetSettings()


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
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


async def test_files_are_applied_in_one_transaction(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the second source meets in the database takes the first one back."""
    file = tmp_path / "two.yaml"
    file.write_text(f"name: one\nstart: [{SITE}]\n---\nname: two\nstart: [{SITE}]\n")
    made = sources.new_id()
    monkeypatch.setattr(sources, "new_id", lambda: made)  # the second row cannot be inserted
    with pytest.raises(Exception, match=r"(?i)unique"):
        await apply_files(house.store, [file])
    assert [source.name for source in await sources.listed(house.store)] == ["site"]


async def test_what_applying_would_change_is_told_and_nothing_is_done(house: House, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(f"name: site\nstart: [{SITE}]\n---\nname: new\nstart: [{SITE}]\n")
    same, new = await compare_files(house.store, [file])
    assert same == Change("site", "unchanged", "")
    assert (new.name, new.state, new.diff.splitlines()[3:]) == (
        "new",
        "new",
        ["+name: new", "+kind: website", "+start:", f"+- {SITE}"],
    )
    file.write_text(f"name: site\nstart: [{SITE}]\nmax_pages: 5\n")
    (changed,) = await compare_files(house.store, [file])
    assert (changed.state, changed.diff.splitlines()[-1]) == ("changed", "+max_pages: 5")
    assert (await sources.get(house.store, "site")).version == 1
    await delete(house.store, "site")
    assert [each.state for each in await compare_files(house.store, [file])] == ["revived"]


async def test_an_ad_hoc_source_that_would_be_written_down_is_a_change(house: House, tmp_path: Path) -> None:
    await sources.apply(house.store, SourceSpec(name="a", start=(SITE,)), adhoc=True)
    file = tmp_path / "a.yaml"
    file.write_text(f"name: a\nstart: [{SITE}]\n")
    assert await compare_files(house.store, [file]) == [Change("a", "changed", "")]
    assert [each.changed for each in await apply_files(house.store, [file])] == [True]
    assert await compare_files(house.store, [file]) == [Change("a", "unchanged", "")]


async def test_history_tells_each_version_and_what_it_changed(house: House) -> None:
    await sources.apply(house.store, SourceSpec(name="site", start=(SITE,), max_pages=5))
    await delete(house.store, "site")
    newest, oldest = await history(house.store, "site")
    assert (newest.version, newest.diff.splitlines()[-1]) == (2, "+max_pages: 5")
    assert (oldest.version, "+name: site" in oldest.diff) == (1, True)
    assert newest.created_at > oldest.created_at
    assert (await version(house.store, "site", 1)).spec == SourceSpec(name="site", start=(SITE,))
    with pytest.raises(NotFound, match="its versions are 1 to 2") as caught:
        await version(house.store, "site", 3)
    assert caught.value.reason == "no_such_version"
    with pytest.raises(NotFound):
        await history(house.store, "nobody")


async def test_a_deleted_source_leaves_no_document_and_no_run(house: House) -> None:
    """Pages in every state: stored, duplicate, invalid, captured, leased, pending; a finished run, an open one."""
    await house.run({"a": [draft("x")], "b": [draft("x")], "c": [draft("y", problem="empty_content")]})
    fresh = await house.begin("a", "d", "e", "f")
    captured, *_ = await house.lease(fresh, 2)
    await house.record(house.captured(captured, "new"))
    _, claimed = await house.claim()
    before = len(await house.changes())
    done = await delete(house.store, "site")
    assert (done.documents_removed, done.runs_cancelled) == (3, 1)
    assert set((await house.states()).values()) == {"removed"}
    assert (await house.changes())[before:] == [("removed", "a")], "only what was shown is told, and nothing promoted"
    assert (await runs.get(house.store, fresh.id)).state is RunState.CANCELLED
    assert set((await runs.get(house.store, fresh.id)).outcomes) == {"skipped"}
    assert await house.count("visits") == 3 + 6
    finished = [each for each in await events.after(house.store, 0, 1000) if each.kind == RUN_FINISHED]
    assert [each.run_id for each in finished].count(fresh.id) == 1
    assert await house.process({}) == {}, "nothing waits"
    assert len(claimed) == 1
    await house.record(house.captured(captured, "late"))  # a zombie
    assert set((await house.states()).values()) == {"removed"}
    assert await sources.listed(house.store) == []
    for doing in (sources.get(house.store, "site"), delete(house.store, "site")):
        with pytest.raises(NotFound):
            await doing
    with pytest.raises(NotFound):
        await start(house.store, NET, "site", RunOptions())
    assert (await sources.by_id(house.store, house.source.id)).name == "site", "work under way still finds its rules"


async def test_what_was_claimed_before_a_deletion_makes_no_document_after_it(house: House) -> None:
    run = await house.begin("a")
    await house.crawl(run, {"a": "body"})
    token, (capture,) = await house.claim()
    await delete(house.store, "site")
    late = [(capture, Processed(capture.id, (draft("x"),)))]
    assert await store_batch(house.store, token, late, max_attempts=3) == {}
    assert await house.count("documents") == 0


async def test_a_source_comes_back_with_its_history_and_its_pages_come_in_full(house: House) -> None:
    await house.run({"a": [draft("x")]})
    await delete(house.store, "site")
    source, changed = await sources.apply(house.store, house.source.spec)
    assert (changed, source.id, source.version, source.documents) == (True, house.source.id, 2, 0)
    assert await sources.apply(house.store, house.source.spec) == (source, False)
    run = await house.begin()
    (visit,) = await house.lease(run)
    assert (visit.url, visit.etag, visit.body_hash) == (f"{SITE}a", None, None)
    await house.record(house.captured(visit, "same"))
    await runs.finish(house.store, run.id, 10)
    await house.process({"a": [draft("x")]})
    assert await house.states() == {"a": "current"}
    assert (await house.changes())[-1][1] == "a"


async def test_a_large_deletion_that_was_interrupted_is_completed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "_AT_ONCE", 2)
    await house.run({str(n): [draft(f"text {n % 3}")] for n in range(7)})
    ended = deletion._remove_documents
    calls = 0

    async def fails_at_third(*given: object) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError("killed")
        return await ended(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "_remove_documents", fails_at_third)
        with pytest.raises(OSError, match="killed"):
            await delete(house.store, "site")
    left = [state for state in (await house.states()).values() if state != "removed"]
    assert len(left) == 3
    assert (await sources.get(house.store, "site")).name == "site"
    assert (await delete(house.store, "site")).documents_removed == 3
    assert set((await house.states()).values()) == {"removed"}
    assert all(kind != "stored" for kind, _ in (await house.changes())[7:]), "no duplicate took over meanwhile"


@pytest.mark.parametrize("deleted_before", [False, True])
async def test_a_purge_leaves_nothing_of_it_and_all_of_others(house: House, deleted_before: bool) -> None:
    other, _ = await sources.apply(house.store, SourceSpec(name="other", start=(SITE,)))
    await House(house.store, other, house.worker).run({"a": [draft("x")]})
    await house.run({"a": [draft("x")], "b": [draft("x")]})
    await house.begin("c")
    if deleted_before:
        await delete(house.store, "site")
    await delete(house.store, "site", purged=True)
    for name, column in (
        ("documents", "source_id"),
        ("captures", "source_id"),
        ("pages", "source_id"),
        ("runs", "source_id"),
        ("source_versions", "source_id"),
        ("sources", "id"),
    ):
        table = tables.metadata.tables[name]
        async with house.store.read() as connection:
            assert set((await connection.execute(select(table.c[column]))).scalars()) == {other.id}, name
    assert await house.count("visits") == 1
    assert await house.count("document_versions") == 0
    with pytest.raises(NotFound):
        await delete(house.store, "site", purged=True)
    again, _ = await sources.apply(house.store, house.source.spec)
    assert (again.version, again.id == house.source.id) == (1, False)
