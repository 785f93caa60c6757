"""Source files: YAML documents, read with errors that name file, line, field, value and remedy.

In: paths. Out: sources, or `Invalid` with every problem of every file. Called by `manage.sources` and the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from tidemill.errors import Invalid
from tidemill.manage.source_mapping import judge
from tidemill.manage.source_request import Location
from tidemill.manage.source_shorthand import shortest
from tidemill.models.source import ProcessRules, SourceSpec

_DOCUMENT = tuple[yaml.Node, Any]


def read_files(paths: Sequence[Path]) -> list[SourceSpec]:
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


def rules_of(path: Path) -> ProcessRules:
    """What the one source of a file makes of its pages, to try on a page without a store.

    Raises `Invalid` (reason `source`) with every problem, or if the file holds more sources than one.
    """
    specs = read_files([path])
    if len(specs) == 1:
        return specs[0].process
    told = f"{path}: holds {len(specs)} sources ({', '.join(spec.name for spec in specs)}); give a file with one"
    raise Invalid(told, reason="source", problems=(told,))


def to_yaml(spec: SourceSpec) -> str:
    """A source as YAML, without what is left at its default. Reads back the same."""
    given = _given(spec, SourceSpec(name=""))
    if spec.process.fields:
        rules = given["process"]["fields"]
        of_json = spec.kind == "json_api"
        for name, rule in spec.process.fields.items():
            rules[name] = shortest(rule, rules[name], of_json=of_json)
    return yaml.safe_dump(given, sort_keys=False, allow_unicode=True)


def _given(value: Any, default: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from those of `default`."""
    given: dict[str, Any] = {}
    for field in fields(value):
        held, usual = getattr(value, field.name), getattr(default, field.name)
        if held != usual or (isinstance(value, SourceSpec) and field.name in {"name", "kind"}):
            given[field.name] = _plain(held, usual)
    return given


def _plain(held: Any, usual: Any) -> Any:
    """A value as YAML has it."""
    if is_dataclass(held) and not isinstance(held, type):
        return _given(held, usual if usual is not None else type(held)())
    if isinstance(held, tuple | list):
        return [_plain(each, None) for each in held]
    return {key: _plain(each, None) for key, each in held.items()} if hasattr(held, "items") else held


def _read(path: Path, problems: list[str]) -> Iterator[SourceSpec]:
    found = _documents(path)
    if isinstance(found, str):
        problems.append(found)
        return
    if not found:
        problems.append(f"{path}: is empty; a source needs at least name and start")
    for node, value in found:
        problems += (f"{_at(path, key)}: the field {key.value!r} is given twice; keep one" for key in _repeated(node))
        spec, faults = judge(value)
        places = [_key_node(node, each.location) if each.is_key else _node_at(node, each.location) for each in faults]
        by_line = sorted(zip(places, faults, strict=True), key=lambda pair: pair[0].start_mark.line)
        problems += (f"{_at(path, place)}: {fault.message}" for place, fault in by_line)
        if spec is not None:
            yield spec


def _documents(path: Path) -> list[_DOCUMENT] | str:
    """The documents of a file, each with the node that knows its lines; or why there are none."""
    try:
        text = path.read_text(encoding="utf-8")
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        pairs = zip(nodes, yaml.safe_load_all(text), strict=True)
        return [(node, value) for node, value in pairs if value is not None]
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        return f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
    except yaml.YAMLError as error:
        return f"{path}{_mark(error)}: is not YAML: {_what(error)}"
    except ValueError as error:
        return f"{path}: holds a date or number that does not exist ({error}); put it in quotes"
    except RecursionError:
        return f"{path}: is nested too deeply to be read; make it flatter"


def _key_node(node: yaml.Node, location: Location) -> yaml.Node:
    """The key of a field."""
    around = _node_at(node, location[:-1])
    pairs = around.value if isinstance(around, yaml.MappingNode) else []
    return next((key for key, _ in pairs if key.value == str(location[-1])), around)


def _node_at(node: yaml.Node, location: Location) -> yaml.Node:
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


def _repeated(root: yaml.Node) -> Iterator[yaml.Node]:
    """The keys that stand in their mapping a second time: YAML would keep only the last. Each node is seen once."""
    waiting, visited = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in visited or not isinstance(node, yaml.CollectionNode):
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
            continue
        names = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in names:
                    yield key
                names.add(key.value)
        waiting += reversed([value for _, value in node.value])


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _what(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error)
