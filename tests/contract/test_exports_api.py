"""Exports, feeds and raw captures as callers see them: over a real house and a real socket."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy import update
from tests.contract.api_house import PAGES, SITE, SOURCE, Client, Reply, fill, house, served

from tidemill.api.schemas.export import ExportAnswer, ExportList
from tidemill.app import App
from tidemill.deliver.export.formats import COLUMNS
from tidemill.roles.exporting import exporter as exporter_role
from tidemill.store import documents, exports
from tidemill.store.tables import captures

pytestmark = pytest.mark.asyncio(loop_scope="module")
URLS = [f"{SITE}{number:02}" for number in range(PAGES)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    async with house(tmp_path_factory.mktemp("exports"), exports__max_streamed=PAGES) as opened:
        await fill(opened)
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: App) -> AsyncIterator[Client]:
    async with served(app) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exporter(app: App) -> AsyncIterator[None]:
    """The role that `tidemill serve` and `up` play beside the API."""
    stop = asyncio.Event()
    role = asyncio.create_task(exporter_role(app, stop, queries=True))
    yield
    stop.set()
    await asyncio.wait_for(role, 10)


def fits(model: type[BaseModel], reply: Reply) -> None:
    model.model_validate(reply.json)


async def finished(client: Client, path: str) -> Reply:
    for _ in range(200):
        reply = await client.get(path)
        if reply.json["state"] in ("done", "failed"):
            return reply
        await asyncio.sleep(0.05)
    raise AssertionError(reply.body)


async def made(client: Client, **asked: object) -> Reply:
    started = await client.post("/api/v1/exports", json=asked)
    assert started.status == 202, started.body
    fits(ExportAnswer, started)
    return await finished(client, started.headers["location"])


@pytest.mark.usefixtures("exporter")
class TestJobs:
    async def test_from_the_request_to_the_file(self, client: Client) -> None:
        done = await made(client, format="jsonl", source=SOURCE)
        fits(ExportAnswer, done)
        assert (done.json["state"], done.json["rows"], done.json["request"]) == (
            "done",
            PAGES,
            {"selection": {"source": SOURCE}},
        )
        file = await client.get(done.json["download"])
        assert (file.status, file.headers["content-type"]) == (200, "application/jsonl")
        assert file.headers["content-disposition"] == f'attachment; filename="tidemill-{done.json["id"]}.jsonl"'
        assert int(file.headers["content-length"]) == len(file.body) == done.json["size_bytes"]
        assert file.headers["etag"] == f'"{done.json["sha256"]}"'
        lines = [json.loads(line) for line in file.body.splitlines()]
        assert [each["url"] for each in lines] == URLS
        assert lines[0]["fields"]["huge"] == 10**30

    async def test_csv(self, client: Client) -> None:
        file = await client.get((await made(client, format="csv")).json["download"])
        assert file.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(file.body.decode(), newline="")))
        assert list(rows[0]) == list(COLUMNS)
        assert [row["url"] for row in rows] == URLS

    async def test_parquet(self, client: Client) -> None:
        parquet = pytest.importorskip("pyarrow.parquet")
        file = await client.get((await made(client, format="parquet")).json["download"])
        assert parquet.read_table(io.BytesIO(file.body)).column("url").to_pylist() == URLS

    async def test_a_search(self, client: Client) -> None:
        done = await made(client, format="jsonl", query="mill number 07", sort="title")
        assert done.json["request"] == {"query": {"text": "mill number 07", "sort": "title"}}
        lines = [json.loads(line) for line in (await client.get(done.json["download"])).body.splitlines()]
        assert [each["url"] for each in lines] == URLS

    async def test_a_list_in_pages_the_newest_first(self, client: Client) -> None:
        started = [(await made(client, format="csv", kind="event")).json["id"] for _ in range(3)]
        first = await client.get("/api/v1/exports?limit=2")
        fits(ExportList, first)
        assert [each["id"] for each in first.json["items"]] == [started[2], started[1]]
        assert first.headers["link"] == f'<{first.json["next"]}>; rel="next"'
        assert (await client.get(first.json["next"])).json["items"][0]["id"] == started[0]

    async def test_deleted_it_is_gone_with_its_file(self, app: App, client: Client) -> None:
        done = await made(client, format="csv")
        path = app.settings.data_dir / "exports" / str((await exports.get(app.store, done.json["id"])).file)
        assert path.exists()
        assert (await client.ask("DELETE", f"/api/v1/exports/{done.json['id']}")).status == 204
        assert not path.exists()
        for way in ("", "/download"):
            assert (await client.get(f"/api/v1/exports/{done.json['id']}{way}")).reason == "no_such_export"
        assert (await client.ask("DELETE", f"/api/v1/exports/{done.json['id']}")).status == 404

    async def test_a_download_is_taken_up_where_it_broke_off(self, client: Client) -> None:
        path = (await made(client, format="jsonl")).json["download"]
        whole = await client.get(path)
        assert (whole.status, whole.headers["accept-ranges"]) == (200, "bytes")
        size, etag = len(whole.body), whole.headers["etag"]
        rest = await client.get(path, headers={"range": "bytes=100-", "if-range": etag})
        assert (rest.status, rest.body) == (206, whole.body[100:])
        assert rest.headers["content-range"] == f"bytes 100-{size - 1}/{size}"
        assert int(rest.headers["content-length"]) == size - 100
        last = await client.get(path, headers={"range": "bytes=-7"})
        assert (last.status, last.body) == (206, whole.body[-7:])
        other = await client.get(path, headers={"range": "bytes=100-", "if-range": '"of another file"'})
        assert (other.status, other.body) == (200, whole.body)
        several = await client.get(path, headers={"range": "bytes=0-1,5-6"})
        assert (several.status, several.body) == (200, whole.body)
        beyond = await client.get(path, headers={"range": f"bytes={size}-"})
        assert (beyond.status, beyond.reason) == (416, "range_not_satisfiable")
        assert beyond.headers["content-range"] == f"bytes */{size}"

    async def test_a_file_that_is_gone(self, app: App, client: Client) -> None:
        done = await made(client, format="csv")
        (app.settings.data_dir / "exports" / str((await exports.get(app.store, done.json["id"])).file)).unlink()
        assert (await client.get(done.json["download"])).reason == "export_gone"


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({"format": "xls"}, 422, "export_format"),
        ({"format": "csv", "source": "nothing"}, 404, "no_such_source"),
        ({"format": "csv", "query": "x", "updated_after": "2026-01-01"}, 422, "export_request"),
        ({"format": "csv", "colour": "red"}, 422, "invalid"),
        ({}, 422, "invalid"),
    ],
    ids=["format", "source", "both", "unknown", "nothing"],
)
async def test_what_cannot_be_exported(client: Client, asked: dict[str, str], status: int, reason: str) -> None:
    reply = await client.post("/api/v1/exports", json=asked)
    assert (reply.status, reply.reason) == (status, reason)


async def test_a_job_that_is_not_done_has_no_file(client: Client) -> None:
    started = await client.post("/api/v1/exports", json={"format": "csv"})
    reply = await client.get(f"{started.headers['location']}/download")
    assert (reply.status, reply.reason) == (409, "export_not_done")
    assert (await client.ask("DELETE", started.headers["location"])).status == 204


class TestStreamed:
    async def test_json_lines(self, client: Client) -> None:
        reply = await client.get(f"/api/v1/documents/export?source={SOURCE}")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/jsonl")
        assert [json.loads(line)["url"] for line in reply.body.splitlines()] == URLS

    async def test_csv_of_a_search(self, client: Client) -> None:
        reply = await client.get("/api/v1/documents/export?format=csv&query=mill&sort=title")
        rows = list(csv.DictReader(io.StringIO(reply.body.decode(), newline="")))
        assert [row["url"] for row in rows] == URLS

    async def test_nothing(self, client: Client) -> None:
        reply = await client.get("/api/v1/documents/export?kind=event&format=csv")
        assert reply.body.decode() == ",".join(COLUMNS) + "\r\n"

    async def test_too_many_want_a_job(self, app: App, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(app.settings.exports.__dict__, "max_streamed", PAGES - 1)
        for query in ("", "?query=mill"):
            reply = await client.get(f"/api/v1/documents/export{query}")
            assert (reply.status, reply.reason) == (422, "export_too_large")

    async def test_an_answer_that_fails_in_the_middle_does_not_look_whole(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read, seen = documents.current_among, 0

        async def failing(*given: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen > 1:
                raise RuntimeError("the disk is gone")
            return await read(*given)

        monkeypatch.setattr("tidemill.manage.exports._AT_ONCE", 5)
        monkeypatch.setattr(documents, "current_among", failing)
        with pytest.raises(Exception, match=r"(?i)payload|disconnected|transfer"):
            await client.get("/api/v1/documents/export")


class TestFeeds:
    async def test_rss_and_atom(self, client: Client) -> None:
        rss = await client.get("/api/v1/search/feed.rss?q=mill&limit=3")
        assert rss.headers["content-type"] == "application/rss+xml; charset=utf-8"
        channel = ElementTree.fromstring(rss.body).find("channel")
        assert channel is not None
        assert len(channel.findall("item")) == 3
        assert channel.findtext("link") == f"{client.base_url}/api/v1/search?q=mill&limit=3&sort=date"
        atom = await client.get("/api/v1/search/feed.atom?q=nothinglikeit")
        assert atom.headers["content-type"] == "application/atom+xml; charset=utf-8"
        assert ElementTree.fromstring(atom.body).findall("{http://www.w3.org/2005/Atom}entry") == []

    async def test_what_a_reader_has_is_not_sent_again(self, client: Client) -> None:
        first = await client.get("/api/v1/search/feed.atom?q=mill")
        again = await client.get("/api/v1/search/feed.atom?q=mill", headers={"if-none-match": first.headers["etag"]})
        assert (again.status, again.body) == (304, b"")


class TestRaw:
    async def test_the_bytes_are_saved_and_never_shown(self, app: App, client: Client) -> None:
        (document,) = (await client.get("/api/v1/search?q=mill&limit=1")).json["hits"]
        path = f"/api/v1/documents/{document['id']}/raw"
        gone = await client.get(path)
        assert (gone.status, gone.reason) == (410, "capture_gone"), "this house has archived nothing"
        body = b"<html><script>alert(1)</script>"
        digest = "0" * 64
        found = await documents.get(app.store, document["id"])
        async with app.store.write() as connection:
            hostile = {"content_type": "text/html\r\nset-cookie: x=1", "body_hash": digest}
            await connection.execute(update(captures).where(captures.c.id == found.capture_id).values(hostile))

        async def get(_: str) -> bytes:
            return body

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(app.archive), "get", staticmethod(get))
            raw = await client.get(path)
            first = await client.get(f"{path}?version=1")
        assert raw.status == 200
        assert raw.body == first.body == body
        assert raw.headers["content-type"] == "text/html"
        assert raw.headers["content-disposition"] == f'attachment; filename="{document["id"]}.html"'
        assert raw.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert raw.headers["x-content-type-options"] == "nosniff"
        assert raw.headers["etag"] == f'"{digest}"'
        assert raw.headers["memento-datetime"] == "Wed, 04 Mar 2026 05:06:07 GMT"
        assert "set-cookie" not in raw.headers

    async def test_what_is_not_there(self, client: Client) -> None:
        (document,) = (await client.get("/api/v1/search?q=mill&limit=1")).json["hits"]
        assert (await client.get("/api/v1/documents/nothing/raw")).reason == "no_such_document"
        assert (await client.get(f"/api/v1/documents/{document['id']}/raw?version=9")).status == 404
