"""Whether a page is a page, or a wall or a hole in the site.

In: an answered HTML page, parsed already. Out: a `Verdict`, or `None` for content. Pure; called by the crawl stage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from selectolax.lexbor import LexborHTMLParser

from tidemill.crawl.verdicts.absence import empty_results, has_class_of_hole, soft_404
from tidemill.crawl.verdicts.evidence import OUTCOMES, THRESHOLD, Evidence, Verdict, described, weigh
from tidemill.crawl.verdicts.names import NAMES
from tidemill.crawl.verdicts.page import PLENTY_CHARS, Page
from tidemill.crawl.verdicts.protection import is_sent_by_protection, protection
from tidemill.crawl.verdicts.reading import read_page
from tidemill.crawl.verdicts.text import is_regret
from tidemill.crawl.verdicts.walls import consent, has_address_of_consent, login, maintenance, paywall

_OF_200 = (soft_404, empty_results, maintenance, consent)
_OF_ALL = (login, paywall)
_SHORT_CHARS = 800
_DOUBT_OF_LONG = 0.6
_DOUBT_OF_UNSAID = 0.3
_DOUBT_OF_ARTICLE = 0.3
_UNSAID_CHARS = 300


def judge(status: int, headers: Mapping[str, str], tree: LexborHTMLParser, markup: str, url: str) -> Verdict | None:
    """What an HTML answer is if it is no content; `None` if it is (or might be).

    `status` is 2xx, or an error whose reason is to be refined (401, 403, 429, 451, 503): for those only protection,
    login and payment are looked for, since their outcome is known. `headers` are looked up in lower case (any
    case-blind mapping will do); `markup` is the decoded text that `tree` was parsed from, which stays as it is.
    """
    page = read_page(tree, markup, url=url, status=status, headers=headers, suspected=_is_suspected)
    best = _best(page, THRESHOLD)
    return best if best is not None and best.confidence >= THRESHOLD else None


def suspicion(status: int, headers: Mapping[str, str], tree: LexborHTMLParser, markup: str, url: str) -> Verdict | None:
    """The verdict that most speaks for, however little that is; `None` if nothing does. For measuring thresholds."""
    return _best(read_page(tree, markup, url=url, status=status, headers=headers), 0.0)


def _is_suspected(page: Page) -> bool:
    """Whether anything but its text may speak against a page; of one with more than `BARE_CHARS` the text never does.

    Asked once, before all headings are known: a wall has its heading before its text.
    """
    name = f"{page.title}\n{' '.join(page.headings)}"
    return (
        NAMES.may_be_in(name)
        or any(is_regret(heading) for heading in page.headings)
        or is_sent_by_protection(page)
        or has_address_of_consent(page)
        or has_class_of_hole(page)
    )


def _best(page: Page | None, least: float) -> Verdict | None:
    """The surest verdict; one that is less sure than `least` may be missed."""
    if page is None:
        return None
    page.least = least
    return max(_candidates(page), key=lambda verdict: verdict.confidence, default=None)


def _candidates(page: Page) -> list[Verdict]:
    """Each verdict that anything speaks for, however little."""
    groups = [[*protection(page)]]
    groups += [[*find(page)] for find in _OF_ALL]
    if 200 <= page.status < 300:
        groups += [[*find(page)] for find in _OF_200]
    return [_verdict(page, group) for group in groups if group]


def _verdict(page: Page, evidence: list[Evidence]) -> Verdict:
    """What pieces of evidence that support each other come to; the reason is the one that most speaks for."""
    by_kind: defaultdict[str, list[Evidence]] = defaultdict(list)
    for piece in evidence:
        by_kind[piece.kind].append(piece)
    reason = max(by_kind, key=lambda kind: weigh(by_kind[kind]))
    confidence = weigh(evidence) * _trust(page, evidence, reason)
    return Verdict(OUTCOMES[reason], reason, round(confidence, 3), described(evidence))


def _trust(page: Page, evidence: list[Evidence], reason: str) -> float:
    """How much of the evidence is left in view of what else is on the page.

    Less for a longer text (a consent wall is made of text), for a page that bears the name of a wall but never says
    that it is one, and for a page that calls itself an article.
    """
    trust = 1.0
    if reason != "consent_wall":
        length = (page.prose_chars - _SHORT_CHARS) / (PLENTY_CHARS - _SHORT_CHARS)
        trust -= _DOUBT_OF_LONG * min(max(length, 0.0), 1.0)
    if page.prose_chars > _UNSAID_CHARS and not any(piece.is_said for piece in evidence):
        trust *= 1 - _DOUBT_OF_UNSAID
    if page.is_article and reason != "paywall":
        trust *= 1 - _DOUBT_OF_ARTICLE
    return trust
