"""The open group: secrets under names of the operator's own, from every place, shown nowhere."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidemill.cli.main import app
from tidemill.errors import Invalid
from tidemill.settings import load, load_settings
from tidemill.settings.catalogue import catalogue, find, find_variable, groups
from tidemill.settings.reference import render_reference

CANARY = "canary-5d1e77"


def secrets(directory: Path, overrides: dict[str, object] | None = None, **environ: str) -> dict[str, str]:
    settings = load_settings(overrides, environ=environ, directory=directory)
    return {name: secret.get_secret_value() for name, secret in settings.secrets.items()}


def problems(directory: Path, overrides: dict[str, object] | None = None, **environ: str) -> tuple[str, ...]:
    with pytest.raises(Invalid) as caught:
        load_settings(overrides, environ=environ, directory=directory)
    assert CANARY not in str(caught.value)
    return caught.value.problems


def test_without_any_there_are_none(tmp_path: Path) -> None:
    assert secrets(tmp_path) == {}


def test_each_place_gives_secrets_and_the_later_one_wins(tmp_path: Path) -> None:
    config, folder = tmp_path / "config", tmp_path / "run"
    config.mkdir()
    folder.mkdir()
    environ = {"TIDEMILL_CONFIG_DIR": str(config), "TIDEMILL_SECRETS_DIR": str(folder)}
    (config / "local.yaml").write_text("secrets: {profile: p, token: '1'}")
    assert secrets(tmp_path, **environ) == {"profile": "p", "token": "1"}
    (tmp_path / ".env").write_text("TIDEMILL_SECRETS__TOKEN=2\nTIDEMILL_SECRETS__DOTENV=$d#\n")
    assert secrets(tmp_path, **environ) == {"profile": "p", "dotenv": "$d#", "token": "2"}
    (folder / "secrets__token").write_text("3\n")
    (folder / "TIDEMILL_SECRETS__FOLDER").write_text("f\n")
    assert secrets(tmp_path, **environ) == {"profile": "p", "dotenv": "$d#", "folder": "f", "token": "3"}
    environ["tidemill_secrets__token"] = "4"
    assert secrets(tmp_path, **environ)["token"] == "4"
    assert secrets(tmp_path, {"secrets": {"token": "5"}}, **environ)["token"] == "5"


def test_a_file_may_hold_a_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{CANARY}\n")
    found = load(environ={"TIDEMILL_SECRETS__SITE_KEY_FILE": "key"}, directory=tmp_path)
    assert found.settings.secrets["site_key"].get_secret_value() == CANARY
    origin = found.origins["secrets.site_key"]
    assert origin.value == "***"
    assert origin.origin == f"environment variable TIDEMILL_SECRETS__SITE_KEY_FILE: file {tmp_path / 'key'}"


def test_commas_none_and_brackets_mean_themselves(tmp_path: Path) -> None:
    given = {
        "TIDEMILL_SECRETS__A": "a,b",  # pragma: allowlist secret
        "TIDEMILL_SECRETS__B": "none",  # pragma: allowlist secret
        "TIDEMILL_SECRETS__C": '["x"]',
    }
    assert secrets(tmp_path, **given) == {"a": "a,b", "b": "none", "c": '["x"]'}


def test_they_are_shown_by_name_and_origin_only(tmp_path: Path) -> None:
    found = load(environ={"TIDEMILL_SECRETS__TOKEN": CANARY, "TIDEMILL_SECRETS__ALPHA": CANARY}, directory=tmp_path)
    assert list(found.origins) == [*catalogue(), "secrets.alpha", "secrets.token"]
    assert (
        CANARY not in f"{found!r} {found.settings!s} {found.settings.model_dump()} {found.settings.model_dump_json()}"
    )
    assert pickle.loads(pickle.dumps(found.settings)) == found.settings


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("TIDEMILL_SECRETS__TOKEN", "secrets.token"),
        ("TIDEMILL_SECRETS__A__B", "secrets.a__b"),
        ("TIDEMILL_SECRETS__2", "secrets.2"),
        ("TIDEMILL_SECRETS__TOKEN_FILE", None),
        ("TIDEMILL_SECRETS__", None),
        ("TIDEMILL_SECRETS__A-B", None),
        ("TIDEMILL_SECRETS__Ä", None),
        ("TIDEMILL_SECRETS", None),
        ("TIDEMILL_API__PORT", "api.port"),
    ],
)
def test_a_variable_names_a_secret_if_its_name_may_be_one(variable: str, name: str | None) -> None:
    assert find_variable(variable) == name


def test_a_secret_is_a_setting_that_is_secret() -> None:
    setting = find("secrets.token")
    assert setting is not None
    assert setting.is_secret
    assert setting.variable == "TIDEMILL_SECRETS__TOKEN"
    assert find("secrets.Token") is find("secrets") is find("crawl.token") is None


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("TIDEMILL_SECRETS__MY-TOKEN", "no such setting; the name of a secret is made of a-z, 0-9 and _"),
        ("TIDEMILL_SECRETS___FILE", "no such setting; the name of a secret is made of a-z, 0-9 and _"),
        ("TIDEMILL_SECRETS", "a group of settings, not one; set TIDEMILL_SECRETS__…"),
        ("TIDEMILL_SECRET__TOKEN", "no such setting; "),
    ],
)
def test_what_is_no_name_of_a_secret_is_an_error(variable: str, line: str, tmp_path: Path) -> None:
    (found,) = problems(tmp_path, **{variable: CANARY})
    assert found.startswith(f"{variable} (environment variable): {line}")


def test_a_file_of_the_secrets_directory_with_a_wrong_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secrets__my-token").write_text(CANARY)
    (found,) = problems(tmp_path, TIDEMILL_SECRETS_DIR=str(tmp_path))
    assert found.startswith(f"{tmp_path / 'secrets__my-token'} (secrets directory): no such setting")


@pytest.mark.parametrize(
    ("yaml", "part"),
    [
        (f"secrets: {CANARY}", "secrets (profile file"),
        (f"secrets: {{Token: {CANARY}}}", "secrets.Token (profile file"),
        (f"secrets: {{token_file: {CANARY}}}", "does not end in _file"),
        (f"secrets: {{token: {{inner: {CANARY}}}}}", "secrets.token.inner (profile file"),
        (f"secrets: {{token: [{CANARY}]}}", "secrets.token = *** (profile file"),
        ("secrets: {token: 12345}", "secrets.token = *** (profile file"),
        ("secrets: {token: }", "input should be a valid string; it takes: secret text"),
        (f"secrets:\n  token: *{CANARY}", "found undefined alias '…' in line 2"),
        (f"secrets:\n  token: !{CANARY} x", "constructor for the tag '…' in line 2"),
        (f'secrets:\n  token: "{CANARY}\n  other: x', "quoted scalar"),
        (f"secrets:\n  token: {CANARY}: x", "mapping values are not allowed here in line 2"),
        ("secrets:\n  token: 2026-02-31", "put it in quotes"),
    ],
)
def test_no_fault_of_a_profile_file_shows_a_secret(yaml: str, part: str, tmp_path: Path) -> None:
    (tmp_path / "local.yaml").write_text(yaml)
    (found,) = problems(tmp_path, TIDEMILL_CONFIG_DIR=str(tmp_path))
    assert part in found
    assert "12345" not in found


def test_given_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CANARY)
    (found,) = problems(tmp_path, TIDEMILL_SECRETS__KEY=CANARY, TIDEMILL_SECRETS__KEY_FILE="key")
    assert found.startswith("secrets.key (environment variable TIDEMILL_SECRETS__KEY and ")


def test_the_page_of_settings_tells_every_way_to_give_one() -> None:
    assert "secrets" in groups()
    section = render_reference().partition("## secrets\n")[2].partition("\n## ")[0]
    for way in ("TIDEMILL_SECRETS__TOKEN=…", "TIDEMILL_SECRETS__TOKEN_FILE=path", "secrets__token", "secrets: {token"):
        assert way in section


@pytest.mark.thorough
@pytest.mark.parametrize("command", [["config", "show"], ["config", "show", "--json"], ["config", "check"]])
def test_the_command_line_shows_where_they_came_from(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"TIDEMILL_SECRETS__TOKEN={CANARY}\n")
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0
    assert CANARY not in shown.output
    if "show" in command:
        assert "secrets.token" in shown.output
        assert "TIDEMILL_SECRETS__TOKEN" in shown.output
