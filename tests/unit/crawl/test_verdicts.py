"""Verdicts: walls and holes are told from content, with a reason; what only speaks of them is content."""

from __future__ import annotations

import pytest
from tests.unit.crawl import verdict_lookalikes, verdict_walls
from tests.unit.crawl.verdict_pages import SITE, Sample, bare, prose, site, verdict_of

from tidemill.crawl.verdicts import THRESHOLD, judge, needs_browser
from tidemill.crawl.verdicts.evidence import OUTCOMES
from tidemill.markup.parse import parse_html
from tidemill.models.outcome import Outcome


def _named(sample: Sample) -> str:
    return sample.name


@pytest.mark.parametrize("sample", verdict_walls.ALL, ids=_named)
def test_a_wall_is_recognised_with_its_reason(sample: Sample) -> None:
    verdict = verdict_of(sample)
    assert verdict is not None
    assert verdict.reason == sample.reason
    assert verdict.outcome is OUTCOMES[verdict.reason]
    assert THRESHOLD <= verdict.confidence <= 1
    assert verdict.evidence


@pytest.mark.parametrize("sample", verdict_lookalikes.ALL, ids=_named)
def test_a_page_that_only_speaks_of_walls_is_content(sample: Sample) -> None:
    assert verdict_of(sample) is None


def test_every_reason_has_a_sample() -> None:
    assert {sample.reason for sample in verdict_walls.ALL} == set(OUTCOMES)
