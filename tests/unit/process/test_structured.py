"""What a page's markup describes becomes typed documents: the page's own, and those of other things on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.process.pages import PROSE, capture, html, jsonld, page

from tidemill.models.document import Draft, Json
from tidemill.models.source import ProcessRules
from tidemill.process.extract.structured import extract_structured
from tidemill.process.pipeline import process

URL = "https://mill.example/shop/flour"
BODY = "<h1>Stone flour</h1>" + "".join(f"<p>{line}</p>" for line in PROSE.split("\n"))
PRODUCT = {
    "@type": "Product",
    "name": "Stone flour",
    "description": "Ground by the <b>tide</b>.",
    "brand": {"@type": "Brand", "name": "Mill Trust"},
    "sku": "F-1",
    "gtin13": "4006381333931",
    "image": ["/flour.jpg"],
    "offers": {
        "@type": "Offer",
        "price": "1,299.50",
        "priceCurrency": "EUR",
        "availability": "https://schema.org/InStock",
        "itemCondition": "http://schema.org/NewCondition",
    },
    "aggregateRating": {"ratingValue": "4.5", "reviewCount": "12"},
}
RECIPE = {
    "@type": "Recipe",
    "name": "Mill bread",
    "recipeIngredient": ["500 g flour", "300 ml water"],
    "recipeInstructions": [
        {"@type": "HowToSection", "name": "Dough", "itemListElement": [{"@type": "HowToStep", "text": "Mix."}]},
        {"@type": "HowToStep", "text": "Bake &amp; cool."},
    ],
    "prepTime": "PT20M",
    "cookTime": "PT1H",
    "totalTime": "1 hr 20 min",
    "recipeYield": ["2", "2 loaves"],
    "nutrition": {"@type": "NutritionInformation", "calories": "250 kcal", "fatContent": "2 g"},
    "recipeCuisine": "British",
    "recipeCategory": ["Bread", "Baking"],
}
JOB = {
    "@type": "JobPosting",
    "title": "Miller",
    "description": "&lt;p&gt;Grind &lt;b&gt;flour&lt;/b&gt;.&lt;/p&gt;&lt;p&gt;Mind the tide.&lt;/p&gt;",
    "hiringOrganization": {"@type": "Organization", "name": "Mill Trust"},
    "jobLocation": {"@type": "Place", "address": {"addressLocality": "Weir", "addressCountry": "GB"}},
    "employmentType": ["FULL_TIME", "Part-time"],
    "baseSalary": {
        "@type": "MonetaryAmount",
        "currency": "GBP",
        "value": {"@type": "QuantitativeValue", "minValue": 30000, "maxValue": "35,000", "unitText": "YEAR"},
    },
    "datePosted": "2026-04-01",
    "validThrough": "2026-05-01T12:00",
}
FAQ = {
    "@type": "FAQPage",
    "mainEntity": [
        {"@type": "Question", "name": "When?", "acceptedAnswer": {"@type": "Answer", "text": "<p>At high tide.</p>"}},
        {"@type": "Question", "name": "No answer?"},
    ],
}


def documents(*items: object, body: str = BODY, head: str = "", title: str = "", url: str = URL) -> list[Draft]:
    markup = html((jsonld(*items) if items else "") + head, body, title=title)
    return list(process(capture(url), markup.encode(), ProcessRules()).drafts)


def only(drafts: list[Draft]) -> Draft:
    assert len(drafts) == 1, drafts
    return drafts[0]


def test_the_page_of_a_product_is_that_product_with_the_pages_text() -> None:
    draft = only(documents(PRODUCT))
    assert (draft.kind, draft.item_key, draft.title) == ("product", "", "Stone flour")
    assert "turns again after ninety years" in draft.content
    assert draft.fields == {
        "name": "Stone flour",
        "brand": "Mill Trust",
        "sku": "F-1",
        "gtin": "4006381333931",
        "price": 1299.5,
        "currency": "EUR",
        "availability": "in_stock",
        "offers": [{"price": 1299.5, "currency": "EUR", "availability": "in_stock", "condition": "new"}],
        "rating": 4.5,
        "review_count": 12,
        "condition": "new",
        "description": "Ground by the tide.",
    }
    assert draft.provenance["price"] == "jsonld@1 Product.offers.price"
    assert draft.provenance["currency"] == "jsonld@1 Product.offers.priceCurrency"
    assert draft.image_url == "https://mill.example/flour.jpg"


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        pytest.param(
            {"@type": "AggregateOffer", "lowPrice": 5, "highPrice": "9.5", "priceCurrency": "EUR", "offerCount": 3},
            {"price": 5.0, "price_max": 9.5, "currency": "EUR", "offer_count": 3},
            id="range",
        ),
        pytest.param(
            [
                {"price": "5", "priceCurrency": "EUR", "availability": "OutOfStock"},
                {"price": "7", "priceCurrency": "EUR", "availability": "InStock"},
            ],
            {"price": 7.0, "currency": "EUR", "availability": "in_stock"},
            id="the cheapest that can be bought",
        ),
        pytest.param(
            {
                "priceSpecification": [
                    {"price": 8, "priceCurrency": "EUR"},
                    {"price": 10, "priceCurrency": "EUR", "priceType": "https://schema.org/ListPrice"},
                ]
            },
            {"price": 8.0, "list_price": 10.0, "currency": "EUR"},
            id="reduced",
        ),
        pytest.param({"price": "12,50 €", "priceCurrency": "€"}, {"price": 12.5, "currency": "EUR"}, id="as written"),
        pytest.param({"price": "on request"}, {"price": None}, id="none"),
    ],
)
def test_prices_are_read_in_all_forms(offers: Json, expected: dict[str, Json]) -> None:
    fields = only(documents({**PRODUCT, "offers": offers})).fields
    assert {name: fields.get(name) for name in expected} == expected


def test_a_recipe_goes_before_the_article_around_it() -> None:
    article = {"@type": "Article", "headline": "Mill bread", "author": {"name": "Ann Weir"}}
    draft = only(documents({"@graph": [article, RECIPE]}, body=BODY.replace("Stone flour", "Mill bread")))
    assert (draft.kind, draft.title) == ("recipe", "Mill bread")
    assert draft.author == "Ann Weir"
    assert draft.fields["ingredients"] == ["500 g flour", "300 ml water"]
    assert draft.fields["instructions"] == ["Mix.", "Bake & cool."]
    times = [draft.fields[name] for name in ("prep_time", "prep_minutes", "cook_minutes", "total_time")]
    assert times == ["PT20M", 20, 60, "PT1H20M"]
    assert (draft.fields["yield"], draft.fields["cuisine"]) == ("2 loaves", "British")
    assert draft.fields["category"] == "Bread, Baking"
    assert draft.fields["nutrition"] == {"calories": "250 kcal", "fat": "2 g"}


def test_a_job() -> None:
    draft = only(documents(JOB, body="<h1>Miller</h1>"))
    assert (draft.kind, draft.title) == ("job", "Miller")
    assert draft.published_at is not None
    expected: dict[str, Json] = {
        "organization": "Mill Trust",
        "location": "Weir, GB",
        "remote": False,
        "employment_type": "full_time, part_time",
        "salary_min": 30000.0,
        "salary_max": 35000.0,
        "salary_currency": "GBP",
        "salary_unit": "year",
        "date_posted": "2026-04-01",
        "valid_through": "2026-05-01T12:00:00+00:00",
    }
    assert {name: draft.fields.get(name) for name in expected} == expected
    assert draft.fields["description"] == "Grind flour.\n\nMind the tide."
    assert "zone_assumed" in draft.flags


@pytest.mark.parametrize(
    ("salary", "expected"),
    [
        ("$50,000 - $60,000 a year", (50000.0, 60000.0, "USD", "year")),
        ({"currency": "EUR", "value": 20, "unitText": "HOUR"}, (20.0, 20.0, "EUR", "hour")),
        ({"currency": "EUR", "value": {"value": "45k"}}, (45000.0, 45000.0, "EUR", None)),
        ("competitive", (None, None, None, None)),
    ],
)
def test_salaries(salary: Json, expected: tuple[Json, ...]) -> None:
    fields = only(documents({**JOB, "baseSalary": salary}, body="<h1>Miller</h1>")).fields
    assert tuple(fields.get(f"salary_{name}") for name in ("min", "max", "currency", "unit")) == expected


def test_a_job_from_anywhere_is_remote() -> None:
    draft = only(documents({**JOB, "jobLocationType": "TELECOMMUTE"}, body="<h1>Miller</h1>"))
    assert draft.fields["remote"] is True


def test_a_page_of_questions_is_a_faq() -> None:
    draft = only(documents(FAQ, title="Frequently asked questions", body=BODY.replace("Stone flour", "Help")))
    assert draft.kind == "faq"
    assert draft.fields["questions"] == [{"question": "When?", "answer": "At high tide."}]


def test_questions_at_the_end_of_an_article_are_a_document_beside_it() -> None:
    article, faq = documents({"@type": "Article", "headline": "Stone flour"}, FAQ)
    assert (article.kind, article.item_key) == ("article", "")
    assert (faq.kind, faq.title, faq.content) == ("faq", "Stone flour", "When?\nAt high tide.")
    assert faq.item_key


def test_an_organization_is_a_document_only_if_the_page_is_about_it() -> None:
    trust = {
        "@type": "Organization",
        "name": "Mill Trust",
        "url": "https://mill.example/",
        "logo": "/logo.png",
        "telephone": "tel:+44 20 7946 0000",
        "email": "mailto:hello@mill.example",
        "address": {"streetAddress": "1 Quay", "addressLocality": "Weir"},
        "sameAs": ["https://social.example/mill"],
    }
    own = only(documents(trust, url="https://mill.example/"))
    assert own.kind == "organization"
    expected: dict[str, Json] = {
        "name": "Mill Trust",
        "address": "1 Quay, Weir",
        "phone": "+44 20 7946 0000",
        "email": "hello@mill.example",
        "logo": "https://mill.example/logo.png",
        "same_as": ["https://social.example/mill"],
    }
    assert {name: own.fields.get(name) for name in expected} == expected
    assert only(documents(trust)).kind == "article"
    article = {"@type": "Article", "headline": "Stone flour", "publisher": trust}
    assert [draft.kind for draft in documents(article, url="https://mill.example/")] == ["article"]


def listed(*products: object) -> dict[str, object]:
    return {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": product} for product in products]}


def test_a_list_gives_its_products_but_not_mere_links() -> None:
    rye = {"@type": "Product", "name": "Rye", "url": "/rye", "offers": {"price": 3, "priceCurrency": "EUR"}}
    link = {"@type": "Product", "name": "Oats", "url": "/oats"}
    teaser = {"@type": "Article", "headline": "News", "url": "/news", "description": "Much has happened."}
    drafts = documents(listed(rye, link, teaser), title="All flours", body=BODY.replace("Stone flour", "All flours"))
    assert [(draft.kind, draft.title) for draft in drafts] == [("article", "All flours"), ("product", "Rye")]
    assert drafts[1].fields["url"] == drafts[1].canonical_url == "https://mill.example/rye"


def test_item_keys_are_told_by_the_thing_not_by_its_place() -> None:
    first = {"@type": "Product", "name": "Rye", "sku": "1", "offers": {"price": 3}}
    second = {"@type": "Product", "name": "Oats", "sku": "2", "offers": {"price": 4}}
    there = {draft.title: draft.item_key for draft in documents(listed(first, second))}
    back = {draft.title: draft.item_key for draft in documents(listed({**second, "offers": {"price": 9}}, first))}
    assert there == back
    assert len(set(there.values())) == 3


@pytest.mark.parametrize("property_name", ["isRelatedTo", "isSimilarTo", "itemReviewed", "about"])
def test_what_is_only_mentioned_is_not_the_page(property_name: str) -> None:
    article = {"@type": "Article", "headline": "Stone flour", property_name: {**PRODUCT, "name": "Millstone"}}
    assert documents(article)[0].kind == "article"


def test_a_review_of_a_product_stays_an_article() -> None:
    drafts = documents({"@type": "Article", "headline": "Stone flour"}, {**PRODUCT, "name": "Stone flour 500 g"})
    assert drafts[0].kind == "article"


def test_meta_tags_tell_of_a_product() -> None:
    head = (
        '<meta property="og:type" content="product"><meta property="product:price:amount" content="9.90">'
        '<meta property="product:price:currency" content="EUR"><meta property="og:availability" content="instock">'
    )
    draft = only(documents(head=head))
    assert draft.kind == "product"
    assert draft.fields == {"price": 9.9, "currency": "EUR", "availability": "in_stock"}
    assert draft.provenance["price"] == "opengraph@1 product:price:amount"


def test_the_name_in_the_markup_and_the_heading_may_disagree() -> None:
    draft = only(documents({**PRODUCT, "name": "Stone flour (500 g)"}))
    assert draft.title == "Stone flour"
    disagreement = {"field": "title", "value": "Stone flour (500 g)", "origin": "jsonld@1 Product.name"}
    assert disagreement in draft.disagreements


def test_one_thing_in_two_syntaxes_is_one_document_and_its_prices_are_compared() -> None:
    body = (
        '<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Stone flour</h1>'
        '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer"><span itemprop="price">8.00</span></div>'
        f'<i itemprop="mpn">M-7</i></div><p>{PROSE}</p>'
    )
    draft = only(documents(PRODUCT, body=body))
    assert (draft.fields["price"], draft.fields["mpn"]) == (1299.5, "M-7")
    assert draft.provenance["mpn"] == "microdata@1 Product.mpn"
    price = {"field": "price", "value": 8.0, "origin": "microdata@1 Product.offers.price"}
    assert price in draft.disagreements


def test_one_event_in_two_syntaxes_is_one_document() -> None:
    event = {"@type": "Event", "name": "Fair", "startDate": "2026-06-01", "url": "https://mill.example/fair"}
    body = (
        '<div itemscope itemtype="https://schema.org/Event"><h1 itemprop="name">Fair</h1>'
        '<time itemprop="startDate" datetime="2026-06-01">June</time><i itemprop="location">The mill</i></div>'
    )
    draft = only(documents(event, body=body))
    assert (draft.kind, draft.fields["location"]) == ("event", "The mill")


_NAMES = st.sampled_from([
    "@type", "@id", "@graph", "name", "url", "offers", "price", "mainEntity", "itemListElement", "item", "image",
    "startDate", "recipeInstructions", "baseSalary", "value", "jobLocation", "address", "nutrition", "author",
])  # fmt: skip
_TYPES = st.sampled_from(["Product", "Recipe", "JobPosting", "FAQPage", "Question", "Organization", "Event", "Article"])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | _TYPES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=25,
)


@pytest.mark.thorough
@settings(max_examples=150, deadline=None)
@given(_VALUES, _TYPES)
def test_no_markup_makes_it_fail(value: Any, name: str) -> None:
    item = {**value, "@type": name, "name": "x"} if isinstance(value, dict) else {"@type": name, "offers": value}
    drafts = extract_structured(page(html(jsonld(item))))
    assert all(draft.kind for draft in drafts)
