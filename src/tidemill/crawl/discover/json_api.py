"""Paged JSON APIs: the items of one answer, and where the next page lies.

Comes in: a body and the source's `ApiRules`; goes out: a `Listing` whose pages are the items. Called by the fetcher.
"""

from __future__ import annotations

import re
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, unquote_plus, urljoin, urlsplit, urlunsplit

import orjson

from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.errors import Invalid, Permanent
from tidemill.markup.bounds import check_json
from tidemill.models.document import Json
from tidemill.models.source import ApiRules
from tidemill.models.url import url_key

_Items: TypeAlias = list[Json]
_PLACE = re.compile(r"\{([^{}]+)\}")
_MAX_DIGITS = 9


def read_api(body: bytes, url: str, rules: ApiRules) -> Listing:
    """The items of the API's answer at `url`, and its next page, if there is one that is not this one.

    An item whose URL cannot be told is left out. Raises `Permanent` (reason `bad_json`) if the body is no JSON, holds
    no list where the rules say, or an item that is nested too deeply; `too_large` if it would take too much memory.
    """
    check_json(body)
    try:
        answer: Json = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise Permanent(f"{url} answered no JSON: {error}", reason="bad_json") from error
    items = _items(answer, url, rules)
    following = _next(answer, items, url, rules)
    return Listing(
        pages=tuple(_listed(item, where, rules) for item in items if (where := _address(item, url, rules)) is not None),
        further=(following,) if following and _key(following) not in (None, _key(url)) else (),
    )


def _listed(item: Json, url: str, rules: ApiRules) -> Listed:
    if rules.follow:
        return Listed(url)
    try:
        return Listed(url, item=orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
    except TypeError as error:  # what can be read may be nested deeper than what can be written
        raise Permanent(f"the item {url[:200]} is nested too deeply to be kept ({error})", reason="bad_json") from error


def _items(answer: Json, url: str, rules: ApiRules) -> _Items:
    """The list of items. A `null` in its place is an empty list: so some servers write one."""
    found = at_path(answer, rules.items)
    if isinstance(found, list):
        return found
    around, _, name = rules.items.rpartition(".")
    above = at_path(answer, around)
    if rules.items and found is None and isinstance(above, dict) and name in above:
        return []
    path = f"at {rules.items!r} of {url}" if rules.items else f"in the answer of {url}"
    way_out = f"; the answer is {_shape(answer)}: set api.items to the path of the list"
    raise Permanent(f"{path} there is {_shape(found)} and no list of items{way_out}", reason="bad_json")


def _shape(value: Json) -> str:
    """What a value is, in a few words."""
    if isinstance(value, dict):
        names = ", ".join(sorted(value)[:12]) or "no names"
        return f"an object with {names[:200]}"
    if value is None:
        return "nothing"
    return f"a list of {len(value)}" if isinstance(value, list) else f"the value {value!r:.40}"


def _address(item: Json, base: str, rules: ApiRules) -> str | None:
    """An item's URL by the rules, absolute; `None` if it has none."""
    if "{" in rules.url:
        values = {path: _segment(at_path(item, path)) for path in _PLACE.findall(rules.url)}
        written = None if None in values.values() else _PLACE.sub(lambda found: values[found[1]] or "", rules.url)
    else:
        found = at_path(item, rules.url)
        written = found.strip() if isinstance(found, str) else None
    return _joined(base, written) if written else None


def _segment(value: Json) -> str | None:
    """A value as a part of a URL; `None` if it would not stand for itself there."""
    text = _scalar(value)
    return None if text in (None, "", ".", "..") else quote(text or "", safe="")


def _scalar(value: Json) -> str | None:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _next(answer: Json, items: _Items, url: str, rules: ApiRules) -> str | None:
    """The URL of the next page by the one way that the rules name."""
    if rules.next_url is not None:
        found = at_path(answer, rules.next_url)
        return _joined(url, found.strip()) if isinstance(found, str) and found.strip() else None
    if rules.cursor is not None:
        cursor = _scalar(at_path(answer, rules.cursor))
        same = cursor == _parameter(url, rules.cursor_parameter)
        return None if not cursor or same else _with_parameter(url, rules.cursor_parameter, cursor)
    if rules.page_parameter is not None and items:
        return _with_parameter(url, rules.page_parameter, str(_page(url, rules.page_parameter, rules.first_page) + 1))
    return None


def _page(url: str, name: str, first: int) -> int:
    """The number of the page at `url`."""
    given = _parameter(url, name) or ""
    digits = given.removeprefix("-")
    return int(given) if digits.isdecimal() and digits.isascii() and len(digits) <= _MAX_DIGITS else first


def _parameter(url: str, name: str) -> str | None:
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return next((value for key, value in pairs if key == name), None)


def _with_parameter(url: str, name: str, value: str) -> str:
    """The URL with one parameter set; the others stay as they were written."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != name]
    query = "&".join([*kept, f"{quote(name, safe='')}={quote(value, safe='')}"])
    return urlunsplit(parts._replace(query=query, fragment=""))


def _joined(base: str, link: str) -> str | None:
    try:
        url = urljoin(base, link)
    except ValueError:
        return None
    return url if _key(url) is not None else None


def _key(url: str) -> str | None:
    try:
        return url_key(url)
    except Invalid:
        return None


def at_path(value: Json, path: str) -> Json:
    """What lies at a path of names and indexes (`data.items`, `links.0.href`); `None` if there is nothing."""
    for name in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and name.isascii() and len(name) <= _MAX_DIGITS:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value
