"""The engine a search URL means."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.errors import Invalid
from tidemill.search.base import Position
from tidemill.search.open import open_engine, open_fallback
from tidemill.settings.tree import DatabaseSettings, SearchSettings
from tidemill.store.engine import Store, open_store


def store(folder: Path) -> Store:
    return open_store(f"sqlite:///{folder}/x.db", DatabaseSettings())


@pytest.mark.parametrize(("url", "folder"), [("", "index"), ("tantivy://{tmp}/my%20index", "my index")])
async def test_the_index_is_where_the_url_says(tmp_path: Path, url: str, folder: str) -> None:
    engine = open_engine(SearchSettings(url=url.format(tmp=tmp_path), writer_memory_mb=16), tmp_path, store(tmp_path))
    assert await engine.try_lock()
    await engine.begin("e")
    await engine.apply((), (), Position("e", 1))
    await engine.close()
    assert (tmp_path / folder / "cursor.json").is_file()


@pytest.mark.parametrize("url", ["solr://x", "tantivy://host/path", "tantivy:", "/just/a/path"])
def test_another_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid, match="tantivy:///"):
        open_engine(SearchSettings(url=url), tmp_path, store(tmp_path))


def test_postgresql_is_the_database_of_the_store_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"database\.url"):
        open_engine(SearchSettings(url="postgresql:"), tmp_path, store(tmp_path))


def test_a_cluster_is_named_by_host_alone(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="names no cluster"):
        open_engine(SearchSettings(url="opensearch://host/index"), tmp_path, store(tmp_path))
    assert open_fallback(SearchSettings(url="opensearch://host"), store(tmp_path)) is None
