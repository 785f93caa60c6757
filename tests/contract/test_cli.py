"""The command line as scripts see it: the shape of every answer, exit codes, and what goes to which stream."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.harness.command import Tidemill, clean_environment, executable, run
from tests.harness.sites import site_in_thread
from typer.testing import CliRunner
from warcio.checker import Checker

from tidemill.archive.warc import read_warc
from tidemill.cli.main import app

COMMANDS = (
    "crawl",
    "search",
    "extract",
    "export",
    "ledger",
    "process",
    "doctor",
    "serve",
    "up",
    *(f"sources {verb}" for verb in ("check", "schema", "diff", "apply", "list", "show", "history", "delete")),
    *(f"runs {verb}" for verb in ("list", "show", "cancel")),
    "reprocess",
    *(f"documents {verb}" for verb in ("list", "show", "history", "diff")),
    *(f"deadletters {verb}" for verb in ("list", "show", "replay", "discard")),
    *(f"config {verb}" for verb in ("show", "check")),
    *(f"db {verb}" for verb in ("upgrade", "current", "partition", "retain")),
)
PAGE = (
    b"<!DOCTYPE html><html lang=en><title>Mill</title><h1>Mill</h1>"
    b"<p>The tide turns the wheel twice a day, and the miller with it.</p>"
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A data folder with one small crawl in it."""

    tidemill: Tidemill
    url: str
    summary: dict[str, Any]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with site_in_thread() as site:
        tidemill = Tidemill(tmp_path_factory.mktemp("cli") / "data", cold=True)
        url = f"{site.base_url}/status/"
        yield Filled(tidemill, url, tidemill.crawl(url, "--max-pages", "12"))


@pytest.fixture
def tidemill(tmp_path: Path) -> Tidemill:
    """The command over an empty folder."""
    return Tidemill(tmp_path / "data", cold=True)


def keys(value: dict[str, Any]) -> list[str]:
    return list(value)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_needs_no_data(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert "Example" in done.stdout
    assert "tidemill" in done.stdout
    assert done.stderr == ""


def test_crawl_says_what_it_came_to(filled: Filled) -> None:
    summary = filled.summary
    assert keys(summary) == [
        "run_id",
        "source",
        "status",
        "duration_s",
        "discovered",
        "fetched",
        "outcomes",
        "documents",
        "bytes",
        "saved_requests",
        "saved_bytes",
    ]
    assert summary["status"] == "completed"
    assert summary["discovered"] == sum(summary["outcomes"].values())
    assert summary["duration_s"] > 0
    assert summary["bytes"] > 0


def test_a_command_with_json_says_nothing_on_stderr_when_all_is_well(filled: Filled) -> None:
    for command in (
        ["ledger", "--json"],
        ["runs", "list", "--json"],
        ["search", "door", "--json"],
        ["doctor", "--json"],
    ):
        done = filled.tidemill(*command).expect(0)
        assert done.stderr == "", done
        assert done.json is not None


def test_search_answers_in_the_agreed_shape(filled: Filled) -> None:
    answer = filled.tidemill.search("door", "--limit", "3")
    assert keys(answer) == ["query", "total", "took_ms", "hits", "facets", "facet_errors", "stale"]
    assert answer["query"] == "door"
    hit = answer["hits"][0]
    assert {"id", "url", "title", "score", "highlights", "source", "language", "published_at"} <= set(hit)
    assert any("<mark>" in highlight for each in answer["hits"] for highlight in each["highlights"])
    assert filled.tidemill.search("door", "--source", "nobody")["hits"] == []


@pytest.mark.parametrize("query", ["", '"', "title:", "-only", "((("])
def test_no_query_is_a_traceback(filled: Filled, query: str) -> None:
    done = filled.tidemill("search", query, "--json")
    assert done.code in (0, 1, 2), done
    assert "Traceback" not in done.stderr
    assert done.code != 0 or done.json["total"] >= 0


def test_the_ledger_as_json_as_csv_and_of_one_outcome(filled: Filled) -> None:
    entries = filled.tidemill.ledger()
    assert [keys(entry) for entry in entries] == [
        ["url", "outcome", "reason", "status_code", "depth", "capture_id", "document_ids"]
    ] * len(entries)
    text = filled.tidemill("ledger", "--csv").expect(0).stdout.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["url"] for row in rows] == [entry["url"] for entry in entries]
    assert list(rows[0]) == keys(entries[0])
    blocked = filled.tidemill.ledger("--outcome", "blocked")
    assert blocked == [entry for entry in entries if entry["outcome"] == "blocked"]
    assert len(blocked) == 2
    assert filled.tidemill.ledger("--outcome", "dead") == []
    assert filled.tidemill.ledger(filled.summary["run_id"]) == entries
    assert len(filled.tidemill("ledger").expect(0).stdout.splitlines()) == len(entries)


