"""Families of URLs that may go on for ever: facets, calendars, sessions. Each has a budget of visits in a run.

In: a canonical URL in scope. Out: the family it belongs to, and how many of it a run may visit; `None` for a plain URL,
which is not counted. Called by the fetcher for each URL it finds; the ledger counts. Where the heuristics come from:

- A query multiplies: n independent parameters with k values each are k to the n URLs of one page ("faceted navigation",
  Google's guidelines for crawl budgets). So a family is a path with its parameters' names, and each further parameter
  costs it nine tenths of its budget. Parameters by which content systems find their page (Joomla's `option` and `view`,
  MediaWiki's `action`, languages) have few values and cost nothing.
- A calendar has a next month for ever; Heritrix and StormCrawler bound it by patterns of dates. Here it is a date that
  ends a path, or stands in the query. A path that goes on behind its date is a blog's permalink.
- A session's token gives each page a new address for each visit: 16 characters or more that change between letters and
  digits (hexadecimal PHP and Java sessions, ASP.NET's `(S(…))`), in a path that goes on behind it, or as a parameter
  beside others. A token that ends the path, is all of the query, is a UUID, or whose name says that it identifies
  something, is taken for an identifier: cutting real pages is worse than fetching some twice.
"""

from __future__ import annotations

import re
from hashlib import sha256

CALENDAR_BUDGET = 400
"""Dates of one calendar: a year of days, or 33 years of months."""

SESSION_BUDGET = 20
"""Addresses of one page that differ in a session's token."""

_LEAST_FACETS = 20
_MAX_FAMILY = 200
_SUSPICIOUS = re.compile(r"[?]|(?:19|20)\d\d[/-]?[\dWw]|[0-9A-Za-z]{16}[^/]*/|\([SAF]\(")
_VIEW = r"(?:/(?:day|week|month|list|agenda|today))?"
_DATE = r"(?:19|20)\d\d(?:[/-](?:0?[1-9]|1[0-2])(?:[/-](?:0?[1-9]|[12]\d|3[01]))?|[/-]?W(?:0?[1-9]|[1-4]\d|5[0-3]))"
_DATED_PATH = re.compile(rf"(?:(?<=/)|(?<=[_-])){_DATE}{_VIEW}(?:\.html?|\.php)?/?$", re.IGNORECASE)
_DATED_VALUE = re.compile(rf"{_DATE}(?:T.*)?", re.IGNORECASE)
_COMPACT_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?")
_YEAR_NAMES = frozenset({"year", "y", "yr", "jahr", "ano", "annee"})
_MONTH_NAMES = frozenset({"month", "m", "mo", "mon", "monat", "mes", "mois", "week", "w", "kw", "day", "d"})
_DATE_NAME = re.compile(r"date|day|month|week|^(?:from|to|start|end|since|until|when)$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_ROUTING = frozenset(
    "option view layout task itemid module controller action title lang language locale hl".split()  # noqa: SIM905
)
_RUN = re.compile(r"[0-9A-Za-z]{16,}")
_LEAST_CHANGES = 3
_CHANGES = re.compile(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])")
_ASP_NET = re.compile(r"\((?:[SAF]\([0-9A-Za-z_\-]{8,}\))+\)")
_SESSION_NAME = re.compile(r"sess|sid$|token|zenid|^s$|ticket|nonce|visit", re.IGNORECASE)
_IDENTIFIER_NAME = re.compile(
    r"^(?:v|p|key|slug|doc|file|item|article|product|node|hash|sku|q|query|ref|code)$|id$", re.IGNORECASE
)

_Pairs = list[tuple[str, str]]


def family(url: str, budget: int) -> tuple[str, int] | None:
    """The family of a canonical URL, and how many of it may be visited; `budget` is that of one query parameter.

    A family is a URL without its scheme, with `#` for the digits of a date and `*` for a token; all members have the
    same.
    """
    if not _SUSPICIOUS.search(url):
        return None
    address, _, query = url.partition("://")[2].partition("?")
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&"))] if query else []
    found = _session(address, pairs) or _calendar(address, pairs, budget) or _facets(address, pairs, budget)
    if found is None:
        return None
    name, bound = found
    if len(name) > _MAX_FAMILY:
        name = f"{name[:_MAX_FAMILY]}…{sha256(name.encode()).hexdigest()[:16]}"
    return name, min(bound, budget)


def _session(address: str, pairs: _Pairs) -> tuple[str, int] | None:
    segments = address.split("/")
    last = len(segments) - (1 if segments[-1] else 2)
    bare = ["*" if 0 < place < last and _is_token(each) else each for place, each in enumerate(segments)]
    values = [(name, "*" if _is_session(name, value, len(pairs)) else value) for name, value in pairs]
    if values == pairs and bare == segments:
        return None
    return _spelled("/".join(bare), [f"{name}={value}" for name, value in values]), SESSION_BUDGET


def _is_session(name: str, value: str, parameters: int) -> bool:
    if not _is_token(value):
        return False
    return bool(_SESSION_NAME.search(name)) or (parameters > 1 and not _IDENTIFIER_NAME.search(name))


def _is_token(text: str) -> bool:
    """Whether it looks drawn at random: letters and digits in turn, and nothing between them."""
    if _ASP_NET.fullmatch(text):
        return True
    return _RUN.fullmatch(text) is not None and len(_CHANGES.findall(text)) >= _LEAST_CHANGES


def _calendar(address: str, pairs: _Pairs, budget: int) -> tuple[str, int] | None:
    names = {name.lower() for name, value in pairs if value.isdigit()}
    split = bool(names & _YEAR_NAMES and names & _MONTH_NAMES)
    dated = [name for name, value in pairs if _is_date(name, value, split=split)]
    host, slash, path = address.partition("/")
    in_path = _DATED_PATH.search(f"/{path}") is not None
    if not dated and not in_path:
        return None
    shape = host + slash + (_DIGITS.sub("#", path) if in_path else path)
    others = [(name, value) for name, value in pairs if name not in dated]
    bound = min(CALENDAR_BUDGET, _facet_budget([*others, ("date", "")], budget))
    return _spelled(shape, [f"{name}=#" if name in dated else name for name, _ in pairs]), bound


def _is_date(name: str, value: str, *, split: bool) -> bool:
    if _DATED_VALUE.fullmatch(value):
        return True
    if split and value.isdigit():
        return name.lower() in _YEAR_NAMES | _MONTH_NAMES
    return bool(_DATE_NAME.search(name) and _COMPACT_DATE.fullmatch(value))


def _facets(address: str, pairs: _Pairs, budget: int) -> tuple[str, int] | None:
    return (_spelled(address, [name for name, _ in pairs]), _facet_budget(pairs, budget)) if pairs else None


def _facet_budget(pairs: _Pairs, budget: int) -> int:
    free = sum(name.lower() not in _ROUTING for name, _ in pairs)
    for _ in range(free - 1):
        budget //= 10
    return max(budget, _LEAST_FACETS)


def _spelled(address: str, parameters: list[str]) -> str:
    return f"{address}?{'&'.join(parameters)}" if parameters else address
