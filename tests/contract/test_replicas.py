"""Reads from a real streaming standby: near enough, complete for who has written, never at the price of an answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.contract.api_house import SOURCE, Client, fill, house, served
from tests.harness.postgres import Server
from tests.harness.standby import Standby, standby_of, streaming_postgres

from tidemill.app import App
from tidemill.errors import Permanent
from tidemill.search.base import SearchQuery
from tidemill.settings import DatabaseSettings
from tidemill.store import documents, events, tables
from tidemill.store.engine import Store
from tidemill.store.replicas import open_replicas
from tidemill.telemetry.health import Status

pytestmark = pytest.mark.timeout(120)
LAG_S = 1.5


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with streaming_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def _standby(primary: Server) -> Iterator[Standby]:
    with standby_of(primary) as standby:
        yield standby


@pytest.fixture
async def standby(_standby: Standby) -> AsyncIterator[Standby]:
    """The standby of this module, up and following."""
    yield _standby
    await _standby.let_go()


@dataclass
class Served:
    """A server of documents with one standby."""

    app: App
    client: Client
    document: str
    standby: Standby

    async def read(self, **headers: str) -> tuple[str, int]:
        """Who answered, and with what status, as the document is asked for."""
        before = dict(self.app.replicas.reads)
        reply = await self.client.get(f"/api/v1/documents/{self.document}", headers=headers)
        (who,) = (name for name, number in self.app.replicas.reads.items() if number > before[name])
        return who, reply.status

    async def comes_to(self, who: str) -> None:
        """Until that one answers."""
        await until(lambda: self.read(), lambda answer: answer == (who, 200))


async def until(ask: Callable[[], object], is_so: Callable[[object], bool]) -> None:
    for _ in range(200):
        found = await ask()  # type: ignore[misc]
        if is_so(found):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"still {found}")


@pytest.fixture
async def here(primary: Server, standby: Standby, tmp_path: Path) -> AsyncIterator[Served]:
    url = await primary.empty()
    replica = standby.server.url_of(url.rpartition("/")[2])
    settings = {"database__url": url, "database__replica_urls": [replica], "database__replica_lag_s": LAG_S}
    async with house(tmp_path, **settings) as app:
        await fill(app)
        async with app.store.read() as connection:
            document = str(await connection.scalar(text("SELECT id FROM documents ORDER BY url LIMIT 1")))
        async with served(app) as client:
            here = Served(app, client, document, standby)
            await here.comes_to("replica")
            yield here


async def test_documents_and_their_versions_come_from_the_standby(here: Served) -> None:
    before = here.app.replicas.reads["replica"]
    for path in ("", "/versions", "/versions/1"):
        assert (await here.client.get(f"/api/v1/documents/{here.document}{path}")).status == 200
    assert here.app.replicas.reads["replica"] == before + 3
    health = (await here.client.get("/health")).json
    (replicas,) = (each for each in health["checks"] if each["name"] == "replicas")
    assert replicas["status"] == "pass", health
    metrics = (await here.client.get("/metrics")).body.decode()
    lag = next(line for line in metrics.splitlines() if line.startswith("tidemill_replica_lag_seconds{"))
    assert float(lag.rpartition(" ")[2]) <= LAG_S
    assert 'tidemill_replica_reads_total{server="replica"}' in metrics


async def test_searches_of_the_database_come_from_a_standby_that_holds_the_newest_index(
    primary: Server, standby: Standby, tmp_path: Path
) -> None:
    url = await primary.empty()
    replica = standby.server.url_of(url.rpartition("/")[2])
    settings = {"database__url": url, "database__replica_urls": [replica], "database__replica_lag_s": 60}
    async with house(tmp_path, search__url="postgresql:", **settings) as app:
        await fill(app)
        reads = app.replicas.reads

        async def total() -> int:
            return (await app.engine.search(SearchQuery("", source=SOURCE))).total

        async def from_standby() -> bool:
            before = reads["replica"]
            assert await total()
            return reads["replica"] > before

        await until(from_standby, bool)
        before, held = reads["replica"], await total()
        assert await app.engine.suggest("tide", 5) is not None
        assert reads["replica"] == before + 2
        await standby.hold()
        await _removed(app.store)
        await app.indexer.catch_up(await events.head(app.store))
        before = dict(reads)
        assert await total() == held - 1
        assert reads == {"primary": before["primary"] + 1, "replica": before["replica"]}


async def test_one_that_falls_behind_is_left_out_and_comes_back(here: Served) -> None:
    await here.standby.hold()
    await _written(here.app.store)
    await asyncio.sleep(LAG_S)
    await here.comes_to("primary")
    report = await here.app.health.report()
    assert report.status is Status.WARN
    (finding,) = (each.finding for each in report.checks if each.name == "replicas")
    assert "behind" in finding.detail
    assert "tidemill" in finding.detail
    assert (await here.client.get("/readyz")).status == 200
    await here.standby.let_go()
    await here.comes_to("replica")


async def test_an_idle_primary_makes_no_standby_old(here: Served) -> None:
    """The time of the last transaction replayed grows; what could be read does not grow old."""
    await asyncio.sleep(LAG_S + 1)
    await here.comes_to("replica")
    assert await here.read() == ("replica", 200)


async def test_one_cut_off_from_the_primary_does_not_pass_for_up_to_date(here: Served) -> None:
    """It has replayed all that it received, and takes itself for current."""
    server = here.standby.server
    ((primary,),) = await server.run("SHOW primary_conninfo")

    async def follow(whom: str) -> None:
        quoted = whom.replace("'", "''")
        await server.run(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'")
        await server.run("SELECT pg_reload_conf()")

    await follow("host=127.0.0.1 port=1")
    try:
        await asyncio.sleep(0.3)
        await _written(here.app.store)
        await asyncio.sleep(LAG_S)
        await here.comes_to("primary")
    finally:
        await follow(primary)
    await here.comes_to("replica")


async def test_who_has_written_reads_what_he_wrote(here: Served) -> None:
    """While the standby is held and still within its bound, the writer reads from the primary, and others from it."""
    await here.standby.hold()
    done = await here.client.ask("DELETE", f"/api/v1/sources/{SOURCE.replace('/', '%2F')}")
    assert done.status == 200, done.body
    position = done.headers["Tidemill-Position"]
    assert (await here.read())[0] == "primary"
    # Another caller, who has not written: within the bound he may read what is a little old.
    old = await here.app.replicas.read(lambda store: documents.get(store, here.document))
    assert here.app.replicas.reads["replica"] > 0
    assert old.state == "current"
    # The same through another process, which knows the caller by the position that he sends along.
    async with served(here.app) as other:
        before = here.app.replicas.reads["primary"]
        path = f"/api/v1/documents/{here.document}"
        await other.get(path, headers={"Tidemill-Position": position})
        assert here.app.replicas.reads["primary"] == before + 1
    await here.standby.let_go()
    await until(lambda: here.client.get(f"/api/v1/documents/{here.document}"), lambda answer: True)
    await until(lambda: here.read(), lambda answer: answer[0] == "replica")  # type: ignore[index]


async def test_a_wrong_position_is_refused(here: Served) -> None:
    reply = await here.client.get(f"/api/v1/documents/{here.document}", headers={"Tidemill-Position": "yesterday"})
    assert (reply.status, reply.reason) == (400, "bad_position")


async def test_what_a_standby_lacks_the_primary_is_asked_for(here: Served) -> None:
    """A document that the index shows is found, however far the standby is."""
    await here.standby.hold()
    async with here.app.store.write() as connection:
        new = "0198aaaa-0000-8000-8000-000000000001"
        others = ", ".join(each.name for each in tables.documents.c if each.name not in ("id", "item_key"))
        copied = f"INSERT INTO documents (id, item_key, {others}) SELECT '{new}', 'x', {others} FROM documents LIMIT 1"
        await connection.execute(text(copied))
    reply = await here.client.get(f"/api/v1/documents/{new}")
    assert reply.status == 200
    nothing = await here.client.get("/api/v1/documents/0198aaaa-0000-8000-8000-00000000000f")
    assert (nothing.status, nothing.reason) == (404, "no_such_document")


async def test_one_that_dies_costs_no_answer_and_comes_back(here: Served) -> None:
    here.standby.kill()
    try:
        for _ in range(5):
            assert (await here.read())[1] == 200
        await here.comes_to("primary")
        lags = [each.lag_s for each in await here.app.replicas.standings()]
        assert lags == [math.inf]
        assert (await here.client.get("/readyz")).status == 200
    finally:
        here.standby.start()
    await here.comes_to("replica")


async def test_a_server_that_is_no_standby_is_not_read(primary: Server, tmp_path: Path) -> None:
    url = await primary.copy()
    async with house(tmp_path, database__url=url, database__replica_urls=[url]) as app:
        (standing,) = await app.replicas.standings()
        assert not standing.is_used
        assert "no standby" in standing.why


async def test_a_standby_of_another_database_is_not_read(here: Served, primary: Server, tmp_path: Path) -> None:
    """The same tables, the same documents perhaps, and not ours."""
    replica = here.standby.server.url_of(here.app.settings.database.url.rpartition("/")[2])
    url = await primary.empty()
    async with house(tmp_path / "other", database__url=url, database__replica_urls=[replica]) as app:
        (standing,) = await app.replicas.standings()
        assert not standing.is_used
        assert "does not hold the database" in standing.why


async def test_nothing_can_be_written_through_a_standby(here: Served) -> None:
    settings = DatabaseSettings(replica_urls=here.app.settings.database.replica_urls)
    replicas = open_replicas(here.app.store, settings)
    with pytest.raises(Permanent, match=r"readonly|read-only"):
        async with replicas._standbys[0].store.read() as connection:
            await connection.execute(text("DELETE FROM documents"))
    await replicas.close()


async def _written(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(text("UPDATE sources SET updated_at = now()"))


async def _removed(store: Store) -> None:
    """One document is gone, as the indexer learns it."""
    async with store.write() as connection:
        await connection.execute(
            text(
                "WITH gone AS (UPDATE documents SET state = 'removed' WHERE id = (SELECT min(id::text)::uuid"
                " FROM documents WHERE state = 'current') RETURNING id, source_id)"
                " INSERT INTO events (kind, source_id, document_id, payload, created_at)"
                " SELECT 'document.removed', source_id, id, '{}', now() FROM gone"
            )
        )
