"""Places without end: a calendar that always has a next month, a folder that contains itself, and off the beaten track
(no page leads there) a shop that begins a new session with each answer, and one whose filters multiply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from hashlib import sha256

from tests.site.dates import month_name
from tests.site.expected import Expected, without_document
from tests.site.layout import link_list, paragraph, shell
from tests.site.page import Page
from tests.site.sections import index_page
from tests.site.text import choose, filler, number

FIRST_YEAR = 2026
YEARS_AHEAD = 2
"""Whoever goes further than this year and so many more is in the trap."""

MAX_REPEATS = 3
"""How often a segment may stand in a path before the path counts as a trap."""

_MONTH = re.compile(r"/calendar/([0-9]{4})/(0[1-9]|1[0-2])/")
_LOOP = re.compile(r"/trap/((?:loop/)+)")
_SESSION = re.compile(r"/trap/sessions/(?:[0-9a-f]{32}/page-[1-5]\.html)?")
_FACETS = re.compile(r"/trap/facets/(?:\?(?:(?:colour|rig|size|sort)=[0-9]+&?)+)?")
SESSION_START, SESSION_PAGES = "/trap/sessions/", 5
"""Where the sessions begin, and how many pages there really are behind them."""

FACETS_START, FACETS = "/trap/facets/", ("colour", "rig", "size", "sort")
"""Where the filters begin, and what they are; each can be set to any number, with any of the others."""

_ALMANAC = (
    "The ferry keeps its winter hours and the ferryman his winter temper.",
    "Herring are expected in the outer roads, and gulls are expected after the herring.",
    "The swing bridge opens for yachts on the even hours only.",
    "Divers inspect the moorings, beginning with the one that squeaks.",
    "Kelp is landed on the north beach and carted off before noon.",
    "The lifeboat is exercised on the second Saturday.",
    "Painting of the pier railings goes on, weather permitting, from west to east.",
    "Seals haul out on the bar at low water and are not to be addressed.",
    "The harbour choir rehearses in the ice house, where the echo is flattering.",
    "The dredger works by night and apologises by letter.",
    "Oyster beds are closed to visitors and open to oystercatchers.",
    "Sea fog is likely in the mornings and rumours in the evenings.",
)


def trap_entrances() -> Iterator[Page]:
    """Give the pages that lead into the traps."""
    opening = (
        "The calendar of tides is turned by a small machine in the cellar, month after month, and nobody has ever told "
        "it to stop; the earliest month that it still remembers is given below."
    )
    yield index_page("/calendar/", "Calendar of tides", opening, [(f"/calendar/{FIRST_YEAR}/01/", "Begin")])


def trap_page(path: str) -> Page | None:
    """Give the page of a path inside one of the traps."""
    if match := _MONTH.fullmatch(path):
        return _month(int(match[1]), int(match[2]))
    if match := _LOOP.fullmatch(path):
        return _turn(len(match[1]) // len("loop/"))
    if _SESSION.fullmatch(path):
        return _session(path)
    if _FACETS.fullmatch(path):
        return _filtered(path)
    return None


def expected_traps(today: date) -> Iterator[Expected]:
    """Give the truth of the traps: the months of `YEARS_AHEAD` more years, and as many turns as are allowed."""
    year, month = FIRST_YEAR, 1
    while year <= today.year + YEARS_AHEAD:
        yield _month(year, month).expected
        year, month = _next(year, month)
    yield without_document(f"/calendar/{year}/{month:02}/", "skipped", "trap", status_code=None)
    for turn in range(1, MAX_REPEATS + 1):
        yield _turn(turn).expected
    yield without_document(f"/trap/{'loop/' * (MAX_REPEATS + 1)}", "skipped", "trap", status_code=None)


def _month(year: int, month: int) -> Page:
    name = f"{month_name(month)} {year}"
    seed = f"tides {year}-{month}"
    first, second = number(f"{seed} new", 1, 14), number(f"{seed} full", 15, 28)
    tides = f"In {name} the spring tides fall on day {first} and on day {second}."
    sentences = [tides, *choose(seed, _ALMANAC, 4)]
    follower = "/calendar/{}/{:02}/".format(*_next(year, month))
    main = f"<h1>{name}</h1>{paragraph(sentences)}{link_list([(follower, 'Next month')])}"
    expected = Expected(
        f"/calendar/{year}/{month:02}/",
        title=name,
        language="en",
        must_contain=(tides,),
        later="part of a trap that can be recognised by its many alike pages",
    )
    return Page(expected, lambda base: shell(name, main))


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)


def _turn(turn: int) -> Page:
    name = f"Turn {turn} of the loop"
    sentence = f"This is turn number {turn} of a folder that contains itself, as some folders do."
    main = f'<h1>{name}</h1>{paragraph([sentence, *filler(f"turn {turn}", 4)])}<p><a href="loop/">Once more</a></p>'
    expected = Expected(f"/trap/{'loop/' * turn}", title=name, language="en", must_contain=(sentence,))
    return Page(expected, lambda base: shell(name, main))


def _session(path: str) -> Page:
    token = sha256(path.encode()).hexdigest()[:32]
    name = f"Chandler's shop, {path.rpartition('/')[2].removesuffix('.html') or 'door'}"
    links = [(f"{SESSION_START}{token}/page-{page}.html", f"Shelf {page}") for page in range(1, SESSION_PAGES + 1)]
    return _endless(path, name, links)


def _filtered(path: str) -> Page:
    chosen = dict(pair.split("=") for pair in path.partition("?")[2].split("&") if pair)
    links = []
    for facet in FACETS:
        more = sorted({**chosen, facet: str(int(chosen.get(facet, 0)) + 1)}.items())
        links.append((f"{FACETS_START}?" + "&".join(f"{name}={value}" for name, value in more), f"Another {facet}"))
    return _endless(path, "Boats by " + (", ".join(chosen) or "the harbour"), links)


def _endless(path: str, name: str, links: list[tuple[str, str]]) -> Page:
    """A page without the site's frame, so that it leads nowhere but deeper."""
    body = f"<h1>{name}</h1>{paragraph(filler(path, 4))}{link_list(links)}"
    return Page(Expected(path, title=name, language="en"), lambda base: f"<!DOCTYPE html><title>{name}</title>{body}")
