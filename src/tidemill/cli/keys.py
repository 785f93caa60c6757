"""`tidemill keys`: API keys, and the key that signs access tokens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidemill.cli.moments import span_given
from tidemill.cli.output import stdout, table, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, person, run, settings_of

if TYPE_CHECKING:
    from datetime import timedelta

    from tidemill.settings import Settings
    from tidemill.store.accounts import ApiKey

_LONGEST_DAYS = 36_500
app = typer.Typer(help="Make, list, rotate and revoke API keys.", no_args_is_help=True)
Prefix = Annotated[str, typer.Argument(metavar="PREFIX", help="What names the key: tdm_PREFIX_….")]
Expires = Annotated[str | None, typer.Option("--expires", help="When it ends: 90d, 12h. Default: never.")]


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Annotated[str, typer.Option(help="viewer, operator or admin; a user's role bounds it.")] = "viewer",
    scopes: Annotated[list[str] | None, typer.Option("--scope", help="Only this; several times.")] = None,
    user: Annotated[str | None, typer.Option(help="Whose it is: an e-mail address. Default: nobody's.")] = None,
    expires: Expires = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make an API key. It is printed once, on standard output, and kept nowhere.

    Example: `tidemill keys create ci --role operator --scope runs:write --expires 90d`
    """
    lasts = _life(expires)
    key, clear = run(_create(settings_of(context, data_dir), name, role, scopes or [], user, lasts))
    _show_new(key, clear, as_json)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all API keys.

    Example: `tidemill keys list`
    """
    found = run(_listed(settings_of(context, data_dir)))
    if as_json:
        write_json([record(key) for key in found])
        return
    rows = [
        (k.prefix, k.name, k.role.value, " ".join(k.scopes) or "all", k.user, _day(k.last_used_at), _state(k))
        for k in found
    ]
    table(("prefix", "name", "role", "scopes", "user", "last used", "ends"), rows)


@app.command()
def rotate(
    context: typer.Context,
    prefix: Prefix,
    overlap: Annotated[
        str | None, typer.Option(help="How long the old one works on: 7d, 0s. Default: auth.key_overlap_s.")
    ] = None,
    expires: Expires = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key like this one; the old one goes on working for a while.

    Example: `tidemill keys rotate 1f0c2a7be431 --overlap 7d`
    """
    both = _life(overlap, "--overlap")
    lasts = _life(expires)
    key, clear = run(_rotate(settings_of(context, data_dir), prefix, both, lasts))
    _show_new(key, clear, as_json)


@app.command()
def revoke(context: typer.Context, prefix: Prefix, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """End a key for good, within 5 s everywhere.

    Example: `tidemill keys revoke 1f0c2a7be431`
    """
    run(_revoke(settings_of(context, data_dir), prefix))
    if as_json:
        write_json({"revoked": prefix})
    else:
        note(f"{prefix} is revoked")


@app.command("rotate-signing")
def rotate_signing(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Sign access tokens with a new key; those signed with the old one hold until they expire.

    Example: `tidemill keys rotate-signing`
    """
    kid = run(_rotate_signing(settings_of(context, data_dir)))
    if as_json:
        write_json({"kid": kid})
    else:
        note(f"access tokens are signed with {kid} from now on")


def record(key: ApiKey) -> dict[str, Any]:
    """A key as JSON gives it."""
    names = ("prefix", "name", "role", "scopes", "user", "created_at", "expires_at", "last_used_at", "revoked_at")
    return {name: getattr(key, name) for name in (*names, "replaced_by")}


def _life(text: str | None, option: str = "--expires") -> timedelta | None:
    span = span_given(text, option) if text else None
    if span is not None and span.days > _LONGEST_DAYS:
        raise typer.BadParameter(f"{text!r} is more than a century", param_hint=option)
    return span


def _show_new(key: ApiKey, clear: str, as_json: bool) -> None:
    if as_json:
        write_json(record(key) | {"key": clear})
    else:
        note(f"{key.prefix}: {key.role}, shown this once:")
        stdout.print(clear, markup=False)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.replaced_by is not None:
        return f"{_day(key.expires_at)} (now {key.replaced_by})"
    return _day(key.expires_at)


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


async def _create(
    settings: Settings, name: str, role: str, scopes: list[str], user: str | None, lasts: timedelta | None
) -> tuple[ApiKey, str]:
    from tidemill.manage import accounts
    from tidemill.manage.users import role_given

    wanted = role_given(role)
    async with opened(settings) as app_:
        expires_at = app_.store.now() + lasts if lasts else None
        return await accounts.create_key(
            app_.store, name, by=person(), role=wanted, scopes=scopes, expires_at=expires_at, user=user
        )


async def _listed(settings: Settings) -> list[ApiKey]:
    from tidemill.store import accounts

    async with opened(settings) as app_:
        return await accounts.list_keys(app_.store)


async def _rotate(
    settings: Settings, prefix: str, overlap: timedelta | None, lasts: timedelta | None
) -> tuple[ApiKey, str]:
    from datetime import timedelta

    from tidemill.manage import accounts

    both = timedelta(seconds=settings.auth.key_overlap_s) if overlap is None else overlap
    async with opened(settings) as app_:
        expires_at = app_.store.now() + lasts if lasts else None
        return await accounts.rotate_key(app_.store, prefix, person(), overlap=both, expires_at=expires_at)


async def _revoke(settings: Settings, prefix: str) -> None:
    from tidemill.store import accounts

    async with opened(settings) as app_:
        await accounts.revoke_key(app_.store, prefix, person())


async def _rotate_signing(settings: Settings) -> str:
    from tidemill.manage.signing import SigningKeys
    from tidemill.models.audit import Note
    from tidemill.store import audit

    async with opened(settings) as app_:
        kid = SigningKeys(settings).rotate()
        await audit.record(app_.store, [(person(), Note("signing_key.rotate", kid))])
        return kid
