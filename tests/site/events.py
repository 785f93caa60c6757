"""The events: two calendars with several schema.org Events each, and pages with one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.site.expected import Expected
from tests.site.layout import BOILERPLATE, link_list, paragraph, shell, text
from tests.site.page import Page
from tests.site.text import filler


@dataclass(frozen=True, slots=True)
class Happening:
    """One event."""

    name: str
    start: str
    end: str
    place: str
    organizer: str
    description: str


_DATA = json.loads((Path(__file__).parent / "prose" / "events.json").read_text("utf-8"))
_LISTED = tuple(Happening(**event) for event in _DATA["listed"])
_AGENDA = tuple(Happening(**event) for event in _DATA["agenda"])
_SINGLE = {slug: Happening(**event) for slug, event in _DATA["single"].items()}


def event_pages() -> Iterator[Page]:
    """Give the two calendars and the pages of single events."""
    yield _calendar(
        "/events/",
        "Events",
        "en",
        "What happens on and around the quay is announced here first: "
        "walks, talks, swims and an unreasonable number of choirs.",
        _LISTED,
        [(f"/events/{slug}.html", event.name) for slug, event in _SINGLE.items()],
    )
    yield _calendar(
        "/es/agenda/",
        "Agenda",
        "es",
        "Aquí se anuncian las fiestas, los talleres y las noches de cine de la comarca, "
        "con la hora exacta y el lugar aproximado.",
        _AGENDA,
        [("/es/", "Volver a la portada")],
    )
    for slug, event in _SINGLE.items():
        yield _single(f"/events/{slug}.html", event)


def _calendar(
    path: str,
    title: str,
    language: str,
    opening: str,
    events: tuple[Happening, ...],
    links: list[tuple[str, str]],
) -> Page:
    expected = Expected(
        path,
        kind="event",
        documents=len(events),
        language=language,
        items=tuple(event.name for event in events),
        starts=tuple(event.start for event in events),
        must_contain=tuple(event.description for event in events),
        must_not_contain=BOILERPLATE[language],
    )
    introduction = paragraph([opening, *filler(path, 3, language)])
    body = "".join(_section(event, "h2") for event in events)
    main = f"<h1>{title}</h1>{introduction}{body}{link_list(links)}"

    def html(base: str) -> str:
        nodes = [_node(event, f"{base}{path}#{n}") for n, event in enumerate(events, 1)]
        graph = {"@context": "https://schema.org", "@graph": nodes}
        listed = [{"@context": "https://schema.org", **node} for node in nodes]
        return shell(title, main, language=language, head=_script(graph if language == "en" else listed))

    return Page(expected, html)


def _single(path: str, event: Happening) -> Page:
    expected = Expected(
        path,
        kind="event",
        title=event.name,
        language="en",
        items=(event.name,),
        starts=(event.start,),
        must_contain=(event.description,),
        must_not_contain=BOILERPLATE["en"],
    )
    main = f"<article>{_section(event, 'h1')}{paragraph(filler(path, 5))}</article>"

    def html(base: str) -> str:
        node = {"@context": "https://schema.org", **_node(event, base + path)}
        return shell(event.name, main, head=_script(node))

    return Page(expected, html)


def _section(event: Happening, heading: str) -> str:
    when = f'<time datetime="{event.start}">{event.start[:10]}, {event.start[11:16]}</time>'
    return (
        f"<section><{heading}>{text(event.name)}</{heading}>"
        f'<p class="byline">{when}, {text(event.place)}</p>{paragraph([event.description])}</section>'
    )


def _node(event: Happening, url: str) -> dict[str, object]:
    return {
        "@type": "Event",
        "name": event.name,
        "startDate": event.start,
        "endDate": event.end,
        "description": event.description,
        "url": url,
        "location": {"@type": "Place", "name": event.place, "address": f"{event.place}, Lantern Quay"},
        "organizer": {"@type": "Organization", "name": event.organizer},
    }


def _script(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data, ensure_ascii=False)}</script>\n'
