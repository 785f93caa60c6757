"""Which engine a search URL means. Called by the wiring only."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tidemill.errors import Invalid
from tidemill.search.base import SearchEngine
from tidemill.search.tantivy import TantivyEngine
from tidemill.settings.tree import SearchSettings


def open_engine(settings: SearchSettings, data_dir: Path) -> SearchEngine:
    """The engine of `settings.url`; empty means tantivy in `<data_dir>/index`. Raises `Invalid` for another scheme."""
    if not settings.url:
        return TantivyEngine(data_dir.expanduser() / "index", writer_memory_mb=settings.writer_memory_mb)
    url = urlsplit(settings.url)
    if url.scheme != "tantivy" or url.netloc or not url.path:
        raise Invalid(
            f"search.url is {settings.url!r}; write tantivy:///path/of/a/folder, or leave it empty",
            reason="invalid_setting",
        )
    return TantivyEngine(Path(unquote(url.path)), writer_memory_mb=settings.writer_memory_mb)
