"""The tree of settings: names, types, defaults, bounds and what each one does.

`load.py` fills it; the rooms get it, or their part of it, as an argument. The three URLs that may be left empty are
read through `Settings.database_url`, `archive_url` and `search_url`, which fill in the data folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

Profile = Literal["local", "staging", "production", "docker"]
_MIB = 1024 * 1024


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class DatabaseSettings(_Group):
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


class ArchiveSettings(_Group):
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


class QueueSettings(_Group):
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


class SearchSettings(_Group):
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


class NetSettings(_Group):
    """What requests that leave the house may do, whoever sends them."""

    allow_private: bool = Field(False, description="Allow loopback, private and link-local addresses")
    allow_hosts: tuple[str, ...] = Field(
        (), description="`host:port` pairs allowed even if they resolve to private addresses"
    )
    allowed_ports: tuple[int, ...] = Field((), description="Ports requests may go to; empty: any port")
    connect_timeout_s: float = Field(10.0, gt=0, le=300, description="Time to resolve and connect")
    read_timeout_s: float = Field(20.0, gt=0, le=600, description="Longest silence while a response is read")
    total_timeout_s: float = Field(60.0, gt=0, le=3600, description="Longest time for one whole response")
    max_body_bytes: int = Field(32 * _MIB, ge=1024, description="Largest body, counted after decompression")
    max_inflation: int = Field(200, ge=2, description="Largest ratio of a body to its compressed form (above 1 MiB)")
    max_header_bytes: int = Field(65_536, ge=1024, description="Largest response header block")


class CrawlSettings(_Group):
    """How sites are visited."""

    user_agent: str = Field("tidemill", min_length=1, description="Product name sent and matched in robots.txt")
    contact_url: str = Field("", description="URL sent in the user agent, for site owners")
    concurrency: int = Field(32, ge=1, le=1000, description="Requests in flight in one crawler process")
    host_concurrency: int = Field(4, ge=1, le=1000, description="Requests in flight to one host")
    rate_per_s: float = Field(5.0, ge=0, description="Requests a second to one public host; 0: no limit")
    max_pages: int = Field(100_000, ge=1, description="Pages of one run, unless the source says otherwise")
    max_depth: int | None = Field(None, ge=0, description="Links from a start URL, unless the source says otherwise")
    max_hops: int = Field(10, ge=0, le=50, description="Redirects in a row")
    max_attempts: int = Field(4, ge=1, le=20, description="Tries of one URL in a run, the first included")
    retry_base_s: float = Field(1.0, gt=0, le=600, description="Upper bound of the first retry's random delay")
    retry_cap_s: float = Field(60.0, gt=0, le=3600, description="Upper bound of any retry delay, Retry-After included")
    retry_deadline_s: float = Field(900.0, gt=0, description="Longest time from a URL's first try to its last")
    retry_budget: float = Field(
        0.2, ge=0, le=1, description="Retries that a host may cost, as a share of its requests (beyond the first 20)"
    )
    slow_answer_s: float = Field(5.0, gt=0, le=600, description="A host that answers slower than this is asked less")
    breaker_failures: int = Field(
        5, ge=1, le=1000, description="Failures in a row after which a host is left alone for a while"
    )
    breaker_open_s: float = Field(
        30.0, gt=0, le=3600, description="First pause of a failing host; doubled after each failed trial"
    )
    breaker_trials: int = Field(
        5, ge=1, le=100, description="Failed trials in a row after which the host's URLs of the run fail"
    )
    trap_budget: int = Field(
        20_000, ge=1, description="URLs of a run that differ in one query value; a tenth for each further parameter"
    )
    max_run_bytes: int = Field(0, ge=0, description="Bytes that one run may receive; 0: no limit")
    file_roots: tuple[Path, ...] = Field(
        (), description="Folders below which sources that come in over the API may read files"
    )
    api_secrets: tuple[str, ...] = Field(
        (), description="Names of `secrets.*` that sources of callers of the API who are no admins may send"
    )
    robots: bool = Field(True, description="Obey robots.txt")
    robots_ttl_s: float = Field(3600.0, ge=1, description="How long a robots.txt is believed")
    lease_s: float = Field(120.0, ge=5, le=3600, description="How long a leased visit stays with its crawler")
    batch_size: int = Field(128, ge=1, le=512, description="Visits leased, and results written, in one transaction")

    @property
    def product(self) -> str:
        """The name that robots.txt knows us by: the user agent without its version."""
        return self.user_agent.partition("/")[0]


class BrowserSettings(_Group):
    """The browser for pages that are empty without JavaScript."""

    executable: Path | None = Field(None, description="The Chromium to use; empty: the system's")
    pages: int = Field(4, ge=1, le=64, description="Pages open at once")
    recycle_after: int = Field(200, ge=1, description="Pages after which Chromium is replaced")
    memory_mb: int = Field(3072, ge=256, description="Memory at which Chromium's largest page is killed")
    page_memory_mb: int = Field(1024, ge=64, description="Memory at which a page is killed")
    page_requests: int = Field(500, ge=1, description="Requests that one page may send")
    page_bytes: int = Field(64 * _MIB, ge=1024, description="Bytes that one page may receive")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Longest time for one page")
    settle_s: float = Field(3.0, ge=0, le=60, description="Longest wait for a quiet network after the load event")


class LanguageModelSettings(_Group):
    """The language model that may fill fields; off while `url` is empty."""

    url: str = Field("", description="Base URL of an OpenAI-compatible endpoint, such as `http://localhost:8080/v1`")
    key: SecretStr | None = Field(None, description="Sent as a bearer token")
    model: str = Field("", description="Name of the model")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Longest time for one answer")
    max_chars: int = Field(12_000, ge=100, description="Characters of a document's text that are sent")
    max_tokens: int = Field(1000, ge=1, description="Tokens of one answer")
    daily_tokens: int = Field(1_000_000, ge=0, description="Tokens that may be spent in a day (UTC), by all processes")
    concurrency: int = Field(4, ge=1, le=100, description="Requests in flight in one processor")


class ProcessSettings(_Group):
    """How captures become documents."""

    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=128, description="Worker processes; default: one a core"
    )
    batch_size: int = Field(64, ge=1, le=1000, description="Captures stored in one transaction")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Longest time for one capture before its worker is killed")
    memory_mb: int = Field(1024, ge=128, description="Address space one worker may add to what it starts with")
    recycle_after: int = Field(2000, ge=1, description="Captures after which a worker is replaced")
    max_attempts: int = Field(3, ge=1, le=20, description="Tries before a capture becomes a dead letter")
    min_entity_confidence: float = Field(
        0.7, ge=0, le=1, description="Named entities of which the model is less sure are left out"
    )
    spacy_models: tuple[str, ...] = Field(
        ("en_core_web_sm", "es_core_news_lg"), description="Installed spaCy models, one for each language"
    )
    llm: LanguageModelSettings = LanguageModelSettings()


class ApiSettings(_Group):
    """The HTTP server."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on")
    workers: int = Field(1, ge=1, le=256, description="Processes of `tidemill serve` behind the one port")
    keys: Annotated[tuple[SecretStr, ...], Field(description="API keys accepted besides the stored ones")] = ()
    max_request_bytes: int = Field(10 * _MIB, ge=1024, description="Largest request body")
    max_in_flight: int = Field(
        256, ge=1, le=100_000, description="Requests at work at once; more are told to come back (503)"
    )
    timeout_s: float = Field(30.0, gt=0, le=3600, description="Longest time until an answer begins; then 503")
    docs: bool = Field(True, description="Serve the OpenAPI page under /api/docs")


