"""The language model in the processor: what it gives is in the store, and nothing that it does keeps a page out."""

from __future__ import annotations

from pathlib import Path

from tests.contract.llm_house import Answer, StandIn, saying, stand_in, status
from tests.contract.process_house import Shelf, capture_all, process
from tests.contract.store_house import House, opened_house

from tidemill.models.document import Document
from tidemill.models.source import LanguageModelRules, ProcessRules
from tidemill.settings import ProcessSettings
from tidemill.store import documents

PAGE = b"""<html><head><title>A lamp of brass</title></head><body><article><h1>A lamp of brass</h1>
<p>The lamp costs forty euros and weighs two kilograms. It comes with a cable of two metres and a plug.</p>
<p>It was made in a small workshop by the harbour, where lamps have been made for a hundred years.</p>
</article></body></html>"""
RULES = ProcessRules(required=("price",), llm=LanguageModelRules({"price": "the price"}))


async def processed(house: House, server: StandIn, *names: str) -> list[Document]:
    """The documents of these pages after a run."""
    shelf = Shelf()
    settings = ProcessSettings(workers=1, llm={"url": server.url, "model": "stand-in", "timeout_s": 2})  # type: ignore[arg-type]
    pages = {name: ("text/html", PAGE.replace(b"forty", name.encode())) for name in names}
    await capture_all(house, shelf, pages)
    await process(house, shelf, settings)
    return await documents.by_ids(house.store, [house.document(name) for name in names])


async def with_answer(folder: Path, answer: Answer) -> tuple[Document, StandIn]:
    async with stand_in(answer) as server, opened_house(folder, process=RULES) as house:
        (document,) = await processed(house, server, "forty")
        return document, server


async def test_the_stored_document_has_the_field_and_is_judged_with_it(tmp_path: Path) -> None:
    document, server = await with_answer(tmp_path, saying(price="40 EUR"))
    assert len(server.asked) == 1
    assert document.state == "current"
    assert document.draft.fields["price"] == "40 EUR"
    assert document.draft.provenance["price"] == "llm@stand-in price"
    assert document.draft.problems == ()


async def test_a_model_that_fails_leaves_the_document_as_its_source_judges_it(tmp_path: Path) -> None:
    document, _ = await with_answer(tmp_path, status(500))
    assert document.state == "invalid"
    assert document.draft.problems == ("missing_price",)
    assert "llm_failed:server_error" in document.draft.flags


async def test_reading_a_page_again_asks_nothing_and_changes_nothing(tmp_path: Path) -> None:
    answers = (saying(price="40 EUR"), saying(price="50 EUR"))
    async with stand_in(*answers) as server, opened_house(tmp_path, process=RULES) as house:
        (first,) = await processed(house, server, "forty")
        (again,) = await processed(house, server, "forty")
    assert len(server.asked) == 1
    assert (again.version, again.draft.fields) == (1, first.draft.fields)
