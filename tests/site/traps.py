"""Two places without end: a calendar that always has a next month, and a folder that contains itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

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
