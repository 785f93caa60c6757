"""The cabinet of odd pages: ways to write a link, markup that is broken, pages that say nothing, a robots rule."""

from __future__ import annotations

from collections.abc import Iterator

from tests.site.articles import Article, articles
from tests.site.expected import Expected, without_document
from tests.site.layout import BOILERPLATE, link_list, paragraph, shell, text
from tests.site.page import Page
from tests.site.sections import index_page, plain_expected, plain_page
from tests.site.text import filler

CAPITAL = (
    "Capital A is a page about the first letter as stonemasons cut it, with a flat top and no serif at all.",
    "Its crossbar sits lower than you would draw it, because stone is read from below.",
)
SMALL = (
    "Small a is a page about the letter that children find hardest, for it has two shapes and no apology.",
    "Printers keep the one with a roof, and schools keep the one that looks like a ball beside a stick.",
)
_PADDED = (
    "A link may be padded with spaces and line ends, and a browser will quietly cut them off.",
    "This page is reached by such a link and by no other.",
)
_ACCENT = (
    "The café on the pier has an accent in its name and in the address of this page.",
    "It sells buns with currants, and coffee that has been compared to the dredger's bilge.",
)
_HARBOUR = (
    "The plan of the harbour is an image with regions, and this page hides behind the region of the crane.",
    "Image maps were all the fashion in 1997 and still work when everything else does not.",
)
_BASED = (
    "A base element moves all relative links of its page, and this page is found by those who notice it.",
    "Its neighbours in the wrong folder do not exist, and asking for them is a mistake.",
)
_UNQUOTED = (
    "Attributes without quotation marks end at the first space, as they have since the beginning.",
    "The author of the page that links here closed no tag that was not closed for him.",
)
_BROKEN = (
    "The broken page was typed in a hurry on a ferry, and nothing in it was ever closed.",
    "A table stands inside a table inside a paragraph, and browsers forgive all three.",
)
_OPEN = (
    "This leaf lies in a private folder, but its owner has left the door ajar for one reader by name.",
    "Whoever obeys the longest matching rule may come in.",
)
_SECRET = ("Nobody who keeps to robots.txt has ever read this sentence.",)
_NOT_FOUND = (
    "Sorry, we could not find the page that you are looking for.",
    "It may have been moved, or deleted, or it may never have existed at all.",
)


def odd_pages() -> Iterator[Page]:
    """Give the cabinet and everything in it."""
    yield _cabinet()
    yield _ways_to_link()
    yield plain_page("/A.html", "Capital A", CAPITAL)
    yield plain_page("/a.html", "Small a", SMALL)
    yield plain_page("/odd/padded.html", "Padded", _PADDED)
    yield plain_page("/odd/caf%C3%A9.html", "The café on the pier", _ACCENT)
    yield from _map_and_base()
    yield from _broken()
    yield from _silent()
    yield plain_page("/private/open.html", "The open leaf", _OPEN)
    secret = without_document("/private/secret.html", "skipped", "robots", status_code=None)
    yield Page(secret, lambda base: shell("Secret", paragraph(_SECRET)))
    yield plain_page(
        "/odd/files.html",
        "Things that are not pages",
        (
            "A link may lead to a picture, a parcel, a stylesheet or a script instead of to a page.",
            "None of them has anything to say to a reader of text, and each of them is counted all the same.",
        ),
        links=[
            ("/files/quay.png", "A picture"),
            ("/files/negatives.zip", "A parcel"),
            ("/static/print.css", "A stylesheet"),
            ("/static/clock.js", "A script"),
        ],
    )


def _cabinet() -> Page:
    names = ("links", "map", "base", "files", "broken", "empty", "zero-bytes", "needs-script", "soft-404")
    links = [(f"/odd/{name}.html", name.replace("-", " ")) for name in names]
    links += [("/A.html", "A"), ("/a.html", "a"), ("/trap/loop/", "loop")]
    links += [("/private/secret.html", "secret"), ("/private/open.html", "open")]
    opening = (
        "Every museum has a cabinet for what fits nowhere else, and this one holds pages that are written in unusual "
        "ways, each of which has embarrassed a crawler somewhere."
    )
    return index_page("/odd/", "The cabinet of odd pages", opening, links)


