"""`tidemill search`: ask the index."""

from __future__ import annotations

import re
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemill.cli.output import counted, stdout, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, run, settings_of
from tidemill.search.base import Hit, SearchQuery, SearchResult

if TYPE_CHECKING:
    from tidemill.settings import Settings

_MARK = re.compile(r"<mark>(.*?)</mark>", re.DOTALL)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'", "&#39;": "'", "&amp;": "&"}


class SortChoice(StrEnum):
    """The orders of `search.base.Sort`."""

    RELEVANCE = "relevance"
    DATE = "date"
    DATE_ASC = "date_asc"
    TITLE = "title"
    TITLE_DESC = "title_desc"


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help='Words, "phrases", -negation, OR, field:value.')],
    limit: Annotated[int, typer.Option(min=1, help="The most hits.")] = 10,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    sort: Annotated[SortChoice, typer.Option(help="What comes first; date is newest first.")] = SortChoice.RELEVANCE,
    fuzzy: Annotated[bool, typer.Option("--fuzzy", help="Every word may be misspelt.")] = False,
    facet: Annotated[
        list[str] | None,
        typer.Option(help="Count the values of source, kind, language, author, tag, domain or fields.NAME."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Search the documents.

    Example: `tidemill search '"tide mill" -wind' --limit 5`
    """
    settings = settings_of(context, data_dir)
    result = run(
        _search(
            settings,
            limit=min(limit, settings.search.max_results),
            text=query,
            source=source,
            sort=sort.value,
            fuzzy=fuzzy,
            facets=tuple(facet or ()),
        )
    )
    if as_json:
        write_json(answer(result))
    else:
        _show(result)


async def _search(settings: Settings, **asked: Any) -> SearchResult:
    query = SearchQuery(**asked)
    async with opened(settings) as app:
        lag = await app.indexer.lag()
        if lag:
            note(f"the index is {counted(lag, 'change')} behind; `tidemill process` brings it up to date")
        return await app.searching.search(query)


def answer(result: SearchResult) -> dict[str, Any]:
    """The result as JSON gives it."""
    return {
        "query": result.query,
        "total": result.total,
        "took_ms": round(result.took_ms, 3),
        "hits": [_hit(hit) for hit in result.hits],
        "facets": {name: [asdict(each) for each in values] for name, values in result.facets.items()},
        "facet_errors": dict(result.facet_errors),
        "stale": result.stale,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.id,
        "url": hit.url,
        "title": hit.title,
        "score": round(hit.score, 4),
        "highlights": list(hit.highlights),
        "source": hit.source,
        "language": hit.language,
        "published_at": hit.published_at,
        "kind": hit.kind,
        "author": hit.author,
        "summary": hit.summary,
        "word_count": hit.word_count,
        "reading_time_minutes": hit.reading_time_minutes,
    }


def _show(result: SearchResult) -> None:
    for number, hit in enumerate(result.hits, start=1):
        stdout.print(Text.assemble((f"{number}. ", "dim"), (hit.title or hit.url, "bold")))
        stdout.print(Text(f"   {hit.url}", style="cyan"))
        for highlight in hit.highlights:
            stdout.print(Text("   ").append_text(_marked(highlight)))
    for name, values in result.facets.items():
        lacking = result.facet_errors.get(name)
        shown = ", ".join(f"{each.value} ({each.count})" for each in values)
        shown += f" (each may lack {lacking})" if lacking else ""
        stdout.print(Text(f"{name}: {shown}", style="dim"))
    if result.stale:
        note("the search engine cannot be reached: this may not be the newest state")
    note(f"{counted(result.total, 'document')} in {result.took_ms:.1f} ms")


def _marked(highlight: str) -> Text:
    """Matches in colour, or between asterisks where there is none."""
    text = Text()
    for position, piece in enumerate(_MARK.split(" ".join(highlight.split()))):
        for entity, character in _ENTITIES.items():
            piece = piece.replace(entity, character)
        found = position % 2 == 1
        bare = found and not stdout.is_terminal
        text.append(f"*{piece}*" if bare else piece, style="bold yellow" if found else "")
    return text
