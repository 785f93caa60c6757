"""The query language: what is read from what is typed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.search.query import MAX_TERMS, Clause, Field, Fuzzy, ParsedQuery, Phrase, Prefix, Term, Word, parse
from tidemill.search.typed import Bounds


def wishes(*terms: Term) -> ParsedQuery:
    return ParsedQuery(tuple(Clause((term,)) for term in terms))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ParsedQuery()),
        ("one two", wishes(Word("one"), Word("two"))),
        ('"one two" three', wishes(Phrase("one two"), Word("three"))),
        ("“one two”", wishes(Phrase("one two"))),
        ("«one two»", wishes(Phrase("one two"))),
        ('"one two', wishes(Word("one"), Word("two"))),
        ("two*", wishes(Prefix("two"))),
        ("t* *", wishes(Word("t"))),
        ("-one", ParsedQuery((), (Word("one"),))),
        ('-"one two" -lang:es', ParsedQuery((), (Phrase("one two"), Field("language", Word("es"))))),
        ("--help - well-known", wishes(Word("--help"), Word("well-known"))),
        ("a OR b c", ParsedQuery((Clause((Word("a"), Word("b"))), Clause((Word("c"),))))),
        ("a OR b OR c", ParsedQuery((Clause((Word("a"), Word("b"), Word("c"))),))),
        ("OR a OR", wishes(Word("OR"), Word("a"))),
        ("a or b", wishes(Word("a"), Word("or"), Word("b"))),
        ("a OR -b c", ParsedQuery((Clause((Word("a"),)), Clause((Word("c"),))), (Word("b"),))),
        ("source:a", wishes(Field("source", Word("a")))),
        ("Lang:es site:x.org", wishes(Field("language", Word("es")), Field("domain", Word("x.org")))),
        ('title:"a b" author:mar*', wishes(Field("title", Phrase("a b")), Field("author", Prefix("mar")))),
        ("kind:a kind:b", ParsedQuery((Clause((Field("kind", Word("a")), Field("kind", Word("b")))),))),
        ("tag:a tag:b", wishes(Field("tag", Word("a")), Field("tag", Word("b")))),
        ("https://a.org/b?c=d 12:30", wishes(Word("https://a.org/b?c=d"), Word("12:30"))),
        ("title: x", wishes(Word("title:"), Word("x"))),
        ('title:"" x', wishes(Word("x"))),
        ("std::vector", wishes(Word("std::vector"))),
        ("mlil~ a~2", wishes(Fuzzy("mlil"), Fuzzy("a"))),
        ('"a b"~ ~', wishes(Phrase("a b"))),
        ("fields.Price:<20", wishes(Field("fields.price", Bounds(high=20.0, include_high=False)))),
        ("fields.a.b:xy* fields.c:20", wishes(Field("fields.a.b", Prefix("xy")), Field("fields.c", Word("20")))),
        ('fields.city:"new york"', wishes(Field("fields.city", Phrase("new york")))),
        ("fields.:x", wishes(Word("fields.:x"))),
        ("date:never title:<3", wishes(Word("date:never"), Field("title", Word("<3")))),
        ("!? 👍", ParsedQuery()),
    ],
)  # fmt: skip
def test_a_text_is_read_as(text: str, expected: ParsedQuery) -> None:
    assert parse(text) == expected


def test_only_demands_are_required() -> None:
    required = [clause.required for clause in parse('a "b c" lang:es d OR "e" "f" OR lang:es').clauses]
    assert required == [False, True, True, False, True]


@given(st.text(max_size=200) | st.text('ab"-:* ORtitle', max_size=200))
def test_nothing_raises(text: str) -> None:
    parse(text)


@pytest.mark.parametrize("piece", ["a ", '"', "-", "a:", "a OR ", '"a" ', "*"])
def test_a_long_text_is_read_quickly_and_in_part(piece: str) -> None:
    begun = time.process_time()
    parsed = parse(piece * 100_000)
    assert time.process_time() - begun < 0.5
    assert sum(len(clause.alternatives) for clause in parsed.clauses) + len(parsed.excluded) <= MAX_TERMS
