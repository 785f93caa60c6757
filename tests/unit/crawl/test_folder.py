"""A folder answers as a website would, and never for anything that lies outside of it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.crawl.local import folder as module
from tidemill.crawl.local import walk
from tidemill.crawl.local.folder import Folder, start_url
from tidemill.errors import Forbidden, Invalid, Permanent
from tidemill.models.url import file_url, path_of

PAGE = b"<!DOCTYPE html><title>Mill</title><p>The tide turns the wheel."
NOON = datetime(2030, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with pages at two levels, and hidden things."""
    made = tmp_path / "site"
    put(made, "index.html", PAGE)
    put(made, "b.txt", b"Plain words.")
    put(made, "guide/a b.html", PAGE)
    put(made, ".git/config", b"secret")
    put(made, "guide/.env", b"secret")
    put(tmp_path, "outside.html", b"secret")
    return made


def put(folder: Path, path: str, body: bytes) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    return file


def opened(*start: Path | str, base_url: str | None = None, max_body_bytes: int = 10_000) -> Folder:
    return Folder(map(str, start), base_url=base_url, max_body_bytes=max_body_bytes)


async def listed(folder: Folder, start: Path) -> list[str]:
    """The URLs of all listings, one after the other."""
    urls, waiting = [], [start_url(str(start))]
    while waiting:
        listing = await folder.listing(waiting.pop())
        urls += [each.url for each in listing.pages]
        waiting += listing.further
    return urls


# --- the listing of a folder ------------------------------------------------------------------------------------------


async def test_all_files_below_a_folder_are_listed_in_order_but_the_hidden_ones(root: Path) -> None:
    assert await listed(opened(root), root) == [
        f"{file_url(root)}b.txt",
        f"{file_url(root)}guide/a%20b.html",
        f"{file_url(root)}index.html",
    ]


async def test_below_a_base_url_files_are_known_as_pages_of_it(root: Path) -> None:
    put(root, "guide/ñ,(1);x=2&y?#%.html", PAGE)
    assert await listed(opened(root, base_url="https://Docs.example/v1"), root) == [
        "https://docs.example/v1/b.txt",
        "https://docs.example/v1/guide/a%20b.html",
        "https://docs.example/v1/guide/%C3%B1,(1)%3Bx=2&y%3F%23%25.html",
        "https://docs.example/v1/index.html",
    ]


async def test_a_file_says_when_it_was_put_there_even_if_its_own_date_is_older(root: Path) -> None:
    os.utime(root / "index.html", (NOON.timestamp(), NOON.timestamp()))
    os.utime(root / "b.txt", (0, 0))
    pages = {each.url.rpartition("/")[2]: each for each in (await opened(root).listing(start_url(str(root)))).pages}
    assert pages["index.html"].modified_at == NOON
    put_there = pages["b.txt"].modified_at
    assert put_there is not None
    assert put_there.year > 2020


async def test_a_large_folder_comes_in_parts_and_each_file_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(23):
        put(root, f"d{number % 3}/{number}.html", PAGE)
    whole = await listed(opened(root), root)
    for most, chunk in ((1, 2), (7, 3), (26, 5)):
        monkeypatch.setattr(module, "MOST_LISTED", most)
        monkeypatch.setattr(walk, "_CHUNK", chunk)
        first = await opened(root).listing(start_url(str(root)))
        assert len(first.pages) == min(most, 26)
        assert bool(first.further) == (most < 26)
        assert await listed(opened(root), root) == whole
    assert len(whole) == len(set(whole)) == 26


PARTS = st.lists(st.sampled_from(["a", "a-", "a!", "é", "b"]), min_size=1, max_size=4)


@given(st.sets(PARTS.map("/".join), max_size=12))
def test_the_walk_can_be_taken_up_after_any_file(tmp_path_factory: pytest.TempPathFactory, folders: set[str]) -> None:
    root = tmp_path_factory.mktemp("walk")
    for path in folders:
        put(root, f"{path}/f", b"")
    skipped: Counter[str] = Counter()
    whole = [each.path for each in walk.files_below(str(root), skipped=skipped)]
    assert whole == sorted((f"{path}/f" for path in folders), key=lambda path: path.split("/"))
    for at, path in enumerate(whole):
        rest = [each.path for each in walk.files_below(str(root), after=path, skipped=skipped)]
        assert rest == whole[at + 1 :]
    assert not skipped


async def test_links_count_only_as_long_as_they_stay_inside(root: Path) -> None:
    (root / "c.html").symlink_to(root / "index.html")
    (root / "d.html").symlink_to(root.parent / "outside.html")
    (root / "e.html").symlink_to(root / ".git" / "config")
    (root / "f.html").symlink_to(root / "nowhere")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe")
    names = [url.removeprefix(file_url(root)) for url in await listed(opened(root), root)]
    assert names == ["b.txt", "c.html", "guide/a%20b.html", "index.html"]
    skipped: Counter[str] = Counter()
    list(walk.files_below(str(root), skipped=skipped))
    assert skipped == {"link_outside": 3, "broken_link": 1, "not_a_file": 1}


