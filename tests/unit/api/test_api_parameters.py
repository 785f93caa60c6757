"""The parameters of a URL as a model: what counts if one is given twice, and that every mistake is named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fastapi import FastAPI, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from tidemill.api.parameters import described, parameters
from tidemill.api.schemas.export import StreamedSelection
from tidemill.api.schemas.search import FeedParameters, SearchParameters


def asked(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def test_values_are_read_as_what_they_are() -> None:
    found = parameters(SearchParameters, asked("q=a+b%26c&limit=3&fuzzy=true&published_after=2026-01-02"))
    assert (found.q, found.limit, found.fuzzy) == ("a b&c", 3, True)
    assert found.published_after == datetime(2026, 1, 2, tzinfo=UTC)


def test_what_is_not_given_has_its_default() -> None:
    assert parameters(SearchParameters, asked("")) == SearchParameters()


def test_a_list_has_all_values_in_their_order_and_of_others_the_last_counts() -> None:
    found = parameters(SearchParameters, asked("tag=b&q=one&tag=a&q=two&tag="))
    assert (found.tag, found.q) == (["b", "a", ""], "two")


def test_what_nobody_knows_is_passed_over() -> None:
    assert parameters(SearchParameters, asked("q=a&utm_source=b")) == SearchParameters(q="a")


def test_every_mistake_is_named_with_its_parameter() -> None:
    with pytest.raises(RequestValidationError) as error:
        parameters(SearchParameters, asked("limit=-1&offset=x&sort=odd"))
    assert [each["loc"] for each in error.value.errors()] == [
        ("query", "limit"),
        ("query", "offset"),
        ("query", "sort"),
    ]


@pytest.mark.parametrize(
    "model", [SearchParameters, FeedParameters, StreamedSelection], ids=lambda model: model.__name__
)
def test_they_are_described_as_fastapi_describes_them(model: type[BaseModel]) -> None:
    def endpoint(asked):  # type: ignore[no-untyped-def]
        return asked

    endpoint.__annotations__ = {"asked": model}
    endpoint.__defaults__ = (Query(),)
    api = FastAPI()
    api.get("/by-fastapi")(endpoint)
    of_fastapi = api.openapi()["paths"]["/by-fastapi"]["get"]["parameters"]
    assert jsonable_encoder(described(model), exclude_none=True)["parameters"] == of_fastapi
