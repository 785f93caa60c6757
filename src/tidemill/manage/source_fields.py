"""What each field of a source means, its default and its bounds: said once, here.

The rules read the bounds, the JSON schema and the reference page read the rest. Fields are named by their dotted path,
in which `*` stands for any name. Those below `process` are in `source_process_fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tidemill.manage.source_process_fields import COUNT as _COUNT
from tidemill.manage.source_process_fields import PROCESS_FIELDS, About
from tidemill.models.priority import PRIORITIES
from tidemill.models.source import FETCH_MODES, KINDS

__all__ = ["FIELDS", "ROTATIONS", "About"]

ROTATIONS = ("request", "host")
_YEARS_H = 87_600.0


FIELDS: Mapping[str, About] = MappingProxyType(
    {
        "name": About("needed", "unique; what `tidemill crawl` is given; no URL, and no `/versions` at its end"),
        "kind": About("`website`", "what `start` names, see [Kinds](#kinds)", choices=KINDS),
        "priority": About(
            "`medium`",
            "`high`, `medium` or `low`: of ten pages that wait to be processed six, three and one are taken",
            choices=PRIORITIES,
        ),
        "start": About(
            "needed", "what a run begins with: URLs, or for `files` and `warc` paths of the machine that crawls"
        ),
        "description": About("empty", "for people"),
        "base_url": About("their file URLs", "for `files`: the URL below which the files of a folder are known"),
        "hosts": About("the hosts of `start`", "a page must be on one of them (`host`, or `host:port`)"),
        "within": About(
            "everything on the hosts",
            "a page's URL must begin with one of them; http and https count as the same",
        ),
        "allow": About("everything", "a page's URL must match one of these regular expressions somewhere"),
        "deny": About("nothing", "a page's URL must match none of these regular expressions"),
        "query": About("all count", "which query parameters tell pages apart"),
        "query.keep": About("all", "only these parameters tell pages apart; an empty list: none does"),
        "query.drop": About("none", "these parameters do not, besides those that are known to track visitors"),
        "obey": About("see below", "which wishes of a page are followed"),
        "obey.nofollow": About("`true`", "do not follow links that say nofollow (rel, robots meta tag, X-Robots-Tag)"),
        "obey.noindex": About("`true`", "store no document of a page that says noindex (meta tag, X-Robots-Tag)"),
        "obey.canonical": About(
            "`false`", "a page that names another page of the source as its canonical one ends as `redirected` to that"
        ),
        "sitemaps": About("`true`", "read the sitemaps that robots.txt declares"),
        "max_pages": About("`crawl.max_pages`", "requested pages of one run", 1, _COUNT),
        "max_depth": About("`crawl.max_depth`", "links from a start URL", 0, _COUNT),
        "max_bytes": About("`crawl.max_run_bytes`", "bytes that one run may receive", 1, 10**15),
        "trap_budget": About(
            "`crawl.trap_budget`", "URLs of a run that differ in the value of one query parameter only", 1, _COUNT
        ),
        "rate_per_s": About("`crawl.rate_per_s`", "requests a second to each host; 0: no limit", 0, 10**6),
        "delay_s": About("none", "least seconds between two requests to a host", 0, 3600),
        "concurrency": About("`crawl.concurrency`", "requests in flight", 1, 1000),
        "fetch": About(
            "`http`",
            "`http`, `browser`, or `auto`: in a browser only if a page is empty without JavaScript",
            choices=FETCH_MODES,
        ),
        "screenshot": About("`false`", "keep a picture of each page that a browser fetched in the archive"),
        "request": About("see below", "what is sent with each request"),
        "request.user_agent": About("`crawl.user_agent`", "product name sent, and matched in robots.txt"),
        "request.contact_url": About("`crawl.contact_url`", "URL (http, https, mailto) sent in the user agent"),
        "request.headers": About("none", "header fields by name; values may hold [secrets](#secrets)"),
        "request.cookies": About("none", "cookies by name; values may hold secrets"),
        "request.username": About("none", "of basic authentication"),
        "request.password": About("none", "of basic authentication; one secret and nothing else"),
        "request.session": About("`false`", "keep the cookies that the site sets, for the time of a run"),
        "request.proxies": About(
            "none", "`http://host:port` or `http://user:${secret:NAME}@host:port`, one or more, used in turn"
        ),
        "request.proxy_rotation": About(
            "`request`", "`request`: the next proxy for each request; `host`: one for each host", choices=ROTATIONS
        ),
        "recrawl": About("see below", "how often a page is due again"),
        "recrawl.first_hours": About("`24`", "hours until a page is due for the second time", 0.01, _YEARS_H),
        "recrawl.min_hours": About("`1`", "least hours that are learned from how often a page changes", 0.01, _YEARS_H),
        "recrawl.max_hours": About("`720`", "most hours that are learned", 0.01, _YEARS_H),
        "recrawl.lastmod": About(
            "`true`", "do not ask for a page that its sitemap or feed says has not changed, until `max_hours` are over"
        ),
        "api": About("see below", "for `json_api`: how the answers are read"),
        "api.items": About("the answer", "path of the list of items: names and indexes joined by dots"),
        "api.url": About(
            "needed", "the address of an item: a path in it, or a template like `https://example.org/articles/{id}`"
        ),
        "api.follow": About("`false`", "fetch that address as a page; otherwise the item itself is the document"),
        "api.next_url": About("none", "path of the address of the next page"),
        "api.cursor": About("none", "path of the value that asks for the next page"),
        "api.cursor_parameter": About("`cursor`", "query parameter in which that value is sent"),
        "api.page_parameter": About("none", "query parameter that is counted up until a page has no items"),
        "api.first_page": About("`1`", "the first value of `page_parameter`", 0, _COUNT),
        "feed": About("see below", "for `feed`: what its entries are for"),
        "feed.follow": About("`true`", "fetch the entries' pages; otherwise the entries themselves are the documents"),
        "retention": About("see below", "how long what was fetched is kept"),
        "retention.captures_days": About(
            "for ever",
            "days after which a capture may go with the next [sweep](../howto/archive.md#tidy-up), unless its page"
            " still shows it",
            0.01,
            _YEARS_H / 24,
        ),
        "process": About("see below", "what is made of the pages, and what a document must be like"),
        **PROCESS_FIELDS,
    }
)
