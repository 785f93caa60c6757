"""Documents that somebody has in a file: each line becomes a page of a source, captured as it is.

In: lines of JSON (`url`, `title`, `content`, and what else is known). Out: captures in the ledger of a run, their bytes
in the archive first, like everything that is fetched. What becomes of them is the business of the processors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO

import orjson

from tidemill.archive.base import Archive
from tidemill.errors import Conflict, Invalid
from tidemill.models.capture import Capture
from tidemill.models.ids import new_id, page_id
from tidemill.models.run import Run, RunOptions, RunState
from tidemill.models.source import ProcessRules, Source, SourceSpec
from tidemill.models.url import url_key
from tidemill.models.visit import Found
from tidemill.process.extract.registry import IMPORTED
from tidemill.store import ledger, runs, sources
from tidemill.store.engine import Store

MAX_LINE_BYTES = 32 * 1024 * 1024
BATCH_LINES = 500
BATCH_BYTES = 16 * 1024 * 1024
MOST_PROBLEMS = 20
MOST_RUNS = 1000
_RULES = ProcessRules(min_words=1, near_duplicates=None, across_sources=False)


@dataclass(slots=True)
class Tally:
    """What became of a file: lines read, lines that are no documents, and the first reasons why."""

    lines: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    def refuse(self, why: str) -> None:
        """A line is no document."""
        self.refused += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"line {self.lines}: {why}")


@dataclass(frozen=True, slots=True)
class Line:
    """A document to be: where it says that it is from, and its bytes."""

    url: str
    body: bytes


async def begin(store: Store, name: str, worker_id: str, most_pages: int) -> Run:
    """A new run of the source `name`, which is made if there is none yet. Raises `Conflict` if it is crawled.

    It runs from its first moment, in the name of a worker: no crawler may think that it waits for one. Runs that were
    broken off before are ended: what they took in is all that they will ever have.
    """
    known = (await sources.standing(store, [name])).get(name)
    if known is not None and known[0].spec.start:
        raise Conflict(
            f"the source {name!r} is crawled; import into another one (--source)", reason="source_is_crawled"
        )
    source = known[0] if known is not None and not known[1] else None
    if source is None:
        spec = SourceSpec(name, kind="json_api", description="Imported documents", process=_RULES)
        source, _ = await sources.apply(store, spec, adhoc=True)
    for run in await runs.listed(store, MOST_RUNS, source.id):
        if run.state is RunState.INTERRUPTED:
            await runs.finish(store, run.id, most_pages)
    return await runs.create(store, source, RunOptions(), (), worker_id=worker_id)


def read_lines(file: BinaryIO, tally: Tally) -> Iterator[list[Line]]:
    """The documents of a file, a batch at a time; lines that are none are told in `tally`."""
    batch: list[Line] = []
    size_bytes = 0
    for raw in iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""):
        tally.lines += 1
        if len(raw) > MAX_LINE_BYTES:
            _pass_over(file, raw)
            tally.refuse(f"longer than {MAX_LINE_BYTES} bytes")
            continue
        if not raw.strip():
            continue
        try:
            batch.append(read_line(raw))
        except Invalid as error:
            tally.refuse(str(error))
            continue
        size_bytes += len(raw)
        if len(batch) >= BATCH_LINES or size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def read_line(raw: bytes) -> Line:
    """One line as a document. Raises `Invalid` if it is no JSON object with a `url` and a `title` or `content`."""
    try:
        given = orjson.loads(raw)
    except ValueError as error:
        raise Invalid(f"not JSON ({error})", reason="bad_line") from error
    if not isinstance(given, dict):
        raise Invalid("not a JSON object", reason="bad_line")
    url = given.get("url")
    if not isinstance(url, str) or not url.strip():
        raise Invalid("it has no url", reason="bad_line")
    if not any(isinstance(given.get(name), str) and given[name].strip() for name in ("title", "content")):
        raise Invalid("it has neither a title nor a content", reason="bad_line")
    return Line(_key(url.strip()), orjson.dumps(given, option=orjson.OPT_SORT_KEYS))


async def take_in(store: Store, archive: Archive, source: Source, run: Run, batch: Sequence[Line]) -> list[str]:
    """Archive a batch and enter it in the ledger of the run; gives the captures that wait to be processed now.

    A line that says the same as before about its URL is `unchanged` and waits for nothing.
    """
    now = store.now()
    captures = {line.url: _capture(source, run, line, now) for line in batch}
    bodies = {captures[line.url].body_hash: line.body for line in batch if line.url in captures}
    await archive.put(bodies)
    found = [Found(url=url, origin="/".join(url.split("/")[:3]), item=capture) for url, capture in captures.items()]
    return await ledger.give(store, runs.entry_of(run.id, source, run.options), found)


def _capture(source: Source, run: Run, line: Line, now: datetime) -> Capture:
    (media_type,) = IMPORTED
    return Capture(
        id=new_id(),
        run_id=run.id,
        page_id=page_id(source.id, line.url),
        source_id=source.id,
        url=line.url,
        fetched_at=now,
        status_code=200,
        media_type=media_type,
        content_type=media_type,
        body_hash=sha256(line.body).hexdigest(),
        size_bytes=len(line.body),
        priority=source.spec.priority,
    )


def _key(url: str) -> str:
    """The URL as pages are known by; one that is not of the web, but has a scheme, as it stands."""
    scheme, mark, rest = url.partition(":")
    if scheme.lower() in ("http", "https") or not mark:
        return url_key(url)
    if not rest or not scheme.isascii() or not scheme[0].isalpha() or len(url) > 2000:
        raise Invalid(f"{url[:100]!r} is no URL", reason="bad_line")
    return url


def _pass_over(file: BinaryIO, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(MAX_LINE_BYTES)
