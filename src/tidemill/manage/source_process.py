"""The rules for what is made of a source's pages: selectors, transforms, checks, schemas.

In: a source of the right types. Out: what is wrong with its `process`, as (location, message). Selectors and patterns
are compiled here, so that a mistake is told when the source is written, not when it is crawled. Called by
`source_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from tidemill.manage import source_documents
from tidemill.manage.source_request import Fault, Location
from tidemill.models.source import CheckRule, FieldRule, ItemsRule, ProcessRules, SourceSpec
from tidemill.process.extract.elements import css_fault, xpath_fault
from tidemill.process.extract.paths import KIND, is_path
from tidemill.process.extract.transforms import parse_transform
from tidemill.process.extract.values import Surroundings, Unreadable, read_value
from tidemill.process.steps import patterns

_ATTRIBUTE = re.compile(r"[^\s\"'<>/=()]+")
_ORIGIN = re.compile(r"[a-z][a-z0-9_-]*")
_KIND_SAID = "give a word of a-z, 0-9, - and _ that begins with a letter"
_WAYS = ("css", "xpath", "path")


def faults(spec: SourceSpec) -> Iterator[Fault]:
    """Everything wrong with the process rules of a source."""
    rules = spec.process
    yield from _kind(("kind",), rules.kind)
    for name, rule in rules.fields.items():
        yield from _field(name, rule, spec)
    if rules.items is not None:
        yield from _items(rules.items, spec)
    yield from _zone(rules.time_zone)
    yield from _words(rules)
    for name, origins in rules.prefer.items():
        yield from _prefer(name, origins)
    for name, check in rules.checks.items():
        yield from _check(name, check)
    yield from source_documents.schema_faults(("schema",), rules.schema)
    yield from source_documents.llm_faults(rules.llm)


def _kind(place: Location, kind: str | None) -> Iterator[Fault]:
    if kind is not None and not KIND.fullmatch(kind):
        yield place, f"process.{'.'.join(map(str, place))} is {kind!r}; {_KIND_SAID}"


def _field(name: str, rule: FieldRule, spec: SourceSpec) -> Iterator[Fault]:
    place: Location = ("fields", name)
    said = f"process.fields.{name}"
    if not name.strip():
        yield place, f"process.fields holds the empty name {name!r}; give the name of a value"
    yield from _selector(place, said, rule)
    yield from _fits_source(place, said, rule, spec)
    if rule.attribute is not None and rule.path is not None:
        yield (*place, "attribute"), f"{said}.attribute is given with a path; take it out, or lengthen the path"
    elif rule.attribute is not None and not _ATTRIBUTE.fullmatch(rule.attribute):
        yield (*place, "attribute"), f"{said}.attribute is {rule.attribute!r}; give the name of an attribute, like href"
    for index, transform in enumerate(rule.transform):
        try:
            parse_transform(transform)
        except ValueError as error:
            yield (*place, "transform", index), f"{said}.transform {error}"
    yield from _default(place, said, rule)


def _selector(place: Location, said: str, rule: FieldRule | ItemsRule) -> Iterator[Fault]:
    """Exactly one way, and one that can be gone."""
    ways = [way for way in _WAYS if getattr(rule, way) is not None]
    if not ways:
        yield place, f"{said} has no selector; give one of css, xpath, path"
    elif len(ways) > 1:
        yield (*place, ways[1]), f"{said} has {' and '.join(ways)}; keep one"
    if rule.css is not None and (why := css_fault(rule.css)) is not None:
        hint = "; give the attribute once" if "::attr(" in rule.css else "; correct it, or use xpath"
        yield (*place, "css"), f"{said}.css is {rule.css!r}, {why}{hint}"
    if rule.xpath is not None and (why := xpath_fault(rule.xpath)) is not None:
        yield (*place, "xpath"), f"{said}.xpath is {rule.xpath!r}, {why}; correct it"
    if rule.path is not None and not is_path(rule.path):
        yield (
            (*place, "path"),
            f"{said}.path is {rule.path!r}; give names and indexes joined by dots, like data.0.title, * for all",
        )


def _fits_source(place: Location, said: str, rule: FieldRule, spec: SourceSpec) -> Iterator[Fault]:
    """A selector that could never find anything."""
    way = next((way for way in _WAYS if getattr(rule, way) is not None), None)
    items = spec.process.items
    if way in ("css", "xpath") and spec.kind == "json_api" and not spec.api.follow:
        yield (*place, way), f"{said}.{way} is for HTML, but kind is 'json_api' without api.follow; give a path"
    elif items is not None and way is not None and (items.path is None) == (way == "path"):
        its = next((way for way in _WAYS if getattr(items, way) is not None), "css")
        other = "css or xpath" if way == "path" else "a path"
        yield (*place, way), f"{said}.{way} never finds anything in items by {its}; give {other}"


def _default(place: Location, said: str, rule: FieldRule) -> Iterator[Fault]:
    if rule.default is None or rule.type == "json":
        return
    try:
        read_value(rule.default, rule.type, Surroundings("https://example.org/"))
    except Unreadable:
        yield (*place, "default"), f"{said}.default is {rule.default!r}, which is no {rule.type}; give one that is"
    except KeyError:
        return  # the type is none: told by the bounds


def _items(rule: ItemsRule, spec: SourceSpec) -> Iterator[Fault]:
    yield from _selector(("items",), "process.items", rule)
    yield from _kind(("items", "kind"), rule.kind)
    fields = spec.process.fields
    if not fields and rule.path is None:
        yield ("items",), "process.items is given without process.fields; say which values an item has"
    for index, name in enumerate(rule.key):
        if fields and name not in fields:
            known = ", ".join(fields)
            yield ("items", "key", index), f"process.items.key holds {name!r}, which is no field; use {known}"


def _zone(name: str | None) -> Iterator[Fault]:
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # what zoneinfo raises of names that it does not know or cannot open
        yield ("time_zone",), f"process.time_zone is {name!r}, which is no zone; give one like Europe/Madrid or UTC"


def _words(rules: ProcessRules) -> Iterator[Fault]:
    if rules.max_words is not None and rules.max_words < rules.min_words:
        told = f"min_words {rules.min_words} and max_words {rules.max_words}"
        yield ("max_words",), f"process has {told}; give them so that min_words ≤ max_words"
    for index, code in enumerate(rules.languages):
        if not re.fullmatch(r"[a-z]{2,3}", code):
            yield ("languages", index), f"process.languages holds {code!r}; give ISO 639 codes such as en"
    for index, name in enumerate(rules.required):
        if not name.strip():
            yield ("required", index), "process.required holds an empty name; take it out"


def _prefer(name: str, origins: tuple[str, ...]) -> Iterator[Fault]:
    if not origins:
        yield ("prefer", name), f"process.prefer.{name} is empty; give origins, the best first, or take it out"
    for index, each in enumerate(origins):
        if not _ORIGIN.fullmatch(each):
            yield ("prefer", name, index), f"process.prefer.{name} holds {each!r}; give names of origins, like jsonld"


def _check(name: str, rule: CheckRule) -> Iterator[Fault]:
    said = f"process.checks.{name}"
    for least, most in (("minimum", "maximum"), ("min_length", "max_length")):
        low, high = getattr(rule, least), getattr(rule, most)
        if low is not None and high is not None and low > high:
            yield ("checks", name, most), f"{said} has {least} {low:g} and {most} {high:g}; give them in order"
    if rule.pattern is not None and (fault := patterns.find_fault(rule.pattern)) is not None:
        told = f"{said}.pattern is {rule.pattern!r}, which is no regular expression ({fault}); correct it"
        yield ("checks", name, "pattern"), told
    if rule == CheckRule():
        yield ("checks", name), f"{said} checks nothing; give a type, a range, a length, a pattern or one_of"
