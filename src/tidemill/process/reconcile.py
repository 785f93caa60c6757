"""Puts together what several extractors found on one page, value by value, and records where they disagree.

Comes in: the drafts of one capture, each with the name of its extractor; goes out: one draft for each item key. Called
by the pipeline, before the steps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from tidemill.models.document import Draft, Json, origin_name
from tidemill.models.source import ProcessRules

ORDER = ("selectors", "plugins", "structured", "feed", "ical", "pdf", "text", "item", "imported", "article")
"""Whose value goes first. What markup says of an article comes after `article`, which has weighed it already."""

MAX_DISAGREEMENTS = 20
DEFAULT_PREFER: Mapping[str, tuple[str, ...]] = {"title": ("selector", "h1", "html", "opengraph")}
"""What readers see is the better title of a page than the name that its markup gives to the thing."""

_MAX_TEXT_CHARS = 1_000
_TEXTS = ("title", "author", "language", "summary", "canonical_url", "site_name", "image_url")
_TIMES = ("published_at", "modified_at")


@dataclass(frozen=True, slots=True)
class Found:
    """A draft and the name of the extractor that found it."""

    extractor: str
    draft: Draft


_Identity: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Candidate:
    value: object
    origin: str


def rank(extractor: str) -> int:
    """The place of an extractor in `ORDER`; those of plug-ins share one."""
    return ORDER.index(extractor if extractor in ORDER else "plugins")


def reconcile(found: Sequence[Found], rules: ProcessRules) -> tuple[Draft, ...]:
    """One draft for each item key: the page's own first, then its items in the order in which they were found.

    With `rules.items.only` a page of which items were selected has no document of its own.
    """
    ranked = sorted(found, key=_rank)  # Stable: one extractor's drafts stay in their order.
    groups: dict[str, list[Draft]] = defaultdict(list)
    for key, draft in _keyed([one.draft for one in ranked]):
        groups[key].append(draft)
    selected = any(one.extractor == "selectors" and one.draft.item_key for one in ranked)
    if selected and rules.items is not None and rules.items.only:
        groups.pop("", None)
    keys = sorted(groups, key=bool)  # Stable, too: only what is the page's own goes first.
    return tuple(_merged(groups[key], rules) for key in keys)


def _rank(one: Found) -> int:
    is_weighed = one.extractor == "structured" and one.draft.kind == "article" and not one.draft.item_key
    return len(ORDER) if is_weighed else rank(one.extractor)


def _keyed(drafts: Iterable[Draft]) -> Iterator[tuple[str, Draft]]:
    """Each draft with its item key; of one thing, described in two ways, with that of the first.

    What one way of describing uses for several things (variants of one name) tells nothing of which of them it is.
    """
    items = [(draft, _described_by(draft), _identities(draft)) for draft in drafts]
    used = Counter((by, name) for draft, by, names in items if draft.item_key for name in names)
    known: dict[_Identity, tuple[str, str]] = {}
    for draft, by, names in items:
        key = draft.item_key
        if key:
            telling = [name for name in names if used[by, name] == 1]
            same = [known[name] for name in telling if name in known and known[name][1] != by]
            key = same[0][0] if same else key
            for name in telling:
                known.setdefault(name, (key, by))
        yield key, draft if key == draft.item_key else replace(draft, item_key=key)


def _described_by(draft: Draft) -> str:
    return origin_name(draft.provenance.get("title", ""))


def _identities(draft: Draft) -> tuple[_Identity, ...]:
    """What two descriptions of one thing have in common: kind, address or name, and day if it has one."""
    start, url = draft.fields.get("start"), draft.fields.get("url")
    day = start[:10] if isinstance(start, str) else ""
    addresses = ((draft.kind, url, day),) if isinstance(url, str) else ()
    return (*addresses, *(((draft.kind, _fold(draft.title), day),) if draft.title else ()))


def _merged(drafts: list[Draft], rules: ProcessRules) -> Draft:
    """The drafts of one document as one, the first going before the others."""
    first = drafts[0]
    values: dict[str, object] = {}
    fields: dict[str, Json] = {}
    provenance: dict[str, str] = {}
    disagreements: list[Mapping[str, Json]] = []
    names = dict.fromkeys((*_TEXTS, *_TIMES, *(name for draft in drafts for name in draft.fields)))
    for name in names:
        candidates = _candidates(drafts, name, (*rules.prefer.get(name, ()), *DEFAULT_PREFER.get(name, ())))
        if not candidates:
            continue
        chosen = candidates[0]
        if name in _TEXTS or name in _TIMES:
            values[name] = chosen.value
        else:
            fields[name] = chosen.value  # type: ignore[assignment]
        if chosen.origin:
            provenance[name] = chosen.origin
        disagreements += _disagreements(name, candidates)
    kinds = [draft.kind for draft in drafts if draft.kind != "article"]
    kind = (rules.kind if not first.item_key else None) or (kinds[0] if kinds else first.kind)
    merged = replace(first, kind=kind, **values, fields=fields)  # type: ignore[arg-type]
    return _united(_with_text(merged, provenance, drafts), drafts, disagreements)


def _with_text(merged: Draft, provenance: dict[str, str], drafts: list[Draft]) -> Draft:
    """Text and markdown of the first draft that has text; and where all that has no other place came from."""
    source = next((draft for draft in drafts if draft.content.strip()), drafts[0])
    texts = {name: source.provenance[name] for name in ("content", "markdown") if name in source.provenance}
    rest = {name: text for draft in reversed(drafts) for name, text in draft.provenance.items()}
    said = {name: text for name, text in rest.items() if name not in ("content", "markdown")}
    return replace(merged, content=source.content, markdown=source.markdown, provenance={**said, **texts, **provenance})


def _united(merged: Draft, drafts: list[Draft], disagreements: list[Mapping[str, Json]]) -> Draft:
    """Tags, flags and problems of all; everything else is the first draft's that has it."""
    if len(drafts) == 1 and not disagreements:
        return merged
    confident = next((draft for draft in drafts if draft.language == merged.language), drafts[0])
    return replace(
        merged,
        language_confidence=confident.language_confidence,
        tags=_tags(drafts),
        keywords=_unique(word for draft in drafts for word in draft.keywords),
        entities=next((draft.entities for draft in drafts if draft.entities), ()),
        flags=_unique(flag for draft in drafts for flag in draft.flags),
        problems=_unique(problem for draft in drafts for problem in draft.problems),
        disagreements=tuple(disagreements[:MAX_DISAGREEMENTS]),
    )


