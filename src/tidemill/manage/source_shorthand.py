"""The short way to write a field rule: a text for a rule with nothing but a selector.

In: a mapping as people write it, or a rule. Out: the same with every rule as a mapping; a rule as it is written
shortest. Called by the reader and the writer of sources.
"""

from __future__ import annotations

import re
from typing import Any

from tidemill.models.source import FieldRule
from tidemill.process.extract.paths import ITSELF

_SUFFIX = re.compile(r"(?P<selector>.*?)::(?:attr\(\s*(?P<attribute>[^()\s]+)\s*\)|text)", re.DOTALL)


def expanded(source: dict[Any, Any]) -> dict[Any, Any]:
    """A source with each of its field rules as a mapping, and `::attr(name)` and `::text` taken off their selectors.

    In a `json_api` source a text is a path, and what lies there is kept as it is; in others it is a CSS selector.
    """
    process = source.get("process")
    if not isinstance(process, dict) or not isinstance(process.get("fields"), dict):
        return source
    of_json = source.get("kind") == "json_api"
    rules = {name: _rule(given, of_json=of_json) for name, given in process["fields"].items()}
    return {**source, "process": {**process, "fields": rules}}


def shortest(rule: FieldRule, given: dict[str, Any], *, of_json: bool) -> dict[str, Any] | str:
    """The rule, whose fields are `given`, as a text if that says all of it."""
    text = rule.path if of_json else rule.css
    if text is None:
        return given
    if rule.attribute is not None:
        text = f"{text}::attr({rule.attribute})"
    return text if FieldRule(**_rule(text, of_json=of_json)) == rule else given


def _rule(given: Any, *, of_json: bool) -> Any:
    if isinstance(given, str):
        return {"path": given, "type": "json"} if of_json else _without_suffix({"css": given})
    if isinstance(given, dict) and isinstance(given.get("css"), str) and "attribute" not in given:
        return _without_suffix(given)
    return given


def _without_suffix(rule: dict[str, Any]) -> dict[str, Any]:
    found = _SUFFIX.fullmatch(rule["css"].strip())
    if found is None:
        return rule
    attribute = {"attribute": found["attribute"]} if found["attribute"] else {}
    return {**rule, "css": found["selector"].strip() or ITSELF, **attribute}
