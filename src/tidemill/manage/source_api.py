"""The rules for how a paged JSON API is read.

In: the API rules of a source of kind `json_api`. Out: what is wrong with them, as (location, message). Called by
`source_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidemill.errors import Invalid
from tidemill.manage.source_request import Fault
from tidemill.manage.source_secrets import unseen
from tidemill.models.source import ApiRules
from tidemill.models.url import url_key

_SEGMENT = r"[^.{}\s]+"
_PATH = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT})*")
_PLACE = re.compile(r"\{([^{}]*)\}")
_PARAMETER = re.compile(r"[^=&#?\s\x00-\x1f]+")
_PAGING = ("next_url", "cursor", "page_parameter")


def is_path(text: str) -> bool:
    """Whether it is a path: names and indexes joined by dots."""
    return _PATH.fullmatch(text) is not None


def faults(rules: ApiRules) -> Iterator[Fault]:
    """Everything wrong with the API rules of a source."""
    for field in ("items", "next_url", "cursor"):
        path = getattr(rules, field)
        if path is not None and not is_path(path) and (field, path) != ("items", ""):
            yield (field,), f"api.{field} is {path!r}; give names and indexes joined by dots, like data.items"
    for field in ("cursor_parameter", "page_parameter"):
        name = getattr(rules, field)
        if name is not None and not _PARAMETER.fullmatch(name):
            yield (field,), f"api.{field} is {name!r}; give the name of a query parameter"
    yield from _url(rules.url)
    ways = [field for field in _PAGING if getattr(rules, field) is not None]
    if len(ways) > 1:
        yield (ways[1],), f"api has {' and '.join(ways)}; keep one way to the next page"


def _url(url: str) -> Iterator[Fault]:
    if not url:
        yield ("url",), "api.url is missing; give the path of an item's address, or a template with {path} in it"
    elif "{" not in url and "}" not in url and "://" not in url:
        if not is_path(url):
            yield ("url",), f"api.url is {url!r}; give names joined by dots, or a template with {{path}} in it"
    elif not _is_template(url):
        yield ("url",), f"api.url is {unseen(url)!r}; write a template like https://example.org/articles/{{id}}"


def _is_template(url: str) -> bool:
    places = _PLACE.findall(url)
    filled = _PLACE.sub("x", url)
    if not places or not all(map(is_path, places)) or re.search(r"[{}]", filled):
        return False
    try:
        return "@" not in url_key(filled).split("/")[2]
    except Invalid:
        return False
