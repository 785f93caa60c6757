"""JSON-LD, microdata and RDFa are read into the same plain objects, and what is broken costs little."""

from __future__ import annotations

import time

import pytest

from tidemill.markup import parse_html
from tidemill.process.extract.jsonld import ItemStore
from tidemill.process.extract.microdata import read_microdata, read_rdfa


def test_microdata_nests_as_the_markup_says() -> None:
    tree = parse_html(
        '<div itemscope itemtype="https://schema.org/Product" itemid="/p/1"><h1 itemprop="name">Stone <b>flour</b></h1>'
        '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
        '<meta itemprop="price" content="9.90"><link itemprop="availability" href="https://schema.org/InStock"></div>'
        '<img itemprop="image" src="/a.jpg"><time itemprop="releaseDate" datetime="2026-01-02">January</time></div>'
    )
    assert read_microdata(tree) == (
        {
            "@type": ["https://schema.org/Product"],
            "@id": "/p/1",
            "name": "Stone flour",
            "offers": {
                "@type": ["https://schema.org/Offer"],
                "price": "9.90",
                "availability": "https://schema.org/InStock",
            },
            "image": "/a.jpg",
            "releaseDate": "2026-01-02",
        },
    )


def test_a_property_said_twice_is_a_list() -> None:
    tree = parse_html('<p itemscope><i itemprop="name">a</i><i itemprop="name">b</i><i itemprop="name">c</i></p>')
    assert read_microdata(tree)[0]["name"] == ["a", "b", "c"]


def test_a_link_says_its_text_unless_an_address_is_asked_for() -> None:
    tree = parse_html('<p itemscope><a itemprop="brand" href="/b">Mill</a><a itemprop="url" href="/u">here</a></p>')
    assert (read_microdata(tree)[0]["brand"], read_microdata(tree)[0]["url"]) == ("Mill", "/u")


def test_properties_may_stand_elsewhere() -> None:
    tree = parse_html(
        '<p itemscope itemref="there nowhere"></p><div id="there"><i itemprop="name">Mill</i>'
        '<b itemscope itemprop="address"><i itemprop="addressLocality">Weir</i></b></div>'
    )
    assert read_microdata(tree) == ({"@type": [], "name": "Mill", "address": {"@type": [], "addressLocality": "Weir"}},)


def test_scripts_are_not_read_as_text() -> None:
    tree = parse_html('<p itemscope><span itemprop="name">Mill<script>var a = 1</script></span></p>')
    assert read_microdata(tree)[0]["name"] == "Mill"


def test_an_item_that_refers_to_itself_ends() -> None:
    tree = parse_html('<div id="a" itemscope itemprop="item" itemref="a"><i itemprop="name">x</i></div>')
    assert len(list(ItemStore(items=read_microdata(tree)).walk())) < 100


def test_rdfa_lite() -> None:
    tree = parse_html(
        '<div vocab="https://schema.org/" typeof="Product"><span property="name">Flour</span>'
        '<div property="offers" typeof="schema:Offer"><meta property="schema:price" content="3"></div></div>'
    )
    assert read_rdfa(tree) == ({"@type": ["Product"], "name": "Flour", "offers": {"@type": ["Offer"], "price": "3"}},)


@pytest.mark.parametrize(
    "block",
    [
        '{"@type": "Thing", // a remark\n "name": "x"}',
        '{"@type": "Thing", /* a remark */ "name": "x",}',
        '{"@type": "Thing", "name": "x"};',
        '<!--\n{"@type": "Thing", "name": "x"}\n-->',
        '{"@type": "Thing", "name": "x"}\n{"@type": "Thing", "name": "y"}',
    ],
)
def test_careless_json_is_read(block: str) -> None:
    assert ItemStore([block]).top[0] == {"@type": "Thing", "name": "x"}


def test_repairs_leave_texts_alone() -> None:
    top = ItemStore(['{"url": "https://mill.example/a,}", "note": "/* kept */ // kept",}']).top
    assert top == ({"url": "https://mill.example/a,}", "note": "/* kept */ // kept"},)


@pytest.mark.thorough
@pytest.mark.parametrize("hostile", ["/*" * 400_000, '{"\\"' + '\\"' * 400_000, "{," + " ," * 400_000, "[" * 400_000])
def test_hostile_json_takes_linear_time(hostile: str) -> None:
    began = time.process_time()
    assert ItemStore([hostile]).top == ()
    assert time.process_time() - began < 3


@pytest.mark.thorough
def test_deep_microdata_takes_little_time() -> None:
    markup = "<div itemscope>" + '<div itemprop="a">' * 2_500 + "x" + "</div>" * 2_500 + "</div>"
    tree = parse_html(markup + '<p itemprop="b">q</p>' * 20_000)
    began = time.process_time()
    assert len(read_microdata(tree)) == 1
    assert time.process_time() - began < 5
