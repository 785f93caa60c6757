"""robots.txt files and what they allow, written after RFC 9309 and the rules that Google publishes.

Each vector has a text, and per agent the paths that it may fetch and those that it may not.
"""

from __future__ import annotations

from dataclasses import dataclass

US = "tidemill"


@dataclass(frozen=True, slots=True)
class Vector:
    """One robots.txt. `may` and `may_not` are paths for `agent`."""

    name: str
    text: str
    may: tuple[str, ...] = ()
    may_not: tuple[str, ...] = ()
    agent: str = US


def _for_all(*rules: str) -> str:
    return "\n".join(["User-agent: *", *rules])


_THREE_GROUPS = """
User-agent: *
Disallow: *.gif$
Disallow: /press/
Allow: /notices/

User-agent: tidemill
Allow: /open/tide
Allow: /open/sea.html
Disallow: /

User-agent: gull
User-agent: tern
Disallow: /open/sea.html

User-agent: heron
"""

AGENTS = (
    Vector(
        "named group", _THREE_GROUPS, ("/open/tide", "/open/tides/2", "/open/sea.html"), ("/", "/notices/", "/open")
    ),
    Vector("first of two agents", _THREE_GROUPS, ("/", "/press/x"), ("/open/sea.html",), "gull"),
    Vector("second of two agents", _THREE_GROUPS, ("/", "/press/x"), ("/open/sea.html",), "tern"),
    Vector("all others", _THREE_GROUPS, ("/", "/notices/x", "/x.gif?y"), ("/press/x", "/x.gif", "/a/b.gif"), "auk"),
    Vector("a group without rules allows all", _THREE_GROUPS, ("/", "/press/x", "/x.gif"), (), "heron"),
    Vector("case of agents", "user-AGENT: TideMill\ndisallow: /x", ("/",), ("/x",)),
    Vector("case of our name", "User-agent: tidemill\nDisallow: /x", ("/",), ("/x",), "TIDEMILL"),
    Vector(
        "groups of one agent are one",
        "User-agent: tidemill\nDisallow: /a\n\nUser-agent: auk\nDisallow: /c\n\nUser-agent: Tidemill\nDisallow: /b",
        ("/c",),
        ("/a", "/b"),
    ),
    Vector("groups for all are one", "User-agent: *\nDisallow: /a\nUser-agent: *\nDisallow: /b", ("/c",), ("/a", "/b")),
    Vector(
        "the group for all does not add to ours",
        "User-agent: *\nDisallow: /a\nUser-agent: tidemill\nDisallow: /b",
        ("/a",),
        ("/b",),
    ),
    Vector("ours stands first", "User-agent: tidemill\nDisallow: /b\nUser-agent: *\nDisallow: /", ("/a",), ("/b",)),
    Vector("version behind the name", "User-agent: tidemill/2.1\nDisallow: /", (), ("/",)),
    Vector("more words behind the name", "User-agent: tidemill of the north\nDisallow: /", (), ("/",)),
    Vector("a star behind the name", "User-agent: tidemill*\nDisallow: /", (), ("/",)),
    Vector("words behind the star", "User-agent: * (everyone)\nDisallow: /", (), ("/",)),
    Vector("the beginning of our name is not ours", "User-agent: tide\nDisallow: /", ("/",)),
    Vector("nor its end", "User-agent: mill\nDisallow: /", ("/",)),
    Vector("nor a letter of it", _for_all("Disallow: /") + "\nUser-agent: t\nAllow: /", (), ("/",)),
    Vector("nor a longer name", "User-agent: tidemill-images\nDisallow: /", ("/",)),
    Vector("a longer name has its own", "User-agent: tidemill\nDisallow: /", ("/",), (), "tidemill-images"),
    Vector("no agent", "User-agent:\nDisallow: /", ("/",)),
    Vector("a star glued to a name is no one", "User-agent: *bird\nDisallow: /", ("/",)),
    Vector("rules before any group", "Disallow: /a\nUser-agent: *\nDisallow: /b", ("/a",), ("/b",)),
    Vector("rules without any group", "Disallow: /", ("/",)),
    Vector("blank lines separate nothing", "User-agent: auk\n\n\nUser-agent: *\n\nDisallow: /", (), ("/",), "auk"),
    Vector("blank lines end no group", "User-agent: *\n\nDisallow: /a\n\n\nDisallow: /b", ("/c",), ("/a", "/b")),
    Vector(
        "a sitemap ends no list of agents",
        "User-agent: auk\nSitemap: http://a/x\nUser-agent: *\nDisallow: /",
        (),
        ("/",),
        "auk",
    ),
    Vector("a delay ends none", "User-agent: auk\nCrawl-delay: 1\nUser-agent: *\nDisallow: /", (), ("/",), "auk"),
    Vector("an unknown line ends none", "User-agent: auk\nBird: no\nUser-agent: *\nDisallow: /", (), ("/",), "auk"),
    Vector("an empty rule ends one", "User-agent: auk\nDisallow:\nUser-agent: *\nDisallow: /", ("/",), (), "auk"),
    Vector("a sitemap ends no group", _for_all("Disallow: /a", "Sitemap: /x", "Disallow: /b"), (), ("/a", "/b")),
    Vector(
        "an agent without a name ends one", "User-agent: *\nDisallow: /a\nUser-agent\nDisallow: /b", ("/b",), ("/a",)
    ),
)

