"""Collects the values of one item of a page's markup, each with its origin, and makes a draft of them.

Comes in: an item with the store that resolves its references; goes out: a `Draft`. Used by the readers of this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.jsonld import Item, ItemStore
from tidemill.process.extract.links import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.text import as_markdown
from tidemill.process.extract.times import ZONE_ASSUMED, iso_with_zone, parse_aware_time, zone_of
from tidemill.process.extract.typed.values import line_of, paragraphs_of

_MAX_MEMBERS = 500
_MAX_TAGS = 30
_Value = TypeVar("_Value", str, int, float)


@dataclass(slots=True)
class Reading:
    """One item. A value is put once: of several places where it may stand, the first that has it counts.

    `syntax` is `jsonld`, `microdata` or `rdfa`, `type_name` the type by which the item is known.
    """

    page: Page
    store: ItemStore
    item: Item
    syntax: str
    type_name: str
    version: str = "1"
    texts: dict[str, str] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    content: str = ""
    fields: dict[str, Json] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    zone_assumed: bool = False

    def at(self, path: str, item: Item | None = None) -> list[Json]:
        """All values at a path of property names joined by dots, through lists and references."""
        values: list[Json] = [self.item if item is None else item]
        for name in path.split("."):
            values = [
                member
                for value in values
                if isinstance(value, dict) and name in value
                for member in self.members(value[name])
            ]
        return values

    def members(self, value: Json) -> list[Json]:
        """The value, or the members of the list that it is, references followed."""
        value = self.store.resolve(value)
        listed = value[:_MAX_MEMBERS] if isinstance(value, list) else [value]
        return [self.store.resolve(member) for member in listed]

    def put(self, name: str, value: Json, path: str) -> None:
        """Sets a field that has no value yet."""
        if value not in (None, "", [], {}) and name not in self.fields:
            self.fields[name] = value
            self._note(name, path)

    def first(self, name: str, convert: Callable[[Json], _Value | None], *paths: str) -> None:
        """Sets a field to the first value at one of `paths` of which `convert` makes something."""
        for path in paths:
            found = next((made for value in self.at(path) if (made := convert(value)) is not None), None)
            if found is not None:
                self.put(name, found, path)
                return

    def text(self, name: str, *paths: str) -> None:
        """Sets a value of the document itself (`title`, `author` …)."""
        for path in paths:
            found = next((line for value in self.at(path) if (line := line_of(value))), None)
            if found is not None and name not in self.texts:
                self.texts[name] = found
                self._note(name, path)
                return

    def names(self, path: str) -> list[str]:
        """The lines at a path, none twice."""
        return list(dict.fromkeys(line for value in self.at(path) if (line := line_of(value))))

    def joined(self, name: str, *paths: str) -> None:
        """Sets a field to the names at the first path that has some, joined by commas."""
        for path in paths:
            self.put(name, ", ".join(self.names(path)) or None, path)

    def author(self, *paths: str) -> None:
        """Sets who wrote it."""
        for path in paths:
            names = [name for name in self.names(path) if "://" not in name and "@" not in name]
            if names and "author" not in self.texts:
                self.texts["author"] = ", ".join(names)[:200]
                self._note("author", path)

    def url_of(self, value: Json) -> str | None:
        """A value as an absolute URL of the web."""
        if isinstance(value, dict):
            value = next((value[name] for name in ("url", "contentUrl", "@id") if value.get(name)), None)
        if isinstance(value, list):
            value = value[0] if value else None
        return web_url(self.page.base_url, value.strip()) if isinstance(value, str) and value.strip() else None

    def url(self, name: str, *paths: str) -> None:
        """Sets a field to the first address at one of `paths`."""
        self.first(name, self.url_of, *paths)

    def image(self, *paths: str) -> None:
        """Sets the picture of the document."""
        for path in paths:
            found = next((url for value in self.at(path) if (url := self.url_of(value))), None)
            if found is not None and "image_url" not in self.texts:
                self.texts["image_url"] = found
                self._note("image_url", path)

    def iso(self, name: str, *paths: str) -> None:
        """Sets a field to a day or a time with its zone."""
        for path in paths:
            for value in self.at(path):
                found, assumed = iso_with_zone(line_of(value) or "", zone_of(self.page.rules))
                if found is not None and name not in self.fields:
                    self.put(name, found, path)
                    self.zone_assumed |= assumed

    def time(self, name: str, path: str) -> None:
        """Sets when the document was published or modified."""
        for value in self.at(path):
            found, assumed = parse_aware_time(line_of(value) or "", zone_of(self.page.rules))
            if found is not None and name not in self.times:
                self.times[name] = found
                self.zone_assumed |= assumed
                self._note(name, path)

    def describe(self, *paths: str) -> None:
        """Sets the text that the item has of its own."""
        for path in paths:
            text = "\n\n".join(dict.fromkeys(text for value in self.at(path) if (text := paragraphs_of(value))))
            if text and not self.content:
                self.content = text
                self._note("content", path)
                self._note("markdown", path)

    def tag(self, path: str) -> None:
        """Sets the tags: the members of a list, or of one text with commas."""
        names = (name.strip() for line in self.names(path) for name in line.split(","))
        self.tags = tuple(dict.fromkeys(name for name in names if 0 < len(name) <= 60))[:_MAX_TAGS]
        if self.tags:
            self._note("tags", path)

    def draft(self, kind: str, item_key: str = "") -> Draft:
        """What was collected."""
        return Draft(
            kind=kind,
            item_key=item_key,
            title=self.texts.get("title", ""),
            author=self.texts.get("author"),
            published_at=self.times.get("published_at"),
            modified_at=self.times.get("modified_at"),
            content=self.content,
            markdown=as_markdown(self.content),
            canonical_url=self.texts.get("canonical_url"),
            site_name=self.page.metadata.site_name,
            image_url=self.texts.get("image_url"),
            tags=self.tags,
            fields=dict(self.fields),
            provenance=dict(self.provenance),
            flags=(*self.page.charset_flags, *((ZONE_ASSUMED,) if self.zone_assumed else ())),
        )

    def _note(self, name: str, path: str) -> None:
        self.provenance[name] = origin(self.syntax, self.version, f"{self.type_name}.{path}")
