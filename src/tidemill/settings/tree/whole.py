"""The whole tree, and the three URLs that may be left empty: `Settings` fills in the data folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from tidemill.settings.tree.crawling import BrowserSettings, CrawlSettings, NetSettings
from tidemill.settings.tree.group import Group
from tidemill.settings.tree.people import AuthSettings, QuotaSettings
from tidemill.settings.tree.processing import ProcessSettings
from tidemill.settings.tree.running import LoggingSettings, RolesSettings, TestingSettings
from tidemill.settings.tree.serving import ApiSettings, ExportsSettings, HttpSettings, LimitsSettings, StreamsSettings
from tidemill.settings.tree.stores import (
    ArchiveSettings,
    DatabaseSettings,
    QueueSettings,
    RetentionSettings,
    SearchSettings,
)

Profile = Literal["local", "staging", "production", "docker"]


class Settings(Group):
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
