"""What all routes have in common: pages by cursor, entity tags, preconditions, what is deprecated, other paths."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from sqlalchemy import update
from tests.contract.account_house import CHEAP, ME, PASSWORD
from tests.contract.api_house import PAGES, SOURCE, Client, Reply, fill, house, served
from tests.contract.store_house import DATABASES
from tests.harness.postgres import need_postgres

from tidemill.api.schemas.document import DocumentDiff, DocumentList, Provenance
from tidemill.api.schemas.source import SourceChange, VersionList
from tidemill.app import App
from tidemill.manage import users
from tidemill.manage.accounts import create_key
from tidemill.models.account import Role
from tidemill.models.run import Run
from tidemill.models.source import SourceSpec
from tidemill.store import runs, sources
from tidemill.store.tables import api_keys
from tidemill.store.tables import runs as run_rows

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = 7
LISTS = {
    "/api/v1/documents": PAGES,
    f"/api/v1/documents?source={SOURCE}&kind=article&language=en": PAGES,
    "/api/v1/runs": MANY + 1,
    "/api/v1/runs?source=many%2F3&state=queued": 1,
    "/api/v1/sources": MANY + 1,
    "/api/v1/sources/many/0/versions": MANY,
    "/api/v1/users": MANY,
    "/api/v1/keys": MANY + 1,
    "/api/v1/audit?action=source.": 2 * MANY - 1,
    "/api/v1/runs/{run}/ledger": PAGES + 2,
    "/api/v1/runs/{run}/ledger?outcome=stored": PAGES,
    "/api/v1/dead-letters": 0,
    "/api/v1/exports": 0,
    "/api/content": PAGES,
}
"""Every list that can grow, and how many lines it has here."""


@dataclass(frozen=True)
class Place:
    """A house with some of everything, and an admin's key."""

    app: App
    client: Client
    run: Run
    key: str

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.client.get(path.format(run=self.run.id), headers={"x-api-key": self.key, **headers})

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.ask(method, path, json=body, headers={"x-api-key": self.key, **given})

    async def pages(self, path: str, limit: int) -> list[list[Any]]:
        """A list from its first page to its last."""
        found, following = [], f"{path}{'&' if '?' in path else '?'}limit={limit}"
        while following:
            reply = await self.get(following)
            assert reply.status == 200, reply.body
            page = reply.json
            found.append(page["items"])
            assert reply.headers.get("link") == (f'<{page["next"]}>; rel="next"' if page["next"] else None)
            following = page["next"]
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DATABASES)
async def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    options: dict[str, Any] = {name.replace(".", "__"): value for name, value in CHEAP.items()}
    if request.param == "postgresql":
        options["database__url"] = await need_postgres().copy()
    async with house(tmp_path_factory.mktemp("conventions"), **options) as app:
        run = await fill(app)
        key = await _furnish(app)
        async with served(app) as client:
            yield Place(app, client, run, key)


async def _furnish(app: App) -> str:
    """Seven of everything, some of the same moment, so that only the second part of their key tells them apart."""
    for number in range(MANY):
        spec = SourceSpec(name=f"many/{number}", start=(f"https://m{number}.example/",))
        source, _ = await sources.apply(app.store, spec, by=ME)
        await runs.take_up_or_create(app.store, source, _options(), [], fresh=True)
        email = f"user{number}@example.org"
        await users.create(app.store, app.settings.auth, email, PASSWORD, ME)
        await create_key(app.store, f"key {number}", by=ME, role=Role.VIEWER)
        if number:
            again = SourceSpec(name="many/0", start=("https://m0.example/",), max_pages=number)
            await sources.apply(app.store, again, by=ME)
    async with app.store.write() as connection:
        now = app.store.now()
        await connection.execute(update(run_rows).values(created_at=now - timedelta(seconds=5)))
        await connection.execute(update(api_keys).values(created_at=now - timedelta(seconds=5)))
    return (await create_key(app.store, "admin", by=ME, role=Role.ADMIN))[1]


def _options() -> Any:
    from tidemill.models.run import RunOptions

    return RunOptions()


