"""What only a server can be asked: several writers at once, its errors, its limits, its roles, its time."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from tests.contract.store_house import SITE, House, draft, found, opened_house, result_of, stores_on
from tests.harness.fault_proxy import fault_proxy
from tests.harness.postgres import Server

from tidemill.errors import Invalid, Permanent, TidemillError, Transient
from tidemill.models.run import RunState
from tidemill.models.source import SourceSpec
from tidemill.models.visit import Fetched, Found
from tidemill.settings import DatabaseSettings
from tidemill.store import captures, events, hosts, leases, locks, runs, sources, tables, workers
from tidemill.store import postgres as postgres_store
from tidemill.store.again import tried_again
from tidemill.store.engine import Store, check_capacity, open_store
from tidemill.store.postgres import PostgresServer
from tidemill.store.processed import store_batch

ROLES = Path(__file__).parents[2] / "config" / "postgres" / "roles.sql"


@pytest.fixture
async def house(tmp_path: Path, postgres: Server) -> AsyncIterator[House]:
    with stores_on("postgresql"):
        async with opened_house(tmp_path) as house:
            yield house


@asynccontextmanager
async def opened(url: str, **settings: object) -> AsyncIterator[Store]:
    store = open_store(url, DatabaseSettings(**settings), Path())  # type: ignore[arg-type]
    try:
        yield store
    finally:
        await store.close()


async def fails(url: str, **settings: object) -> TidemillError:
    """How reading from there fails."""
    async with opened(url, **settings) as store:
        with pytest.raises(TidemillError) as caught:
            async with store.read() as connection:
                await connection.execute(text("SELECT 1"))
    return caught.value


# --- several writers at once ------------------------------------------------------------------------------------------


async def test_a_tailing_reader_skips_nothing_while_many_write(house: House) -> None:
    """Without the lock, an identifier that was given out early would be committed behind later ones."""
    rng = random.Random(7)
    seen: list[int] = []
    done = asyncio.Event()

    async def write(number: int) -> None:
        for _ in range(8):
            async with house.store.write() as connection:
                await events.append(connection, [events.line(f"w{number}", house.store.now())])
                await asyncio.sleep(rng.uniform(0, 0.03))

    async def tail() -> None:
        while True:
            last = done.is_set()
            seen.extend(each.id for each in await events.after(house.store, seen[-1] if seen else 0, 5))
            if last and not await events.after(house.store, seen[-1], 1):
                return
            await asyncio.sleep(0)

    reader = asyncio.create_task(tail())
    await asyncio.gather(*(write(number) for number in range(6)))
    done.set()
    await reader
    assert len(seen) == len(set(seen)) == 6 * 8
    assert seen == sorted(seen)


async def test_who_begins_later_cannot_tell_before_who_began_earlier(house: House) -> None:
    told = asyncio.Event()

    async def second() -> None:
        async with house.store.write() as connection:
            await events.append(connection, [events.line("second", house.store.now())])
        told.set()

    async with house.store.write() as connection:
        await events.append(connection, [events.line("first", house.store.now())])
        later = asyncio.create_task(second())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told.wait(), 0.3)
        assert await events.after(house.store, 0, 10) == []
    await later
    assert [each.kind for each in await events.after(house.store, 0, 10)] == ["first", "second"]


async def test_claimers_share_what_waits(house: House) -> None:
    run = await house.begin(*(f"p{n}" for n in range(60)))
    await house.record(*(house.captured(each, each.url) for each in await house.lease(run)))
    claims = await asyncio.gather(*(captures.claim(house.store, house.worker.id, 7) for _ in range(9)))
    claimed = Counter(each.id for _, some in claims for each in some)
    assert len(claimed) == 60
    assert set(claimed.values()) == {1}


async def test_leases_at_once_are_of_different_visits_and_within_the_limit(house: House) -> None:
    run = await house.begin(*(f"p{n}" for n in range(50)))
    given = await asyncio.gather(*(house.lease(run, 8, max_pages=40) for _ in range(8)))
    pages = [visit.page_id for some in given for visit in some]
    assert len(pages) == len(set(pages)) == 40


async def test_one_host_gets_one_slot_at_a_time_from_several_runs(house: House) -> None:
    begun = [await house.begin(*(f"r{n}p{m}" for m in range(6))) for n in range(4)]
    given = await asyncio.gather(*(house.lease(run, 6, interval_s=0.25) for run in begun))
    slots = sorted(visit.not_before for some in given for visit in some)
    assert len(slots) == 24
    assert all(later - earlier > timedelta(seconds=0.24) for earlier, later in pairwise(slots))


async def test_crawlers_that_find_each_others_pages_do_not_lock_each_other_out(house: House) -> None:
    """Each page links all others: in whatever order rows are locked, two batches want each other's."""
    paths = [f"p{n:02}" for n in range(40)]
    begun = [await house.begin(*paths) for _ in range(2)]
    visits = [visit for run in begun for visit in await house.lease(run)]
    random.Random(3).shuffle(visits)
    links = tuple(found(*reversed(paths), *(f"new{n}" for n in range(40)), depth=1))
    batches: dict[str, list[Fetched]] = {}
    for number, visit in enumerate(visits):
        fetched = Fetched(house.captured(visit).visit, capture=house.captured(visit).capture, found=links)
        batches.setdefault(f"{visit.run_id}{number % 4}", []).append(fetched)
    written = await asyncio.gather(*(house.record(*batch) for batch in batches.values()))
    assert sum(written) == len(visits)
    for run in begun:
        assert sum((await runs.get(house.store, run.id)).outcomes.values()) == 80


