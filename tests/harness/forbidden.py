"""Every way to write an address that strangers' pages must not lead to, and a site that leads to all of them.

`AUTHORITIES` is the matrix; `Lures` is the answer of a `wire` server whose pages, redirects, sitemaps, feeds and
robots.txt files name each of them at the port of a canary.
"""

from __future__ import annotations

from tests.harness.wire import Exchange, html

from tidemill.errors import Invalid
from tidemill.models.url import url_host, url_key

_BY_KIND = {
    "loopback": "127.0.0.1 127.0.0.1. 127.83.12.9 127.255.255.254",
    "this machine": "0.0.0.0 0 0.1.2.3 [::] [::1] [0:0:0:0:0:0:0:1] [0000::0001]",
    "short": "127.1 127.0.1 10.1",
    "decimal": "2130706433 2852039166 167772161",
    "octal": "0177.0.0.1 017700000001 0177.1 00000177.0.0.1",
    "hexadecimal": "0x7f000001 0x7F.0.0.1 0x7f.1 0x7f.0x0.0x0.0x1 0X7F000001 0xA9FEA9FE",
    "mixed": "0x7f.0.0.01 127.0x0.0.1 0177.0x0.1",
    "in IPv6": "[::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1] [::127.0.0.1] [::ffff:0:127.0.0.1]",
    "translated": "[64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b:1::1] [64:ff9b::a9fe:a9fe]",
    "tunnelled": "[2002:7f00:1::] [2002:a9fe:a9fe::1] [2001:0:7f00:1::f7f7:f7f7]",
    "metadata": "169.254.169.254 [::ffff:169.254.169.254] [fd00:ec2::254] 168.63.129.16 100.100.100.200 192.0.0.192",
    "private": "10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 198.18.0.1 [fc00::1] [fd12:3456::1]",
    "near": "[fe80::1] [fec0::1] [ff02::1] 224.0.0.1 255.255.255.255 240.0.0.1",
    "named": "localhost LOCALHOST localhost. LocalHost. a.localhost b.c.localhost.",
    "unicode": "１２７.0.0.1 ①②⑦.0.0.1 127。0。0。1 127．0．0．1 ｌｏｃａｌｈｏｓｔ ⓛocalhost [::①] ⑩.0.0.1",
    "with a user": "good.invalid@127.0.0.1 good.invalid:80@127.0.0.1 good.invalid%2F@127.1 user:pass@[::1] @127.0.0.1",
    "broken": "good.invalid\\@127.0.0.1 127.0.0.1%2F 127.0.0.1%00.good.invalid %31%32%37.0.0.1 [fe80::1%25lo]",
    "dotted": "127.0.0.1.. localhost..",
}
AUTHORITIES = tuple(host for hosts in _BY_KIND.values() for host in hosts.split())
REFUSALS = {("skipped", "private_address"), ("failed", "bad_url")}
"""How a URL of the matrix may end that has a place in the ledger."""

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_MAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"


def targets(port: int, place: str) -> list[str]:
    """The matrix as URLs, each with a path that says where it was met."""
    return [f"http://{host}:{port}/{place}/{number}" for number, host in enumerate(AUTHORITIES)]


def keys(port: int, place: str) -> list[str]:
    """The same as the ledger writes them, without those that are no URL, or for a browser one of another host."""
    return [key for url in targets(port, place) if "\\" not in url and (key := _key(url)) is not None]


def plain_numbers() -> list[int]:
    """Which of the matrix are ASCII: others cannot be written in a header as they are."""
    return [number for number, host in enumerate(AUTHORITIES) if host.isascii() and _key(f"http://{host}/")]


def hosts(port: int) -> list[str]:
    """What a source must call its hosts, so that none of the matrix is out of its scope."""
    return sorted({url_host(key) for key in keys(port, "host")})


def _key(url: str) -> str | None:
    try:
        return url_key(url)
    except Invalid:
        return None


PLACES = ("link", "refresh", "redirect", "declared", "listed", "further", "feed", "item")
"""Where a URL is met besides robots.txt: named by pages, by redirects, as a sitemap, and in sitemaps and feeds."""


class Lures:
    """The pages of origin 0 lead to the matrix; robots.txt of each further origin redirects to one of it."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __call__(self, exchange: Exchange) -> None:
        path = exchange.path
        if path == "/robots.txt":
            await self._robots(exchange)
        elif exchange.origin:
            await exchange.page(html(f"Lures {exchange.origin}"))
        elif path == "/":
            pages = ["/links", "/feeds", "/feed.xml"]
            every = range(len(AUTHORITIES))
            pages += [f"/{kind}/{number}" for kind in ("redirect", "refresh") for number in every]
            await exchange.page(html("Lures", pages))
        elif path.startswith("/redirect/"):
            await exchange.redirect(self._target(exchange))
        elif path.startswith("/refresh/"):
            await exchange.page(f'<meta http-equiv="refresh" content="0; url={self._target(exchange)}"><p>Go.</p>')
        else:
            await self._listing(exchange)

    async def _listing(self, exchange: Exchange) -> None:
        xml = "Content-Type: application/xml"
        named = {place: targets(self.port, place) for place in PLACES}
        pages: dict[str, tuple[str, ...]] = {
            "/links": (html("Links", named["link"]),),
            "/feeds": ("".join(f'<link rel="alternate" type="{_RSS}" href="{each}">' for each in named["feed"]),),
            "/feed.xml": (_feed(named["item"]), f"Content-Type: {_RSS}"),
            "/sitemap.xml": (_sitemap("urlset", "url", named["listed"]), xml),
            "/index.xml": (_sitemap("sitemapindex", "sitemap", named["further"]), xml),
        }
        if exchange.path in pages:
            await exchange.page(*pages[exchange.path])
        else:
            await exchange.missing()

    async def _robots(self, exchange: Exchange) -> None:
        if exchange.origin:
            await exchange.redirect(targets(self.port, "robots")[exchange.origin - 1])
            return
        own = [f"/{name}" for name in ("sitemap.xml", "index.xml")]
        home = next(line.partition(": ")[2] for line in exchange.head.splitlines() if line.startswith("Host: "))
        declared = [*(f"http://{home}{path}" for path in own), *targets(self.port, "declared")]
        await exchange.page("".join(f"Sitemap: {url}\n" for url in declared), "Content-Type: text/plain")

    def _target(self, exchange: Exchange) -> str:
        _, place, number = exchange.path.split("/")
        return targets(self.port, place)[int(number)]


_RSS = "application/rss+xml"


def _feed(urls: list[str]) -> str:
    items = "".join(f"<item><title>Item</title><link>{url}</link></item>" for url in urls)
    return f'{_XML}<rss version="2.0"><channel><title>Feed</title>{items}</channel></rss>'


def _sitemap(root: str, entry: str, urls: list[str]) -> str:
    entries = "".join(f"<{entry}><loc>{url}</loc></{entry}>" for url in urls)
    return f'{_XML}<{root} xmlns="{_MAPS}">{entries}</{root}>'
