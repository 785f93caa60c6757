"""The laws that all targets share: which errors are allowed, how much may come out, and what it must be like.

Comes in: what a parser gave for an input; goes out: nothing, or an `AssertionError`. Called by the targets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from tidemill.errors import Invalid, Permanent, Skipped
from tidemill.markup.characters import normalize
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.source import ProcessRules
from tidemill.models.url import url_key
from tidemill.process.pipeline import installed_pipeline, process
from tidemill.process.steps.markdown import make_safe

Target = Callable[[bytes], None]

OURS = (Permanent, Skipped, Invalid)
"""What a parser may raise for what it is given; anything else is a fault of ours."""

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
URL = "https://mill.example/news/mill.html"
MOST_SECONDS = 1.0
MOST_BYTES = 100_000
_MOST_DRAFTS_CHARS = 1_000_000  # besides what is in proportion to the input
_MOST_CHARS_PER_BYTE = 200


class Slow(AssertionError):
    """A target took too much time for a small input."""


def run(target: Target, data: bytes, *, most_seconds: float = MOST_SECONDS) -> None:
    """One input through one target. Raises `Slow` if it takes more CPU time than an input below 100 KB may."""
    started = time.process_time()
    target(data)
    taken = time.process_time() - started
    if taken > most_seconds and len(data) < MOST_BYTES:
        raise Slow(f"{taken:.1f} s of CPU for {len(data)} bytes, more than {most_seconds:g}")


def parts(data: bytes, number: int) -> tuple[str, ...]:
    """The first lines as text, for targets that take more than one thing; the rest is the last part, as Latin-1."""
    lines = data.split(b"\n", number - 1)
    lines += [b""] * (number - len(lines))
    return tuple(line.decode("latin-1") for line in lines)


def text_of(data: bytes) -> str:
    """Any text at all: lone surrogates stand for bytes that are no UTF-8."""
    return data.decode("utf-8", "surrogateescape")


def check_page(body: bytes, content_type: str = "text/html", rules: ProcessRules | None = None) -> Processed:
    """The whole pipeline over a body. It raises nothing, and what it gives can be stored, shown and finished again."""
    rules = rules or ProcessRules()
    media_type = content_type.partition(";")[0].strip().lower()
    capture = Capture("c", "r", "p", "s", URL, NOW, 200, media_type, content_type, "", len(body))
    processed = process(capture, body, rules)
    assert processed.drafts or processed.reason
    size = sum(check_draft(draft) for draft in processed.drafts)
    assert size <= _MOST_DRAFTS_CHARS + _MOST_CHARS_PER_BYTE * len(body), f"{size} characters from {len(body)} bytes"
    for draft in processed.drafts:
        again = installed_pipeline().finish(draft, rules, capture)
        assert replace(again, provenance=draft.provenance) == draft, "finishing it again changes a draft"
    return processed


def check_draft(draft: Draft, *, is_clean: bool = True) -> int:
    """One document: storable, with aware times, and clean and safe if it has been cleaned. Gives its size in bytes."""
    written = orjson.dumps(draft, default=bytes.hex)
    for text in (draft.title, draft.content, draft.markdown, draft.author or "", draft.summary or ""):
        check_text(text) if is_clean else text.encode("utf-8")
        assert not is_clean or normalize(text) == text, "text holds what `normalize` takes out"
    assert not is_clean or make_safe(draft.markdown) == draft.markdown, "markdown is not safe"
    for moment in (draft.published_at, draft.modified_at):
        assert moment is None or moment.tzinfo is not None, "a time without a zone"
    for url in (draft.canonical_url, draft.image_url):
        assert url is None or url.partition(":")[0] in ("http", "https"), f"not a web address: {url!r}"
    return len(written)


def check_text(text: str) -> None:
    """Text that a database and a JSON document can hold."""
    text.encode("utf-8")
    assert "\0" not in text


def check_time(moment: datetime | None) -> None:
    """A time that can be compared with any other and written in UTC."""
    if moment is not None:
        assert moment.tzinfo is not None, "a time without a zone"
        moment.astimezone(UTC)


def check_key(key: str) -> None:
    """A canonical URL: it is its own."""
    assert url_key(key) == key, f"not canonical: {key!r}"
    assert key.isascii()