def test_export_to_stdout_and_to_a_file(filled: Filled, tmp_path: Path) -> None:
    lines = filled.tidemill("export", "-").expect(0)
    documents = lines.lines
    assert len(documents) == filled.summary["documents"]
    for name in ("id", "url", "kind", "title", "author", "published_at", "language", "content", "markdown"):
        assert name in documents[0]
    for name in ("fields", "source", "content_hash", "version"):
        assert name in documents[0]
    file = tmp_path / "documents.jsonl"
    assert filled.tidemill("export", str(file)).expect(0).stdout == b""
    assert file.read_bytes() == lines.stdout
    assert list(tmp_path.iterdir()) == [file]


def test_a_web_archive_is_one_that_others_read_and_holds_every_capture(filled: Filled, tmp_path: Path) -> None:
    file = tmp_path / "captures.warc.gz"
    filled.tidemill("export", str(file), "--format", "warc").expect(0)
    assert Checker(SimpleNamespace(inputs=[str(file)], verbose=False)).process_all() == 0
    with file.open("rb") as source:
        entries = list(read_warc(source, max_body_bytes=10**7))
    captured = [entry["url"] for entry in filled.tidemill.ledger() if entry["capture_id"]]
    assert sorted(entry.url for entry in entries) == sorted(captured)
    assert len(entries) >= 3


def test_an_export_that_cannot_be_written_leaves_nothing(filled: Filled, tmp_path: Path) -> None:
    done = filled.tidemill("export", str(tmp_path / "nowhere" / "documents.jsonl")).expect(1)
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    filled.tidemill("export", "--source", "nobody").expect(1)
    filled.tidemill("export", "--format", "xml").expect(2)


def test_runs_are_listed_shown_and_cancelled(filled: Filled) -> None:
    listed = filled.tidemill("runs", "list", "--json").expect(0).json
    assert [each["run_id"] for each in listed] == [filled.summary["run_id"]]
    shown = filled.tidemill("runs", "show", filled.summary["run_id"], "--json").expect(0).json
    assert shown == filled.tidemill("runs", "show", "--json").expect(0).json
    progress = shown.pop("progress")
    assert shown == listed[0]
    assert (progress["done"], progress["open"], progress["left_s"]) == (filled.summary["discovered"], 0, 0.0)
    assert shown["outcomes"] == filled.summary["outcomes"]
    assert shown["state"] == "completed"
    done = filled.tidemill("runs", "cancel", filled.summary["run_id"]).expect(1)
    assert "ended already" in done.stderr


