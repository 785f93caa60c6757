"""Which engine a search URL means, and which one answers in its place. Called by the wiring only.

Clients of servers are imported only when they are named.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tidemill.errors import Invalid
from tidemill.search.base import SearchEngine
from tidemill.search.lock import LocalLock, WriterLock
from tidemill.search.tantivy import TantivyEngine
from tidemill.settings.tree import SearchSettings
from tidemill.store import locks
from tidemill.store.engine import SERVERS, Store
from tidemill.store.replicas import Replicas

_CLUSTERS = ("opensearch", "opensearchs", "elasticsearch", "elasticsearchs", "http", "https")


def open_engine(
    settings: SearchSettings, data_dir: Path, store: Store, replicas: Replicas | None = None
) -> SearchEngine:
    """The engine of `settings.url`; empty means tantivy in `<data_dir>/index`. Raises `Invalid` for another URL.

    An engine in the database asks its standbys, `replicas`, where it can.
    """
    if not settings.url:
        return TantivyEngine(data_dir.expanduser() / "index", writer_memory_mb=settings.writer_memory_mb)
    scheme = urlsplit(settings.url).scheme
    if scheme == "postgresql":
        return _in_database(settings, store, replicas)
    if scheme in _CLUSTERS:
        return _on_cluster(settings, data_dir, store)
    url = urlsplit(settings.url)
    if scheme != "tantivy" or url.netloc or not url.path:
        raise Invalid(
            f"search.url is {settings.url!r}; write tantivy:///path/of/a/folder, postgresql:, opensearch://host:9200"
            " or elasticsearch://host:9200, or leave it empty",
            reason="invalid_setting",
        )
    return TantivyEngine(Path(unquote(url.path)), writer_memory_mb=settings.writer_memory_mb)


def open_fallback(settings: SearchSettings, store: Store, replicas: Replicas | None = None) -> SearchEngine | None:
    """What answers while a cluster is gone: the database, if it is a server and that is wanted."""
    if not settings.fallback or urlsplit(settings.url).scheme not in _CLUSTERS or not is_server(store):
        return None
    from tidemill.search.postgres import PostgresEngine

    return PostgresEngine(store, replicas)


def is_server(store: Store) -> bool:
    """Whether the store is a PostgreSQL."""
    return urlsplit(store.url).scheme.partition("+")[0] in SERVERS


def _in_database(settings: SearchSettings, store: Store, replicas: Replicas | None) -> SearchEngine:
    if not is_server(store) or settings.url not in ("postgresql:", "postgresql://", store.url):
        raise Invalid(
            "search.url names PostgreSQL, which can only be the database of the store: write postgresql: and let"
            " database.url name the server, or leave search.url empty",
            reason="invalid_setting",
        )
    from tidemill.search.postgres import PostgresEngine

    return PostgresEngine(store, replicas)


def _on_cluster(settings: SearchSettings, data_dir: Path, store: Store) -> SearchEngine:
    try:
        from tidemill.search.opensearch import OpenSearchEngine
        from tidemill.search.opensearch.cluster import Cluster
    except ImportError as error:
        raise Invalid(
            "search.url names a cluster, which needs the extra opensearch: pip install 'tidemill[opensearch]'",
            reason="invalid_setting",
        ) from error
    cluster = Cluster(settings.url, ca=settings.ca, timeout_s=settings.timeout_s)
    return OpenSearchEngine(
        cluster,
        _cluster_lock(data_dir, store),
        alias=settings.index,
        shards=settings.shards,
        replicas=settings.replicas,
    )


def _cluster_lock(data_dir: Path, store: Store) -> WriterLock:
    """All who write to one database must see the same lock."""
    if not is_server(store):
        return LocalLock(data_dir.expanduser() / "search.lock")
    from tidemill.search.postgres.lock import ServerLock

    return ServerLock(store, locks.SEARCH_CLUSTER)
