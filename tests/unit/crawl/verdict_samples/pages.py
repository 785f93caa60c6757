"""What the samples of verdicts are made of: the furniture of a site around whatever a page says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidemill.crawl.verdicts import Verdict, judge
from tidemill.markup.parse import parse_html

SITE = "https://www.harbour-lane.example"
_MENU = (
    "Home",
    "Shop",
    "News",
    "Guides",
    "Events",
    "About us",
    "Contact",
    "Careers",
    "Press",
    "Delivery",
    "Returns",
    "Help",
)


@dataclass(frozen=True)
class Sample:
    """A page and what should become of it: `reason` is the verdict's, `None` for content."""

    name: str
    html: str
    reason: str | None = None
    url: str = f"{SITE}/some/page"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def verdict_of(sample: Sample) -> Verdict | None:
    return judge(sample.status, sample.headers, parse_html(sample.html), sample.html, sample.url)


def bare(title: str, body: str, *, head: str = "", lang: str = "en") -> str:
    """A page with nothing around it, as bot protection sends it."""
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="robots" '
        f'content="noindex,nofollow"><style>body{{font-family:sans-serif;margin:4rem}}</style>{head}'
        f"</head><body>{body}</body></html>"
    )


def site(
    title: str,
    main: str,
    *,
    head: str = "",
    body_class: str = "",
    lang: str = "en",
    in_header: str = "",
    extra: str = "",
) -> str:
    """A page of a site: menus, a search box, a cookie banner, a footer; `main` between them."""
    menu = "".join(f'<li><a href="/{name.lower().replace(" ", "-")}">{name}</a></li>' for name in _MENU)
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>{head}'
        '<link rel="stylesheet" href="/site.css"><script src="/site.js" defer></script></head>'
        f'<body class="{body_class}"><header class="top"><a href="/">Harbour Lane</a><form action="/search">'
        '<input type="search" name="q" placeholder="Search"><button>Search</button></form>'
        f"{in_header}</header><nav><ul>{menu}</ul></nav><main>{main}</main>{extra}"
        '<div id="onetrust-consent-sdk"><p>We and our partners use cookies to personalise content and advertising. '
        "You can "
        "change your consent at any time.</p><button>Accept all</button><button>Reject</button></div>"
        f"<footer><ul>{menu}</ul><p>© Harbour Lane Ltd. All rights reserved. Privacy policy and cookie settings. "
        f"Registered in "
        "England. Prices include VAT where it applies.</p></footer></body></html>"
    )


def prose(topic: str, sentences: int = 30) -> str:
    """Paragraphs of ordinary text about something; some 95 characters a sentence."""
    turns = (
        f"People who work with {topic} every day tend to agree that the details matter more than the theory.",
        f"The first time that {topic} came up in our team, nobody expected how much work would follow from it.",
        f"There are three common ways to deal with {topic}, and each has costs that only show after some months.",
        f"Most of what is written about {topic} is older than the tools that we use now, and it shows.",
        f"A reader wrote to us that {topic} had changed how her department plans a release, for the better.",
    )
    lines = [turns[number % len(turns)] for number in range(sentences)]
    return "".join(f"<p>{' '.join(lines[start : start + 5])}</p>" for start in range(0, sentences, 5))


def teasers(count: int = 8) -> str:
    """Linked headlines with a line of text each, as under a "not found"."""
    cards = "".join(
        f'<li><a href="/news/{number}"><h3>Ten quiet beaches for a weekend, part {number}</h3></a>'
        "<span>Where to go when the season is over and the cafés are still open.</span></li>"
        for number in range(count)
    )
    return f"<section><h2>Popular now</h2><ul>{cards}</ul></section>"
