"""The tree of settings: names, types, defaults, bounds and what each one does; a file for each part of the house.

`load.py` fills it; the rooms get it, or their part of it, as an argument. The three URLs that may be left empty are
read through `Settings.database_url`, `archive_url` and `search_url`, which fill in the data folder.
"""

from tidemill.settings.tree.crawling import BrowserSettings, CrawlSettings, NetSettings
from tidemill.settings.tree.people import AuthSettings, QuotaSettings
from tidemill.settings.tree.processing import LanguageModelSettings, ProcessSettings
from tidemill.settings.tree.running import LoggingSettings, RolesSettings, TestingSettings
from tidemill.settings.tree.serving import ApiSettings, ExportsSettings, HttpSettings, LimitsSettings, StreamsSettings
from tidemill.settings.tree.stores import (
    ArchiveSettings,
    DatabaseSettings,
    QueueSettings,
    RetentionSettings,
    SearchSettings,
)
from tidemill.settings.tree.whole import Profile, Settings

__all__ = [
    "ApiSettings",
    "ArchiveSettings",
    "AuthSettings",
    "BrowserSettings",
    "CrawlSettings",
    "DatabaseSettings",
    "ExportsSettings",
    "HttpSettings",
    "LanguageModelSettings",
    "LimitsSettings",
    "LoggingSettings",
    "NetSettings",
    "ProcessSettings",
    "Profile",
    "QueueSettings",
    "QuotaSettings",
    "RetentionSettings",
    "RolesSettings",
    "SearchSettings",
    "Settings",
    "StreamsSettings",
    "TestingSettings",
]
