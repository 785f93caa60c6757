"""The small verbs of `transform` in a source's rules: `strip`, `split:,`, `regex:(\\d+)`, `date:%d.%m.%Y` …

Comes in: what a selector gave, and the verbs in their order; goes out: the value that is then made into its type.
Called by the extractor of selected values, and by the rules of sources, which try each verb before a page is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import orjson

from tidemill.models.document import Json
from tidemill.process.extract.paths import find, is_path
from tidemill.process.steps import patterns

MAX_CHARS = 100_000
"""A text is cut to this before a verb sees it."""

OfText = Callable[[str], Json]

_SPACE = re.compile(r"\s+")
_YEAR = re.compile(r"%(?:[yYGcxDFs]|O?y)")
_TIME = re.compile(r"%[HIMSfpzZXcsTRr]")
_PROBE = datetime(2026, 11, 23, 17, 45, 12)  # noqa: DTZ001 - only its text is looked at


@dataclass(frozen=True, slots=True)
class _Verb:
    """What a verb does; `takes` shows its parameter in messages, and is empty for a verb that has none."""

    make: Callable[[str], OfText]
    takes: str = ""


def is_list_verb(transform: str) -> bool:
    """Whether the verb wants all parts of a value at once."""
    return transform.partition(":")[0] == "join"


@cache
def parse_transform(transform: str) -> OfText:
    """The function that a verb with its parameter stands for. Raises `ValueError`, which says what to write instead."""
    name, colon, parameter = transform.partition(":")
    verb = _VERBS.get(name)
    if verb is None:
        raise ValueError(f"is {transform!r}, which is no verb; use one of {', '.join(_shown())}")
    if verb.takes and not parameter:
        raise ValueError(f"is {transform!r}; write {name}:{verb.takes}")
    if colon and not verb.takes:
        raise ValueError(f"is {transform!r}; write {name} alone")
    return verb.make(parameter)


def apply_transforms(value: Json, transforms: tuple[str, ...]) -> Json:
    """The value after all verbs. Each member of a list goes through them alone, but for `join`.

    Raises `SlowPattern` if a regular expression does not come to an end.
    """
    for transform in transforms:
        if is_list_verb(transform):
            value = _join(value, transform.partition(":")[2])
        else:
            value = _each(value, parse_transform(transform))
    return value


def _each(value: Json, verb: OfText) -> Json:
    if isinstance(value, list):
        parts: list[Json] = []
        for member in value:
            made = _each(member, verb)
            parts += made if isinstance(made, list) else [] if made is None else [made]
        return parts
    text = _text(value)
    return value if text is None else verb(text[:MAX_CHARS])


def _join(value: Json, between: str) -> Json:
    if not isinstance(value, list):
        return value
    return between.join(text for member in value if (text := _text(member))) or None


def _text(value: Json) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _plain(verb: Callable[[str], Json]) -> _Verb:
    return _Verb(lambda _: verb)


def _squeeze(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _first_line(text: str) -> Json:
    return next((_squeeze(line) for line in text.splitlines() if line.strip()), None)


def _split(between: str) -> OfText:
    return lambda text: [part.strip() for part in text.split(between) if part.strip()]


def _replace(parameter: str) -> OfText:
    old, arrow, new = parameter.partition("=>")
    if not arrow or not old:
        raise ValueError(f"is 'replace:{parameter}'; write replace:OLD=>NEW")
    return lambda text: text.replace(old, new)


def _regex(pattern: str) -> OfText:
    """The first group of the first match, or all of it if there is no group; nothing if there is no match."""
    if (fault := patterns.find_fault(pattern)) is not None:
        raise ValueError(f"is 'regex:{pattern}', which is no regular expression ({fault}); correct it")
    return lambda text: patterns.first_match(pattern, text)


def _date(form: str) -> OfText:
    """ISO 8601 of a date or time in that form; a text in another form stays as it is, and is then no date."""
    try:
        if not _YEAR.search(form):
            raise ValueError("it has no year")
        datetime.strptime(_PROBE.strftime(form), form)  # noqa: DTZ007 - only tried
    except ValueError as error:
        raise ValueError(f"is 'date:{form}', which is no form of dates ({error}); write date:%d.%m.%Y") from None
    has_time = _TIME.search(form) is not None

    def read(text: str) -> Json:
        try:
            found = datetime.strptime(_squeeze(text), form)  # noqa: DTZ007 - its zone is looked for later
        except ValueError:
            return text
        return found.isoformat() if has_time else found.date().isoformat()

    return read


def _path(path: str) -> OfText:
    """What lies at a path of the JSON that the text is."""
    if not is_path(path):
        raise ValueError(f"is 'path:{path}'; give names and indexes joined by dots, like props.items.0.name")

    def read(text: str) -> Json:
        try:
            found = find(orjson.loads(text), path)
        except ValueError:
            return None
        return found[0] if len(found) == 1 else list(found) or None

    return read


def _shown() -> list[str]:
    return [f"{name}:{verb.takes}" if verb.takes else name for name, verb in _VERBS.items()]


_VERBS: dict[str, _Verb] = {
    "strip": _plain(str.strip),
    "lower": _plain(str.lower),
    "upper": _plain(str.upper),
    "squeeze": _plain(_squeeze),
    "first_line": _plain(_first_line),
    "split": _Verb(_split, "TEXT"),
    "join": _Verb(lambda _: lambda text: text, "TEXT"),
    "replace": _Verb(_replace, "OLD=>NEW"),
    "regex": _Verb(_regex, "PATTERN"),
    "prefix": _Verb(lambda added: lambda text: added + text, "TEXT"),
    "suffix": _Verb(lambda added: lambda text: text + added, "TEXT"),
    "date": _Verb(_date, "FORM"),
    "path": _Verb(_path, "NAME.NAME"),
}
