"""Which bytes of a file a request asks for (RFC 9110, 14)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.http.problems import ProblemError
from tidemill.http.ranges import part_of

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=90-", 90, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-1000", 0, 100),
        ("bytes=99-1000", 99, 100),
        ("bytes=0-", 0, 100),
        ("Bytes= 5-5 ", 5, 6),
    ],
    ids=["first", "rest", "last", "more-than-all", "beyond-the-end", "all", "one"],
)
def test_a_part(asked: str, start: int, end: int) -> None:
    part = part_of(100, ETAG, asked, None)
    assert (part.start, part.end, part.status) == (start, end, 206)
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/100"
    assert part.headers["content-length"] == str(end - start)


@pytest.mark.parametrize(
    "asked",
    [None, "", "bytes=", "bytes=-", "bytes=9-3", "bytes=0-1,5-6", "lines=0-3", "bytes=a-b", "bytes 0-3", "bytes=²-3"],
    ids=["none", "empty", "nothing", "dash", "backwards", "several", "unit", "letters", "no-equals", "digits"],
)
def test_what_is_no_range_is_passed_over(asked: str | None) -> None:
    part = part_of(100, ETAG, asked, None)
    assert (part.start, part.end, part.status) == (0, 100, 200)
    assert part.headers == {"accept-ranges": "bytes", "content-length": "100"}


@pytest.mark.parametrize(
    ("size", "asked"), [(100, "bytes=100-"), (100, "bytes=-0"), (0, "bytes=0-"), (0, "bytes=-5")], ids=range(4)
)
def test_bytes_that_the_file_has_not(size: int, asked: str) -> None:
    with pytest.raises(ProblemError) as refused:
        part_of(size, ETAG, asked, None)
    assert (refused.value.problem.status, refused.value.problem.reason) == (416, "range_not_satisfiable")
    assert refused.value.problem.headers == (("Content-Range", f"bytes */{size}"),)


@pytest.mark.parametrize("known", ['"abd"', 'W/"abc"', "Mon, 23 Nov 2026 10:00:00 GMT", ""])
def test_a_part_of_another_version_is_the_whole(known: str) -> None:
    assert part_of(100, ETAG, "bytes=5-", known).status == 200
    assert part_of(100, ETAG, "bytes=500-", known).status == 200, "nothing is refused of what is not asked for"
    assert part_of(100, ETAG, "bytes=5-", ETAG).status == 206


@given(size=st.integers(1, 10**12), at=st.integers(0, 10**12))
def test_a_file_in_two_parts_is_the_file(size: int, at: int) -> None:
    at %= size
    if at == 0:
        at = size
    first = part_of(size, ETAG, f"bytes=0-{at - 1}", None)
    assert (first.start, first.end) == (0, at)
    if at < size:
        rest = part_of(size, ETAG, f"bytes={at}-", ETAG)
        assert (rest.start, rest.end) == (first.end, size)


@given(asked=st.text(max_size=40) | st.from_regex(r"bytes=[0-9]{0,40}-[0-9]{0,40}", fullmatch=True))
def test_whatever_is_asked_for_lies_within_the_file(asked: str) -> None:
    with suppress(ProblemError):  # a 416, as above
        part = part_of(1000, ETAG, asked, None)
        assert 0 <= part.start < part.end <= 1000
