"""A line of a JSONL file that somebody imports: its own names are those of a document.

Comes in: a page whose body is such an object; goes out: its draft. Called by the pipeline.
"""

from __future__ import annotations

from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.assemble import NAMES, Found, assemble
from tidemill.process.extract.page import Page
from tidemill.process.extract.paths import read_json
from tidemill.process.extract.registry import IMPORTED, handles

_ORIGIN = origin("imported")
_NOT_FIELDS = frozenset((*NAMES, "url", "kind", "fields"))


@handles(*IMPORTED)
def extract_imported(page: Page) -> tuple[Draft, ...]:
    """The draft of the object. What it has no place for goes to its `fields`; without text its title is the text.

    Raises `Permanent` (reason `bad_json`) if the body is no JSON.
    """
    line = read_json(page.body, page.url)
    if not isinstance(line, dict):
        return ()
    values: dict[str, Json] = {name: line[name] for name in (*NAMES, "kind") if line.get(name) not in (None, "", [])}
    values.setdefault("content", values.get("title"))
    own = line.get("fields")
    values |= {name: value for name, value in line.items() if name not in _NOT_FIELDS}
    if isinstance(own, dict):
        values |= {name: value for name, value in own.items() if name not in (*NAMES, "kind")}
    return (assemble(page, Found(values, dict.fromkeys(values, _ORIGIN)), kind=page.rules.kind),)
