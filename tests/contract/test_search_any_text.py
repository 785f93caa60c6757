"""Whatever people type, no engine fails, and all of them find the same documents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.search_house import KINDS, place_of, write
from tests.unit.search.making import document

from tidemill.search.base import SearchEngine, SearchQuery

WORDS = ("mill", "mills", "tide", "agua", "azúcar", "日本", "pg_dump", "example.org", "a", "of", "x" * 300)
DOCUMENTS = [
    document("a", "The mill turns with the tide", title="Tide mill", tags=("water",), fields={"price": 12.5}),
    document("b", "pg_dump writes example.org", author="Ada Byron", fields={"price": 30, "city": "Rome"}),
    document("c", "El agua y el azúcar", title="Agua", language="es", kind="note", source="other"),
    document("d", "日本の水車", title="水車", language="ja", published_at=datetime(2024, 5, 6, tzinfo=UTC)),
    document("e", "", title=""),
]
NAMES = ("source", "kind", "lang", "author", "site", "tag", "title", "date", "fields.price", "fields.city", "nothing")
VALUES = st.sampled_from(
    [*WORDS, "water", "note", "es", "example.org", "<20", ">=2024-05", "10..20", "..", "2024", "Rome"]
)
TERM = st.one_of(
    st.sampled_from(WORDS),
    st.builds("{}*".format, st.sampled_from(WORDS)),
    st.builds("{}~".format, st.sampled_from(WORDS)),
    st.builds('"{} {}"'.format, st.sampled_from(WORDS), st.sampled_from(WORDS)),
    st.builds("{}:{}".format, st.sampled_from(NAMES), VALUES),
    st.builds('{}:"{}"'.format, st.sampled_from(NAMES), VALUES),
    st.sampled_from(["OR", "AND", "-", '"', "*", "~", ":", "(", ")", "\\", "'", "&", "|", "<->", "%", "\0", "\ud800"]),
)
MADE = st.lists(st.builds("{}{}".format, st.sampled_from(["", "", "-"]), TERM), max_size=6).map(" ".join)
ANY = MADE | st.text(st.characters(exclude_categories=()), max_size=60) | st.text("ab\"-:*~<>.()|&!'\\ OR", max_size=60)


class Everywhere:
    """All engines with the same documents, in a loop of their own."""

    def __init__(self, engines: dict[str, SearchEngine], loop: asyncio.Runner) -> None:
        self._engines = engines
        self._loop = loop

    def found(self, query: SearchQuery) -> dict[str, set[str]]:
        return {name: self._loop.run(self._of(engine, query)) for name, engine in self._engines.items()}

    async def _of(self, engine: SearchEngine, query: SearchQuery) -> set[str]:
        result = await engine.search(query)
        held = {hit.id for hit in result.hits}
        assert result.total == len(held)
        assert sum(each.count for each in result.facets.get("kind", ())) == result.total
        return held


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everywhere]:
    folder: Path = tmp_path_factory.mktemp("any")
    with asyncio.Runner() as loop, ExitStack() as stack:
        engines = {}
        for kind in KINDS:
            engines[kind] = stack.enter_context(place_of(kind, folder / kind)).open()
            loop.run(_begun(engines[kind]))
            stack.callback(loop.run, engines[kind].close())
        yield Everywhere(engines, loop)


async def _begun(engine: SearchEngine) -> None:
    assert await engine.try_lock()
    await engine.begin("e")
    await write(engine, *DOCUMENTS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY, fuzzy=st.booleans(), sort=st.sampled_from(["relevance", "date", "title"]))
def test_any_text_is_answered_and_everywhere_alike(everywhere: Everywhere, text: str, fuzzy: bool, sort: str) -> None:
    found = everywhere.found(SearchQuery(text, fuzzy=fuzzy, sort=sort, facets=("kind", "fields.price")))  # type: ignore[arg-type]
    assert found["tantivy"] == found["postgresql"] == found["opensearch"]
