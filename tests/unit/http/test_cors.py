"""Pages of other origins: who may read, who may ask beforehand, and that errors can be read, too."""

from __future__ import annotations

import pytest
from tests.unit.http.asgi import Answered, ask, hello, raising, scope_of

from tidemill.errors import NotFound
from tidemill.http.cors import Cors
from tidemill.http.errors import Errors

LISTED = "https://app.example"
ALLOW = "access-control-allow-origin"


async def asked(origin: str | None, *listed: str, method: str = "GET", **headers: str) -> Answered:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if origin is not None:
        given["origin"] = origin
    return await ask(Errors(Cors(hello, listed)), scope_of(method, headers=given))


async def test_off_by_default() -> None:
    answer = await asked(LISTED)
    assert ALLOW not in answer.headers
    assert "vary" not in answer.headers


@pytest.mark.parametrize("origin", [LISTED, "HTTPS://APP.EXAMPLE"])
async def test_a_listed_origin_reads(origin: str) -> None:
    answer = await asked(origin, LISTED)
    assert (answer.headers[ALLOW], answer.headers["vary"]) == (origin, "Origin")
    assert "RateLimit" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://app.example/",
    ],
)
async def test_nobody_else_does(origin: str | None) -> None:
    answer = await asked(origin, LISTED)
    assert ALLOW not in answer.headers
    assert answer.headers["vary"] == "Origin"


async def test_all_may_read_if_all_are_listed() -> None:
    assert (await asked("https://any.example", "*")).headers[ALLOW] == "*"


async def test_asking_beforehand() -> None:
    answer = await asked(LISTED, LISTED, method="OPTIONS", access_control_request_method="POST")
    assert (answer.status, answer.body) == (204, b"")
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "X-API-Key" in answer.headers["access-control-allow-headers"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    foreign = await asked("https://evil.example", LISTED, method="OPTIONS", access_control_request_method="POST")
    assert foreign.status == 204
    assert not {name for name in foreign.headers if name.startswith("access-control")}


async def test_options_that_ask_nothing_reach_the_route() -> None:
    assert (await asked(LISTED, LISTED, method="OPTIONS")).status == 200


async def test_errors_can_be_read() -> None:
    """They are answered by a layer outside of this one."""
    app = Errors(Cors(raising(NotFound("no")), [LISTED]))
    answer = await ask(app, scope_of(headers={"origin": LISTED}))
    assert (answer.status, answer.headers[ALLOW], answer.headers["vary"]) == (404, LISTED, "Origin")
