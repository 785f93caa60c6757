"""A crawl without the browser extra: nothing is imported, nothing started, and the error names the remedy."""

from __future__ import annotations

import sys

import pytest

from tidemill.crawl.browser.options import find_browser
from tidemill.crawl.rendering import Rendering
from tidemill.errors import Invalid
from tidemill.net.profile import Profile
from tidemill.settings import NetSettings
from tidemill.settings.tree import BrowserSettings


async def test_without_the_extra_the_first_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright", None)
    async with Rendering(BrowserSettings(), NetSettings(), user_agent="t") as rendering:
        with pytest.raises(Invalid, match=r"pip install 'tidemill\[browser\]'.*Chromium") as caught:
            await rendering.get("https://example.com/")
    assert caught.value.reason == "no_browser"
    with pytest.raises(Invalid, match=r"tidemill\[browser\]"):
        find_browser(BrowserSettings())


def test_a_source_with_proxies_is_not_rendered_without_them() -> None:
    profile = Profile(hosts=frozenset({"example.com"}), proxies=("http://proxy.example:3128",))
    with pytest.raises(Invalid, match=r"request\.proxies.*fetch: http") as caught:
        Rendering(BrowserSettings(), NetSettings(), user_agent="t", profile=profile)
    assert caught.value.reason == "proxy_in_browser"
