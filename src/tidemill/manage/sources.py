"""Sources as people write them: YAML documents, read with errors that name file, line, field, value and remedy.

JSON from the API passes the same rules (`read_mapping`); only the place of a fault is told differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from tidemill.crawl.scope import Scope
from tidemill.errors import Invalid, TidemillError
from tidemill.models.source import ProcessRules, Source, SourceSpec
from tidemill.models.url import url_key
from tidemill.store import sources
from tidemill.store.engine import Store

KINDS = ("website", "sitemap", "feed")
_ADAPTER = TypeAdapter(SourceSpec)
_SOME_DAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Applied:
    """A source that was applied, and whether that changed anything."""

    source: Source
    changed: bool


def read_files(paths: list[Path]) -> list[SourceSpec]:
    """The sources of these files, each of which holds one or more YAML documents.

    Raises `Invalid` (reason `source`) with every problem of every file.
    """
    problems: list[str] = []
    specs: dict[str, SourceSpec] = {}
    for path in paths:
        for spec in _read(path, problems):
            if spec.name in specs:
                problems.append(f"{path}: a source named {spec.name!r} stands in these files twice; rename one")
            specs[spec.name] = spec
    if problems:
        raise Invalid("\n".join(problems), reason="source", problems=tuple(problems))
    return list(specs.values())


async def apply_files(store: Store, paths: list[Path]) -> list[Applied]:
    """Bring the sources of these files into the store, all or none. Applying them again changes nothing."""
    specs = read_files(paths)
    return [Applied(*(await sources.apply(store, spec))) for spec in specs]


def read_mapping(value: Any) -> SourceSpec:
    """The source that a mapping describes (a JSON body), under the same rules as a file.

    Raises `Invalid` (reason `source`) with every problem.
    """
    spec, faults = _judge(value)
    if spec is None:
        problems = tuple(fault.message for fault in faults)
        raise Invalid("\n".join(problems), reason="source", problems=problems)
    return spec


def to_yaml(source: Source) -> str:
    """A source as YAML, without what is left at its default."""
    return yaml.safe_dump(_given(source.spec), sort_keys=False, allow_unicode=True)


def _given(value: Any) -> dict[str, Any]:
    defaults = asdict(type(value)(name="") if isinstance(value, SourceSpec) else type(value)())
    given: dict[str, Any] = {}
    for field in fields(value):
        held = getattr(value, field.name)
        plain = _given(held) if is_dataclass(held) else list(held) if isinstance(held, tuple) else held
        default = defaults[field.name]
        if field.name in {"name", "kind"} or plain not in (
            {},
            list(default) if isinstance(default, tuple) else default,
        ):
            given[field.name] = plain
    return given


def _read(path: Path, problems: list[str]) -> Iterator[SourceSpec]:
    try:
        text = path.read_text(encoding="utf-8")
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        pairs = list(zip(nodes, yaml.safe_load_all(text), strict=True))
        documents = [(node, value) for node, value in pairs if value is not None]
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
        return
    except UnicodeDecodeError as error:
        problems.append(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8")
        return
    except yaml.YAMLError as error:
        problems.append(f"{path}{_mark(error)}: is not YAML: {_what(error)}")
        return
    except ValueError as error:
        problems.append(f"{path}: holds a date or number that does not exist ({error}); put it in quotes")
        return
    if not documents:
        problems.append(f"{path}: is empty; a source needs at least name and start")
    for node, value in documents:
        problems += (f"{_at(path, key)}: the field {key.value!r} is given twice; keep one" for key in _repeated(node))
        spec = _check(path, node, value, problems)
        if spec is not None:
            yield spec


def _check(path: Path, node: yaml.Node, value: Any, problems: list[str]) -> SourceSpec | None:
    spec, faults = _judge(value)
    for fault in faults:
        place = _key_node(node, fault.location) if fault.is_key else _node_at(node, fault.location)
        problems.append(f"{_at(path, place)}: {fault.message}")
    return spec


@dataclass(frozen=True, slots=True)
class _Fault:
    """What is wrong with a source, and where: at a field's value, or at its key."""

    location: tuple[int | str, ...]
    message: str
    is_key: bool = False


