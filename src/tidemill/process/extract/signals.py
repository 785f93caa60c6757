"""What the names of containers and the words of a block tell about its being content: vocabularies, one bit each.

Comes in: blocks; goes out: bits that a container has inherited, and whether a text is a known phrase.
Called by `scores`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from tidemill.process.extract.blocks import Container

_VOCABULARY = {
    "navigation": (
        "nav navbar navigation menu submenu megamenu breadcrumb breadcrumbs crumbs pagination pager paginator toc "
        "tab tabs skip toolbar sidenav"
    ),
    "foot": "footer foot copyright colophon bottom legal disclaimer",
    "masthead": "header masthead topbar banner hero",
    "side": "sidebar aside rail secondary widget widgets complementary",
    "popup": (
        "cookie cookies consent gdpr onetrust privacy popup modal popover overlay lightbox dialog tooltip notice "
        "alert toast"
    ),
    "share": (
        "share sharing shares social follow like likes vote votes reaction reactions action actions button buttons "
        "btn toolbox control controls"
    ),
    "related": (
        "related recommended recommendation recommendations recirculation similar popular trending latest recent "
        "more read next prev previous teaser teasers upsell also"
    ),
    "comments": "comment comments disqus replies reply respond",
    "form": (
        "form forms input field fields search filter filters facet facets login signin signup register checkbox "
        "newsletter subscribe subscription subscriber email account cart minicart checkout basket"
    ),
    "promotion": (
        "ad ads advert adverts advertisement sponsored sponsor promo promos promotion promoted cta offer donate paywall"
    ),
    "byline": (
        "meta byline author authors bio avatar date time timestamp published posted tag tags categories category "
        "cat taxonomy credit label badge signature user profile rating stat stats"
    ),
    "media": (
        "caption figcaption gallery slider carousel slideshow swiper slick video player image images thumb thumbnail"
    ),
    "concealed": "hidden hide invisible collapsed offscreen sr visuallyhidden dropdown drawer offcanvas flyout",
    "content": (
        "main content contents body story prose richtext rte wysiwyg markdown entry text copy description desc"
    ),
    "article": "article post posts blog page single news",
    "cards": (
        "product products price item items card cards grid list listing result results tile tiles collection catalog"
    ),
    "posts": (
        "message messages thread threads topic topics forum question questions answer answers discussion conversation"
    ),
    "sections": (
        "review reviews testimonial testimonials faq accordion feature features spec specs details summary overview"
    ),
}
_TAGS = (
    "nav", "footer", "header", "aside", "form", "main", "article", "ul", "ol", "table", "section", "figure",
    "blockquote", "details", "dl", "noscript", "dialog",
)  # fmt: skip
_ROLES = {
    "navigation": "role:navigation", "contentinfo": "role:navigation", "banner": "role:navigation",
    "search": "role:navigation", "menu": "role:navigation", "menubar": "role:navigation", "tablist": "role:navigation",
    "toolbar": "role:navigation", "dialog": "role:dialog", "alertdialog": "role:dialog", "alert": "role:dialog",
    "tooltip": "role:dialog", "complementary": "role:complementary", "main": "role:main", "article": "role:article",
    "tabpanel": "role:part", "list": "role:part", "region": "role:part", "group": "role:part",
}  # fmt: skip
_CONTENT_PROPERTIES = frozenset(("articleBody", "text", "description", "reviewBody", "mainContentOfPage"))

FLAGS = (
    *(f"tag:{tag}" for tag in _TAGS), *(f"name:{name}" for name in _VOCABULARY),
    *dict.fromkeys(_ROLES.values()), "hidden", "aria-hidden", "itemprop",
)  # fmt: skip
"""What each bit of a container stands for."""

_BIT = {name: 1 << place for place, name in enumerate(FLAGS)}


def bits_of(*names: str) -> int:
    """The bits of these `FLAGS` together."""
    return sum(_BIT[name] for name in names)


UNSEEN = bits_of(
    "tag:nav", "tag:footer", "tag:aside", "tag:form", "tag:dialog", "tag:noscript", "role:navigation", "role:dialog",
    "hidden",
)  # fmt: skip
"""Containers without content of their own, if nothing else tells."""


_TAG_BITS = {tag: _BIT[f"tag:{tag}"] for tag in _TAGS}
_ROLE_BITS = {role: _BIT[name] for role, name in _ROLES.items()}
_WORD_BITS = {word: _BIT[f"name:{name}"] for name, words in _VOCABULARY.items() for word in words.split()}
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

_ENDS = frozenset(".!?…。？！:;")
_AFTER_END = "\"”’'»)]"
_END_CHARS = 4
SHOWS_TIME = re.compile(r"\d[:./]\d\d\b|\b(?:19|20)\d\d\b| ago\b")
FURNITURE = (
    "©", "copyright", "all rights reserved", "cookie", "privacy policy", "terms of", "terms and", "sign in", "sign up",
    "log in", "login", "subscribe", "newsletter", "share this", "share on", "read more", "follow us", "add to cart",
    "add to bag", "add to basket", "skip to", "click here", "your email", "powered by", "advertisement", "back to top",
    "min read", "minutes read", "minute read", "leave a comment", "leave a reply", "javascript", "posted by",
    "posted on", "posted in", "filed under", "learn more", "view all", "show more", "load more", "see more",
    "free shipping", "derechos reservados", "suscr", "compartir", "leer más", "iniciar sesión", "aviso legal",
    "alle rechte", "datenschutz", "impressum", "anmelden", "abonnieren", "mehr lesen", "weiterlesen", "tous droits",
    "confidentialité", "s'abonner", "lire la suite", "partager", "se connecter", "diritti riservati", "iscriviti",
    "condividi", "leggi tutto", "direitos reservados", "assine", "compartilh", "leia mais",
)  # fmt: skip
"""Phrases of the furniture of pages, in lower case."""
LEADS_AWAY = re.compile(
    r"\b(?:related|recommended|you (?:may|might) also|more (?:from|in|on|stories|articles|news|posts)|"
    r"read (?:more|next|also)|recent (?:posts|articles|news)|latest|popular|trending|most read|comments?|leave a|share|"
    r"subscribe|newsletter|sign up|follow us|about the author|tags|categories|see also|similar|customers also|"
    r"recently viewed|up next|keep reading|other articles|relacionad[oa]s|también te|lo más|comentarios|compartir|"
    r"verwandte|weitere|ähnliche|das könnte|kommentare|à lire|articles liés|voir aussi|commentaires|leggi anche|"
    r"articoli correlati|potrebbe|commenti|leia também|relacionados|comentários|lees ook|gerelateerd)\b",
    re.IGNORECASE,
)
"""Headings under which a page speaks of other pages."""


def own_bits(container: Container) -> int:
    """The bits of a container without those of what it stands in."""
    bits = _TAG_BITS.get(container.tag, 0) | _ROLE_BITS.get(container.role, 0)
    if len(container.names) > 1 and container.tag != "body":
        bits |= _bits_of_names(container.names)
    if container.is_hidden:
        bits |= _BIT["hidden"]
    if container.is_aria_hidden:
        bits |= _BIT["aria-hidden"]
    if container.item_property in _CONTENT_PROPERTIES:
        bits |= _BIT["itemprop"]
    return bits


@lru_cache(maxsize=20_000)
def _bits_of_names(names: str) -> int:
    bits = 0
    for part in _NAME_PART.findall(names):
        bits |= _WORD_BITS.get(part.lower(), 0)
    return bits


def ends_sentence(text: str) -> bool:
    """Whether a text ends as sentences do, quotation marks and brackets behind that aside."""
    return text[-_END_CHARS:].rstrip(_AFTER_END)[-1:] in _ENDS


def find_furniture(texts: Sequence[str]) -> set[int]:
    """The places of the texts that hold a phrase of `FURNITURE`."""
    return _places_of(_furniture_at, [text.lower() for text in texts])


def find_times(texts: Sequence[str]) -> set[int]:
    """The places of the texts that show a time."""
    return _places_of(lambda text: (found.start() for found in SHOWS_TIME.finditer(text)), texts)


def _places_of(find: Callable[[str], Iterable[int]], texts: Sequence[str]) -> set[int]:
    """Looks through all texts at once, which costs a tenth of one after the other."""
    ends = list(accumulate(len(text) + 1 for text in texts))
    return {bisect_right(ends, place) for place in find("\n".join(texts))}


def _furniture_at(text: str) -> Iterator[int]:
    for phrase in FURNITURE:
        place = text.find(phrase)
        while place >= 0:
            yield place
            place = text.find(phrase, place + 1)
