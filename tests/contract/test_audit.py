"""The audit log: one chain however many write it, no line that can be changed, and none changed that is not found."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, insert, inspect, text
from tests.contract.account_house import ME, SOMEBODY
from tests.contract.store_house import SITE, House, opened_house
from tests.harness.postgres import need_postgres

from tidemill.errors import Permanent, TidemillError
from tidemill.models.account import Caller, Role, caller_of
from tidemill.models.audit import FIRST_HASH, AuditLine, Note, chained_hash
from tidemill.models.ids import new_id
from tidemill.models.run import RunOptions
from tidemill.models.source import SourceSpec
from tidemill.settings import DatabaseSettings
from tidemill.store import accounts, audit, deletion, ownership, runs, schema, sources, tables
from tidemill.store.engine import Store, open_store

UNGUARD = {
    "sqlite": ("DROP TRIGGER audit_log_no_update", "DROP TRIGGER audit_log_no_delete"),
    "postgresql": ("ALTER TABLE audit_log DISABLE TRIGGER USER",),
}
"""What somebody who owns the database can do against it."""


@pytest.fixture
async def house(tmp_path: Path, database: str) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as opened:
        yield opened


async def written(store: Store, number: int = 6) -> list[AuditLine]:
    for each in range(number):
        await audit.record(store, [(SOMEBODY, Note("test.did", f"thing {each}", {"number": each, "ü": ["ö", None]}))])
    return [line async for line in audit.lines(store)]


async def test_lines_are_chained_and_say_who_what_when_and_from_where(house: House) -> None:
    lines = await written(house.store)
    assert [line.previous_hash for line in lines] == [FIRST_HASH, *(line.hash for line in lines[:-1])]
    first = lines[0]
    assert (first.actor, first.action, first.target) == ("anonymous", "test.did", "thing 0")
    assert (first.request_id, first.address) == ("r-1", "192.0.2.7")
    assert first.detail == {"number": 0, "ü": ["ö", None]}
    verdict = await audit.verify(house.store)
    assert (verdict.lines, verdict.head_hash, verdict.fault) == (6, lines[-1].hash, None)
    assert (await audit.verify(house.store, head=(lines[2].id, lines[2].hash))).fault is None


async def test_an_empty_log_holds(house: House) -> None:
    assert await audit.verify(house.store) == audit.Verdict(0, 0, FIRST_HASH)


def test_lines_of_earlier_versions_keep_their_hash() -> None:
    """They were hashed before requests were noted; the formula must never change for them."""
    at = datetime.fromisoformat("2026-11-01T10:00:00.000123+00:00")
    said = json.dumps([FIRST_HASH, at.isoformat(), "cli:root", "deadletter.replay", "01a2", {}])
    old = chained_hash(FIRST_HASH, at=at, actor="cli:root", action="deadletter.replay", target="01a2", detail={})
    assert old == hashlib.sha256(said.encode()).hexdigest()


async def test_many_writers_make_one_chain(house: House) -> None:
    await asyncio.gather(
        *(audit.record(house.store, [(ME, Note("a", str(n))), (ME, Note("b", str(n)))]) for n in range(25)),
        *(sources.apply(house.store, SourceSpec(name=f"s{n}", start=(SITE,)), by=ME) for n in range(10)),
    )
    verdict = await audit.verify(house.store)
    assert (verdict.lines, verdict.fault) == (60, None)


async def test_a_line_is_there_if_and_only_if_its_cause_is(house: House) -> None:
    async def fails() -> None:
        async with house.store.write() as connection:
            await audit.append(connection, ME, [Note("test.undone")], house.store.now())
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await fails()
    stranger = Caller("user:bob", Role.OPERATOR, frozenset(), "01a2067a-ae1e-71e2-bb9b-25ed687bea8f")
    owner = replace(stranger, name="user:ada", user_id="01a2067a-ae1e-71e2-bb9b-25ed687bea80")
    await sources.apply(house.store, SourceSpec(name="hers", start=(SITE,)), by=owner)
    with pytest.raises(TidemillError):
        await sources.apply(house.store, SourceSpec(name="hers", start=(SITE,), max_pages=7), by=stranger)
    assert [line.action async for line in audit.lines(house.store)] == ["source.create"]
    assert (await audit.verify(house.store)).fault is None


async def test_what_is_done_to_sources_and_runs_is_told(house: House) -> None:
    spec = SourceSpec(name="s", start=(SITE,))
    source, _ = await sources.apply(house.store, spec, by=ME)
    await sources.apply(house.store, spec, by=ME)
    await sources.apply(house.store, replace(spec, max_pages=3), by=ME)
    run, _ = await runs.take_up_or_create(house.store, source, RunOptions(), [], fresh=False, by=ME)
    await runs.cancel(house.store, run.id, ME)
    await ownership.hand_over(house.store, "s", ME, user=None, team=None)
    await deletion.mark_deleted(house.store, "s", ME)
    await deletion.purge(house.store, "s", ME)
    told = [(line.action, line.target) async for line in audit.lines(house.store)]
    assert told == [
        ("source.create", "s"),
        ("source.change", "s"),
        ("run.start", run.id),
        ("run.cancel", run.id),
        ("source.hand_over", "s"),
        ("source.delete", "s"),
        ("source.deleted", "s"),
        ("source.purge", "s"),
        ("source.purged", "s"),
    ]


@pytest.mark.parametrize("what", [deletion.mark_deleted, deletion.purge])
async def test_what_was_cut_off_is_told_too(house: House, monkeypatch: pytest.MonkeyPatch, what: Any) -> None:
    """A deletion takes many transactions: who asked stands in the log as soon as the first has changed anything."""
    await sources.apply(house.store, SourceSpec(name="s", start=(SITE,)))

    async def cut_off(*_: Any) -> None:
        raise asyncio.CancelledError

    for step in ("_remove_documents", "_empty"):
        monkeypatch.setattr(deletion, step, cut_off)
    with pytest.raises(asyncio.CancelledError):
        await what(house.store, "s", ME)
    action = "source.delete" if what is deletion.mark_deleted else "source.purge"
    assert [(line.action, line.target) async for line in audit.lines(house.store)] == [(action, "s")]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "DELETE FROM audit_log WHERE id = 1"]
)
async def test_the_database_refuses_to_change_a_line(house: House, statement: str) -> None:
    before = await written(house.store)
    with pytest.raises(Permanent, match="append-only"):
        async with house.store.write() as connection:
            await connection.execute(text(statement))
    assert [line async for line in audit.lines(house.store)] == before


async def test_a_server_refuses_to_empty_the_table(house: House, database: str) -> None:
    await written(house.store)
    statement = "TRUNCATE audit_log" if database == "postgresql" else "DELETE FROM audit_log"
    with pytest.raises(Permanent, match="append-only"):
        async with house.store.write() as connection:
            await connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit_log SET actor = 'nobody' WHERE id = 3", "line 3 was changed"),
        ("UPDATE audit_log SET action = 'other' WHERE id = 1", "line 1 was changed"),
        ("UPDATE audit_log SET target = NULL WHERE id = 3", "line 3 was changed"),
        ("UPDATE audit_log SET address = NULL WHERE id = 3", "line 3 was changed"),
        ("UPDATE audit_log SET address = NULL, request_id = NULL WHERE id = 3", "line 3 was changed"),
        ("UPDATE audit_log SET detail = '{}' WHERE id = 6", "line 6 was changed"),
        ("UPDATE audit_log SET at = '2020-01-01 00:00:00' WHERE id = 3", "line 3 was changed"),
        ("UPDATE audit_log SET hash = 'beef' WHERE id = 3", "line 3 was changed"),
        ("UPDATE audit_log SET previous_hash = 'beef' WHERE id = 3", "line 3 does not follow line 2"),
        ("DELETE FROM audit_log WHERE id = 3", "line 4 does not follow line 2"),
        ("DELETE FROM audit_log WHERE id = 1", "line 2 does not follow line 0"),
        ("UPDATE audit_log SET id = 99 WHERE id = 3", "line 4 does not follow line 2"),
    ],
)
async def test_what_is_changed_behind_its_back_is_found(house: House, database: str, statement: str, told: str) -> None:
    await written(house.store)
    await tamper(house, database, statement)
    verdict = await audit.verify(house.store)
    assert verdict.fault is not None
    assert told in verdict.fault


async def test_lines_taken_from_the_end_are_missed_by_who_knows_a_head(house: House, database: str) -> None:
    """A shorter chain is a chain: only a head that was written down elsewhere shows that there was more."""
    lines = await written(house.store)
    head = (lines[-1].id, lines[-1].hash)
    await tamper(house, database, "DELETE FROM audit_log WHERE id > 4")
    assert (await audit.verify(house.store)).fault is None
    fault = (await audit.verify(house.store, head=head)).fault
    assert fault is not None
    assert "line 6" in fault


async def test_a_chain_that_was_hashed_anew_is_missed_by_who_knows_a_head(house: House, database: str) -> None:
    lines = await written(house.store)
    await tamper(house, database, "DELETE FROM audit_log")
    for line in lines:
        by = replace(caller_of("nobody", Role.VIEWER), request_id="r", address="a")
        await audit.record(house.store, [(by, Note(line.action, line.target))])
    assert (await audit.verify(house.store)).fault is None
    assert (await audit.verify(house.store, head=(lines[-1].id, lines[-1].hash))).fault is not None


async def tamper(house: House, database: str, statement: str) -> None:
    async with house.store.write() as connection:
        for each in (*UNGUARD[database], statement):
            await connection.execute(text(each))


async def test_secrets_and_what_no_database_keeps_are_left_out(house: House) -> None:
    by = replace(caller_of("user:a\0b\ud800", Role.VIEWER), address="::1", request_id="r")
    detail = {
        "password": "canary-1",
        "text": "Bearer canary-2-canary",
        "url": "https://u:canary-3@h/",
    }  # pragma: allowlist secret
    await audit.record(house.store, [(by, Note("test.secret", "x\0\ud800" * 900, detail))])
    (line,) = [line async for line in audit.lines(house.store)]
    assert "canary" not in str(line)
    assert len(str(line.target)) <= 1000
    assert (await audit.verify(house.store)).fault is None


async def test_filters(house: House) -> None:
    await audit.record(house.store, [(ME, Note("key.create", "k1")), (SOMEBODY, Note("key.revoke", "k1"))])
    house.store.turn_on(60)
    middle = house.store.now()
    await audit.record(house.store, [(ME, Note("user.create", "ada")), (ME, Note("keys", "k2"))])

    async def found(**wanted: object) -> list[str]:
        return [line.action for line in await audit.listed(house.store, audit.Wanted(**wanted), limit=9)]  # type: ignore[arg-type]

    assert await found() == ["keys", "user.create", "key.revoke", "key.create"]
    assert await found(action="key.") == ["key.revoke", "key.create"]
    assert await found(action="key.create") == ["key.create"]
    assert await found(actor="anonymous") == ["key.revoke"]
    assert await found(target="ada") == ["user.create"]
    assert await found(since=middle) == ["keys", "user.create"]
    assert await found(until=middle) == ["key.revoke", "key.create"]
    assert await found(action="%.") == []


async def test_a_log_of_before_accounts_goes_on_after_the_upgrade(database: str, tmp_path: Path) -> None:
    """Lines and keys of schema 0004 are there after the upgrade, keys may do what they could, lines are guarded."""
    url = await need_postgres().empty() if database == "postgresql" else f"sqlite:///{tmp_path}/old.db"
    store = open_store(url, DatabaseSettings(), tmp_path)
    try:
        at = datetime(2026, 11, 1, 10, tzinfo=UTC)
        said = {"at": at, "actor": "cli:root", "action": "deadletter.replay", "target": new_id(), "detail": {}}
        line = {**said, "previous_hash": FIRST_HASH, "hash": chained_hash(FIRST_HASH, **said)}
        key = {"id": new_id(), "name": "old", "prefix": "0123456789ab", "secret_hash": "h"}  # pragma: allowlist secret
        key |= {"scopes": [], "created_at": at}
        async with store.write() as connection:
            await connection.run_sync(migrated_to, "0004")
            await connection.execute(insert(tables.audit_log).values(line))
            await connection.execute(insert(tables.api_keys).values(key))
        await schema.ensure_schema(store)
        await audit.record(store, [(ME, Note("after"))])
        verdict = await audit.verify(store)
        assert (verdict.lines, verdict.fault) == (2, None)
        assert (await accounts.get_key(store, "0123456789ab")).role is Role.ADMIN
        with pytest.raises(Permanent, match="append-only"):
            async with store.write() as connection:
                await connection.execute(text("DELETE FROM audit_log"))
        async with store.write() as connection:
            await connection.run_sync(migrated_to, "0004")
        assert await schema.current_revision(store) == "0004"
    finally:
        await store.close()
        if database == "postgresql":
            await need_postgres().drop(url)


def migrated_to(connection: Connection, revision: str) -> None:
    """Bring the tables to a version, up or down."""
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    config.attributes["connection"] = connection
    is_up = inspect(connection).get_table_names() == []
    (command.upgrade if is_up else command.downgrade)(config, revision)
