"""What the tree itself does: the data folder's paths and URLs, immutability, and what it never prints."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from tidemill.settings import ApiSettings, ArchiveSettings, DatabaseSettings, SearchSettings, Settings

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs", "Cc", "Z"]), min_size=1).filter(
    lambda name: name not in (".", "..")
)


def test_data_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Settings(data_dir=Path("a/../b")).data_dir == tmp_path / "b"
    assert Settings(data_dir=Path("~/b")).data_dir == tmp_path / "home" / "b"
    assert Settings().data_dir == tmp_path / "home" / ".local/share/tidemill"


def test_empty_urls_lie_in_the_data_folder() -> None:
    settings = Settings(data_dir=Path("/data dir"))
    assert settings.database_url == "sqlite:////data dir/tidemill.db"
    assert settings.archive_url == "file:///data dir/archive"
    assert settings.search_url == "tantivy:///data dir/index"


@given(NAMES)
def test_any_folder_survives_the_way_through_a_url(name: str) -> None:
    settings = Settings(data_dir=Path("/") / name)
    assert make_url(settings.database_url).database == f"/{name}/tidemill.db"
    assert unquote(urlsplit(settings.archive_url).path) == f"/{name}/archive"
    assert unquote(urlsplit(settings.search_url).path) == f"/{name}/index"


def test_home_is_expanded_in_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    settings = Settings(
        database=DatabaseSettings(url="sqlite:///~/x.db"),
        archive=ArchiveSettings(url="file://~/a"),
        search=SearchSettings(url="tantivy:///srv/~/index"),
    )
    assert settings.database_url == "sqlite:////home/ann/x.db"
    assert settings.archive_url == "file:///home/ann/a"
    assert settings.search_url == "tantivy:///srv/~/index"


def test_tree_is_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        Settings().api.port = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        ApiSettings(prot=1)  # type: ignore[call-arg]


def test_secrets_are_not_printed() -> None:
    settings = Settings(api=ApiSettings(keys=(SecretStr("canary"),)))
    assert "canary" not in repr(settings) + str(settings) + settings.model_dump_json()
