"""Cookies that sites set: by the rules of RFC 6265, and never more than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tidemill.net.cookies import LARGEST_COOKIE_BYTES, MOST_COOKIES, CookieKeeper

SITE = URL("https://www.example.org/shop/cart")


def kept(*lines: str, url: URL = SITE) -> CookieKeeper:
    keeper = CookieKeeper()
    keeper.keep(lines, url)
    return keeper


async def test_a_cookie_goes_back_as_it_came() -> None:
    values = {"a": "b==", "token": "eyJ/+.x-_", "empty": ""}
    keeper = kept(*(f"{name}={value}; HttpOnly" for name, value in values.items()))
    assert keeper.cookies_for(SITE) == values


async def test_domain_path_and_secure_are_obeyed() -> None:
    keeper = kept("own=1; Path=/", "all=2; Domain=example.org; Path=/", "here=3", "safe=4; Secure; Path=/")
    assert keeper.cookies_for(SITE) == {"own": "1", "all": "2", "here": "3", "safe": "4"}
    assert keeper.cookies_for(URL("https://www.example.org/")) == {"own": "1", "all": "2", "safe": "4"}
    assert keeper.cookies_for(URL("http://www.example.org/")) == {"own": "1", "all": "2"}
    assert keeper.cookies_for(URL("https://api.example.org/")) == {"all": "2"}
    assert keeper.cookies_for(URL("https://example.org.evil.example/")) == {}


async def test_a_cookie_for_another_domain_is_not_taken() -> None:
    assert len(kept("a=1; Domain=example.com", "b=2; Domain=api.example.org")) == 0


async def test_a_later_one_replaces_and_an_expired_one_removes() -> None:
    keeper = kept("a=1", "b=1")
    keeper.keep(["a=2", "b=; Max-Age=0"], SITE)
    assert keeper.cookies_for(SITE) == {"a": "2"}
    for date in ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01-Jan-70 00:00:00 GMT", "Thu, 01 Jan 2004 10:00:00 GMT"):
        keeper.keep([f"a=; Expires={date}"], SITE)
        assert keeper.cookies_for(SITE) == {}
        keeper.keep(["a=3; Expires=Thu, 01 Jan 2170 00:00:00 GMT"], SITE)
        assert keeper.cookies_for(SITE) == {"a": "3"}


async def test_addresses_have_cookies_too() -> None:
    url = URL("http://127.0.0.1:8080/")
    assert kept("a=1", url=url).cookies_for(url) == {"a": "1"}
    assert kept("a=1", url=url).cookies_for(URL("http://127.0.0.2:8080/")) == {}


async def test_large_and_nameless_ones_are_left_out() -> None:
    lines = [f"a={'x' * LARGEST_COOKIE_BYTES}", "=b", "c", "d\0=1", "e=\x01", 'f"=1', "fine=1"]
    assert kept(*lines).cookies_for(SITE) == {"fine": "1"}


async def test_the_oldest_make_room() -> None:
    keeper = CookieKeeper()
    for number in range(3 * MOST_COOKIES):
        keeper.keep([f"c{number}=1"], SITE)
        assert len(keeper) <= MOST_COOKIES
    assert list(keeper.cookies_for(SITE)) == [f"c{number}" for number in range(2 * MOST_COOKIES, 3 * MOST_COOKIES)]


async def test_each_domain_has_its_own_room() -> None:
    keeper = CookieKeeper()
    for host in ("a.example.org", "b.example.org"):
        for number in range(MOST_COOKIES):
            keeper.keep([f"c{number}=1", f"all{host[0]}{number}=1; Domain=example.org"], URL(f"https://{host}/"))
    assert len(keeper) == 3 * MOST_COOKIES


@given(st.lists(st.text(max_size=40), max_size=20))
async def test_no_header_breaks_it_and_none_comes_back_with_control_characters(lines: list[str]) -> None:
    keeper = kept(*lines, "fine=1")
    for name, value in keeper.cookies_for(SITE).items():
        assert not any(character < " " or character == "\x7f" for character in name + value)
