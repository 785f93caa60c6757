"""What a source's start URLs are in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidemill.manage.runs import start_pages
from tidemill.models.source import Source, SourceSpec
from tidemill.models.visit import Found

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "enters_as"), [("website", "page"), ("sitemap", "sitemap"), ("feed", "feed")])
def test_start_urls_enter_once_in_their_canonical_form(kind: str, enters_as: str) -> None:
    spec = SourceSpec(name="a", kind=kind, start=("HTTP://A.example:80", "http://a.example/#x", "http://a.example/b"))
    assert start_pages(Source("id", spec, 1, False, NOW, NOW)) == [
        Found("http://a.example/", "http://a.example", kind=enters_as),
        Found("http://a.example/b", "http://a.example", kind=enters_as),
    ]