def _judge(value: Any) -> tuple[SourceSpec | None, list[_Fault]]:
    """The source that `value` describes, whoever wrote it, or everything that is wrong with it."""
    if not isinstance(value, dict):
        return None, [_Fault((), f"a source is a mapping of fields, not {type(value).__name__}")]
    unknown = list(_unknown((), value, SourceSpec))
    if isinstance(value.get("process"), dict):
        unknown += _unknown(("process",), value["process"], ProcessRules)
    if unknown:
        return None, unknown
    if not _is_writable(value):
        return None, [_Fault((), "holds half a surrogate pair, which is no text; take it out")]
    try:
        spec = _ADAPTER.validate_python(value, strict=False)
    except ValidationError as error:
        return None, [_of_type(each["loc"], each) for each in error.errors()]
    faults = [_Fault((field,), message) for field, message in _meaning(spec)]
    return (None if faults else spec), faults


def _is_writable(value: Any) -> bool:
    """Whether all text in it can be stored: JSON and YAML can spell what UTF-8 cannot."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(_is_writable(each) for pair in value.items() for each in pair)
    return not isinstance(value, list) or all(map(_is_writable, value))


def _of_type(location: tuple[int | str, ...], found: Any) -> _Fault:
    shown = "" if found["type"] == "missing" else f" is {found['input']!r}"
    return _Fault(location, f"{'.'.join(str(part) for part in location)}{shown}: {found['msg']}")


def _meaning(spec: SourceSpec) -> Iterator[tuple[str, str]]:
    """What the types cannot say: names, kinds, URLs, patterns."""
    if not spec.name.strip() or "://" in spec.name:
        yield "name", f"name is {spec.name!r}; give a word that is not empty and no URL"
    if spec.kind not in KINDS:
        yield "kind", f"kind is {spec.kind!r}; use one of {', '.join(KINDS)}"
    if not spec.start:
        yield "start", "start is empty; give at least one URL"
    for field in ("start", "within"):
        for url in getattr(spec, field):
            try:
                url_key(url)
            except Invalid as error:
                yield field, f"{field}: {error}; write https://host/path"
    for field in ("max_pages", "max_depth", "rate_per_s", "concurrency"):
        number = getattr(spec, field)
        least = 1 if field in {"max_pages", "concurrency"} else 0
        if number is not None and number < least:
            yield field, f"{field} is {number}; give {least} or more"
    for field in ("hosts", "allow", "deny"):
        try:
            Scope(SourceSpec(name=spec.name, **{field: getattr(spec, field)}), max_depth=None, today=_SOME_DAY)
        except TidemillError as error:
            yield field, str(error)


def _unknown(place: tuple[int | str, ...], value: dict[Any, Any], model: type) -> Iterator[_Fault]:
    known = [field.name for field in fields(model)]
    for key in value:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"fields are {', '.join(known)}"
            yield _Fault((*place, key), f"unknown field {str(key)!r}; {hint}", is_key=True)


def _key_node(node: yaml.Node, location: tuple[int | str, ...]) -> yaml.Node:
    """The key of a field."""
    around = _node_at(node, location[:-1])
    pairs = around.value if isinstance(around, yaml.MappingNode) else []
    return next((key for key, _ in pairs if key.value == str(location[-1])), around)


def _node_at(node: yaml.Node, location: tuple[int | str, ...]) -> yaml.Node:
    """The node of a field, or the nearest one around it."""
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
        else:
            found = None
        if found is None:
            return node
        node = found
    return node


def _repeated(node: yaml.Node) -> Iterator[yaml.Node]:
    """The keys of a mapping, and of those in it, that stand there a second time: YAML would keep only the last."""
    seen: set[Any] = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                yield key
            seen.add(key.value)
        yield from _repeated(value)


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _what(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error)
