"""Pages that answer 200 and hold nothing: a missing page that does not say so in its status, a search without results.

A `Page` comes in, evidence goes out. Called by `judge`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from tidemill.crawl.verdicts.evidence import Evidence, can_reach
from tidemill.crawl.verdicts.missing_words import EMPTY, NOT_FOUND, NOT_FOUND_CODE, NOT_FOUND_SAID, SEARCH
from tidemill.crawl.verdicts.naming import named
from tidemill.crawl.verdicts.page import WORDY_CHARS, Page
from tidemill.crawl.verdicts.text import is_regret, regrets

_MISSING_NAMES = re.compile(
    r"[\s_-](?:error-?404|404|page-?404|error-?page-404|page-?not-?found|not-?found|template-404|"
    r"cms-no-?route(?:-index)?|pagenotfound)(?=\s)"
)
_EMPTY_NAMES = re.compile(r"\s(?:search-no-results|no-?results|search-?empty)(?=\s)")
_MISSING_URL = re.compile(
    r"(?:/[a-z]{2}(?:[-_][a-z]{2})?)?(?:/errors?)?/(?:404|(?:page-?)?not-?found|error-?404|seite-nicht-gefunden|"
    r"page-introuvable)(?:\.\w+)?/?"
)
_SEARCH_KEYS = frozenset(
    {
        *(
            "s",
            "q",
            "query",
            "search",
            "searchterm",
            "search_term",
            "searchword",
            "keyword",
            "keywords",
            "kw",
            "term",
            "text",
        ),
        *("suche", "suchbegriff", "buscar", "busqueda", "recherche", "ricerca", "pesquisa", "zoek"),
    }
)
_SEARCH_PATH = re.compile(
    r"/(?:search|suche|buscar|busqueda|recherche|ricerca|pesquisa|zoeken?|szukaj|sok|catalogsearch)\b"
)
_EARLY_CHARS = 400
_SAID = 0.5
_MOST_SAID = Evidence("", _SAID, "the most that the text can say", is_said=True)
_LITTLE_CHARS = 400


def has_class_of_hole(page: Page) -> bool:
    """Whether the template says that there is nothing."""
    return bool(_MISSING_NAMES.search(page.names) or _EMPTY_NAMES.search(page.names))


def soft_404(page: Page) -> Iterator[Evidence]:
    """Evidence that the page says that it does not exist."""
    found = [*_missing_names(page)]
    if page.is_wordy and not found:
        return
    around = [*_surroundings(page)]
    if not can_reach(page.least, [*found, *around, _MOST_SAID]):
        return
    said = NOT_FOUND_SAID.search(page.lead, WORDY_CHARS) or NOT_FOUND_SAID.search(_unnamed_headings(page, found))
    if said:
        found.append(
            Evidence("soft_404", _SAID if said.start() < _EARLY_CHARS else 0.3, f"text: {said[0][:60]}", is_said=True)
        )
    if found:
        yield from found
        yield from around


def _surroundings(page: Page) -> Iterator[Evidence]:
    """What speaks for a missing page if anything else does."""
    if page.prose_chars < _LITTLE_CHARS:
        yield Evidence("soft_404", 0.3, f"only {page.prose_chars} characters of text")
    if page.is_noindex:
        yield Evidence("soft_404", 0.15, "noindex")
    if _MISSING_URL.fullmatch(urlsplit(page.url).path.lower()):
        yield Evidence("soft_404", 0.3, "address of an error page")


def _unnamed_headings(page: Page, found: list[Evidence]) -> str:
    """The headings, if none of them speaks for itself already."""
    return "" if any(piece.what.startswith("heading") for piece in found) else " ".join(page.headings)


def _missing_names(page: Page) -> Iterator[Evidence]:
    names = [*named(page, "soft_404", NOT_FOUND, title=0.6, heading=0.6)]
    names = names or [*named(page, "soft_404", NOT_FOUND_CODE, title=0.4, heading=0.4)]
    yield from names
    regretted = any(is_regret(heading) for heading in page.headings)
    if regretted or (names and any(regrets(said) for said in (page.lead, *page.headings))):
        yield Evidence("soft_404", 0.3, "a word of regret", is_said=True)
    marked = _MISSING_NAMES.search(page.names)
    if marked:
        yield Evidence("soft_404", 0.6, f"class {marked[0].strip()}", is_said=True)


def empty_results(page: Page) -> Iterator[Evidence]:
    """Evidence that a search, or a list, has nothing to show; its words alone never suffice, widgets say them too."""
    if page.is_wordy:
        return
    named = [*_empty_names(page)]
    around = [*_search_around(page)]
    if page.text_areas or not can_reach(page.least, [*named, *around, _MOST_SAID]):
        return
    said = EMPTY.search(page.lead, WORDY_CHARS)
    if said:
        yield Evidence(
            "empty_results", _SAID if said.start() < _EARLY_CHARS else 0.3, f"text: {said[0][:60]}", is_said=True
        )
    if said or named:
        yield from named
        yield from around


def _empty_names(page: Page) -> Iterator[Evidence]:
    if EMPTY.may_be_in(page.called):
        name = next((text for text in (*page.title_parts, *page.headings) if EMPTY.pattern.match(text)), None)
        if name:
            yield Evidence("empty_results", 0.4, f"heading: {name[:60]}")
    marked = _EMPTY_NAMES.search(page.names)
    if marked:
        yield Evidence("empty_results", 0.6, f"class {marked[0].strip()}", is_said=True)


def _search_around(page: Page) -> Iterator[Evidence]:
    """What speaks for an empty search if anything else does."""
    if _is_search(page.url):
        yield Evidence("empty_results", 0.4, "address of a search")
    asked = next((text for text in (page.title, *page.headings) if SEARCH.search(text)), None)
    if asked:
        yield Evidence("empty_results", 0.3, f"search: {asked[:60]}")
    if page.prose_chars < _LITTLE_CHARS:
        yield Evidence("empty_results", 0.2, f"only {page.prose_chars} characters of text")


def _is_search(url: str) -> bool:
    parts = urlsplit(url.lower())
    return bool(_SEARCH_PATH.search(parts.path)) or any(
        key in _SEARCH_KEYS and value for key, value in parse_qsl(parts.query)
    )
