"""URLs before anything is connected: spellings of hosts, schemes, ports, exemptions."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Forbidden, Invalid, Permanent
from tidemill.net.guard import Guard
from tidemill.net.hosts import is_address, normal_host
from tidemill.settings import NetSettings

LOOPBACK_SPELLINGS = (
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7F.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0x7f.1/",
    "http://１２７.0.0.1/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://0/",
    "http://0.0.0.0:8080/",
    "http://[::]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
)
BAD_URLS = (
    "",
    "/relative",
    "//example.com/",
    "example.com",
    "http:///path",
    "http://:80/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:http/",
    "http://example.com:-1/",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://@example.com/",
    "http://good.example\\@127.0.0.1/",
    "http://good.example/\r\nHost: evil",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\x00",
    "http://exa%6dple.com/",
    "http://[::1/",
    "http://[::1]evil.example/",
    "http://127.0.0.1[::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[v1.x]/",
    "http://1.2.3.4.5/",
    "http://256.256.256.256/",
    "http://example.08/",
    "http://0x7g.0.0.1.0x/",
    "http://a..b/",
    "http://.example.com/",
    "http://" + "x" * 64 + ".com/",
    "http://" + "x." * 127 + "com/",
    "http://ex\u00adample.com/",
    "http://exa<mple.com/",
    "http://example.com/\ud800",
)


@pytest.fixture
def guard() -> Guard:
    return Guard(NetSettings())


@pytest.mark.parametrize("url", LOOPBACK_SPELLINGS)
def test_every_spelling_of_an_address_of_ours_is_refused(guard: Guard, url: str) -> None:
    with pytest.raises(Forbidden) as caught:
        guard.check_url(url, private=False)
    assert caught.value.reason == "private_address"


@pytest.mark.parametrize("url", LOOPBACK_SPELLINGS)
def test_an_allowed_address_is_requested_in_its_plain_spelling(guard: Guard, url: str) -> None:
    host = guard.check_url(url, private=True).raw_host
    assert host is not None
    assert is_address(host)
    assert normal_host(host) == host


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_urls_are_named_so(guard: Guard, url: str) -> None:
    with pytest.raises(Permanent) as caught:
        guard.check_url(url, private=True)
    assert caught.value.reason == "bad_url"
    assert "secret" not in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/", "gopher://a/", "ws://a/", "javascript:1"])
def test_only_http_and_https(guard: Guard, url: str) -> None:
    with pytest.raises(Forbidden) as caught:
        guard.check_url(url, private=True)
    assert caught.value.reason == "scheme_not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://example.com/%7Euser/%41?a=%20b+c&d=[1]",
        "http://example.com/A%2fb//c/../d?x",
        "http://sub_domain.example.com:8080/",
        "http://-odd-.example/",
        "http://xn--bcher-kva.example/",
        "http://8.8.8.8/",
        "http://[2606:4700:4700::1111]:8080/",
    ],
)
def test_good_urls_are_requested_byte_for_byte(guard: Guard, url: str) -> None:
    assert str(guard.check_url(url, private=False)) == url


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("HTTP://EXAMPLE.COM/Path", "http://example.com/Path"),
        ("http://example.com./x", "http://example.com/x"),
        ("http://Bücher.example/ü?q=é", "http://xn--bcher-kva.example/%C3%BC?q=%C3%A9"),
        ("http://example.com/%e9ü", "http://example.com/%e9%C3%BC"),
        ("http://faß.de/", "http://xn--fa-hia.de/"),
        ("http://134744072/", "http://8.8.8.8/"),
        ("http://[2606:4700:4700:0:0:0:0:1111]/", "http://[2606:4700:4700::1111]/"),
    ],
)
def test_hosts_get_one_spelling_and_only_foreign_characters_are_encoded(guard: Guard, url: str, requested: str) -> None:
    assert str(guard.check_url(url, private=False)) == requested


def test_a_url_without_a_path_asks_for_the_root(guard: Guard) -> None:
    assert guard.check_url("http://example.com", private=False).raw_path_qs == "/"
    assert guard.check_url("http://example.com?a=1", private=False).raw_path_qs == "/?a=1"


def test_a_verdict_is_not_carried_over_from_a_call_that_may_go_anywhere(guard: Guard) -> None:
    guard.check_url("http://127.0.0.1/", private=True)
    with pytest.raises(Forbidden):
        guard.check_url("http://127.0.0.1/", private=False)


def test_ports_outside_the_list_are_refused() -> None:
    guard = Guard(NetSettings(allowed_ports=(80, 443), allow_hosts=("localhost:8080",)))
    guard.check_url("https://example.com/", private=False)
    guard.check_url("http://localhost:8080/", private=False)
    for url in ("http://example.com:8080/", "http://localhost:8081/"):
        with pytest.raises(Forbidden) as caught:
            guard.check_url(url, private=True)
        assert caught.value.reason == "port_not_allowed"


def test_exemptions_are_for_one_host_and_port_in_any_spelling() -> None:
    guard = Guard(NetSettings(allow_hosts=("127.1:8000", "[0::1]:9000", "Bücher.example:80")))
    for url in ("http://127.0.0.1:8000/", "http://2130706433:8000/", "http://[::1]:9000/", "http://bücher.example/"):
        guard.check_url(url, private=False)
    assert guard.is_exempt("xn--bcher-kva.example", 80)
    for url in ("http://127.0.0.1:8001/", "http://127.0.0.2:8000/", "http://[::1]:8000/", "https://[::1]/"):
        with pytest.raises(Forbidden):
            guard.check_url(url, private=False)


@pytest.mark.parametrize(
    "pair", ["localhost", "localhost:", "localhost:x", ":80", "http://a:80", "u@a:80", "a:80/x", ""]
)
def test_a_malformed_exemption_is_named(pair: str) -> None:
    with pytest.raises(Invalid, match="allow_hosts"):
        Guard(NetSettings(allow_hosts=(pair,)))


@given(st.text(max_size=40))
def test_any_host_gets_a_stable_spelling_or_is_bad(text: str) -> None:
    with suppress(Permanent):
        host = normal_host(text)
        assert normal_host(host) == host


@given(st.one_of(st.text(max_size=60), st.from_regex(r"https?://[^/]{0,30}(/.{0,20})?")))
def test_any_url_passes_or_is_refused_with_a_reason(url: str) -> None:
    try:
        Guard(NetSettings()).check_url(url, private=False)
        reason = "passed"
    except (Permanent, Forbidden) as error:
        reason = error.reason
    assert reason in {"passed", "bad_url", "scheme_not_allowed", "private_address"}
