"""Answers that go on: the change feed and the progress of runs, and what becomes of clients that leave or sleep."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.contract.api_house import MOMENT, PAGES, SITE, SOURCE, Client, fill, house, served
from tests.contract.store_house import House, draft, opened_house

from tidemill.api.main import Streams
from tidemill.api.schemas.event import ChangeEvents
from tidemill.api.schemas.run import RunWithProgress
from tidemill.app import App
from tidemill.deliver.changes import News, Reader
from tidemill.errors import Gone, Invalid
from tidemill.models.run import RunOptions
from tidemill.models.source import SourceSpec
from tidemill.models.visit import Found
from tidemill.store import events, retention, runs, sources
from tidemill.store.engine import Store

OTHER = {"headers": {"accept": "text/event-stream"}, "timeout": aiohttp.ClientTimeout(total=20)}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with house(tmp_path, streams__heartbeat_s=0.2, streams__most=3, api__max_in_flight=4) as opened:
        yield opened


@pytest.fixture
async def streams(app: App, monkeypatch: pytest.MonkeyPatch) -> list[Streams]:
    """The streams of the server, as they are made there."""
    made: list[Streams] = []

    def making(*given: Any) -> Streams:
        made.append(Streams(*given))
        return made[-1]

    monkeypatch.setattr("tidemill.api.main.Streams", making)
    return made


@pytest.fixture
async def client(app: App, streams: list[Streams]) -> AsyncIterator[Client]:
    async with served(app) as client:
        yield client


async def counted(client: Client) -> dict[str, float]:
    """What the metrics say of open streams."""
    lines = (await client.get("/metrics")).body.decode().splitlines()
    told = re.compile(r'tidemill_streams\{kind="(\w+)"\} (.+)')
    return {found[1]: float(found[2]) for line in lines if (found := told.fullmatch(line))}


async def tell(store: Store, *kinds: str, source_id: str | None = None) -> None:
    """Have these events committed."""
    async with store.write() as connection:
        await events.append(connection, [events.line(kind, MOMENT, source_id=source_id) for kind in kinds])


async def nothing_left(streams: list[Streams]) -> None:
    """Every stream of the server has ended, and the tasks that fed it."""
    for _ in range(100):
        left = [task.get_name() for task in asyncio.all_tasks() if task.get_name() in ("change feed", "look at a run")]
        if not streams[0].number and not left:
            return
        await asyncio.sleep(0.05)
    raise AssertionError((streams[0].number, left))


@asynccontextmanager
async def listening(client: Client, path: str, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """Server-sent events as dictionaries; a comment is under ``."""
    given = {"accept": "text/event-stream", **{name.replace("_", "-"): value for name, value in headers.items()}}
    timeout = aiohttp.ClientTimeout(total=30)
    async with client.session.get(client.base_url + path, headers=given, timeout=timeout) as reply:
        assert reply.status == 200, await reply.read()
        assert reply.headers["content-type"] == "text/event-stream"
        assert reply.headers["x-accel-buffering"] == "no"
        yield _events(reply)


async def _events(reply: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    found: dict[str, str] = {}
    async for raw in reply.content:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        else:
            yield found
            found = {}


async def next_of(lines: AsyncIterator[dict[str, str]], kind: str) -> dict[str, str]:
    async with asyncio.timeout(15):
        async for each in lines:
            if each.get("event") == kind:
                return each
    raise AssertionError(f"the stream ended without {kind}")


class TestReading:
    """Over both databases."""

    @pytest.fixture
    async def store(self, tmp_path: Path, database: str) -> AsyncIterator[Store]:
        async with opened_house(tmp_path) as house:
            yield house.store

    @pytest.fixture
    async def house(self, tmp_path: Path, database: str) -> AsyncIterator[House]:
        async with opened_house(tmp_path) as house:
            yield house

    async def test_page_by_page_nothing_is_passed_over_or_told_twice(self, store: Store) -> None:
        await tell(store, *(f"k{number}" for number in range(25)))
        reader = Reader(store)
        cursor, told, pages = await reader.begin(None), [], 0
        while True:
            page = await reader.page(cursor, 10)
            told += [change.event.kind for change in page.changes]
            cursor, pages = await reader.begin(str(page.cursor)), pages + 1
            if not page.has_more:
                break
        assert told == [f"k{number}" for number in range(25)]
        assert pages == 3
        assert (await reader.page(cursor, 10)).changes == ()

    async def test_while_many_write_nothing_is_passed_over(self, store: Store) -> None:
        total, told = 120, []

        async def writing(writer: int) -> None:
            for number in range(total // 6):
                await tell(store, f"{writer}:{number}")

        async def reading() -> None:
            reader = Reader(store)
            cursor = await reader.begin(None)
            while len(told) < total:
                page = await reader.page(cursor, 7)
                told.extend(change.event.kind for change in page.changes)
                cursor = page.cursor

        await asyncio.wait_for(asyncio.gather(reading(), *(writing(number) for number in range(6))), 60)
        assert len(set(told)) == len(told) == total

    async def test_of_a_kind_or_a_source_the_place_moves_with_the_rest(self, house: House) -> None:
        await tell(house.store, "a", "b", "a")
        await tell(house.store, "a", source_id=house.source.id)
        only = Reader(house.store, ("a",), house.source.id)
        page = await only.page(await only.begin(None), 10)
        assert [(change.event.kind, change.source) for change in page.changes] == [("a", "site")]
        await tell(house.store, "b", "b")
        moved = await only.page(page.cursor, 10)
        assert (moved.changes, moved.cursor.event_id - page.cursor.event_id) == ((), 2)

    async def test_a_place_before_what_was_let_go_is_gone(self, house: House) -> None:
        await house.run({"a": [draft("a")], "b": [draft("b")]})
        reader = Reader(house.store)
        early = (await reader.page(await reader.begin(None), 1)).cursor
        late = (await reader.page(early, 100)).cursor
        house.store.turn_on(100)
        assert await retention.forget_events(house.store, house.store.now()) > 0
        with pytest.raises(Gone) as caught:
            await reader.begin(str(early))
        assert caught.value.reason == "cursor_expired"
        with pytest.raises(Gone):
            await reader.page(early, 10)
        assert (await reader.page(await reader.begin(str(late)), 10)).changes == ()
        anew, kinds = await reader.begin(None), []
        for _ in range(2):  # whoever begins now may take small steps through what is left
            page = await reader.page(anew, 1)
            kinds += [change.event.kind for change in page.changes]
            anew = await reader.begin(str(page.cursor))
        assert kinds == ["document.stored"] * 2, "each current document is told of"

    async def test_another_database(self, store: Store) -> None:
        cursor = str(await Reader(store).begin(None))
        with pytest.raises(Invalid, match="no cursor"):
            await Reader(store).begin(cursor + "x!")
        async with store.write() as connection:
            await connection.exec_driver_sql("UPDATE meta SET value = 'restored' WHERE key = 'epoch'")
        with pytest.raises(Gone, match="restored"):
            await Reader(store).begin(cursor)

    async def test_news_come_at_once_and_one_look_is_for_all(self, store: Store) -> None:
        news = News(store)
        waiting = [asyncio.create_task(news.wait(0, 20)) for _ in range(50)]
        await asyncio.sleep(0.3)
        assert not any(task.done() for task in waiting)
        await tell(store, "x")
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [True] * 50
        assert not await news.wait(10**9, 0.05)
        await asyncio.sleep(0.6)
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "change feed"]


class TestFeed:
    async def test_pages(self, app: App, client: Client) -> None:
        await fill(app)
        first = await client.get("/api/v1/events?limit=10&kind=document.stored")
        ChangeEvents.model_validate(first.json)
        assert len(first.json["items"]) == 10
        assert first.json["has_more"]
        assert first.json["items"][0]["source"] == SOURCE
        following = first.headers["link"].removeprefix("<").partition(">")[0]
        rest = await client.get(following.replace("limit=10", "limit=100"))
        assert len(rest.json["items"]) == PAGES - 10
        assert not rest.json["has_more"]
        one = first.json["items"][4]["cursor"]
        again = await client.get(f"/api/v1/events?kind=document.stored&after={one}&limit=1")
        assert again.json["items"][0] == first.json["items"][5]

    async def test_a_wait_ends_with_the_news(self, app: App, client: Client) -> None:
        cursor = (await client.get("/api/v1/events?after=latest")).json["cursor"]
        began = time.monotonic()
        asking = asyncio.create_task(client.get(f"/api/v1/events?after={cursor}&wait=20"))
        await asyncio.sleep(0.4)
        await tell(app.store, "x")
        reply = await asyncio.wait_for(asking, 10)
        assert [each["kind"] for each in reply.json["items"]] == ["x"]
        assert time.monotonic() - began < 10
        empty = await client.get(f"/api/v1/events?after={reply.json['cursor']}&wait=0.3")
        assert (empty.json["items"], empty.json["cursor"]) == ([], reply.json["cursor"])

    @pytest.mark.parametrize("after", ["x", "MS5l", "%00"])
    async def test_what_is_no_cursor(self, client: Client, after: str) -> None:
        reply = await client.get(f"/api/v1/events?after={after}")
        assert (reply.status, reply.reason) == (422, "bad_cursor")

    async def test_an_unknown_source(self, client: Client) -> None:
        assert (await client.get("/api/v1/events?source=nothing")).reason == "no_such_source"

    async def test_as_a_stream_taken_up_where_it_broke(self, app: App, client: Client, streams: list[Streams]) -> None:
        await tell(app.store, "a", "b")
        async with listening(client, "/api/v1/events") as lines:
            assert "retry" in await anext(lines)
            assert json.loads((await next_of(lines, "a"))["data"])["kind"] == "a"
            last = await next_of(lines, "b")
            assert json.loads(last["data"])["cursor"] == last["id"]
            while "" not in await anext(lines):  # a sign of life, when nothing happens
                pass
        await nothing_left(streams)
        await tell(app.store, "c")
        async with listening(client, "/api/v1/events?after=x", last_event_id=last["id"]) as lines:
            await anext(lines)
            assert (await anext(lines))["event"] == "c"
            await tell(app.store, "d")
            await next_of(lines, "d")

    async def test_the_place_moves_with_what_was_not_asked_for(self, app: App, client: Client) -> None:
        async with listening(client, "/api/v1/events?kind=a") as lines:
            await tell(app.store, "b")
            async with asyncio.timeout(10):
                moved = next_id = None
                async for each in lines:
                    if each.keys() == {"id"}:
                        moved = each["id"]
                        break
            assert moved
            next_id = (await client.get(f"/api/v1/events?after={moved}")).json
            assert next_id["items"] == []

    async def test_too_many_streams(self, app: App, client: Client, streams: list[Streams]) -> None:
        async with (
            listening(client, "/api/v1/events"),
            listening(client, "/api/v1/events"),
            listening(client, "/api/v1/events"),
        ):
            refused = await client.get("/api/v1/events", headers={"accept": "text/event-stream"})
            assert (refused.status, refused.reason) == (503, "too_many_streams")
            assert refused.headers["retry-after"] == "5"
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.session.ws_connect(client.base_url + "/api/v1/runs/x/progress/ws")
            answers = await asyncio.gather(*(client.get("/api/v1/stats") for _ in range(3)))
            assert {each.status for each in answers} == {200}, "streams take no places from requests"
        await nothing_left(streams)

    async def test_open_streams_are_counted_by_kind(self, app: App, client: Client, streams: list[Streams]) -> None:
        path = f"{client.base_url}/api/v1/runs/{(await a_run(app)).id}/progress/ws"
        assert await counted(client) == {"events": 0, "socket": 0, "export": 0}
        async with listening(client, "/api/v1/events"), client.session.ws_connect(path):
            assert await counted(client) == {"events": 1, "socket": 1, "export": 0}
        await nothing_left(streams)
        assert await counted(client) == {"events": 0, "socket": 0, "export": 0}

    async def test_a_stream_that_is_too_old_ends(
        self, app: App, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(app.settings.streams.__dict__, "longest_s", 0.5)
        path = f"{client.base_url}/api/v1/runs/{(await a_run(app)).id}/progress/ws"
        async with listening(client, "/api/v1/events") as lines, client.session.ws_connect(path) as socket:
            async with asyncio.timeout(10):
                async for _ in lines:
                    pass
                while not socket.closed:
                    await socket.receive()
            assert socket.close_code == 1012

    async def test_a_drain_ends_streams_at_once(self, app: App, streams: list[Streams]) -> None:
        began = time.monotonic()
        async with served(app) as client, listening(client, "/api/v1/events") as lines:
            await anext(lines)
            path = f"/api/v1/runs/{(await a_run(app)).id}/progress/ws"
            socket = await client.session.ws_connect(client.base_url + path)
            await socket.receive()
            app.health.mark_draining()
            async with asyncio.timeout(5):
                async for _ in lines:
                    pass
                while not socket.closed:
                    await socket.receive()
            assert socket.close_code == 1012
        assert time.monotonic() - began < 9


async def a_run(app: App) -> Any:
    """A run that waits."""
    source, _ = await sources.apply(app.store, SourceSpec(name=SOURCE, start=(SITE,)))
    return await runs.create(app.store, source, RunOptions(), [Found(url=SITE, origin="https://site.example")])


class TestProgress:
    async def test_from_the_first_look_to_the_end(self, app: App, client: Client, streams: list[Streams]) -> None:
        run = await a_run(app)
        path = f"/api/v1/runs/{run.id}"
        async with (
            listening(client, f"{path}/progress") as lines,
            client.session.ws_connect(f"{client.base_url}{path}/progress/ws") as socket,
        ):
            first = json.loads((await next_of(lines, "progress"))["data"])
            RunWithProgress.model_validate(first)
            same = (await client.get(path)).json
            assert {name: first[name] for name in ("outcomes", "state", "discovered")} == {
                name: same[name] for name in ("outcomes", "state", "discovered")
            }
            message = json.loads((await socket.receive()).data)
            assert (message["event"], message["run"]["progress"]["open"]) == ("progress", 1)
            await client.post(f"{path}/cancel")
            end = json.loads((await next_of(lines, "end"))["data"])
            assert end["state"] == "cancelled"
            async with asyncio.timeout(5):
                while message["event"] != "end":
                    message = json.loads((await socket.receive()).data)
                assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert (message["run"]["state"], socket.close_code) == ("cancelled", 1000)
        await nothing_left(streams)

    async def test_a_run_that_is_not_there(self, client: Client) -> None:
        reply = await client.get("/api/v1/runs/nothing/progress")
        assert (reply.status, reply.reason) == (404, "no_such_run")
        async with client.session.ws_connect(client.base_url + "/api/v1/runs/nothing/progress/ws") as socket:
            assert json.loads((await socket.receive()).data)["problem"]["status"] == 404
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 1008

    async def test_clients_that_vanish_leave_nothing(self, app: App, client: Client, streams: list[Streams]) -> None:
        run = await a_run(app)
        for path in (f"/api/v1/runs/{run.id}/progress", "/api/v1/events"):
            host, _, port = client.base_url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode())
            await reader.read(100)
            writer.transport.abort()
        socket = await client.session.ws_connect(client.base_url + f"/api/v1/runs/{run.id}/progress/ws")
        await socket.receive()
        await socket.close()
        await nothing_left(streams)

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
    async def test_a_page_of_another_origin_may_not_listen(self, app: App, client: Client, origin: str) -> None:
        path = client.base_url + f"/api/v1/runs/{(await a_run(app)).id}/progress/ws"
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.session.ws_connect(path, headers={"origin": origin})
        assert caught.value.status == 403
        async with client.session.ws_connect(path, headers={"origin": client.base_url}) as socket:
            assert json.loads((await socket.receive()).data)["event"] == "progress"

    async def test_another_name_of_this_host_may_not_either(self, app: App, client: Client) -> None:
        path = client.base_url + f"/api/v1/runs/{(await a_run(app)).id}/progress/ws"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.session.ws_connect(path, headers={"host": "rebound.example"})

    @pytest.mark.parametrize("name", ["api_key", "access_token"])
    async def test_no_credential_in_the_query_string(self, app: App, client: Client, name: str) -> None:
        path = client.base_url + f"/api/v1/runs/{(await a_run(app)).id}/progress/ws?{name}=x"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.session.ws_connect(path)


class TestSlowClients:
    async def test_one_that_does_not_read_is_cut_off_and_costs_no_memory(
        self, app: App, streams: list[Streams], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = 0

        async def endless(*_: object) -> AsyncIterator[bytes]:
            nonlocal made
            while True:
                made += 1
                yield b"x" * 100_000

        monkeypatch.setattr("tidemill.manage.exports.pieces", endless)
        monkeypatch.setitem(app.settings.streams.__dict__, "send_timeout_s", 0.5)
        async with served(app) as client:
            host, _, port = client.base_url.removeprefix("http://").partition(":")
            _, writer = await asyncio.open_connection(host, int(port), limit=1000)
            writer.write(f"GET /api/v1/documents/export HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            await nothing_left_soon(streams)
            assert made < 300, "what the client does not read is not made"
            writer.transport.abort()


async def nothing_left_soon(streams: list[Streams]) -> None:
    """It has begun, and ended."""
    for was_there in (True, False):
        for _ in range(500):
            if bool(streams and streams[0].number) is was_there:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"the stream has not {'begun' if was_there else 'ended'}")
