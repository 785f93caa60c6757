"""Web archives replayed as if their pages were fetched now: what a source of kind `warc` crawls.

In: a URL. Out: the `Response` that an archive holds for it, with the time at which it was fetched then. The fetcher
asks `listing` for the URLs of a WARC file and `get` for each of them; nothing goes out to the network.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

from tidemill.archive.warc import WarcEntry, WarcIndex, list_urls
from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.crawl.local.files import file_fault
from tidemill.crawl.local.folder import AFTER, MOST_LISTED, start_url
from tidemill.errors import Forbidden, Permanent
from tidemill.models.url import file_url, path_of, url_key
from tidemill.net import Response
from tidemill.net.client import Want
from tidemill.telemetry.logs import get_logger

_log = get_logger(__name__)


class Replay:
    """Answers from the WARC files of `start`; of several responses of one URL the latest counts, in whatever file.

    Relative paths are relative to the working directory. Bodies are at most `max_body_bytes`.
    """

    def __init__(self, start: Iterable[str], *, max_body_bytes: int) -> None:
        self._paths = tuple(path_of(start_url(each)) for each in start)
        self._max_body_bytes = max_body_bytes
        self._index: WarcIndex | None = None
        self._building = asyncio.Lock()

    def answers(self, url: str) -> bool:
        """Whether `url` is a matter of this transport: every one is, a replay asks no website."""
        return True

    async def listing(self, url: str) -> Listing:
        """The URLs in a WARC file of `start`, in its order, at most `MOST_LISTED` at a time.

        Raises `Forbidden` (`outside_folder`), `Permanent` (`bad_warc`, `warc_not_seekable`, `no_such_file`,
        `unreadable_file`) or `Transient` (`file_error`).
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
        """The latest response that the archives hold for `url`, whatever its status.

        Raises `Permanent` (`not_in_archive`; `truncated`, `too_large`, `bad_encoding`, `bad_record`: it is, but not
        as a whole body) or what `listing` does for a file that cannot be read any more.
        """
        started = time.perf_counter()
        key = url_key(url)
        index = await self.prepare()
        try:
            entry = await asyncio.to_thread(index.entry, key)
        except OSError as error:
            raise file_fault(str(error.filename or "the web archive"), error) from error
        if entry is None:
            raise Permanent(
                f"{url} is not in the archive; add a WARC file that holds it to `start`", reason="not_in_archive"
            )
        if entry.truncated:
            raise Permanent(f"the archive holds only a part of {url} ({entry.truncated})", reason="truncated")
        return _response(url, entry, want, started)

    async def prepare(self) -> WarcIndex:
        """The index of the files, built once by reading them all: some seconds for each gigabyte."""
        async with self._building:
            if self._index is None:
                self._index = await asyncio.to_thread(self._build)
        return self._index

    def _build(self) -> WarcIndex:
        index = WarcIndex(self._paths, max_body_bytes=self._max_body_bytes)
        for path, error in index.faults.items():
            _log.warning(
                "a web archive cannot be replayed", action="replay.unreadable", file=str(path), error=str(error)
            )
        return index

    def _list(self, url: str) -> Listing:
        bare, _, after = url.partition(AFTER)
        path = path_of(bare)
        if path not in self._paths:
            raise Forbidden(f"{url[:200]} is no WARC file of the source; add it to `start`", reason="outside_folder")
        offset = int(after) if after.isascii() and after.isdigit() else 0
        skipped: Counter[str] = Counter()
        try:
            urls, more = list_urls(path, offset=offset, limit=MOST_LISTED, skipped=skipped)
        except OSError as error:
            raise file_fault(str(path), error) from error
        if skipped:
            _log.warning("records of a web archive passed over", action="replay.skipped", file=str(path), **skipped)
        further = (f"{file_url(path, folder=False)}{AFTER}{more}",) if more is not None else ()
        return Listing(tuple(map(Listed, urls)), further)


def _response(url: str, entry: WarcEntry, want: Want | None, started: float) -> Response:
    headers = CIMultiDict(entry.headers)
    content_type = headers.get("Content-Type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    wanted = want is None or want(entry.status_code, media_type)
    return Response(
        url=url,
        status=entry.status_code,
        headers=headers,
        content_type=content_type,
        media_type=media_type,
        body=entry.body if wanted else b"",
        received_bytes=len(entry.body) if wanted else 0,
        elapsed_s=time.perf_counter() - started,
        body_read=wanted,
        fetched_at=entry.fetched_at,
    )
