"""From what a source says about its requests to what its client sends.

A `SourceSpec` and the secrets of the settings come in; a `net.Profile` goes out, with every `${secret:NAME}` replaced.
Called when a run begins: the profile lives as long as the run, and is stored nowhere.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

from pydantic import SecretStr

from tidemill import __version__
from tidemill.errors import Invalid
from tidemill.models.source import RequestRules, SourceSpec
from tidemill.models.url import url_host, url_key
from tidemill.net import Client, Profile
from tidemill.net.rotation import parse_proxy
from tidemill.settings import CrawlSettings

_REFERENCE = re.compile(r"\$\{secret:([^}]*)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def user_agent(product: str, contact_url: str) -> str:
    """What a crawler calls itself: product, version (ours, if `product` has none), and where a site's owner can ask."""
    named = product if "/" in product else f"{product}/{__version__}"
    return f"{named} (+{contact_url})" if contact_url else named


def agent_product(spec: SourceSpec, crawl: CrawlSettings) -> str:
    """The name that robots.txt knows a source's crawler by: its user agent without version and comment."""
    return (spec.request.user_agent or crawl.user_agent).partition("/")[0].strip()


def profile_of(spec: SourceSpec, crawl: CrawlSettings, secrets: Mapping[str, SecretStr]) -> Profile | None:
    """What requests for `spec` carry; None if that is nothing beyond the usual.

    `secrets` is `Settings.secrets`. Raises `Invalid`, with every problem found and no value: `no_such_secret` for a
    reference to a secret that is not set, `bad_header` or `bad_proxy` for what cannot be sent.
    """
    rules = spec.request
    if rules == RequestRules():
        return None
    resolved = _Resolved(spec.name, secrets)
    profile = Profile(
        hosts=hosts_of(spec),
        user_agent=_own_agent(rules, crawl),
        headers=resolved.mapping("headers", rules.headers),
        cookies=resolved.mapping("cookies", rules.cookies),
        username=rules.username,
        password=None if rules.password is None else resolved.text("password", rules.password),
        proxies=tuple(resolved.proxy(f"proxies[{place}]", url) for place, url in enumerate(rules.proxies)),
        rotation=rules.proxy_rotation,
        keep_cookies=rules.session,
        plain_http=not all(url.startswith("https:") for url in _addresses(spec)),
    )
    resolved.raise_problems()
    _check(spec.name, profile)
    return profile


def hosts_of(spec: SourceSpec) -> frozenset[str]:
    """The hosts of a source, `host` or `host:port` without default ports: those it names, else those of `start`."""
    written = [f"http://{host}/" for host in spec.hosts] or list(_addresses(spec))
    return frozenset(url_host(key).removesuffix(":80").removesuffix(":443") for key in map(_key, written) if key)


@asynccontextmanager
async def client_of_run(
    profile: Profile | None, shared: Client, open_own: Callable[[], Client]
) -> AsyncIterator[Client]:
    """The client for one run: a new one that is closed in the end if there is a profile, else the shared one."""
    if profile is None:
        yield shared
        return
    async with open_own() as client:
        yield client


class _Resolved:
    """Replaces references, and gathers what is wrong with them."""

    def __init__(self, source: str, secrets: Mapping[str, SecretStr]) -> None:
        self._source = source
        self._secrets = secrets
        self._unknown: list[str] = []
        self._unfit: list[str] = []

    def mapping(self, field: str, values: Mapping[str, str]) -> dict[str, str]:
        return {name: self.text(f"{field}.{name}", value) for name, value in values.items()}

    def proxy(self, field: str, url: str) -> str:
        """A secret is a whole URL, or a part of one: then its letters mean themselves and not the end of that part."""
        is_whole = _REFERENCE.fullmatch(url) is not None
        return self.text(field, url) if is_whole else self.text(field, url, lambda secret: quote(secret, safe=""))

    def text(self, field: str, value: str, spelled: Callable[[str], str] = str) -> str:
        text = _REFERENCE.sub(lambda found: spelled(self._secret(field, found[1])), value)
        if _CONTROL.search(text):
            self._unfit.append(
                f"source {self._source!r}: request.{field} holds line breaks or other control characters, or its "
                "secret does; take them out"
            )
        return text

    def raise_problems(self) -> None:
        problems = (*self._unknown, *self._unfit)
        if problems:
            reason = "no_such_secret" if self._unknown else "bad_header"
            raise Invalid("\n".join(problems), reason=reason, problems=problems)

    def _secret(self, field: str, written: str) -> str:
        secret = self._secrets.get(written.lower())
        if secret is not None:
            return secret.get_secret_value()
        self._unknown.append(
            f"source {self._source!r}: request.{field} refers to the secret {written!r}, which is not set; set "
            f"TIDEMILL_SECRETS__{written.upper()}, or TIDEMILL_SECRETS__{written.upper()}_FILE"
        )
        return ""


def _own_agent(rules: RequestRules, crawl: CrawlSettings) -> str | None:
    if rules.user_agent is None and rules.contact_url is None:
        return None
    contact = crawl.contact_url if rules.contact_url is None else rules.contact_url
    return user_agent(rules.user_agent or crawl.user_agent, contact)


def _check(source: str, profile: Profile) -> None:
    try:
        profile.check()
        for url in profile.proxies:
            parse_proxy(url)
    except Invalid as error:
        raise Invalid(f"source {source!r}: request: {error}", reason=error.reason) from error


def _addresses(spec: SourceSpec) -> Iterator[str]:
    """The source's own URLs; what is not on the web (a folder, an archive) has no host."""
    for url in (*spec.start, *(() if spec.base_url is None else (spec.base_url,))):
        key = _key(url)
        if key:
            yield key


def _key(url: str) -> str:
    try:
        return url_key(url)
    except Invalid:
        return ""