def test_sources_are_checked_applied_listed_and_shown(tidemill: Tidemill, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text("name: one\nstart: [https://one.example/]\n---\nname: two\nstart: [https://two.example/a/]\n")
    assert tidemill("sources", "check", str(file), "--json").expect(0).json == {"sources": ["one", "two"]}
    assert not tidemill.data_dir.exists(), "checking makes no data folder"
    first = tidemill("sources", "apply", str(file), "--json").expect(0).json
    assert [(each["name"], each["version"], each["changed"]) for each in first] == [("one", 1, True), ("two", 1, True)]
    again = tidemill("sources", "apply", str(file), "--json").expect(0).json
    assert [each["changed"] for each in again] == [False, False]
    listed = tidemill("sources", "list", "--json").expect(0).json
    assert [(each["name"], each["adhoc"], each["documents"]) for each in listed] == [
        ("one", False, 0),
        ("two", False, 0),
    ]
    shown = tidemill("sources", "show", "two", "--json").expect(0).json
    assert shown["spec"]["start"] == ["https://two.example/a/"]
    assert "start:" in tidemill("sources", "show", "two").expect(0).stdout.decode()
    assert "'three'" in tidemill("sources", "show", "three").expect(1).stderr


def test_what_applying_would_change_is_an_exit_status(tidemill: Tidemill, tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("name: one\nstart: [https://one.example/]\n")
    done = tidemill("sources", "diff", str(file)).expect(1)
    assert "one: new" in done.stderr
    assert "+name: one" in done.stdout.decode().splitlines()
    assert tidemill("sources", "list", "--json").expect(0).json == []
    tidemill("sources", "apply", str(file)).expect(0)
    same = tidemill("sources", "diff", str(file)).expect(0)
    assert (same.stdout, "one: as it was" in same.stderr) == (b"", True)
    file.write_text("name: one\nstart: [https://one.example/]\nmax_pages: 7\n")
    (told,) = tidemill("sources", "diff", str(file), "--json").expect(1).json
    assert (told["name"], told["state"], told["diff"].splitlines()[-1]) == ("one", "changed", "+max_pages: 7")


def test_the_history_of_a_source_outlives_it(tidemill: Tidemill, tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    first = "name: one\nkind: website\nstart:\n- https://one.example/\n"
    for text in (first, f"{first}max_pages: 7\n"):
        file.write_text(text)
        tidemill("sources", "apply", str(file)).expect(0)
    assert [each["version"] for each in tidemill("sources", "history", "one", "--json").expect(0).json] == [2, 1]
    (second,) = tidemill("sources", "history", "one", "--version", "2", "--json").expect(0).json
    assert second["diff"].endswith("+max_pages: 7")
    assert "version 2 · 20" in tidemill("sources", "history", "one").expect(0).stdout.decode()
    deleted = tidemill("sources", "delete", "one", "--json").expect(0).json
    assert deleted == {"name": "one", "runs_cancelled": 0, "documents_removed": 0, "purged": False}
    assert tidemill("sources", "list", "--json").expect(0).json == []
    assert tidemill("sources", "show", "one", "--version", "1").expect(0).stdout.decode() == first
    assert tidemill("sources", "show", "one", "--version", "2", "--json").expect(0).json["spec"]["max_pages"] == 7
    assert "has no version 3" in tidemill("sources", "show", "one", "--version", "3").expect(1).stderr
    (revived,) = tidemill("sources", "apply", str(file), "--json").expect(0).json
    assert revived == {"name": "one", "version": 3, "changed": True}
    assert tidemill("sources", "delete", "one", "--purge", "--yes", "--json").expect(0).json["purged"]
    tidemill("sources", "history", "one").expect(1)


@pytest.mark.parametrize(("typed", "code"), [(b"n\n", 1), (b"\n", 1), (b"yes\n", 0)])
def test_a_person_is_asked_before_a_source_is_deleted(
    tidemill: Tidemill, tmp_path: Path, typed: bytes, code: int
) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("name: one\nstart: [https://one.example/]\n")
    tidemill("sources", "apply", str(file)).expect(0)
    person, terminal = os.openpty()
    command = [*executable(), "--data-dir", str(tidemill.data_dir), "sources", "delete", "one"]
    os.write(person, typed)
    with os.fdopen(person, "rb", buffering=0), os.fdopen(terminal, "rb", buffering=0) as end:
        done = subprocess.run(
            command, stdin=end, stderr=end, stdout=subprocess.PIPE, env=clean_environment(), timeout=60, check=False
        )
    assert (done.returncode, done.stdout) == (code, b"")
    assert len(tidemill("sources", "list", "--json").expect(0).json) == code


def test_searches_forget_a_deleted_source(tmp_path: Path) -> None:
    tidemill = Tidemill(tmp_path / "data", cold=True)
    with site_in_thread() as site:
        tidemill.crawl(f"{site.base_url}/status/", "--max-pages", "12")
        (source,) = tidemill("sources", "list", "--json").expect(0).json
        assert source["documents"] > 0
        assert tidemill.search("door", "--source", source["name"])["total"] > 0
        done = tidemill("sources", "delete", source["name"], "--json").expect(0).json
        assert done["documents_removed"] >= source["documents"]
        assert tidemill.search("door")["total"] == 0
        assert tidemill.export() == b""


def test_the_schema_is_one_json_document(tmp_path: Path) -> None:
    schema = run("sources", "schema", cwd=tmp_path).expect(0).json
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"name", "start"}


def test_settings_are_shown_with_their_origin_and_secrets_masked(tmp_path: Path) -> None:
    environ = {"TIDEMILL_API__KEYS": '["canary-key-93a1"]', "TIDEMILL_CRAWL__CONCURRENCY": "3"}
    tidemill = Tidemill(tmp_path / "data", "crawl.max_attempts=2", environ=environ)
    done = tidemill("config", "show", "--json").expect(0)
    shown = done.json
    assert shown["crawl.concurrency"]["value"] == "3"
    assert "TIDEMILL_CRAWL__CONCURRENCY" in shown["crawl.concurrency"]["origin"]
    assert shown["crawl.max_attempts"]["value"] == "2"
    assert shown["crawl.batch_size"]["origin"] == "default"
    assert "canary" not in done.stdout.decode() + done.stderr
    assert "canary" not in tidemill("config", "show").expect(0).stdout.decode()


def test_wrong_settings_are_all_told_at_once(tmp_path: Path) -> None:
    tidemill = Tidemill(
        tmp_path / "data", "crawl.concurrency=0", "net.read_timeout_s=never", "crawl.colour=red", cold=True
    )
    done = tidemill("config", "check", "--json").expect(1)
    assert done.json["ok"] is False
    assert len(done.json["problems"]) == 3
    for name in ("crawl.concurrency", "net.read_timeout_s", "crawl.colour"):
        assert name in done.stderr
    assert Tidemill(tmp_path / "data", cold=True)("config", "check", "--json").expect(0).json == {
        "ok": True,
        "problems": [],
    }


def test_the_database_is_upgraded_and_its_version_told(tidemill: Tidemill) -> None:
    before = tidemill("db", "current", "--json").expect(0).json
    assert before["revision"] is None
    assert tidemill("db", "upgrade", "--json").expect(0).json == {"from": None, "to": before["head"]}
    assert tidemill("db", "upgrade", "--json").expect(0).json == {"from": before["head"], "to": before["head"]}
    assert tidemill("db", "current", "--json").expect(0).json == {"revision": before["head"], "head": before["head"]}


def test_letting_old_rows_go(tidemill: Tidemill) -> None:
    empty = {
        "partitions_made": [],
        "partitions_dropped": [],
        "runs_compacted": 0,
        "visits_deleted": 0,
        "events_deleted": 0,
    }
    old = ("--set", "retention.visits_days=30", "--set", "retention.events_days=30")
    assert tidemill(*old, "db", "retain", "--json").expect(0).json == {"dry_run": False, **empty}
    assert tidemill(*old, "db", "retain", "--dry-run", "--json").expect(0).json == {"dry_run": True, **empty}
    assert "runs compacted: 0" in tidemill("db", "retain").expect(0).stdout.decode()


def test_a_database_without_partitions_says_so(tidemill: Tidemill) -> None:
    assert "SQLite has no partitions" in tidemill("db", "partition").expect(1).stderr


def test_the_doctor_finds_a_sound_folder_sound(filled: Filled) -> None:
    findings = filled.tidemill("doctor", "--json").expect(0).json
    assert {each["check"] for each in findings} >= {"python", "data folder", "database", "archive", "search"}
    assert not [each for each in findings if each["status"] == "fail"]
    assert all(keys(each) == ["check", "status", "detail"] for each in findings)


def test_a_page_is_extracted_from_a_file_and_from_stdin(tmp_path: Path) -> None:
    file = tmp_path / "mill.html"
    file.write_bytes(PAGE)
    from_file = run("extract", str(file), "--url", "http://mill.example/", "--json").expect(0).json
    from_stdin = run("extract", "-", "--url", "http://mill.example/", "--json", stdin=PAGE).expect(0).json
    assert from_file == from_stdin
    assert from_file["title"] == "Mill"
    assert from_file["url"] == "http://mill.example/"
    assert "twice a day" in from_file["content"]
    assert "twice a day" in run("extract", stdin=PAGE).expect(0).stdout.decode()
    missing = run("extract", str(tmp_path / "none.html")).expect(1)
    assert "none.html" in missing.stderr


def test_lines_are_extracted_in_order_and_a_bad_one_ends_nothing() -> None:
    good = [
        {"id": f"p{n}", "url": f"http://a.example/{n}", "html": PAGE.decode().replace("Mill", f"Mill {n}")}
        for n in range(40)
    ]
    lines = [json.dumps(each) for each in good]
    lines[7], lines[20], lines[33] = "this is no JSON", '{"id": "no-html"}', "[1, 2]"
    lines.append("")
    done = run("--set", "process.workers=2", "extract", "--jsonl", stdin="\n".join(lines).encode())
    given = done.expect(0).lines
    assert len(given) == len(good)
    for number, line in enumerate(given):
        if number in (7, 20, 33):
            assert keys(line) == ["id", "error"], line
        else:
            assert (line["id"], line["title"]) == (f"p{number}", f"Mill {number}")
    assert given[20]["id"] == "no-html"
    assert given[7]["id"] == 8


def test_the_data_folder_may_stand_before_or_after_the_command_or_in_the_environment(tmp_path: Path) -> None:
    for number, (arguments, environ) in enumerate(
        (
            (("--data-dir", "{}", "db", "upgrade"), {}),
            (("db", "upgrade", "--data-dir", "{}"), {}),
            (("db", "upgrade"), {"TIDEMILL_DATA_DIR": "{}"}),
            (("--data-dir", "{}", "db", "upgrade"), {"TIDEMILL_DATA_DIR": str(tmp_path / "wrong")}),
        )
    ):
        folder = str(tmp_path / f"d{number}")
        given = {name: value.format(folder) for name, value in environ.items()}
        run(*(part.format(folder) for part in arguments), environ=given, cwd=tmp_path).expect(0)
        assert Path(folder, "tidemill.db").is_file()
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("crawl",),
        ("crawl", "http://a.example/", "--max-pages", "0"),
        ("crawl", "http://a.example/", "--rate", "fast"),
        ("crawl", "http://a.example/", "--nonsense"),
        ("ledger", "--json", "--csv"),
        ("ledger", "--outcome", "splendid"),
        ("search",),
        ("sources", "apply"),
        ("sources", "diff"),
        ("sources", "show", "x", "--version", "0"),
        ("sources", "delete", "x", "--purge"),
        ("nothing",),
        ("--set", "novalue", "doctor"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_wrong_usage_is_two_and_says_why_on_stderr(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["--data-dir", str(tmp_path / "data"), *arguments])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("crawl", "nobody", "--json"),
        ("runs", "show", "--json"),
        ("runs", "show", "no-such-run", "--json"),
        ("runs", "cancel", "no-such-run", "--json"),
        ("ledger", "--json"),
        ("ledger", "no-such-run", "--json"),
        ("sources", "show", "nobody", "--json"),
        ("sources", "history", "nobody", "--json"),
        ("sources", "delete", "nobody", "--yes", "--json"),
        ("sources", "check", "no-such-file.yaml", "--json"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_an_error_is_one_and_a_sentence_on_stderr_and_nothing_on_stdout(
    tidemill: Tidemill, arguments: tuple[str, ...]
) -> None:
    done = tidemill(*arguments).expect(1)
    assert done.stdout == b""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", ["export", "ledger --json", "ledger --csv", "ledger", "config show", "extract --jsonl"]
)
def test_a_reader_that_goes_away_costs_no_traceback(filled: Filled, command: str) -> None:
    """`tidemill export | head -1`, with a reader that reads nothing at all."""
    before = ["--data-dir", str(filled.tidemill.data_dir)]
    writing = subprocess.Popen(
        [*executable(), *before, *command.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    with writing:
        assert writing.stdout is not None
        assert writing.stderr is not None
        assert writing.stdin is not None
        writing.stdout.close()
        writing.stdin.write(json.dumps({"id": 1, "html": PAGE.decode()}).encode() if "jsonl" in command else b"")
        writing.stdin.close()
        said = writing.stderr.read().decode()
        writing.wait(30)
    assert "Traceback" not in said
    assert "Exception" not in said
    assert "never retrieved" not in said
