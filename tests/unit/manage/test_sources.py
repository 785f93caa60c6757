"""Sources as people write them: every fault is named with its place, and what is written out reads back the same."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import Invalid
from tidemill.manage.sources import KINDS, read_files, read_mapping, to_yaml
from tidemill.models.source import ProcessRules, Source, SourceSpec

EXAMPLES = Path(__file__).parents[3] / "examples" / "sources"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FULL = """name: full
kind: website
start: [https://a.example/, "https://b.example/x"]
description: all fields
hosts: [a.example, b.example]
within: [https://a.example/]
allow: ["/x/"]
deny: ["/y/"]
sitemaps: false
max_pages: 10
max_depth: 0
rate_per_s: 0.5
concurrency: 2
process: {min_words: 1, languages: [en], required: [title]}
"""


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
    assert all(field.name in FULL for field in fields(SourceSpec))


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
        ("process: {min_word: 3}", "x.yaml:3: unknown field 'min_word'; did you mean min_words?"),
        ("process: {min_words: few}", "x.yaml:3: process.min_words is 'few': Input should be a valid integer"),
        ("process: 3", "x.yaml:3: process is 3: "),
        ("kind: webiste", "x.yaml:3: kind is 'webiste'; use one of website, sitemap, feed"),
        ("max_pages: many", "x.yaml:3: max_pages is 'many': Input should be a valid integer"),
        ("max_pages: 0", "x.yaml:3: max_pages is 0; give 1 or more"),
        ("max_depth: -1", "x.yaml:3: max_depth is -1; give 0 or more"),
        ("rate_per_s: -0.5", "x.yaml:3: rate_per_s is -0.5; give 0 or more"),
        ("concurrency: 0", "x.yaml:3: concurrency is 0; give 1 or more"),
        ("sitemaps: maybe", "x.yaml:3: sitemaps is 'maybe': Input should be a valid boolean"),
        ("within: [/docs]", "x.yaml:3: within: not an absolute http or https URL: '/docs'; write https://host/path"),
        ("hosts: [a.example]\nwithin: a", "x.yaml:4: within is 'a': Input should be a valid tuple"),
        ("hosts: ['https://a.example']", "x.yaml:3: source 'a': hosts holds 'https://a.example'; write a name"),
        ("allow: ['(']", "x.yaml:3: source 'a': allow holds '(', which is no regular expression"),
        ("allow: [x]\ndeny: ['[']", "x.yaml:4: source 'a': deny holds '[', which is no regular expression"),
        ("start: [http://b/]", "x.yaml:3: the field 'start' is given twice; keep one"),
        ("process: {min_words: 1, min_words: 2}", "x.yaml:3: the field 'min_words' is given twice; keep one"),
        ("description: [1", "x.yaml:4: is not YAML: "),
        ("\tdescription: x", "x.yaml:3: is not YAML: found character '\\t'"),
        ("description: 2026-02-30", "x.yaml: holds a date or number that does not exist"),
        ("description: !!python/object:os.system x", "x.yaml:3: is not YAML: could not determine a constructor"),
        ('description: "\\ud800"', "x.yaml:1: holds half a surrogate pair"),
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
        ("name: a\nstart:\n- http://a/\n- nonsense", "x.yaml:3: start: not an absolute http or https URL: 'nonsense'"),
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
SPECS = st.builds(
    SourceSpec,
    name=TEXT.filter(lambda name: bool(name.strip())),
    kind=st.sampled_from(KINDS),
    start=st.lists(URLS, min_size=1, max_size=3).map(tuple),
    description=TEXT,
    hosts=st.just(()) | st.just(("a", "b.example")),
    within=st.lists(URLS, max_size=2).map(tuple),
    allow=st.lists(st.sampled_from(["a", "1", "yes", "null", "^x: #$", "'"]), max_size=2).map(tuple),
    sitemaps=st.booleans(),
    max_pages=st.none() | st.integers(1, 10**12),
    max_depth=st.none() | st.integers(0, 5),
    rate_per_s=st.none() | st.floats(0, 1e6),
    process=st.builds(ProcessRules, min_words=st.integers(0, 9), languages=st.just(()) | st.just(("en", "no"))),
)


@given(spec=SPECS)
def test_what_is_written_out_reads_back_the_same(file: Path, spec: SourceSpec) -> None:
    file.write_text(to_yaml(Source("id", spec, 1, False, NOW, NOW)), encoding="utf-8", newline="")
    assert read_files([file]) == [spec]


def test_what_is_left_at_its_default_is_not_written_out() -> None:
    source = Source("id", SourceSpec(name="a", start=("http://a/",), max_depth=0), 1, False, NOW, NOW)
    assert to_yaml(source) == "name: a\nkind: website\nstart:\n- http://a/\nmax_depth: 0\n"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_check_clean(path: Path) -> None:
    assert read_files([path])


def test_there_are_examples() -> None:
    assert list(EXAMPLES.glob("*.yaml"))
