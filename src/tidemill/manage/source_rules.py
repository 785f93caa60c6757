"""What the types cannot say of a source: bounds, URLs and paths, patterns, and what goes with which kind.

In: a source whose fields have the right types. Out: what is wrong with it, as (location, message), each message naming
the field, the value and the way out. Called by `source_mapping`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from tidemill.crawl.scope import Scope
from tidemill.errors import Invalid, TidemillError
from tidemill.manage import source_api, source_request
from tidemill.manage.source_fields import FIELDS, About
from tidemill.manage.source_parts import values_at
from tidemill.manage.source_request import Fault, Location
from tidemill.manage.source_secrets import unseen
from tidemill.models.source import LOCAL_KINDS, ApiRules, FeedRules, ProcessRules, SourceSpec
from tidemill.models.url import url_key

_SOME_DAY = date(2026, 1, 1)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAY_REFER = frozenset(
    {("request", "headers"), ("request", "cookies"), ("request", "password"), ("request", "proxies")}
)


def faults(spec: SourceSpec) -> Iterator[Fault]:
    """Everything wrong with a source."""
    yield from _name(spec.name)
    yield from _bounds(spec)
    yield from _start(spec)
    yield from _urls(spec)
    yield from _patterns(spec)
    yield from _sets(spec)
    yield from _of_kind(spec)
    yield from ((("request", *place), message) for place, message in source_request.faults(spec.request))
    yield from _process(spec)
    yield from _stray_references((), spec)


def url_fault(url: str) -> str | None:
    """Why a URL cannot stand in a source, without showing a password that it may hold."""
    try:
        authority = url_key(url).split("/")[2]
    except Invalid as error:
        if "@" in url:
            return f"{unseen(url)!r} is no http or https URL; write https://host/path"
        return f"{error}; write https://host/path"
    if "@" in authority:
        return f"{unseen(url)!r} holds a user name or password; give request.username and request.password instead"
    return None


def _process(spec: SourceSpec) -> Iterator[Fault]:
    if spec.process == ProcessRules():
        return
    from tidemill.manage import source_process  # its parsers are for those who have such rules

    yield from ((("process", *place), message) for place, message in source_process.faults(spec))


def _name(name: str) -> Iterator[Fault]:
    if not name.strip() or "://" in name:
        yield ("name",), f"name is {name!r}; give a word that is not empty and no URL"
    elif _CONTROL.search(name) or name.endswith("/versions"):
        yield ("name",), f"name is {name!r}; give one without control characters and without /versions at its end"


def _bounds(spec: SourceSpec) -> Iterator[Fault]:
    for path, about in FIELDS.items():
        for place, value in values_at(spec, path):
            if value is not None and (why := _out_of_bounds(value, about)) is not None:
                yield place, f"{'.'.join(map(str, place))} is {why}"


def _out_of_bounds(value: Any, about: About) -> str | None:
    if about.choices and value not in about.choices:
        return f"{value!r}; use one of {', '.join(about.choices)}"
    if about.least is None or about.most is None:
        return None
    if not math.isfinite(value) or value < about.least:
        return f"{value}; give {about.least:.16g} or more"
    return f"{value}; give {about.most:.16g} or less" if value > about.most else None


def _start(spec: SourceSpec) -> Iterator[Fault]:
    if not spec.start:
        yield ("start",), "start is empty; give at least one " + ("path" if spec.kind in LOCAL_KINDS else "URL")
    for index, each in enumerate(spec.start):
        fault = _path_fault(each) if spec.kind in LOCAL_KINDS else url_fault(each)
        if fault is not None:
            yield ("start", index), f"start: {fault}"


def _path_fault(path: str) -> str | None:
    if "://" in path:
        return f"{unseen(path)!r} is a URL; write the path of a file or folder, or another kind"
    if not path.strip() or _CONTROL.search(path):
        return f"{path!r} is no path; write that of a file or folder"
    return None


def _urls(spec: SourceSpec) -> Iterator[Fault]:
    given: list[tuple[Location, str]] = [(("within", index), url) for index, url in enumerate(spec.within)]
    if spec.base_url is not None:
        given.append((("base_url",), spec.base_url))
    for place, url in given:
        fault = url_fault(url)
        if fault is not None:
            yield place, f"{place[0]}: {fault}"


def _patterns(spec: SourceSpec) -> Iterator[Fault]:
    """Hosts and patterns, each tried in a scope of its own, so that every one that is wrong is told with its line."""
    alone: list[tuple[Location, SourceSpec]] = []
    for index, host in enumerate(spec.hosts):
        if "@" in host:
            yield ("hosts", index), "hosts holds a user name or password; write a name as example.org"
        else:
            alone.append((("hosts", index), SourceSpec(name=spec.name, hosts=(host,))))
    alone += [(("allow", index), SourceSpec(name=spec.name, allow=(each,))) for index, each in enumerate(spec.allow)]
    alone += [(("deny", index), SourceSpec(name=spec.name, deny=(each,))) for index, each in enumerate(spec.deny)]
    for place, one in alone:
        try:
            Scope(one, max_depth=None, today=_SOME_DAY)
        except (TidemillError, RecursionError, OverflowError) as error:
            yield place, str(error) or f"{place[0]} holds a pattern that is too large; make it shorter"


def _sets(spec: SourceSpec) -> Iterator[Fault]:
    rules = spec.query
    for field, names in (("keep", rules.keep or ()), ("drop", rules.drop)):
        for index, name in enumerate(names):
            if not name or re.search(r"[=&#\s\x00-\x1f]", name):
                yield ("query", field, index), f"query.{field} holds {name!r}; give the name of a parameter alone"
    for name in sorted(set(rules.keep or ()) & set(rules.drop)):
        yield ("query", "drop"), f"query.drop and query.keep both hold {name!r}; take it out of one"
    hours = spec.recrawl
    if not hours.min_hours <= hours.first_hours <= hours.max_hours:
        told = f"min_hours {hours.min_hours:g}, first_hours {hours.first_hours:g}, max_hours {hours.max_hours:g}"
        yield ("recrawl",), f"recrawl has {told}; give them so that min_hours ≤ first_hours ≤ max_hours"


def _of_kind(spec: SourceSpec) -> Iterator[Fault]:
    if spec.base_url is not None and spec.kind != "files":
        yield ("base_url",), f"base_url is given, but kind is {spec.kind!r}; take it out, or use kind files"
    if spec.kind == "json_api":
        yield from ((("api", *place), message) for place, message in source_api.faults(spec.api))
    elif spec.api != ApiRules():
        yield ("api",), f"api is given, but kind is {spec.kind!r}; take it out, or use kind json_api"
    if spec.feed != FeedRules() and spec.kind != "feed":
        yield ("feed",), f"feed is given, but kind is {spec.kind!r}; take it out, or use kind feed"


def _stray_references(place: Location, value: Any) -> Iterator[Fault]:
    """Secrets that nobody would resolve, and so would be sent or stored as they are written."""
    if place in _MAY_REFER:
        return
    if isinstance(value, str):
        if "${secret:" in value:
            name = ".".join(str(part) for part in place if isinstance(part, str))
            yield place, f"{name} holds a secret, which may stand only in request.headers, cookies, password, proxies"
    elif is_dataclass(value):
        for field in fields(value):
            yield from _stray_references((*place, field.name), getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for index, each in enumerate(value):
            yield from _stray_references((*place, index), each)
    elif hasattr(value, "items"):
        for key, each in value.items():
            yield from _stray_references((*place, key), each)
