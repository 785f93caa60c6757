"""The names that the specification gives to settings, and what they are called here.

They hold in every profile but `local`, where a stray `DATABASE_URL` in a shell must not move someone's data. In one
layer (`.env`, say) the setting's own variable wins over an alias. `PROFILE_ALIASES` hold always.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "API_KEYS": "api.keys",  # pragma: allowlist secret
        "BATCH_SIZE": "process.batch_size",
        "CORS_ORIGINS": "http.cors_origins",
        "CRAWLER_TIMEOUT": "net.total_timeout_s",
        "CRAWLER_USER_AGENT": "crawl.user_agent",
        "DATABASE_PRIMARY_URL": "database.url",
        "DATABASE_REPLICA_URLS": "database.replica_urls",
        "DATABASE_URL": "database.url",
        "DB_MAX_OVERFLOW": "database.max_overflow",
        "DB_POOL_RECYCLE": "database.pool_recycle_s",
        "DB_POOL_SIZE": "database.pool_size",
        "DB_POOL_TIMEOUT": "database.pool_timeout_s",
        "ELASTICSEARCH_INDEX": "search.index",
        "ELASTICSEARCH_URL": "search.url",
        "HOST": "api.host",
        "JWT_EXPIRATION": "auth.access_s",
        "JWT_SECRET": "auth.secret",  # pragma: allowlist secret
        "LOG_LEVEL": "logging.level",
        "MAX_CONCURRENT_CRAWLERS": "crawl.concurrency",
        "MAX_CONCURRENT_SCRAPERS": "crawl.concurrency",
        "MAX_PAGES_PER_CRAWL": "crawl.max_pages",
        "MAX_PROCESSING_TIME": "process.timeout_s",
        "MAX_REQUEST_SIZE": "api.max_request_bytes",
        "MAX_SEARCH_RESULTS": "search.max_results",
        "METRICS_PORT": "roles.probe_port",
        "MIN_ENTITY_CONFIDENCE": "process.min_entity_confidence",
        "PORT": "api.port",
        "PROCESSING_WORKERS": "process.workers",
        "QUEUE_URL": "queue.url",
        "RATE_LIMIT_PER_HOUR": "limits.address_per_hour",
        "RATE_LIMIT_PER_MINUTE": "limits.address",
        "RATE_LIMIT_REQUESTS": "limits.requests",
        "RATE_LIMIT_WINDOW": "limits.window_s",
        "REQUEST_TIMEOUT": "net.read_timeout_s",
        "SECRET_KEY": "auth.secret",  # pragma: allowlist secret
        "SCRAPER_RATE_LIMIT": "crawl.rate_per_s",
        "SCRAPER__PERFORMANCE__BATCH_SIZE": "process.batch_size",
        "SCRAPER__PERFORMANCE__MAX_WORKERS": "process.workers",
        "SEARCH_CACHE_TTL": "search.cache_ttl_s",
        "SEARCH_TIMEOUT": "search.timeout_s",
        "SPACY_MODEL": "process.spacy_models",
    }
)

PROFILE_ALIASES = ("DEPLOYMENT_ENV", "ENVIRONMENT")
PROFILE_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {"development": "local", "dev": "local", "prod": "production", "stage": "staging"}
)


def aliases_of(name: str) -> tuple[str, ...]:
    """The aliases of a dotted name, in alphabetical order."""
    if name == "profile":
        return PROFILE_ALIASES
    return tuple(alias for alias, target in ALIASES.items() if target == name)