async def test_a_family_never_exceeds_its_budget(house: House) -> None:
    run = await house.begin(*"abcdef")
    visits = await house.lease(run)

    def trap(n: int) -> tuple[Found, ...]:
        return tuple(replace(each, pattern="/x?n=*", budget=10) for each in found(*(f"x{n}-{m}" for m in range(5))))

    results = [Fetched(v, capture=house.captured(v).capture, found=trap(n)) for n, v in enumerate(visits)]
    await asyncio.gather(*(house.record(each) for each in results))
    said = Counter((await house.reasons(run)).values())
    assert said == {"captured": 6, "pending": 10, "skipped (trap)": 20}


async def test_processors_at_once_agree_on_the_original_and_finish_the_run(house: House) -> None:
    run = await house.begin(*(f"p{n:02}" for n in range(24)))
    await house.record(*(house.captured(each, each.url) for each in await house.lease(run)))
    claims = [await captures.claim(house.store, house.worker.id, 4) for _ in range(6)]

    async def process(token: str, claimed: list[captures.Capture]) -> None:
        batch = [(each, result_of(each, [draft("the same text")])) for each in claimed]
        await store_batch(house.store, token, batch, max_attempts=3)

    random.Random(5).shuffle(claims)
    state, *_ = await asyncio.gather(runs.finish(house.store, run.id, 10**6), *(process(*claim) for claim in claims))
    assert state in (RunState.CRAWLED, RunState.COMPLETED)
    assert await house.states() == {"p00": "current"} | {f"p{n:02}": "duplicate of p00" for n in range(1, 24)}
    assert (await runs.get(house.store, run.id)).state is RunState.COMPLETED
    ended = [each for each in await events.after(house.store, 0, 1000) if each.kind == "run.finished"]
    assert len(ended) == 1


async def test_a_worker_is_buried_once(house: House) -> None:
    run = await house.begin(*"abcdef")
    await house.lease(run)
    house.store.turn_on(1000)
    await asyncio.gather(*(workers.reclaim(house.store, 60) for _ in range(6)))
    async with house.store.read() as connection:
        assert await connection.scalar(text("SELECT admitted FROM runs")) == 0
    assert (await runs.get(house.store, run.id)).outcomes == {"pending": 6}


async def test_a_source_applied_by_many_at_once_is_made_once(house: House) -> None:
    spec = SourceSpec(name="new", start=(SITE,))
    made = await asyncio.gather(*(sources.apply(house.store, spec) for _ in range(8)))
    assert len({source.id for source, _ in made}) == 1
    assert sum(changed for _, changed in made) == 1


async def test_a_deadlock_is_undone_and_done_again(house: House) -> None:
    """Two transactions that take two rows crosswise, as none of ours does."""
    await hosts.remember_robots(house.store, "http://a", record := hosts.RobotsRecord("rules", "", datetime.now(UTC)))
    await hosts.remember_robots(house.store, "http://b", record)
    met = asyncio.Barrier(2)
    tries: list[str] = []

    @tried_again
    async def cross(first: str, second: str) -> None:
        tries.append(first)
        async with house.store.write() as connection:
            update = tables.hosts.update()
            await connection.execute(update.where(tables.hosts.c.origin == first).values(failures=1))
            if len(tries) <= 2:
                await met.wait()
            await connection.execute(update.where(tables.hosts.c.origin == second).values(failures=2))

    await asyncio.gather(cross("http://a", "http://b"), cross("http://b", "http://a"))
    assert len(tries) == 3


