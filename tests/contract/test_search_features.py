"""What people want of a search besides finding words, of every engine: typos, own fields, order, counts, likeness."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.search_house import Place, ask, ids, write
from tests.unit.search.making import RememberedChanges, document

from tidemill.errors import Invalid, NotFound
from tidemill.search.base import Count, Position, SearchEngine
from tidemill.search.indexer import Indexer
from tidemill.settings.tree import SearchSettings
from tidemill.telemetry.metrics import Metrics


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
async def shop(engine: SearchEngine) -> SearchEngine:
    await write(
        engine,
        document(
            "lamp", "A brass lamp for the harbour wall", title="Lamp, brass", kind="product", tags=("Light", "Brass"),
            published_at=day("2024-05-03"), author="Ann Lee", url="https://shop.example/lamp",
            fields={"price": 19.5, "city": "Porto", "stock": {"left": 3}, "sold": True, "when": "2024-05-03T10:00:00Z"},
        ),
        document(
            "rope", "A rope for the harbour", title="rope", kind="product", tags=("brass",),
            published_at=day("2024-05-20"), author="Bo", url="https://www.shop.example/rope",
            fields={"price": 20, "city": "Lisbon", "sizes": [5, 10], "when": "2024-06-01"},
        ),
        document(
            "bell", "A bell rings in the harbour", title="Bell", source="other", language="en", author="Ann Lee",
            published_at=day("2023-12-31"), fields={"price": -4, "city": "New York"},
        ),
        document("note", "The harbour master wrote this", title="", kind="note", language="es"),
    )  # fmt: skip
    return engine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fields.price:<20", {"lamp", "bell"}),
        ("fields.price:<=20", {"lamp", "rope", "bell"}),
        ("fields.price:>19.5", {"rope"}),
        ("fields.price:>=19.5", {"lamp", "rope"}),
        ("fields.price:-4", {"bell"}),
        ("fields.price:20", {"rope"}),
        ("fields.price:20.0", {"rope"}),
        ("fields.price:-10..19.5", {"lamp", "bell"}),
        ("fields.price:19.5..", {"lamp", "rope"}),
        ("fields.city:porto", {"lamp"}),
        ('fields.city:"new york"', {"bell"}),
        ("fields.city:new", set()),
        ("fields.city:new*", {"bell"}),
        ("Fields.City:LISBON", {"rope"}),
        ("fields.stock.left:>2", {"lamp"}),
        ("fields.sizes:10", {"rope"}),
        ("fields.sold:true", {"lamp"}),
        ("fields.when:>2024-05-03", {"rope"}),
        ("fields.when:2024-05-01..2024-05-03", {"lamp"}),
        ("fields.none:<20", set()),
        ("harbour -fields.price:<20", {"rope", "note"}),
        ("lamp rope fields.price:>19.5", {"rope"}),
        ("fields.price:<abc", set()),
        ("date:2024", {"lamp", "rope"}),
        ("date:2024-05", {"lamp", "rope"}),
        ("date:2024-05-03", {"lamp"}),
        ("date:>2024-05-03", {"rope"}),
        ("date:<2024", {"bell"}),
        ("date:<=2024", {"lamp", "rope", "bell"}),
        ("published:2023..2024-05-03", {"lamp", "bell"}),
        ("harbour -date:2024", {"bell", "note"}),
        ("date:whenever lamp", {"lamp"}),
    ],
)
async def test_own_fields_and_dates_are_compared(shop: SearchEngine, text: str, expected: set[str]) -> None:
    assert set(await ids(shop, text)) == expected


@pytest.fixture
async def orchard(engine: SearchEngine) -> SearchEngine:
    """Enough words that no candidate of the others stands in for one that is forgotten."""
    at = datetime(2024, 5, 3, tzinfo=UTC)
    await write(
        engine,
        document("apple", "an apple", fields={"price": 50}),
        document("pear", "a pear", fields={"price": 60}),
        document("cheap", "a plum", fields={"price": 5}),
        document("recent", "a quince", published_at=at),
        document("both", "an apple and a pear", published_at=at, fields={"price": 7}),
        document("kiwi", "a kiwi and an apple", published_at=at),
    )
    return engine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zzz OR fields.price:<20", {"cheap", "both"}),
        ("zzz OR fields.price:>1000", set()),
        ("apple pear OR date:2024", {"apple", "pear", "recent", "both", "kiwi"}),
        ("apple -kiwi OR date:2024", {"apple", "recent", "both"}),
        ("plum quince OR fields.price:50 OR date:2019", {"cheap", "recent", "apple"}),
        ('"an apple" zzz OR date:2024', {"apple", "both", "kiwi"}),
        ("date:2024 OR fields.price:5", {"cheap", "recent", "both", "kiwi"}),
        ("source:site OR fields.price:5 OR zzz", {"apple", "pear", "cheap", "recent", "both", "kiwi"}),
    ],
)
@pytest.mark.parametrize("sort", ["relevance", "date"])
async def test_a_word_or_a_number_is_either(orchard: SearchEngine, text: str, expected: set[str], sort: str) -> None:
    found = await ask(orchard, text, sort=sort)
    assert (found.total, {hit.id for hit in found.hits}) == (len(expected), expected)


async def test_documents_that_fulfil_every_wish_come_first_numbers_among_them(orchard: SearchEngine) -> None:
    assert (await ids(orchard, "apple pear OR date:2024"))[0] == "both"


async def test_filters_on_own_fields_stand_beside_the_question(shop: SearchEngine) -> None:
    assert set(await ids(shop, "harbour", fields=("price:<20",))) == {"lamp", "bell"}
    assert await ids(shop, "", fields=("price:<20", "city:porto")) == ["lamp"]
    assert await ids(shop, "harbour", fields=("nonsense",)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("harbor~", {"lamp", "rope", "bell", "note"}),
        ("harbour", {"lamp", "rope", "bell", "note"}),
        ("hrabour~", {"lamp", "rope", "bell", "note"}),
        ("brsas~", {"lamp"}),
        ("brsas", set()),
        ("rop~", set()),
        ("lapm~ rope", {"lamp", "rope"}),
    ],
)
async def test_a_tilde_forgives_typos(shop: SearchEngine, text: str, expected: set[str]) -> None:
    assert set(await ids(shop, text)) == expected


async def test_all_words_may_be_misspelt_if_that_is_asked_for(shop: SearchEngine) -> None:
    assert await ids(shop, "brss lmap") == []
    assert await ids(shop, "brss lmap", fuzzy=True) == ["lamp"]
    assert (await ids(shop, "rope harbour", fuzzy=True))[0] == "rope"
    (hit,) = (await ask(shop, "brsas~")).hits
    assert hit.highlights == ("A <mark>brass</mark> lamp for the harbour wall",)


async def test_hits_are_ordered_by_date_or_title(shop: SearchEngine) -> None:
    assert await ids(shop, "harbour", sort="date") == ["rope", "lamp", "bell", "note"]
    assert await ids(shop, "harbour", sort="date_asc") == ["bell", "lamp", "rope", "note"]
    assert await ids(shop, "harbour", sort="title") == ["bell", "lamp", "rope", "note"]
    assert await ids(shop, "harbour", sort="title_desc") == ["rope", "lamp", "bell", "note"]
    assert await ids(shop, "harbour", sort="title", limit=2, offset=1) == ["lamp", "rope"]


async def test_recency_brings_new_documents_forward(engine: SearchEngine) -> None:
    now = datetime.now(UTC)
    filler = " ".join(f"word{number}" for number in range(30))
    await write(
        engine,
        document("best", f"comet comet {filler}", published_at=now - timedelta(days=4000)),
        document("new", f"comet {filler}", published_at=now),
        document("undated", f"comet {filler} {filler} {filler}"),
        *(document(f"other{number}", filler) for number in range(20)),
    )
    assert await ids(engine, "comet") == ["best", "new", "undated"]
    assert await ids(engine, "comet", recency_days=30.0) == ["new", "best", "undated"]
    assert await ids(engine, "comet", recency_days=30.0, limit=1, offset=1) == ["best"]
    assert (await ask(engine, "comet", recency_days=30.0, limit=1)).total == 3


async def test_facets_count_what_was_found(shop: SearchEngine) -> None:
    names = ("source", "kind", "language", "author", "tag", "domain", "fields.city", "fields.price", "fields.none")
    found = (await ask(shop, "harbour", facets=names, limit=1)).facets
    assert list(found) == list(names)
    assert found["source"] == (Count("site", 3), Count("other", 1))
    assert found["kind"][0] == Count("product", 2)
    assert set(found["kind"][1:]) == {Count("article", 1), Count("note", 1)}
    assert found["language"] == (Count("en", 3), Count("es", 1))
    assert found["author"] == (Count("Ann Lee", 2), Count("Bo", 1))
    assert found["tag"] == (Count("brass", 2), Count("light", 1))
    assert set(found["domain"]) == {
        Count("www.example.org", 2), Count("shop.example", 1), Count("www.shop.example", 1)
    }  # fmt: skip
    assert set(found["fields.city"]) == {Count("porto", 1), Count("lisbon", 1), Count("new york", 1)}
    assert set(found["fields.price"]) == {Count("19.5", 1), Count("20", 1), Count("-4", 1)}
    assert found["fields.none"] == ()
    narrow = await ask(shop, "harbour kind:product", facets=("source", "tag"), facet_size=1)
    assert narrow.facets == {"source": (Count("site", 2),), "tag": (Count("brass", 2),)}


@pytest.mark.parametrize("name", ["fields.Ground-Floor", "fields.ground_floor", "fields.GROUND FLOOR"])
async def test_facets_on_own_fields_take_names_as_filters_do(engine: SearchEngine, name: str) -> None:
    await write(engine, document("a", "walnut", fields={"Ground-Floor": "Porto"}))
    found = await ask(engine, "walnut", facets=(name,))
    assert found.facets == {name: (Count("porto", 1),)}
    assert await ids(engine, "walnut", fields=(f"{name}:porto",)) == ["a"]


async def test_a_histogram_counts_by_time(shop: SearchEngine) -> None:
    bars = {width: (await ask(shop, "harbour", histogram=width)).histogram for width in ("day", "month", "year")}
    assert bars["day"] == (Count("2023-12-31", 1), Count("2024-05-03", 1), Count("2024-05-20", 1))
    assert bars["month"] == (Count("2023-12", 1), Count("2024-05", 2))
    assert bars["year"] == (Count("2023", 1), Count("2024", 2))
    assert (await ask(shop, "harbour")).histogram == ()


@pytest.mark.parametrize(
    "options",
    [{"sort": "odd"}, {"facets": ("odd",)}, {"facet_size": 0}, {"histogram": "hour"}, {"recency_days": 0.0}],
)
async def test_what_cannot_be_is_refused(engine: SearchEngine, options: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        await ask(engine, "walnut", **options)


async def test_suggestions_go_on_with_what_is_typed(engine: SearchEngine) -> None:
    await write(
        engine,
        document("a", "x", title="Tide mills of the Tagus"),
        document("b", "x", title="Tidal power"),
        document("c", "x", title="Wind mills"),
        document("d", "tide in the text only", title="Other"),
        document("e", "x", title="日本語の勉強", language="ja"),
    )
    assert set(await engine.suggest("tid", 5)) >= {"Tide mills of the Tagus", "Tidal power"}
    assert "Other" not in await engine.suggest("tid", 5)
    assert (await engine.suggest("tide mi", 5))[0] == "Tide mills of the Tagus"
    assert "Wind mills" in await engine.suggest("wind mills", 5)
    assert await engine.suggest("tide ", 1) == ("Tide mills of the Tagus",)
    assert await engine.suggest("日本", 3) == ("日本語の勉強",)
    for nothing in ("", "  ", "unheardof", '"(*'):
        assert await engine.suggest(nothing, 5) == ()


async def test_similar_documents_share_telling_words(engine: SearchEngine) -> None:
    plain = "the of and harbour house people said many words about it"
    await write(
        engine,
        document("a", f"Tidal turbines turn the estuary current into electricity {plain}", title="Turbines"),
        document("b", f"Electricity from an estuary: turbines under water {plain}", title="Estuary power"),
        document("c", f"Bread is baked of flour and water with yeast {plain}", title="Bread"),
        document("d", f"Yeast and flour for bread {plain}", title="Flour"),
        *(document(f"other{number}", f"{plain} number{number}") for number in range(10)),
    )
    found = await engine.similar("a", 3)
    assert found.hits[0].id == "b"
    assert "a" not in [hit.id for hit in found.hits]
    assert len((await engine.similar("c", 1)).hits) == 1
    assert (await engine.similar("c", 5)).hits[0].id == "d"
    with pytest.raises(NotFound, match="nobody"):
        await engine.similar("nobody", 3)


async def test_a_rebuild_answers_from_the_old_index_until_the_new_one_is_whole(
    engine: SearchEngine, place: Place
) -> None:
    await write(engine, document("a", "walnut"), document("b", "walnut"), event_id=5)
    other = place.open()
    assert await engine.rebuild("e") == Position("e", 0)
    await write(engine, document("b", "walnut"), event_id=3)
    for opened in (engine, other):
        assert sorted(await ids(opened, "walnut")) == ["a", "b"]
        assert await opened.position() == Position("e", 5)
    await write(engine, document("c", "walnut"), event_id=6)
    await engine.publish()
    for opened in (engine, other):
        assert sorted(await ids(opened, "walnut")) == ["b", "c"]
        assert await opened.position() == Position("e", 6)
    await write(engine, document("d", "walnut"), event_id=7)
    assert sorted(await ids(other, "walnut")) == ["b", "c", "d"]
    await other.close()


@pytest.mark.parametrize("name", ["\u0915" * 700, "n" * 5000, "short"])
async def test_long_names_and_values_of_own_fields_are_taken_in(engine: SearchEngine, name: str) -> None:
    """A server takes words of some two thousand bytes."""
    value = "\u0928" * 180
    long = {name: value, "many": [f"{number} {value}" for number in range(300)]}
    await write(engine, document("a", "walnut shell", fields=long), document("b", "walnut", fields={"c": 1}))
    assert sorted(await ids(engine, "walnut")) == ["a", "b"]
    assert await ids(engine, "shell") == ["a"]
    assert await ids(engine, "walnut", fields=(f"{name}:{value}",)) == ["a"]


async def test_an_index_that_is_taken_away_beneath_its_writer_is_begun_again(
    engine: SearchEngine, place: Place
) -> None:
    await write(engine, document("a", "walnut"), event_id=5)
    assert await engine.begin("e") == Position("e", 5)
    await place.take_away()
    if not engine.writable:  # the lock lay there, too
        assert await engine.try_lock()
    assert await engine.begin("e") == Position("e", 0)
    await write(engine, document("b", "walnut"), event_id=6)
    assert await engine.position() == Position("e", 6)
    assert await ids(engine, "walnut") == ["b"]


async def test_whoever_waits_for_an_index_that_was_taken_away_waits_until_it_is_whole_again(
    engine: SearchEngine, place: Place
) -> None:
    changes = RememberedChanges()
    changes.name = "e"
    changes.put(*(document(f"d{number}", "walnut") for number in range(9)))
    indexer = Indexer(changes, engine, SearchSettings(batch_size=4), Metrics())
    await indexer.catch_up(9)
    await place.take_away()
    async with asyncio.timeout(20):
        await indexer.catch_up(9)
    assert (await ask(engine, "walnut")).total == 9


async def test_who_breaks_off_a_rebuild_goes_on_with_what_is_searched(engine: SearchEngine) -> None:
    """In the same process: what was begun beside it is no place to write to."""
    await write(engine, document("a", "walnut"), event_id=5)
    await engine.rebuild("e")
    await write(engine, document("b", "walnut"), event_id=3)
    assert await engine.begin("e") == Position("e", 5)
    await write(engine, document("c", "walnut"), event_id=6)
    assert sorted(await ids(engine, "walnut")) == ["a", "c"]
    assert await engine.position() == Position("e", 6)


async def test_an_index_knows_which_request_to_build_it_anew_it_has_fulfilled(
    engine: SearchEngine, place: Place
) -> None:
    await engine.rebuild("e")
    await engine.apply([document("a", "walnut")], [], Position("e", 5, rebuilt=3))
    assert (await engine.position()) == Position("e", 0)
    await engine.publish()
    other = place.open()
    for opened in (engine, other):
        assert await opened.position() == Position("e", 5, rebuilt=3)
    await engine.apply([], [], Position("e", 6, rebuilt=3))
    await engine.close()
    assert await other.try_lock()
    assert await other.begin("e") == Position("e", 6, rebuilt=3)
    await other.close()


async def test_a_rebuild_that_never_ended_changes_nothing(engine: SearchEngine, place: Place) -> None:
    await write(engine, document("a", "walnut"), event_id=5)
    await engine.rebuild("e")
    await write(engine, document("b", "walnut"), event_id=9)
    await engine.close()
    again = place.open()
    assert await again.try_lock()
    assert await again.begin("e") == Position("e", 5)
    await write(again, event_id=6)
    assert await ids(again, "walnut") == ["a"]
    await again.publish()
    assert await ids(again, "walnut") == ["a"]
    await again.close()
