"""One canonical URL for all spellings of an address: a table of cases, and the laws behind them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tidemill.errors import Invalid
from tidemill.models.url import (
    _PLAIN,
    MAX_URL_LENGTH,
    SESSION_PARAMETERS,
    TRACKING_PARAMETERS,
    _key,
    url_folder,
    url_host,
    url_key,
    url_origin,
)

CASES = [
    # scheme and host
    ("HTTP://Example.COM/A.html", "http://example.com/A.html"),
    ("http://example.com", "http://example.com/"),
    ("http://example.com./a", "http://example.com/a"),
    ("  http://example.com/a \r\n", "http://example.com/a"),
    ("http://exa\nmple.com/a\tb", "http://example.com/ab"),
    # ports
    ("http://example.com:80/", "http://example.com/"),
    ("https://example.com:443/a", "https://example.com/a"),
    ("http://example.com:443/", "http://example.com:443/"),
    ("http://example.com:08080/", "http://example.com:8080/"),
    ("http://example.com:/", "http://example.com/"),
    ("http://example.com:65535/", "http://example.com:65535/"),
    # the path keeps its case, its double and its last slashes
    ("http://example.com/A/b", "http://example.com/A/b"),
    ("http://example.com//a//b/", "http://example.com//a//b/"),
    # dot segments
    ("http://example.com/a/./b/../c", "http://example.com/a/c"),
    ("http://example.com/../../a", "http://example.com/a"),
    ("http://example.com/a/..", "http://example.com/"),
    ("http://example.com/a/.", "http://example.com/a/"),
    ("http://example.com/a/%2E%2e/b", "http://example.com/b"),
    ("http://example.com/..a/.b/...", "http://example.com/..a/.b/..."),
    # percent-encodings
    ("http://example.com/%7euser/%c3%a9", "http://example.com/~user/%C3%A9"),
    ("http://example.com/é b", "http://example.com/%C3%A9%20b"),
    ("http://example.com/%2f%3F", "http://example.com/%2F%3F"),
    ("http://example.com/100%", "http://example.com/100%25"),
    ("http://example.com/%2541", "http://example.com/%2541"),
    ('http://example.com/<"^`{}>', "http://example.com/%3C%22%5E%60%7B%7D%3E"),
    ("http://example.com/a\x01b", "http://example.com/a%01b"),
    ("http://example.com/\ud800", "http://example.com/%3F"),
    # back slashes are slashes in a path, and nothing special in a query
    ("http://example.com/a\\b\\..\\c", "http://example.com/a/c"),
    ("http://example.com/a?b=\\c", "http://example.com/a?b=%5Cc"),
    # fragments
    ("http://example.com/a#top", "http://example.com/a"),
    ("http://example.com/a?b=c#top", "http://example.com/a?b=c"),
    # queries: sorted by name, equal names in their order, empty ones dropped
    ("http://example.com/?b=2&a=1", "http://example.com/?a=1&b=2"),
    ("http://example.com/?b=2&a=9&b=1&a=10", "http://example.com/?a=9&a=10&b=2&b=1"),
    ("http://example.com/?", "http://example.com/"),
    ("http://example.com/?&&a=1&", "http://example.com/?a=1"),
    ("http://example.com/?a", "http://example.com/?a"),
    ("http://example.com/?a=", "http://example.com/?a="),
    ("http://example.com/?q=a+b%20c", "http://example.com/?q=a+b%20c"),
    ("http://example.com/?%62=1&a=2", "http://example.com/?a=2&b=1"),
    # what tracks, and what carries a session
    ("http://example.com/?utm_source=x&id=1&UTM_Medium=y&fbclid=z", "http://example.com/?id=1"),
    ("http://example.com/?%75tm_source=x", "http://example.com/"),
    ("http://example.com/?PHPSESSID=1", "http://example.com/"),
    ("http://example.com/?sid=1&ref=2", "http://example.com/?ref=2&sid=1"),
    ("http://example.com/a;jsessionid=F00?x=1", "http://example.com/a?x=1"),
    ("http://example.com/a;JSESSIONID=F00;v=2/b", "http://example.com/a;v=2/b"),
    ("http://example.com/a;jsession%69d=F00", "http://example.com/a"),
    # international names, as browsers read them
    ("http://MÜNCHEN.example/", "http://xn--mnchen-3ya.example/"),
    ("http://faß.example/", "http://xn--fa-hia.example/"),
    ("http://例え。テスト/", "http://xn--r8jz45g.xn--zckzah/"),
    ("http://example。/", "http://example/"),
    ("http://①②⑦.0.0.1/", "http://127.0.0.1/"),
    # addresses
    ("http://[::1]:80/", "http://[::1]/"),
    ("http://[2001:DB8:0:0::0001]:8080/a", "http://[2001:db8::1]:8080/a"),
    # user names stay, since they may change what is shown; an empty one does not
    ("http://me:secret@Example.com/", "http://me:secret@example.com/"),
    ("http://a b\ud800@example.com/", "http://a%20b%3F@example.com/"),
    ("http://@example.com/", "http://example.com/"),
]


@pytest.mark.parametrize(("spelling", "key"), CASES)
def test_spellings(spelling: str, key: str) -> None:
    assert url_key(spelling) == key
    assert url_key(key) == key


REFUSED = [
    "",
    "a",
    "/a",
    "//example.com/",
    "example.com/a",
    "ftp://example.com/",
    "mailto:a@example.com",
    "javascript:alert(1)",
    "http:",
    "http://",
    "http:///a",
    "http://:80/",
    "http://./",
    "http://@/",
    "http://exa mple.com/",
    "http://exa%6dple.com/",
    "http://a\x01b/",
    "http://a\u3000b/",
    "http://a\\b/",
    "http://example.com:0x50/",
    "http://example.com:65536/",
    "http://example.com:99999/a",
    "http://example.com:-1/",
    "http://[::1/",
    "http://[::1]x/",
    "http://[fe80::1%25eth0]/",
    "http://[v1.abc]/",
    "http://[example.com]/",
    "http://\ud800/",
    "http://" + "ü" * 70 + ".example/",
    "http://example.com/" + "a" * MAX_URL_LENGTH,
    "http://example.com/" + "é" * (MAX_URL_LENGTH // 5),
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_absolute_web_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        url_key(text)
    assert caught.value.reason == "bad_url"
    assert len(str(caught.value)) < 600


def test_the_longest_url_is_accepted() -> None:
    url = "http://example.com/".ljust(MAX_URL_LENGTH, "a")
    assert url_key(url) == url


@pytest.mark.parametrize("name", sorted(TRACKING_PARAMETERS | SESSION_PARAMETERS))
def test_every_listed_parameter_is_dropped_in_any_case(name: str) -> None:
    assert url_key(f"http://example.com/?a=1&{name.upper()}=2&b=3&{name}") == "http://example.com/?a=1&b=3"


def test_parts() -> None:
    key = "http://me@example.com:8080/a/b.html?c=/d/"
    assert url_host(key) == "example.com:8080"
    assert url_origin(key) == "http://example.com:8080"
    assert url_folder(key) == "http://me@example.com:8080/a/"
    assert url_folder("https://[::1]/") == "https://[::1]/"
    assert url_host("https://[::1]/") == "[::1]"


PIECES = st.one_of(
    st.sampled_from(["/", "//", ".", "..", "/../", "/./", "%2e", "%2F", "%", "%4", "%zz", "%25", "%41", "a", "B", "~"]),
    st.sampled_from(["?", "&", "=", "a=1", "utm_source=x", "%75tm_id=1", ";jsessionid=1", ";jsession%69d=2", ";", "#"]),
    st.sampled_from(["é", "\ud800", "\x00", "\x1f", "\t", "\\", "[", "]", "|", "@", ":", ":80", "<", "\xa0", "\u3002"]),
    st.characters(),
)
TEXT = st.lists(PIECES, max_size=12).map("".join)
HOSTS = st.one_of(
    st.sampled_from(
        ["example.com", "EXAMPLE.com.", "a:80", "a:443", "a:8080", "me@a", "a b@c", "[::1]", "[0:0::1]:81"]
    ),
    st.sampled_from(
        ["faß.de", "a。b。", "xn--fa-hia.de", "1.2.3.4", "a..b", "a:99999", "a:65001", "a:0", "a_b", "%41", ".."]
    ),
)
URLS = st.one_of(
    st.builds("{}://{}/{}".format, st.sampled_from(["http", "https", "HTTP"]), HOSTS, TEXT),
    st.builds("{}://{}".format, st.sampled_from(["http", "https"]), TEXT),
    TEXT,
)
SHAPED = st.from_regex(r"https?://[a-z0-9.\-]{1,9}(:[0-9]{1,5})?(/[A-Za-z0-9._~\-]{0,4}){0,4}", fullmatch=True)


@pytest.mark.thorough
@settings(max_examples=60)
@given(URLS)
def test_never_raises_anything_but_invalid_and_is_idempotent(url: str) -> None:
    try:
        key = url_key(url)
    except Invalid as error:
        assert error.reason == "bad_url"  # noqa: PT017
        return
    assert url_key(key) == key
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert "#" not in key
    assert key.startswith(("http://", "https://"))
    assert url_folder(key).startswith(url_origin(key).partition("://")[0])


@pytest.mark.thorough
@settings(max_examples=60)
@given(SHAPED | URLS)
def test_the_fast_path_says_what_the_slow_one_says(url: str) -> None:
    try:
        slow: str | None = _key(url)
    except Invalid:
        slow = None
    fast: str | None = None
    with suppress(Invalid):
        fast = url_key(url)
    assert fast == slow


def test_the_fast_path_is_taken_at_all() -> None:
    for url in ("http://example.com/", "https://a-b.example.com:8080/A/b.c/d_e~f.html", "http://127.0.0.1:40123/a"):
        assert _PLAIN.fullmatch(url)
        assert url_key(url) is url


SEGMENTS = st.lists(st.text("abcXYZ019-_~é ü", min_size=1, max_size=5), max_size=4)
NAMES = st.text("abcxyzé", min_size=1, max_size=3)
QUERIES = st.lists(st.tuples(NAMES, st.text("abc09é", max_size=3)), max_size=5)


def _percented(text: str, upper: bool) -> str:
    return "".join(f"%{byte:02X}" if upper else f"%{byte:02x}" for byte in text.encode())


@given(SEGMENTS, QUERIES, st.booleans(), st.data())
def test_equivalent_spellings_have_one_key(
    segments: list[str], query: list[tuple[str, str]], upper: bool, data: st.DataObject
) -> None:
    path = "/" + "/".join(segments)
    plain = "http://example.com" + path + ("?" + "&".join(f"{n}={v}" for n, v in query) if query else "")

    def spell(text: str) -> str:
        return "".join(_percented(c, upper) if data.draw(st.booleans()) else c for c in text)

    dots = data.draw(st.sampled_from(["", "/.", "/x/..", "/%2E", "/x/%2e%2E"]))
    noise = data.draw(st.sampled_from(["", "utm_source=1", "PHPSESSID=2", "&"]))
    pairs = [f"{spell(name)}={spell(value)}" for name, value in query]
    mixed = [f"{name}={value}" for name, value in _shuffled(pairs, data)] + ([noise] if noise else [])
    spelled = "HTTP://EXAMPLE.com.:80" + dots + "/" + "/".join(map(spell, segments))
    assume(len(spelled) < 1000 and not plain.endswith(" "))  # white space around a URL is no part of it
    assert url_key(spelled + ("?" + "&".join(mixed) if mixed else "") + "#x") == url_key(plain)


def _shuffled(pairs: list[str], data: st.DataObject) -> list[tuple[str, str]]:
    """The pairs in another order in which equal names keep theirs."""
    split = [(name, value) for name, _, value in (pair.partition("=") for pair in pairs)]
    names = data.draw(st.permutations([_plain(name) for name, _ in split]))
    queues: dict[str, list[tuple[str, str]]] = {}
    for name, value in split:
        queues.setdefault(_plain(name), []).append((name, value))
    return [queues[name].pop(0) for name in names]


def _plain(name: str) -> str:
    from urllib.parse import unquote

    return unquote(name)


@given(st.text("abcABC", min_size=1, max_size=6), st.text("abcABC", min_size=1, max_size=6))
def test_the_case_of_the_path_tells_pages_apart(one: str, other: str) -> None:
    assert (url_key(f"http://a/{one}") == url_key(f"http://a/{other}")) == (one == other)
