"""Frames are heard as they were sent, however the pipe cuts them; what makes no sense ends the hearing."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.process.frames import HEADER, FrameReader, Kind, pack

Frame = tuple[Kind, int, bytes]
FRAMES = st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 2**63), st.binary(max_size=300)), max_size=8)


async def heard(pieces: list[bytes], *, most: int = 10**9) -> tuple[list[Frame], FrameReader]:
    found: list[Frame] = []
    reader = FrameReader(lambda *frame: frame[2] <= most, lambda *frame: found.append(frame), lambda: None)
    for piece in pieces:
        reader.data_received(piece)
    return found, reader


@given(FRAMES, st.lists(st.integers(0, 3000), max_size=6))
def test_frames_do_not_depend_on_how_they_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    sent = b"".join(pack(*frame) for frame in frames)
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[start:end] for start, end in pairwise(places)]
    found, reader = asyncio.run(heard(pieces))
    assert found == frames
    assert not reader.ended.done()


@pytest.mark.parametrize("sent", [b"\x00" * HEADER.size, pack(Kind.DONE, 1, b"x" * 11)], ids=["no kind", "unwanted"])
async def test_nothing_is_heard_after_what_makes_no_sense(sent: bytes) -> None:
    found, reader = await heard([pack(Kind.READY), sent, pack(Kind.READY)], most=10)
    assert found == [(Kind.READY, 0, b"")]
    assert reader.ended.done()


async def test_an_unwanted_payload_is_not_waited_for() -> None:
    _, reader = await heard([HEADER.pack(Kind.DONE, 1, 11)], most=10)
    assert reader.ended.done()


async def test_the_end_of_the_pipe_ends_it() -> None:
    _, reader = await heard([])
    reader.connection_lost(None)
    await reader.ended


async def test_what_goes_wrong_in_hearing_is_raised_where_the_end_is_awaited() -> None:
    def fail(kind: Kind, number: int, payload: bytes) -> None:
        raise LookupError("nobody waits for that")

    reader = FrameReader(lambda *_: True, fail, lambda: None)
    reader.data_received(pack(Kind.READY))
    with pytest.raises(LookupError):
        await reader.ended
