"""The pages that lead to others: home, six sections, the archive in pages, the Spanish half; and two plain ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.site.articles import Article, articles, listed, teaser
from tests.site.expected import Expected
from tests.site.layout import BOILERPLATE, SECTIONS, link_list, paragraph, shell, text
from tests.site.page import Page
from tests.site.text import filler, prose

_PER_PAGE = 25
_INTROS = {
    "water": (
        "Rivers, estuaries and the open sea have shaped most of what this newspaper writes about, "
        "and this section gathers what people have built at their edge."
    ),
    "craft": (
        "Here are the workshops: people who make one thing well, who keep the tools that their "
        "teachers kept, and who can tell you what goes wrong before it does."
    ),
    "nature": (
        "Animals, plants and restless mountains, observed by patient people over many years, with "
        "their notebooks open and their boots wet."
    ),
    "travel": (
        "Slow journeys are reported in this section, by rail, by pedal and on foot, together with "
        "the bridges and the roofs that make them possible."
    ),
    "town": (
        "The town is its rooms and its corners: reading rooms, stalls, screens and vegetable plots,"
        " and the neighbours who keep them open to everybody."
    ),
    "science": (
        "Measuring the world takes instruments and stubbornness, and this section is about the "
        "people who have supplied the second when the first were lacking."
    ),
}


def index_page(
    path: str,
    title: str,
    opening: str,
    links: Iterable[tuple[str, str]],
    *,
    via: str = "links",
    extra: str = "",
) -> Page:
    """Give a page that lists links below an introduction of sixty words or more."""
    links = tuple(links)
    main = f"<h1>{text(title)}</h1>{_introduction(path, opening, 'en')}{extra}{link_list(links)}"
    return Page(_expected(path, title, opening, "en", via), lambda base: shell(title, main))


def plain_page(
    path: str,
    title: str,
    sentences: tuple[str, ...],
    *,
    via: str = "links",
    language: str = "en",
    links: Iterable[tuple[str, str]] = (),
    more: int = 4,
) -> Page:
    """Give a short page: its own sentences, generic ones, and links below if there are any."""
    return Page(
        plain_expected(path, title, sentences, via=via, language=language),
        lambda base: plain_html(path, title, sentences, language=language, links=links, more=more),
    )


def plain_expected(
    path: str, title: str, sentences: tuple[str, ...], *, via: str = "links", language: str = "en"
) -> Expected:
    """Give the truth of a short page."""
    return Expected(
        path,
        via=via,
        title=title,
        language=language,
        must_contain=sentences[:2],
        must_not_contain=BOILERPLATE[language],
    )


def plain_html(
    path: str,
    title: str,
    sentences: tuple[str, ...],
    *,
    language: str = "en",
    links: Iterable[tuple[str, str]] = (),
    more: int = 4,
) -> str:
    """Give the HTML of a short page."""
    below = link_list(links) if links else ""
    body = paragraph(sentences) + paragraph(filler(path, more, language))
    return shell(title, f"<article><h1>{text(title)}</h1>{body}</article>{below}", language=language)


def section_pages(*, hostile: bool, pages: int) -> Iterator[Page]:
    """Give the home page and all lists of articles."""
    yield _home(hostile=hostile, pages=pages)
    for slug, name in SECTIONS.items():
        members = [a for a in listed("en") if a.topic.section == slug]
        yield _list_page(f"/{slug}/", name, _INTROS[slug], members)
    yield from _archive()
    yield from _spanish()
    yield from _plain_ones()


def _home(*, hostile: bool, pages: int) -> Page:
    opening = (
        "The Lantern Quay Gazette is a newspaper about things that work: mills and clocks, bridges and beehives, "
        "and the people who get up early to look after them."
    )
    links = [
        ("/about.html", "About this newspaper"),
        ("/contact.html", "Write to us"),
        ("/odd/", "The cabinet of odd pages"),
        ("/reprints/", "Reprints and copies"),
        ("/charset/", "Letters from abroad"),
        ("/moved/", "Pages that have moved"),
        ("/status/", "Doors that do not open"),
        ("/calendar/", "Calendar of tides"),
        ("/files/tide-tables.pdf", "Tide tables (PDF)"),
        (
            "/articles/fifty-thousand-mornings-of-rain.html?utm_source=home&utm_medium=teaser",
            "A record of rain",
        ),
    ]
    links += [("/hostile/", "The hostile wing")] if hostile else []
    links += [("/n/", "Numbered notes")] if pages else []
    newest = "".join(teaser(a) for a in listed("en")[-6:])
    title = "Home"
    main = (
        f"<h1>News of things that work</h1>{_introduction('/', opening, 'en')}"
        f'<h2>Latest</h2><ul class="teasers">{newest}</ul><h2>More</h2>{link_list(links)}'
    )
    return Page(_expected("/", None, opening, "en", "start"), lambda base: shell(title, main))


def _list_page(
    path: str, title: str, opening: str, members: Iterable[Article], language: str = "en", below: str = ""
) -> Page:
    rows = "".join(teaser(article) for article in members)
    main = f'<h1>{text(title)}</h1>{_introduction(path, opening, language)}<ul class="teasers">{rows}</ul>{below}'
    return Page(_expected(path, title, opening, language, "links"), lambda base: shell(title, main, language=language))


def _introduction(path: str, opening: str, language: str) -> str:
    first, *rest = filler(path, 4, language)
    return paragraph([opening, first]) + paragraph(rest)


def _expected(path: str, title: str | None, opening: str, language: str, via: str) -> Expected:
    return Expected(path, via=via, title=title, language=language, must_contain=(opening,))


def _archive() -> Iterator[Page]:
    """The archive in pages, whose links write the same query in two orders."""
    chunks = [listed("en")[i : i + _PER_PAGE] for i in range(0, len(listed("en")), _PER_PAGE)]
    for index, chunk in enumerate(chunks):
        path = f"/archive/?order=date&page={index + 1}" if index else "/archive/"
        opening = (
            f"This is page {index + 1} of the archive, in which every article of the Gazette is listed by the date on "
            "which it first appeared, the oldest ones first, so that nothing is lost to fashion."
        )
        others = [n for n in range(1, len(chunks)) if n != index]
        queries = [f"order=date&page={n + 1}" if (n + index) % 2 else f"page={n + 1}&order=date" for n in others]
        below = link_list((f"/archive/?{query}", f"Archive, part {query[-1]}") for query in queries)
        yield _list_page(path, f"Archive, page {index + 1}", opening, chunk, below=below)


def _spanish() -> Iterator[Page]:
    opening = (
        "La Gaceta del Muelle reúne en español las historias de quienes cuidan salinas, olivares, guitarras y caminos, "
        "contadas despacio y sin prisa por llegar al final."
    )
    newest = listed("es")[-5:]
    yield _list_page("/es/", "Portada en español", opening, newest, "es")
    everything = (
        "Esta es la lista completa de los artículos publicados en español, ordenados por la fecha en que aparecieron, "
        "desde el más antiguo hasta el más reciente."
    )
    yield _list_page("/es/articulos/", "Todos los artículos", everything, listed("es"), "es")


def _plain_ones() -> Iterator[Page]:
    subjects = len(prose("en").topics)
    yield Page(
        plain_expected("/about.html", "About this newspaper", _ABOUT),
        lambda base: plain_html(
            "/about.html",
            "About this newspaper",
            (*_ABOUT, f"It has printed {len(articles('en'))} stories on {subjects} subjects."),
        ),
    )
    yield plain_page(
        "/contact.html",
        "Write to us",
        (
            "Letters reach the editors by post, by mail and through the slot in the green door on the harbour side.",
            "We answer all of them within a fortnight, except those that correct our commas, which we answer at once.",
        ),
        links=[
            ("mailto:editor@gazette.invalid", "Mail"),
            ("tel:+441632960001", "Telephone"),
            ("/about.html#staff", "Staff"),
        ],
    )


_ABOUT = (
    "The Gazette was founded in a net loft in 1884 by two printers who could not agree on anything except the weather.",
    "It is written by people who go and look, and is paid for by readers who would rather wait than be told it wrong.",
)
