"""The sites that crawls are measured on, as whole HTTP answers ready to be sent: path in, bytes out.

Used by `server.py`. A folder and a page alone are answered from memory; numbered pages are made as they are asked for,
so that a site of a hundred thousand costs no more memory than one of two.
"""

from __future__ import annotations

import hashlib
import lzma
import random
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote, urljoin, urlsplit

import orjson
from selectolax.lexbor import LexborHTMLParser

MEDIA_TYPES = {".html": "text/html; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".css": "text/css"}
ROBOTS = "/robots.txt"
LABELLED = Path(__file__).resolve().parents[2] / "shared" / "data" / "wcxb-dev.jsonl.xz"
"""Real pages, kept beside the repository."""

_CHILDREN = 8
_ACROSS = 12
_SENTENCES = 14
_WORDS = """
    harbour keeper lantern quarry river timber copper ledger station bridge valley winter market signal garden tower
    engine weather journey window orchard captain island mountain railway letter museum village pattern council
    anchor barley candle desert eagle falcon granite hammer ivory jacket kettle ladder marble needle orange pepper
"""


class Site(ABC):
    """Answers by path. `start` is where a crawl begins, `expected` every path that a whole crawl asks for once."""

    start: str
    expected: frozenset[str]
    delay_s: float = 0.0
    """How long each answer is kept back."""

    def served_at(self, origin: str) -> None:
        """Told where it is served, before the first request."""
        del origin

    @abstractmethod
    def page(self, path: str) -> bytes | None:
        """The whole answer to a GET of a path, headers included; `None` if there is no such page."""

    def answer(self, path: str, etag: bytes) -> bytes:
        """The answer to a GET, with `If-None-Match` if that is not empty."""
        whole = _ALLOW_ALL if path == ROBOTS else self.page(path)
        if whole is None:
            return _MISSING
        return _NOT_MODIFIED % etag if etag and b"ETag: " + etag in whole[:200] else whole


class FolderSite(Site):
    """A folder of HTML pages. Expected is what links in `<a href>` lead to from the start, missing pages too."""

    def __init__(self, folder: Path) -> None:
        self.start = "/index.html"
        self._answers: dict[str, bytes] = {}
        texts: dict[str, bytes] = {}
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            path = "/" + file.relative_to(folder).as_posix()
            body = file.read_bytes()
            self._answers[path] = answer_of(body, MEDIA_TYPES.get(file.suffix, "application/octet-stream"))
            if file.suffix == ".html":
                texts[path] = body
        self.expected = _reachable(self.start, texts)

    def page(self, path: str) -> bytes | None:
        """From memory; a path that is not there may be one in another spelling."""
        return self._answers.get(path) or self._answers.get(normpath(unquote(path)))


class LonePage(Site):
    """One page that leads nowhere: what a crawl of it costs is what starting and ending costs."""

    def __init__(self) -> None:
        self.start = "/index.html"
        self.expected = frozenset({self.start})
        self._answer = answer_of(b"<!doctype html><title>Alone</title><p>There is nothing else here.", "text/html")

    def page(self, path: str) -> bytes | None:
        """The one page."""
        return self._answer if path == self.start else None


class NumberedSite(Site):
    """`pages` pages of about 5 KB, each with twenty links: to the pages below it in a tree, and across the site."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._sentences = _sentences()
        self.start = "/p/0.html"
        self.expected = frozenset(f"/p/{number}.html" for number in range(pages))

    def page(self, path: str) -> bytes | None:
        """Page `number`, the same each time it is asked for."""
        name = path.removeprefix("/p/").removesuffix(".html")
        if not name.isdigit() or int(name) >= self._pages or path != f"/p/{int(name)}.html":
            return None
        return answer_of(self._body(int(name)).encode(), "text/html; charset=utf-8")

    def _body(self, number: int) -> str:
        choice = random.Random(number)
        below = range(number * _CHILDREN + 1, min(number * _CHILDREN + _CHILDREN + 1, self._pages))
        targets = [*below, *(int(choice.random() * self._pages) for _ in range(_ACROSS + _CHILDREN - len(below)))]
        links = "".join(f'<li><a href="{target}.html">Entry {target}</a></li>' for target in targets)
        paragraphs = "".join(
            f"<p>Entry {number}, part {part}: {' '.join(choice.choices(self._sentences, k=_SENTENCES))}</p>"
            for part in range(1, 6)
        )
        return (
            f"<!doctype html><html lang=en><head><title>Entry {number} of the register</title></head><body><article>"
            f"<h1>Entry {number}</h1>{paragraphs}</article><nav><ul>{links}</ul></nav></body></html>"
        )


class LabelledSite(Site):
    """Real pages of many sites under addresses of this one, named by a sitemap: every `step`th of the labelled ones."""

    def __init__(self, step: int) -> None:
        self.start = "/sitemap.xml"
        self._answers: dict[str, bytes] = {}
        with lzma.open(LABELLED) as lines:
            for number, line in enumerate(lines):
                if number % step == 0:
                    page = orjson.loads(line)
                    body = page["html"].encode("utf-8", "replace")
                    self._answers[f"/pages/{page['id']}"] = answer_of(body, "text/html; charset=utf-8")
        self.expected = frozenset({self.start, *self._answers})

    def served_at(self, origin: str) -> None:
        """Write the sitemap."""
        entries = "".join(f"<url><loc>{origin}{path}</loc></url>" for path in self._answers)
        body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
        self._answers[self.start] = answer_of(body.encode(), "application/xml")

    def page(self, path: str) -> bytes | None:
        """From memory."""
        return self._answers.get(path)


def site_of(name: str) -> Site:
    """The site that a name stands for: `lone`, `numbered:2000`, `folder:PATH` or `labelled:STEP`.

    `late:100:numbered:2000` answers each request after 100 ms.
    """
    kind, _, argument = name.partition(":")
    if kind == "late":
        milliseconds, _, rest = argument.partition(":")
        site = site_of(rest)
        site.delay_s = int(milliseconds) / 1000
        return site
    if kind == "lone":
        return LonePage()
    if kind == "numbered":
        return NumberedSite(int(argument))
    if kind == "folder":
        return FolderSite(Path(argument))
    if kind == "labelled":
        return LabelledSite(int(argument))
    raise SystemExit(f"no site {name!r}; there are lone, numbered:COUNT, folder:PATH and labelled:STEP")


def answer_of(body: bytes, media_type: str) -> bytes:
    """A 200 with an ETag of the body's own."""
    etag = hashlib.blake2b(body, digest_size=8).hexdigest()
    head = f'HTTP/1.1 200 OK\r\nETag: "{etag}"\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n'
    return head.encode() + body


_ALLOW_ALL = answer_of(b"User-agent: *\nDisallow: /private/\n", "text/plain")
_NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nETag: %s\r\n\r\n"
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nnot found\n"


def _reachable(start: str, texts: dict[str, bytes]) -> frozenset[str]:
    found = {start}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        for target in _targets(path, texts.get(path, b"")) - found:
            found.add(target)
            waiting.append(target)
    return frozenset(found)


def _targets(path: str, body: bytes) -> set[str]:
    """The paths on the same site that a page's `<a href>` lead to."""
    targets = set()
    for node in LexborHTMLParser(body).css("a[href]") if body else ():
        parts = urlsplit(urljoin(f"http://here{path}", (node.attributes["href"] or "").strip()))
        if parts.scheme == "http" and parts.netloc == "here":
            targets.add((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return targets


@lru_cache(maxsize=1)
def _sentences() -> tuple[str, ...]:
    """Two thousand sentences of about 65 characters: pages that are made of them are not near each other."""
    choice, words = random.Random("register"), _WORDS.split()
    return tuple(f"The {' '.join(choice.choices(words, k=9))}.".capitalize() for _ in range(2000))
