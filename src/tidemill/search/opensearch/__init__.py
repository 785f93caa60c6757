"""OpenSearch and Elasticsearch as the search engine, through one client: what is used of them, both have."""

from tidemill.search.opensearch.engine import OpenSearchEngine

__all__ = ["OpenSearchEngine"]