class TestPages:
    @pytest.mark.parametrize("limit", [1, 3, 100])
    @pytest.mark.parametrize("path", LISTS)
    async def test_all_pages_together_are_the_list(self, place: Place, path: str, limit: int) -> None:
        pages = await place.pages(path, limit)
        lines = [json.dumps(line) for page in pages for line in page]
        assert len(lines) == len(set(lines)) == LISTS[path]
        assert all(len(page) == limit for page in pages[:-1])
        whole = (await place.get(path)).json["items"] if "runs?" not in path else None
        assert whole is None or len(whole) > 100 or [json.dumps(line) for line in whole] == lines

    async def test_no_other_list_has_pages(self, place: Place) -> None:
        document = (await place.get("/api/openapi.json")).json
        with_cursor = {
            path
            for path, verbs in document["paths"].items()
            if any(each["name"] == "cursor" for each in verbs.get("get", {}).get("parameters", ()))
        }
        tried = {path.partition("?")[0].replace("{run}", "{run_id}").replace("many/0", "{name}") for path in LISTS}
        assert with_cursor - tried == {"/api/v1/documents/{document_id}/versions"}  # test_deadletters_api

    async def test_what_comes_before_the_next_page_neither_doubles_nor_hides_a_line(self, place: Place) -> None:
        first = (await place.get("/api/v1/sources?limit=3")).json
        name = first["items"][0]["name"] + " earlier"
        made = await place.send("PUT", f"/api/v1/sources/{name}", {"start": ["https://e.example/"]})
        assert made.status == 201
        rest = (await place.get(first["next"].replace("limit=3", "limit=100"))).json["items"]
        names = [each["name"] for each in (*first["items"], *rest)]
        assert len(names) == len(set(names)) == MANY + 1
        assert (await place.send("DELETE", f"/api/v1/sources/{name}")).status == 200

    async def test_documents_of_a_source_come_by_url_and_all_by_identifier(self, place: Place) -> None:
        by_url = [each["url"] for page in await place.pages(f"/api/v1/documents?source={SOURCE}", 4) for each in page]
        assert by_url == sorted(by_url)
        by_id = [each["id"] for page in await place.pages("/api/v1/documents", 4) for each in page]
        assert by_id == sorted(by_id)
        DocumentList.model_validate((await place.get("/api/v1/documents")).json)

    @pytest.mark.parametrize(
        ("query", "number"),
        [
            ("state=removed", 0), ("kind=event", 0), ("language=es", 0), ("tag=none", 0),
            ("published_after=2026-03-04T05:06:07Z", PAGES), ("published_after=2026-03-04T05:06:08", 0),
            ("published_before=2026-03-04T05:06:07Z", 0), ("updated_after=2000-01-01", PAGES),
        ],
    )  # fmt: skip
    async def test_filters_of_documents(self, place: Place, query: str, number: int) -> None:
        assert len((await place.get(f"/api/v1/documents?{query}")).json["items"]) == number

    @pytest.mark.parametrize("path", [path for path in LISTS if LISTS[path]])
    async def test_a_cursor_is_good_for_its_own_list_only(self, place: Place, path: str) -> None:
        cursor = "WyJ4Il0"
        for bad in (cursor, "", "x", "%00", "🐍", "a" * 20_000, "W10", _encoded(["0" * 12, "a", "b"])):
            reply = await place.client.get(
                path.format(run=place.run.id), params=_with(path, cursor=bad), headers={"x-api-key": place.key}
            )
            assert (reply.status, reply.reason) == (400, "bad_cursor"), bad
            assert reply.json["errors"] == [
                {"detail": "not a cursor of this list", "parameter": "cursor", "in": "query"}
            ]

    async def test_a_cursor_is_bound_to_the_filters_and_shows_what_was_changed(self, place: Place) -> None:
        following = (await place.get("/api/v1/documents?kind=article&limit=2")).json["next"]
        cursor = parse_qs(urlsplit(following).query)["cursor"][0]
        assert (await place.get(f"/api/v1/documents?kind=article&limit=9&cursor={cursor}")).status == 200
        mark, *parts = json.loads(urlsafe_b64decode(cursor + "=="))
        mended = _encoded([mark, "https://elsewhere.example/", *parts[1:]])
        for path in (
            f"/api/v1/documents?cursor={cursor}",
            f"/api/v1/documents?kind=event&cursor={cursor}",
            f"/api/v1/sources?kind=article&cursor={cursor}",
            f"/api/v1/documents?kind=article&cursor={cursor[:-2]}",
            f"/api/v1/documents?kind=article&cursor={mended}",
        ):
            assert (await place.get(path)).reason == "bad_cursor", path

    @pytest.mark.parametrize("path", LISTS)
    async def test_limits(self, place: Place, path: str) -> None:
        for limit in ("0", "-1", "1001", "x"):
            reply = await place.client.get(
                path.format(run=place.run.id), params=_with(path, limit=limit), headers={"x-api-key": place.key}
            )
            assert (reply.status, reply.reason) == (422, "invalid")


