"""defaults < profile < .env < secrets directory < environment < command line."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tidemill.settings import load, load_settings, origins
from tidemill.settings.catalogue import catalogue


def pages(directory: Path, environ: dict[str, str], overrides: dict[str, object] | None = None) -> tuple[int, str]:
    loaded = load(overrides, environ=environ, directory=directory)
    return loaded.settings.crawl.max_pages, loaded.origins["crawl.max_pages"].origin


def test_each_place_wins_over_those_before_it(tmp_path: Path) -> None:
    config, secrets = tmp_path / "config", tmp_path / "secrets"
    config.mkdir()
    secrets.mkdir()
    environ = {"TIDEMILL_CONFIG_DIR": str(config), "TIDEMILL_SECRETS_DIR": "secrets"}
    assert pages(tmp_path, environ) == (100_000, "default")
    (config / "local.yaml").write_text("crawl: {max_pages: 1}")
    assert pages(tmp_path, environ) == (1, f"profile file {config / 'local.yaml'}")
    (tmp_path / ".env").write_text("TIDEMILL_CRAWL__MAX_PAGES=2\n")
    assert pages(tmp_path, environ) == (2, f"{tmp_path / '.env'} TIDEMILL_CRAWL__MAX_PAGES")
    (secrets / "crawl__max_pages").write_text("3\n")
    assert pages(tmp_path, environ) == (3, f"secrets directory: file {secrets / 'crawl__max_pages'}")
    environ["TIDEMILL_CRAWL__MAX_PAGES"] = "4"
    assert pages(tmp_path, environ) == (4, "environment variable TIDEMILL_CRAWL__MAX_PAGES")
    assert pages(tmp_path, environ, {"crawl.max_pages": 5}) == (5, "command line")
    assert pages(tmp_path, environ, {"crawl": {"max_pages": 6}}) == (6, "command line")
    assert pages(tmp_path, environ, {"crawl.max_pages": None}) == (4, "environment variable TIDEMILL_CRAWL__MAX_PAGES")


def test_defaults_are_named_as_such(tmp_path: Path) -> None:
    found = origins(environ={}, directory=tmp_path)
    assert found["crawl.concurrency"].value == "32"
    assert found["crawl.concurrency"].origin == "default"
    assert list(found) == list(catalogue())


def test_urls_are_shown_as_they_are_meant(tmp_path: Path) -> None:
    found = origins({"data_dir": tmp_path}, environ={}, directory=tmp_path)
    assert found["database.url"].value == f"sqlite:///{tmp_path}/tidemill.db"
    assert found["database.url"].origin == "default"


@pytest.mark.parametrize("name", ["local", "staging", "production", "docker"])
def test_every_profile_loads_as_shipped(name: str, tmp_path: Path) -> None:
    assert load_settings(environ={"TIDEMILL_PROFILE": name}, directory=tmp_path).profile == name


def test_profiles_differ_as_described(tmp_path: Path) -> None:
    local, staging, production, docker = (
        load_settings({"profile": name}, environ={}, directory=tmp_path)
        for name in ("local", "staging", "production", "docker")
    )
    assert local.crawl.max_pages == production.crawl.max_pages > staging.crawl.max_pages
    assert (staging.process.workers, production.process.workers) == (4, 8)
    assert production.crawl.max_attempts == 6
    assert production.net.total_timeout_s > local.net.total_timeout_s
    assert docker.api.host == "0.0.0.0"
    assert {each.logging.format for each in (staging, production, docker)} == {"json"}
    assert {each.data_dir for each in (staging, production, docker)} == {Path("/var/lib/tidemill")}


@pytest.mark.parametrize(
    ("environ", "profile"),
    [
        ({"DEPLOYMENT_ENV": "docker"}, "docker"),
        ({"ENVIRONMENT": "Production"}, "production"),
        ({"ENVIRONMENT": "prod"}, "production"),
        ({"ENVIRONMENT": "development"}, "local"),
        ({"ENVIRONMENT": "production", "DEPLOYMENT_ENV": "staging"}, "staging"),
        ({"ENVIRONMENT": "production", "TIDEMILL_PROFILE": "local"}, "local"),
        ({"ENVIRONMENT": ""}, "local"),
        ({}, "local"),
    ],
)
def test_profile_is_chosen_by_variable(environ: dict[str, str], profile: str, tmp_path: Path) -> None:
    assert load_settings(environ=environ, directory=tmp_path).profile == profile


def test_profile_may_stand_in_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("export DEPLOYMENT_ENV='docker'\n")
    assert load_settings(environ={}, directory=tmp_path).profile == "docker"
    assert load_settings({"profile": "staging"}, environ={}, directory=tmp_path).profile == "staging"


def test_settings_can_be_sent_to_another_process(tmp_path: Path) -> None:
    settings = load_settings({"api.keys": ["a" * 32]}, environ={}, directory=tmp_path)
    assert pickle.loads(pickle.dumps(settings)) == settings
