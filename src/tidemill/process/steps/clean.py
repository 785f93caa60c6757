"""Makes every string of a draft clean: NFC, no mojibake, no control characters, tidy white space, safe markup.

Comes in: a draft as extracted; goes out: the same, fit to be stored and shown. The first step of the pipeline;
`enrich` cleans what it takes out of long lines, which `repair` leaves alone, in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from tidemill.markup.characters import normalize
from tidemill.markup.safe_html import safe_html
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Json
from tidemill.models.source import ProcessRules
from tidemill.process.mojibake import MOJIBAKE, repair
from tidemill.process.steps.markdown import make_safe

_BLANK_LINES = re.compile(r"\n{3,}")
_FENCED = re.compile(r"^(`{3,})[^\n]*\n(?:.*?\n)??\1$", re.MULTILINE | re.DOTALL)


def clean(draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
    """The draft with all its strings clean. Flag `mojibake_repaired` says that wrongly decoded text was put right.

    Fields that the source declares as HTML keep what is safe to show. Provenance names rules of ours and stays.
    """
    title, content = _cleaned(draft.title, _line), _cleaned(draft.content, _tidy)
    markdown = _cleaned(draft.markdown, _tidy_markdown)
    is_repaired = any(repair(text) != text for text in (draft.title, draft.content, draft.markdown))
    as_html = {name for name, rule in rules.fields.items() if rule.type == "html"}
    return replace(
        draft,
        title=title,
        author=clean_line(draft.author),
        content=content,
        markdown=markdown,
        summary=clean_line(draft.summary),
        canonical_url=clean_line(draft.canonical_url),
        site_name=clean_line(draft.site_name),
        image_url=clean_line(draft.image_url),
        tags=clean_lines(draft.tags),
        keywords=clean_lines(draft.keywords),
        entities=tuple(_clean_mapping(entity) for entity in draft.entities),
        fields={
            normalize(name): _clean_html(value) if name in as_html else _clean_value(value)
            for name, value in draft.fields.items()
        },
        disagreements=tuple(
            {name: _clean_value(value) if name == "value" else value for name, value in entry.items()}
            for entry in draft.disagreements
        ),
        flags=tuple(dict.fromkeys((*draft.flags, *((MOJIBAKE,) if is_repaired else ())))),
    )


def _cleaned(text: str, tidy: Callable[[str], str]) -> str:
    """Without mojibake, normal, tidy. After that another repair may be possible: it goes on until nothing changes."""
    text = tidy(normalize(repair(text)))  # In this order: what looks like a control character may be part of mojibake.
    while (better := repair(text)) != text:
        text = tidy(normalize(better))
    return text


def _tidy(text: str) -> str:
    """Blanks of any kind are one space, no line begins or ends with one, and at most one line in a row is empty."""
    text = "\n".join([" ".join(line.split()) for line in text.split("\n")])
    return (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text).strip()


def _tidy_markdown(text: str) -> str:
    """Safe, and as `_tidy`, but the blanks at the beginning of lines, and all of a code block, mean something."""
    text = make_safe(text.replace("\xa0", " "))
    if "```" not in text:
        return _tidy_prose(text).strip("\n").rstrip()
    parts: list[str] = []
    position = 0
    for fenced in _FENCED.finditer(text):
        parts += [_tidy_prose(text[position : fenced.start()]), fenced[0]]
        position = fenced.end()
    parts.append(_tidy_prose(text[position:]))
    return "".join(parts).strip("\n").rstrip()


def _tidy_prose(text: str) -> str:
    text = "\n".join([line.rstrip() for line in text.split("\n")])
    return _BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def _line(text: str) -> str:
    return " ".join(text.split())


def clean_line(text: str | None) -> str | None:
    """A text of one line, clean; `None` if nothing is left of it."""
    return (_cleaned(text, _line) or None) if text is not None else None


def clean_lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts of one line each, clean, without empty ones and repetitions."""
    return tuple(dict.fromkeys(text for raw in texts if (text := _cleaned(raw, _line))))


def _clean_mapping(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {normalize(name): _clean_value(value) for name, value in fields.items()}


def _clean_value(value: Json) -> Json:
    if isinstance(value, str):
        return _cleaned(value, str.strip)
    if isinstance(value, list):
        return [_clean_value(member) for member in value]
    return _clean_mapping(value) if isinstance(value, dict) else value


def _clean_html(value: Json) -> Json:
    if isinstance(value, str):
        return _cleaned(value, _tidy_html)
    return [_clean_html(member) for member in value] if isinstance(value, list) else _clean_value(value)


def _tidy_html(text: str) -> str:
    return safe_html(text).strip()
