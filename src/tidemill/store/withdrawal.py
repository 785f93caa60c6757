"""Which documents of a page end when it does not give them any more, or gives them in a form that is refused: pure.

In: what a capture gives, and what the store holds of its page. Out: decisions. Called by `plans`, which stores them,
and by `manage.effects`, which foretells them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tidemill.models.capture import FEED_MEDIA_TYPES, Capture
from tidemill.models.document import Draft, Processed
from tidemill.store.versions import Values, values_of

_GAVE_UP = "extractor_failed:"
_NOT_ASKED = "llm_failed:"
_CUT = ("truncated", "too_many_items")
_LOOKED_FOR = (None, "no_documents")
_ABOUT_IT = ("problems", "flags", "provenance", "disagreements", "content_hash", "fingerprint")
"""What is said about a document and is no part of it."""


def dropped(capture: Capture, result: Processed, left: Iterable[str], made_here: Collection[str]) -> set[str]:
    """Of the documents that a capture does not give, `left`, those that end. `made_here` were once made of its bytes.

    A page that shows nothing valid ends none, for that is how a broken page looks; nor does one that cannot be known to
    show all that it has: a feed, which drops what is old, a list that was cut, a page on which an extractor gave up.
    What was made of these very bytes, and is not by the present rules, ends all the same.
    """
    flags = {flag for draft in result.drafts for flag in draft.flags}
    gave_up = any(flag.startswith(_GAVE_UP) for flag in flags)
    is_whole = not gave_up and not flags.intersection(_CUT) and capture.media_type not in FEED_MEDIA_TYPES
    if is_whole and any(not draft.problems for draft in result.drafts):
        return set(left)
    if gave_up or result.reason not in _LOOKED_FOR:
        return set()
    return set(left).intersection(made_here)


def refuses(draft: Draft, values: Values, *, made_here: bool) -> bool:
    """Whether a live document ends as its page is processed again and gives this invalid draft in its place.

    It does if the rules are what has changed: it was made of the same bytes, or says the same to the letter. It does
    not if somebody could not be asked: an extractor that gave up, a language model.
    """
    known = values.get("flags")
    failed = [flag for flag in draft.flags if not isinstance(known, list) or flag not in known]
    if any(flag.startswith(_NOT_ASKED) for flag in draft.flags) or any(flag.startswith(_GAVE_UP) for flag in failed):
        return False
    return made_here or _says_the_same(draft, values)


def _says_the_same(draft: Draft, values: Values) -> bool:
    now = values_of(draft)
    return all(now[name] == values.get(name) for name in now if name not in _ABOUT_IT)
