"""The layers on a server that listens: what strangers, their pages and their proxies try, and what they get.

Each line of a table is an attempt. The layers alone are tested in `unit/http`.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from tests.contract.api_house import Client, fill, house, served
from yarl import URL

from tidemill.api.access import TABLE
from tidemill.api.route_classes import CLASSES
from tidemill.app import App
from tidemill.manage.accounts import create_key

pytestmark = pytest.mark.asyncio(loop_scope="module")
LISTED = "https://app.example"
EVIL = "https://evil.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    folder = tmp_path_factory.mktemp("layers")
    about = {"http__cors_origins": [LISTED], "http__hosts": ["search.example", "*.tide.example"]}
    async with house(folder, **about) as opened:
        await fill(opened)
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: App) -> AsyncIterator[Client]:
    async with served(app) as client:
        yield client


ATTEMPTS = [
    # what is tried, method, path, headers, answer
    ("a name that points at loopback", "GET", "/api/v1/stats", {"host": "evil.example"}, 421),
    ("the same, for a probe", "GET", "/livez", {"host": "evil.example"}, 421),
    ("our name in front of another", "GET", "/livez", {"host": "localhost.evil.example"}, 421),
    ("our name before an @", "GET", "/livez", {"host": "localhost@evil.example"}, 421),
    ("a name that the operator gave", "GET", "/livez", {"host": "search.example:8000"}, 200),
    ("a name below one", "GET", "/livez", {"host": "a.b.tide.example"}, 200),
    ("the name itself, which is not below it", "GET", "/livez", {"host": "tide.example"}, 421),
    ("a name that only ends like it", "GET", "/livez", {"host": "eviltide.example"}, 421),
    ("a form of a foreign page", "POST", "/api/v1/runs", {"origin": EVIL}, 403),
    ("a form of a page without origin", "POST", "/api/v1/runs", {"origin": "null"}, 403),
    ("a page under our name with another port", "POST", "/api/v1/runs", {"origin": "http://127.0.0.1:1"}, 403),
    ("a foreign page that hides its origin", "POST", "/api/v1/runs", {"sec-fetch-site": "cross-site"}, 403),
    ("a page next door", "POST", "/api/v1/runs", {"sec-fetch-site": "same-site"}, 403),
    ("one of our own pages", "POST", "/api/v1/runs", {"sec-fetch-site": "same-origin"}, 404),
    ("a page on the list", "POST", "/api/v1/runs", {"origin": LISTED}, 404),
    ("a cookie, and no word where it comes from", "POST", "/api/v1/runs", {"cookie": "session=1"}, 403),
    ("a cookie from a foreign page", "POST", "/api/v1/runs", {"cookie": "a=1", "referer": f"{EVIL}/x"}, 403),
    ("a cookie to read", "GET", "/api/v1/runs", {"cookie": "session=1"}, 200),
    ("no browser at all", "POST", "/api/v1/runs", {}, 404),
    ("DELETE by a foreign page", "DELETE", "/api/v1/sources/x", {"origin": EVIL}, 403),
    ("a method of one's own", "JEFF", "/api/v1/runs", {"origin": EVIL}, 403),
    ("the method in a header", "GET", "/api/v1/runs", {"x-http-method-override": "DELETE"}, 200),
    ("a path in a header", "GET", "/livez", {"x-original-url": "/metrics", "x-rewrite-url": "/metrics"}, 200),
    ("a stranger behind a proxy", "GET", "/api/v1/stats", {"x-forwarded-for": "192.0.2.1"}, 401),
    ("a stranger who says he is near", "GET", "/api/v1/stats", {"x-forwarded-for": "127.0.0.1"}, 401),
    ("the same in the newer header", "GET", "/api/v1/stats", {"forwarded": "for=127.0.0.1"}, 401),
    ("a key in the URL", "GET", "/api/v1/stats?api_key=x", {}, 400),
    ("out of the folder of the page", "GET", "/api/docs/..%2f..%2fserver.py", {}, 404),
    ("the same, twice escaped", "GET", "/api/docs/%252e%252e%252fserver.py", {}, 404),
    ("the same with a NUL", "GET", "/api/docs/start.js%00.css", {}, 404),
    ("a path that begins with two slashes", "GET", "//evil.example/", {}, 404),
    ("another spelling of a closed path", "GET", "/API/V1/STATS", {"x-forwarded-for": "192.0.2.1"}, 401),
    ("a closed path with a slash more", "GET", "/metrics/", {"x-forwarded-for": "192.0.2.1"}, 401),
    ("a closed path behind an open one", "GET", "/livez/../metrics", {"x-forwarded-for": "192.0.2.1"}, 401),
    (
        "an identifier of the request with a line break in disguise",
        "GET",
        "/livez",
        {"x-request-id": "a%0d%0ab c"},
        200,
    ),
    ("a method asked for beforehand by a foreign page", "OPTIONS", "/api/v1/runs", {"origin": EVIL}, 405),
]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"), [each[1:] for each in ATTEMPTS], ids=[each[0] for each in ATTEMPTS]
)
async def test_attempts(client: Client, method: str, path: str, headers: dict[str, str], status: int) -> None:
    body = {"json": {"target": "no-such-source"}} if method == "POST" else {}
    url = URL(client.base_url + path, encoded=True)
    async with client.session.request(method, url, headers=headers, allow_redirects=False, **body) as answer:
        text = await answer.text()
        assert answer.status == status, text
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert answer.headers["server"] == "tidemill"
        assert "strict-transport-security" not in answer.headers
        assert "x-xss-protection" not in answer.headers
        assert set(answer.headers["x-request-id"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        if headers.get("origin") != LISTED:
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "lines",
    [
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: a\r\n Set-Cookie: x=1\r\n",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n",
        b"GET http://evil.example/livez HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 100_000 + b"\r\n",
        b"GET /li\x00vez HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    ],
    ids=["folded header", "two lengths", "two hosts", "absolute target", "huge header", "NUL"],
)
async def test_raw_requests(client: Client, lines: bytes) -> None:
    """What a server may refuse or read in one way only: never an error of ours, never a header of theirs."""
    parts = urlsplit(client.base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(lines + b"Connection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert not answer.startswith(b"HTTP/1.1 5")
    assert b"set-cookie" not in answer.lower()


class TestCors:
    async def test_a_listed_page_reads_answers_and_refusals(self, client: Client) -> None:
        for path, status in (("/api/v1/search?q=mill", 200), ("/nope", 404), ("/api/v1/stats?api_key=x", 400)):
            answer = await client.get(path, headers={"origin": LISTED})
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, LISTED), path
            assert "Origin" in answer.headers["vary"]
            assert "access-control-allow-credentials" not in answer.headers

    async def test_it_asks_beforehand(self, client: Client) -> None:
        asking = {"origin": LISTED, "access-control-request-method": "POST"}
        answer = await client.ask("OPTIONS", "/api/v1/runs", headers=asking)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, LISTED)


class TestCompression:
    async def test_json_pages_and_scripts_shrink(self, client: Client) -> None:
        headers = {"accept-encoding": "gzip"}
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            for path in ("/api/v1/search?q=mill&limit=20", "/api/openapi.json", "/api/docs/swagger-ui.css"):
                plain = await client.get(path, headers={"accept-encoding": "identity"})
                async with session.get(client.base_url + path, headers=headers) as answer:
                    body = await answer.read()
                assert (answer.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
                assert len(body) < 0.4 * len(gzip.decompress(body)), path
                assert "Accept-Encoding" in plain.headers["vary"]

    async def test_metrics_do_not(self, client: Client) -> None:
        answer = await client.get("/metrics", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers


class TestKeptAnswers:
    async def test_the_second_has_an_age_and_a_change_ends_it(self, client: Client, app: App) -> None:
        path = "/api/v1/search?q=wheel&limit=3"
        first = await client.get(path)
        again = await client.get(path)
        assert "age" not in first.headers
        assert again.headers["age"] == "0"
        assert again.json["hits"] == first.json["hits"]
        assert again.json["age_s"] > 0
        assert again.headers["cache-control"] == "no-store"
        text = (await client.get("/metrics")).body.decode()
        assert 'tidemill_answer_cache_requests_total{result="hit"}' in text
        assert 'route="/api/v1/search"' in text


class TestLimits:
    async def test_every_line_of_the_table_is_a_route(self) -> None:
        """Of those that `test_access.py` holds against what is served."""
        assert set(CLASSES) <= set(TABLE)

    async def test_a_key_is_limited_and_probes_are_not(self, tmp_path: Path) -> None:
        async with house(tmp_path, limits__search=3, limits__address=50) as app, served(app, "0.0.0.0") as client:
            _, key = await create_key(app.store, "ci")
            headers = {"x-api-key": key}
            answers = [await client.get("/api/v1/search?q=a", headers=headers) for _ in range(4)]
            assert [each.status for each in answers] == [200, 200, 200, 429]
            assert answers[-1].reason == "rate_limited"
            assert int(answers[-1].headers["retry-after"]) > 0
            strangers = [(await client.get("/api/v1/stats")).status for _ in range(50)]
            assert strangers == [401] * 46 + [429] * 4
            assert (await client.get("/api/v1/auth/me", headers=headers)).status == 429
            for path in ("/livez", "/readyz", "/health/live"):
                assert (await client.get(path)).status == 200

    async def test_nobody_meets_one_on_a_machine_of_his_own(self, client: Client) -> None:
        answer = await client.get("/api/v1/sources")
        assert int(answer.headers["x-ratelimit-limit"]) >= 100_000

    async def test_proxies_bring_strangers(self, tmp_path: Path) -> None:
        about = {"http__trusted_proxies": ["127.0.0.1"], "limits__address": 5}
        async with house(tmp_path, **about) as app, served(app) as client:
            for number in range(8):
                forged = {"x-forwarded-for": f"10.0.0.{number}, 192.0.2.1", "x-forwarded-proto": "https"}
                answer = await client.get("/", headers=forged)
                assert answer.status == (307 if number < 5 else 429)
                assert answer.headers["strict-transport-security"].startswith("max-age=")
            assert (await client.get("/", headers={"x-forwarded-for": "192.0.2.2"})).status == 307
