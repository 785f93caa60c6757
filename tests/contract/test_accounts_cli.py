"""`tidemill users`, `keys` and `audit` as a person types them: in processes of their own, over one data folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.harness.command import Tidemill

from tidemill.cli.main import app as commands

PASSWORD = "correct horse battery"  # pragma: allowlist secret
CHEAP = ("auth.argon2_passes=1", "auth.argon2_memory_kib=64", "auth.argon2_lanes=1")


@pytest.fixture
def tidemill(tmp_path: Path) -> Any:
    """Runs one command in a new process."""

    house = Tidemill(tmp_path / "data", *CHEAP)

    def run(*words: str, stdin: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
        done = house(*words, stdin=stdin.encode()).expect(status)
        return subprocess.CompletedProcess(words, done.code, done.stdout.decode(), done.stderr)

    return run


def test_users(tidemill: Any) -> None:
    made = tidemill("users", "create", "Ada@example.org", "--role", "admin", "--team", "editors", stdin=f"{PASSWORD}\n")
    assert made.stderr == "ada@example.org: admin, team editors\n"
    again = tidemill("users", "create", "ada@example.org", stdin=PASSWORD, status=1)
    assert "there is a user 'ada@example.org' already" in again.stderr
    for email, stdin, told in (
        ("b@example.org", "short", "has 5 characters; give at least 12"),
        ("b@example.org", "", "no password on standard input"),
        ("bob", PASSWORD, "is no e-mail address"),
    ):
        refused = tidemill("users", "create", email, stdin=stdin, status=2 if not stdin else 1)
        assert told in " ".join(refused.stderr.replace("│", " ").split())
    assert (
        "is no role" in tidemill("users", "create", "b@example.org", "--role", "root", stdin=PASSWORD, status=1).stderr
    )
    assert "last admin" in tidemill("users", "disable", "ada@example.org", status=1).stderr
    tidemill("users", "create", "bob@example.org", stdin=PASSWORD)
    tidemill("users", "set-role", "bob@example.org", "operator")
    tidemill("users", "set-quota", "bob@example.org", "sources=3", "documents=none")
    tidemill("users", "set-quota", "bob@example.org", "sources=default", "pages_per_day=9")
    tidemill("users", "set-password", "bob@example.org", stdin="another good one\n")
    tidemill("users", "disable", "bob@example.org")
    listed = json.loads(tidemill("users", "list", "--json").stdout)
    assert [(each["email"], each["role"], each["active"], each["quotas"]) for each in listed] == [
        ("ada@example.org", "admin", True, {}),
        ("bob@example.org", "operator", False, {"documents": None, "pages_per_day": 9}),
    ]
    assert tidemill("users", "teams").stdout == "editors\n"


def test_keys_and_what_is_written_of_them(tidemill: Any) -> None:
    made = tidemill("keys", "create", "ci", "--role", "operator", "--scope", "runs:read", "--expires", "90d")
    clear = made.stdout.strip()
    prefix = clear.split("_")[1]
    assert clear.startswith("tdm_")
    assert clear not in made.stderr
    following = json.loads(tidemill("keys", "rotate", prefix, "--overlap", "0s", "--json").stdout)
    tidemill("keys", "revoke", following["prefix"])
    listed = json.loads(tidemill("keys", "list", "--json").stdout)
    assert [(each["prefix"], each["replaced_by"], bool(each["revoked_at"])) for each in listed] == [
        (prefix, following["prefix"], False),
        (following["prefix"], None, True),
    ]
    assert "no API key 'nothing'" in tidemill("keys", "revoke", "nothing", status=1).stderr
    kid = json.loads(tidemill("keys", "rotate-signing", "--json").stdout)["kid"]
    exported = [json.loads(line) for line in tidemill("audit", "export").stdout.splitlines()]
    assert [(each["action"], each["target"]) for each in exported] == [
        ("key.create", prefix),
        ("key.rotate", prefix),
        ("key.revoke", following["prefix"]),
        ("signing_key.rotate", kid),
    ]
    assert {each["actor"].partition(":")[0] for each in exported} == {"cli"}
    assert clear.rpartition("_")[2] not in json.dumps(exported)
    shown = tidemill("audit", "list", "--action", "key.revoke").stdout
    assert following["prefix"] in shown
    assert "key.create" not in shown


def test_verify_ends_with_one_if_lines_are_gone(tidemill: Any) -> None:
    for name in "ab":
        tidemill("keys", "create", name)
    told = tidemill("audit", "verify").stdout
    head = told.split("head ")[1].strip()
    assert told.startswith("2 lines hold")
    assert json.loads(tidemill("audit", "verify", "--head", head, "--json").stdout)["fault"] is None
    gone = tidemill("audit", "verify", "--head", f"7:{'0' * 64}", status=1)
    assert "is not there any more" in gone.stderr
    tidemill("audit", "verify", "--head", "nonsense", status=2)
    tidemill("keys", "create", "c", "--expires", "999999w", status=2)


def test_handing_a_source_over(tidemill: Any, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("name: s\nstart: [https://s.example/]\n")
    tidemill("sources", "apply", "s.yaml")
    tidemill("users", "create", "ada@example.org", "--team", "editors", stdin=PASSWORD)
    tidemill("sources", "owner", "s", "--user", "ada@example.org", "--team", "editors")
    tidemill("sources", "owner", "s", "--nobody")
    tidemill("sources", "owner", "s", status=2)
    assert "no team 'x'" in tidemill("sources", "owner", "s", "--team", "x", status=1).stderr
    actions = [json.loads(line)["action"] for line in tidemill("audit", "export").stdout.splitlines()]
    assert actions == ["source.create", "team.create", "user.create", "source.hand_over", "source.hand_over"]


def test_no_command_takes_a_password_as_a_word() -> None:
    import typer

    group = typer.main.get_command(commands)
    users = group.commands["users"].commands  # type: ignore[attr-defined]
    words = {option for command in users.values() for each in command.params for option in (each.name, *each.opts)}
    assert not [word for word in words if "pass" in str(word)]