MATCHING = (
    Vector("nothing", "", ("/", "/x?y")),
    Vector("nothing is disallowed", _for_all("Disallow:"), ("/", "/x")),
    Vector("everything is", _for_all("Disallow: /"), ("/robots.txt",), ("/", "/x", "/x?y")),
    Vector("the longest rule", _for_all("Allow: /p", "Disallow: /"), ("/page",), ("/x",)),
    Vector("whatever the order", _for_all("Disallow: /", "Allow: /p"), ("/page",), ("/x",)),
    Vector("allow wins a tie", _for_all("Disallow: /folder", "Allow: /folder"), ("/folder/page",)),
    Vector("allow wins a tie, first", _for_all("Allow: /folder", "Disallow: /folder"), ("/folder/page",)),
    Vector("longer with a star", _for_all("Allow: /page", "Disallow: /*.htm"), ("/page",), ("/page.htm", "/x.html")),
    Vector("a star ties", _for_all("Allow: /page", "Disallow: /*.ph"), ("/page.php5",), ("/x.php",)),
    Vector("only the root", _for_all("Allow: /$", "Disallow: /"), ("/",), ("/page.htm", "/?x")),
    Vector(
        "longest match of the RFC",
        _for_all("Allow: /shore/sand/", "Disallow: /shore/sand/dunes.html"),
        ("/shore/sand/", "/shore/sand/shells", "/elsewhere"),
        ("/shore/sand/dunes.html",),
    ),
    Vector("a prefix", _for_all("Disallow: /fish"), ("/Fish.asp", "/catfish", "/?id=fish"), ("/fish", "/fish.html")),
    Vector(
        "further down", _for_all("Disallow: /fish"), ("/desert/fish",), ("/fish/salmon.html", "/fishheads", "/fish?id")
    ),
    Vector("a star at the end is nothing", _for_all("Disallow: /fish*"), ("/Fish",), ("/fish", "/fishing/x")),
    Vector(
        "a folder", _for_all("Disallow: /fish/"), ("/fish", "/fish.html"), ("/fish/", "/fish/?id=1", "/fish/salmon")
    ),
    Vector("a star within", _for_all("Disallow: /*.php"), ("/", "/x.PHP"), ("/x.php", "/a/b.php?c", "/a.phpx/y")),
    Vector("an end", _for_all("Disallow: /*.php$"), ("/x.php?y", "/x.php/", "/x.php5"), ("/x.php", "/a/b.php")),
    Vector("star and tail", _for_all("Disallow: /fish*.php"), ("/Fish.PHP",), ("/fish.php", "/fishheads/cat.php?x")),
    Vector("several stars", _for_all("Disallow: /a*b*c"), ("/abx", "/cab"), ("/abc", "/a1b2c3", "/aXbXcX")),
    Vector("stars in a row", _for_all("Disallow: /a***b"), ("/a",), ("/ab", "/axxb")),
    Vector("a star first", _for_all("Disallow: *.pdf"), ("/x",), ("/x.pdf", "/a/x.pdf?y")),
    Vector("a dollar within is a character", _for_all("Disallow: /a$b"), ("/a", "/ab"), ("/a$b", "/a%24b")),
    Vector("a dollar written in hex", _for_all("Disallow: /a%24"), ("/a",), ("/a$", "/a$b")),
    Vector("a star written in hex", _for_all("Disallow: /a%2Ab"), ("/axb",), ("/a*b", "/a%2Ab")),
    Vector("a query", _for_all("Disallow: /*?"), ("/x",), ("/x?", "/x?y=1", "/?y")),
    Vector("a parameter", _for_all("Disallow: /*?*id="), ("/x?y=1",), ("/x?id=1", "/x?y=1&id=2")),
    Vector("case of paths", _for_all("Disallow: /Private"), ("/private",), ("/Private/x",)),
    Vector("a slash is escaped on purpose", _for_all("Disallow: /a%2Fb"), ("/a/b",), ("/a%2Fb", "/a%2fb")),
    Vector("ASCII in hex", _for_all("Disallow: /%7Eme/%61"), ("/~you",), ("/~me/a", "/%7eme/ab")),
    Vector(
        "UTF-8 and its hex", _for_all("Disallow: /caf\u00e9"), ("/cafe",), ("/caf\u00e9", "/caf%C3%A9", "/caf%c3%a9/x")
    ),
    Vector("hex and its UTF-8", _for_all("Disallow: /caf%c3%a9"), ("/cafe",), ("/caf\u00e9", "/caf%C3%A9")),
    Vector("the same in an allow", _for_all("Disallow: /", "Allow: /\u30c4"), ("/%E3%83%84",), ("/x",)),
    Vector("fragments say nothing", _for_all("Disallow: /x"), ("/y#/x",), ("/x#y",)),
)

