"""A source: a website that a team wants kept, as it is written down in YAML and as it stands in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProcessRules:
    """What the process stage demands of a source's documents. A page below `min_words` is invalid."""

    min_words: int = 5
    languages: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as its owner writes it. `None` means the setting's default.

    `start` are the URLs a run begins with. A URL is in scope if its host is one of `hosts` (default: the hosts of
    `start`), its URL begins with one of `within` (default: anything on the hosts), matches one of the regular
    expressions `allow` (if any) and none of `deny`. `rate_per_s` is requests a second to each host, 0 for no limit.
    """

    name: str
    kind: str = "website"
    start: tuple[str, ...] = ()
    description: str = ""
    hosts: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    sitemaps: bool = True
    max_pages: int | None = None
    max_depth: int | None = None
    rate_per_s: float | None = None
    concurrency: int | None = None
    process: ProcessRules = field(default_factory=ProcessRules)


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it stands in the store. `adhoc` ones were made by crawling a URL."""

    id: str
    spec: SourceSpec
    version: int
    adhoc: bool
    created_at: datetime
    updated_at: datetime
    documents: int = 0

    @property
    def name(self) -> str:
        """The name people call it by; unique."""
        return self.spec.name
