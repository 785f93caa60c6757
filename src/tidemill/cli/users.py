"""`tidemill users`: who may log in, and as what. Passwords come from the terminal or standard input, never as words."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Unpack

import typer

from tidemill.cli.output import stdout, table, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, person, run, settings_of

if TYPE_CHECKING:
    from tidemill.models.account import Team, User, UserEdit
    from tidemill.settings import Settings

app = typer.Typer(help="Make, list, change and disable users.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(metavar="USER", help="An e-mail address, or a user's identifier.")]
_QUOTA_HELP = "NAME=NUMBER, NAME=none (no limit) or NAME=default; several times."


@app.command()
def create(
    context: typer.Context,
    email: Annotated[str, typer.Argument(help="The e-mail address, with which the user logs in.")],
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    team: Annotated[str | None, typer.Option(help="A team; it is made if it is not there yet.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a user. The password is asked for, or is the first line of standard input.

    Example: `tidemill users create ada@example.org --role admin`
    """
    settings = settings_of(context, data_dir)
    user = run(_create(settings, email, role, team))
    if as_json:
        write_json(record(user))
    else:
        note(f"{user.email}: {user.role}{f', team {user.team}' if user.team else ''}")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all users.

    Example: `tidemill users list`
    """
    found = run(_listed(settings_of(context, data_dir)))
    if as_json:
        write_json([record(user) for user in found])
    else:
        rows = [(u.email, u.role.value, u.team, "" if u.active else "disabled", _day(u.last_login_at)) for u in found]
        table(("user", "role", "team", "", "last login"), rows)


@app.command()
def teams(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all teams.

    Example: `tidemill users teams`
    """
    found = run(_teams(settings_of(context, data_dir)))
    if as_json:
        write_json([{"id": each.id, "name": each.name, "created_at": each.created_at} for each in found])
    else:
        for each in found:
            stdout.print(each.name, markup=False)


@app.command()
def disable(context: typer.Context, user: Who, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Let a user in no more: sessions, tokens and keys end within 5 s. `enable` takes it back.

    Example: `tidemill users disable ada@example.org`
    """
    _tell(run(_changed(settings_of(context, data_dir), user, active=False)), as_json)


@app.command()
def enable(context: typer.Context, user: Who, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Let a disabled user in again. Keys work again, sessions do not.

    Example: `tidemill users enable ada@example.org`
    """
    _tell(run(_changed(settings_of(context, data_dir), user, active=True)), as_json)


@app.command("set-password")
def set_password(context: typer.Context, user: Who, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Give a user a new password, which is asked for or the first line of standard input. It ends their sessions.

    Example: `tidemill users set-password ada@example.org`
    """
    settings = settings_of(context, data_dir)
    _tell(run(_password_set(settings, user)), as_json)


@app.command("set-role")
def set_role(
    context: typer.Context,
    user: Who,
    role: Annotated[str, typer.Argument(help="viewer, operator or admin.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a user another role, within 5 s everywhere.

    Example: `tidemill users set-role ada@example.org operator`
    """
    _tell(run(_role_set(settings_of(context, data_dir), user, role)), as_json)


@app.command("set-team")
def set_team(
    context: typer.Context,
    user: Who,
    team: Annotated[str, typer.Argument(help="A team; it is made if it is not there yet. '': none.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put a user into a team, whose sources they may edit then.

    Example: `tidemill users set-team ada@example.org editors`
    """
    _tell(run(_changed(settings_of(context, data_dir), user, team=team)), as_json)


@app.command("set-quota")
def set_quota(
    context: typer.Context,
    user: Who,
    quotas: Annotated[list[str], typer.Argument(metavar="NAME=NUMBER…", help=_QUOTA_HELP)],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a user quotas of their own: sources, pages_per_day, documents, exports_per_day.

    Example: `tidemill users set-quota ada@example.org sources=10 pages_per_day=none`
    """
    given = dict(_quota(each) for each in quotas)
    _tell(run(_quotas_set(settings_of(context, data_dir), user, given)), as_json)


def record(user: User) -> dict[str, Any]:
    """A user as JSON gives it."""
    names = ("id", "email", "role", "active", "team", "quotas", "created_at", "last_login_at")
    return {name: getattr(user, name) for name in names}


def _tell(user: User, as_json: bool) -> None:
    if as_json:
        write_json(record(user))
        return
    quotas = "".join(f", {name} {'unlimited' if most is None else most}" for name, most in user.quotas.items())
    team = f", team {user.team}" if user.team else ""
    note(f"{user.email}: {user.role}{team}{quotas}{'' if user.active else ', disabled'}")


def _quota(text: str) -> tuple[str, int | str | None]:
    name, mark, value = text.partition("=")
    if not mark or not (value in ("none", "default") or (value.isascii() and value.isdigit())):
        raise typer.BadParameter(f"{text!r} is not NAME=NUMBER, NAME=none or NAME=default")
    return name, value if value == "default" else None if value == "none" else int(value)


def _password() -> str:
    """Asked for twice on a terminal; elsewhere the first line of standard input. Ends the command if there is none."""
    if sys.stdin.isatty():
        import getpass

        first = getpass.getpass("Password: ", stream=sys.stderr)
        if first != getpass.getpass("Once more: ", stream=sys.stderr):
            raise typer.BadParameter("the two are not the same")
        return first
    line = sys.stdin.readline()
    if not line:
        raise typer.BadParameter("there is no password on standard input: give it as its first line")
    return line.removesuffix("\n").removesuffix("\r")


async def _create(settings: Settings, email: str, role: str, team: str | None) -> User:
    from tidemill.manage import users

    wanted, address = users.role_given(role), users.email_given(email)
    password = _password()
    async with opened(settings) as app_:
        return await users.create(
            app_.store, settings.auth, address, password, person(), role=wanted, team=team or None
        )


async def _listed(settings: Settings) -> list[User]:
    from tidemill.store import users

    async with opened(settings) as app_:
        return await users.listed(app_.store)


async def _teams(settings: Settings) -> list[Team]:
    from tidemill.store import users

    async with opened(settings) as app_:
        return await users.list_teams(app_.store)


async def _changed(settings: Settings, user: str, **edit: Unpack[UserEdit]) -> User:
    from tidemill.manage import users

    async with opened(settings) as app_:
        return await users.change(app_.store, user, person(), **edit)


async def _role_set(settings: Settings, user: str, role: str) -> User:
    from tidemill.manage.users import role_given

    return await _changed(settings, user, role=role_given(role))


async def _quotas_set(settings: Settings, user: str, given: Mapping[str, int | str | None]) -> User:
    from tidemill.manage import users as manage
    from tidemill.store import users

    async with opened(settings) as app_:
        kept = {name: most for name, most in (await users.get(app_.store, user)).quotas.items() if name not in given}
        new = {name: most for name, most in given.items() if not isinstance(most, str)}
        return await manage.change(app_.store, user, person(), quotas=kept | new)


async def _password_set(settings: Settings, user: str) -> User:
    from tidemill.manage import users as manage
    from tidemill.store import users

    async with opened(settings) as app_:
        found = await users.get(app_.store, user)
        return await manage.set_password(app_.store, settings.auth, found.id, _password(), person())


def _day(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
