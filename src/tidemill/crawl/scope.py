"""Which URLs belong to a source, how they are spelled in it, and which are traps that would never end.

In: a canonical URL and its depth. Out: `None` if it is to be visited, else the reason why not. Asked by the fetcher for
each link it finds and, since a source's rules may have changed, for each visit it is handed.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from tidemill.errors import Invalid
from tidemill.models.source import LOCAL_KINDS, QueryRules, SourceSpec
from tidemill.models.url import url_folder, url_host, url_key

_MAX_SEGMENTS = 40
_MAX_REPEATS = 3
_MAX_URL = 2000
_YEARS_AHEAD = 2
_FEW = 8  # prefixes that are tried one after another faster than a host is cut out of its URL
_DATED = re.compile(r"(?:^|[/=_-])(20[0-9]{2})(?:[/_-](?:0?[1-9]|1[0-2])(?![0-9])|/)")


class Scope:
    """The rules of one source, compiled."""

    def __init__(self, spec: SourceSpec, *, max_depth: int | None, today: date) -> None:
        self._hosts = _hosts(spec)
        self._files = spec.kind in LOCAL_KINDS
        self._within = tuple(_without_scheme(url_key(url)) for url in spec.within)
        self._allow = _compiled(spec, "allow", spec.allow)
        self._deny = _compiled(spec, "deny", spec.deny)
        self._keep, self._drop = _names(spec.query)
        self._max_depth = max_depth
        self._last_year = today.year + _YEARS_AHEAD
        self._homes = _homes(self._hosts or set())
        self._sure = () if self._allow or self._deny else _beginnings(self._within, self._hosts, self._homes)

    def covers(self, url: str) -> bool:
        """Whether a URL belongs to the source at all; one that does not is counted, but has no place in the ledger."""
        if url.startswith(self._sure):
            return True
        if not self.same_site(url):
            return False
        if self._within and not _without_scheme(url).startswith(self._within):
            return False
        if self._allow and not any(pattern.search(url) for pattern in self._allow):
            return False
        return not any(pattern.search(url) for pattern in self._deny)

    def same_site(self, url: str) -> bool:
        """Whether a URL lies on one of the source's hosts, whatever its path."""
        return url.startswith(self._homes) or self._is_at_home(url)

    def _is_at_home(self, url: str) -> bool:
        """`same_site` for any spelling. File URLs are at home in a folder, and nowhere on the web."""
        if url.startswith("file:"):
            return self._files
        return self._hosts is None or _plain_host(url_host(url)) in self._hosts

    def rewrite(self, url: str) -> str:
        """The canonical URL of a page of this source: without the parameters that tell none of its pages apart."""
        if (self._keep is None and self._drop is None) or "?" not in url:
            return url
        address, _, query = url.partition("?")
        kept = [pair for pair in query.split("&") if self._tells_apart(pair.partition("=")[0])]
        return f"{address}?{'&'.join(kept)}" if kept else address

    def _tells_apart(self, parameter: str) -> bool:
        if self._drop is not None and self._drop.fullmatch(parameter):
            return False
        return self._keep is None or self._keep.fullmatch(parameter) is not None

    def refusal(self, url: str, depth: int) -> str | None:
        """Why a URL of the source is not to be visited: `depth` or `trap`."""
        if self._max_depth is not None and depth > self._max_depth:
            return "depth"
        if url.startswith("file:"):  # a folder has an end
            return None
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


def _hosts(spec: SourceSpec) -> set[str] | None:
    """The hosts of a source; `None` if any may be: a list of URLs, or an archive, may hold pages of all the web."""
    named = {_named_host(spec, host) for host in spec.hosts}
    if named:
        return named
    if spec.kind in LOCAL_KINDS:
        return {_plain_host(url_host(url_key(spec.base_url)))} if spec.base_url else None
    return {_plain_host(url_host(url_key(url))) for url in spec.start}


def _homes(hosts: set[str]) -> tuple[str, ...]:
    """What most URLs of the hosts begin with, if it pays to try them one after another."""
    return tuple(f"{scheme}://{host}/" for host in hosts for scheme in ("http", "https")) if len(hosts) <= _FEW else ()


def _beginnings(within: tuple[str, ...], hosts: set[str] | None, homes: tuple[str, ...]) -> tuple[str, ...]:
    """What a URL may begin with to be covered without further questions, unless patterns have a say."""
    if not within:
        return homes
    at_home = [each for each in within if hosts is None or each.partition("/")[0] in hosts]
    return tuple(f"{scheme}://{each}" for each in at_home[:_FEW] for scheme in ("http", "https"))


def _names(rules: QueryRules) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """What the names of parameters to keep and to drop look like; `None` where there is no rule."""
    return None if rules.keep is None else _any_of(rules.keep), _any_of(rules.drop) if rules.drop else None


def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """Matches each of these names; one that ends with `*` stands for all that begin so."""
    spelled = [re.escape(_escaped(name.removesuffix("*"))) + (".*" if name.endswith("*") else "") for name in names]
    return re.compile("|".join(spelled) or r"(?!)", re.DOTALL)


def _escaped(name: str) -> str:
    """A parameter's name as canonical URLs spell it."""
    return url_key(f"http://a/?-{name}").partition("?-")[2]  # the `-` saves names that canonical URLs never have


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
