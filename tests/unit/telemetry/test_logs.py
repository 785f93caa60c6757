"""One schema for own and foreign records, context carried by tasks, secrets never in a line."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from sqlalchemy.pool import NullPool

from tidemill import __version__
from tidemill.settings import LoggingSettings
from tidemill.store.pool import TimedPool
from tidemill.telemetry.logs import bind, configure_logging, get_logger, server_log_config

CANARY = "canary7f3a9c41d2"


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Gives back to pytest the logging that a test configures."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    loggers = {name: each.level for name, each in root.manager.loggerDict.items() if isinstance(each, logging.Logger)}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, each in root.manager.loggerDict.items():
        if isinstance(each, logging.Logger):
            each.setLevel(loggers.get(name, logging.NOTSET))
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class Lines:
    """What was written, as JSON."""

    def __init__(self, level: str = "INFO", form: str = "json") -> None:
        self.stream = io.StringIO()
        configure_logging(LoggingSettings.model_validate({"level": level, "format": form}), self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def test_own_and_foreign_records_have_one_schema() -> None:
    lines = Lines()
    get_logger("tidemill.crawl").info("page fetched", status=200)
    logging.getLogger("somelibrary").warning("it took %d s", 3, extra={"status": 200})
    own, foreign = lines.records
    assert list(own) == list(foreign)
    assert set(own) == {
        *("timestamp", "level", "logger", "message", "status", "version", "hostname", "process_id"),
        *("module", "func_name", "lineno", "thread_name"),
    }
    assert (own["level"], own["logger"], own["message"]) == ("info", "tidemill.crawl", "page fetched")
    assert (foreign["level"], foreign["logger"], foreign["message"]) == ("warning", "somelibrary", "it took 3 s")
    assert own["version"] == __version__
    assert own["module"] == foreign["module"] == "test_logs"


def test_time_is_utc_to_the_millisecond() -> None:
    lines = Lines()
    get_logger("x").info("now")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines.records[0]["timestamp"])


async def test_context_goes_along_with_tasks_and_no_further() -> None:
    lines = Lines()
    log = get_logger("x")

    async def page(url: str) -> None:
        with bind(url=url):
            await asyncio.sleep(0)
            log.info("inside")
            logging.getLogger("library").info("inside too")

    with bind(run_id="r1"):
        await asyncio.gather(page("a"), page("b"))
    log.info("outside")
    found = [(record["message"], record.get("run_id"), record.get("url")) for record in lines.records]
    assert sorted(found[:-1]) == [
        ("inside", "r1", "a"),
        ("inside", "r1", "b"),
        ("inside too", "r1", "a"),
        ("inside too", "r1", "b"),
    ]
    assert found[-1] == ("outside", None, None)


@pytest.mark.parametrize("form", ["json", "human"])
def test_canaries_do_not_get_through(form: str) -> None:
    lines = Lines(form=form)
    log, foreign = get_logger("x"), logging.getLogger("library")
    with bind(url=f"https://u:{CANARY}@h/?token={CANARY}", authorization=CANARY):
        log.warning("hello %s", f"password={CANARY}", api_key=CANARY, headers={"Cookie": CANARY})
        foreign.warning("Authorization: Bearer %s", CANARY, extra={"client_secret": CANARY})
        for report in (log.exception, foreign.exception):
            try:
                raise ValueError(f"cannot reach postgresql://u:{CANARY}@h/d")
            except ValueError:
                report("failed")
    assert lines.text.count("failed") == 2
    assert lines.text.count("cannot reach") >= 2
    assert CANARY not in lines.text


def test_unconfigured_logger_is_silent_below_warning_and_redacts(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger().handlers.clear()
    log = get_logger("never.configured")
    log.info("quiet")
    log.warning("loud", password=CANARY)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "loud" in captured.err
    assert "quiet" not in captured.err
    assert CANARY not in captured.err


def test_level_holds_for_all() -> None:
    lines = Lines(level="ERROR")
    get_logger("x").warning("no")
    logging.getLogger("crawlee.crawlers").warning("no")
    logging.getLogger("library").error("yes")
    assert [record["message"] for record in lines.records] == ["yes"]


def test_libraries_do_not_chatter_even_at_debug() -> None:
    lines = Lines(level="DEBUG")
    for name in ("crawlee.stats", "sqlalchemy.engine.Engine", "asyncio", "aiohttp.access", "granian.access"):
        logging.getLogger(name).info("chatter")
    for pool in (NullPool, TimedPool):
        logging.getLogger(f"{pool.__module__}.{pool.__name__}").error("a connection could not be closed")
    get_logger("x").debug("mine")
    assert [record["message"] for record in lines.records] == ["mine"]


def test_configuring_again_replaces() -> None:
    first, second = Lines(), Lines()
    get_logger("x").info("once")
    assert first.text == ""
    assert len(second.records) == 1


def test_auto_is_json_where_no_terminal_is_and_human_has_no_machine_fields() -> None:
    assert get_logger("x") is not None
    lines = Lines(form="auto")
    get_logger("x").info("a")
    assert lines.records[0]["message"] == "a"
    lines = Lines(form="human")
    get_logger("x").info("a", pages=3)
    assert "pages=3" in lines.text
    assert "process_id" not in lines.text
    assert "\x1b" not in lines.text


def test_line_breaks_make_no_second_line_of_json() -> None:
    lines = Lines()
    get_logger("x").info('a\n{"level": "critical"}', url="b\nc")
    assert len(lines.text.splitlines()) == 1


def test_loggers_of_structlog_itself_get_the_schema_too() -> None:
    lines = Lines()
    structlog.get_logger("tidemill.roles").warning("hello", password=CANARY)
    assert lines.records[0]["logger"] == "tidemill.roles"
    assert lines.records[0]["password"] == "***"


def test_warnings_are_logged() -> None:
    lines = Lines()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    assert "old ways" in lines.records[0]["message"]
    assert lines.records[0]["logger"] == "py.warnings"


def test_server_records_reach_the_root_logger() -> None:
    from granian.log import LogLevels
    from granian.log import configure_logging as configure_granian

    lines = Lines()
    configure_granian(LogLevels.info, server_log_config())
    logging.getLogger("_granian").info("started")
    assert [record["message"] for record in lines.records] == ["started"]
