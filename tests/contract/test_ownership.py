"""Whose a source is, who may change and crawl it, and how much of what each user may have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from tests.contract.account_house import ME, Accounts, opened_accounts
from tests.contract.store_house import SITE

from tidemill.errors import Forbidden, NotFound, TooMany
from tidemill.manage import quotas, runs
from tidemill.manage import sources as manage
from tidemill.manage import users as manage_users
from tidemill.models.account import SCOPES_OF, Caller, Role, User
from tidemill.models.ids import new_id
from tidemill.models.run import RunOptions
from tidemill.models.source import SourceSpec
from tidemill.store import deletion, locks, ownership, tables
from tidemill.store import runs as run_store


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[Accounts]:
    async with opened_accounts(tmp_path) as opened:
        yield opened


def spec(name: str, **more: Any) -> SourceSpec:
    return SourceSpec(name=name, start=(SITE,), **more)


def caller(user: User) -> Caller:
    return Caller(f"user:{user.email}", user.role, SCOPES_OF[user.role], user.id, user.team_id)


async def apply(house: Accounts, by: Caller, name: str, **more: Any) -> manage.Applied:
    return await manage.apply(house.store, spec(name, **more), by, house.settings.quotas)


async def start(house: Accounts, by: Caller, target: str, **options: Any) -> runs.Start:
    limits = house.settings.quotas
    return await runs.start(
        house.store, house.settings.net, target, RunOptions(**options), fresh=True, by=by, quotas=limits
    )


async def refused(work: Any, reason: str) -> None:
    with pytest.raises((Forbidden, TooMany)) as caught:
        await work
    assert caught.value.reason == reason


class TestOwners:
    async def test_only_owner_team_and_admins_change_and_crawl(self, house: Accounts) -> None:
        ada = caller(await house.user(team="editors"))
        bob = caller(await house.user("bob@example.org"))
        cyd = caller(await house.user("cyd@example.org", team="editors"))
        root = caller(await house.user("root@example.org", Role.ADMIN))
        await apply(house, ada, "hers")
        assert not (await apply(house, bob, "hers")).changed, "applying the same again changes nothing"
        for by in (bob, replace(bob, user_id=None)):
            await refused(apply(house, by, "hers", max_pages=7), "not_owner")
            await refused(start(house, by, "hers"), "not_owner")
            await refused(manage.delete(house.store, "hers", by), "not_owner")
        for number, by in enumerate((ada, cyd, root)):
            assert (await apply(house, by, "hers", max_pages=number + 1)).changed
        begun = await start(house, ada, "hers")
        await refused(run_store.cancel(house.store, begun.run.id, bob), "not_owner")
        await run_store.cancel(house.store, begun.run.id, cyd)
        await manage.delete(house.store, "hers", cyd)
        await refused(apply(house, bob, "hers"), "not_owner")
        assert (await apply(house, ada, "hers")).changed

    async def test_what_nobody_owns_every_operator_edits(self, house: Accounts) -> None:
        ada, bob = caller(await house.user()), caller(await house.user("bob@example.org"))
        await apply(house, ME, "common")
        for number, by in enumerate((ada, bob)):
            assert (await apply(house, by, "common", max_pages=number + 1)).changed
            await start(house, by, "common")

    async def test_handing_over(self, house: Accounts) -> None:
        ada = caller(await house.user())
        bob = caller(await house.user("bob@example.org", team="editors"))
        await apply(house, ada, "hers")
        await ownership.hand_over(house.store, "hers", ME, user="bob@example.org", team=None)
        await refused(apply(house, ada, "hers", max_pages=7), "not_owner")
        assert (await apply(house, bob, "hers", max_pages=7)).changed
        await ownership.hand_over(house.store, "hers", ME, user=None, team="editors")
        assert (await apply(house, bob, "hers", max_pages=8)).changed
        await ownership.hand_over(house.store, "hers", ME, user=None, team=None)
        assert (await apply(house, ada, "hers", max_pages=9)).changed
        for given in ({"user": "no@example.org", "team": None}, {"user": None, "team": "none"}):
            with pytest.raises(NotFound):
                await ownership.hand_over(house.store, "hers", ME, **given)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            await ownership.hand_over(house.store, "nothing", ME, user=None, team=None)

    async def test_a_url_that_is_crawled_is_a_source_of_who_crawls_it(self, house: Accounts) -> None:
        ada, bob = caller(await house.user()), caller(await house.user("bob@example.org"))
        await start(house, ada, "https://new.example/a/")
        await refused(start(house, bob, "https://new.example/a/"), "not_owner")


class TestQuotas:
    async def test_sources(self, house: Accounts) -> None:
        ada = caller(await house.user())
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"sources": 2})
        await apply(house, ada, "a")
        await apply(house, ada, "b")
        await refused(apply(house, ada, "c"), "quota_sources")
        await refused(start(house, ada, "https://new.example/a/"), "quota_sources")
        assert (await apply(house, ada, "a", max_pages=3)).changed, "what there is may still be changed"
        await deletion.mark_deleted(house.store, "a", ada)
        await apply(house, ada, "c")
        await refused(apply(house, ada, "a"), "quota_sources")
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"sources": 0})
        assert (await apply(house, ada, "b", max_pages=3)).changed
        await refused(apply(house, ada, "d"), "quota_sources")
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"sources": None})
        await apply(house, ada, "d")

    async def test_pages_a_day(self, house: Accounts) -> None:
        ada = caller(await house.user())
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"pages_per_day": 10})
        await apply(house, ada, "a")
        await apply(house, ada, "b")
        first = await start(house, ada, "a", max_pages=4)
        assert first.run.options.max_pages == 4
        second = await start(house, ada, "b")
        assert second.run.options.max_pages == 6, "what the first may still fetch is not given twice"
        await refused(start(house, ada, "b"), "quota_pages")
        await run_store.cancel(house.store, second.run.id, ada)
        assert (await start(house, ada, "b", max_pages=99)).run.options.max_pages == 6
        house.store.turn_on(86_400)
        assert (await start(house, ada, "a")).run.options.max_pages == 10

    async def test_pages_are_not_given_twice_to_runs_that_begin_at_once(self, house: Accounts) -> None:
        ada = caller(await house.user())
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"pages_per_day": 100})
        for name in "abcd":
            await apply(house, ada, name)
        done = await asyncio.gather(*(start(house, ada, name, max_pages=40) for name in "abcd"), return_exceptions=True)
        begun = [each.run.options.max_pages for each in done if isinstance(each, runs.Start)]
        assert sorted(begun, key=str) == [20, 40, 40]
        assert [each.reason for each in done if isinstance(each, TooMany)] == ["quota_pages"]
        assert (await quotas.used(house.store, str(ada.user_id))).pages_per_day == 100

    async def test_exports_that_are_begun_at_once_keep_to_the_quota(self, house: Accounts) -> None:
        ada = caller(await house.user())
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"exports_per_day": 2})

        async def export() -> None:
            check = await quotas.export_bound(house.store, house.settings.quotas, ada)
            async with house.store.write(locks.AUDIT) as connection:
                await check(connection)
                row = {"id": new_id(), "kind": "export", "state": "done", "request": {}, "progress": {}}
                await connection.execute(
                    insert(tables.jobs).values(**row, user_id=ada.user_id, created_at=house.store.now())
                )

        done = await asyncio.gather(*(export() for _ in range(5)), return_exceptions=True)
        assert [each.reason for each in done if isinstance(each, TooMany)] == ["quota_exports"] * 3
        assert done.count(None) == 2

    async def test_the_message_says_when_the_next_day_begins(self, house: Accounts) -> None:
        ada = caller(await house.user())
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"pages_per_day": 0, "exports_per_day": 1})
        await apply(house, ada, "a")
        with pytest.raises(TooMany, match="0 of 0; the next day begins at 00:00 UTC") as caught:
            await start(house, ada, "a")
        assert 11.9 * 3600 < caught.value.retry_after_s <= 12 * 3600
        limits = house.settings.quotas
        await quotas.check_export(house.store, limits, ada)
        async with house.store.write() as connection:
            row = {"id": new_id(), "kind": "export", "state": "done", "request": {}, "progress": {}}
            await connection.execute(
                insert(tables.jobs).values(**row, user_id=ada.user_id, created_at=house.store.now())
            )
        await refused(quotas.check_export(house.store, limits, ada), "quota_exports")
        house.store.turn_on(86_400)
        await quotas.check_export(house.store, limits, ada)

    async def test_documents(self, house: Accounts) -> None:
        ada = caller(await house.user())
        await apply(house, ada, "a")
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"documents": 1})
        await start(house, ada, "a")
        await manage_users.change(house.store, str(ada.user_id), ME, quotas={"documents": 0})
        await refused(start(house, ada, "a"), "quota_documents")

    async def test_those_of_the_settings_hold_for_users_without_their_own(self, tmp_path: Path, database: str) -> None:
        async with opened_accounts(tmp_path, quotas__sources=1) as house:
            ada = caller(await house.user())
            root = caller(await house.user("root@example.org", Role.ADMIN))
            assert await quotas.limits(house.store, house.settings.quotas, str(ada.user_id)) == {
                "sources": 1,
                "pages_per_day": None,
                "documents": None,
                "exports_per_day": None,
            }
            await apply(house, ada, "a")
            await refused(apply(house, ada, "b"), "quota_sources")
            for number, by in enumerate((root, root, ME, ME)):
                await apply(house, by, f"free {number}")