class TestTags:
    @pytest.mark.parametrize(
        "path",
        ["/api/v1/documents/{document}", "/api/v1/documents/{document}/versions/1", "/api/v1/runs/{run}",
         "/api/v1/documents/{document}/provenance", f"/api/v1/sources/{SOURCE}", "/api/v1/users/user1@example.org"],
    )  # fmt: skip
    async def test_what_is_known_is_not_sent_again(self, place: Place, path: str) -> None:
        listed = (await place.get("/api/v1/documents?limit=1")).json["items"]
        path = path.replace("{document}", listed[0]["id"])
        first = await place.get(path)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        assert {"Authorization", "X-API-Key"} <= set(first.headers["vary"].split(", "))
        for seen in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await place.get(path, **{"if-none-match": seen})
            assert (again.status, again.body) == (304, b"")
            # Whoever names none does not say in which coding they have it.
            assert again.headers["etag"] == (tag if seen != "*" else tag.replace("-zstd", ""))
        assert (await place.get(path, **{"if-none-match": '"other"'})).body == first.body

    async def test_lists_and_errors_are_kept_by_nobody(self, place: Place) -> None:
        for path in ("/api/v1/sources", "/api/v1/sources/nothing", "/api/v1/search?q=mill"):
            assert (await place.get(path)).headers["cache-control"] == "no-store"

    async def test_an_edit_of_what_was_changed_since_is_refused(self, place: Place) -> None:
        path = "/api/v1/sources/tagged/one"
        spec = {"start": ["https://t.example/"]}
        made = await place.send("PUT", path, spec, if_none_match="*")
        assert made.status == 201
        tag = made.headers["etag"]
        assert (await place.send("PUT", path, spec, if_none_match="*")).reason == "changed"
        second = await place.send("PUT", path, spec | {"max_pages": 2}, if_match=tag)
        assert (second.status, second.json["version"]) == (200, 2)
        for method, body in (("PUT", spec | {"max_pages": 3}), ("DELETE", None)):
            late = await place.send(method, path, body, if_match=tag)
            assert (late.status, late.reason) == (412, "changed")
        late = await place.send("POST", "/api/v1/sources", spec | {"name": "tagged/one"}, if_match=tag)
        assert late.status == 412
        assert (await place.get(path)).json["spec"]["max_pages"] == 2
        now = f"W/{(await place.get(path)).headers['etag']}"
        assert (await place.send("DELETE", path, if_match=f'"no", {now}')).status == 200
        gone = await place.send("PUT", path, spec, if_match="*")
        assert (gone.status, gone.reason) == (412, "changed")

    async def test_of_many_edits_at_once_one_is_made(self, place: Place) -> None:
        path = "/api/v1/sources/tagged/race"
        tag = (await place.send("PUT", path, {"start": ["https://t.example/"]})).headers["etag"]
        bodies = [{"start": ["https://t.example/"], "max_pages": number} for number in range(1, 9)]
        replies = await asyncio.gather(*(place.send("PUT", path, body, if_match=tag) for body in bodies))
        assert sorted(reply.status for reply in replies) == [200] + [412] * 7
        assert (await place.get(path)).json["version"] == 2

    async def test_a_user_that_another_admin_changed(self, place: Place) -> None:
        path = "/api/v1/users/user2@example.org"
        tag = (await place.get(path)).headers["etag"]
        changed = await place.send("PATCH", path, {"role": "operator"}, if_match=tag)
        assert (changed.status, changed.json["role"]) == (200, "operator")
        late = await place.send("PATCH", path, {"active": False}, if_match=tag)
        assert (late.status, late.reason) == (412, "changed")
        new = changed.headers["etag"]
        assert (await place.send("PATCH", path, {"role": "viewer"}, if_match=new)).status == 200

    async def test_documents_that_come_do_not_spoil_the_edit_of_their_source(self, place: Place) -> None:
        tag = (await place.get(f"/api/v1/sources/{SOURCE}")).headers["etag"]
        edition, _, _ = tag.partition(".")
        as_if_counted_before = f'{edition}.{"A" * 16}"'
        spec = {"start": ["https://site.example/"], "description": "edited"}
        assert (await place.send("PUT", f"/api/v1/sources/{SOURCE}", spec, if_match=as_if_counted_before)).status == 200