# --- time -------------------------------------------------------------------------------------------------------------


async def test_time_is_the_servers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(house.store.url) as store:
        async with store.read() as connection:
            said = await connection.scalar(text("SELECT clock_timestamp()"))
        assert abs((store.now() - said).total_seconds()) < 1
        before = store.now()
        monkeypatch.setattr("time.time", lambda: 0.0)  # somebody sets the clock of this machine
        assert before <= store.now() < before + timedelta(seconds=5)


# --- errors -----------------------------------------------------------------------------------------------------------


async def test_each_failure_says_what_to_do_and_no_password(house: House, postgres: Server) -> None:
    url = make_url(house.store.url).set(password="hunter2-secret")  # pragma: allowlist secret

    def at(**changes: object) -> str:
        return url.set(**changes).render_as_string(hide_password=False)  # type: ignore[arg-type]

    told = {
        "gone": await fails(at(port=1)),
        "nowhere": await fails(at(host="nowhere.invalid")),
        "no database": await fails(at(database="nonsuch")),
        "nobody": await fails(at(username="nobody")),
        "no TLS": await fails(at(), ssl_mode="require"),
    }
    assert {name: (type(error), error.reason) for name, error in told.items()} == {
        "gone": (Transient, "database_unavailable"),
        "nowhere": (Transient, "database_unavailable"),
        "no database": (Permanent, "unknown_database"),
        "nobody": (Permanent, "database_login"),
        "no TLS": (Permanent, "database_ssl"),
    }
    assert not [error for error in told.values() if "hunter2" in str(error)]


async def test_a_wrong_password_is_named_and_not_shown(house: House, postgres: Server) -> None:
    if postgres.hba is None:
        pytest.skip("the server is not ours to configure")
    await postgres.run("CREATE ROLE locked LOGIN PASSWORD 'right-one'")  # pragma: allowlist secret
    rules = postgres.hba.read_text()
    postgres.hba.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{rules}")
    try:
        await postgres.run("SELECT pg_reload_conf()")
        url = make_url(house.store.url).set(username="locked", password="wrong-one")  # pragma: allowlist secret
        error = await fails(url.render_as_string(hide_password=False))
    finally:
        postgres.hba.write_text(rules)
        await postgres.run("SELECT pg_reload_conf()")
        await postgres.run("DROP ROLE locked")
    assert (type(error), error.reason) == (Permanent, "database_login")
    assert "refuses the password" in str(error)
    assert "wrong-one" not in str(error)


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        ["openssl", "req", *made, *subject, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    return certificate, key


async def test_tls_up_to_a_server_that_is_who_it_says(house: House, postgres: Server, tmp_path: Path) -> None:
    if postgres.hba is None or shutil.which("openssl") is None:
        pytest.skip("the server is not ours to configure, or there is no openssl")
    certificate, key = make_certificate(tmp_path, "server")
    stranger, _ = make_certificate(tmp_path, "stranger")
    owner = postgres.hba.stat()
    for source, name in ((certificate, "server.crt"), (key, "server.key")):
        target = shutil.copy(source, postgres.hba.with_name(name))
        os.chown(target, owner.st_uid, owner.st_gid)
        Path(target).chmod(0o600)  # noqa: ASYNC240
    elsewhere = make_url(house.store.url).set(host="localhost").render_as_string(hide_password=False)

    async def encrypted(url: str, **settings: object) -> bool:
        async with opened(url, **settings) as store, store.read() as connection:
            return bool(await connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")))

    await postgres.run("ALTER SYSTEM SET ssl = on")
    try:
        await postgres.run("SELECT pg_reload_conf()")
        await asyncio.sleep(0.3)
        assert await encrypted(house.store.url, ssl_mode="verify-full", ssl_ca=certificate)
        assert await encrypted(f"{house.store.url}?sslmode=verify-full&sslrootcert={certificate}")
        assert await encrypted(house.store.url, ssl_mode="require")
        assert await encrypted(elsewhere, ssl_mode="verify-ca", ssl_ca=certificate)
        assert not await encrypted(house.store.url, ssl_mode="disable")
        for url, ca in ((house.store.url, stranger), (elsewhere, certificate)):
            error = await fails(url, ssl_mode="verify-full", ssl_ca=ca)
            assert (type(error), error.reason) == (Permanent, "database_ssl")
    finally:
        await postgres.run("ALTER SYSTEM RESET ssl")
        await postgres.run("SELECT pg_reload_conf()")


async def test_what_takes_too_long_is_broken_off(house: House) -> None:
    async with opened(house.store.url, statement_timeout_s=1) as hasty:
        with pytest.raises(Transient, match=r"database\.statement_timeout_s") as slow:
            async with hasty.write() as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))
    async with opened(house.store.url, lock_timeout_s=1) as hasty, house.store.write(locks.EVENTS):
        with pytest.raises(Transient, match=r"database\.lock_timeout_s") as held:
            async with hasty.write(locks.EVENTS):
                pass
    assert (slow.value.reason, held.value.reason) == ("database_timeout", "database_locked")


