"""All that is wrong is said at once, each with value, origin and the way out; secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.errors import Invalid
from tidemill.settings import load_settings

CANARY = "canary-7f3a9c"


def problems(directory: Path, overrides: dict[str, object] | None = None, **environ: str) -> tuple[str, ...]:
    with pytest.raises(Invalid) as caught:
        load_settings(overrides, environ=environ, directory=directory)
    assert caught.value.reason == "settings"
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TIDEMILL_SEARCH__BATCH_SIZE=0\nthis is no assignment\n")
    found = problems(
        tmp_path,
        {"crawl.concurrency": "many", "crawl.colour": "red"},
        TIDEMILL_API__PORT="99999",
        TIDEMILL_NET__READ_TIMEOUT_S="100",
        TIDEMILL_QUEUE__URL="carrier-pigeon://x",
    )
    assert [problem.split(" ")[0] for problem in found] == [
        f"{tmp_path / '.env'},",
        "crawl.colour",
        "search.batch_size",
        "crawl.concurrency",
        "api.port",
        "queue.url",
        "net.read_timeout_s",
    ]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            {"crawl.concurrency": "many"},
            "crawl.concurrency = many (command line): input should be a valid integer, unable to parse string as an "
            "integer; it takes: whole number, at least 1 and at most 1_000",
        ),
        (
            {"net": {"allow_hosts": ["intranet"]}},
            "net.allow_hosts = intranet (command line): 'intranet' is not host:port; write it like "
            "intranet.example:8080",
        ),
        (
            {"crawl.rate_per_s": float("inf")},
            "crawl.rate_per_s = inf (command line): input should be a finite number; it takes: number, at least 0",
        ),
        ({"api": 3}, "api = 3 (command line): a group of settings, not one; set api.…"),
        (
            {"crawl.user_agent": "evil\r\nX: y"},
            "crawl.user_agent = evil\\r\\nX: y (command line): not a product name (RFC 9110); write it like tidemill "
            "or tidemill/1.0",
        ),
        (
            {"database.url": "mysql://h/d"},
            "database.url = mysql://h/d (command line): no implementation for 'mysql'; begin it with sqlite: or"
            " postgresql: or postgres:",
        ),
        (
            {"crawl.retry_base_s": 100},
            "crawl.retry_base_s = 100.0 (command line): greater than crawl.retry_cap_s (60); lower it, or raise "
            "crawl.retry_cap_s",
        ),
        (
            {"profile": "prodution"},
            "profile = prodution (command line): no such profile; set TIDEMILL_PROFILE to one of local, staging, "
            "production, docker",
        ),
    ],
)
def test_line_tells_name_value_origin_fault_and_way_out(
    overrides: dict[str, object], line: str, tmp_path: Path
) -> None:
    assert problems(tmp_path, overrides) == (line,)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("crawl: [1", "while parsing"),
        ("- crawl", "not a mapping of settings"),
        ("profile: docker", "a profile file cannot name a profile"),
        ("crawl: {concurency: 1}", "did you mean crawl.concurrency?"),
        ("crawl: {concurrency: [1]}", "input should be a valid integer"),
        ("crawl:\n  max_pages: 0", "max_pages = 0"),
    ],
)
def test_profile_file_is_checked(text: str, part: str, tmp_path: Path) -> None:
    (tmp_path / "local.yaml").write_text(text)
    (found,) = problems(tmp_path, TIDEMILL_CONFIG_DIR=str(tmp_path))
    assert part in found
    assert str(tmp_path / "local.yaml") in found


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY * 10_000)
    found = problems(
        tmp_path,
        {"database.url": f"postgresql://u:{CANARY}@h/d?password={CANARY}", "api.keys": {"x": CANARY}},
        TIDEMILL_API__KEYS_FILE=str(tmp_path / "secret"),
        TIDEMILL_ARCHIVE__URL=f"s3://{CANARY}@bucket",
        TIDEMILL_PROFILE="production",
        API_KEYS=f"{CANARY}",
    )
    assert len(found) >= 3
    assert CANARY not in "\n".join(found)


def test_production_is_strict(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {"api.keys": ["short"], "crawl.robots": False, "logging.level": "debug"},
        TIDEMILL_PROFILE="production",
    )
    assert [problem.split(" ")[0] for problem in found] == ["api.keys", "crawl.robots", "logging.level"]
    assert "short" not in found[0].partition("holds")[0]


def test_production_needs_no_key_for_an_open_address(tmp_path: Path) -> None:
    """A key is made at the first start instead."""
    settings = load_settings({"api.host": "0.0.0.0", "profile": "production"}, environ={}, directory=tmp_path)
    assert settings.api.keys == ()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"url": "s3://bucket/x"}, ["archive.access_key = none", "archive.secret_key = none"]),
        ({"url": "s3://Bucket/x", "credentials": "chain"}, ["archive.url = s3://Bucket/x (command line): no bucket"]),
        ({"url": f"s3://me:{CANARY}@bucket", "credentials": "chain"}, ["archive.url = s3://me:***@bucket"]),
        ({"url": "s3://bucket/../x", "credentials": "chain"}, ["more than a bucket and a prefix"]),
        ({"url": "s3://bucket", "credentials": "chain", "access_key": CANARY}, ["archive.access_key = ***"]),
        ({"url": "s3://bucket", "credentials": "chain", "endpoint": "http://127.0.0.1:9"}, ["no TLS; use https"]),
        ({"url": "s3://bucket", "credentials": "chain", "endpoint": "bucket.example"}, ["not the URL of a server"]),
        ({"url": "s3://bucket", "credentials": "chain", "kms_key": "k"}, ["archive.kms_key = k"]),
        ({"url": "ftp://bucket"}, ["begin it with file: or s3:"]),
    ],
)
def test_what_does_not_fit_for_an_archive_on_s3_is_told(
    tmp_path: Path, overrides: dict[str, str], said: list[str]
) -> None:
    found = problems(tmp_path, {f"archive.{name}": value for name, value in overrides.items()})
    assert len(found) == len(said)
    for line, part in zip(found, said, strict=True):
        assert part in line
        assert CANARY not in line
