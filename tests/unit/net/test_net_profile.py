"""Who is told what: the profile's hosts, and nobody else."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Invalid
from tidemill.models.url import url_host, url_key
from tidemill.net.identity import Identity
from tidemill.net.profile import Profile, check_headers, cookie_header, read_cookies

CANARY = "canary-90ab"
HOSTS = frozenset({"example.org", "example.org:8080", "[2001:db8::1]:8443", "xn--bcher-kva.example"})
PROFILE = Profile(
    hosts=HOSTS,
    headers={"X-Token": CANARY},
    cookies={"consent": "yes", "id": CANARY},
    username="reader",
    password=CANARY,
    proxies=(f"http://u:{CANARY}@proxy.example:3128",),
)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "http://example.org/a?b",
        "https://EXAMPLE.org./x",
        "http://example.org:80/",
        "https://example.org:443/",
        "http://example.org:8080/",
        "https://[2001:db8:0:0::1]:8443/",
        "https://bücher.example/",
    ],
)
def test_its_hosts_are_told(url: str) -> None:
    assert PROFILE.headers_for(url) == {
        "X-Token": CANARY,
        "Cookie": f"consent=yes; id={CANARY}",
        "Authorization": PROFILE.headers_for(url)["Authorization"],
    }
    scheme, _, coded = PROFILE.headers_for(url)["Authorization"].partition(" ")
    assert (scheme, b64decode(coded)) == ("Basic", f"reader:{CANARY}".encode())


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org:8081/",
        "https://www.example.org/",
        "https://example.org.evil.example/",
        "https://example.org@evil.example/",
        "https://evil.example/https://example.org/",
        "https://evil.example\\@example.org.evil.example/",
        "https://evil.example#@example.org/",
        "https://evil.example?@example.org/",
        "ftp://example.org/",
        "file:///example.org",
        "//example.org/",
        "example.org",
        "",
        "http://[::1/",
        "http://example.org:99999/",
        "https://exämple .org/",
    ],
)
def test_nobody_else_is_told(url: str) -> None:
    assert not PROFILE.covers(url)
    assert PROFILE.headers_for(url) == {}


def test_a_source_that_is_https_is_told_over_https_only() -> None:
    profile = Profile(hosts=frozenset({"example.org"}), headers={"X-Token": CANARY}, plain_http=False)
    assert profile.headers_for("https://example.org/") == {"X-Token": CANARY}
    assert profile.headers_for("http://example.org/") == {}
    assert profile.headers_for("http://example.org:443/") == {}


@given(
    st.from_regex(r"https?://[a-z][a-z0-9-]{0,5}(\.[a-z]{2,5}){1,2}(:[1-9][0-9]{0,3})?/[a-z]{0,3}", fullmatch=True),
    st.sampled_from(["", "evil.", "x"]),
)
def test_it_agrees_with_the_hosts_of_canonical_urls(url: str, other: str) -> None:
    host = url_host(url_key(url)).removesuffix(":80").removesuffix(":443")
    assert Profile(hosts=frozenset({host})).covers(url)
    assert not Profile(hosts=frozenset({f"{other}{host}x"})).covers(url)


def test_it_shows_none_of_its_values() -> None:
    assert CANARY not in f"{PROFILE!r} {PROFILE!s} {Identity(PROFILE)!r}"
    assert "example.org" in repr(PROFILE)


def test_a_header_of_its_own_wins_over_cookies_and_basic_authentication() -> None:
    profile = Profile(
        hosts=HOSTS,
        headers={"cookie": "a=1", "AUTHORIZATION": "Bearer x"},
        cookies={"b": "2"},
        username="u",
        password="p",
    )
    assert profile.headers_for("https://example.org/") == {"cookie": "a=1", "AUTHORIZATION": "Bearer x"}


def test_the_headers_of_a_call_win_whatever_their_case() -> None:
    sent = Identity(PROFILE).headers("https://example.org/", {"x-token": "other", "If-None-Match": '"1"'})
    assert sent.getall("X-Token") == ["other"]
    assert sent["If-None-Match"] == '"1"'
    assert dict(Identity(PROFILE).headers("https://evil.example/", {"X": "y"})) == {"X": "y"}


@pytest.mark.parametrize(
    "profile",
    [
        Profile(hosts=HOSTS, headers={"X": f"{CANARY}\r\nY: z"}),
        Profile(hosts=HOSTS, headers={"X Y": CANARY}),
        Profile(hosts=HOSTS, headers={"": CANARY}),
        Profile(hosts=HOSTS, headers={"Host": CANARY}),
        Profile(hosts=HOSTS, headers={"content-length": CANARY}),
        Profile(hosts=HOSTS, user_agent=f"{CANARY}\n"),
        Profile(hosts=HOSTS, cookies={"a": f"{CANARY}; b=1"}),
        Profile(hosts=HOSTS, cookies={"a": f"{CANARY}\r"}),
        Profile(hosts=HOSTS, cookies={"a=b": CANARY}),
        Profile(hosts=HOSTS, username="a:b", password=CANARY),
        Profile(hosts=HOSTS, username="a", password=f"{CANARY}\0"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_showing_it(profile: Profile) -> None:
    with pytest.raises(Invalid) as caught:
        Identity(profile)
    assert caught.value.reason == "bad_header"
    assert CANARY not in str(caught.value)


def test_ordinary_headers_pass() -> None:
    usual = {"Accept-Language": "de, en;q=0.5", "X-Tab": "a\tb", "X-Empty": "", "X-U": "ü", "Authorization": "Bearer x"}
    assert check_headers(usual) is None
    login = {"username": "ü", "password": "a:b"}  # pragma: allowlist secret
    Profile(hosts=HOSTS, headers=usual, cookies={"a": "b=c=="}, **login).check()  # type: ignore[arg-type]


@given(
    st.dictionaries(st.from_regex(r"[a-z_-]{1,8}", fullmatch=True), st.from_regex(r"[a-z0-9=+/]{0,8}", fullmatch=True))
)
def test_cookies_survive_their_header(cookies: dict[str, str]) -> None:
    assert read_cookies(cookie_header(cookies)) == cookies
