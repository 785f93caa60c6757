"""`queue.url` of Redis: one server, TLS, or the master that Sentinels name; nothing secret is shown."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from tidemill.errors import Invalid
from tidemill.queue.redis_url import client_of, shown

SENTINELS = "redis://me:pw@one:26379,two/3?sentinel_master=mymaster"  # pragma: allowlist secret


def test_one_server() -> None:
    kwargs = client_of("redis://me:pw@host:7000/2").connection_pool.connection_kwargs  # pragma: allowlist secret
    wanted = {"host": "host", "port": 7000, "db": 2, "username": "me", "password": "pw"}  # pragma: allowlist secret
    assert {name: kwargs[name] for name in wanted} == wanted
    assert kwargs["socket_timeout"]


def test_tls() -> None:
    assert client_of("rediss://host/0?ssl_cert_reqs=required").connection_pool.connection_class is SSLConnection


def test_sentinels_name_the_master() -> None:
    pool = client_of(SENTINELS).connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "mymaster"
    addresses = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in addresses] == [("one", 26379), ("two", 26379)]
    assert pool.connection_kwargs["db"] == 3
    assert pool.connection_kwargs["password"] == "pw"  # pragma: allowlist secret


def test_sentinels_are_asked_by_their_own_name_and_with_tls() -> None:
    own = "&sentinel_username=guard&sentinel_password=gate&ssl_ca_certs=/ca"  # pragma: allowlist secret
    pool = client_of(SENTINELS.replace("redis:", "rediss:") + own).connection_pool
    asked = [each.connection_pool for each in pool.sentinel_manager.sentinels]
    assert all(each.connection_class is SSLConnection for each in asked)
    given = asked[0].connection_kwargs
    assert (given["username"], given["password"], given["ssl_ca_certs"]) == ("guard", "gate", "/ca")
    assert pool.connection_kwargs["username"] == "me"
    assert "sentinel_password" not in pool.connection_kwargs


def test_sentinels_without_tls_before_a_master_with_it() -> None:
    pool = client_of(SENTINELS.replace("redis:", "rediss:") + "&sentinel_tls=no").connection_pool
    asked = [each.connection_pool for each in pool.sentinel_manager.sentinels]
    assert not any(each.connection_class is SSLConnection for each in asked)


@pytest.mark.parametrize("url", ["redis://host:nine/0", "redis://one:x,two/0?sentinel_master=m"], ids=["port", "guard"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Invalid) as told:
        client_of(url)
    assert told.value.reason == "queue_url"


def test_what_is_shown_holds_no_secret() -> None:
    assert shown(SENTINELS) == "redis://one:26379,two/3"
