"""From `queue.url` to a client of Redis: one server, TLS, or the master that Sentinels name.

`redis://host[:port][/db]` or `rediss://…`, with user and password before the host if need be. With
`?sentinel_master=NAME` the hosts (several, joined by commas) are those of Sentinels; `sentinel_username` and
`sentinel_password` are for them, and TLS too unless `sentinel_tls=no`. Other parameters are the client's
(`ssl_ca_certs`, `ssl_certfile` …); certificates and host names are verified.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from tidemill.errors import Invalid

_TIMEOUT_S = 3.0
_SENTINEL_PORT = 26379


def client_of(
    url: str, *, setting: str = "queue.url", reason: str = "queue_url", timeout_s: float = _TIMEOUT_S
) -> Redis:
    """The client; no connection is opened yet. Raises `Invalid` with this reason; `setting` is what named the URL."""
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 1),  # a connection of the pool may have died with the server's last process
    }
    parsed = urlsplit(url)
    query = dict(parse_qsl(parsed.query))
    master = query.pop("sentinel_master", None)
    own = {name: query.pop(f"sentinel_{name}", None) for name in ("username", "password", "tls")}
    try:
        if master is None:
            return Redis.from_url(url, **options)
        user, _, hosts = parsed.netloc.rpartition("@")
        # The address only carries user, password, number and the client's parameters; the Sentinels name the host.
        plain = urlunsplit((parsed.scheme, f"{user}@h" if user else "h", parsed.path, urlencode(query), ""))
        given = Redis.from_url(plain, **options).connection_pool.connection_kwargs
        given = {name: value for name, value in given.items() if name not in ("host", "port")}
        is_tls = parsed.scheme == "rediss"
        asked = _of_sentinels(given, own, is_tls=is_tls and own["tls"] != "no")
        sentinels = [_address(each) for each in hosts.split(",")]
        guards = Sentinel(sentinels, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
        return cast(Redis, guards.master_for(unquote(master), **given, ssl=is_tls))
    except (ValueError, TypeError) as error:
        raise Invalid(
            f"{setting} {shown(url)}: {error}; write redis://host:6379/0, or"
            " redis://sentinel1:26379,sentinel2:26379/0?sentinel_master=NAME",
            reason=reason,
        ) from error


async def closed(client: Redis) -> None:
    """Close the client, and with it those of the Sentinels, which it leaves open."""
    await client.aclose()
    if isinstance(client.connection_pool, SentinelConnectionPool):
        for each in client.connection_pool.sentinel_manager.sentinels:
            await each.aclose()


def _of_sentinels(given: dict[str, Any], own: dict[str, str | None], *, is_tls: bool) -> dict[str, Any]:
    """How Sentinels are asked: as the master is, but with a user and a password of their own."""
    kept = {name: value for name, value in given.items() if is_tls and name.startswith("ssl_")}
    login = {name: own[name] for name in ("username", "password") if own[name]}
    times = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}
    return {**times, **login, **kept, **({"ssl": True} if is_tls else {})}


def shown(url: str) -> str:
    """The address without user, password and parameters."""
    parsed = urlsplit(url)
    return f"{parsed.scheme}://{parsed.netloc.rpartition('@')[2]}{parsed.path}"


def _address(text: str) -> tuple[str, int]:
    host, mark, port = text.rpartition(":")
    return (host, int(port)) if mark else (text, _SENTINEL_PORT)
