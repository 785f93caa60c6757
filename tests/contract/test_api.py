"""The routes of the API, over a real house and a real socket: shapes, pages, errors, and the description of it all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from tests.contract.api_house import PAGES, SITE, SOURCE, Client, fill, house, served

from tidemill.api.schemas.document import DocumentAnswer
from tidemill.api.schemas.problem import ProblemDocument
from tidemill.api.schemas.run import LedgerPage, RunAnswer, RunList, RunWithProgress, StartedRun
from tidemill.api.schemas.search import SearchAnswer
from tidemill.api.schemas.service import HealthAnswer, Statistics
from tidemill.api.schemas.source import DeletedSource, SourceAnswer, SourceList, VersionList
from tidemill.app import App
from tidemill.errors import Transient
from tidemill.models.run import Run
from tidemill.store import events, runs

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATIONS = {
    "DELETE /api/v1/exports/{export_id}": "delete_export",
    "DELETE /api/v1/keys/{prefix}": "revoke_key",
    "DELETE /api/v1/sources/{name}": "delete_source",
    "GET /api/v1/audit": "list_audit_log",
    "GET /api/v1/auth/me": "get_me",
    "GET /api/v1/dead-letters": "list_dead_letters",
    "GET /api/v1/dead-letters/groups": "list_dead_letter_groups",
    "GET /api/v1/dead-letters/{letter_id}": "get_dead_letter",
    "GET /api/v1/documents": "list_documents",
    "GET /api/v1/documents/{document_id}": "get_document",
    "GET /api/v1/documents/{document_id}/diff": "compare_document_versions",
    "GET /api/v1/documents/{document_id}/provenance": "get_document_provenance",
    "GET /api/v1/documents/export": "stream_documents",
    "GET /api/v1/documents/{document_id}/raw": "get_document_raw",
    "GET /api/v1/documents/{document_id}/similar": "find_similar_documents",
    "GET /api/v1/documents/{document_id}/versions": "list_document_versions",
    "GET /api/v1/documents/{document_id}/versions/{number}": "get_document_version",
    "GET /api/v1/events": "read_events",
    "GET /api/v1/exports": "list_exports",
    "GET /api/v1/exports/{export_id}": "get_export",
    "GET /api/v1/exports/{export_id}/download": "download_export",
    "GET /api/v1/keys": "list_keys",
    "GET /api/v1/keys/{prefix}": "get_key",
    "GET /api/v1/runs": "list_runs",
    "GET /api/v1/runs/{run_id}": "get_run",
    "GET /api/v1/runs/{run_id}/ledger": "get_run_ledger",
    "GET /api/v1/runs/{run_id}/progress": "watch_run",
    "GET /api/v1/search": "search_documents",
    "GET /api/v1/search/feed.atom": "get_atom_feed",
    "GET /api/v1/search/feed.rss": "get_rss_feed",
    "GET /api/v1/search/queries": "list_searches",
    "GET /api/v1/search/suggest": "suggest_searches",
    "GET /api/v1/sources": "list_sources",
    "GET /api/v1/sources/{name}": "get_source",
    "GET /api/v1/sources/{name}/versions": "list_source_versions",
    "GET /api/v1/stats": "get_statistics",
    "GET /api/v1/users": "list_users",
    "GET /api/v1/users/{user_id}": "get_user",
    "GET /health": "health",
    "GET /livez": "livez",
    "GET /metrics": "metrics",
    "GET /readyz": "readyz",
    "GET /startupz": "startupz",
    "PATCH /api/v1/users/{user_id}": "change_user",
    "POST /api/v1/auth/logout": "log_out",
    "POST /api/v1/auth/password": "change_password",  # pragma: allowlist secret
    "POST /api/v1/auth/refresh": "refresh_token",
    "POST /api/v1/auth/token": "get_token",
    "POST /api/v1/dead-letters/discard": "discard_dead_letters",
    "POST /api/v1/dead-letters/replay": "replay_dead_letters",
    "POST /api/v1/dead-letters/{letter_id}/discard": "discard_dead_letter",
    "POST /api/v1/dead-letters/{letter_id}/replay": "replay_dead_letter",
    "POST /api/v1/exports": "start_export",
    "POST /api/v1/keys": "create_key",
    "POST /api/v1/keys/{prefix}/rotate": "rotate_key",
    "POST /api/v1/runs": "start_run",
    "POST /api/v1/runs/{run_id}/cancel": "cancel_run",
    "POST /api/v1/sources": "apply_source",
    "POST /api/v1/sources/check": "check_source",
    "POST /api/v1/users": "create_user",
    "PUT /api/v1/sources/{name}": "put_source",
    "PUT /api/v1/users/{user_id}/password": "set_user_password",
}
"""Names in generated clients: they may be added to, not changed."""


@dataclass(frozen=True)
class Place:
    """The house that the tests of this file share."""

    app: App
    run: Run
    client: Client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with house(tmp_path_factory.mktemp("api")) as app:
        run = await fill(app)
        async with served(app) as client:
            yield Place(app, run, client)


@pytest.fixture
def client(place: Place) -> Client:
    return place.client


def fits(model: type[BaseModel], body: Any) -> Any:
    """The answer has exactly the shape that the OpenAPI document promises: nothing more, nothing less."""
    made = model.model_validate(body)
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert required <= body.keys()
    return made


class TestSearch:
    async def test_shape_and_order(self, client: Client) -> None:
        answer = (await client.get("/api/v1/search?q=mill&limit=3")).json
        fits(SearchAnswer, answer)
        shape = ["query", "total", "took_ms", "hits", "facets", "histogram", "facet_errors", "stale", "age_s"]
        assert list(answer) == shape
        assert answer["query"] == "mill"
        assert answer["total"] == PAGES
        assert len(answer["hits"]) == 3
        contract = {"id", "url", "title", "score", "highlights", "source", "language", "published_at"}
        assert contract <= answer["hits"][0].keys()
        assert "<mark>" in answer["hits"][0]["highlights"][0]
        assert answer["hits"][0]["published_at"] == "2026-03-04T05:06:07+00:00"
        scores = [hit["score"] for hit in answer["hits"]]
        assert scores == sorted(scores, reverse=True)

    async def test_pages_do_not_overlap(self, client: Client) -> None:
        pages = [(await client.get(f"/api/v1/search?q=mill&limit=10&offset={at}")).json["hits"] for at in (0, 10, 20)]
        assert [len(page) for page in pages] == [10, 10, 5]
        assert len({hit["id"] for page in pages for hit in page}) == PAGES

    async def test_query_is_another_name_of_q(self, client: Client) -> None:
        assert (await client.get("/api/v1/search?query=mill")).json["total"] == PAGES
        assert (await client.get("/api/v1/search?q=mill&query=nothing")).json["query"] == "mill"

    @pytest.mark.parametrize(
        ("filters", "total"),
        [
            (f"source={SOURCE}", PAGES),
            ("source=other", 0),
            ("kind=article&language=en", PAGES),
            ("language=es", 0),
            ("author=miller", PAGES),
            ("domain=site.example", PAGES),
            ("domain=other.example", 0),
            ("tag=none", 0),
            ("published_after=2026-03-04&published_before=2026-03-05T00:00:00Z", PAGES),
            ("published_after=2026-03-05T00:00:00", 0),
            ("field=grain:rye", PAGES),
            ("field=grain:rye&field=grain:oats", 0),
        ],
    )
    async def test_filters(self, client: Client, filters: str, total: int) -> None:
        assert (await client.get(f"/api/v1/search?q=mill&{filters}")).json["total"] == total

    @pytest.mark.parametrize("question", ['"', "(((", "field:", "-", "AND OR NOT", "%00", "%FF", "*", ""])
    async def test_no_question_is_a_syntax_error(self, client: Client, question: str) -> None:
        answer = await client.get(f"/api/v1/search?q={question}")
        assert answer.status == 200
        fits(SearchAnswer, answer.json)

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("", "no_query"),
            ("limit=3", "no_query"),
            ("q=a&limit=-1", "invalid"),
            ("q=a&limit=x", "invalid"),
            ("q=a&limit=1001", "limit"),
            ("q=a&offset=-1", "invalid"),
            ("q=a&offset=100001", "invalid"),
            ("q=a&published_after=yesterday", "invalid"),
            ("q=a&sort=worst", "invalid"),
            ("q=a&facet_size=0", "invalid"),
            ("q=a&histogram=hour", "invalid"),
            ("q=a&recency_days=0", "invalid"),
            (f"q={'a' * 2001}", "invalid"),
        ],
    )
    async def test_what_is_refused(self, client: Client, query: str, reason: str) -> None:
        answer = await client.get(f"/api/v1/search?{query}")
        assert (answer.status, answer.reason) == (422, reason)
        assert answer.json["errors"]

    async def test_it_is_timed(self, client: Client) -> None:
        await client.get("/api/v1/search?q=mill")
        assert 'tidemill_search_duration_seconds_count{result="ok"}' in (await client.get("/metrics")).body.decode()

    async def test_typos_order_facets_and_histogram(self, client: Client) -> None:
        asked = "q=mlil&fuzzy=true&sort=title_desc&limit=2&facet=author&facet=fields.grain&histogram=year"
        answer = (await client.get(f"/api/v1/search?{asked}")).json
        fits(SearchAnswer, answer)
        assert [hit["title"] for hit in answer["hits"]] == ["Mill number 24", "Mill number 23"]
        assert answer["facets"] == {
            "author": [{"value": "Ada Miller", "count": PAGES}],
            "fields.grain": [{"value": "rye", "count": PAGES}],
        }
        assert answer["histogram"] == [{"value": "2026", "count": PAGES}]
        assert (answer["hits"][0]["word_count"], answer["stale"]) == (200, False)

    async def test_an_unknown_facet_is_refused(self, client: Client) -> None:
        answer = await client.get("/api/v1/search?q=a&facet=colour")
        assert (answer.status, answer.reason) == (422, "invalid_query")

    async def test_an_answer_that_was_given_before_says_how_old_it_is(self, client: Client) -> None:
        first = await client.get("/api/v1/search?q=wheel+stone")
        again = await client.get("/api/v1/search?q=wheel+stone")
        assert "age" not in first.headers
        assert again.headers["age"] == "0"
        assert again.json["hits"] == first.json["hits"]

    async def test_suggestions(self, client: Client) -> None:
        answer = (await client.get("/api/v1/search/suggest?q=mill+nu&limit=3")).json
        assert len(answer["suggestions"]) == 3
        assert answer["suggestions"][0].startswith("Mill number")

    async def test_what_is_searched_for_is_counted(self, client: Client) -> None:
        for question in ("Tide", "tide", "unheardof thing", "me@example.org", "unheardof thing"):
            await client.get(f"/api/v1/search?q={question}")
        popular = (await client.get("/api/v1/search/queries")).json["queries"]
        counted = {each["query"]: (each["asked"], each["empty"]) for each in popular}
        assert counted["tide"] == (2, 0)
        assert "me@example.org" not in counted
        empty = (await client.get("/api/v1/search/queries?empty=true&limit=50")).json["queries"]
        assert {"query": "unheardof thing", "asked": 2, "empty": 2} in empty
        assert "tide" not in {each["query"] for each in empty}


class TestDocuments:
    async def test_similar_ones(self, client: Client) -> None:
        hit = (await client.get("/api/v1/search?q=mill&limit=1")).json["hits"][0]
        answer = (await client.get(f"/api/v1/documents/{hit['id']}/similar?limit=3")).json
        fits(SearchAnswer, answer)
        assert len(answer["hits"]) == 3
        assert hit["id"] not in {each["id"] for each in answer["hits"]}
        assert (await client.get("/api/v1/documents/none/similar")).status == 404

    async def test_shape(self, client: Client) -> None:
        hit = (await client.get("/api/v1/search?q=mill&limit=1")).json["hits"][0]
        answer = (await client.get(f"/api/v1/documents/{hit['id']}")).json
        fits(DocumentAnswer, answer)
        assert answer["url"] == hit["url"]
        assert answer["content"].startswith("The mill turns")
        assert (answer["state"], answer["duplicate_of"], answer["problems"]) == ("current", None, [])
        assert answer["provenance"] == {"title": "jsonld"}

    async def test_a_number_beyond_64_bits(self, client: Client) -> None:
        hits = (await client.get('/api/v1/search?q="number 00"&limit=50')).json["hits"]
        found = next(hit for hit in hits if hit["url"].endswith("/00"))
        for path in ("", "/versions/1"):
            answer = await client.get(f"/api/v1/documents/{found['id']}{path}")
            assert (answer.status, b'"huge":1000000000000000000000000000000' in answer.body) == (200, True)

    @pytest.mark.parametrize("identifier", ["0", "01a2067a-ae1e-71e2-bb9b-25ed687bea8f", "%00", "%FF", "x" * 3000])
    async def test_unknown(self, client: Client, identifier: str) -> None:
        answer = await client.get(f"/api/v1/documents/{identifier}")
        assert (answer.status, answer.reason) == (404, "no_such_document")


class TestSources:
    async def test_list_and_one_with_slashes(self, client: Client) -> None:
        listed = (await client.get("/api/v1/sources")).json
        fits(SourceList, listed)
        one = (await client.get(f"/api/v1/sources/{SOURCE}")).json
        fits(SourceAnswer, one)
        assert one in listed["items"]
        assert (one["name"], one["documents"], one["spec"]["start"]) == (SOURCE, PAGES, [SITE])
        assert (await client.get("/api/v1/sources/site.example%2F")).json == one

    async def test_unknown(self, client: Client) -> None:
        answer = await client.get("/api/v1/sources/a/b/c")
        assert (answer.status, answer.reason) == (404, "no_such_source")

    async def test_made_then_kept_then_changed(self, client: Client) -> None:
        spec = {"name": "made/here ü", "start": ["https://made.example/"], "process": {"min_words": 3}}
        made = await client.post("/api/v1/sources", json=spec)
        assert made.status == 201
        fits(SourceAnswer, made.json)
        assert made.json["spec"]["process"]["min_words"] == 3
        assert (await client.get(made.headers["location"])).json == made.json
        again = await client.post("/api/v1/sources", json=spec)
        assert (again.status, again.json) == (200, made.json)
        changed = await client.post("/api/v1/sources", json=spec | {"max_pages": 9})
        assert (changed.status, changed.json["version"]) == (200, 2)

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ({"name": "x", "start": ["ftp://a/"]}, "start: not an absolute http or https URL"),
            ({"name": "x", "strat": ["https://a.example/"]}, "unknown field 'strat'; did you mean start?"),
            ({"name": "x", "process": {"min_word": 1}}, "unknown field 'min_word' in process; did you mean min_words?"),
            ({"start": ["https://a.example/"]}, "name: Field required"),
            ({"name": "x"}, "start is empty"),
            ({"name": "x", "start": ["https://a.example/"], "kind": "blog"}, "use one of website, sitemap, feed"),
            ({"name": "x", "start": ["https://a.example/"], "allow": ["("]}, "("),
            ({"name": "x", "start": "https://a.example/"}, "start"),
            ({"name": "\ud800", "start": ["https://a.example/"]}, "surrogate"),
            (["x"], "a source is a mapping of fields, not list"),
            ("x", "a source is a mapping of fields, not str"),
        ],
    )
    async def test_the_rules_of_files(self, client: Client, spec: Any, message: str) -> None:
        answer = await client.post("/api/v1/sources", json=spec)
        assert (answer.status, answer.reason) == (422, "source")
        assert any(message in each["detail"] for each in answer.json["errors"])

    async def test_versions_deletion_and_coming_back(self, place: Place) -> None:
        client = place.client
        spec = {"name": "short/lived", "start": ["https://short.example/"]}
        url = "/api/v1/sources/short/lived"
        await client.post("/api/v1/sources", json=spec)
        await client.post("/api/v1/sources", json=spec | {"max_pages": 9})
        run = (await client.post("/api/v1/runs", json={"target": "short/lived"})).json
        gone = await client.ask("DELETE", url)
        fits(DeletedSource, gone.json)
        assert (gone.status, gone.json) == (200, {"runs_cancelled": 1, "documents_removed": 0})
        for method in ("GET", "DELETE"):
            answer = await client.ask(method, url)
            assert (answer.status, answer.reason) == (404, "no_such_source")
        assert (await client.get(f"/api/v1/runs/{run['id']}")).json["state"] == "cancelled"
        versions = (await client.get(f"{url}/versions")).json
        fits(VersionList, versions)
        assert [(each["version"], each["spec"]["max_pages"]) for each in versions["items"]] == [(2, 9), (1, None)]
        back = await client.post("/api/v1/sources", json=spec)
        assert (back.status, back.json["version"]) == (200, 3)
        assert (await client.ask("DELETE", url)).status == 200

    async def test_searches_forget_a_deleted_source(self, tmp_path: Path) -> None:
        async with house(tmp_path) as app:
            await fill(app)
            async with served(app) as client:
                assert (await client.get("/api/v1/search?q=mill")).json["total"] == PAGES
                gone = await client.ask("DELETE", f"/api/v1/sources/{SOURCE}")
                assert gone.json["documents_removed"] == PAGES
                await app.indexer.catch_up(await events.head(app.store))
                assert (await client.get("/api/v1/search?q=mill")).json["total"] == 0

    async def test_versions_of_nothing(self, client: Client) -> None:
        answer = await client.get("/api/v1/sources/nobody/versions")
        assert (answer.status, answer.reason) == (404, "no_such_source")

    @pytest.mark.parametrize("kind", ["files", "warc"])
    async def test_files_of_the_server_are_not_for_callers(self, client: Client, kind: str) -> None:
        spec = {"name": "local", "kind": kind, "start": ["/etc"]}
        answer = await client.post("/api/v1/sources", json=spec)
        assert (answer.status, answer.reason) == (403, "file_source")
        assert (await client.get("/api/v1/sources/local")).status == 404

    async def test_secrets_are_neither_taken_nor_repeated(self, client: Client) -> None:
        request = {"username": "u", "password": "canary-4711"}  # pragma: allowlist secret
        spec = {"name": "s", "start": ["https://a.example/"], "request": request}
        answer = await client.post("/api/v1/sources", json=spec)
        assert (answer.status, answer.reason) == (422, "source")
        assert b"canary" not in answer.body


class TestRuns:
    async def test_one_and_list(self, place: Place) -> None:
        one = (await place.client.get(f"/api/v1/runs/{place.run.id}")).json
        fits(RunWithProgress, one)
        assert (one["state"], one["source"], one["documents"]) == ("completed", SOURCE, PAGES)
        assert one["outcomes"] == {"stored": PAGES, "skipped": 1, "gone": 1}
        assert one["discovered"] == PAGES + 2
        listed = (await place.client.get(f"/api/v1/runs?source={SOURCE}")).json
        fits(RunList, listed)
        assert one.pop("progress") == {"done": PAGES + 2, "open": 0, "pages_per_s": ANY, "left_s": 0.0, "hosts": []}
        assert one in listed["items"]

    async def test_started_watched_and_cancelled(self, place: Place) -> None:
        asked = {"target": "https://new.example/docs/index.html", "max_pages": 5, "rate_per_s": 0.5}
        started = await place.client.post("/api/v1/runs", json=asked)
        assert started.status == 202
        fits(StartedRun, started.json)
        run = started.json
        assert (run["state"], run["source"], run["resumed"]) == ("queued", "new.example/docs/", False)
        assert (run["options"]["max_pages"], run["options"]["rate_per_s"]) == (5, 0.5)
        assert run["id"] in await runs.waiting(place.app.store)
        path = started.headers["location"]
        assert (await place.client.get(path)).json["outcomes"] == {"pending": 1}

        resumed = (await place.client.post("/api/v1/runs", json=asked | {"max_pages": 6})).json
        assert (resumed["id"], resumed["resumed"], resumed["ignored_options"]) == (run["id"], True, ["max_pages"])
        fresh = (await place.client.post("/api/v1/runs", json=asked | {"fresh": True})).json
        assert fresh["id"] != run["id"]
        assert (await place.client.get(path)).json["state"] == "cancelled"

        newest = (await place.client.get("/api/v1/runs?limit=1")).json["items"]
        assert [each["id"] for each in newest] == [fresh["id"]]
        cancelled = await place.client.post(f"/api/v1/runs/{fresh['id']}/cancel")
        fits(RunAnswer, cancelled.json)
        assert (cancelled.json["state"], cancelled.json["outcomes"]) == ("cancelled", {"skipped": 1})
        again = await place.client.post(f"/api/v1/runs/{fresh['id']}/cancel")
        assert (again.status, again.reason) == (409, "run_ended")

    @pytest.mark.parametrize(
        ("asked", "status", "reason"),
        [
            ({"target": "no-such-source"}, 404, "no_such_source"),
            ({"target": "http://127.0.0.1/"}, 403, "private_address"),
            ({"target": "https://user:pw@a.example/"}, 422, "bad_url"),
            ({"target": "ftp://a.example/"}, 422, "bad_url"),
            ({"target": ""}, 422, "invalid"),
            ({}, 422, "invalid"),
            ({"target": "a", "max_pages": 0}, 422, "invalid"),
            ({"target": "a", "max_pages": 10**30}, 422, "invalid"),
            ({"target": "a", "max_depth": -1}, 422, "invalid"),
            ({"target": "a", "concurrency": 0}, 422, "invalid"),
            ({"target": "a", "rate_per_s": -1}, 422, "invalid"),
            ({"target": "a", "speed": 1}, 422, "invalid"),
            ({"target": "\ud800"}, 422, "invalid"),
            ([], 422, "invalid"),
        ],
    )
    async def test_what_is_refused(self, client: Client, asked: Any, status: int, reason: str) -> None:
        answer = await client.post("/api/v1/runs", json=asked)
        assert (answer.status, answer.reason) == (status, reason)

    async def test_private_addresses_may_be_allowed_on_loopback(self, client: Client) -> None:
        answer = await client.post("/api/v1/runs", json={"target": "http://127.0.0.1:9/", "allow_private": True})
        assert answer.status == 202
        await client.post(f"/api/v1/runs/{answer.json['id']}/cancel")

    @pytest.mark.parametrize("path", ["", "/ledger", "/ledger?outcome=stored&after=x", "/cancel"])
    async def test_unknown(self, client: Client, path: str) -> None:
        answer = await client.ask("POST" if path == "/cancel" else "GET", f"/api/v1/runs/nope{path}")
        assert (answer.status, answer.reason) == (404, "no_such_run")

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x"])
    async def test_limits_of_the_list(self, client: Client, query: str) -> None:
        assert (await client.get(f"/api/v1/runs?{query}")).reason == "invalid"


class TestLedger:
    async def test_all_pages_together_are_the_ledger(self, place: Place) -> None:
        path: str | None = f"/api/v1/runs/{place.run.id}/ledger?limit=10"
        sizes, lines = [], []
        while path:
            answer = await place.client.get(path)
            page = answer.json
            fits(LedgerPage, page)
            sizes.append(len(page["items"]))
            lines += page["items"]
            path = page["next"]
            assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
        assert sizes == [10, 10, 7]
        urls = [line["url"] for line in lines]
        assert urls == sorted(set(urls))
        assert lines[0] == lines[0] | {"outcome": "stored", "reason": None, "status_code": 200, "depth": 0}
        assert len(lines[0]["document_ids"]) == 1

    async def test_one_outcome(self, place: Place) -> None:
        path = f"/api/v1/runs/{place.run.id}/ledger"
        gone = (await place.client.get(f"{path}?outcome=gone")).json
        assert [line["reason"] for line in gone["items"]] == ["http_410"]
        assert (await place.client.get(f"{path}?outcome=failed")).json == {"items": [], "next": None}
        pages = await place.client.get(f"{path}?outcome=stored&limit=20")
        assert "outcome=stored" in pages.json["next"]

    @pytest.mark.parametrize(("query", "reason"), [("outcome=lost", "outcome"), ("limit=0", "invalid")])
    async def test_what_is_refused(self, place: Place, query: str, reason: str) -> None:
        answer = await place.client.get(f"/api/v1/runs/{place.run.id}/ledger?{query}")
        assert (answer.status, answer.reason) == (422, reason)


class TestErrors:
    @pytest.mark.parametrize("path", ["/nope", "/api/v1", "/api/v2/search", "/api/v1/search/", "//", "/../etc/passwd"])
    async def test_unknown_paths(self, client: Client, path: str) -> None:
        answer = await client.get(path)
        assert (answer.status, answer.reason) == (404, "no_such_path")

    async def test_a_method_that_the_path_does_not_know(self, client: Client) -> None:
        answer = await client.ask("PUT", "/api/v1/runs")
        assert (answer.status, answer.reason) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, POST"

    async def test_broken_json(self, client: Client) -> None:
        headers = {"content-type": "application/json"}
        for path in ("/api/v1/runs", "/api/v1/sources"):
            for body in (b"{", b'{"target": }', b"\xff", b"[" * 100_000):
                answer = await client.post(path, data=body, headers=headers)
                assert answer.status == 400
                assert answer.reason in ("malformed_json", "bad_request")

    @pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
    @pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/sources"])
    async def test_what_a_form_could_send(self, client: Client, path: str, media_type: str) -> None:
        answer = await client.post(path, data=b'{"target": "a"}', headers={"content-type": media_type})
        assert (answer.status, answer.reason) == (415, "not_json")

    async def test_an_unknown_error(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(*_: object) -> None:
            raise ValueError("the secret of /srv")

        monkeypatch.setattr("tidemill.api.routes.documents.documents.get", broken)
        answer = await place.client.get("/api/v1/documents/x", headers={"x-request-id": "mine"})
        assert (answer.status, answer.reason) == (500, "internal")
        assert answer.json["request_id"] == "mine"
        assert b"secret" not in answer.body
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert ProblemDocument.model_validate(answer.json)

    async def test_a_locked_database(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        async def locked(*_: object) -> None:
            raise Transient("/srv/tidemill.db is locked", reason="database_locked", retry_after_s=2)

        monkeypatch.setattr("tidemill.api.routes.documents.documents.get", locked)
        answer = await place.client.get("/api/v1/documents/x")
        assert (answer.status, answer.reason, answer.headers["retry-after"]) == (503, "database_locked", "2")
        assert b"/srv" not in answer.body


class TestService:
    @pytest.mark.parametrize(
        "path",
        [
            "/livez",
            "/readyz",
            "/startupz",
            "/health/live",
            "/health/ready",
            "/health/startup",
            "/health/liveness",
            "/health/readiness",
            "/liveness",
            "/readiness",
        ],
    )
    async def test_probes(self, client: Client, path: str) -> None:
        answer = await client.get(path)
        assert answer.status == 200
        fits(HealthAnswer, answer.json)
        assert answer.json["status"] == "pass"
        assert "checks" not in answer.json
        assert (await client.ask("HEAD", path)).status == 200

    async def test_all_checks(self, client: Client) -> None:
        answer = await client.get("/health")
        fits(HealthAnswer, answer.json)
        assert {"database", "search"} <= {check["name"] for check in answer.json["checks"]}

    async def test_statistics(self, client: Client) -> None:
        answer = (await client.get("/api/v1/stats")).json
        fits(Statistics, answer)
        assert answer["documents"] == {"current": PAGES}
        assert answer["index_lag"] == 0

    async def test_metrics_are_labelled_by_template(self, place: Place) -> None:
        await place.client.get(f"/api/v1/runs/{place.run.id}")
        await place.client.get("/no/such/path/1")
        answer = await place.client.get("/metrics")
        text = answer.body.decode()
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert f'tidemill_store_documents{{state="current"}} {PAGES}.0' in text
        assert 'tidemill_http_requests_total{method="GET",route="/api/v1/runs/{run_id}",status="200"}' in text
        assert 'route="unmatched",status="404"' in text
        assert place.run.id not in text
        routes = set(re.findall(r'tidemill_http_requests_total\{method="\w+",route="([^"]+)"', text))
        known = {operation.partition(" ")[2] for operation in OPERATIONS} - {"/api/v1/sources/{name}"}
        known |= {"/api/v1/sources/{name:path}/versions"}
        assert {route for route in routes if route.startswith("/api/v1/")} <= known | {"/api/v1/sources/{name:path}"}


def schema_examples(document: dict[str, Any], name: str) -> list[Any]:
    """The examples of one shape."""
    found: list[Any] = document["components"]["schemas"][name].get("examples", [])
    return found


class TestDescription:
    async def test_operations_are_stable(self, client: Client) -> None:
        document = (await client.get("/api/openapi.json")).json
        assert {
            f"{verb} {path}": operation["operationId"] for verb, path, operation in operations(document)
        } == OPERATIONS

    async def test_document_is_consistent(self, client: Client) -> None:
        document = (await client.get("/api/openapi.json")).json
        assert document["openapi"].startswith("3.1")
        assert {"title", "version", "description", "contact", "license"} <= document["info"].keys()
        tags = {tag["name"] for tag in document["tags"]}
        for _, path, operation in operations(document):
            assert set(operation["tags"]) <= tags
            assert operation["summary"]
            assert operation["description"]
            declared = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
            for status, response in operation["responses"].items():
                is_problem = "application/problem+json" in response.get("content", ())
                is_other = "HealthAnswer" in str(response) or "TokenProblem" in str(response)
                is_limit = status == "429"  # the limits answer with a problem whatever the route answers with
                assert is_problem == (is_limit or (int(status) >= 400 and not is_other))
        for reference in references(document):
            found = document
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]
        assert "HTTPValidationError" not in str(document)

    async def test_every_body_and_answer_has_an_example_that_fits(self, client: Client) -> None:
        document = (await client.get("/api/openapi.json")).json
        root: Resource[Any] = Resource(contents=document, specification=DRAFT202012)
        registry: Registry[Any] = Registry().with_resource("urn:api", root)
        shown = 0
        for verb, path, operation in operations(document):
            answers = [each for status, each in operation["responses"].items() if status.startswith("2")]
            for part in (operation.get("requestBody", {}), *answers):
                for kind, content in part.get("content", {}).items():
                    if kind not in ("application/json", "application/x-www-form-urlencoded"):
                        continue
                    schema, name = content["schema"], content["schema"].get("$ref", "").rpartition("/")[2]
                    given = schema_examples(document, name) if name else [content["example"]]
                    assert given, f"{verb} {path}: {name} has no example"
                    there = {"$ref": f"urn:api#/components/schemas/{name}"} if name else schema
                    check = Draft202012Validator(there, registry=registry, format_checker=FormatChecker())
                    for example in given:
                        shown += 1
                        assert [error.message for error in check.iter_errors(example)] == [], f"{verb} {path}: {name}"
        assert shown > 50

    async def test_what_needs_a_key(self, client: Client) -> None:
        document = (await client.get("/api/openapi.json")).json
        open_paths = {path for _, path, operation in operations(document) if not operation["security"]}
        tokens = {f"/api/v1/auth/{each}" for each in ("token", "refresh", "logout")}
        assert open_paths == {"/livez", "/readyz", "/startupz", *tokens}
        assert document["components"]["securitySchemes"].keys() == {"ApiKey", "Bearer", "OAuth2"}
        search = document["paths"]["/api/v1/search"]["get"]
        assert {"OAuth2": ["documents:read"]} in search["security"]
        assert "403" in search["responses"]

    async def test_new_sources_need_a_name_and_a_start(self, client: Client) -> None:
        schemas = (await client.get("/api/openapi.json")).json["components"]["schemas"]
        assert schemas["NewSource"]["required"] == ["name", "start"]

    async def test_docs_page_asks_nobody_else(self, client: Client) -> None:
        root = await client.get("/")
        assert (root.status, root.headers["location"]) == (307, "api/docs")
        page = await client.get("/api/docs")
        text = page.body.decode()
        assert page.status == 200
        assert "//" not in text
        assert "<script>" not in text
        assert "script-src 'self';" in page.headers["content-security-policy"]
        for name in re.findall(r'(?:src|href)="(docs/[^"]+)"', text):
            file = await client.get(f"/api/{name}")
            assert (file.status, len(file.body) > 100) == (200, True), name
            assert file.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("name", ["LICENSE", "index.html", "..%2F..%2F..%2Fauth.py", "nope.js"])
    async def test_docs_page_has_no_other_files(self, client: Client, name: str) -> None:
        assert (await client.get(f"/api/docs/{name}")).reason == "no_such_path"


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Verb, path and operation."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path, operation


def references(node: Any) -> Iterator[str]:
    """Every `$ref`."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