WRITING = (
    Vector("byte order mark", "\ufeffUser-agent: *\nDisallow: /", (), ("/",)),
    Vector("CR LF", "User-agent: *\r\nDisallow: /a\r\n\r\nDisallow: /b\r\n", ("/c",), ("/a", "/b")),
    Vector("CR alone", "User-agent: *\rDisallow: /a\rDisallow: /b\r", ("/c",), ("/a", "/b")),
    Vector("no end of the last line", "User-agent: *\nDisallow: /a", ("/c",), ("/a",)),
    Vector("margins", " \tUser-agent \t: \t* \n\t Disallow\t:\t/a \t", ("/b",), ("/a", "/a/b")),
    Vector("no margins", "User-agent:*\nDisallow:/a", ("/b",), ("/a",)),
    Vector("comments", "# all\nUser-agent: * # us too\n#Disallow: /b\nDisallow: /a#b\n", ("/b",), ("/a", "/a/x")),
    Vector("names of lines in any case", "USER-AGENT: *\nDISALLOW: /a\naLLoW: /a/b", ("/a/b",), ("/a", "/a/c")),
    Vector("lines without a colon", "User-agent *\nDisallow /a", ("/b",), ("/a",)),
    Vector("misspelt lines", _for_all("Disalow: /a", "Dissallow: /b"), ("/c",), ("/a", "/b")),
    Vector("unknown lines", _for_all("Noindex: /a", "Disallow: /b", "what is this", ":", "Host: x"), ("/a",), ("/b",)),
    Vector("a very long line", _for_all(f"Disallow: /{'x' * 20_000}", "Disallow: /b"), ("/x",), ("/b",)),
    Vector("a very long comment", _for_all(f"#{'x' * 200_000}", "Disallow: /b"), ("/x",), ("/b",)),
    Vector(
        "only CR and LF end a line",
        _for_all("Disallow: /a\x0cAllow: /", "Disallow: /b\u2028Allow: /"),
        ("/a", "/b"),
        ("/a%0CAllow:%20/", "/b%E2%80%A8Allow:%20/"),
    ),
    Vector("a page instead", "<!doctype html>\n<title>Not found</title>\n<p>Disallow: / it says</p>", ("/", "/x")),
    Vector("bytes that are no text", "\ufffd\ufffd\x01\x02: \ufffd\n\ufffd", ("/",)),
    Vector("paths without a slash", _for_all("Disallow: private"), ("/private", "/x")),
)

VECTORS = (*AGENTS, *MATCHING, *WRITING)
