"""Settings given as variables: names, aliases, lists, files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.errors import Invalid
from tidemill.settings import Settings, load, load_settings
from tidemill.settings.aliases import ALIASES
from tidemill.settings.catalogue import catalogue

EXAMPLES = {
    "process.min_entity_confidence": "0.5",
    "api.host": "10.0.0.1",
    "api.keys": "k" * 32,
    "auth.access_s": "600",
    "auth.secret": "s" * 32,
    "crawl.user_agent": "harvester/2.0",
    "http.cors_origins": "https://a.example,http://localhost:5173",
    "database.url": "sqlite:////srv/x.db",
    "database.replica_urls": "postgresql://standby/x",
    "logging.level": "ERROR",
    "queue.url": "database:",
    "search.index": "openlearn_prod",
    "search.url": "http://elasticsearch:9200",
}


def loaded(tmp_path: Path, **environ: str) -> Settings:
    return load_settings(environ=environ, directory=tmp_path)


def value_of(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("alias", ALIASES)
def test_alias_means_its_setting_outside_of_local(alias: str, tmp_path: Path) -> None:
    name = ALIASES[alias]
    text = EXAMPLES.get(name, "7" if "timeout" not in name else "33")
    if name == "api.max_request_bytes":
        text = "2048"
    others = {"database.url": "postgresql://primary/x"} if name == "database.replica_urls" else {}
    found = load(others, environ={"TIDEMILL_PROFILE": "docker", alias.lower(): text}, directory=tmp_path)
    assert found.origins[name].origin == f"environment variable {alias.lower()}"
    as_setting = load_settings({**others, name: text}, environ={}, directory=tmp_path)
    assert value_of(found.settings, name) == value_of(as_setting, name)
    assert found.ignored == ()


def test_standbys_by_their_alias(tmp_path: Path) -> None:
    urls = {"DATABASE_URL": "postgresql://db/x", "DATABASE_REPLICA_URLS": "postgresql://r1/x,postgresql://r2/x"}
    found = load(environ={"TIDEMILL_PROFILE": "docker", **urls}, directory=tmp_path)
    assert found.settings.database.replica_urls == ("postgresql://r1/x", "postgresql://r2/x")


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"TIDEMILL_DATABASE__URL": "sqlite:////x.db"}, "only PostgreSQL has standbys"),
        ({"TIDEMILL_DATABASE__URL": "postgresql://h/x", "TIDEMILL_DATABASE__REPLICA_URLS": "sqlite:////y"}, "no Post"),
        ({"TIDEMILL_DATABASE__URL": "postgresql://localhost/x", "TIDEMILL_PROFILE": "production"}, "wants TLS"),
    ],
    ids=["sqlite", "mixed", "open"],
)
def test_standbys_that_cannot_be(tmp_path: Path, environ: dict[str, str], told: str) -> None:
    given = {"TIDEMILL_DATABASE__REPLICA_URLS": "postgresql://far.example/x", **environ}
    with pytest.raises(Invalid, match=told):
        load(environ=given, directory=tmp_path)


def test_local_ignores_aliases_and_says_so(tmp_path: Path) -> None:
    found = load(environ={"DATABASE_URL": "postgresql://elsewhere/db", "PORT": "x"}, directory=tmp_path)
    assert found.settings.database.url == ""
    assert found.settings.api.port == 8000
    assert found.ignored == ("DATABASE_URL", "PORT")


def test_own_name_wins_over_alias(tmp_path: Path) -> None:
    environ = {"TIDEMILL_PROFILE": "docker", "PORT": "1", "TIDEMILL_API__PORT": "2"}
    assert load_settings(environ=environ, directory=tmp_path).api.port == 2


def test_names_are_not_case_sensitive_and_empty_is_not_given(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, tidemill_crawl__concurrency="3", TIDEMILL_API__PORT="", TIDEMILL_CRAWL__MAX_DEPTH="None"
    )
    assert settings.crawl.concurrency == 3
    assert settings.api.port == 8000
    assert settings.crawl.max_depth is None


@pytest.mark.parametrize("text", ["80,443", " 80 , 443 ,", "[80, 443]"])
def test_lists_are_separated_by_commas(text: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, TIDEMILL_NET__ALLOWED_PORTS=text).net.allowed_ports == (80, 443)


def test_comma_list_of_keys_stays_text(tmp_path: Path) -> None:
    keys = loaded(tmp_path, TIDEMILL_API__KEYS="12345,true").api.keys
    assert [key.get_secret_value() for key in keys] == ["12345", "true"]


def test_value_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("abc,def\n")
    found = load(environ={"TIDEMILL_API__KEYS_FILE": "keys"}, directory=tmp_path)
    assert [key.get_secret_value() for key in found.settings.api.keys] == ["abc", "def"]
    assert found.origins["api.keys"].value == "***"
    assert found.origins["api.keys"].origin == f"environment variable TIDEMILL_API__KEYS_FILE: file {tmp_path / 'keys'}"


def test_alias_may_lie_in_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("81")
    environ = {"TIDEMILL_PROFILE": "docker", "PORT_FILE": str(tmp_path / "port")}
    assert load_settings(environ=environ, directory=tmp_path).api.port == 81


def test_secrets_directory_takes_names_in_any_form(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    (secrets / "kubernetes.io").mkdir(parents=True)
    (secrets / "API_KEYS").write_text("k" * 32)
    (secrets / "TIDEMILL_API__PORT").write_text("82")
    (secrets / "someone_elses").write_text("x")
    environ = {"TIDEMILL_SECRETS_DIR": str(secrets), "TIDEMILL_PROFILE": "production"}
    settings = load_settings(environ=environ, directory=tmp_path)
    assert settings.api.port == 82
    assert settings.api.keys[0].get_secret_value() == "k" * 32


def test_dotenv_takes_values_as_they_are(tmp_path: Path) -> None:
    text = '# comment\nTIDEMILL_API__KEYS="pa$HOME#x"\nSOMEONE_ELSES=1\nexport TIDEMILL_API__PORT=83 # why\n'
    (tmp_path / ".env").write_text(text)
    settings = load_settings(environ={"HOME": "/nowhere"}, directory=tmp_path)
    assert settings.api.keys[0].get_secret_value() == "pa$HOME#x"
    assert settings.api.port == 83


def test_variables_of_the_tests_are_no_settings(tmp_path: Path) -> None:
    assert loaded(tmp_path, TIDEMILL_TEST_SEED="1").profile == "local"


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("TIDEMILL_CRAWL__CONCURENCY", "no such setting; did you mean TIDEMILL_CRAWL__CONCURRENCY?"),
        ("TIDEMILL_PROFIL", "no such setting; did you mean TIDEMILL_PROFILE?"),
        ("TIDEMILL_ZZZ", "no such setting; `tidemill config show` lists all settings"),
        ("TIDEMILL_CRAWL", "a group of settings, not one; set TIDEMILL_CRAWL__…"),
    ],
)
def test_unknown_name_is_an_error_with_the_nearest_one(variable: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        load_settings(environ={variable: "1"}, directory=tmp_path)
    assert caught.value.problems == (f"{variable} (environment variable): {line}",)


def test_missing_and_doubled_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("1")
    environ = {
        "TIDEMILL_API__KEYS_FILE": "gone",
        "TIDEMILL_API__PORT": "1",
        "TIDEMILL_API__PORT_FILE": "port",
        "TIDEMILL_SECRETS_DIR": "nowhere",  # pragma: allowlist secret
    }
    with pytest.raises(Invalid) as caught:
        load_settings(environ=environ, directory=tmp_path)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        f"TIDEMILL_SECRETS_DIR = {tmp_path / 'nowhere'}",
        f"{tmp_path / 'gone'} (environment variable TIDEMILL_API__KEYS_FILE)",
        "api.port (environment variable TIDEMILL_API__PORT and environment variable TIDEMILL_API__PORT_FILE",
    ]


def test_every_setting_has_its_own_variable() -> None:
    variables = [setting.variable for setting in catalogue().values()]
    assert len(set(variables)) == len(variables)
    assert catalogue()["crawl.max_pages"].variable == "TIDEMILL_CRAWL__MAX_PAGES"
    assert not any(variable.endswith("_FILE") for variable in variables)
