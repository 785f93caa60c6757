"""Links between pages lead somewhere, to the very heading; nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, name_of, pages

_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+?)(?: \{#([\w-]+)\})?$", re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_resolve(page: Path) -> None:
    broken = []
    for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.is_relative_to(ROOT) or not found.is_file() or (anchor and anchor not in _anchors(found)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_pictures_are_our_own(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"!\[[^\]]*\]\(https?://|<(?:img|script|iframe|link)\b", text)


def test_pictures_load_nothing() -> None:
    pictures = list((ROOT / "docs" / "images").glob("*.svg"))
    assert pictures
    for picture in pictures:
        text = picture.read_text(encoding="utf-8")
        assert not re.findall(r"url\(['\"]?https?:|@import|@font-face|(?:href|src)=['\"]https?:|<script", text), picture


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs').as_posix()}\n" in navigation


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the table of contents makes them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {anchor or _slug(title) for title, anchor in _HEADING.findall(text)}


def _slug(title: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())
