"""Links as readers can follow them: absolute, http or https.

Comes in: the URL of a page and a link as it stands there; goes out: where it leads. Called by whatever reads links.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit


def web_url(base_url: str, link: str | None) -> str | None:
    """`link` as an absolute http(s) URL, `None` if it is none."""
    if not link:
        return None
    try:
        joined = urljoin(base_url, link.strip())
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in ("http", "https") and parts.netloc else None
