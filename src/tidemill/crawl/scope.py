"""Which URLs belong to a source, and which are traps that would never end.

In: a canonical URL and its depth. Out: `None` if it is to be visited, else the reason why not. Asked by the fetcher for
each link it finds and, since a source's rules may have changed, for each visit it is handed.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from tidemill.errors import Invalid
from tidemill.models.source import SourceSpec
from tidemill.models.url import url_folder, url_host, url_key

_MAX_SEGMENTS = 40
_MAX_REPEATS = 3
_MAX_URL = 2000
_YEARS_AHEAD = 2
_DATED = re.compile(r"(?:^|[/=_-])(20[0-9]{2})(?:[/_-](?:0?[1-9]|1[0-2])(?![0-9])|/)")


class Scope:
    """The rules of one source, compiled."""

    def __init__(self, spec: SourceSpec, *, max_depth: int | None, today: date) -> None:
        starts = [url_key(url) for url in spec.start]
        named = [_named_host(spec, host) for host in spec.hosts]
        self._hosts = set(named) or {_plain_host(url_host(url)) for url in starts}
        self._within = tuple(_without_scheme(url_key(url)) for url in spec.within)
        self._allow = _compiled(spec, "allow", spec.allow)
        self._deny = _compiled(spec, "deny", spec.deny)
        self._max_depth = max_depth
        self._last_year = today.year + _YEARS_AHEAD

    def covers(self, url: str) -> bool:
        """Whether a URL belongs to the source at all; one that does not is counted, but has no place in the ledger."""
        if not self.same_site(url):
            return False
        if self._within and not _without_scheme(url).startswith(self._within):
            return False
        if self._allow and not any(pattern.search(url) for pattern in self._allow):
            return False
        return not any(pattern.search(url) for pattern in self._deny)

    def same_site(self, url: str) -> bool:
        """Whether a URL lies on one of the source's hosts, whatever its path."""
        return _plain_host(url_host(url)) in self._hosts

    def refusal(self, url: str, depth: int) -> str | None:
        """Why a URL of the source is not to be visited: `depth` or `trap`."""
        if self._max_depth is not None and depth > self._max_depth:
            return "depth"
        if len(url) > _MAX_URL or url.count("/") > _MAX_SEGMENTS:
            return "trap"
        dated = _DATED.search(url)
        if dated is not None and int(dated[1]) > self._last_year:
            return "trap"
        if url.count("/") > _MAX_REPEATS + 2:
            segments = Counter(segment for segment in url.split("/")[3:] if segment)
            if segments and max(segments.values()) > _MAX_REPEATS:
                return "trap"
        return None


def folder_spec(name: str, url: str) -> SourceSpec:
    """The ad-hoc source of a URL: its host, and there everything below the URL's folder."""
    key = url_key(url)
    return SourceSpec(name=name, start=(key,), within=(url_folder(key),), description=f"ad-hoc crawl of {key}")


def _named_host(spec: SourceSpec, host: str) -> str:
    try:
        key = url_key(f"http://{host}/")
    except Invalid:
        key = ""
    if key.count("/") != 3 or "@" in key or "?" in key:
        raise Invalid(f"source {spec.name!r}: hosts holds {host!r}; write a name as example.org or example.org:8080")
    return _plain_host(url_host(key))


def _compiled(spec: SourceSpec, field: str, patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern))
        except re.error as error:
            raise Invalid(
                f"source {spec.name!r}: {field} holds {pattern!r}, which is no regular expression: {error}"
            ) from error
    return tuple(compiled)


def _plain_host(host: str) -> str:
    """A host without a default port, so that a site's http and https addresses are one site."""
    return host.removesuffix(":80").removesuffix(":443")


def _without_scheme(url: str) -> str:
    return url.partition("://")[2]
