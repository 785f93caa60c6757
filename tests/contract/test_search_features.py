"""What people want of a search besides finding words, of every engine: typos, own fields, order, counts, likeness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.search_house import Place, ask, ids, write
from tests.unit.search.making import document

from tidemill.errors import Invalid, NotFound
from tidemill.search.base import Count, Position, SearchEngine


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


async def test_a_rebuild_that_was_given_up_is_forgotten_by_the_next_beginning(engine: SearchEngine) -> None:
    await write(engine, document("a", "walnut"), event_id=7)
    await engine.rebuild("e")
    await write(engine, document("b", "walnut"), event_id=3)
    assert await engine.begin("e") == Position("e", 7)
    await write(engine, document("c", "walnut"), event_id=8)
    assert sorted(await ids(engine, "walnut")) == ["a", "c"]
    assert await engine.position() == Position("e", 8)


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
