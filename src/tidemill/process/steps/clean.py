"""Makes every string of a draft clean: NFC, no mojibake, no control characters, tidy white space, safe markdown.

Comes in: a draft as extracted; goes out: the same, fit to be stored and shown. The first step of the pipeline.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Json
from tidemill.models.source import ProcessRules
from tidemill.process.mojibake import MOJIBAKE, repair
from tidemill.process.steps.markdown import make_safe

_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]"
)
_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029]")
_BLANK_LINES = re.compile(r"\n{3,}")
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?(?:^\1[`~]*[ ]*$|\Z)", re.MULTILINE | re.DOTALL)


def clean(draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
    """The draft with all its strings clean. Flag `mojibake_repaired` says that wrongly decoded text was put right."""
    given = (draft.content, draft.markdown, draft.title)
    content, markdown, title = repaired = tuple(_repaired(text) for text in given)
    cleaned = replace(
        draft,
        title=_line(title),
        author=_optional_line(draft.author),
        content=_tidy(content),
        markdown=make_safe(_tidy_markdown(markdown)),
        summary=_optional_line(draft.summary),
        canonical_url=_optional_line(draft.canonical_url),
        site_name=_optional_line(draft.site_name),
        image_url=_optional_line(draft.image_url),
        tags=tuple(dict.fromkeys(tag for raw in draft.tags if (tag := _line(_repaired(raw))))),
        fields=_clean_mapping(draft.fields),
    )
    flags = (*draft.flags, MOJIBAKE) if repaired != tuple(map(_normal, given)) else draft.flags
    return replace(cleaned, flags=tuple(dict.fromkeys(flags)))


def _normal(text: str) -> str:
    """NFC without control characters, lines ended by a line feed."""
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text or not text.isascii():
        text = _LINE_ENDS.sub("\n", text)
    return unicodedata.normalize("NFC", _CONTROLS.sub("", text))


def _repaired(text: str) -> str:
    """Normal and without mojibake. A repair may make another one possible, so it goes on until nothing changes."""
    text = _normal(repair(text))  # In this order: what looks like a control character may be part of the mojibake.
    while (better := repair(text)) != text:
        text = _normal(better)
    return text


def _tidy(text: str) -> str:
    """Blanks of any kind are one space, no line begins or ends with one, and at most one line in a row is empty."""
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _tidy_markdown(text: str) -> str:
    """As `_tidy`, but the blanks at the beginning of lines, and all of a code block, mean something."""
    parts: list[str] = []
    position = 0
    for fence in _FENCE.finditer(text):
        parts += [_tidy_prose(text[position : fence.start()]), fence[0]]
        position = fence.end()
    parts.append(_tidy_prose(text[position:]))
    return "".join(parts).strip("\n").rstrip()


def _tidy_prose(text: str) -> str:
    lines = [line.rstrip() for line in text.replace("\xa0", " ").split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines))


def _line(text: str) -> str:
    return " ".join(text.split())


def _optional_line(text: str | None) -> str | None:
    return (_line(_repaired(text)) or None) if text is not None else None


def _clean_mapping(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {_normal(name): _clean_value(value) for name, value in fields.items()}


def _clean_value(value: Json) -> Json:
    if isinstance(value, str):
        return _repaired(value).strip()
    if isinstance(value, list):
        return [_clean_value(member) for member in value]
    return dict(_clean_mapping(value)) if isinstance(value, dict) else value
