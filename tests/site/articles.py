"""The articles: 72 in English and 24 in Spanish, with JSON-LD, OpenGraph or nothing but a byline."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape

from tests.site.dates import in_words, published
from tests.site.expected import Expected
from tests.site.layout import BOILERPLATE, NAME, link, paragraph, shell, text
from tests.site.page import Page
from tests.site.text import Story, Topic, choose, number, prose

_AUTHORS = {
    "en": (
        "Nora Ellery", "Tobias Crane", "Imogen Faulk", "Rashid Benn", "Clara Whitlow",
        "Owen Pritchard", "Salome Ndiaye", "Hugh Merrow", "Lena Fairweather", "Kit Abernathy",
    ),
    "es": ("Marina Olmedo", "Julián Cifuentes", "Pilar Etxeberria", "Andrés Quiroga", "Lucía Somoza"),
}  # fmt: skip
_STYLES = ("news", "opengraph", "graph", "byline", "blog")
_FEED_ONLY = {"en": {10: "rss", 34: "rss", 58: "rss", 22: "atom", 46: "atom", 70: "atom"}, "es": {14: "rss"}}
_SITEMAP_ONLY = {
    "en": {5: "plain", 17: "plain", 29: "plain", 41: "plain", 53: "gzip", 65: "gzip"},
    "es": {4: "gzip", 9: "gzip"},
}
_HEADINGS = {
    "en": (
        "What the visitor sees", "A short history", "The trouble with {tool}", "A morning with {person}",
        "Why it still matters", "How it is done", "Counting the cost", "What comes next", "The view from {place}",
        "Lessons of a long winter",
    ),
    "es": (
        "Lo que ve el visitante", "Breve historia", "El problema de {tool}", "Una mañana con {person}",
        "Por qué importa todavía", "Cómo se hace", "Lo que cuesta", "Lo que vendrá",
    ),
}  # fmt: skip
_CODE = (
    "def mean(values):\n    return sum(values) / len(values)\n\nprint(mean([3.1, 2.8, 3.4]))",
    "for day in mon tue wed; do\n    grep -c opened \"log-$day.txt\"\ndone",
    "SELECT year, count(*) FROM visits\nWHERE weather = 'rain'\nGROUP BY year ORDER BY year;",
)  # fmt: skip
_TABLE = {"en": ("Year", "Visitors", "Repairs"), "es": ("Año", "Visitantes", "Reparaciones")}


@dataclass(frozen=True, slots=True)
class Article:
    """One article before it is HTML. `via` is the only way to it, `channel` the sitemap or feed that names it."""

    number: int
    language: str
    path: str
    topic: Topic
    story: Story
    author: str
    published: datetime
    style: str
    via: str
    channel: str

    @property
    def title(self) -> str:
        """Its headline."""
        return self.story.title

    @property
    def has_canonical(self) -> bool:
        """Whether the page names itself by rel=canonical."""
        return self.style in ("news", "graph")

    @property
    def expected(self) -> Expected:
        """The truth of its page."""
        metadata = {"opengraph": "opengraph", "byline": "byline"}.get(self.style, "json-ld")
        when = self.published.date().isoformat() if metadata == "byline" else self.published.isoformat()
        return Expected(
            self.path,
            via=self.via,
            kind="article",
            title=self.title,
            language=self.language,
            author=self.author,
            published_at=when,
            metadata=metadata,
            must_contain=(self.story.sentences[0], self.story.sentences[3]),
            must_not_contain=BOILERPLATE[self.language],
            canonical=self.path if self.has_canonical else None,
        )


@cache
def articles(language: str) -> tuple[Article, ...]:
    """Give all articles of a language in the order of their dates."""
    return tuple(_articles(language))


def listed(language: str) -> tuple[Article, ...]:
    """Give the articles that HTML pages may link to."""
    return tuple(article for article in articles(language) if article.via == "links")


def named_by(channel: str) -> list[Article]:
    """Give the articles that only this feed (`rss`, `atom`) or sitemap (`plain`, `gzip`) names."""
    return [a for language in ("en", "es") for a in articles(language) if a.channel == channel]


def find_article(slug: str) -> Article:
    """Give the English article whose file has this name."""
    return next(a for a in articles("en") if a.path == f"/articles/{slug}.html")


def article_pages() -> Iterator[Page]:
    """Give the page of each article."""
    for language in ("en", "es"):
        for article in articles(language):
            yield Page(article.expected, lambda base, article=article: article_html(article, base))  # type: ignore[misc]


def article_html(article: Article, base: str) -> str:
    """Give an article's whole page."""
    return shell(
        article.title,
        f"<article>{article_main(article)}</article>",
        language=article.language,
        head=_head(article, base),
        popular=_popular(article),
    )


def article_main(article: Article) -> str:
    """Give an article's headline, byline and main text."""
    by = "Por" if article.language == "es" else "By"
    words = in_words(article.published.date(), article.language)
    when = words if article.style == "byline" else f'<time datetime="{article.published.isoformat()}">{words}</time>'
    byline = f'<p class="byline">{by} {text(article.author)}, {when}</p>'
    return f"<h1>{text(article.title)}</h1>{byline}{''.join(_blocks(article))}"


