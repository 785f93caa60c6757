"""What every search engine must do, whatever it is made of."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.search_house import Place, ask, ids, write
from tests.logs import captured_logs
from tests.unit.search.making import document

from tidemill.errors import Conflict, Invalid
from tidemill.search.base import Position, SearchEngine

# -- writing


async def test_a_document_is_found_as_it_was_written(engine: SearchEngine) -> None:
    moment = datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC)
    await write(
        engine,
        document("a", "The eagle has landed on the moon.", title="Moon & <Eagle>", author="Neil", published_at=moment),
    )
    result = await ask(engine, "eagle")
    (hit,) = result.hits
    assert (result.query, result.total, result.took_ms > 0) == ("eagle", 1, True)
    assert (hit.id, hit.url, hit.title) == ("a", "https://www.example.org/a", "Moon & <Eagle>")
    assert (hit.source, hit.kind, hit.language, hit.author) == ("site", "article", "en", "Neil")
    assert hit.published_at == moment
    assert hit.summary == "The eagle has landed"
    assert hit.score > 0
    assert hit.highlights == ("The <mark>eagle</mark> has landed on the moon.",)


async def test_a_later_version_replaces_and_a_deletion_removes(engine: SearchEngine) -> None:
    await write(engine, document("a", "walnut"), document("b", "walnut"))
    await write(engine, document("a", "hazelnut"), event_id=2)
    assert await ids(engine, "walnut") == ["b"]
    assert await ids(engine, "hazelnut") == ["a"]
    await write(engine, deletions=("a", "unknown"), event_id=3)
    assert await ids(engine, "hazelnut") == []


async def test_applying_a_batch_twice_changes_nothing(engine: SearchEngine) -> None:
    for _ in range(2):
        await write(engine, document("a", "walnut"), document("b", "walnut"), deletions=("c",), event_id=7)
    assert (await ask(engine, "walnut")).total == 2
    assert await engine.position() == Position("e", 7)


async def test_an_empty_batch_moves_the_position(engine: SearchEngine) -> None:
    await write(engine, document("a", "walnut"), event_id=1)
    await write(engine, event_id=9)
    assert await engine.position() == Position("e", 9)
    assert await ids(engine, "walnut") == ["a"]


async def test_writing_needs_the_lock_and_a_beginning(place: Place) -> None:
    engine = place.open()
    with pytest.raises(Conflict):
        await engine.begin("e")
    assert not engine.writable
    assert await engine.try_lock()
    assert engine.writable
    with pytest.raises(Conflict, match="begin"):
        await write(engine)
    await engine.close()


async def test_only_one_writes_and_the_others_see_it(engine: SearchEngine, place: Place) -> None:
    other = place.open()
    assert not await other.try_lock()
    await write(engine, document("a", "walnut"))
    assert await ids(other, "walnut") == ["a"]
    await write(engine, document("b", "walnut"), event_id=2)
    assert await other.position() == Position("e", 2)
    assert sorted(await ids(other, "walnut")) == ["a", "b"]
    await engine.close()
    assert await other.try_lock()
    assert await other.begin("e") == Position("e", 2)
    await other.close()


async def test_before_anything_was_written_there_is_nothing(place: Place) -> None:
    engine = place.open()
    assert await engine.position() is None
    assert await ids(engine, "anything") == []
    await engine.close()


async def test_another_database_epoch_begins_from_zero_and_says_so(engine: SearchEngine, place: Place) -> None:
    await write(engine, document("a", "walnut"), event_id=5)
    reader = place.open()
    assert await ids(reader, "walnut") == ["a"]
    with captured_logs() as logs:
        assert await engine.begin("e2") == Position("e2", 0)
    assert [entry["action"] for entry in logs] == ["index.rebuild"]
    assert logs[0]["level"] == "warning"
    assert "epoch e," in logs[0]["why"]
    with pytest.raises(Conflict, match="epoch"):
        await write(engine, event_id=6)
    for opened in (engine, reader):
        assert await opened.position() == Position("e2", 0)
        assert await ids(opened, "walnut") == []
    await reader.close()


HOLDER = """
import asyncio, sys
from tests.contract.search_house import Place, write
from tests.unit.search.making import document

