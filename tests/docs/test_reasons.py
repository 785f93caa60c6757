"""Every outcome, state, event and reason that the code can give is documented, and no page invents one.

Reasons are slugs; the places in the code where one is decided are found in its syntax tree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, read

from tidemill.manage.source_fields import FIELDS
from tidemill.models import event
from tidemill.models.document import DocumentState
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.run import RunState
from tidemill.models.source import KINDS, LOCAL_KINDS
from tidemill.process.extract.calendar_parts import MAX_EVENTS
from tidemill.process.extract.feed import MAX_CONTENT_CHARS
from tidemill.process.extract.feed_entry import MAX_ENTRIES
from tidemill.process.extract.pdf_pages import MAX_CHARS, MAX_PAGES
from tidemill.process.steps import checks

SRC = ROOT / "src" / "tidemill"
_EXPLAINING = (
    "language-model deadletters reprocess history selectors ledger failures serve verdicts export browser "
    "limits search quality api-conventions change-feed files-and-warc listings politeness recrawl requests scope "
    "sources accounts"
)
PAGES = tuple(f"docs/howto/{page}.md" for page in _EXPLAINING.split())
PATTERNS = {"http_<status>": r"http_\d{3}", "missing_<field>": r"missing_\w+"}
"""Families of reasons, as the pages write them, and what belongs to them."""

_SLUG = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_NAMES = frozenset(
    {"reason", "default_reason", "skip", "problems", "UNSUPPORTED", "NOTHING_FOUND", "_OWN", "_HOST_DOWN"}
)
_CALLS = frozenset({"Fetched", "_as_before", "_skipped", "_refused", "_listing"})
_RETURNS = {"crawl/scope.py": "refusal", "models/host.py": "granted", "store/processed.py": "verdict"}
"""Functions whose returned strings are reasons."""

_TABLES = frozenset({"crawl/browser/faults.py"})
"""Files whose pairs of constants are what a library says and the reason for it."""

_NO_REASONS = frozenset({"name", "start"})
"""Strings that stand where reasons do and are none."""


def reasons() -> dict[str, str]:
    """Each reason and one place where it is decided."""
    found: dict[str, str] = {}
    for path in sorted(SRC.rglob("*.py")):
        place = path.relative_to(SRC).as_posix()
        for slug in _of_tree(ast.parse(path.read_text(encoding="utf-8")), place):
            found.setdefault(slug, place)
    for slug in checks.SLUGS:
        found.setdefault(slug, "process/steps/checks.py")
    return found | dict.fromkeys(LOCAL_KINDS, "crawl/reader.py")  # a listing's reason is the kind of its source


def _of_tree(tree: ast.Module, place: str) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name), value=value) if name in _NAMES:
                yield from _strings(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _NAMES:
                yield from _strings(value)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in _CALLS:
                yield from _strings(*args)
            case ast.Dict(keys=keys, values=values):
                named = zip(keys, values, strict=True)
                yield from _strings(*(value for key, value in named if _is(key, "reason", "b_reason")))
            case ast.Tuple(elts=[ast.Constant(), ast.Constant() as reason]) if place in _TABLES:
                yield from _strings(reason)
            case ast.Call(func=ast.Name(id="Problem"), args=[_, ast.Constant(value=str(slug)), *_]):
                yield from _strings(ast.Constant(slug)) if place.startswith(("http/", "api/")) else ()
            case ast.Call(func=ast.Attribute(value=ast.Name(id="problems"), attr="append"), args=args):
                yield from _strings(*args)
            case ast.FunctionDef(name=name) if _RETURNS.get(place) == name:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _strings(inner.value)


def _is(node: ast.AST | None, *texts: str) -> bool:
    return isinstance(node, ast.Constant) and node.value in texts


def _strings(*nodes: ast.AST) -> Iterator[str]:
    """The slugs among the constants of these expressions; arguments of calls inside them are not looked at."""
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if _SLUG.fullmatch(text) and text not in _NO_REASONS:
                yield text
            case ast.IfExp(body=body, orelse=orelse):
                yield from _strings(body, orelse)
            case ast.BoolOp(values=values):
                yield from _strings(*values)
            case ast.Tuple(elts=elements):
                yield from _strings(*elements)


def documented() -> set[str]:
    """Every slug in backticks on the pages that explain reasons."""
    text = "\n".join(read(page) for page in PAGES)
    return set(re.findall(r"`([a-z][a-z0-9_]*(?:<\w+>)?)(?::<\w+>)?`", text))


@pytest.mark.parametrize(("slug", "place"), sorted(reasons().items()))
def test_reason_is_documented(slug: str, place: str) -> None:
    known = documented()
    in_family = any(name in known and re.fullmatch(pattern, slug) for name, pattern in PATTERNS.items())
    assert slug in known or in_family, f"{slug!r} ({place}) is explained on none of {', '.join(PAGES)}"


def test_the_search_for_reasons_finds_what_it_should() -> None:
    found = reasons()
    expected = "robots_unreachable same_bytes trap older_capture no_text empty_content wrong_language"
    expected += " sitemap run_cancelled limit no_documents unsupported_media_type out_of_memory key_in_query disk_full"
    expected += " feed json_api files warc lastmod nofollow noindex canonical host_down retry_budget source_deleted"
    expected += (
        " not_in_archive bad_json bad_calendar no_browser browser_crashed proxy_auth file_source no_such_version"
        " bad_pattern slow_pattern not_one_of too_small too_large too_short too_long bad_type"
    )
    assert set(expected.split()) <= found.keys()


@pytest.mark.parametrize("page", PAGES)
def test_no_table_explains_a_reason_that_does_not_exist(page: str) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SRC.rglob("*.py"))
    for cell in re.findall(r"^\| (`[^|]+`) \|", read(page), re.MULTILINE):
        for slug in re.findall(r"`([a-z][a-z0-9_]+)`", cell):
            in_family = any(re.fullmatch(pattern, slug) for pattern in PATTERNS.values())
            assert in_family or f'"{slug}"' in code, f"{page} explains {slug!r}, which no code gives"


def test_every_outcome_and_state_is_documented() -> None:
    outcomes, ledger, resume = (
        read(f"docs/{page}.md") for page in ("reference/outcomes", "howto/ledger", "howto/resume")
    )
    for outcome in Outcome:
        assert f"| `{outcome}` |" in outcomes
        assert f"## {outcome.capitalize()}" in ledger
    for state in VisitState:
        assert state is VisitState.DONE or f"| `{state}` |" in ledger
    for document_state in DocumentState:
        assert f"`{document_state}`" in outcomes
    for run_state in RunState:
        assert f"| `{run_state}` |" in resume


def test_every_event_and_flag_is_documented() -> None:
    page = read("docs/reference/outcomes.md")
    kinds = [value for name, value in vars(event).items() if name.isupper() and isinstance(value, str)]
    assert len(kinds) > 5
    assert all(f"| `{kind}` |" in page for kind in kinds)
    for flag in ("charset_misdeclared", "mojibake_repaired", "zone_assumed", "truncated"):
        assert f"| `{flag}` |" in page


def test_what_truncated_means_is_what_the_code_does() -> None:
    (row,) = re.findall(r"^\| `truncated` \| (.+) \|$", read("docs/reference/outcomes.md"), re.MULTILINE)
    said = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", row.replace(" million", ",000,000"))]
    assert said == [MAX_PAGES, MAX_CHARS, MAX_EVENTS, MAX_ENTRIES, MAX_CONTENT_CHARS]


def test_every_field_of_a_source_is_documented() -> None:
    page = read("docs/reference/sources.md")
    assert len(FIELDS) > 40
    assert [name for name in FIELDS if f"| `{name}` |" not in page] == []


def test_every_kind_of_source_is_documented_and_has_an_example() -> None:
    page = read("docs/reference/sources.md")
    examples = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "sources").glob("*.yaml"))
    for kind in KINDS:
        assert f"| `{kind}` |" in page
        assert re.search(rf"^kind: {kind}$", examples, re.MULTILINE), kind


def test_every_table_is_documented() -> None:
    from tidemill.store.tables import metadata

    page = read("docs/architecture.md")
    assert [name for name in metadata.tables if f"`{name}`" not in page] == []


def _rooms() -> list[str]:
    return sorted(
        path.stem for path in SRC.iterdir() if (path.is_dir() or path.suffix == ".py") and path.name[0] != "_"
    )


@pytest.mark.parametrize("room", _rooms())
def test_every_room_is_on_the_map(room: str) -> None:
    rooms = read("docs/architecture.md").partition("## The rooms")[2].partition("## The ledger")[0]
    assert f"`{room}`" in rooms, Path(room)