async def test_what_alters_tables_may_take_however_long_it_takes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the server breaks it off, nor the driver, which has a limit of its own."""
    monkeypatch.setattr(postgres_store, "_GRACE_S", 0.5)
    async with opened(house.store.url, statement_timeout_s=1) as hasty:
        async with hasty.alter(locks.SCHEMA) as connection:
            await connection.execute(text("SELECT pg_sleep(2)"))
        with pytest.raises(Transient):
            async with hasty.write(locks.SCHEMA) as connection:
                await connection.execute(text("SELECT pg_sleep(2)"))


async def test_who_falls_asleep_in_a_transaction_loses_its_locks(house: House) -> None:
    """A process that was stopped, or whose machine is gone, must not hold up everybody else."""
    async with opened(house.store.url, statement_timeout_s=1) as sleeper:
        with pytest.raises(Transient) as caught:  # noqa: PT012
            async with sleeper.write(locks.EVENTS) as connection:
                async with asyncio.timeout(10), house.store.write(locks.EVENTS):
                    pass
                await connection.execute(text("SELECT 1"))
    assert caught.value.reason == "database_unavailable"


async def test_who_vanishes_between_the_parts_of_a_statement_loses_its_locks(house: House) -> None:
    """Its session is neither idle nor at work, and no time limit of the server's ends it."""
    stranger = await asyncpg.connect(house.store.url, server_settings={"application_name": "tidemill"})
    await stranger.transaction().start()
    await stranger.execute("LOCK TABLE workers")
    await stranger.prepare("SELECT 42")
    async with opened(house.store.url, statement_timeout_s=1) as store:
        assert isinstance(store.database, PostgresServer)
        store.database.longest_s = 0.2
        await asyncio.sleep(0.3)
        assert await store.end_stuck() == 1
        async with asyncio.timeout(5), store.write() as connection:
            await connection.execute(text("LOCK TABLE workers"))
        assert await store.end_stuck() == 0
    stranger.terminate()


