"""Where everything is kept: the database, the archive, the queue, the index, and how long."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from tidemill.settings.tree.group import Group


class DatabaseSettings(Group):
    """Where the ledger, the documents and everything else of value is kept."""

    url: str = Field("", description="`sqlite:///file` or `postgresql://…`; empty: `sqlite:///<data_dir>/tidemill.db`")
    busy_timeout_s: float = Field(15.0, ge=1, le=300, description="How long a SQLite writer waits for another one")
    readers: int = Field(4, ge=1, le=64, description="Read connections of a process to SQLite")
    pool_size: int = Field(5, ge=1, le=500, description="Connections of a process to PostgreSQL that are kept open")
    max_overflow: int = Field(10, ge=0, le=500, description="Connections that it may open beyond them for a while")
    pool_timeout_s: float = Field(30.0, gt=0, le=600, description="How long a task waits for a free connection")
    pool_recycle_s: int = Field(1800, ge=1, description="Age at which a connection is replaced")
    pre_ping: bool = Field(True, description="Try a connection before it is used: a server may have come back since")
    processes: int = Field(
        1, ge=1, le=10_000, description="Processes of all roles and replicas, for which connections must suffice"
    )
    connect_timeout_s: float = Field(10.0, gt=0, le=300, description="Time to connect and log in")
    statement_timeout_s: float = Field(60.0, ge=1, le=3600, description="Longest time for one statement")
    lock_timeout_s: float = Field(30.0, ge=1, le=3600, description="Longest wait for another transaction")
    application_name: str = Field("tidemill", max_length=63, description="What the server's own lists call us")
    ssl_mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="TLS to the server; `?sslmode=` of the URL goes before it"
    )
    ssl_ca: Path | None = Field(None, description="Certificates of the authorities that may vouch for the server")
    ssl_cert: Path | None = Field(None, description="Our own certificate, if the server asks for one")
    ssl_key: Path | None = Field(None, description="Its key, if it is not in the same file")
    replica_urls: tuple[str, ...] = Field(
        (), description="Streaming standbys of the server (`postgresql://…`), which the API reads documents from"
    )
    replica_lag_s: float = Field(
        10.0, ge=1, le=3600, description="How far a standby may be behind; beyond it the primary is read"
    )


class ArchiveSettings(Group):
    """Where the raw bytes are kept."""

    url: str = Field("", description="Archive URL; empty: `file://<data_dir>/archive`")
    compression_level: int = Field(3, ge=1, le=19, description="zstd level of archived bodies")
    credentials: Literal["settings", "chain"] = Field(
        "settings",
        description="Who says the keys of S3: `access_key` and `secret_key`, or the provider's own chain (variables,"
        " web identity, container, instance)",
    )
    access_key: SecretStr | None = Field(None, description="Access key of S3")
    secret_key: SecretStr | None = Field(None, description="Secret key of S3")
    region: str = Field("us-east-1", min_length=1, description="Region of the bucket")
    endpoint: str = Field("", description="URL of the S3 server; empty: Amazon's of the region")
    allow_http: bool = Field(False, description="Allow an endpoint without TLS")
    addressing: Literal["auto", "path", "virtual"] = Field(
        "auto",
        description="Where the bucket stands: in the path or in the host name; `auto`: in the path if there is an"
        " `endpoint`",
    )
    encryption: Literal["none", "AES256", "aws:kms"] = Field(
        "none", description="Server-side encryption that is asked for with each object"
    )
    kms_key: str = Field("", description="Key identifier for `aws:kms`; empty: the account's own")
    request_timeout_s: float = Field(30.0, gt=0, le=3600, description="Longest time for one request to S3")
    deadline_s: float = Field(
        120.0, gt=0, le=3600, description="Longest time for one operation of S3 with all its retries"
    )


class QueueSettings(Group):
    """How captures reach the processors."""

    url: str = Field(
        "database:",
        description="Queue URL: `database:` (rows of the database itself), `redis://…`, `rediss://…`, `amqp://…` or"
        " `amqps://…`",
    )
    lease_s: float = Field(60.0, ge=2, le=3600, description="How long a claimed capture stays with its processor")
    high_water: int = Field(
        10_000, ge=0, description="Captures that wait at which crawlers stop to lease pages; 0: they never do"
    )
    low_water: int = Field(5_000, ge=0, description="Captures that wait at which they go on")


class SearchSettings(Group):
    """The index and the queries over it."""

    url: str = Field(
        "",
        description="Search engine URL: `tantivy:///folder`, `postgresql:` (the database), `opensearch://…` or"
        " `elasticsearch://…` (with an `s`: TLS); empty: `tantivy://<data_dir>/index`",
    )
    writer_memory_mb: int = Field(64, ge=16, le=4096, description="Memory of the index writer")
    commit_interval_s: float = Field(2.0, ge=0.05, le=300, description="The most a change waits to be searchable")
    batch_size: int = Field(1000, ge=1, le=20_000, description="Documents added to the index at a time")
    max_results: int = Field(1000, ge=1, le=10_000, description="The most hits one query may ask for")
    timeout_s: float = Field(10.0, gt=0, le=300, description="Longest time for one search")
    cache_ttl_s: float = Field(
        300.0, ge=0, le=86_400, description="How long an answer is given again while the index is the same; 0: never"
    )
    fallback: bool = Field(
        True, description="Keep the index in PostgreSQL too, if the database is one, to answer while a cluster is gone"
    )
    index: str = Field(
        "tidemill", pattern=r"^[a-z][a-z0-9_-]{0,60}$", description="Name of the alias and its indexes on a cluster"
    )
    shards: int = Field(1, ge=1, le=1000, description="Shards of an index on a cluster")
    replicas: int = Field(1, ge=0, le=100, description="Copies of each shard on a cluster")
    ca: Path | None = Field(None, description="Certificates of the authorities that may vouch for the cluster")
    keep_queries: bool = Field(
        True, description="Count what is searched for, for the lists of popular searches and of those without results"
    )
    queries_days: int = Field(90, ge=1, le=3650, description="How long those counts are kept")


class RetentionSettings(Group):
    """How long the account of old crawls is kept; `tidemill db retain` lets go of what is older."""

    visits_days: int | None = Field(
        None, ge=1, le=36_500, description="Days after the end of a run for which its ledger is kept; then only totals"
    )
    events_days: int | None = Field(
        None, ge=1, le=36_500, description="Days for which events are kept; the last of each current document stays"
    )
