"""What is compressed, how, and what never is."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import pytest
from backports import zstd
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.unit.http.asgi import Answered, ask, scope_of

from tidemill.http.compression import Compression, chosen_coding

TEXT = b'{"text": "' + b"the mill turns with the tide; " * 200 + b'"}'
JSON = {"content-type": "application/json"}


def giving(headers: dict[str, str], *chunks: bytes, status: int = 200) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        given += [(b"seen-" + name, value) for name, value in scope["headers"] if name.startswith(b"if-")]
        await send({"type": "http.response.start", "status": status, "headers": given})
        for number, chunk in enumerate(chunks):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < len(chunks) - 1})

    return app


async def asked(app: ASGIApp, accepted: str | None = "gzip", method: str = "GET", **more: str) -> Answered:
    headers = {name.replace("_", "-"): value for name, value in more.items() if name != "path"}
    if accepted is not None:
        headers["accept-encoding"] = accepted
    return await ask(Compression(app, 1000, 6), scope_of(method, more.get("path", "/"), headers=headers))


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("*", "zstd"),
        ("*;q=0", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", "zstd"),
        ("identity", ""),
        ("br", ""),
        ("", ""),
        ("GZIP", "gzip"),
        ("gzip;q=nonsense", ""),
        (";;;,,q=", ""),
    ],
)
def test_the_callers_choice(accepted: str, coding: str) -> None:
    assert chosen_coding(accepted) == coding


async def test_text_is_smaller_and_the_same() -> None:
    zipped = await asked(giving(JSON | {"content-length": str(len(TEXT))}, TEXT), "gzip")
    assert (zipped.headers["content-encoding"], zipped.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(zipped.headers["content-length"]) == len(zipped.body) < len(TEXT) // 3
    assert gzip.decompress(zipped.body) == TEXT
    assert zstd.decompress((await asked(giving(JSON, TEXT), "zstd")).body) == TEXT


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html; charset=utf-8",
        "text/css",
        "text/javascript",
        "image/svg+xml",
        "application/problem+json",
        "application/xml",
    ],
)
async def test_types_of_text(content_type: str) -> None:
    assert "content-encoding" in (await asked(giving({"content-type": content_type}, TEXT))).headers


@pytest.mark.parametrize(
    "content_type", ["image/png", "application/octet-stream", "application/zip", "", "application/vnd.apache.parquet"]
)
async def test_other_types_are_left_alone(content_type: str) -> None:
    answer = await asked(giving({"content-type": content_type}, TEXT))
    assert (answer.body, "vary" in answer.headers) == (TEXT, False)


@pytest.mark.parametrize(
    ("headers", "chunks", "about"),
    [
        ({"content-type": "text/event-stream"}, [TEXT], {}),
        ({"content-type": "application/x-ndjson"}, [TEXT, TEXT], {}),
        (JSON | {"content-encoding": "br"}, [TEXT], {}),
        (JSON, [b"x" * 999], {}),
        (JSON, [TEXT], {"method": "POST"}),
        (JSON, [TEXT], {"accepted": None}),
        ({"content-type": "text/plain"}, [TEXT], {"path": "/metrics"}),
    ],
    ids=["events", "stream", "compressed", "short", "post", "not accepted", "metrics"],
)
async def test_never(headers: dict[str, str], chunks: Sequence[bytes], about: dict[str, str]) -> None:
    answer = await asked(giving(headers, *chunks), **about)
    assert answer.body == b"".join(chunks)
    assert answer.headers.get("content-encoding") == headers.get("content-encoding")


async def test_what_is_there_whole_in_pieces_is_gathered() -> None:
    answer = await asked(giving(JSON | {"content-length": str(3 * len(TEXT))}, TEXT, TEXT, TEXT))
    assert gzip.decompress(answer.body) == TEXT * 3


async def test_the_validator_is_of_these_bytes_and_comes_back_as_it_was() -> None:
    app = giving(JSON | {"etag": '"v7"'}, TEXT)
    tag = (await asked(app, "gzip")).headers["etag"]
    assert tag == '"v7-gzip"'
    assert (await asked(app, None)).headers["etag"] == '"v7"'
    back = await asked(app, "gzip", "PUT", if_match=tag)
    assert back.headers["seen-if-match"] == '"v7"'
    several = await asked(app, "gzip", if_none_match=f'{tag}, "v8-zstd", W/"v9"')
    assert several.headers["seen-if-none-match"] == '"v7", "v8", W/"v9"'
    assert (await asked(giving(JSON | {"etag": 'W/"v7"'}, TEXT))).headers["etag"] == 'W/"v7"'


async def test_a_large_answer_and_one_that_does_not_get_smaller() -> None:
    large = TEXT * 40
    assert gzip.decompress((await asked(giving(JSON, large))).body) == large
    noise = bytes(range(256)) * 4
    assert len((await asked(giving({"content-type": "text/plain"}, zstd.compress(noise) * 1), "gzip")).body) > 0
