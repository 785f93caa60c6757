"""Decides which of the things that a page describes the page itself is about.

Comes in: a page and its entities; goes out: the one that becomes the page's own document. Called by `structured`.
"""

from __future__ import annotations

import re

from tidemill.models.document import Json
from tidemill.process.extract.entities import ARTICLE, FAQ, JOB, ORGANIZATION, PRODUCT, RECIPE, Entity
from tidemill.process.extract.jsonld import text_of
from tidemill.process.extract.links import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.titles import fold

_ORDER = (RECIPE, JOB, PRODUCT, ARTICLE, FAQ, ORGANIZATION)
_NONE, _ALONE, _NAMED, _ADDRESSED, _DECLARED = range(5)
_WORD = re.compile(r"\w+")
_LEAST_SHARE = 0.6
_FAQ_WORDS = re.compile(
    r"\bfaqs?\b|frequently[ -]asked|preguntas[ -]frecuentes|h[äa]ufig(?:e|[ -]gestellte)[ -]fragen"
    r"|foire[ -]aux[ -]questions|^questions\b|\bquestions$|\bq ?& ?a\b",
    re.IGNORECASE,
)


def main_entity(page: Page, entities: list[Entity]) -> Entity | None:
    """The thing that the page is about, of several syntaxes in the first that tells; `None` if it is about none.

    A recipe, a job or a product goes before the article that is told around it, but a product that an article only
    writes about does not.
    """
    found = {kind: _best(page, [entity for entity in entities if entity.kind == kind]) for kind in _ORDER}
    has_article = found[ARTICLE][1] is not None
    for kind, (level, entity) in found.items():
        least = _ALONE
        if kind in (RECIPE, JOB, PRODUCT) and (has_article or page.metadata.is_article):
            least = _DECLARED if kind == PRODUCT and has_article else _NAMED
        if entity is not None and level >= least:
            return entity
    return None


def same_in(page: Page, main: Entity, entities: list[Entity]) -> list[Entity]:
    """The main entity, and what other syntaxes say of it."""
    own = [main]
    for syntax in dict.fromkeys(entity.syntax for entity in entities if entity.syntax != main.syntax):
        others = [entity for entity in entities if entity.syntax == syntax and entity.kind == main.kind]
        other = _best(page, others)[1]
        own += [other] if other is not None else []
    return own


def _best(page: Page, entities: list[Entity]) -> tuple[int, Entity | None]:
    """The one of one kind that the page is about, and how sure that is."""
    syntaxes = dict.fromkeys(entity.syntax for entity in entities)
    levels = [(_level(page, entity), entity) for entity in entities]
    for syntax in syntaxes:
        here = [(level, entity) for level, entity in levels if entity.syntax == syntax]
        best = max(level for level, _ in here)
        top = [entity for level, entity in here if level == best]
        if best == _NONE:
            if len(here) == 1 and _may_be_alone(page, here[0][1]):
                return _ALONE, here[0][1]
            continue
        named = [entity for entity in top if _is_titled(page, entity)] or top
        if len({fold(_name(entity) or "") for entity in named}) == 1:
            return best, max(named, key=lambda entity: len(entity.item))
    return _NONE, None


def _level(page: Page, entity: Entity) -> int:
    if entity.kind == FAQ:
        return _NAMED if (_is_faq(page) or _is_titled(page, entity)) else _NONE
    if entity.kind == ORGANIZATION:
        return _organization_level(page, entity)
    if entity.declared or (not entity.listed and _names_this_page(page, entity.item.get("mainEntityOfPage"))):
        return _DECLARED
    if _is_this_page(page, entity.item.get("url")):
        return _ADDRESSED
    return _NAMED if not entity.listed and entity.kind != ARTICLE and _is_titled(page, entity) else _NONE


def _organization_level(page: Page, entity: Entity) -> int:
    """That a page bears the name of who publishes it does not make it about them."""
    if entity.declared:
        return _DECLARED
    if entity.mentioned or entity.listed or page.metadata.is_article:
        return _NONE
    if _is_this_page(page, entity.item.get("url")) and _says_much(entity):
        return _ADDRESSED
    titles = [fold(title) for title in (page.metadata.heading, page.metadata.title) if title]
    return _NAMED if fold(_name(entity) or "") in titles and _says_much(entity) else _NONE


def _says_much(entity: Entity) -> bool:
    return any(entity.item.get(name) for name in ("address", "telephone", "email", "contactPoint", "description"))


def _may_be_alone(page: Page, entity: Entity) -> bool:
    """Whether the only thing of its kind is what the page is about, though nothing says so."""
    if entity.listed or entity.mentioned:
        return False
    if entity.kind == ARTICLE:
        return not _leads_elsewhere(page, entity)
    return entity.kind in (RECIPE, JOB) or (
        entity.kind == PRODUCT and not _leads_elsewhere(page, entity) and _is_contained(page, entity)
    )


def _leads_elsewhere(page: Page, entity: Entity) -> bool:
    url = text_of(entity.item.get("url"))
    return url is not None and not _is_this_page(page, url)


def _is_this_page(page: Page, value: Json) -> bool:
    """Whether an address, or one of several, is that of the page."""
    if isinstance(value, list):
        return any(_is_this_page(page, member) for member in value[:10])
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url")
    if not isinstance(value, str) or not value.strip() or value.strip().startswith("#"):
        return False
    own = {_bare(address) for address in (page.url, page.metadata.canonical_url) if address}
    value = value.strip()
    return _bare(value if "://" in value else _absolute(page, value)) in own


def _names_this_page(page: Page, value: Json) -> bool:
    if isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() == "true"):
        return bool(value)
    return _is_this_page(page, value)


def _absolute(page: Page, link: str) -> str:
    return web_url(page.base_url, link) or link


def _bare(url: str) -> str:
    return url.partition("#")[0].partition("://")[2].removeprefix("www.").rstrip("/")


def _name(entity: Entity) -> str | None:
    return next((name for key in ("name", "headline", "title") if (name := text_of(entity.item.get(key)))), None)


def _is_titled(page: Page, entity: Entity) -> bool:
    """Whether the page bears the thing's name."""
    return _shared(page, entity) >= _LEAST_SHARE


def _is_contained(page: Page, entity: Entity) -> bool:
    """Whether the page's title has all words of the thing's name, or the name all of the title's."""
    name = _words(_name(entity))
    return any(name <= title or title <= name for title in _titles(page) if name and title)


def _shared(page: Page, entity: Entity) -> float:
    """How much of the longer of both the thing's name and the page's title or heading share: 1 if they are the same."""
    name, titles = _words(_name(entity)), _titles(page)
    return max((len(name & title) / max(len(name), len(title)) for title in titles if name and title), default=0.0)


def _titles(page: Page) -> list[set[str]]:
    return [_words(title) for title in (page.metadata.heading, page.metadata.title)]


def _words(text: str | None) -> set[str]:
    return set(_WORD.findall(fold(text or "")))


def _is_faq(page: Page) -> bool:
    """Whether questions and answers are what the page is, not a part at its end."""
    titles = (page.metadata.heading, page.metadata.title, page.url)
    return any(_FAQ_WORDS.search(title) for title in titles if title)
