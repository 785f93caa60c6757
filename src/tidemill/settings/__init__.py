"""All that can be set, as one nested frozen tree: the only reader of the environment.

`load_settings()` is called once, at the edge (command line, tests, a server's factory); every room gets the part of the
tree it needs. Precedence: defaults < profile (`config/<profile>.yaml`) < `.env` < secrets directory < environment <
command line.
"""

from tidemill.settings.load import Loaded, Origin, load, load_settings, origins
from tidemill.settings.tree import (
    ApiSettings,
    ArchiveSettings,
    AuthSettings,
    BrowserSettings,
    CrawlSettings,
    DatabaseSettings,
    ExportsSettings,
    LoggingSettings,
    NetSettings,
    ProcessSettings,
    QueueSettings,
    QuotaSettings,
    RetentionSettings,
    RolesSettings,
    SearchSettings,
    Settings,
    StreamsSettings,
)

__all__ = [
    "ApiSettings",
    "ArchiveSettings",
    "AuthSettings",
    "BrowserSettings",
    "CrawlSettings",
    "DatabaseSettings",
    "ExportsSettings",
    "Loaded",
    "LoggingSettings",
    "NetSettings",
    "Origin",
    "ProcessSettings",
    "QueueSettings",
    "QuotaSettings",
    "RetentionSettings",
    "RolesSettings",
    "SearchSettings",
    "Settings",
    "StreamsSettings",
    "load",
    "load_settings",
    "origins",
]
