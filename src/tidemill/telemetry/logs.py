"""Structured logs: one schema for our records and for those of every library, as JSON lines or for human eyes.

In: the logging settings, once, from the edge of each process. Out: lines on standard error with time, level, logger,
message, the context bound by `bind` (run, page, request) and the record's own fields; never a secret (`redact.py`).
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO, cast

import orjson

from tidemill import __version__
from tidemill.imports import without
from tidemill.settings.tree import LoggingSettings
from tidemill.telemetry.redact import redact

with without({"rich.traceback"}):  # what is not used here (tracebacks are plain), and colours all of pygments
    import structlog
    from structlog.processors import CallsiteParameter, CallsiteParameterAdder
    from structlog.stdlib import BoundLogger
    from structlog.typing import EventDict, Processor

_FOREIGN_LEVELS: Mapping[str, int] = MappingProxyType(
    {
        "_granian": logging.INFO,
        "aiohttp": logging.WARNING,
        "aiormq": logging.CRITICAL,  # a lost connection, with its trace and for each of its channels
        "aiosqlite": logging.WARNING,
        "alembic": logging.WARNING,
        "asyncio": logging.WARNING,
        "crawlee": logging.WARNING,
        "fastapi": logging.INFO,
        "granian.access": logging.WARNING,
        "sqlalchemy": logging.WARNING,
        "sqlalchemy.pool": logging.CRITICAL,  # that a connection to a dead server could not be closed properly
        "tidemill.store.pool.TimedPool": logging.CRITICAL,  # the same: SQLAlchemy names its logger by the class
        "urllib3": logging.WARNING,
    }
)
"""The least level of each library: what they say below it is said better by us, or holds SQL parameters."""

_FOR_MACHINES = ("version", "hostname", "process_id", "thread_name", "module", "func_name", "lineno")


def configure_logging(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Sends every log record of this process to `stream` (standard error). Calling it again replaces what it did."""
    target = stream if stream is not None else sys.stderr
    level = logging.getLevelNamesMapping()[settings.level]
    is_human = settings.format == "human" or (settings.format == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(is_human=is_human, colors=is_human and target.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _FOREIGN_LEVELS.items():
        logging.getLogger(name).setLevel(max(least, level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=_own_processors(),
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> BoundLogger:
    """The logger of a module, for constant messages with values as fields: `log.info("batch written", captures=64)`.

    It needs no configuration to be safe: without `configure_logging` only warnings appear, redacted, on standard error.
    """
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=_own_processors(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )
    return cast(BoundLogger, logger)


@contextmanager
def bind(**values: object) -> Iterator[None]:
    """Adds `values` (`run_id`, `url`, `request_id` …) to every record logged inside, here and in tasks started here."""
    with structlog.contextvars.bound_contextvars(**values):
        yield


def server_log_config() -> dict[str, Any]:
    """For granian's `log_dictconfig`: its records go to the root logger, so that they get our schema."""
    return {"version": 1, "incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}


def _own_processors() -> list[Processor]:
    return [
        structlog.stdlib.filter_by_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        *_shared_processors(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        CallsiteParameterAdder(
            (
                CallsiteParameter.MODULE,
                CallsiteParameter.FUNC_NAME,
                CallsiteParameter.LINENO,
                CallsiteParameter.THREAD_NAME,
            ),
            additional_ignores=["tidemill.telemetry"],
        ),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact,
    ]


def _formatter(*, is_human: bool, colors: bool) -> logging.Formatter:
    ending: list[Processor] = [_drop_machine_fields, _human_renderer(colors)] if is_human else [_render_json]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_shared_processors()],
        processors=[
            _ProcessFields(),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *ending,
        ],
    )


class _ProcessFields:
    """Adds when and where a record was made."""

    def __init__(self) -> None:
        self._constant = {"version": __version__, "hostname": socket.gethostname(), "process_id": os.getpid()}

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        record = cast(logging.LogRecord, event["_record"])
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        self._constant["process_id"] = record.process or os.getpid()
        return {"timestamp": stamp.replace("+00:00", "Z"), **event, **self._constant}


def _redact(_: object, __: str, event: EventDict) -> EventDict:
    about = {name: event.pop(name) for name in ("_record", "_from_structlog") if name in event}
    return redact(event) | about


def _render_json(_: object, __: str, event: EventDict) -> str:
    first = {"timestamp": event.pop("timestamp"), "level": event.pop("level"), "logger": event.pop("logger", None)}
    return orjson.dumps({**first, "message": event.pop("event"), **event}).decode()


def _drop_machine_fields(_: object, __: str, event: MutableMapping[str, Any]) -> EventDict:
    for name in _FOR_MACHINES:
        event.pop(name, None)
    return event


def _human_renderer(colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=30, timestamp_key="timestamp"
    )