async def hold():
    engine = Place(*sys.argv[1:]).open()
    assert await engine.try_lock()
    await engine.begin("e")
    await write(engine, document("a", "walnut"), event_id=3)
    print("\\nholding", flush=True)
    await asyncio.sleep(60)

asyncio.run(hold())
"""


async def test_a_killed_writers_lock_is_free_at_once_and_its_work_is_kept(place: Place) -> None:
    command = [sys.executable, "-c", HOLDER, place.kind, place.where, place.folder]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - there is nothing beside it
    assert holder.stdout is not None
    try:
        while await asyncio.to_thread(holder.stdout.readline) != "holding\n":
            assert holder.poll() is None
        engine = place.open()
        assert not await engine.try_lock()
        assert await ids(engine, "walnut") == ["a"]
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    assert await engine.try_lock()
    assert await engine.begin("e") == Position("e", 3)
    await write(engine, document("b", "walnut"), event_id=4)
    assert sorted(await ids(engine, "walnut")) == ["a", "b"]
    await engine.close()


# -- the query language


@pytest.fixture
async def library(engine: SearchEngine) -> SearchEngine:
    await write(
        engine,
        document("fox", "The quick brown fox jumps over the lazy dog.", title="Animals", tags=("Nature",)),
        document("run", "She runs every morning; runners like running.", title="Sport", source="other"),
        document("dump", "pg_dump writes a database; a dump is a file.", title="pg_dump", url="https://docs.test:81/x"),
        document("es", "Las canciones de azúcar. La educación.", title="Música", language="es", author="María López"),
        document("ja", "東京大学で日本語を勉強する。", title="日本語", language="ja"),
        document("event", "A concert of songs", title="Concert", kind="event", url="http://127.0.0.1:8080/e"),
    )
    return engine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fox", {"fox"}),
        ("FOX", {"fox"}),
        ("fox runner", {"fox", "run"}),
        ("fox unheardof", {"fox"}),
        ('"brown fox"', {"fox"}),
        ('"fox brown"', set()),
        ('"over the lazy"', {"fox"}),
        ('"quick brown fox" runner', {"fox"}),
        ("“brown fox”", {"fox"}),
        ('"run"', set()),
        ("run", {"run"}),
        ("fox OR run", {"fox", "run"}),
        ('"brown fox" OR "every morning"', {"fox", "run"}),
        ('"brown fox" OR concert', {"fox", "event"}),
        ("fox OR run -sport", {"fox"}),
        ("fox runner -running", {"fox"}),
        ('fox dog runner -"lazy dog"', {"run"}),
        ("-fox -source:other", {"dump", "es", "ja", "event"}),
        ("canción", {"es"}),
        ("cancion", {"es"}),
        ("azucar", {"es"}),
        ("AZÚCAR", {"es"}),
        ("educacion", {"es"}),
        ("pg_dump", {"dump"}),
        ("databases files", {"dump"}),
        ("morn*", {"run"}),
        ("pg_du*", {"dump"}),
        ("source:other", {"run"}),
        ("source:OTHER", {"run"}),
        ("source:other source:site -fox", {"dump", "es", "ja", "event", "run"}),
        ("kind:event", {"event"}),
        ("kind:event concert", {"event"}),
        ("kind:event fox", set()),
        ("lang:es", {"es"}),
        ("language:es kind:article", {"es"}),
        ("author:lopez", {"es"}),
        ('author:"maría lópez"', {"es"}),
        ("author:mar*", {"es"}),
        ("site:docs.test", {"dump"}),
        ("site:https://docs.test/", {"dump"}),
        ("site:example.org", {"fox", "run", "es", "ja"}),
        ("site:127.0.0.1", {"event"}),
        ("site:0.1", set()),
        ("tag:nature", {"fox"}),
        ("title:concerts", {"event"}),
        ("title:pg_dump", {"dump"}),
        ("title:fox", set()),
        ('title:"pg dump"', {"dump"}),
        ("title:conc*", {"event"}),
        ("unknown:fox", set()),
        ("日本語", {"ja"}),
        ("日本", {"ja"}),
        ("東京で日本", {"ja"}),
        ('"大阪"', set()),
        ("", set()),
        ("   ", set()),
        ("the", set()),
        ("The fox", {"fox"}),
        ("👍 !?", set()),
    ],
)
async def test_a_query_finds(library: SearchEngine, text: str, expected: set[str]) -> None:
    result = await ask(library, text)
    assert {hit.id for hit in result.hits} == expected
    assert result.total == len(expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"source": "other"}, {"run"}),
        ({"kind": "event"}, {"event"}),
        ({"language": "es"}, {"es"}),
        ({"author": "López"}, {"es"}),
        ({"domain": "docs.test"}, {"dump"}),
        ({"tags": ("nature",)}, {"fox"}),
        ({"tags": ("nature", "art")}, set()),
    ],
)
async def test_a_filter_keeps(library: SearchEngine, options: dict[str, object], expected: set[str]) -> None:
    everything = "fox run dump canciones 日本語 concert"
    assert set(await ids(library, everything, **options)) == expected
    assert set(await ids(library, "", **options)) == expected
    assert set(await ids(library, "the", **options)) == expected
    assert await ids(library, "unheardof", **options) == []


async def test_words_that_mean_nothing_alone_are_searched_together(engine: SearchEngine) -> None:
    await write(engine, document("hamlet", "To be, or not to be, that is the question."), document("x", "walnut"))
    assert await ids(engine, "to be or not to be") == ["hamlet"]
    assert await ids(engine, '"not to be"') == ["hamlet"]


async def test_dates_filter_and_order_what_is_not_scored(engine: SearchEngine) -> None:
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
    await write(
        engine,
        *(document(f"d{day.day}", "walnut", published_at=day) for day in days),
        document("undated", "walnut"),
    )
    assert await ids(engine, "source:site") == ["d3", "d2", "d1", "undated"]
    assert await ids(engine, "", published_after=days[1]) == ["d3", "d2"]
    assert await ids(engine, "walnut", published_after=days[0], published_before=days[1]) == ["d1"]
    assert {hit.score for hit in (await ask(engine, "source:site")).hits} == {0.0}


# -- ranking


async def test_all_words_then_closeness_then_the_title_come_first(engine: SearchEngine) -> None:
    filler = " ".join(f"word{number}" for number in range(40))
    await write(
        engine,
        document("one", f"comet comet {filler} {filler}"),
        document("far", f"comet {filler} orbit {filler}"),
        document("near", f"comet orbit {filler} {filler}"),
        document("titled", f"comet orbit {filler} {filler}", title="Comet orbit"),
        document("none", filler),
    )
    assert await ids(engine, "comet orbit") == ["titled", "near", "far", "one"]
    assert (await ids(engine, "what is the orbit of a comet"))[:2] == ["titled", "near"]


async def test_languages_live_in_one_index(engine: SearchEngine) -> None:
    await write(
        engine,
        document("en", "Nations and their songs", language="en"),
        document("es", "Las naciones y sus cantos nacionales", language="es"),
        document("de", "Die Häuser der Stadt", language="de"),
        document("pl", "Domy w mieście", language="pl"),
        document("none", "nation", language=None),
    )
    assert set(await ids(engine, "nation")) == {"en", "none"}
    assert await ids(engine, "nación") == ["es"]
    assert await ids(engine, "Haus") == ["de"]
    assert await ids(engine, "hauser") == ["de"]
    assert await ids(engine, "domy") == ["pl"]
    assert set(await ids(engine, "songs cantos")) == {"en", "es"}


async def test_pages_of_hits_do_not_overlap_and_the_total_is_of_all(engine: SearchEngine) -> None:
    await write(engine, *(document(f"n{number}", f"walnut {'walnut ' * number}") for number in range(25)))
    pages = [await ask(engine, "walnut", limit=10, offset=offset) for offset in (0, 10, 20)]
    assert [len(page.hits) for page in pages] == [10, 10, 5]
    assert {page.total for page in pages} == {25}
    assert len({hit.id for page in pages for hit in page.hits}) == 25
    beyond = await ask(engine, "walnut", limit=10_000, offset=10**9)
    assert (beyond.total, beyond.hits) == (25, ())
    counted = await ask(engine, "walnut", limit=0)
    assert (counted.total, counted.hits) == (25, ())
    with pytest.raises(Invalid, match="limit"):
        await ask(engine, "walnut", limit=-1)


# -- highlights


@pytest.mark.parametrize(
    ("text", "content", "language", "expected"),
    [
        ("script", "<script>alert('x')</script>", "en", "&lt;<mark>script</mark>&gt;alert(&#x27;x&#x27;)"),
        ("run", "They were running.", "en", "They were <mark>running</mark>."),
        ("canción", "Dos canciones más", "es", "Dos <mark>canciones</mark> más"),
        ("azucar", "El Azúcar & la sal", "es", "El <mark>Azúcar</mark> &amp; la sal"),
        ('"new york"', "New   York is a new town", "en", "<mark>New York</mark> is a new town"),
        ("日本", "私は日本人です", "ja", "私は<mark>日本</mark>人です"),
        ("pg_dump", "use pg_dump, not dump", "en", "use <mark>pg_dump</mark>, not dump"),
        ("mark*", "<mark>evil</mark>", "en", "&lt;<mark>mark</mark>&gt;evil&lt;/<mark>mark</mark>&gt;"),
    ],
)
async def test_highlights_are_marked_and_escaped(
    engine: SearchEngine, text: str, content: str, language: str, expected: str
) -> None:
    await write(engine, document("a", content, language=language))
    (hit,) = (await ask(engine, text)).hits
    assert hit.highlights[0].startswith(expected)


# -- nothing that is typed is an error


@pytest.mark.parametrize(
    "text",
    [
        '"', '""', "-", "--", "- -", "OR", "OR OR", "a OR", "-OR", "*", "a*", "**", ":", "title:", 'title:"', "(", ")",
        "a AND (b OR c)", "\\", "\0", "\ud800", "x\ud800y", "e\u0301", "🙂", "🙂*", '"🙂"', "-🙂", "title:🙂", "site:[",
        "site:",
        "日" * 3000, "a" * 20_000, '"' * 10_000, "(((" * 3000, "a " * 5000, "a-" * 5000, '"' + "a " * 5000 + '"',
        "x*" * 4000,
        "tag:" * 2500, "é\u200d" * 3000, "+-&|!(){}[]^\"~*?:\\/ " * 500, "word OR " * 1000, "ﬁ ß İ ǅ", "a\nb\tc\x1f",
    ],
)  # fmt: skip
async def test_odd_queries_are_answered(library: SearchEngine, text: str) -> None:
    result = await ask(library, text)
    assert result.total >= len(result.hits) >= 0


@given(text=st.text(max_size=80) | st.text('"-:*ORtileagsc \u0301日é(', max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_is_a_query(library: SearchEngine, text: str) -> None:
    result = await ask(library, text, limit=3)
    assert len(result.hits) <= 3


@given(
    title=st.text(max_size=30), content=st.text(max_size=60), language=st.sampled_from(["en", "es", "ar", "ja", None])
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_is_a_document(engine: SearchEngine, title: str, content: str, language: str | None) -> None:
    await write(engine, document("odd", f"{content} walnut", title=title, language=language))
    assert "odd" in await ids(engine, "walnut")
