"""Proxies: read without showing their passwords, and taken in turn or by host."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter

import aiohttp
import pytest
from yarl import URL

from tidemill.errors import Invalid, Permanent, Transient
from tidemill.net.rotation import Proxy, Rotation, parse_proxy

CANARY = "canary-31cd"
THREE = tuple(f"http://p{number}.example:3128" for number in range(3))
HOSTS = [f"site{number}.example" for number in range(300)]


def test_a_proxy_is_read_with_its_credentials_apart() -> None:
    proxy = parse_proxy(f"http://us%40er:{CANARY}%2F@proxy.example:3128/")
    assert proxy.url == URL("http://proxy.example:3128")
    assert proxy.authorization is not None
    assert b64decode(proxy.authorization.removeprefix("Basic ")) == f"us@er:{CANARY}/".encode()
    assert CANARY not in f"{proxy} {proxy!r}"
    assert parse_proxy("https://proxy.example").authorization is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.example:3128",
        f"u:{CANARY}@proxy.example:3128",
        f"socks5://u:{CANARY}@proxy.example:1080",
        f"http://u:{CANARY}/x@proxy.example:3128",
        f"http://u:{CANARY}#x@proxy.example:3128",
        f"http://u:{CANARY}@proxy.example:0",
        f"http://u:{CANARY}@proxy.example:99999",
        f"http://u:{CANARY}%0d%0aX:y@proxy.example:3128",
        f"http://u:{CANARY}@",
        f"http://u:{CANARY}@pro xy:3128",
        f"http://u:{CANARY}@proxy.example:3128/path",
    ],
)
def test_what_is_no_proxy_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Rotation([text], "request")
    assert caught.value.reason == "bad_proxy"
    assert CANARY not in f"{caught.value} {caught.value.__cause__!r}"


def test_an_unknown_rotation_is_refused() -> None:
    with pytest.raises(Invalid, match="'random' is none of request, host"):
        Rotation(THREE, "random")


def names(rotation: Rotation, *hosts: str) -> list[str]:
    return [str(proxy.url.host) for host in hosts if (proxy := rotation.choose(host)) is not None]


def test_requests_take_turns() -> None:
    assert names(Rotation(THREE, "request"), *["same.example"] * 4) == [
        "p0.example",
        "p1.example",
        "p2.example",
        "p0.example",
    ]


def test_a_host_keeps_its_proxy_and_hosts_are_spread() -> None:
    first, again = names(Rotation(THREE, "host"), *HOSTS), names(Rotation(THREE, "host"), *reversed(HOSTS))
    assert first == again[::-1]
    assert min(Counter(first).values()) > 60


def test_one_proxy_less_moves_only_its_own_hosts() -> None:
    before, after = names(Rotation(THREE, "host"), *HOSTS), names(Rotation(THREE[:2], "host"), *HOSTS)
    assert all(new == old for old, new in zip(before, after, strict=True) if old != "p2.example")


def test_without_proxies_there_is_none() -> None:
    assert Rotation((), "request").choose("example.org") is None


def refused(status: int) -> aiohttp.ClientHttpProxyError:
    info = aiohttp.RequestInfo(URL("http://p"), "CONNECT", {}, URL("http://p"))  # type: ignore[arg-type]
    return aiohttp.ClientHttpProxyError(info, (), status=status)


@pytest.mark.parametrize(
    ("proxies", "rotation", "kind"),
    [(THREE[:1], "request", Permanent), (THREE, "request", Transient), (THREE, "host", Permanent)],
)
def test_refused_credentials_are_final_unless_another_proxy_is_next(
    proxies: tuple[str, ...], rotation: str, kind: type[Exception]
) -> None:
    fault = Rotation(proxies, rotation).fault(refused(407), Proxy(URL(THREE[0])))
    assert type(fault) is kind
    assert fault is not None
    assert fault.reason == "proxy_auth"


def test_a_tunnel_that_is_not_opened_may_be_tried_again() -> None:
    fault = Rotation(THREE, "request").fault(refused(502), Proxy(URL(THREE[0])))
    assert isinstance(fault, Transient)
    assert (fault.reason, "502" in str(fault), "p0.example" in str(fault)) == ("proxy", True, True)


def test_what_the_server_did_is_not_the_proxys_fault() -> None:
    error = aiohttp.ServerDisconnectedError()
    assert Rotation(THREE, "request").fault(error, Proxy(URL(THREE[0]))) is None
