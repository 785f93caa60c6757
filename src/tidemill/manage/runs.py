"""Starting runs: the target a person names becomes a source, and its unfinished run is taken up, or a new one begun."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

from tidemill.crawl.local.folder import start_url
from tidemill.crawl.scope import Scope, folder_spec
from tidemill.errors import Invalid, NotFound
from tidemill.manage.quotas import run_bound, source_limit
from tidemill.models.account import Caller
from tidemill.models.run import FINISHED_RUNS, Run, RunOptions
from tidemill.models.source import LOCAL_KINDS, Source, SourceSpec
from tidemill.models.url import url_folder, url_key, url_origin
from tidemill.models.visit import Found
from tidemill.net.guard import Guard
from tidemill.settings import NetSettings, QuotaSettings
from tidemill.store import ledger, runs, sources
from tidemill.store.engine import Store

_START_KINDS = {"website": "page", "ical": "page", "sitemap": "sitemap"}
"""What the start URLs of a kind are in the ledger; those of others are listings, but feeds that are not followed."""


@dataclass(frozen=True, slots=True)
class Start:
    """A run ready to be crawled. `resumed`: it was begun before; `ignored` names the options it was not begun with."""

    run: Run
    source: Source
    resumed: bool
    ignored: tuple[str, ...] = ()


async def start(
    store: Store,
    net: NetSettings,
    target: str,
    options: RunOptions,
    *,
    fresh: bool = False,
    by: Caller | None = None,
    quotas: QuotaSettings | None = None,
) -> Start:
    """The run that crawling `target` (a URL, or a source's name) means: the unfinished one, or with `fresh` a new one.

    A run that is taken up keeps the options it began with. Raises `NotFound` for an unknown source, `Invalid` for a bad
    URL, `Forbidden` (`private_address`) if a start URL names a private address and that is not allowed, `Forbidden` and
    `TooMany` if the source is not `by`'s to edit, or their `quotas` are used up.
    """
    spec, known = await _wanted(store, target)
    begun = await runs.unfinished(store, known.id) if known is not None and not fresh else None
    bound = await run_bound(store, quotas, by, options)
    if begun is None:
        _refuse_private(spec, net, options)
        async with store.read() as connection:  # refused before a source is made; what counts is asked again below
            await bound(connection)
    source = known
    if source is None or source.adhoc:
        source, _ = await sources.apply(store, spec, adhoc=True, by=by, most=await source_limit(store, quotas, by))
    run, resumed = await runs.take_up_or_create(
        store, source, options, start_pages(source), fresh=fresh, by=by, bound=bound
    )
    return Start(run, source, resumed, ignored=_other_options(run.options, options) if resumed else ())


async def latest(store: Store) -> Run:
    """The newest run of all. Raises `NotFound` (`no_such_run`) if there is none yet."""
    newest = await runs.listed(store, 1)
    return newest[0] if newest else await runs.get(store, "none yet")


async def advice(store: Store, run: Run) -> list[str]:
    """What a person who wonders at an empty result should know, in sentences; none if there is nothing to wonder at."""
    if run.documents or run.state not in FINISHED_RUNS:
        return []
    away = await ledger.led_away(store, run.id)
    if away:
        return [
            f"{url} redirects to {target}, which is outside of the source; crawl that instead" for url, target in away
        ]
    if run.discovered > 3:
        return [f"nothing was stored; `tidemill ledger {run.id}` says what became of each URL"]
    found = [entry async for entry in ledger.entries(store, run.id)]
    return [f"{entry.url}: {entry.outcome} ({entry.reason})" for entry in found]


def start_pages(source: Source) -> list[Found]:
    """The start URLs of a source as the ledger takes them."""
    spec = source.spec
    kind = _START_KINDS.get(spec.kind, "feed")
    if spec.kind == "feed" and not spec.feed.follow:
        kind = "page"
    if spec.kind in LOCAL_KINDS:
        keys = [start_url(path) for path in spec.start]
    elif kind == "page":
        scope = Scope(spec, max_depth=None, today=date.max)
        keys = [scope.rewrite(url_key(url)) for url in spec.start]
    else:
        keys = [url_key(url) for url in spec.start]
    return [Found(url=key, origin=url_origin(key), kind=kind) for key in dict.fromkeys(keys)]


async def _wanted(store: Store, target: str) -> tuple[SourceSpec, Source | None]:
    """What the target means, and the source of that name if there is one; nothing is stored yet."""
    if "://" not in target:
        source = await sources.get(store, target)
        return source.spec, source
    key = url_key(target)
    if "@" in key.split("/", 3)[2]:
        raise Invalid(f"the URL {target!r} holds a user name or password; leave them out", reason="bad_url")
    spec = folder_spec(url_folder(key).partition("://")[2], key)
    try:
        return spec, await sources.get(store, spec.name)
    except NotFound:
        return spec, None


def _refuse_private(spec: SourceSpec, net: NetSettings, options: RunOptions) -> None:
    """Refuse what can be seen to be private without asking a name server; the rest is refused when it is fetched."""
    guard = Guard(net)
    private = bool(options.allow_private) or net.allow_private
    for url in () if spec.kind in LOCAL_KINDS else spec.start:
        guard.check_url(url_key(url), private=private)


def _other_options(begun: RunOptions, asked: RunOptions) -> tuple[str, ...]:
    differing = (
        field.name
        for field in fields(RunOptions)
        if field.name != "crawl_only"
        and getattr(asked, field.name) not in (None, False)
        and getattr(asked, field.name) != getattr(begun, field.name)
    )
    return tuple(differing)