async def test_a_folder_that_may_not_be_read_does_not_end_the_listing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("guide"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert len(await listed(opened(root), root)) == 2
    skipped: Counter[str] = Counter()
    list(walk.files_below(str(root), skipped=skipped))
    assert skipped == {"unreadable_folder": 1}


async def test_a_start_path_that_is_not_there_fails_with_its_name(root: Path) -> None:
    with pytest.raises(Permanent, match="nowhere") as caught:
        await opened(root / "nowhere").listing(start_url(str(root / "nowhere")))
    assert caught.value.reason == "no_such_file"


async def test_only_start_paths_are_listed(root: Path) -> None:
    for other in (root / "guide", root.parent, Path("/etc")):
        with pytest.raises(Forbidden) as caught:
            await opened(root).listing(file_url(other))
        assert caught.value.reason == "outside_folder"


# --- a list of URLs ---------------------------------------------------------------------------------------------------


async def test_a_list_names_a_page_a_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "\ufeffhttps://a.example/1\r\n\n# no page\n  http://b.example/ñ \nftp://c.example/\nfile:///etc/passwd\n"
    expected = ["https://a.example/1", "http://b.example/ñ", "https://a.example/2"]
    raw = lines.encode() + b"\xff\x00\nno URL\nhttps://a.example/1\nhttps://a.example/2"
    file = put(root, "urls.txt", raw)
    assert await listed(opened(file), file) == expected
    monkeypatch.setattr(module, "MOST_LISTED", 1)
    assert list(dict.fromkeys(await listed(opened(file), file))) == expected


async def test_the_pages_of_a_list_are_for_the_http_client(root: Path) -> None:
    folder = opened(put(root, "urls.txt", b"https://a.example/1\n"))
    assert not folder.answers("https://a.example/1")
    assert opened(root, base_url="https://a.example/").answers("https://a.example/1")
    assert folder.answers(file_url(root / "urls.txt"))
    with pytest.raises(Forbidden):
        await folder.get(file_url(root / "urls.txt"))


@pytest.mark.parametrize("body", [PAGE, b"\x00\x01\x02\n" * 50, b"docs/a.html\ndocs/b.html"])
async def test_a_file_that_is_no_list_is_refused_with_the_way_out(root: Path, body: bytes) -> None:
    file = put(root, "urls.txt", body)
    with pytest.raises(Permanent, match="one a line") as caught:
        await opened(file).listing(start_url(str(file)))
    assert caught.value.reason == "bad_url_list"


async def test_an_empty_list_lists_nothing(root: Path) -> None:
    file = put(root, "urls.txt", b"# later\n\n")
    assert await listed(opened(file), file) == []


# --- a file ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base_url", [None, "https://docs.example/v1/"])
async def test_every_listed_page_is_answered(root: Path, base_url: str | None) -> None:
    put(root, "guide/ñ,(1);x=2&y?#%.html", PAGE)
    put(root, os.fsdecode(b"caf\xe9.html"), PAGE)
    folder = opened(root, base_url=base_url)
    for url in await listed(folder, root):
        answer = await folder.get(url)
        assert (answer.status, answer.url, answer.body_read) == (200, url, True)
        assert answer.body in (PAGE, b"Plain words.")
        assert answer.received_bytes == len(answer.body)


async def test_an_unchanged_file_is_not_sent_again(root: Path) -> None:
    folder, url = opened(root), file_url(root / "index.html")
    first = await folder.get(url)
    assert first.headers["Content-Length"] == str(len(PAGE))
    again = await folder.get(url, headers={"if-none-match": first.headers["ETag"]})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    put(root, "index.html", PAGE + b"More.")
    changed = await folder.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status, changed.body) == (200, PAGE + b"More.")


async def test_last_modified_is_the_time_of_the_content(root: Path) -> None:
    os.utime(root / "index.html", (NOON.timestamp(), NOON.timestamp()))
    answer = await opened(root).get(file_url(root / "index.html"))
    assert answer.headers["Last-Modified"] == "Fri, 01 Nov 2030 12:00:00 GMT"


async def test_what_is_not_there_or_hidden_or_no_file_is_not_found(root: Path) -> None:
    (root / "e.html").symlink_to(root / ".git" / "config")
    os.mkfifo(root / "pipe")
    for path in ("gone.html", ".git/config", "guide/.env", "e.html", "guide", "pipe", "index.html/x", "x" * 300):
        answer = await opened(root).get(file_url(root / path, folder=False))
        assert (answer.status, answer.body) == (404, b""), path


