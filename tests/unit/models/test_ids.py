"""Identifiers: those of things that happen sort by time, those of things that are follow from what identifies them."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.ids import derived_id, document_id, new_id, page_id


def test_new_identifiers_are_version_7_and_sort_by_time() -> None:
    made = [new_id() for _ in range(1000)]
    assert {UUID(identifier).version for identifier in made} == {7}
    assert made == sorted(made)
    assert len(set(made)) == 1000


def test_derived_identifiers_never_change() -> None:
    """These are keys of stored rows: another value would make every page and document of every store a new one."""
    assert page_id("s", "http://example.com/") == "41237a14-fd6e-8612-855d-d24b6e3e3620"
    assert document_id("p", "") == "ee13dff2-d886-8321-abde-56550e97a39a"
    assert document_id("p", "1") == "0e672df3-10e5-8d4c-b68b-3c4fe6fd8465"


@given(st.lists(st.text(max_size=5), max_size=3), st.lists(st.text(max_size=5), max_size=3))
def test_derived_identifiers_are_equal_where_the_parts_are(one: list[str], other: list[str]) -> None:
    joined = ["\x1f".join(one), "\x1f".join(other)]
    assert (derived_id(*one) == derived_id(*other)) == (joined[0] == joined[1])
    assert UUID(derived_id(*one)).version == 8
    assert UUID(derived_id(*one)).variant == "specified in RFC 4122"


def test_a_page_and_a_document_of_the_same_parts_are_not_the_same() -> None:
    assert page_id("x", "y") != document_id("x", "y")


def test_lone_surrogates_have_identifiers_too() -> None:
    assert UUID(page_id("s", "\ud800")).version == 8
