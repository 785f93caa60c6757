"""Small pages for the tests of the process stage."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tidemill.models.capture import Capture
from tidemill.process.extract.page import Page

PROSE = (
    "The tide mill at the old harbour turns again after ninety years of silence. Volunteers repaired the sluice gates "
    "last winter and ground the first flour in April. Visitors may watch the wheel on every second Sunday.\n"
    "Its owner, a small trust, hopes to sell enough bread to pay for the roof. The roof leaks, as roofs do, but the "
    "oak beams below it are sound and will carry another century of rain.\n"
    "Engineers measured the flow through the race and found that it still drives both stones at the spring tide."
)


def capture(
    url: str = "https://mill.example/news/mill.html", content_type: str = "text/html; charset=utf-8"
) -> Capture:
    media_type = content_type.partition(";")[0]
    fetched_at = datetime(2026, 5, 1, tzinfo=UTC)
    return Capture("c1", "r1", "p1", "s1", url, fetched_at, 200, media_type, content_type, "", 0)


def html(head: str = "", body: str = "", *, title: str = "", lang: str = "") -> str:
    paragraphs = body or "".join(f"<p>{line}</p>" for line in PROSE.split("\n"))
    language = f' lang="{lang}"' if lang else ""
    return (
        f"<!doctype html><html{language}><head><title>{title}</title>{head}</head>"
        f"<body><nav><a href=/>Home</a></nav><main><article>{paragraphs}</article></main></body></html>"
    )


def jsonld(*items: object) -> str:
    text = json.dumps(items[0] if len(items) == 1 else list(items))
    return f'<script type="application/ld+json">{text}</script>'


def page(markup: str, url: str = "https://mill.example/news/mill.html") -> Page:
    return Page(capture(url), markup.encode())
