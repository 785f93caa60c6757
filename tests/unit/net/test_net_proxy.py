"""What the proxy reads and writes, without any connection."""

from __future__ import annotations

import asyncio
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tidemill.errors import Permanent, Transient
from tidemill.net.badge import Badge, basic_credential
from tidemill.net.heads import (
    body_length,
    parse_request,
    proxy_answer,
    read_head,
    request_for_server,
    response_for_browser,
    response_status,
)
from tidemill.net.relay import Meter

GET = (b"GET http://example.com/a?b=1 HTTP/1.1",)


async def head_of(data: bytes, max_bytes: int = 1000) -> tuple[bytes, ...]:
    reader = asyncio.StreamReader(limit=max_bytes)
    reader.feed_data(data)
    reader.feed_eof()
    return await read_head(reader, max_bytes)


async def test_a_head_ends_with_an_empty_line_and_a_lone_lf_ends_a_line() -> None:
    assert await head_of(b"a\r\nb\nc\r\n\r\nbody") == (b"a", b"b", b"c")
    assert await head_of(b"") == ()


@pytest.mark.parametrize("data", [b"a" * 2000, b"a: b\r\n" * 400, b"a" * 2000 + b"\r\n\r\n"])
async def test_a_head_is_bounded(data: bytes) -> None:
    with pytest.raises(Permanent, match="max_header_bytes") as caught:
        await head_of(data)
    assert caught.value.reason == "headers_too_large"


async def test_a_head_that_ends_halfway_is_no_head() -> None:
    with pytest.raises(Transient):
        await head_of(b"GET / HTTP/1.1\r\nHost: a")


def test_a_request_is_parsed() -> None:
    head = parse_request((*GET, b"Host: example.com", b"X-A:  b c\t"))
    assert (head.method, head.target) == ("GET", "http://example.com/a?b=1")
    assert head.value("x-a") == "b c"
    assert head.value("x-b") is None


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"",),
        (b"GET  http://a/ HTTP/1.1",),
        (b"get http://a/ HTTP/1.1",),
        (b"GET http://a/ HTTP/2",),
        (b"GET http://a/",),
        (b"GET http://a/ b HTTP/1.1",),
        (*GET, b"no colon"),
        (*GET, b" folded: x"),
        (*GET, b"name : x"),
        (*GET, b"name: a\rb"),
        (*GET, b"name: a\x00b"),
        (*GET, b": x"),
    ],
)
def test_what_is_not_plain_http_is_refused(lines: tuple[bytes, ...]) -> None:
    with pytest.raises(Permanent) as caught:
        parse_request(lines)
    assert caught.value.reason == "bad_request"


def test_the_length_of_a_body_is_one_number_or_the_request_is_refused() -> None:
    assert body_length(parse_request(GET)) == 0
    assert body_length(parse_request((*GET, b"Content-Length: 12", b"content-length: 12"))) == 12
    for lines in ((b"Content-Length: 1", b"Content-Length: 2"), (b"Content-Length: +1",), (b"Content-Length: 1, 1",)):
        with pytest.raises(Permanent):
            body_length(parse_request((*GET, *lines)))
    with pytest.raises(Permanent) as caught:
        body_length(parse_request((*GET, b"Transfer-Encoding: chunked")))
    assert caught.value.reason == "length_required"


def test_a_server_gets_nothing_that_was_for_the_proxy() -> None:
    head = parse_request(
        (
            *GET,
            b"Host: elsewhere.example",
            b"Proxy-Authorization: Basic c2VjcmV0",
            b"Proxy-Connection: keep-alive",
            b"Connection: close, X-Private",
            b"X-Private: 1",
            b"Upgrade: websocket",
            b"Accept: */*",
        )
    )
    sent = request_for_server(head, URL("http://example.com:8080/a?b=1", encoded=True))
    assert sent == (b"GET /a?b=1 HTTP/1.1\r\nHost: example.com:8080\r\nConnection: close\r\nAccept: */*\r\n\r\n")


def test_a_browser_gets_no_refusal_that_a_server_made_up() -> None:
    lines = (
        b"HTTP/1.1 200 OK",
        b"X-Tidemill-Refused: private_address",
        b"Keep-Alive: timeout=5",
        b"Connection: Content-Length, keep-alive",
        b"Content-Length: 3",
        b"Set-Cookie: a=1",
        b"Set-Cookie: b=2",
    )
    assert response_for_browser(lines) == (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
    )


@pytest.mark.parametrize("line", [b"", b"hello", b"HTTP/1.1 OK", b"HTTP/1.1 099 x", b"HTTP/2 200", b"ICY 200 OK"])
def test_what_answers_otherwise_than_http_is_no_answer(line: bytes) -> None:
    with pytest.raises(Transient) as caught:
        response_status((line,))
    assert caught.value.reason == "protocol"


def test_the_status_of_an_answer() -> None:
    assert response_status((b"HTTP/1.1 204",)) == 204
    assert response_status((b"HTTP/1.0  404 Not Found",)) == 404


def test_the_proxy_says_why_it_refuses() -> None:
    answer = proxy_answer(403, "Forbidden", reason="private_address")
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"\r\nX-Tidemill-Refused: private_address\r\n" in answer


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_do_anything_but_parse_or_refuse(data: bytes) -> None:
    lines = tuple(data.split(b"\n"))
    for parse in (parse_request, response_status, response_for_browser):
        try:
            parse(lines)
        except (Permanent, Transient):
            continue


@given(st.text(min_size=1), st.text())
def test_a_credential_comes_out_as_it_went_in(name: str, password: str) -> None:
    name = name.replace(":", "")
    try:
        coded = base64.b64encode(f"{name}:{password}".encode()).decode()
    except UnicodeEncodeError:
        return
    assert basic_credential(f"Basic {coded}") == (name, password)
    assert basic_credential(f"basic  {coded} ") == (name, password)


@pytest.mark.parametrize("value", [None, "", "Basic", "Bearer abc", "Basic ???", "Basic bm9jb2xvbg==", "Basic /w=="])
def test_what_is_no_credential_is_none(value: str | None) -> None:
    assert basic_credential(value) is None


def test_no_two_badges_are_alike_and_none_shows_its_password() -> None:
    badges = [Badge(private=False, max_bytes=1) for _ in range(100)]
    assert len({badge.password for badge in badges}) == len({badge.name for badge in badges}) == 100
    assert badges[0].opens_for(badges[0].password)
    assert not badges[0].opens_for(badges[1].password)
    assert badges[0].password not in repr(badges[0])
    assert len(badges[0].password) >= 32


def test_a_meter_stops_at_the_bound_of_the_connection_and_at_that_of_the_badge() -> None:
    counted: list[tuple[int, int]] = []
    badge = Badge(private=False, max_bytes=100)
    meter = Meter(badge, 60, lambda received, sent: counted.append((received, sent)))
    meter.add(received=30, sent=30)
    with pytest.raises(Permanent):
        meter.add(received=1)
    other = Meter(Badge(private=False, max_bytes=10), 60, lambda received, sent: None)
    with pytest.raises(Permanent):
        other.add(sent=11)
    assert counted == [(30, 30), (1, 0)]
    assert badge.exhausted
    assert (badge.received_bytes, badge.sent_bytes) == (31, 30)
