"""What only the engine on a cluster has: refusals of single documents, a busy cluster, and one that is gone.

The cluster here is a few lines of a web server, for the stand-in is never busy.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opensearchpy import NotFoundError
from tests.contract.search_house import ids, place_of, write
from tests.logs import captured_logs
from tests.unit.search.making import document

from tidemill.errors import Transient
from tidemill.search.base import SearchQuery
from tidemill.search.lock import LocalLock
from tidemill.search.opensearch import OpenSearchEngine
from tidemill.search.opensearch.cluster import CHUNK_DOCUMENTS, Action, Cluster

Answer = Callable[[list[dict[str, Any]]], web.Response]


@asynccontextmanager
async def cluster(answer: Answer) -> AsyncIterator[Cluster]:
    """A cluster that answers bulk requests; `answer` gets the actions of each."""

    async def bulk(request: web.Request) -> web.Response:
        lines = [orjson.loads(line) for line in (await request.read()).splitlines()]
        return answer([line for line in lines if "index" in line or "delete" in line])

    application = web.Application(client_max_size=20_000_000)
    application.router.add_post("/_bulk", bulk)
    async with TestServer(application) as server:
        opened = Cluster(f"opensearch://{server.host}:{server.port}", ca=None, timeout_s=5)
        try:
            yield opened
        finally:
            await opened.close()


def said(actions: list[dict[str, Any]], status: Callable[[str], int]) -> web.Response:
    """The answer to a bulk request, with a status for each document."""
    items = []
    for action in actions:
        ((kind, about),) = action.items()
        items.append({kind: {"_id": about["_id"], "status": status(about["_id"]), "error": {"type": "some_error"}}})
    is_bad = any(next(iter(item.values()))["status"] >= 300 for item in items)
    return web.json_response({"errors": is_bad, "items": items})


def actions(*names: str) -> list[Action]:
    return [Action(name, 1, {"body": name}) for name in names]


async def test_what_the_cluster_is_too_busy_for_is_sent_again() -> None:
    sent: list[list[str]] = []

    def answer(given: list[dict[str, Any]]) -> web.Response:
        names = [action["index"]["_id"] for action in given]
        sent.append(names)
        return said(given, lambda name: 429 if name == "b" and len(sent) < 3 else 201)

    async with cluster(answer) as opened:
        await opened.write("docs", actions("a", "b", "c"), first_pause_s=0.001)
    assert sent == [["a", "b", "c"], ["b"], ["b"]]


async def test_a_cluster_that_stays_busy_is_an_outage() -> None:
    async with cluster(lambda given: said(given, lambda _: 429)) as opened:
        with pytest.raises(Transient) as failed:
            await opened.write("docs", actions("a"), first_pause_s=0.001)
    assert failed.value.reason == "search_busy"


async def test_a_refused_document_is_told_and_holds_up_nothing() -> None:
    def answer(given: list[dict[str, Any]]) -> web.Response:
        return said(given, lambda name: {"bad": 400, "newer": 409}.get(name, 201))

    with captured_logs() as logs:
        async with cluster(answer) as opened:
            await opened.write("docs", actions("a", "bad", "newer"))
    assert [(entry["action"], entry["document_id"], entry["status"]) for entry in logs] == [
        ("index.refused", "bad", 400)
    ]


async def test_a_document_that_is_too_large_by_itself_is_told_and_the_others_go_in_smaller_pieces() -> None:
    sent: list[list[str]] = []

    def answer(given: list[dict[str, Any]]) -> web.Response:
        names = [action["index"]["_id"] for action in given]
        if "large" in names or len(names) > 2:
            return web.json_response({"error": "too large"}, status=413)
        sent.append(names)
        return said(given, lambda _: 201)

    with captured_logs() as logs:
        async with cluster(answer) as opened:
            await opened.write("docs", actions("a", "b", "c", "large", "d"))
    assert sorted(name for names in sent for name in names) == ["a", "b", "c", "d"]
    assert [(entry["action"], entry["document_id"], entry["status"]) for entry in logs] == [
        ("index.refused", "large", 413)
    ]


async def test_an_index_that_is_gone_is_an_outage_and_what_is_not_there_need_not_be_removed() -> None:
    async with cluster(lambda given: said(given, lambda _: 404)) as opened:
        await opened.write("docs", [Action("a", 1, None)])
        with pytest.raises(Transient, match="index"):
            await opened.write("docs", actions("a"))


async def test_what_is_not_there_and_was_not_asked_for_is_an_outage() -> None:
    async with cluster(lambda given: said(given, lambda _: 201)) as opened:
        with pytest.raises(Transient) as failed, opened.explained("writing to"):
            raise NotFoundError(404, "index_not_found_exception", {})
        assert failed.value.reason == "search_unavailable"


async def test_many_documents_go_in_pieces() -> None:
    sizes: list[int] = []

    def answer(given: list[dict[str, Any]]) -> web.Response:
        sizes.append(len(given))
        return said(given, lambda _: 201)

    async with cluster(answer) as opened:
        await opened.write("docs", actions(*(f"d{number}" for number in range(CHUNK_DOCUMENTS + 1))))
        await opened.write("docs", [Action(name, 1, {"body": "x" * 600_000}) for name in ("one", "other")])
    assert sizes == [CHUNK_DOCUMENTS, 1, 1, 1]


async def test_a_cluster_that_is_gone_is_an_outage(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    engine = OpenSearchEngine(
        Cluster(f"opensearch://127.0.0.1:{port}", ca=None, timeout_s=2), LocalLock(tmp_path / "lock"), alias="t"
    )
    for asking in (engine.search(SearchQuery("a")), engine.position(), engine.suggest("a", 3)):
        with pytest.raises(Transient) as failed:
            await asking
        assert failed.value.reason == "search_unavailable"
    await engine.close()


async def test_an_older_writer_changes_nothing(tmp_path: Path) -> None:
    with place_of("opensearch", tmp_path / "one") as place:
        writer = place.open()
        assert await writer.try_lock()
        await writer.begin("e")
        await write(writer, document("a", "walnut"), event_id=9)
        await write(writer, document("a", "hazelnut"), deletions=("a",), event_id=3)
        assert await ids(writer, "walnut") == ["a"]
        assert await ids(writer, "hazelnut") == []
        await writer.close()


async def test_hits_beyond_the_window_are_only_counted(tmp_path: Path) -> None:
    with place_of("opensearch", tmp_path) as place:
        engine = place.open()
        assert await engine.try_lock()
        await engine.begin("e")
        await write(engine, document("a", "walnut"))
        found = await engine.search(SearchQuery("walnut", limit=10, offset=9_999_999))
        assert (found.total, found.hits) == (1, ())
        await engine.close()