async def test_a_disk_that_is_not_mounted_does_not_look_like_deleted_files(root: Path) -> None:
    url = file_url(root / "index.html")
    shutil.rmtree(root)
    with pytest.raises(Permanent, match="mount") as caught:
        await opened(root).get(url)
    assert caught.value.reason == "no_such_file"


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.example/v1/..%2Foutside.html",
        "https://docs.example/v1/guide%2F..%2F..%2Foutside.html",
        "https://docs.example/v1/%2Fetc/passwd/../../../../../etc/passwd",
        "https://docs.example/v1/",
        "https://docs.example/v2/index.html",
        "https://evil.example/index.html",
        "file:///etc/passwd",
        "file:///",
    ],
)
async def test_nothing_outside_is_answered(root: Path, url: str) -> None:
    with pytest.raises((Forbidden, Invalid)) as caught:
        await opened(root, base_url="https://docs.example/v1/").get(url)
    assert caught.value.reason in ("outside_folder", "bad_url")


async def test_a_link_that_leads_outside_is_forbidden(root: Path) -> None:
    (root / "d.html").symlink_to(root.parent / "outside.html")
    (root / "etc").symlink_to("/etc")
    for path in ("d.html", "etc/passwd"):
        with pytest.raises(Forbidden) as caught:
            await opened(root).get(file_url(root / path))
        assert caught.value.reason == "outside_folder"


async def test_a_nul_is_no_path(root: Path) -> None:
    for url in (f"{file_url(root)}%00.html", "https://docs.example/v1/%00.html"):
        with pytest.raises(Invalid) as caught:
            await opened(root, base_url="https://docs.example/v1/").get(url)
        assert caught.value.reason == "bad_url"


async def test_the_body_is_bounded(root: Path) -> None:
    url = file_url(root / "index.html")
    assert (await opened(root, max_body_bytes=len(PAGE)).get(url)).body == PAGE
    with pytest.raises(Permanent, match=r"net\.max_body_bytes") as caught:
        await opened(root, max_body_bytes=len(PAGE) - 1).get(url)
    assert caught.value.reason == "too_large"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a file without a size of its own")
async def test_a_file_that_is_longer_than_it_says_is_bounded_too() -> None:
    with pytest.raises(Permanent) as caught:
        await opened("/proc/self", max_body_bytes=10).get("file:///proc/self/status")
    assert caught.value.reason == "too_large"


async def test_a_body_that_is_not_wanted_is_not_read(root: Path) -> None:
    asked: list[tuple[int, str]] = []

    def want(status: int, media_type: str) -> bool:
        asked.append((status, media_type))
        return False

    answer = await opened(root).get(file_url(root / "b.txt"), want=want)
    assert asked == [(200, "text/plain")]
    assert (answer.status, answer.body, answer.body_read) == (200, b"", False)


async def test_of_two_folders_with_the_same_path_the_first_wins(root: Path, tmp_path: Path) -> None:
    other = put(tmp_path, "other/index.html", b"<p>other").parent
    put(other, "more.html", b"<p>more")
    folder = opened(root, other, base_url="https://docs.example/")
    assert (await folder.get("https://docs.example/index.html")).body == PAGE
    assert (await folder.get("https://docs.example/more.html")).body == b"<p>more"


@pytest.mark.parametrize(
    ("name", "body", "media_type"),
    [
        ("a.html", b"x", "text/html"),
        ("a.HTM", b"x", "text/html"),
        ("a.xhtml", b"x", "application/xhtml+xml"),
        ("a.pdf", b"x", "application/pdf"),
        ("a.html", b"%PDF-1.7", "application/pdf"),
        ("notes.md", b"# Notes", "text/plain"),
        ("a.txt", b"<p>", "text/plain"),
        ("a.png", b"x", "image/png"),
        ("a.html.gz", b"\x1f\x8b\x08", "application/gzip"),
        ("page.php", b"\xef\xbb\xbf \n<!-- a --><!-- b --><!DOCTYPE html>", "text/html"),
        ("page", b"<H1 class=x>Mill", "text/html"),
        ("page", b"<?xml version='1.0'?><!DOCTYPE html><html>", "application/xhtml+xml"),
        ("page", b"<?xml version='1.0'?><rss>", "application/xml"),
        ("page", b"a < b", "text/plain"),
        ("page", "\ufeffñ".encode("utf-16-le"), "text/plain"),
        ("page", b"\x7fELF\x02\x01\x00", "application/octet-stream"),
        ("page", b"", "text/plain"),
        ("page", b"<!-- -->" * 128, "text/plain"),
    ],
)
async def test_the_media_type_is_that_of_the_name_or_of_the_beginning(
    tmp_path: Path, name: str, body: bytes, media_type: str
) -> None:
    put(tmp_path, name, body)
    answer = await opened(tmp_path).get(file_url(tmp_path / name))
    assert answer.media_type == answer.content_type == media_type


# --- start and base ---------------------------------------------------------------------------------------------------


def test_start_paths_are_relative_to_the_working_directory(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert start_url("site") == start_url("~/site/") == start_url(f"file://{root}") == f"file://{root}/"
    assert path_of(start_url("site/../site/b.txt")) == root / "b.txt"


@pytest.mark.parametrize("base_url", ["docs.example", "https://docs.example/?a=1", "file:///x"])
def test_a_base_that_is_none_is_refused(root: Path, base_url: str) -> None:
    with pytest.raises(Invalid) as caught:
        opened(root, base_url=base_url)
    assert caught.value.reason == "bad_url"
