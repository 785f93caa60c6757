"""How sites are visited: requests that leave the house, crawls, the browser."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tidemill.settings.tree.group import MIB, Group


class NetSettings(Group):
    """What requests that leave the house may do, whoever sends them."""

    allow_private: bool = Field(False, description="Allow loopback, private and link-local addresses")
    allow_hosts: tuple[str, ...] = Field(
        (), description="`host:port` pairs allowed even if they resolve to private addresses"
    )
    allowed_ports: tuple[int, ...] = Field((), description="Ports requests may go to; empty: any port")
    connect_timeout_s: float = Field(10.0, gt=0, le=300, description="Time to resolve and connect")
    read_timeout_s: float = Field(20.0, gt=0, le=600, description="Longest silence while a response is read")
    total_timeout_s: float = Field(60.0, gt=0, le=3600, description="Longest time for one whole response")
    max_body_bytes: int = Field(32 * MIB, ge=1024, description="Largest body, counted after decompression")
    max_inflation: int = Field(200, ge=2, description="Largest ratio of a body to its compressed form (above 1 MiB)")
    max_header_bytes: int = Field(65_536, ge=1024, description="Largest response header block")


class CrawlSettings(Group):
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


class BrowserSettings(Group):
    """The browser for pages that are empty without JavaScript."""

    executable: Path | None = Field(None, description="The Chromium to use; empty: the system's")
    pages: int = Field(4, ge=1, le=64, description="Pages open at once")
    recycle_after: int = Field(200, ge=1, description="Pages after which Chromium is replaced")
    memory_mb: int = Field(3072, ge=256, description="Memory at which Chromium's largest page is killed")
    page_memory_mb: int = Field(1024, ge=64, description="Memory at which a page is killed")
    page_requests: int = Field(500, ge=1, description="Requests that one page may send")
    page_bytes: int = Field(64 * MIB, ge=1024, description="Bytes that one page may receive")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Longest time for one page")
    settle_s: float = Field(3.0, ge=0, le=60, description="Longest wait for a quiet network after the load event")
