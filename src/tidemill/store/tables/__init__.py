"""The tables, a file for each room. Their names are a contract; `migrations/` make them, a test compares the two.

Keys: UUIDv7 for what happens, derived UUIDv8 for what is (see models/ids). States are CHECKed. What people own has a
team. Import them from here: only so are all of them known to `metadata`.
"""

from tidemill.store.tables.accounts import (
    api_keys,
    audit_log,
    idempotency_keys,
    login_attempts,
    refresh_tokens,
    teams,
    users,
)
from tidemill.store.tables.columns import metadata
from tidemill.store.tables.crawls import fires, runs, schedules, source_versions, sources
from tidemill.store.tables.fetched import captures, dead_letters, waiting
from tidemill.store.tables.ledger import IS_OPEN, hosts, pages, url_patterns, visits
from tidemill.store.tables.outbox import cursors, deliveries, events, search_queries, webhooks
from tidemill.store.tables.produced import document_tags, document_versions, documents, leaders, signatures, tags
from tidemill.store.tables.work import jobs, llm_answers, meta, workers

__all__ = [
    "IS_OPEN",
    "api_keys",
    "audit_log",
    "captures",
    "cursors",
    "dead_letters",
    "deliveries",
    "document_tags",
    "document_versions",
    "documents",
    "events",
    "fires",
    "hosts",
    "idempotency_keys",
    "jobs",
    "leaders",
    "llm_answers",
    "login_attempts",
    "meta",
    "metadata",
    "pages",
    "refresh_tokens",
    "runs",
    "schedules",
    "search_queries",
    "signatures",
    "source_versions",
    "sources",
    "tags",
    "teams",
    "url_patterns",
    "users",
    "visits",
    "waiting",
    "webhooks",
    "workers",
]
