"""One file URL for each path of this machine, and the path back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Invalid
from tidemill.models.url import MAX_URL_LENGTH, file_url, path_of, url_folder, url_host, url_origin

PARTS = st.binary(min_size=1, max_size=8).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"").replace(b"/", b"")))
PATHS = st.lists(PARTS.filter(lambda part: part not in ("", ".", "..")), max_size=4).map(
    lambda parts: Path("/", *parts)
)


@given(PATHS, st.booleans())
def test_every_path_has_one_url_that_leads_back(path: Path, folder: bool) -> None:
    url = file_url(path, folder=folder)
    assert path_of(url) == path
    assert url.isascii()
    assert " " not in url
    assert url.endswith("/") == (folder or path == Path("/"))
    assert file_url(path_of(url), folder=folder) == url


def test_whether_it_is_a_folder_is_looked_up_and_the_working_directory_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path)
    assert file_url(Path("a b")) == f"file://{tmp_path}/a%20b/"
    assert file_url(Path("./x/../a b/c#1")) == f"file://{tmp_path}/a%20b/c%231"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///srv/a%20b/", "/srv/a b"),
        ("FILE://LocalHost/srv", "/srv"),
        ("file:/srv/x", "/srv/x"),
        ("file:////srv//x", "/srv/x"),
        ("file:///srv/../etc/%2e%2e/x", "/x"),
        ("file:///srv/x?after=1#y", "/srv/x"),
        ("file:///srv/%3F%23%25", "/srv/?#%"),
        ("file:///", "/"),
    ],
)
def test_other_spellings_are_understood(url: str, path: str) -> None:
    assert path_of(url) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "file://other/share/x",
        "file://127.0.0.1/x",
        "file:x",
        "file:",
        "http://a/x",
        "/srv",
        "",
        "file:///a%00b",
        "file:///\ud800",
    ],
)
def test_what_is_no_file_of_this_machine_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        path_of(url)
    assert caught.value.reason == "bad_url"


@pytest.mark.parametrize("path", ["/a\0b", "/" + "é" * (MAX_URL_LENGTH // 6)])
def test_a_path_that_no_url_can_hold_is_refused(path: str) -> None:
    with pytest.raises(Invalid) as caught:
        file_url(Path(path), folder=False)
    assert caught.value.reason == "bad_url"


def test_file_urls_have_an_origin_without_host() -> None:
    url = file_url(Path("/srv/docs/a.html"), folder=False)
    assert (url_origin(url), url_host(url), url_folder(url)) == ("file://", "", "file:///srv/docs/")
