"""A folder of this machine as if it were a website, and lists of URLs: what a source of kind `files` crawls.

In: a URL that names a file. Out: a `Response`, or an error as the HTTP client gives it. The fetcher asks `listing` for
the pages of a start path and `get` for each of them; pages that a list of URLs names are the HTTP client's.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from email.utils import format_datetime
from itertools import islice
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from multidict import CIMultiDict

from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.crawl.local.files import OpenedFile, file_fault, open_file
from tidemill.crawl.local.walk import FoundFile, files_below, is_below, is_hidden
from tidemill.errors import Forbidden, Invalid, Permanent
from tidemill.models.url import file_url, path_of, url_key
from tidemill.net import Response
from tidemill.net.client import Want
from tidemill.telemetry.logs import get_logger

MOST_LISTED = 10_000
"""Pages of one listing; what is left comes with the next."""

AFTER = "?after="
_SAFE = (
    "/!$&'()*+,=:@"  # what links leave bare, so that both spellings of a page are one; not `;`, which begins sessions
)
_LONGEST_LINE = 16_384
_log = get_logger(__name__)


class Folder:
    """Answers for the files below the folders of `start`, which may also name lists of URLs.

    Relative paths of `start` are relative to the working directory. With `base_url` a file is known as that and its
    path below its folder, and if two folders have the same path, the first wins; without it, by its file URL. A file
    larger than `max_body_bytes` is refused. Raises `Invalid` (`bad_url`) for a start or base that is none.
    """

    def __init__(self, start: Iterable[str], *, base_url: str | None, max_body_bytes: int) -> None:
        self._roots = tuple(str(path_of(start_url(each))) for each in start)
        self._base = _base(base_url) if base_url else None
        self._max_body_bytes = max_body_bytes

    def answers(self, url: str) -> bool:
        """Whether `url` is a matter of this transport; if not, the HTTP client is to be asked."""
        return url.startswith("file:") or (self._base is not None and url.startswith(self._base))

    async def listing(self, url: str) -> Listing:
        """The pages of a start path: the files of a folder, or the URLs of a list, at most `MOST_LISTED` at a time.

        Raises `Forbidden` (`outside_folder`), `Permanent` (`no_such_file`, `unreadable_file`, `bad_url_list`) or
        `Transient` (`file_error`).
        """
        return await asyncio.to_thread(self._list, url)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        want: Want | None = None,
        allow_private: bool | None = None,
    ) -> Response:
        """The file that `url` names: 200, 304 if `headers` name its ETag, or 404 if it is not there or hidden.

        Raises `Forbidden` (`outside_folder`), `Permanent` (`no_such_file`: the whole folder is gone; `too_large`,
        `unreadable_file`), `Transient` (`file_error`) or `Invalid` (`bad_url`).
        """
        return await asyncio.to_thread(self._get, url, headers or {}, want)

    def _list(self, url: str) -> Listing:
        bare, _, after = url.partition(AFTER)
        path = str(path_of(bare))
        if path not in self._roots:
            raise _outside(url)
        rest = os.fsdecode(unquote_to_bytes(after))
        try:
            if os.path.isdir(path):  # noqa: PTH112 - paths are text here
                return self._files(path, rest)
            return _urls(path, int(rest) if rest.isascii() and rest.isdigit() else 0)
        except OSError as error:
            raise file_fault(path, error) from error

    def _files(self, root: str, after: str) -> Listing:
        skipped: Counter[str] = Counter()
        files = list(islice(files_below(root, after=after, skipped=skipped), MOST_LISTED + 1))
        pages: list[Listed] = []
        for file in files[:MOST_LISTED]:
            try:
                pages.append(Listed(self._url_of(root, file), file.modified_at))
            except Invalid:
                skipped["too_long"] += 1
        if skipped:
            _log.warning("entries of a folder passed over", action="folder.skipped", folder=root, **skipped)
        further = (_further(root, files[MOST_LISTED - 1].path, folder=True),) if len(files) > MOST_LISTED else ()
        return Listing(tuple(pages), further)

    def _url_of(self, root: str, file: FoundFile) -> str:
        if self._base is None:
            return file_url(Path(root, file.path), folder=False)
        return url_key(self._base + quote_from_bytes(os.fsencode(file.path), safe=_SAFE))

    def _get(self, url: str, headers: Mapping[str, str], want: Want | None) -> Response:
        started = time.perf_counter()
        for root, path in self._places(url):
            file = None if is_hidden(path, root) else open_file(path, root)
            if file is not None:
                with file:
                    return self._answer(url, file, headers, want, started)
        return _response(url, 404, {}, b"", started)

    def _places(self, url: str) -> list[tuple[str, str]]:
        """Where the file may lie: a folder of `start`, and the path below it."""
        if self._base is not None and url.startswith(self._base):
            relative = os.fsdecode(unquote_to_bytes(url[len(self._base) :].partition("?")[0]))
            if "\0" in relative:
                raise Invalid(f"a path cannot hold a NUL: {url[:200]!r}", reason="bad_url")
            paths = [(root, os.path.normpath(f"{root}/{relative}")) for root in self._roots]
        else:
            path = str(path_of(url))
            paths = [(root, path) for root in self._roots]
        inside = [(root, path) for root, path in paths if is_below(path, root)]
        if not inside:
            raise _outside(url)
        return inside

    def _answer(
        self, url: str, file: OpenedFile, headers: Mapping[str, str], want: Want | None, started: float
    ) -> Response:
        modified = {} if file.modified_at is None else {"Last-Modified": format_datetime(file.modified_at, usegmt=True)}
        named = {"ETag": file.etag, **modified}
        if any(name.lower() == "if-none-match" and value == file.etag for name, value in headers.items()):
            return _response(url, 304, named, b"", started)
        try:
            media_type = file.media_type()
            if want is not None and not want(200, media_type):
                return _response(url, 200, {"Content-Type": media_type, **named}, None, started)
            body = file.read(self._max_body_bytes)
        except OSError as error:
            raise file_fault(file.path, error) from error
        described = {"Content-Type": media_type, "Content-Length": str(len(body)), **named}
        return _response(url, 200, described, body, started)


def start_url(start: str) -> str:
    """The file URL of a start path of a source, which may be one already. Raises `Invalid` (`bad_url`)."""
    return file_url(path_of(start) if start.startswith("file:") else Path(start).expanduser())


def _base(url: str) -> str:
    """`url` as what page URLs begin with."""
    key = url_key(url)
    if "?" in key:
        raise Invalid(f"base_url {url!r} has a query; end it with the path below which the files are", reason="bad_url")
    return key if key.endswith("/") else f"{key}/"


def _urls(path: str, offset: int) -> Listing:
    """The URLs of a list from the byte `offset` on, one a line."""
    pages: dict[str, None] = {}
    bad, first_bad = 0, ""
    with Path(path).open("rb") as lines:
        lines.seek(offset)
        while len(pages) < MOST_LISTED and (raw := lines.readline(_LONGEST_LINE)):
            line = raw.decode("utf-8-sig", "replace").strip()
            if not line or line.startswith("#"):
                continue
            try:
                url_key(line)
            except Invalid:
                bad, first_bad = bad + 1, first_bad or line
                continue
            pages[line] = None
        end, more = lines.tell(), bool(lines.read(1))
    if bad and not pages and not offset:
        raise Permanent(
            f"{path} names no page: {bad} of its lines are no URLs, such as {first_bad[:100]!r};"
            " write absolute http or https URLs, one a line, or name a folder",
            reason="bad_url_list",
        )
    if bad:
        _log.warning("lines of a list are no URLs", action="folder.bad_lines", list=path, lines=bad, first=first_bad)
    further = (_further(path, str(end), folder=False),) if more else ()
    return Listing(tuple(map(Listed, pages)), further)


def _further(path: str, after: str, *, folder: bool) -> str:
    return file_url(Path(path), folder=folder) + AFTER + quote_from_bytes(os.fsencode(after), safe="/")


def _outside(url: str) -> Forbidden:
    return Forbidden(
        f"{url[:200]} lies in none of the source's folders; add its folder to `start`", reason="outside_folder"
    )


def _response(url: str, status: int, headers: Mapping[str, str], body: bytes | None, started: float) -> Response:
    content_type = headers.get("Content-Type", "")
    return Response(
        url=url,
        status=status,
        headers=CIMultiDict(headers),
        content_type=content_type,
        media_type=content_type,
        body=body or b"",
        received_bytes=len(body or b""),
        elapsed_s=time.perf_counter() - started,
        body_read=body is not None,
    )