def _ways_to_link() -> Page:
    """One page whose links are written in every way, most of them to pages that are known already."""
    known = [article for article in articles("en") if article.via == "links"][:8]
    path, title = "/odd/links.html", "Ways to write a link"
    sentences = (
        "There are many ways to write the address of a page, and nearly all of them mean one that you know already.",
        "Sessions and campaigns leave their marks on links the way mud is left on boots.",
    )

    def html(base: str) -> str:
        host = base.partition("//")[2]
        hrefs = [
            *_marked(known),
            "../about.html",
            "./../contact.html#letters",
            "links.html",
            f"//{host}/events/",
        ]
        hrefs += [
            "#top",
            "?",
            "http://out-of-scope.invalid/page.html",
            "https://out-of-scope.invalid/",
            " /odd/padded.html\n",
        ]
        hrefs += [
            "/odd/café.html",
            "mailto:editor@gazette.invalid",
            "javascript:void(0)",
            "tel:+441632960001",
        ]
        hrefs += ["data:text/html,hello", "/archive/?page=2&order=date&utm_campaign=odd"]
        below = link_list((href, f"Way {n}") for n, href in enumerate(hrefs, 1))
        hidden = (
            '<!-- <a href="/odd/commented.html">out</a> --><script>var s = \'<a href="/odd/scripted.html">\';</script>'
        )
        body = paragraph(sentences) + paragraph(filler(path, 4))
        return shell(title, f"<article><h1>{title}</h1>{body}</article>{below}<a>no address</a>{hidden}")

    return Page(plain_expected(path, title, sentences), html)


def _marked(known: list[Article]) -> Iterator[str]:
    marks = (
        "?utm_source=letter&utm_medium=email&utm_campaign=spring",
        "?gclid=EAIaIQobChMI7f",
        "?fbclid=IwAR0x91",
        "?PHPSESSID=8c1f0ab2d3e4",
        ";jsessionid=0A1B2C3D4E5F",
        "#comments",
        "?utm_term=quay&gclid=2#top",
        "?PHPSESSID=ffffffffffff&fbclid=3",
    )
    for article, mark in zip(known, marks, strict=True):
        yield article.path + mark
    yield known[0].path + "?PHPSESSID=1111aaaa2222"
    yield known[0].path + ";jsessionid=99F1"


def _map_and_base() -> Iterator[Page]:
    path, title = "/odd/map.html", "A plan of the harbour"
    sentences = ("The plan shows the basin, the crane and the two slips, none of them to scale.",)
    image = '<img src="/static/quay.svg" usemap="#plan" alt="Plan" width="120" height="60">'
    area = '<map name="plan"><area shape="rect" coords="80,10,96,42" href="/odd/harbour.html" alt="Crane"></map>'
    main = f"<article><h1>{title}</h1>{paragraph(sentences)}{image}{area}{paragraph(filler(path, 4))}</article>"
    yield Page(plain_expected(path, title, sentences), lambda base: shell(title, main))
    yield plain_page("/odd/harbour.html", "Behind the crane", _HARBOUR)

    there, name = "/odd/base.html", "A page with a base"
    words = ("The head of this page says that its links begin in another folder.",)
    inside = f"<h1>{name}</h1>{paragraph(words)}{paragraph(filler(there, 4))}"
    body = f'<article>{inside}<a href="based.html">Based</a></article>'
    yield Page(plain_expected(there, name, words), lambda base: shell(name, body, head='<base href="/odd/deep/">'))
    yield plain_page("/odd/deep/based.html", "Based", _BASED)


def _broken() -> Iterator[Page]:
    first, second = (text(sentence) for sentence in _BROKEN)
    more = text(" ".join(filler("/odd/broken.html", 4)))
    html = (
        "<html><head><title>The broken page<meta name=author content=Nobody></title><body bgcolor=#ffffee>"
        f"<h1>The broken page<p>{first}<p><b>{second}<i> {more}</b></i>"
        "<p><table border=1><tr><td>outer<table><tr><td>inner<td>unclosed</table><tr><td>next</table>"
        "<ul><li>one<li>two<li><a href=/odd/broken-target.html class=x>unquoted</a><font color=red>red</div></span>"
        "<p>An ampersand & a half &amp an entity, &nosuch; and a bare < sign"
    )
    expected = Expected("/odd/broken.html", title="The broken page", language="en", must_contain=_BROKEN)
    yield Page(expected, lambda base: html)
    yield plain_page("/odd/broken-target.html", "Unquoted", _UNQUOTED)


def _silent() -> Iterator[Page]:
    """Pages that give no document, and one that pretends to be a page."""
    empty = without_document("/odd/empty.html", "invalid", "empty_content")
    yield Page(empty, lambda base: "<!DOCTYPE html><html><head><title>Empty</title></head><body></body></html>")
    yield Page(without_document("/odd/zero-bytes.html", "invalid", "empty_content"), lambda base: "")
    script = without_document(
        "/odd/needs-script.html",
        "invalid",
        "empty_content",
        later="stored when a browser renders it (three berths)",
    )
    html = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Harbour board</title></head>'
        '<body><div id="board"></div><script src="/static/board.js"></script></body></html>'
    )
    yield Page(script, lambda base: html)
    soft = Expected(
        "/odd/soft-404.html",
        title="Page not found",
        language="en",
        must_not_contain=BOILERPLATE["en"],
        or_outcomes=("gone", "invalid"),
        later="gone, once soft 404s are recognised",
    )
    yield Page(soft, lambda base: shell("Page not found", f"<h1>Page not found</h1>{paragraph(_NOT_FOUND)}"))
