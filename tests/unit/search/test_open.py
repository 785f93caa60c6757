"""The engine a search URL means."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.errors import Invalid
from tidemill.search.base import Position
from tidemill.search.open import open_engine
from tidemill.settings.tree import SearchSettings


@pytest.mark.parametrize(("url", "folder"), [("", "index"), ("tantivy://{tmp}/my%20index", "my index")])
async def test_the_index_is_where_the_url_says(tmp_path: Path, url: str, folder: str) -> None:
    engine = open_engine(SearchSettings(url=url.format(tmp=tmp_path), writer_memory_mb=16), tmp_path)
    assert await engine.try_lock()
    await engine.begin("e")
    await engine.apply((), (), Position("e", 1))
    await engine.close()
    assert (tmp_path / folder / "cursor.json").is_file()


@pytest.mark.parametrize("url", ["solr://x", "tantivy://host/path", "tantivy:", "/just/a/path"])
def test_another_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid, match="tantivy:///"):
        open_engine(SearchSettings(url=url), tmp_path)
