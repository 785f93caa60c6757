"""The HTTP server: what it answers, how often, and what goes on for longer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from tidemill.settings.tree.group import MIB, Group


class ApiSettings(Group):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on")
    workers: int = Field(1, ge=1, le=256, description="Processes of `tidemill serve` behind the one port")
    keys: Annotated[tuple[SecretStr, ...], Field(description="API keys accepted besides the stored ones")] = ()
    max_request_bytes: int = Field(10 * MIB, ge=1024, description="Largest request body")
    max_in_flight: int = Field(
        256, ge=1, le=100_000, description="Requests at work at once; more are told to come back (503)"
    )
    timeout_s: float = Field(30.0, gt=0, le=3600, description="Longest time until an answer begins; then 503")
    docs: bool = Field(True, description="Serve the OpenAPI page under /api/docs")


class HttpSettings(Group):
    """What stands around the API: proxies before it, pages of other origins, compression."""

    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses and networks (CIDR) of proxies whose word on the client's address is taken"
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for", description="Where these proxies write it; the other header is not read"
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Names that are answered (`Host`), `*.example.org` for all below; empty: any, on loopback its own",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose pages may use the API (`https://app.example.org`); `*`: all"
    )
    compress_min_bytes: int = Field(1000, ge=0, description="Answers shorter than this are not compressed")
    compression_level: int = Field(6, ge=1, le=9, description="Level of gzip; zstd is used at 3 whatever it is")


class LimitsSettings(Group):
    """How much callers may ask. On loopback without proxies, where a number is not given it is a thousand times it."""

    url: str = Field(
        "memory:",
        description="Where requests are counted and answers kept: `memory:` (each process for itself), `redis://…` or"
        " `rediss://…`",
    )
    window_s: float = Field(60.0, ge=0.1, le=86_400, description="The stretch of time that the quotas are for")
    address: int | None = Field(
        None, ge=0, description="Requests of one address (IPv6: /64), whoever asks; empty: 1200; 0: no limit"
    )
    address_per_hour: int = Field(0, ge=0, description="Requests of one address in an hour; 0: no limit")
    requests: int | None = Field(
        None, ge=0, description="Requests of one key or login, of all kinds together; empty: 600; 0: no limit"
    )
    user: int | None = Field(
        None, ge=0, description="Requests of one user with all keys and logins; empty: 1200; 0: no limit"
    )
    search: int | None = Field(None, ge=0, description="Searches of one key or login; empty: 300; 0: no limit")
    costly: int | None = Field(
        None, ge=0, description="Requests of one key or login that start or change much; empty: 60; 0: no limit"
    )
    login: int | None = Field(None, ge=0, description="Logins and refreshes of one address; empty: 300; 0: no limit")
    cache_mb: int = Field(32, ge=1, le=65_536, description="Memory of a process for answers that are given again")


class ExportsSettings(Group):
    """Files of documents that callers have made, and what is streamed to them."""

    keep_days: int = Field(7, ge=1, le=3650, description="Days after which the file of an export is deleted")
    max_hits: int = Field(10_000, ge=1, le=100_000, description="The most documents of an export of a search")
    max_streamed: int = Field(
        10_000, ge=1, le=1_000_000, description="The most documents of `GET /documents/export`; more want a job"
    )


class StreamsSettings(Group):
    """Answers that go on: the change feed and the progress of runs, as server-sent events and over WebSockets."""

    most: int = Field(100, ge=1, le=100_000, description="Streams of one process at once; more are told to come back")
    heartbeat_s: float = Field(15.0, ge=0.1, le=300, description="Longest silence before a sign of life is sent")
    send_timeout_s: float = Field(
        30.0, gt=0, le=3600, description="How long a client may take to accept a piece of a stream before it is cut off"
    )
    longest_s: float = Field(
        900.0, ge=1, le=86_400, description="After so long a stream ends, and whoever still may comes again"
    )
    wait_s: float = Field(25.0, ge=0, le=300, description="The most that `wait` of the change feed may ask for")
