"""The things that a page describes in JSON-LD, microdata, RDFa and meta tags, as typed drafts.

Comes in: an HTML page; goes out: drafts of kind article, event, product, recipe, job, organization and faq. Called by
the pipeline. What the page is about gives the page's own document (item key `""`), which `reconcile` puts together with
what `article` found; other things are documents of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import blake2b

from tidemill.models.document import Draft
from tidemill.process.extract.entities import (
    ARTICLE,
    FAQ,
    JOB,
    ORGANIZATION,
    PRODUCT,
    RECIPE,
    Entity,
    find_entities,
)
from tidemill.process.extract.events import read_events, shows_only_events
from tidemill.process.extract.jsonld import text_of
from tidemill.process.extract.maintext import ORIGIN
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import HTML, handles
from tidemill.process.extract.subject import main_entity, same_in
from tidemill.process.extract.titles import fold
from tidemill.process.extract.typed.article import read_article
from tidemill.process.extract.typed.faq import read_faq
from tidemill.process.extract.typed.job import read_job
from tidemill.process.extract.typed.opengraph import read_opengraph
from tidemill.process.extract.typed.organization import read_organization
from tidemill.process.extract.typed.product import read_product
from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.recipe import read_recipe

_READERS: dict[str, Callable[[Reading], None]] = {
    ARTICLE: read_article,
    FAQ: read_faq,
    JOB: read_job,
    ORGANIZATION: read_organization,
    PRODUCT: read_product,
    RECIPE: read_recipe,
}
_TELLING = {
    ARTICLE: (),
    FAQ: ("questions",),
    JOB: ("organization", "location", "date_posted", "salary_min"),
    PRODUCT: ("price", "brand", "sku", "gtin", "mpn", "rating", "availability"),
    RECIPE: ("ingredients", "instructions"),
}
"""What of a thing makes more of it than a link in a list: at least one of these, or a text of its own."""


@handles(*HTML)
def extract_structured(page: Page) -> tuple[Draft, ...]:
    """The page's own document first, if its markup says what the page is about; then its events; then other things."""
    events = read_events(page)
    only_events = shows_only_events(page, events)
    entities = find_entities(page)
    main = main_entity(page, entities) if not only_events else None
    own = same_in(page, main, entities) if main is not None else []
    drafts = [_own_draft(page, entity) for entity in own]
    others = [entity for entity in entities if all(entity is not one for one in own)]
    if not only_events and (main is None or main.kind == PRODUCT) and (tagged := _tagged(page, others)) is not None:
        drafts.append(tagged)
    return (*drafts, *_with_main_text(page, events, only_events), *_other_drafts(page, others, own))


def _tagged(page: Page, others: list[Entity]) -> Draft | None:
    """The product of the meta tags. Shops call lists of products so, too, but have no price for them."""
    tagged = read_opengraph(page)
    is_list = tagged is not None and not tagged.fields and any(entity.kind == PRODUCT for entity in others)
    return None if is_list else tagged


def _with_main_text(page: Page, events: tuple[Draft, ...], only_events: bool) -> tuple[Draft, ...]:
    """The events; if the page is the page of one, its main text is that one's content."""
    is_one = only_events and len({event.item_key for event in events}) == 1
    if not is_one or not page.main_text.text.strip():
        return events
    only, main = events[0], page.main_text
    provenance = {**only.provenance, "content": ORIGIN, "markdown": ORIGIN}
    own = replace(only, content=main.text, markdown=main.markdown, provenance=provenance)
    return (replace(own, language=own.language or page.metadata.language), *events[1:])


def _read(page: Page, entity: Entity) -> Reading:
    reading = Reading(page, entity.store, entity.item, entity.syntax, entity.type_name)
    _READERS[entity.kind](reading)
    return reading


def _own_draft(page: Page, entity: Entity) -> Draft:
    """What the markup says of the thing that the page is about. The text of the page is a better one than its own."""
    reading = _read(page, entity)
    if entity.kind == ORGANIZATION and page.metadata.title:  # Its name is a field; the page has a title of its own.
        reading.texts.pop("title", None)
        reading.provenance.pop("title", None)
    if entity.kind not in (ARTICLE, FAQ):
        reading.put("description", reading.content, reading.provenance.get("content", "").partition(".")[2])
    if page.main_text.text.strip():
        reading.content = ""
        for name in ("content", "markdown"):
            reading.provenance.pop(name, None)
    return reading.draft(entity.kind)


def _other_drafts(page: Page, entities: Iterable[Entity], own: list[Entity]) -> list[Draft]:
    """A document for each thing that says more of itself than its name and its address."""
    own_names = {(entity.kind, _folded_name(entity)) for entity in own}
    found: dict[tuple[str, str], list[Draft]] = defaultdict(list)
    for entity in entities:
        if entity.kind == ORGANIZATION or (entity.kind, _folded_name(entity)) in own_names:
            continue
        reading = _read(page, entity)
        if reading.content or any(name in reading.fields for name in _TELLING[entity.kind]):
            draft = _titled(page, entity, reading).draft(entity.kind)
            if not draft.title or (draft.kind == ARTICLE and _is_page_title(page, draft.title)):
                continue
            found[entity.syntax, _identity(page, entity, draft)].append(_with_address(draft))
    return [
        replace(draft, item_key=_item_key(draft, identity, of_several=len({one.title for one in drafts}) > 1))
        for (_, identity), drafts in found.items()
        for draft in drafts
    ]


def _with_address(draft: Draft) -> Draft:
    """An item's `url` is its address."""
    url = draft.fields.get("url")
    if not isinstance(url, str):
        return draft
    return replace(draft, canonical_url=url, provenance={**draft.provenance, "canonical_url": draft.provenance["url"]})


def _is_page_title(page: Page, title: str) -> bool:
    """Whether an article is the page's own once more."""
    return fold(title) in [fold(own) for own in (page.metadata.heading, page.metadata.title) if own]


def _titled(page: Page, entity: Entity, reading: Reading) -> Reading:
    """A list of questions has seldom a name of its own: it bears the page's."""
    if entity.kind == FAQ and "title" not in reading.texts and page.metadata.title:
        reading.texts["title"] = page.metadata.title
        reading.provenance["title"] = page.metadata.provenance.get("title", "html")
    return reading


def _identity(page: Page, entity: Entity, draft: Draft) -> str:
    """What a thing is known by, on this page and whenever it is read again."""
    url = draft.fields.get("url")
    if isinstance(url, str) and url.partition("#")[0] != page.url.partition("#")[0]:
        return url
    given = text_of(entity.item.get("@id"))
    if given is not None and not given.startswith("_:") and given.partition("#")[0] != page.url.partition("#")[0]:
        return given
    named = [draft.fields.get(name) for name in ("sku", "gtin", "identifier")]
    return next((str(name) for name in named if name), draft.title)


def _item_key(draft: Draft, identity: str, *, of_several: bool) -> str:
    parts = (draft.kind, identity, *((draft.title,) if of_several else ()))
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()


def _folded_name(entity: Entity) -> str:
    return fold(text_of(entity.item.get("name")) or "")
