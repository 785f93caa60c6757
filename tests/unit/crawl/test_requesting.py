"""From a source's request rules and the secrets of the settings to what is sent."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest
from pydantic import SecretStr

from tidemill import __version__
from tidemill.crawl.requesting import agent_product, client_of_run, hosts_of, profile_of, user_agent
from tidemill.errors import Invalid
from tidemill.models.source import RequestRules, SourceSpec
from tidemill.net import Client
from tidemill.net.profile import Profile
from tidemill.settings import CrawlSettings, NetSettings

CANARY = "canary-c0ffee"
CRAWL = CrawlSettings()
SECRETS = {"token": SecretStr(CANARY), "odd": SecretStr("p@ss/w:rd"), "lines": SecretStr(f"{CANARY}\r\nX: y")}


def source(rules: RequestRules, **given: Any) -> SourceSpec:
    return SourceSpec(**{"name": "shop", "start": ("https://example.org/",), "request": rules, **given})


def made(rules: RequestRules, crawl: CrawlSettings = CRAWL, **given: Any) -> Profile:
    profile = profile_of(source(rules, **given), crawl, SECRETS)
    assert profile is not None
    return profile


def refused(rules: RequestRules, secrets: Mapping[str, SecretStr] = SECRETS) -> Invalid:
    with pytest.raises(Invalid) as caught:
        profile_of(source(rules), CRAWL, secrets)
    assert "'shop'" in str(caught.value)
    assert CANARY not in f"{caught.value} {caught.value.problems} {caught.value.__cause__}"
    return caught.value


def test_a_source_that_asks_for_nothing_has_no_profile() -> None:
    assert profile_of(source(RequestRules()), CRAWL, SECRETS) is None


def test_references_are_replaced_wherever_they_may_stand() -> None:
    rules = RequestRules(
        headers={"Authorization": "Bearer ${secret:token}", "X-Plain": "${HOME} $"},
        cookies={"sid": "${secret:token}"},
        username="reader",
        password="${secret:odd}",
        proxies=("http://u:${secret:token}@proxy.example:3128", "${secret:proxy}"),
        proxy_rotation="host",
        session=True,
    )
    secrets = SECRETS | {"proxy": SecretStr("http://a:b@other.example:8080")}
    profile = profile_of(source(rules), CRAWL, secrets)
    assert profile == Profile(
        hosts=frozenset({"example.org"}),
        headers={"Authorization": f"Bearer {CANARY}", "X-Plain": "${HOME} $"},
        cookies={"sid": CANARY},
        username="reader",
        password="p@ss/w:rd",  # pragma: allowlist secret
        proxies=(f"http://u:{CANARY}@proxy.example:3128", "http://a:b@other.example:8080"),
        rotation="host",
        keep_cookies=True,
        plain_http=False,
    )
    assert CANARY not in repr(profile)


def test_the_source_keeps_its_references() -> None:
    spec = source(RequestRules(headers={"X-Token": "${secret:token}"}, proxies=("http://u:${secret:odd}@p.example:1",)))
    before = asdict(spec)
    profile_of(spec, CRAWL, SECRETS)
    assert asdict(spec) == before
    assert CANARY not in str(before)


def test_a_secret_within_a_proxys_url_means_its_letters() -> None:
    from tidemill.net.rotation import parse_proxy

    profile = made(RequestRules(proxies=("http://u:${secret:odd}@proxy.example:3128",)))
    proxy = parse_proxy(profile.proxies[0])
    assert str(proxy.url) == "http://proxy.example:3128"
    assert b64decode((proxy.authorization or "").removeprefix("Basic ")) == b"u:p@ss/w:rd"


def test_a_secret_that_holds_a_reference_is_not_looked_into() -> None:
    secrets = {"a": SecretStr("${secret:b}"), "b": SecretStr(CANARY)}
    profile = profile_of(source(RequestRules(headers={"X": "${secret:a}"})), CRAWL, secrets)
    assert profile is not None
    assert profile.headers == {"X": "${secret:b}"}


def test_every_unknown_secret_is_named_with_its_place_and_the_way_out() -> None:
    rules = RequestRules(headers={"X-Key": "${secret:key}"}, password="${secret:pass}", proxies=("${secret:proxy}",))
    error = refused(rules)
    assert error.reason == "no_such_secret"
    assert error.problems == (
        "source 'shop': request.headers.X-Key refers to the secret 'key', which is not set; set "
        "TIDEMILL_SECRETS__KEY, or TIDEMILL_SECRETS__KEY_FILE",
        "source 'shop': request.password refers to the secret 'pass', which is not set; set "
        "TIDEMILL_SECRETS__PASS, or TIDEMILL_SECRETS__PASS_FILE",
        "source 'shop': request.proxies[0] refers to the secret 'proxy', which is not set; set "
        "TIDEMILL_SECRETS__PROXY, or TIDEMILL_SECRETS__PROXY_FILE",
    )


@pytest.mark.parametrize(
    ("rules", "reason", "place"),
    [
        (RequestRules(headers={"X": "${secret:lines}"}), "bad_header", "request.headers.X "),
        (RequestRules(cookies={"a": "${secret:lines}"}), "bad_header", "request.cookies.a "),
        (RequestRules(username="u", password="${secret:lines}"), "bad_header", "request.password "),
        (RequestRules(headers={"Host": "${secret:token}"}), "bad_header", "'Host'"),
        (RequestRules(cookies={"a": "${secret:token}; b=1"}), "bad_header", "cookie 'a'"),
        (RequestRules(username="a:b", password="${secret:token}"), "bad_header", "colon"),
        (RequestRules(proxies=("socks5://u:${secret:token}@p.example:1",)), "bad_proxy", "scheme"),
        (RequestRules(proxies=("${secret:token}",)), "bad_proxy", "http://user:password@host:port"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_showing_it(rules: RequestRules, reason: str, place: str) -> None:
    error = refused(rules)
    assert error.reason == reason
    assert place in str(error)


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ({}, {"example.org"}),
        ({"start": ("https://a.example/x", "http://b.example:8080/")}, {"a.example", "b.example:8080"}),
        (
            {"hosts": ("Shop.Example", "other.example:443", "[::1]:8080")},
            {"shop.example", "other.example", "[::1]:8080"},
        ),
        ({"kind": "files", "start": ("/srv/pages",), "base_url": "https://docs.example/"}, {"docs.example"}),
        ({"kind": "warc", "start": ("/srv/a.warc.gz",)}, set()),
    ],
)
def test_hosts_are_those_in_scope(given: dict[str, Any], hosts: set[str]) -> None:
    assert hosts_of(source(RequestRules(), **given)) == hosts


@pytest.mark.parametrize(
    ("start", "plain"),
    [
        (("https://a.example/",), False),
        (("http://a.example/",), True),
        (("https://a.example/", "http://b.example/"), True),
    ],
)
def test_only_a_source_that_begins_in_the_clear_sends_in_the_clear(start: tuple[str, ...], plain: bool) -> None:
    assert made(RequestRules(session=True), start=start).plain_http is plain


@pytest.mark.parametrize(
    ("rules", "crawl", "agent"),
    [
        (RequestRules(user_agent="reader"), CRAWL, f"reader/{__version__}"),
        (
            RequestRules(user_agent="reader/2", contact_url="https://x.example/"),
            CRAWL,
            "reader/2 (+https://x.example/)",
        ),
        (RequestRules(contact_url="mailto:a@x.example"), CRAWL, f"tidemill/{__version__} (+mailto:a@x.example)"),
        (
            RequestRules(user_agent="reader/2"),
            CrawlSettings(contact_url="https://y.example/"),
            "reader/2 (+https://y.example/)",
        ),
        (RequestRules(session=True), CrawlSettings(contact_url="https://y.example/"), None),
    ],
)
def test_the_user_agent_says_who_asks_and_where_to_complain(
    rules: RequestRules, crawl: CrawlSettings, agent: str | None
) -> None:
    assert made(rules, crawl).user_agent == agent


def test_it_has_the_form_of_the_houses_own() -> None:
    from tidemill import app

    for settings in (CRAWL, CrawlSettings(user_agent="x/1", contact_url="https://y.example/")):
        assert user_agent(settings.user_agent, settings.contact_url) == app.user_agent(settings)


def test_robots_txt_knows_it_by_its_product() -> None:
    assert agent_product(source(RequestRules(user_agent="reader/2 (x)")), CRAWL) == "reader"
    assert agent_product(source(RequestRules()), CRAWL) == CRAWL.product


async def test_a_run_has_a_client_of_its_own_only_if_it_has_a_profile() -> None:
    async with Client(NetSettings(), user_agent="x") as shared:
        async with client_of_run(None, shared, lambda: pytest.fail("not needed")) as client:
            assert client is shared
        profile = made(RequestRules(headers={"X": "${secret:token}"}))
        async with client_of_run(
            profile, shared, lambda: Client(NetSettings(), user_agent="x", profile=profile)
        ) as client:
            assert client.headers_for("https://example.org/") == {"X": CANARY}
            assert client.headers_for("https://www.example.org/") == shared.headers_for("https://example.org/") == {}
        with pytest.raises(RuntimeError, match="closed"):
            await client.get("https://example.org/")
