"""A few identifiers in one message: nothing is lost in packing, and a message is settled with its last identifier."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidemill.models.priority import PRIORITIES
from tidemill.queue.parcels import IN_ONE, packed, settled, unpacked

ANNOUNCED = st.lists(st.sampled_from(PRIORITIES), max_size=100).map(
    lambda names: [(f"id{number}", name) for number, name in enumerate(names)]
)


@given(ANNOUNCED)
def test_what_is_packed_comes_out_in_its_order(announced: list[tuple[str, str]]) -> None:
    messages = list(packed(announced))
    assert all(len(body.split()) <= IN_ONE for _, body in messages)
    for priority in PRIORITIES:
        out = [each.capture_id for name, body in messages if name == priority for each in unpacked(body, name, 0)]
        assert out == [capture_id for capture_id, name in announced if name == priority]


def test_a_message_is_settled_with_its_last_identifier() -> None:
    first, second, third = unpacked(b"a b c", "low", 7)
    assert list(settled([first], int)) == []
    assert list(settled([third], int)) == []
    assert list(settled([second], int)) == [7]