async def test_who_takes_rows_slowly_gets_them_all(house: House) -> None:
    async with opened(house.store.url, statement_timeout_s=1) as store, store.read(at_leisure=True) as connection:
        await asyncio.sleep(1.5)
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_server_that_falls_silent_is_given_up_in_time(house: House) -> None:
    """Half-open: no byte, no end. The statement ends with its time limit, and the next one finds another connection."""
    port = make_url(house.store.url).port
    assert port is not None
    with fault_proxy(port) as proxy:
        through = make_url(house.store.url).set(port=proxy.port).render_as_string(hide_password=False)
        async with opened(through, statement_timeout_s=1, connect_timeout_s=1) as store:
            began = time.monotonic()
            with pytest.raises(Transient) as caught:  # noqa: PT012
                async with store.read() as connection:
                    proxy.silence()
                    await connection.execute(text("SELECT 1"))
            assert caught.value.reason == "database_unavailable"
            assert time.monotonic() - began < 10
            async with store.read() as connection:
                assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_store_is_closed_though_its_server_fell_silent(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Its connections lie in the pool, half open: none is waited for, and none is an error."""
    port = make_url(house.store.url).port
    assert port is not None
    with fault_proxy(port) as proxy:
        through = make_url(house.store.url).set(port=proxy.port).render_as_string(hide_password=False)
        async with opened(through, pool_size=5) as store:
            async with AsyncExitStack() as stack:
                for _ in range(5):
                    await stack.enter_async_context(store.read())
            assert proxy.open_connections == 5
            proxy.silence()
            began = time.monotonic()
        assert time.monotonic() - began < 3
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_pool_that_is_used_up_says_so(house: House) -> None:
    async with opened(house.store.url, pool_size=1, max_overflow=0, pool_timeout_s=0.1) as small, small.read():
        with pytest.raises(Transient, match=r"database\.pool_timeout_s") as caught:
            async with small.read():
                pass
    assert caught.value.reason == "database_connections"


async def test_a_connection_that_was_cut_is_replaced(house: House, postgres: Server) -> None:
    async with opened(house.store.url, application_name="cut me") as store:
        async with store.read() as connection:
            await connection.execute(text("SELECT 1"))
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut me'"
        assert await postgres.run(cut)
        await asyncio.sleep(0.6)  # the server ends a session in its own time; what lay idle so long is tried before use
        async with store.read() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        with pytest.raises(Transient) as caught:  # noqa: PT012
            async with store.write() as connection:
                await connection.execute(text("SELECT 1"))
                await postgres.run(cut)
                await connection.execute(text("SELECT 1"))
    assert caught.value.reason == "database_unavailable"


async def test_an_error_of_the_callers_own_stays_what_it_is(house: House) -> None:
    with pytest.raises(OSError, match="mine"):  # noqa: PT012
        async with house.store.write() as connection:
            await connection.execute(text("SELECT 1"))
            raise OSError("mine")


# --- limits and rights ------------------------------------------------------------------------------------------------


async def test_more_connections_than_the_server_has_are_refused_at_the_start(house: House) -> None:
    enough = DatabaseSettings(pool_size=2, max_overflow=3, processes=4)
    await check_capacity(house.store, enough)
    with pytest.raises(Invalid, match=r"may open 4000, and the server has \d+") as caught:
        await check_capacity(house.store, enough.model_copy(update={"processes": 800}))
    assert caught.value.reason == "database_connections"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://h/d?pool_size=20", "database_url"),
        ("postgresql://h", "database_url"),
        ("postgresql://h/d?sslmode=verify-everything", "database_ssl"),
        ("postgresql://h/d?sslmode=verify-full&sslrootcert=/nowhere.pem", "database_ssl"),
    ],
)
def test_urls_that_cannot_be_meant(url: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        open_store(url, DatabaseSettings(), Path())
    assert caught.value.reason == reason


async def test_roles_may_do_what_they_need_and_no_more(house: House, postgres: Server) -> None:
    await postgres.run(ROLES.read_text(), house.store.url, script=True)
    await postgres.run(ROLES.read_text(), house.store.url, script=True)  # once more changes nothing
    name = make_url(house.store.url).database
    for role in ("app", "readonly"):
        await postgres.run(f'CREATE ROLE "{name}_{role}" LOGIN IN ROLE tidemill_{role}')
    try:
        await house.run({"a": [draft("one")]})
        app, reader = (make_url(house.store.url).set(username=f"{name}_{role}") for role in ("app", "readonly"))
        async with opened(app.render_as_string()) as store:
            await sources.apply(store, SourceSpec(name="mine", start=(SITE,)))
            with pytest.raises(Permanent) as refused:
                async with store.write() as connection:
                    await connection.execute(text("ALTER TABLE documents DROP COLUMN title"))
            assert refused.value.reason == "database_rights"
            for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
                with pytest.raises(Permanent) as refused:
                    async with store.write() as connection:
                        await connection.execute(text(statement))
                assert refused.value.reason == "database_rights"
        async with opened(reader.render_as_string()) as store:
            for table in ("users", "api_keys", "refresh_tokens"):
                with pytest.raises(Permanent) as refused:
                    async with store.read() as connection:
                        await connection.execute(text(f"SELECT * FROM {table}"))
                assert refused.value.reason == "database_rights"
            assert [each.name for each in await sources.listed(store)] == ["mine", "site"]
            with pytest.raises(Permanent) as refused:
                await sources.apply(store, SourceSpec(name="theirs", start=(SITE,)))
            assert refused.value.reason == "database_rights"
    finally:
        for role in ("app", "readonly"):
            await postgres.run(f'DROP ROLE "{name}_{role}"')


async def test_what_only_sqlite_keeps_as_it_came_is_kept(house: House) -> None:
    """U+0000, the order of keys, the spelling of numbers, and identifiers that are none."""
    fields = {"z": 1, "a": 1.0, "m": {"y": 2**70, "b": 1e22}}
    await house.run({"a": [draft("be\x00fore", title="T\x00", fields=fields)]})
    async with house.store.read() as connection:
        row = (await connection.execute(tables.documents.select())).one()
    assert (row.content, row.title) == ("be\ufffdfore", "T\ufffd")
    assert repr(row.fields) == repr(fields)
    assert await leases.release_visits(house.store, []) is None


async def test_a_server_that_wants_asyncpg_is_asked_as_it_is(house: House) -> None:
    """`+asyncpg`, which other programs want in the URL, changes nothing."""
    url = house.store.url.replace("postgresql://", "postgresql+asyncpg://")
    async with opened(url) as store, store.read() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
