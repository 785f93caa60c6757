"""The tantivy engine: one index in a folder of the data directory, written by one process and read by any number."""

from tidemill.search.tantivy.engine import TantivyEngine

__all__ = ["TantivyEngine"]