class TestSources:
    async def test_what_applying_would_change(self, place: Place) -> None:
        spec = {"name": "checked", "start": ["https://c.example/"]}
        found = (await place.send("POST", "/api/v1/sources/check", spec)).json
        assert SourceChange.model_validate(found).state == "new"
        assert (await place.get("/api/v1/sources/checked")).status == 404
        await place.send("POST", "/api/v1/sources", spec)
        assert (await place.send("POST", "/api/v1/sources/check", spec)).json["state"] == "unchanged"
        found = (await place.send("POST", "/api/v1/sources/check", spec | {"max_pages": 5})).json
        assert (found["state"], "+max_pages: 5" in found["diff"]) == ("changed", True)
        await place.send("DELETE", "/api/v1/sources/checked")
        assert (await place.send("POST", "/api/v1/sources/check", spec)).json["state"] == "revived"
        wrong = await place.send("POST", "/api/v1/sources/check", spec | {"max_pags": 5})
        assert (wrong.status, wrong.reason) == (422, "source")

    async def test_history_tells_what_each_version_changed(self, place: Place) -> None:
        page = (await place.get("/api/v1/sources/many/0/versions?limit=2")).json
        VersionList.model_validate(page)
        assert [each["version"] for each in page["items"]] == [MANY, MANY - 1]
        assert [f"+max_pages: {each['version'] - 1}" in each["diff"] for each in page["items"]] == [True, True]
        oldest = (await place.pages("/api/v1/sources/many/0/versions", 3))[-1][-1]
        assert (oldest["version"], "+name: many/0" in oldest["diff"]) == (1, True)

    async def test_the_name_of_the_path_is_the_name(self, place: Place) -> None:
        body = {"name": "other", "start": ["https://a.example/"]}
        reply = await place.send("PUT", "/api/v1/sources/this", body)
        assert (reply.status, reply.reason) == (422, "other_name")
        assert (await place.send("PUT", "/api/v1/sources/this", [1])).reason == "source"


class TestDocuments:
    async def test_where_values_come_from(self, place: Place) -> None:
        found = (await place.get("/api/v1/documents?limit=1")).json["items"][0]
        told = (await place.get(f"/api/v1/documents/{found['id']}/provenance")).json
        Provenance.model_validate(told)
        title = next(each for each in told["values"] if each["field"] == "title")
        assert (title["value"], title["extractor"]) == (found["title"], "jsonld")
        assert told["capture"]["url"] == found["url"]

    async def test_differences_need_two_versions(self, place: Place) -> None:
        found = (await place.get("/api/v1/documents?limit=1")).json["items"][0]
        path = f"/api/v1/documents/{found['id']}/diff"
        assert (await place.get(path)).reason == "only_one_version"
        same = (await place.get(f"{path}?old=1&new=1")).json
        DocumentDiff.model_validate(same)
        assert same == {"document_id": found["id"], "old": 1, "new": 1, "changes": []}
        assert (await place.get(f"{path}?old=1&new=2")).reason == "no_such_document_version"
        assert (await place.get("/api/v1/documents/none/diff")).reason == "no_such_document"


class TestDeprecation:
    @pytest.mark.parametrize(
        ("path", "older"),
        [("/api/v1/runs/{run}/ledger", "after=https%3A%2F%2Fsite.example%2F05"), ("/api/v1/audit", "before=9")],
    )
    async def test_what_is_deprecated_says_so(self, place: Place, path: str, older: str) -> None:
        reply = await place.get(f"{path}?{older}&limit=2")
        assert reply.headers["deprecation"].startswith("@1")
        assert reply.headers["sunset"].endswith(" GMT")
        assert 'rel="deprecation"' in reply.headers["link"]
        assert 'rel="next"' in reply.headers["link"]
        name = older.partition("=")[0]
        assert f"{name}=" not in reply.json["next"]
        following = await place.get(reply.json["next"])
        assert "deprecation" not in following.headers
        assert following.json["items"][0] not in reply.json["items"]

    async def test_the_document_marks_it(self, place: Place) -> None:
        document = (await place.get("/api/openapi.json")).json
        marked = {
            (path, each["name"])
            for path, verbs in document["paths"].items()
            for each in verbs.get("get", {}).get("parameters", ())
            if each.get("deprecated")
        }
        assert {name for _, name in marked} == {"after", "before"}
        assert len(marked) == 3


class TestOtherPaths:
    @pytest.mark.parametrize(
        ("path", "same"),
        [("/search?query=mill&limit=2", "/api/v1/search?q=mill&limit=2"), ("/search/?q=mill", "/api/v1/search?q=mill"),
         ("/api/content", "/api/v1/documents")],
    )  # fmt: skip
    async def test_the_paths_of_the_specification(self, place: Place, path: str, same: str) -> None:
        one, other = (await place.get(path)).json, (await place.get(same)).json
        for answer in (one, other):
            for name in ("took_ms", "age_s", "next"):
                answer.pop(name, None)
        assert one == other

    async def test_reports_docs_and_starting_a_run(self, place: Place) -> None:
        for path in ("/health/detailed", "/status"):
            assert (await place.get(path)).json.keys() == (await place.get("/health")).json.keys()
        for path in ("/docs", "/api/redoc"):
            reply = await place.get(path)
            assert (reply.status, reply.headers["location"]) == (307, "/api/docs")
        started = await place.send("POST", "/api/scraping/trigger", {"target": "https://triggered.example/"})
        assert started.status == 202
        assert (await place.get(started.headers["location"])).json["source"] == started.json["source"]


def _with(path: str, **more: str) -> dict[str, str]:
    given = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    return given | more


def _encoded(parts: list[Any]) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()
