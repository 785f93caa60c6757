"""What the types cannot say of a source: each rule with a value that breaks it, and one next to it that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tidemill.errors import Forbidden, Invalid
from tidemill.manage.source_mapping import read_mapping
from tidemill.manage.source_rules import faults
from tidemill.manage.sources import refuse_foreign_files, refuse_foreign_secrets
from tidemill.models.account import Role, caller_of
from tidemill.models.source import SourceSpec

SOURCE = {"name": "a", "start": ["https://a.example/"]}
API = {"name": "a", "kind": "json_api", "start": ["https://a.example/api"], "api": {"url": "link"}}
SECRET = "hunter2-canary"  # pragma: allowlist secret


def problems(given: dict[str, Any]) -> list[str]:
    """What is wrong with a source; nothing if it is right."""
    try:
        read_mapping(given)
    except Invalid as error:
        return list(error.problems)
    return []


def only(given: dict[str, Any]) -> str:
    """The one problem of a source."""
    (problem,) = problems(given)
    return problem


@pytest.mark.parametrize(
    ("field", "good", "bad", "problem"),
    [
        ("name", "a/b c", "a/versions", "name is 'a/versions'; give one without"),
        ("name", "a", "a\nb", "name is 'a\\nb'; give one without control characters"),
        ("max_pages", 1, 0, "max_pages is 0; give 1 or more"),
        ("max_depth", 0, -1, "max_depth is -1; give 0 or more"),
        ("max_bytes", 1, 0, "max_bytes is 0; give 1 or more"),
        ("max_bytes", 10**15, 10**15 + 1, "max_bytes is 1000000000000001; give 1000000000000000 or less"),
        ("trap_budget", 1, 0, "trap_budget is 0; give 1 or more"),
        ("rate_per_s", 0, -0.1, "rate_per_s is -0.1; give 0 or more"),
        ("rate_per_s", 0.5, float("nan"), "rate_per_s is nan; give 0 or more"),
        ("rate_per_s", 2, float("inf"), "rate_per_s is inf; give 0 or more"),
        ("delay_s", 3600, 3601, "delay_s is 3601.0; give 3600 or less"),
        ("concurrency", 1000, 1001, "concurrency is 1001; give 1000 or less"),
        ("fetch", "auto", "chrome", "fetch is 'chrome'; use one of http, browser, auto"),
        ("kind", "ical", "calendar", "kind is 'calendar'; use one of website, "),
        ("within", ["http://a/"], ["a/"], "within: not an absolute http or https URL: 'a/'; write"),
        ("hosts", ["a:8080"], ["http://a"], "source 'a': hosts holds 'http://a'; write a name"),
        ("allow", ["^a{2}$"], ["a{2"[:2] + "("], "source 'a': allow holds 'a{(', which is no regular expression"),
        ("deny", ["b"], ["b", "*"], "source 'a': deny holds '*', which is no regular expression"),
        ("query", {"keep": []}, {"keep": ["a=1"]}, "query.keep holds 'a=1'; give the name of a parameter alone"),
        ("query", {"drop": ["a"]}, {"drop": [""]}, "query.drop holds ''; give the name"),
        ("query", {"keep": ["a"]}, {"keep": ["a"], "drop": ["a"]}, "query.drop and query.keep both hold 'a'"),
        ("recrawl", {"min_hours": 24}, {"min_hours": 25}, "recrawl has min_hours 25, first_hours 24, max_hours 720"),
        ("recrawl", {"max_hours": 24}, {"max_hours": 23}, "recrawl has min_hours 1, first_hours 24, max_hours 23"),
        ("recrawl", {"min_hours": 0.5}, {"min_hours": 0}, "recrawl.min_hours is 0.0; give 0.01 or more"),
        ("process", {"min_words": 0}, {"min_words": -1}, "process.min_words is -1; give 0 or more"),
        ("process", {"languages": ["en"]}, {"languages": ["EN"]}, "process.languages holds 'EN'; give ISO 639"),
        ("process", {"fields": {"title": "t.x"}}, {"fields": {"title": "t..x"}}, "process.fields.title.css is 't..x'"),
        ("process", {"required": ["title"]}, {"required": [" "]}, "process.required holds an empty name"),
        ("request", {"proxy_rotation": "host"}, {"proxy_rotation": "none"}, "request.proxy_rotation is 'none'; use"),
        ("request", {"user_agent": "b/1"}, {"user_agent": "b\r\nX: y"}, "request.user_agent is 'b\\r\\nX: y'; give"),
        ("request", {"contact_url": "mailto:a@b.example"}, {"contact_url": "a@b"}, "request.contact_url is 'a@b'"),
        ("request", {"username": "u"}, {"username": "u:v"}, "request.username holds a colon"),
    ],
)
def test_a_rule_and_what_breaks_it(field: str, good: Any, bad: Any, problem: str) -> None:
    assert problems({**SOURCE, field: good}) == []
    assert any(each.startswith(problem) for each in problems({**SOURCE, field: bad})), problems({**SOURCE, field: bad})


@pytest.mark.parametrize("kind", ["website", "sitemap", "feed", "ical"])
def test_the_start_of_most_kinds_is_a_url(kind: str) -> None:
    assert problems({"name": "a", "kind": kind, "start": ["https://a.example/x"]}) == []
    assert "not an absolute http or https URL" in only({"name": "a", "kind": kind, "start": ["pages/"]})
    assert only({"name": "a", "kind": kind}) == "start is empty; give at least one URL"


@pytest.mark.parametrize("kind", ["files", "warc"])
def test_the_start_of_files_and_archives_is_a_path(kind: str) -> None:
    assert problems({"name": "a", "kind": kind, "start": ["pages", "/srv/pages", "../x y"]}) == []
    for url in ("http://a/", "file:///srv"):
        assert only({"name": "a", "kind": kind, "start": [url]}).startswith(f"start: {url!r} is a URL; write the path")
    assert "is no path" in only({"name": "a", "kind": kind, "start": ["a\x00b"]})
    assert only({"name": "a", "kind": kind}) == "start is empty; give at least one path"


def test_some_fields_belong_to_one_kind() -> None:
    files = {"name": "a", "kind": "files", "start": ["x"], "base_url": "https://a.example/"}
    assert problems(files) == []
    assert only({**files, "kind": "warc"}).startswith("base_url is given, but kind is 'warc'; take it out")
    assert only({**files, "base_url": "a.example"}).startswith("base_url: not an absolute http or https URL")
    assert problems(API) == []
    assert problems({**SOURCE, "kind": "feed", "feed": {"follow": False}}) == []
    assert only({**SOURCE, "feed": {"follow": False}}).startswith("feed is given, but kind is 'website'; take it out")
    assert only({**API, "kind": "feed"}).startswith("api is given, but kind is 'feed'; take it out")
    assert only({**API, "api": {}}).startswith("api.url is missing; give the path of an item's address, or a template")


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ({"items": ""}, {"items": "a."}, "api.items is 'a.'; give names and indexes joined by dots"),
        ({"items": "data.0.list"}, {"items": "{x}"}, "api.items is '{x}'"),
        ({"url": "links.0.href"}, {"url": "/x y/"}, "api.url is '/x y/'; give names joined by dots, or a template"),
        ({"url": "https://a/{id}?v={a.b}"}, {"url": "https://a/{id"}, "api.url is 'https://a/{id'; write a template"),
        ({"url": "https://a/{id}"}, {"url": "https://a/all"}, "api.url is 'https://a/all'; write a template"),
        ({"url": "https://a/{id}"}, {"url": "/articles/{id}"}, "api.url is '/articles/{id}'; write a template"),
        ({"next_url": "next"}, {"next_url": ""}, "api.next_url is ''; give names"),
        ({"cursor": "meta.next"}, {"cursor": "a b"}, "api.cursor is 'a b'; give names"),
        ({"page_parameter": "page"}, {"page_parameter": "p="}, "api.page_parameter is 'p='; give the name"),
        ({"first_page": 0}, {"first_page": -1}, "api.first_page is -1; give 0 or more"),
        ({"cursor": "c"}, {"cursor": "c", "next_url": "n"}, "api has next_url and cursor; keep one way"),
        ({"next_url": "n"}, {"next_url": "n", "page_parameter": "p"}, "api has next_url and page_parameter; keep"),
    ],
)
def test_how_an_api_is_read(good: dict[str, Any], bad: dict[str, Any], problem: str) -> None:
    assert problems({**API, "api": {"url": "link", **good}}) == []
    assert only({**API, "api": {"url": "link", **bad}}).startswith(problem)


@pytest.mark.parametrize(
    "name",
    ["Host", "connection", "CONTENT-LENGTH", "Transfer-Encoding", "TE", "Expect", "Accept-Encoding", "If-None-Match"],
)
def test_what_the_client_sets_itself_is_no_header_of_a_source(name: str) -> None:
    told = only({**SOURCE, "request": {"headers": {name: "x"}}})
    assert told == f"request.headers: {name} is set by the client for each request; take it out"


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"X A": "x"}, "request.headers: 'X A' is no name of a header field"),
        ({"": "x"}, "request.headers: '' is no name of a header field"),
        ({"X\r\nHost": "x"}, "request.headers: 'X\\r\\nHost' is no name"),
        ({"X-A": "x\r\nHost: y"}, "request.headers.X-A holds line breaks"),
        ({"X-A": "x\x00"}, "request.headers.X-A holds line breaks or other characters"),
        ({"X-A": "naïve"}, "request.headers.X-A holds line breaks or other characters"),
        ({"X-A": "1", "x-a": "2"}, "request.headers: x-a is given twice"),
        ({"User-Agent": "x"}, "request.headers: User-Agent has a field of its own; give request.user_agent"),
        ({"X-A": "${env:HOME}"}, "request.headers.X-A holds a ${…} that is no secret; write ${secret:NAME}"),
        ({"X-A": "${secret:A-B}"}, "request.headers.X-A holds a ${…} that is no secret"),
    ],
)
def test_headers_are_legal(headers: dict[str, str], problem: str) -> None:
    assert only({**SOURCE, "request": {"headers": headers}}).startswith(problem)


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("a", "x;y"), ("a", 'x"'), ("a", "x\r\ny"), ("a;b", "x")])
def test_cookies_are_legal(name: str, value: str) -> None:
    assert only({**SOURCE, "request": {"cookies": {name: value}}}).startswith("request.cookies")


def test_the_same_is_not_said_twice() -> None:
    headers = {"Authorization": "Bearer ${secret:a}", "Cookie": "a=${secret:b}"}
    assert problems({**SOURCE, "request": {"headers": headers}}) == []
    assert problems({**SOURCE, "request": {"headers": headers, "username": "u", "cookies": {"x": "1"}}}) == [
        "request.username and the header Authorization say the same; keep one",
        "request.cookies and the header Cookie say the same; keep one",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"headers": {"proxy-authorization": SECRET}},
        {"headers": {"COOKIE": f"a={SECRET}"}},
        {"headers": {"X-Api-Key": SECRET}},
        {"headers": {"apikey": SECRET}},
        {"headers": {"My_Api_Key": SECRET}},
        {"headers": {"X-Auth-Token": SECRET}},
        {"headers": {"client-secret-id": SECRET}},
        {"cookies": {"PHPSESSION": SECRET}},
        {"username": "u", "password": SECRET},
        {"username": "u", "password": f"{SECRET}${{secret:a}}"},
        {"username": "u", "password": "${secret:a}" + SECRET},
        {"proxies": [f"http://u:{SECRET}@proxy.example:1"]},
        {"proxies": [f"http://u:${{secret:a}}{SECRET}@proxy.example:1"]},
        {"proxies": [f"socks9://u:{SECRET}@proxy.example"]},
        {"proxies": [f"http://u:{SECRET}@[::1"]},
        {"contact_url": f"http://u:{SECRET}@a.example/"},
        {"password": 7, "username": [SECRET]},
        {"headers": {"X-Token": [SECRET]}},
        {"proxies": SECRET},
        {"cookies": SECRET},
        SECRET,
    ],
    ids=str,
)
def test_a_secret_is_never_written_out_and_never_repeated(request_: Any) -> None:
    found = problems({**SOURCE, "request": request_})
    assert found
    assert not any(SECRET in each for each in found), found


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"Authorization": "Bearer ${secret:a_1}"}},
        {"headers": {"X-Api-Key": "${secret:a}-${secret:b}", "Accept-Language": "en"}},
        {"cookies": {"session": "${secret:a}", "consent": "yes"}},
        {"username": "u", "password": "${secret:a}"},
        {"username": "sk_live"},
        {"proxies": ["http://proxy.example:3128", "https://u@proxy.example", "${secret:a}"]},
        {"proxies": ["http://u:${secret:a}@proxy.example:3128/", "http://${secret:both}@proxy.example:1"]},
    ],
    ids=str,
)
def test_references_stand_where_secrets_do(request_: dict[str, Any]) -> None:
    assert problems({**SOURCE, "request": request_}) == []


@pytest.mark.parametrize(
    "proxy",
    ["proxy.example:3128", "socks5://proxy.example", "http://", "http://p/x", "http://p:0", "http://p?x", "a b"],
)
def test_a_proxy_is_a_url(proxy: str) -> None:
    assert "which is no proxy; write http://host:port" in only({**SOURCE, "request": {"proxies": [proxy]}})


@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("start", f"https://u:{SECRET}@a.example/"),
        ("start", f"https://u:{SECRET}/@a.example/"),
        ("start", f"ftp://u:{SECRET}@a.example/"),
        ("start", f"https://u:p@x:{SECRET}@a.example/"),
        ("within", f"https://{SECRET}@a.example/"),
        ("hosts", f"u:{SECRET}@a.example"),
    ],
)
def test_no_url_holds_a_password(field: str, url: str) -> None:
    found = problems({**SOURCE, field: [url]})
    assert found
    assert SECRET not in str(found)
    assert field != "start" or "ftp" in url or "/@" in url or "give request.username and request.password" in found[0]


def test_a_password_is_not_repeated_when_a_list_was_forgotten() -> None:
    assert SECRET not in only({"name": "a", "start": f"https://u:{SECRET}@a.example/"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", "${secret:a}"),
        ("start", ["https://a.example/?key=${secret:a}"]),
        ("deny", ["${secret:a}"]),
        ("request", {"username": "${secret:a}"}),
        ("request", {"user_agent": "${secret:a}"}),
        ("process", {"fields": {"title": "${secret:a}"}}),
    ],
)
def test_a_reference_that_nobody_resolves_is_a_fault(field: str, value: Any) -> None:
    assert any("holds a secret, which may stand only in" in each for each in problems({**SOURCE, field: value}))


def test_every_fault_has_a_place_and_they_are_told_together() -> None:
    spec = SourceSpec(name="", start=("x",), deny=("(",), max_pages=0, fetch="no")
    assert [place for place, _ in faults(spec)] == [("name",), ("max_pages",), ("fetch",), ("start", 0), ("deny", 0)]


class TestFilesOverTheApi:
    """A source that comes in from outside may read where the operator allows it, and nowhere else."""

    @pytest.fixture
    def spec(self, tmp_path: Any) -> SourceSpec:
        (tmp_path / "open" / "inner").mkdir(parents=True)
        (tmp_path / "closed").mkdir()
        (tmp_path / "open" / "link").symlink_to(tmp_path / "closed")
        return SourceSpec(name="a", kind="files", start=(f"{tmp_path}/open/inner",))

    def test_below_a_root(self, spec: SourceSpec, tmp_path: Any) -> None:
        refuse_foreign_files(spec, [tmp_path / "other", tmp_path / "open"])
        refuse_foreign_files(SourceSpec(name="a", start=("http://a/",)), [])

    @pytest.mark.parametrize(
        "start",
        ["{0}/closed", "{0}/open/../closed", "{0}/open/link", "{0}/opening", "open/inner", "~/open", "/", "{0}"],
    )
    @pytest.mark.parametrize("kind", ["files", "warc"])
    def test_elsewhere(self, spec: SourceSpec, tmp_path: Any, start: str, kind: str) -> None:
        bad = replace(spec, kind=kind, start=(*spec.start, start.format(tmp_path)))
        with pytest.raises(Forbidden, match=r"crawl\.file_roots") as caught:
            refuse_foreign_files(bad, [tmp_path / "open"])
        assert caught.value.reason == "file_source"

    def test_no_root_allows_nothing(self, spec: SourceSpec) -> None:
        with pytest.raises(Forbidden):
            refuse_foreign_files(spec, [])


class TestSecretsOverTheApi:
    """Who says where a source points to gets what it sends: secrets are the admins' to send."""

    OPERATOR = caller_of("user:ada", Role.OPERATOR)

    @pytest.mark.parametrize(
        "request_",
        [
            {"headers": {"X-Api-Key": "${secret:first}"}},
            {"headers": {"X-Own": "Token ${secret:second} of ${secret:first}"}},
            {"cookies": {"sid": "${secret:first}"}},
            {"username": "us", "password": "${secret:first}"},
            {"proxies": ["http://proxy.example:1", "http://us:${secret:first}@proxy.example:1"]},
            {"proxies": ["${secret:first}"]},
        ],
    )
    def test_wherever_it_stands(self, request_: dict[str, Any]) -> None:
        spec = read_mapping({**SOURCE, "request": request_})
        for allowed in ([], ["second"], ["firs", "first_"]):
            with pytest.raises(Forbidden, match=r"'(first|second)'.*crawl\.api_secrets") as caught:
                refuse_foreign_secrets(spec, self.OPERATOR, allowed)
            assert caught.value.reason == "secret_source"
        refuse_foreign_secrets(spec, self.OPERATOR, ["first", "second"])
        refuse_foreign_secrets(spec, caller_of("key:1", Role.ADMIN), [])

    def test_none(self) -> None:
        spec = read_mapping({**SOURCE, "request": {"headers": {"Accept-Language": "de"}}})
        refuse_foreign_secrets(spec, self.OPERATOR, [])


@pytest.mark.parametrize(
    "request_",
    [
        *({"headers": {name: SECRET}} for name in ("X-Auth", "X-Auth-Key", "X-Access-Key", "X-Authorization", "X-JWT")),
        *({"headers": {name: SECRET}} for name in ("X-Password", "X-Session", "X-Credential", "Private-Key")),
        *({"cookies": {name: SECRET}} for name in ("PHPSESSID", "sid", "connect.sid", "auth", "jwt")),
    ],
)
def test_names_that_mostly_bear_secrets_must_refer_to_one(request_: dict[str, Any]) -> None:
    found = only({**SOURCE, "request": request_})
    assert "holds a secret (not shown)" in found
    assert SECRET not in found


def test_the_template_of_an_api_does_not_repeat_a_password() -> None:
    assert SECRET not in only({**API, "api": {"url": f"https://u:{SECRET}@a.example/{{id}}"}})
