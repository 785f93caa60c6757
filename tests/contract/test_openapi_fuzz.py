"""Row 29: Schemathesis tries every operation as anonymous, viewer, operator and admin, with what its schema allows and
what it does not: no 5xx, no answer beside its schema, no route open that should not be. The same cases in every run."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from tests.contract.account_house import CHEAP, ME, PASSWORD
from tests.contract.api_house import SOURCE, fill, house, served

from tidemill.http.access import ANY_CALLER, OPEN
from tidemill.manage import users
from tidemill.manage.accounts import create_key
from tidemill.models.account import SCOPES_OF, Role

CASES = {"anonymous": 3, "viewer": 8, "operator": 12, "admin": 20}
"""How many of each operation."""
UNLIMITED = {f"limits.{name}": 0 for name in ("address", "requests", "user", "search", "costly", "login")}
STREAMS = {"/api/v1/runs/{run_id}/progress"}
"""What tells of a run until it ends is read in test_live; here it is only asked by those who may not."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
_CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(
        default=ProjectConfig(
            generation=GenerationConfig(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE], deterministic=True)
        )
    )
)


@dataclass
class Place:
    """A house that a thread serves, its document, a key of each role, and things that are there."""

    base_url: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made, ready, over = Place(), threading.Event(), threading.Event()
    folder = tmp_path_factory.mktemp("fuzz")
    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, made, ready, over)), daemon=True)
    thread.start()
    assert ready.wait(60), "the house did not open"
    yield made
    over.set()
    thread.join(30)


async def _serve(folder: Path, made: Place, ready: threading.Event, over: threading.Event) -> None:
    options = {name.replace(".", "__"): value for name, value in (CHEAP | UNLIMITED).items()}
    async with house(folder, **options) as app, served(app, "0.0.0.0") as client:
        run = await fill(app)
        user = await users.create(app.store, app.settings.auth, "known@example.org", PASSWORD, ME, role=Role.VIEWER)
        for role in Role:
            key, made.keys[role.value] = await create_key(app.store, role.value, by=ME, role=role)
            made.known["prefix"] = key.prefix
        headers = {"x-api-key": made.keys["admin"]}
        listed = (await client.get("/api/v1/documents?limit=1", headers=headers)).json["items"]
        made.known |= {
            "run_id": run.id,
            "name": SOURCE,
            "user_id": user.id,
            "document_id": listed[0]["id"],
            "number": "1",
        }
        made.document = (await client.get("/api/openapi.json")).json
        made.base_url = client.base_url
        ready.set()
        await asyncio.to_thread(over.wait)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", CASES)
def test_every_operation_keeps_to_its_description(place: Place, who: str) -> None:
    load_all_checks()
    schema = schemathesis.openapi.from_dict(place.document, config=_CONFIG)
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)
    failures: list[str] = []
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        need = _need(operation.definition.raw)
        try:
            _try(operation, place, who, need, checks)
        except BaseExceptionGroup as error:
            failures.append(f"{operation.label}: {error.exceptions}")
        except AssertionError as error:
            failures.append(f"{operation.label}: {error}")
        tried += 1
    assert tried > 45
    assert not failures, "\n\n".join(failures)


def test_an_answer_beside_its_schema_is_noticed(place: Place) -> None:
    document = copy.deepcopy(place.document)
    document["components"]["schemas"]["Statistics"]["required"].append("moods")
    load_all_checks()
    operation = schemathesis.openapi.from_dict(document, config=_CONFIG)["/api/v1/stats"]["GET"]
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)
    with pytest.raises(BaseException, match="moods"):
        _try(operation, place, "admin", "statistics:read", checks)
    with pytest.raises(AssertionError, match="200"):
        _try(operation, place, "viewer", "users:write", checks)


def _try(operation: Any, place: Place, who: str, need: str, checks: Any) -> None:
    headers = {} if who == "anonymous" else {"x-api-key": place.keys[who]}

    @settings(
        max_examples=CASES[who],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), is_known=st.booleans())
    def tries(case: Any, is_known: bool) -> None:
        if is_known and case.path_parameters and case.method != "DELETE":
            case.path_parameters |= {name: value for name, value in place.known.items() if name in case.path_parameters}
        if is_known and operation.path == "/api/v1/search":
            case.query = {"q": "mill", **(case.query or {})}
        if operation.path in STREAMS and _may(who, need):
            return
        if case.query:
            case.query.pop("wait", None)  # it would
        answer = case.call(base_url=place.base_url, headers=headers)
        told = f"{case.as_curl_command()} → {answer.status_code} {answer.content[:300]!r}"
        if not _may(who, need):
            assert answer.status_code in ((400, 401) if who == "anonymous" else (400, 403)), told
        case.validate_response(answer, checks=checks, headers=headers)

    tries()


def _need(operation: dict[str, Any]) -> str:
    """The scope that an operation names, `OPEN` or `ANY_CALLER`."""
    if not operation["security"]:
        return OPEN
    (scopes,) = {tuple(scopes) for way in operation["security"] for scopes in way.values()}
    return scopes[0] if scopes else ANY_CALLER


def _may(who: str, need: str) -> bool:
    if need == OPEN or who == "anonymous":
        return need == OPEN
    return need == ANY_CALLER or need in SCOPES_OF[Role(who)]
