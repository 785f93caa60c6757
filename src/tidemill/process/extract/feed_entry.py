"""An entry of a feed, whatever the format it was written in.

Made by the readers of XML and JSON feeds; made into a draft by `feed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tidemill.models.document import Json

MAX_ENTRIES = 1_000
"""Of a longer feed the first entries are taken, each with the flag `truncated`."""

_LINE_END = re.compile(r"\s+")


@dataclass(slots=True)
class Value:
    """A text and the element or name that it stood in."""

    text: str
    rule: str


@dataclass(slots=True)
class Entry:
    """What is written in one entry; of each value the first that is not empty counts.

    `texts` are by the names of a document, and `id`; `lists` are its authors and tags.
    """

    texts: dict[str, Value] = field(default_factory=dict)
    lists: dict[str, list[Value]] = field(default_factory=dict)
    enclosures: list[Json] = field(default_factory=list)

    def put(self, name: str, text: str | None, rule: str) -> None:
        """Keep a text, unless there is one already."""
        if text and text.strip() and name not in self.texts:
            self.texts[name] = Value(text.strip(), rule)

    def add(self, name: str, text: str | None, rule: str) -> None:
        """Keep one more of several."""
        line = _LINE_END.sub(" ", text).strip() if text else ""
        if line and len(self.lists.setdefault(name, [])) < 100:
            self.lists[name].append(Value(line, rule))

    def text(self, name: str) -> str:
        """The text by that name, empty if there is none."""
        return self.texts[name].text if name in self.texts else ""

    def listed(self, name: str) -> tuple[str, ...]:
        """Each of several once, in their order."""
        return tuple(dict.fromkeys(value.text for value in self.lists.get(name, ())))

    def rules(self) -> Iterator[tuple[str, str]]:
        """Which value came from where."""
        yield from ((name, value.rule) for name, value in self.texts.items())
        yield from ((name, values[0].rule) for name, values in self.lists.items() if values)


@dataclass(slots=True)
class Feed:
    """The entries of a feed, and what it says of itself."""

    format: str
    own: Entry = field(default_factory=Entry)
    entries: list[Entry] = field(default_factory=list)
    truncated: bool = False
