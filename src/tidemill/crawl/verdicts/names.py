"""All that walls and holes call themselves, and that protection says: one look tells that a page holds none of it.

Words of each kind come in, `Stems` go out. Used by `page`, `judge` and `protection` before they look for each kind.
"""

from __future__ import annotations

from tidemill.crawl.verdicts.missing_words import EMPTY, NOT_FOUND, NOT_FOUND_CODE
from tidemill.crawl.verdicts.protection_words import (
    CAPTCHA_SAID,
    CHALLENGE_SAID,
    DENIED_SAID,
    PARTS,
    RATE_SAID,
    REGION_SAID,
)
from tidemill.crawl.verdicts.text import Stems
from tidemill.crawl.verdicts.wall_words import CONSENT_PART, LOGIN_PART, MAINTENANCE_PART

NAMES = Stems(
    *(words for _, words in PARTS), NOT_FOUND, NOT_FOUND_CODE, EMPTY, LOGIN_PART, CONSENT_PART, MAINTENANCE_PART
)
"""What such pages are called, in title and headings: every kind of words that `named` is asked for."""

SAID = (
    ("challenge", CHALLENGE_SAID),
    ("captcha", CAPTCHA_SAID),
    ("access_denied", DENIED_SAID),
    ("rate_limited", RATE_SAID),
    ("region_blocked", REGION_SAID),
)
"""What protection says, by the kind of verdict."""

ANY_SAID = Stems(*(words for _, words in SAID))
