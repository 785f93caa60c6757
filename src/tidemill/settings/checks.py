"""What types and bounds cannot say: settings that do not fit together, and what production refuses.

Called by `load.py` with a tree whose single values are all right; each check gives problems, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qs, urlsplit

from tidemill.settings.archive_checks import check_archive
from tidemill.settings.http_checks import check_http
from tidemill.settings.problems import Problem
from tidemill.settings.tree import DatabaseSettings, Settings

SCHEMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "database.url": ("sqlite", "postgresql", "postgres"),
        "archive.url": ("file", "s3"),
        "queue.url": ("database", "redis", "rediss", "amqp", "amqps"),
        "limits.url": ("memory", "redis", "rediss"),
        "search.url": (
            *("tantivy", "postgresql"),
            *("opensearch", "opensearchs", "elasticsearch", "elasticsearchs", "http", "https"),
        ),
    }
)
"""The technologies that exist, by the scheme of the URL that chooses them."""

_SHORTEST_KEY = 24
_SHORTEST_SECRET = 32
_PRODUCT = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?\Z")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})\Z")
_STRICT_SSL = ("require", "verify-ca", "verify-full")


def check(settings: Settings) -> Iterator[Problem]:
    """Every problem of the tree as a whole; `origin` is left for the caller to fill in."""
    yield from _check_urls(settings)
    yield from _check_replicas(settings.database)
    yield from check_archive(settings.archive)
    yield from check_http(settings.http)
    yield from _check_crawl(settings)
    yield from _check_auth(settings)
    yield from _check_order(settings)
    if settings.profile == "production":
        yield from _check_production(settings)


def _check_urls(settings: Settings) -> Iterator[Problem]:
    for name, schemes in SCHEMES.items():
        url = str(getattr(getattr(settings, name.partition(".")[0]), "url"))  # noqa: B009 - the tree's groups differ
        if not url:
            continue
        scheme = _split(url).scheme.partition("+")[0]
        if scheme not in schemes:
            choices = " or ".join(f"{known}:" for known in schemes)
            yield Problem(
                name, f"no implementation for {scheme or 'a URL without scheme'!r}", f"begin it with {choices}"
            )


def _check_replicas(database: DatabaseSettings) -> Iterator[Problem]:
    if database.replica_urls and not _split(database.url).scheme.startswith("postgres"):
        yield Problem("database.replica_urls", "only PostgreSQL has standbys", "take it out, or set database.url")
    if any(not _split(each).scheme.startswith("postgres") for each in database.replica_urls):
        yield Problem("database.replica_urls", "holds what is no PostgreSQL", "begin each with postgresql://")


def _check_crawl(settings: Settings) -> Iterator[Problem]:
    if not _PRODUCT.match(settings.crawl.user_agent):
        yield Problem("crawl.user_agent", "not a product name (RFC 9110)", "write it like tidemill or tidemill/1.0")
    contact = settings.crawl.contact_url
    if contact and not re.fullmatch(r"(https?|mailto):[!-~]+", contact):
        yield Problem("crawl.contact_url", "not a URL site owners can use", "give an https: or mailto: URL")
    for pair in settings.net.allow_hosts:
        if not _HOST_PORT.match(pair):
            yield Problem("net.allow_hosts", f"{pair!r} is not host:port", "write it like intranet.example:8080")
    for port in settings.net.allowed_ports:
        if not 1 <= port <= 65_535:
            yield Problem("net.allowed_ports", f"{port} is not a port", "give numbers from 1 to 65535")
    if not settings.api.host.strip():
        yield Problem("api.host", "no address", "give one, such as 127.0.0.1")
    if any(not key.get_secret_value().strip() for key in settings.api.keys):
        yield Problem("api.keys", "holds an empty key", "take it out")


def _check_auth(settings: Settings) -> Iterator[Problem]:
    given = [("auth.secret", settings.auth.secret)] if settings.auth.secret is not None else []
    for name, secret in (*given, *(("auth.old_secrets", each) for each in settings.auth.old_secrets)):
        if len(secret.get_secret_value()) < _SHORTEST_SECRET:
            yield Problem(name, f"shorter than {_SHORTEST_SECRET} characters", "make one with openssl rand -hex 32")


def _check_order(settings: Settings) -> Iterator[Problem]:
    net, crawl = settings.net, settings.crawl
    for small, large, small_value, large_value in (
        ("net.connect_timeout_s", "net.total_timeout_s", net.connect_timeout_s, net.total_timeout_s),
        ("net.read_timeout_s", "net.total_timeout_s", net.read_timeout_s, net.total_timeout_s),
        ("queue.low_water", "queue.high_water", settings.queue.low_water, settings.queue.high_water),
        ("crawl.retry_base_s", "crawl.retry_cap_s", crawl.retry_base_s, crawl.retry_cap_s),
    ):
        if small_value > large_value:
            yield Problem(small, f"greater than {large} ({large_value:g})", f"lower it, or raise {large}")


def _check_production(settings: Settings) -> Iterator[Problem]:
    if any(len(key.get_secret_value()) < _SHORTEST_KEY for key in settings.api.keys):
        yield Problem(
            "api.keys", f"holds a key shorter than {_SHORTEST_KEY} characters", "make one with openssl rand -hex 32"
        )
    if not settings.crawl.robots:
        yield Problem("crawl.robots", "production obeys robots.txt", "leave it true")
    if settings.logging.level == "DEBUG":
        yield Problem("logging.level", "DEBUG floods the logs of production", "use INFO or above")
    if settings.testing.crash_at:
        yield Problem("testing.crash_at", "kills the process, for tests", "take it out")
    servers = [("database.replica_urls", each) for each in settings.database.replica_urls]
    for name, text in (("database.url", settings.database.url), *servers):
        url = _split(text)
        if url.scheme.startswith("postgres") and not _is_local(url):
            mode = parse_qs(url.query).get("sslmode", [settings.database.ssl_mode])[0]
            if mode not in _STRICT_SSL:
                yield Problem(name, "production wants TLS to the database", "add ?sslmode=verify-full")


def _is_local(url: SplitResult) -> bool:
    return url.hostname in (None, "", "localhost", "127.0.0.1", "::1")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