class HttpSettings(_Group):
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


class LimitsSettings(_Group):
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


class AuthSettings(_Group):
    """Users, their passwords and the tokens they get for them."""

    secret: SecretStr | None = Field(
        None,
        description="What access tokens are signed with, the same on every machine; empty: a key in the data folder",
    )
    old_secrets: Annotated[tuple[SecretStr, ...], Field(description="Former secrets whose tokens still hold")] = ()
    issuer: str = Field("tidemill", min_length=1, description="Who issues access tokens (`iss`)")
    audience: str = Field("tidemill-api", min_length=1, description="Whom they are for (`aud`)")
    access_s: int = Field(900, ge=60, le=3600, description="How long an access token is good for")
    refresh_s: int = Field(
        1_209_600, ge=600, le=31_536_000, description="How long a login lasts, however often it is refreshed"
    )
    min_password_length: int = Field(12, ge=8, le=128, description="Characters of a new password")
    argon2_passes: int = Field(3, ge=1, le=100, description="Passes of argon2id over its memory")
    argon2_memory_kib: int = Field(65_536, ge=64, le=4_194_304, description="Memory of one argon2id hash")
    argon2_lanes: int = Field(4, ge=1, le=64, description="Lanes of argon2id")
    login_failures: int = Field(5, ge=1, le=1000, description="Wrong passwords of an account before it has to wait")
    address_failures: int = Field(20, ge=1, le=10_000, description="Failed logins from an address before it has to")
    login_pause_s: float = Field(900.0, ge=1, le=86_400, description="Longest wait after failed logins")
    key_overlap_s: float = Field(86_400.0, ge=0, description="How long a rotated API key goes on working")
    loopback_role: Literal["none", "viewer", "operator", "admin"] = Field(
        "operator",
        description="Role of who asks on loopback without credentials; `none`, needed behind any proxy: nobody's",
    )


class QuotaSettings(_Group):
    """What each user may have, unless they were given quotas of their own; 0: no limit."""

    sources: int = Field(0, ge=0, description="Sources that a user owns")
    pages_per_day: int = Field(0, ge=0, description="Pages that runs of a user fetch in a day (UTC)")
    documents: int = Field(0, ge=0, description="Documents in sources of a user, above which no run begins")
    exports_per_day: int = Field(0, ge=0, description="Exports that a user starts in a day (UTC)")


