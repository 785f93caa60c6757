"""A place in the change feed, as readers keep it: opaque to them, and told from what is no place of this feed."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_FORM = re.compile(r"1\.([0-9a-f-]{1,40})\.(\d{1,18})\.(\d{1,18})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class EventCursor:
    """Behind the event `event_id` of the database `epoch`. When the reader was at `floor` or began, no event above
    `floor` had been let go: what was let go since is what it may have missed."""

    epoch: str
    event_id: int
    floor: int

    def is_whole(self, floor: int) -> bool:
        """Whether all events behind it are still told, now that those up to `floor` may have been let go."""
        return floor <= max(self.floor, self.event_id)

    def __str__(self) -> str:
        text = f"1.{self.epoch}.{self.event_id}.{self.floor}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_of(text: str) -> EventCursor | None:
    """What was meant, or `None` if it is no cursor."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    found = _FORM.match(plain)
    return EventCursor(found[1], int(found[2]), int(found[3])) if found else None
