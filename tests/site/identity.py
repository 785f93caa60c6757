"""What makes two URLs one page here, written apart from Tidemill's own rule so that the two can disagree."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urldefrag, urlencode, urljoin, urlsplit

_NO_MEANING = re.compile(r"utm_\w+|gclid|fbclid|PHPSESSID", re.IGNORECASE)
_PATH_SESSION = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)


def page_key(target: str) -> str:
    """Give the identity of a path with its query: no session, no tracking, the query sorted."""
    path, _, query = urldefrag(target)[0].partition("?")
    kept = sorted(pair for pair in parse_qsl(query, keep_blank_values=True) if not _NO_MEANING.fullmatch(pair[0]))
    clean = quote(_PATH_SESSION.sub("", path), safe="/%;:@&=+$,!*'()~-._")
    return clean + (f"?{urlencode(kept)}" if kept else "")


def resolve(href: str, page_url: str) -> str | None:
    """Give the identity of a link on a page, `None` if it leads off the site or is no page at all."""
    url = urljoin(page_url, href.strip())
    parts, home = urlsplit(url), urlsplit(page_url)
    if (parts.scheme, parts.netloc) != (home.scheme, home.netloc):
        return None
    return page_key(url.removeprefix(f"{parts.scheme}://{parts.netloc}") or "/")