def _candidates(drafts: list[Draft], name: str, prefer: tuple[str, ...]) -> list[_Candidate]:
    """All that was given for a value, in the order in which it counts."""
    found: list[_Candidate] = []
    for draft in drafts:
        value = getattr(draft, name) if name in _TEXTS or name in _TIMES else draft.fields.get(name)
        if value not in (None, "", [], {}):
            found.append(_Candidate(value, draft.provenance.get(name, "")))
        found += [
            _Candidate(given, str(other.get("origin") or ""))
            for other in draft.disagreements
            if other.get("field") == name and (given := _given(name, other.get("value"))) is not None
        ]
    places = {preferred: place for place, preferred in reversed(list(enumerate(prefer)))}
    return sorted(found, key=lambda one: places.get(origin_name(one.origin), len(prefer)))


def _given(name: str, value: Json | None) -> object:
    """What an extractor has put aside, as a value of its field again."""
    if name in _TEXTS:
        return value if isinstance(value, str) and value else None
    if name not in _TIMES:
        return value
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None


def _disagreements(name: str, candidates: list[_Candidate]) -> list[Mapping[str, Json]]:
    """The candidates that say something else than the first, each once."""
    chosen, *others = candidates
    seen = [chosen.value]
    found: list[Mapping[str, Json]] = []
    for other in others:
        if not any(_is_same(other.value, value) for value in seen):
            seen.append(other.value)
            found.append({"field": name, "value": _recorded(other.value), "origin": other.origin})
    return found


def _is_same(one: object, other: object) -> bool:
    """Whether two values say the same: case and white space do not count, nor does the time of a day."""
    if (days := _days(one)) and (other_days := _days(other)):
        return bool(days & other_days)
    if isinstance(one, str) and isinstance(other, str):
        return _fold(one) == _fold(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_is_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, str) or isinstance(other, str):
        return _fold(str(one)) == _fold(str(other))
    return one == other


def _days(value: object) -> frozenset[str]:
    """The day that a value means, where it was written and in UTC; none if it is no time."""
    if isinstance(value, str) and value[:4].isdecimal() and value[4:5] == "-":
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return frozenset()
    if not isinstance(value, datetime):
        return frozenset()
    try:
        utc = value.astimezone(UTC) if value.tzinfo is not None else value
    except OverflowError:
        utc = value
    return frozenset((value.date().isoformat(), utc.date().isoformat()))


def _recorded(value: object) -> Json:
    """A value as it is kept with the document: a long text is cut."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) > _MAX_TEXT_CHARS:
        return value[: _MAX_TEXT_CHARS - 1] + "…"
    return value  # type: ignore[return-value]


def _tags(drafts: list[Draft]) -> tuple[str, ...]:
    """The tags of all drafts; of those that differ only in case, the first."""
    found: dict[str, str] = {}
    for tag in (tag for draft in drafts for tag in draft.tags):
        found.setdefault(_fold(tag), tag)
    return tuple(found.values())


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