class ExportsSettings(_Group):
    """Files of documents that callers have made, and what is streamed to them."""

    keep_days: int = Field(7, ge=1, le=3650, description="Days after which the file of an export is deleted")
    max_hits: int = Field(10_000, ge=1, le=100_000, description="The most documents of an export of a search")
    max_streamed: int = Field(
        10_000, ge=1, le=1_000_000, description="The most documents of `GET /documents/export`; more want a job"
    )


class StreamsSettings(_Group):
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


class RolesSettings(_Group):
    """The long-running processes: `tidemill crawler`, `processor`, `indexer`, `serve` and `up`."""

    grace_s: float = Field(
        30.0, ge=0, le=3600, description="How long work in flight may go on after SIGTERM before it is given back"
    )
    probe_host: str = Field("127.0.0.1", description="Address of the probes and metrics of crawler, processor, indexer")
    probe_port: int = Field(0, ge=0, le=65_535, description="Their port; 0: any free one, told at the start")


class RetentionSettings(_Group):
    """How long the account of old crawls is kept; `tidemill db retain` lets go of what is older."""

    visits_days: int | None = Field(
        None, ge=1, le=36_500, description="Days after the end of a run for which its ledger is kept; then only totals"
    )
    events_days: int | None = Field(
        None, ge=1, le=36_500, description="Days for which events are kept; the last of each current document stays"
    )


class LoggingSettings(_Group):
    """What is written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field("INFO", description="Least level written")
    format: Literal["auto", "human", "json"] = Field("auto", description="`auto`: human on a terminal, JSON elsewhere")

    @field_validator("level", mode="before")
    @classmethod
    def _accept_lower_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class TestingSettings(_Group):
    """What only tests set."""

    crash_at: str = Field(
        "",
        pattern=r"^([a-z]+\.[a-z_]+:[1-9][0-9]{0,5})?$",
        description="`STEP:N`: the process kills itself at that step of the code, the N-th time; empty: never",
    )


class Settings(_Group):
    """The whole tree."""

    profile: Profile = Field("local", description="Which file of `config/` applies")
    data_dir: Path = Field(
        Path("~/.local/share/tidemill"), description="The one folder in which embedded mode keeps everything"
    )
    database: DatabaseSettings = DatabaseSettings()
    archive: ArchiveSettings = ArchiveSettings()
    queue: QueueSettings = QueueSettings()
    search: SearchSettings = SearchSettings()
    net: NetSettings = NetSettings()
    crawl: CrawlSettings = CrawlSettings()
    browser: BrowserSettings = BrowserSettings()
    process: ProcessSettings = ProcessSettings()
    api: ApiSettings = ApiSettings()
    http: HttpSettings = HttpSettings()
    limits: LimitsSettings = LimitsSettings()
    auth: AuthSettings = AuthSettings()
    quotas: QuotaSettings = QuotaSettings()
    exports: ExportsSettings = ExportsSettings()
    streams: StreamsSettings = StreamsSettings()
    roles: RolesSettings = RolesSettings()
    retention: RetentionSettings = RetentionSettings()
    logging: LoggingSettings = LoggingSettings()
    testing: TestingSettings = TestingSettings()
    secrets: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="What sources refer to as `${secret:NAME}`, each under a name of your own."
    )

    @field_validator("data_dir")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        """`~` and relative paths mean the same folder for every process of the group."""
        return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 - resolve() would follow links

    @property
    def lease_s(self) -> float:
        """How long a worker may be silent before the others take what it holds: the shortest lease of all."""
        return min(self.crawl.lease_s, self.queue.lease_s)

    @property
    def database_url(self) -> str:
        """Where the database is: a URL with an absolute path if it is a file."""
        return _expand_home(self.database.url) or f"sqlite:///{_as_path(self.data_dir / 'tidemill.db')}"

    @property
    def archive_url(self) -> str:
        """Where the archive is."""
        return _expand_home(self.archive.url) or f"file://{_as_path(self.data_dir / 'archive')}"

    @property
    def search_url(self) -> str:
        """Where the search index is."""
        return _expand_home(self.search.url) or f"tantivy://{_as_path(self.data_dir / 'index')}"


def _as_path(path: Path) -> str:
    """`path` as the path of a URL; only what would end the path is escaped, so that most paths read as themselves."""
    return str(path).replace("%", "%25").replace("?", "%3F").replace("#", "%23")


def _expand_home(url: str) -> str:
    """`url` with a `~` at the beginning of its path replaced by the home folder (`sqlite:///~/x.db`, `file://~/x`)."""
    scheme, mark, rest = url.partition("://")
    path = rest.removeprefix("/")
    if not mark or not path.startswith("~/"):
        return url
    slash = rest[: len(rest) - len(path)]
    return f"{scheme}://{slash}{_as_path(Path.home())}{path[1:]}"
