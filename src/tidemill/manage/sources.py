"""Sources as people write them: YAML documents, read with errors that name file, line, field, value and remedy."""

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
        composed: list[yaml.Node | None] = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        nodes = [node for node in composed if node is not None]
        values = [value for value in yaml.safe_load_all(text) if value is not None]
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
        return
    except UnicodeDecodeError as error:
        problems.append(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8")
        return
    except yaml.YAMLError as error:
        problems.append(f"{path}{_mark(error)}: is not YAML: {_what(error)}")
        return
    if not nodes:
        problems.append(f"{path}: is empty; a source needs at least name and start")
    for node, value in zip(nodes, values, strict=True):
        spec = _check(path, node, value, problems)
        if spec is not None:
            yield spec


def _check(path: Path, node: yaml.Node, value: Any, problems: list[str]) -> SourceSpec | None:
    if not isinstance(node, yaml.MappingNode) or not isinstance(value, dict):
        problems.append(f"{_at(path, node)}: a source is a mapping of fields, not {type(value).__name__}")
        return None
    before = len(problems)
    _unknown(path, node, SourceSpec, problems)
    if isinstance(value.get("process"), dict):
        _unknown(path, _node_at(node, ("process",)), ProcessRules, problems)
    if len(problems) > before:
        return None
    try:
        spec = _ADAPTER.validate_python(value, strict=False)
    except ValidationError as error:
        for each in error.errors():
            location = ".".join(str(part) for part in each["loc"])
            shown = "" if each["type"] == "missing" else f" is {each['input']!r}"
            problems.append(f"{_at(path, _node_at(node, each['loc']))}: {location}{shown}: {each['msg']}")
        return None
    problems += (f"{_at(path, _node_at(node, (field,)))}: {message}" for field, message in _meaning(spec))
    return spec if len(problems) == before else None


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
    try:
        Scope(SourceSpec(name=spec.name, allow=spec.allow, deny=spec.deny), max_depth=None, today=_SOME_DAY)
    except TidemillError as error:
        yield "allow" if spec.allow else "deny", str(error)


def _unknown(path: Path, node: yaml.Node, model: type, problems: list[str]) -> None:
    known = [field.name for field in fields(model)]
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the caller looked
    for key, _ in node.value:
        if key.value not in known:
            near = get_close_matches(str(key.value), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"fields are {', '.join(known)}"
            problems.append(f"{_at(path, key)}: unknown field {key.value!r}; {hint}")


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


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _what(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error)
