"""What is decided at the door of the ledger: budgets of families, pages that rest, pages that came with a listing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.contract.store_house import SITE, House, draft, found, opened_house

from tidemill.models.capture import Capture
from tidemill.models.ids import new_id
from tidemill.models.outcome import Outcome
from tidemill.models.run import Run
from tidemill.models.source import RecrawlRules
from tidemill.models.visit import Fetched, Found
from tidemill.store import admission, leases, runs, sources, tables, workers

DAY_S = 86_400.0


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


class TestFamilies:
    """URLs that differ in a parameter have a budget together."""

    BUDGET = 4

    def members(self, *numbers: int) -> list[Found]:
        links = found(*(f"list?page={number}" for number in numbers), depth=1)
        return [replace(each, pattern="site.example/list?page", budget=self.BUDGET) for each in links]

    async def traps(self, house: House, run: Run) -> int:
        return Counter((await house.reasons(run)).values())["skipped (trap)"]

    async def test_a_budget_holds_over_batches(self, house: House) -> None:
        run = await house.begin()
        for number in range(5):
            await house.enter(run, *self.members(2 * number, 2 * number + 1))
        reasons = await house.reasons(run)
        assert {path for path, reason in reasons.items() if reason == "pending"} == {f"list?page={n}" for n in range(4)}
        assert Counter(reasons.values()) == {"pending": 4, "skipped (trap)": 6}

    async def test_meeting_a_member_again_costs_nothing(self, house: House) -> None:
        run = await house.begin()
        for _ in range(5):
            await house.enter(run, *self.members(1, 2, 3))
        await house.enter(run, *self.members(3, 4))
        assert await self.traps(house, run) == 0

    async def test_a_budget_is_shared_by_workers(self, house: House) -> None:
        run = await house.begin(*"abcdef")
        other = await workers.register(house.store, "crawler")
        visits = await house.lease(run, 3)
        visits += await leases.lease(
            house.store, run.id, other.id, limit=3, max_pages=100, horizon_s=10, interval_s=lambda _: 0.0
        )
        assert len(visits) == 6
        met = [
            replace(house.captured(each), found=tuple(self.members(*range(3 * n, 3 * n + 3))))
            for n, each in enumerate(visits)
        ]
        await asyncio.gather(*(house.record(each) for each in met))
        counted = Counter((await house.reasons(run)).values())
        assert (counted["pending"], counted["skipped (trap)"]) == (self.BUDGET, 18 - self.BUDGET)
        await workers.leave(house.store, other)

    async def test_a_budget_survives_a_restart(self, house: House) -> None:
        run = await house.begin()
        await house.enter(run, *self.members(1, 2, 3))
        await runs.interrupt(house.store, run.id)
        await runs.begin(house.store, run.id, house.worker.id)
        await house.enter(run, *self.members(4, 5, 6))
        assert await self.traps(house, run) == 2

    async def test_the_next_run_begins_with_the_pages_that_are_known_and_none_is_added(self, house: House) -> None:
        first = await house.begin()
        await house.enter(first, *self.members(1, 2, 3, 4, 5, 6))
        await house.finished(first, {f"list?page={n}": f"page {n}" for n in range(1, 5)})
        again = await house.begin()
        await house.enter(again, *self.members(5, 7))
        reasons = await house.reasons(again)
        assert {path for path, reason in reasons.items() if reason == "skipped (trap)"} == {
            f"list?page={n}" for n in (5, 6, 7)
        }
        assert Counter(reasons.values())["pending"] == self.BUDGET

    async def test_what_was_refused_is_judged_again_in_a_full_run(self, house: House) -> None:
        first = await house.begin()
        await house.enter(first, *self.members(1, 2, 3, 4, 5))
        await house.finished(first, {f"list?page={n}": f"page {n}" for n in range(1, 5)})
        async with house.store.write() as connection:
            gone = tables.pages.update().where(tables.pages.c.id == house.page("list?page=1")).values(state="gone")
            await connection.execute(gone)
        plain = await house.begin()
        await house.enter(plain, *self.members(5))
        assert (await house.reasons(plain))["list?page=5"] == "skipped (trap)"
        await house.finished(plain)
        full = await house.begin(full=True)
        assert "list?page=5" not in await house.reasons(full)
        await house.enter(full, *self.members(5))
        assert (await house.reasons(full))["list?page=5"] == "pending"

    async def test_a_way_around_the_depth_is_no_way_around_the_budget(self, house: House) -> None:
        """Pages found too deep and then nearer are counted when they are admitted."""
        run = await house.begin()
        await house.enter(run, *(replace(each, depth=9, skip="depth") for each in self.members(*range(8))))
        await house.enter(run, *self.members(*range(8)))
        assert Counter((await house.reasons(run)).values())["pending"] == self.BUDGET

    async def test_pages_of_no_family_have_no_budget(self, house: House) -> None:
        run = await house.begin()
        await house.enter(run, *found(*(f"plain/{n}" for n in range(50)), depth=1))
        assert set((await house.reasons(run)).values()) == {"pending"}


class TestLastmod:
    """What listings say of pages decides before anything is asked."""

    async def known(self, house: House) -> datetime:
        """Two pages are stored; gives a time between then and now."""
        await house.finished(await house.begin("a", "b"), {"a": "one", "b": "two"})
        house.store.turn_on(DAY_S)
        return house.store.now() - timedelta(seconds=DAY_S / 2)

    def listed(self, *paths: str, modified_at: datetime | None) -> list[Found]:
        return [replace(each, modified_at=modified_at) for each in found(*paths, depth=1)]

    async def test_a_page_that_has_not_changed_since_is_not_asked_for(self, house: House) -> None:
        between = await self.known(house)
        run = await house.begin()
        await house.enter(run, *self.listed("a", modified_at=between - timedelta(days=9)))
        assert await house.reasons(run) == {"a": "unchanged (lastmod)", "b": "pending"}
        saved = await runs.get(house.store, run.id)
        assert (saved.saved_requests, saved.saved_bytes) == (1, len("one"))
        assert [visit.url for visit in await house.lease(run)] == [f"{SITE}b"]

    async def test_a_page_that_changed_since_is_asked_for(self, house: House) -> None:
        between = await self.known(house)
        run = await house.begin()
        await house.enter(run, *self.listed("a", modified_at=between))
        assert (await house.reasons(run))["a"] == "pending"
        assert (await runs.get(house.store, run.id)).saved_requests == 0

    @pytest.mark.parametrize("ahead", [None, 90.0], ids=["no date", "a date to come"])
    async def test_without_a_date_that_can_be_the_page_is_asked_conditionally(
        self, house: House, ahead: float | None
    ) -> None:
        await self.known(house)
        run = await house.begin()
        date = None if ahead is None else house.store.now() + timedelta(days=ahead)
        await house.enter(run, *self.listed("a", modified_at=date))
        asked = {visit.url: visit for visit in await house.lease(run)}
        assert asked[f"{SITE}a"].etag == '"one"'

    async def test_no_date_is_believed_longer_than_the_longest_interval(self, tmp_path: Path) -> None:
        rules = RecrawlRules(max_hours=48)
        async with opened_house(tmp_path, recrawl=rules) as house:
            await self.known(house)
            old = house.store.now() - timedelta(days=90)
            early = await house.begin()
            await house.enter(early, *self.listed("a", modified_at=old))
            assert (await house.reasons(early))["a"] == "unchanged (lastmod)"
            await runs.cancel(house.store, early.id)
            house.store.turn_on(DAY_S)
            late = await house.begin()
            await house.enter(late, *self.listed("a", modified_at=old))
            assert (await house.reasons(late))["a"] == "pending"

    async def test_a_source_may_leave_the_dates_alone_and_a_full_run_does(self, house: House, tmp_path: Path) -> None:
        between = await self.known(house)
        full = await house.begin(full=True)
        await house.enter(full, *self.listed("a", modified_at=between - timedelta(days=9)))
        assert (await house.reasons(full))["a"] == "pending"
        other = tmp_path / "other"
        other.mkdir()
        async with opened_house(other, recrawl=RecrawlRules(lastmod=False)) as unbelieving:
            between = await self.known(unbelieving)
            run = await unbelieving.begin()
            await unbelieving.enter(run, *self.listed("a", modified_at=between - timedelta(days=9)))
            assert (await unbelieving.reasons(run))["a"] == "pending"

    async def test_what_rests_stays_what_it_was(self, house: House) -> None:
        first = await house.begin("a", "copy", "short", "shorter")
        await house.crawl(first, {"a": "x", "copy": "y", "short": "z", "shorter": "q"})
        await house.process(
            {
                "a": [draft("same")],
                "copy": [draft("same")],
                "short": [draft("z", problem="too_short")],
                "shorter": [draft("q", problem="wrong_language")],
            }
        )
        house.store.turn_on(DAY_S)
        again = await house.begin()
        old = house.store.now() - timedelta(days=9)
        await house.enter(again, *self.listed("a", "copy", "short", "shorter", modified_at=old))
        assert await house.reasons(again) == {
            "a": "unchanged (lastmod)",
            "copy": "duplicate (exact_content)",
            "short": "invalid (too_short)",
            "shorter": "invalid (wrong_language)",
        }

    async def test_pages_that_gave_nothing_are_asked_for_whatever_is_said_of_them(self, house: House) -> None:
        await house.finished(await house.begin("a", "broken"), {"a": "one", "broken": 500})
        house.store.turn_on(DAY_S)
        run = await house.begin()
        old = house.store.now() - timedelta(days=9)
        await house.enter(run, *self.listed("broken", "new", modified_at=old))
        assert await house.reasons(run) == {"a": "pending", "broken": "pending", "new": "pending"}

    async def test_a_page_that_is_being_fetched_is_left_alone(self, house: House) -> None:
        between = await self.known(house)
        run = await house.begin("start")
        asked = {visit.url.removeprefix(SITE): visit for visit in await house.lease(run)}
        links = self.listed("a", modified_at=between - timedelta(days=9))
        await house.record(replace(house.captured(asked["start"]), found=tuple(links)))
        assert (await house.reasons(run))["a"] == "leased"


class TestDue:
    """Runs of what is due alone."""

    async def known(self, house: House) -> Run:
        run = await house.finished(await house.begin("a", "b"), {"a": "one", "b": "two"})
        house.store.turn_on(3600)
        async with house.store.write() as connection:
            late = tables.pages.update().where(tables.pages.c.id == house.page("b"))
            await connection.execute(late.values(due_at=house.store.now() - timedelta(hours=1)))
        return run

    async def test_pages_that_are_not_due_stay_out_and_count_as_saved(self, house: House) -> None:
        await self.known(house)
        run = await house.begin(due_only=True)
        assert await house.reasons(run) == {"b": "pending"}
        assert (run.saved_requests, run.saved_bytes) == (1, len("one"))

    async def test_links_do_not_bring_them_back_but_new_pages_come_in(self, house: House) -> None:
        await self.known(house)
        run = await house.begin(due_only=True)
        await house.enter(run, *found("a", "b", "new", depth=1))
        assert await house.reasons(run) == {"b": "pending", "new": "pending"}

    async def test_a_listing_that_says_changed_brings_them_back(self, house: House) -> None:
        await self.known(house)
        run = await house.begin(due_only=True)
        (link,) = found("a", depth=1)
        await house.enter(run, replace(link, modified_at=house.store.now() - timedelta(days=9)))
        assert "a" not in await house.reasons(run)
        changed = replace(link, modified_at=house.store.now())
        await house.enter(run, changed)
        assert (await house.reasons(run))["a"] == "pending"
        await house.enter(run, changed)  # which changes nothing any more
        assert (await runs.get(house.store, run.id)).saved_requests == 0, "it is asked for after all"

    async def test_after_a_change_of_rules_everything_is_due_and_no_date_lets_a_page_rest(self, house: House) -> None:
        """By the new rules the links of any page may mean something else, also of one that did not change."""
        await self.known(house)
        house.source, _ = await sources.apply(house.store, replace(house.source.spec, description="other"))
        run = await house.begin(due_only=True)
        assert await house.reasons(run) == {"a": "pending", "b": "pending"}
        entry = runs.entry_of(run.id, house.source, run.options, relink=await runs.rules_changed(house.store, run))
        (link,) = found("a", depth=1)
        async with house.store.write() as connection:
            long_ago = replace(link, modified_at=house.store.now() - timedelta(days=9))
            await admission.enter(connection, entry, [long_ago], house.store.now())
        assert await house.reasons(run) == {"a": "pending", "b": "pending"}

    async def test_a_long_listing_is_entered_piece_by_piece_and_a_lost_lease_ends_it(self, house: House) -> None:
        run = await house.begin("start")
        (visit,) = await house.lease(run)
        many = tuple(each for n in range(1201) for each in found(f"p{n}", depth=1))
        stolen = replace(house.captured(replace(visit, token="someone else's")), found=many)
        assert await house.record(stolen) == 0
        assert set(await house.reasons(run)) == {"start"}
        assert await house.record(replace(house.captured(visit), found=many)) == 1
        assert (await runs.get(house.store, run.id)).discovered == 1202

    async def test_listings_are_always_due(self, house: House) -> None:
        first = await house.begin()
        await house.enter(first)
        await house.finished(first)
        run = await house.begin(due_only=True)
        assert run.outcomes == {"pending": 1}


class TestItems:
    """Pages that came whole with their listing are not visited."""

    def item(self, house: House, run: Run, path: str, body: str) -> Found:
        (link,) = found(path, depth=1)
        digest = sha256(body.encode()).hexdigest()
        moment = house.store.now()
        fields = (new_id(), run.id, house.page(path), house.source.id, link.url, moment, 200)
        return replace(link, item=Capture(*fields, "application/json", "application/json", digest, len(body)))

    async def entered(self, house: House, **bodies: str) -> Run:
        run = await house.begin()
        await house.enter(run, *(self.item(house, run, path, body) for path, body in bodies.items()))
        return run

    async def test_they_are_captured_as_they_are_entered(self, house: House) -> None:
        run = await self.entered(house, a="1", b="2")
        assert await house.reasons(run) == {"a": "captured", "b": "captured"}
        assert await house.lease(run) == []
        assert await house.process({"a": [draft("one")], "b": [draft("two")]}) == {"stored": 2}

    async def test_the_same_again_is_unchanged_and_what_is_new_is_processed(self, house: House) -> None:
        await house.finished(await self.entered(house, a="1", b="2"), {"a": "one", "b": "two"})
        again = await self.entered(house, a="1", b="3")
        assert await house.reasons(again) == {"a": "unchanged (same_bytes)", "b": "captured"}
        assert await house.process({"b": [draft("three")]}) == {"changed": 1}

    async def test_an_item_that_was_a_duplicate_or_invalid_is_so_again(self, house: House) -> None:
        await self.entered(house, a="1", b="2", c="3")
        await house.process({"a": [draft("same")], "b": [draft("same")], "c": [draft("c", problem="too_short")]})
        again = await self.entered(house, a="1", b="2", c="3")
        assert await house.reasons(again) == {
            "a": "unchanged (same_bytes)",
            "b": "duplicate (exact_content)",
            "c": "invalid (too_short)",
        }

    async def test_they_are_no_pages_of_the_next_run_by_themselves(self, house: House) -> None:
        await house.finished(await self.entered(house, a="1"), {"a": "one"})
        assert await house.reasons(await house.begin()) == {}

    async def test_listed_twice_in_a_run_they_are_captured_once(self, house: House) -> None:
        run = await self.entered(house, a="1")
        await house.enter(run, self.item(house, run, "a", "2"))
        assert await house.count("captures") == 1
        assert await house.process({"a": [draft("one")]}) == {"stored": 1}

    async def test_a_run_of_what_is_due_takes_them_as_they_come(self, house: House) -> None:
        await house.finished(await self.entered(house, a="1"), {"a": "one"})
        run = await house.begin(due_only=True)
        await house.enter(run, self.item(house, run, "a", "2"))
        assert await house.reasons(run) == {"a": "captured"}


async def test_a_link_not_to_be_followed_is_refused_until_another_page_links_it_plainly(house: House) -> None:
    run = await house.begin()
    (link,) = found("a", depth=1)
    await house.enter(run, replace(link, skip="nofollow"))
    assert await house.reasons(run) == {"a": "skipped (nofollow)"}
    await house.enter(run, replace(link, skip="nofollow"))
    await house.enter(run, replace(link, depth=3))
    assert await house.reasons(run) == {"a": "pending"}
    await house.enter(run, replace(link, skip="nofollow"))
    assert await house.reasons(run) == {"a": "pending"}, "a wish of one page does not undo the link of another"


async def test_a_run_ends_when_its_bytes_are_spent_and_the_rest_is_accounted_for(house: House) -> None:
    run = await house.begin(*"abcd")

    async def lease() -> list[str]:
        visits = await leases.lease(
            house.store,
            run.id,
            house.worker.id,
            limit=1,
            max_pages=100,
            max_bytes=100,
            horizon_s=10,
            interval_s=lambda _: 0.0,
        )
        await asyncio.gather(*(house.record(house.captured(each, "x" * 60)) for each in visits))
        return [each.url for each in visits]

    assert [len(await lease()) for _ in range(4)] == [1, 1, 0, 0]
    assert (await runs.finish(house.store, run.id, 100, 100)).value == "crawled"
    assert Counter((await house.reasons(run)).values()) == {"captured": 2, "skipped (limit)": 2}


async def test_what_came_with_a_page_is_kept_with_its_capture(house: House) -> None:
    run = await house.begin("a")
    (visit,) = await house.lease(run)
    kept = house.captured(visit, headers=(("Server", "x"), ("Set-Cookie", "a")), screenshot_hash="f" * 64)
    await house.record(kept)
    statement = select(tables.captures.c.headers, tables.captures.c.screenshot_hash)
    async with house.store.read() as connection:
        row = (await connection.execute(statement)).one()
    assert [tuple(each) for each in row.headers] == [("Server", "x"), ("Set-Cookie", "a")]
    assert row.screenshot_hash == "f" * 64


async def test_a_page_that_asks_not_to_be_kept_loses_its_documents_at_once(house: House) -> None:
    await house.finished(await house.begin("a"), {"a": "one"})
    assert await house.states() == {"a": "current"}
    run = await house.begin()
    (visit,) = await house.lease(run)
    refused = replace(house.captured(visit, "two"), outcome=Outcome.SKIPPED, reason="noindex")
    await house.record(refused)
    assert await house.states() == {"a": "removed"}
    assert (await house.changes())[-1] == ("removed", "a")
    again = await house.begin("a")
    (visit,) = await house.lease(again)
    assert (visit.etag, visit.body_hash) == (None, None), "if it may be kept again, it must come in full"


async def test_what_an_unchanged_page_spared_is_counted(house: House) -> None:
    await house.finished(await house.begin("a", "b"), {"a": "one", "b": "three"})
    run = await house.begin()
    done = await house.finished(run, {"a": 304, "b": 304})
    assert (done.saved_requests, done.saved_bytes) == (0, len("one") + len("three"))


async def test_a_visit_that_failed_spared_nothing(house: House) -> None:
    await house.finished(await house.begin("a"), {"a": "one"})
    run = await house.begin()
    (visit,) = await house.lease(run)
    await house.record(Fetched(visit, Outcome.FAILED, "http_500", status_code=500, requests=1))
    assert (await runs.get(house.store, run.id)).saved_bytes == 0
