"""Sources as people write them: every fault is named with its place, and what is written out reads back the same."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Invalid
from tidemill.manage.source_files import read_files, rules_of, to_yaml
from tidemill.manage.source_mapping import read_mapping
from tidemill.models.source import (
    KINDS,
    ApiRules,
    CheckRule,
    FeedRules,
    FieldRule,
    ItemsRule,
    LanguageModelRules,
    ObeyRules,
    ProcessRules,
    QueryRules,
    RecrawlRules,
    RequestRules,
    SourceSpec,
)

EXAMPLES = Path(__file__).parents[3] / "examples" / "sources"
FULL = """name: full
kind: website
start: [https://a.example/, "https://b.example/x"]
description: all fields
priority: low
hosts: [a.example, b.example]
within: [https://a.example/]
allow: ["/x/"]
deny: ["/y/"]
query: {keep: [id, page], drop: [sort]}
obey: {nofollow: false, noindex: false, canonical: true}
sitemaps: false
max_pages: 10
max_depth: 0
max_bytes: 1000000
trap_budget: 50
rate_per_s: 0.5
delay_s: 2
concurrency: 2
fetch: auto
screenshot: true
request:
  user_agent: example-bot/1.0
  contact_url: https://example.org/bot
  headers: {Accept-Language: en, X-Api-Key: "${secret:key}"}
  cookies: {consent: "yes", session: "${secret:cookie}"}
  username: ada
  password: ${secret:password_1}
  session: true
  proxies: ["http://proxy.example:3128", "http://me:${secret:proxy}@proxy.example:3128", "${secret:whole_proxy}"]
  proxy_rotation: host
recrawl: {first_hours: 6, min_hours: 0.5, max_hours: 48, lastmod: false}
retention: {captures_days: 90}
process: {min_words: 1, languages: [en], required: [title]}
"""
ELSEWHERE = {"base_url", "api", "feed"}
"""Fields that only other kinds have."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.yaml"


def problems(file: Path, text: str) -> tuple[str, ...]:
    """The problems of a file, without the folder it lies in."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        read_files([file])
    assert caught.value.reason == "source"
    assert str(caught.value) == "\n".join(caught.value.problems)
    return tuple(problem.removeprefix(f"{file.parent}/") for problem in caught.value.problems)


def test_a_file_with_every_field(file: Path) -> None:
    file.write_text(FULL)
    (spec,) = read_files([file])
    assert spec.process == ProcessRules(min_words=1, languages=("en",), required=("title",))
    assert (spec.start, spec.max_depth, spec.sitemaps) == (("https://a.example/", "https://b.example/x"), 0, False)
    assert (spec.query, spec.obey) == (QueryRules(("id", "page"), ("sort",)), ObeyRules(False, False, True))
    assert spec.recrawl == RecrawlRules(6, 0.5, 48, False)
    assert spec.priority == "low"
    assert spec.retention.captures_days == 90
    assert spec.request.headers["X-Api-Key"] == "${secret:key}"
    assert all(
        f"\n{field.name}: " in f"\n{FULL}".replace(":\n", ": ")
        for field in fields(SourceSpec)
        if field.name not in ELSEWHERE
    )


def test_the_rules_of_the_one_source_of_a_file(file: Path) -> None:
    file.write_text("name: a\nstart: [http://a/]\nprocess: {min_words: 9}\n")
    assert rules_of(file) == ProcessRules(min_words=9)
    file.write_text("name: a\nstart: [http://a/]\n---\nname: b\nstart: [http://b/]\n")
    with pytest.raises(Invalid, match=r"holds 2 sources \(a, b\); give a file with one"):
        rules_of(file)


def test_several_documents_and_empty_ones_between(file: Path) -> None:
    file.write_text("---\nname: a\nstart: [http://a/]\n---\n# nothing\n---\nname: b\nstart: [http://b/]\n---\n")
    assert [spec.name for spec in read_files([file])] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nmae: x", "x.yaml:3: unknown field 'nmae'; did you mean name?"),
        ("max_page: 1", "x.yaml:3: unknown field 'max_page'; did you mean max_pages?"),
        ("zzz: x", "x.yaml:3: unknown field 'zzz'; fields are name, kind, start"),
        ("1: x", "x.yaml:3: unknown field '1'"),
        ("process: {min_word: 3}", "x.yaml:3: unknown field 'min_word' in process; did you mean min_words?"),
        ("query:\n  keeps: [a]", "x.yaml:4: unknown field 'keeps' in query; did you mean keep?"),
        ("obey:\n  nofolow: true", "x.yaml:4: unknown field 'nofolow' in obey; did you mean nofollow?"),
        (
            "process:\n  items:\n    css: li\n    csss: x",
            "x.yaml:6: unknown field 'csss' in process.items; did you mean css?",
        ),
        (
            "process:\n  fields:\n    price:\n      css: i\n      tpye: number",
            "x.yaml:7: unknown field 'tpye' in process.fields.price; did you mean type?",
        ),
        (
            "process:\n  fields:\n    price:\n      css: i\n      type: float",
            "x.yaml:7: process.fields.price.type is 'float'; use one of text, html, integer",
        ),
        (
            "process:\n  fields:\n    title: 'h1::nothing'\n    price: i",
            "x.yaml:5: process.fields.title.css is 'h1::nothing', which is no CSS selector",
        ),
        (
            "process:\n  fields:\n    price:\n      css: i\n      transform:\n        - strip\n        - shout",
            "x.yaml:9: process.fields.price.transform is 'shout', which is no verb; use one of strip, lower",
        ),
        (
            "process:\n  checks:\n    price:\n      minimun: 3",
            "x.yaml:6: unknown field 'minimun' in process.checks.price; did you mean minimum?",
        ),
        (
            "process:\n  llm:\n    max_page: 3",
            "x.yaml:5: unknown field 'max_page' in process.llm; did you mean max_pages?",
        ),
        (
            "process:\n  schema:\n    properties:\n      title:\n        type: txt",
            "x.yaml:7: process.schema.properties.title.type is no JSON schema: 'txt' is not valid",
        ),
        ("process:\n\n  time_zone: Madrid", "x.yaml:5: process.time_zone is 'Madrid', which is no zone; give one like"),
        ("request:\n  header: {}", "x.yaml:4: unknown field 'header' in request; did you mean headers?"),
        ("recrawl:\n\n  zzz: 1", "x.yaml:5: unknown field 'zzz' in recrawl; fields are first_hours, min_hours"),
        ("api:\n  item: x", "x.yaml:4: unknown field 'item' in api; did you mean items?"),
        ("max_pages: '9'", "x.yaml:3: max_pages is '9': Input should be a valid integer"),
        ("max_pages: true", "x.yaml:3: max_pages is True: Input should be a valid integer"),
        ("sitemaps: 1", "x.yaml:3: sitemaps is 1: Input should be a valid boolean"),
        ("description: 2026-01-01", "x.yaml:3: description is datetime.date(2026, 1, 1), a date; put it in quotes"),
        ("process: {fields: {1: x}}", "x.yaml:3: process.fields: the name 1 is no text; put it in quotes"),
        ("hosts: &a [*a]", "x.yaml:1: holds too many values, or a value within itself"),
        ("process: {min_words: few}", "x.yaml:3: process.min_words is 'few': Input should be a valid integer"),
        ("process: 3", "x.yaml:3: process is 3: "),
        (
            "kind: webiste",
            "x.yaml:3: kind is 'webiste'; use one of website, sitemap, feed, json_api, ical, files, warc",
        ),
        ("max_pages: many", "x.yaml:3: max_pages is 'many': Input should be a valid integer"),
        ("max_pages: 0", "x.yaml:3: max_pages is 0; give 1 or more"),
        ("max_depth: -1", "x.yaml:3: max_depth is -1; give 0 or more"),
        ("rate_per_s: -0.5", "x.yaml:3: rate_per_s is -0.5; give 0 or more"),
        ("concurrency: 0", "x.yaml:3: concurrency is 0; give 1 or more"),
        ("sitemaps: maybe", "x.yaml:3: sitemaps is 'maybe': Input should be a valid boolean"),
        ("within: [/docs]", "x.yaml:3: within: not an absolute http or https URL: '/docs'; write https://host/path"),
        ("hosts: [a.example]\nwithin: a", "x.yaml:4: within is 'a': Input should be a valid array"),
        ("hosts: ['https://a.example']", "x.yaml:3: source 'a': hosts holds 'https://a.example'; write a name"),
        ("allow: ['(']", "x.yaml:3: source 'a': allow holds '(', which is no regular expression"),
        ("allow: [x]\ndeny: ['[']", "x.yaml:4: source 'a': deny holds '[', which is no regular expression"),
        ("start: [http://b/]", "x.yaml:3: the field 'start' is given twice; keep one"),
        ("process: {min_words: 1, min_words: 2}", "x.yaml:3: the field 'min_words' is given twice; keep one"),
        ("description: [1", "x.yaml:4: is not YAML: "),
        ("\tdescription: x", "x.yaml:3: is not YAML: found character '\\t'"),
        ("description: 2026-02-30", "x.yaml: holds a date or number that does not exist"),
        ("description: !!python/object:os.system x", "x.yaml:3: is not YAML: could not determine a constructor"),
        ('description: "\\ud800"', "x.yaml:3: description holds half a surrogate pair"),
    ],
)
def test_a_fault_is_named_with_its_place_and_the_way_out(file: Path, line: str, problem: str) -> None:
    found = problems(file, f"name: a\nstart: [http://a/]\n{line}\n")
    assert len(found) == 1
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "x.yaml: is empty; a source needs at least name and start"),
        ("---\n---\n# only comments\n", "x.yaml: is empty; a source needs at least name and start"),
        ("just words", "x.yaml:1: a source is a mapping of fields, not str"),
        ("- name: a\n", "x.yaml:1: a source is a mapping of fields, not list"),
        ("start: [http://a/]", "x.yaml:1: name: Field required"),
        ("name: a", "x.yaml:1: start is empty; give at least one URL"),
        ("name: '  '\nstart: [http://a/]", "x.yaml:1: name is '  '; give a word"),
        (
            "name: http://a/\nstart: [http://a/]",
            "x.yaml:1: name is 'http://a/'; give a word that is not empty and no URL",
        ),
        ("name: 5\nstart: [http://a/]", "x.yaml:1: name is 5: Input should be a valid string"),
        ("name: a\nstart:\n- http://a/\n- nonsense", "x.yaml:4: start: not an absolute http or https URL: 'nonsense'"),
        ("name: a\nstart:\n- http://a/\n- 7", "x.yaml:4: start.1 is 7: Input should be a valid string"),
    ],
)
def test_whole_documents_that_are_no_source(file: Path, text: str, problem: str) -> None:
    found = problems(file, text)
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_all_problems_of_all_files_are_told_at_once(file: Path, tmp_path: Path) -> None:
    file.write_text(
        "name: a\nstart: [http://a/]\n---\nname: b\nstart: [x]\nmax_pages: 0\n---\nname: a\nstart: [http://c/]\n"
    )
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: café".encode("latin-1"))
    with pytest.raises(Invalid) as caught:
        read_files([file, tmp_path / "none.yaml", tmp_path, latin])
    told = [problem.removeprefix(f"{tmp_path}") for problem in caught.value.problems]
    assert [problem.partition(";")[0].strip() for problem in told] == [
        "/x.yaml:5: start: not an absolute http or https URL: 'x'",
        "/x.yaml:6: max_pages is 0",
        "/x.yaml: a source named 'a' stands in these files twice",
        "/none.yaml: cannot be read: No such file or directory",
        ": cannot be read: Is a directory",
        "/latin.yaml: is not UTF-8 text (unexpected end of data at byte 9)",
    ]


def test_a_mapping_passes_the_same_rules() -> None:
    assert read_mapping({"name": "a", "start": ["http://a/"]}) == SourceSpec(name="a", start=("http://a/",))
    with pytest.raises(Invalid, match="unknown field 'nmae'; did you mean name"):
        read_mapping({"nmae": "a"})


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=8)
URLS = st.sampled_from(["http://a/", "https://b.example/x?y=1"])
NAMES = st.sampled_from(["a", "page", "42", "null", "yes"])
HOURS = st.lists(st.floats(0.01, 1000), min_size=3, max_size=3).map(sorted)
REQUESTS = st.builds(
    RequestRules,
    user_agent=st.none() | st.just("example-bot/1.0"),
    contact_url=st.none() | URLS,
    headers=st.dictionaries(st.sampled_from(["Accept-Language", "X-Token"]), st.just("v ${secret:a}")),
    cookies=st.dictionaries(NAMES, st.sampled_from(["1", "yes", "${secret:b}"])),
    username=st.just("ada"),
    password=st.none() | st.just("${secret:p}"),
    session=st.booleans(),
    proxies=st.just(()) | st.just(("http://u:${secret:p}@proxy.example:1",)),
    proxy_rotation=st.sampled_from(["request", "host"]),
)
RULES = [
    FieldRule(css="h1"),
    FieldRule(css="a", attribute="href"),
    FieldRule(css=":scope", attribute="href", type="url"),
    FieldRule(xpath="//a[@x='::text']/@href", many=True, transform=("strip", "join:, ")),
    FieldRule(path="data.*.title", required=True, type="json"),
    FieldRule(css="i, b > :not(.x)", type="integer", default=0),
    FieldRule(css="i", type="boolean", default=False),
]
SPECS = st.builds(
    SourceSpec,
    name=TEXT.filter(lambda name: bool(name.strip())),
    kind=st.sampled_from([kind for kind in KINDS if kind not in ("json_api", "files", "warc")]),
    start=st.lists(URLS, min_size=1, max_size=3).map(tuple),
    description=TEXT,
    hosts=st.just(()) | st.just(("a", "b.example")),
    within=st.lists(URLS, max_size=2).map(tuple),
    allow=st.lists(st.sampled_from(["a", "1", "yes", "null", "^x: #$", "'"]), max_size=2).map(tuple),
    query=st.builds(QueryRules, keep=st.none() | st.lists(NAMES, max_size=2).map(tuple)),
    obey=st.builds(ObeyRules, st.booleans(), st.booleans(), st.booleans()),
    sitemaps=st.booleans(),
    max_pages=st.none() | st.integers(1, 10**12),
    max_depth=st.none() | st.integers(0, 5),
    rate_per_s=st.none() | st.floats(0, 1e6),
    fetch=st.sampled_from(["http", "browser", "auto"]),
    request=REQUESTS,
    recrawl=HOURS.map(lambda hours: RecrawlRules(hours[1], hours[0], hours[2])),
    process=st.builds(
        ProcessRules,
        min_words=st.integers(0, 9),
        languages=st.just(()) | st.just(("en", "no")),
        kind=st.none() | st.just("product"),
        fields=st.dictionaries(NAMES, st.sampled_from(RULES)),
        time_zone=st.none() | st.just("Europe/Madrid"),
        prefer=st.just({}) | st.just({"title": ("jsonld", "h1")}),
        checks=st.just({}) | st.just({"price": CheckRule("number", 0, 1e6), "sku": CheckRule(one_of=("1", "yes"))}),
        schema=st.just({}) | st.just({"properties": {"title": {"type": ["string", "null"]}}}),
        near_duplicates=st.none() | st.floats(0.5, 1),
        llm=st.just(LanguageModelRules()) | st.just(LanguageModelRules({"topic": "in a word"}, {"type": "object"}, 5)),
    ),
)
OF_OTHER_KINDS = [
    SourceSpec(name="a", kind="files", start=("/srv/site", "pages", "~/x y"), base_url="https://a.example/"),
    SourceSpec(name="a", kind="feed", start=("http://a/",), feed=FeedRules(follow=False)),
    SourceSpec(name="a", kind="warc", start=("old.warc.gz",)),
    SourceSpec(name="a", kind="json_api", start=("http://a/",), api=ApiRules("data.0", "links.self", True, "next")),
    SourceSpec(name="a", kind="json_api", start=("http://a/",), api=ApiRules(url="https://a/{id}", cursor="c")),
    SourceSpec(
        name="a",
        kind="json_api",
        start=("http://a/",),
        api=ApiRules(url="link"),
        process=ProcessRules(
            fields={"title": FieldRule(path="t", type="json"), "sku": FieldRule(path="s"), "n": FieldRule(path="0")},
            items=ItemsRule(path="list.*", kind="product", key=("sku",), only=False),
        ),
    ),
]


@pytest.mark.thorough
@given(spec=SPECS | st.sampled_from(OF_OTHER_KINDS))
def test_what_is_written_out_reads_back_the_same(file: Path, spec: SourceSpec) -> None:
    file.write_text(to_yaml(spec), encoding="utf-8", newline="")
    assert read_files([file]) == [spec]


def test_what_is_left_at_its_default_is_not_written_out() -> None:
    spec = SourceSpec(name="a", start=("http://a/",), max_depth=0, query=QueryRules(keep=()))
    assert to_yaml(spec) == "name: a\nkind: website\nstart:\n- http://a/\nquery:\n  keep: []\nmax_depth: 0\n"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_check_clean(path: Path) -> None:
    assert read_files([path])


def test_there_are_examples() -> None:
    assert list(EXAMPLES.glob("*.yaml"))