def _articles(language: str) -> Iterator[Article]:
    authors = _AUTHORS[language]
    folder = "/articles/" if language == "en" else "/es/articulos/"
    stories = [(topic, story) for topic in prose(language).topics for story in topic.stories]
    for index, (topic, story) in enumerate(stories):
        feed = _FEED_ONLY[language].get(index)
        sitemap = _SITEMAP_ONLY[language].get(index)
        yield Article(
            number=index,
            language=language,
            path=f"{folder}{slug(story.title)}.html",
            topic=topic,
            story=story,
            author=authors[number(story.title, 0, len(authors) - 1)],
            published=published(index if language == "en" else 3 * index + 1),
            style=_STYLES[index % len(_STYLES)],
            via="feed" if feed else "sitemap" if sitemap else "links",
            channel=feed or sitemap or "",
        )


def slug(title: str) -> str:
    """Give the file name of a title: ASCII, lower case, at most eight words."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain)[:8])


def _blocks(article: Article) -> Iterator[str]:
    """Give the main text: what only this article says, in order, among generic sentences and ornaments."""
    seed, own = article.path, article.story.sentences
    source = prose(article.language)
    pool = choose(seed, source.generic, number(f"{seed} length", 5, 21))
    rest = iter([article.topic.fill(sentence) for sentence in pool])
    headings = iter([article.topic.fill(h) for h in choose(seed, _HEADINGS[article.language], 3)])
    yield paragraph([own[0], own[1]])
    yield paragraph(_take(rest, 2))
    yield f"<h2>{text(next(headings))}</h2>"
    yield paragraph([own[2], *_take(rest, 2)])
    yield from _ornament(article, source.notes)
    yield paragraph([own[3], *_take(rest, 1)])
    while more := _take(rest, 4):
        heading = next(headings, None)
        yield f"<h2>{text(heading)}</h2>" if heading else ""
        yield paragraph(more)
    yield paragraph([own[4]])


def _take(sentences: Iterator[str], count: int) -> list[str]:
    return [sentence for _, sentence in zip(range(count), sentences, strict=False)]


def _ornament(article: Article, notes: tuple[str, ...]) -> Iterator[str]:
    kind = article.number % 7
    seed = article.path
    if kind in (1, 4):
        lines = [article.topic.fill(note) for note in choose(seed, notes, 4)]
        yield "<ul>" + "".join(f"<li>{text(line)}</li>" for line in lines) + "</ul>"
    elif kind == 2:
        head = "".join(f"<th>{name}</th>" for name in _TABLE[article.language])
        rows = "".join(
            f"<tr><td>{year}</td><td>{number(f'{seed}{year}v', 300, 9000)}</td>"
            f"<td>{number(f'{seed}{year}r', 2, 60)}</td></tr>"
            for year in range(2015, 2020)
        )
        yield f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    elif kind == 5 and article.language == "en":
        yield f"<pre><code>{text(_CODE[article.number % len(_CODE)])}</code></pre>"
    elif kind == 6:
        yield f"<blockquote><p>{text(article.topic.fill(choose(seed, notes, 1)[0]))}</p></blockquote>"


def _popular(article: Article) -> list[tuple[str, str]]:
    others = {a.path: a.title for a in listed(article.language) if a.path != article.path}
    return [(path, others[path]) for path in choose(article.path, tuple(others), 5)]


def _head(article: Article, base: str) -> str:
    url = base + article.path
    if article.style == "byline":
        return ""
    if article.style == "opengraph":
        return _opengraph(article, url)
    canonical = f'<link rel="canonical" href="{url}">\n' if article.has_canonical else ""
    data = json.dumps(_linked_data(article, base), ensure_ascii=False)
    return f'{canonical}<script type="application/ld+json">{data}</script>\n'


def _opengraph(article: Article, url: str) -> str:
    properties = {
        "og:type": "article",
        "og:site_name": NAME,
        "og:title": article.title,
        "og:url": url,
        "og:description": article.story.sentences[1],
        "og:locale": "es_ES" if article.language == "es" else "en_GB",
        "article:published_time": article.published.isoformat(),
        "article:section": article.topic.section,
    }
    metas = "".join(f'<meta property="{k}" content="{escape(v)}">\n' for k, v in properties.items())
    return f'{metas}<meta name="author" content="{escape(article.author)}">\n'


def _linked_data(article: Article, base: str) -> dict[str, object]:
    node: dict[str, object] = {
        "@type": {"news": "NewsArticle", "graph": "Article", "blog": "BlogPosting"}[article.style],
        "headline": article.title,
        "description": article.story.sentences[1],
        "author": {"@type": "Person", "name": article.author},
        "datePublished": article.published.isoformat(),
        "inLanguage": article.language,
        "image": f"{base}/static/quay.svg",
        "mainEntityOfPage": base + article.path,
        "publisher": {"@type": "Organization", "name": NAME},
    }
    if article.style == "graph":
        site = {"@type": "WebSite", "name": NAME, "url": f"{base}/"}
        return {"@context": "https://schema.org", "@graph": [site, node]}
    return {"@context": "https://schema.org", **node}


def teaser(article: Article) -> str:
    """Give the lines with which a list announces an article."""
    return f"<li>{link(article.path, article.title)}<br><small>{text(article.author)}</small></li>"
