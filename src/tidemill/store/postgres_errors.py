"""What PostgreSQL and its driver say, in the words of this house.

In: an exception of asyncpg, of SQLAlchemy, or of a socket, and the name of the database. Out: an error whose class says
whether to try again, and whose message names the way out. Messages never hold a password: the driver's own do not.
"""

from __future__ import annotations

import ssl
from traceback import walk_tb

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tidemill.errors import NoSpace, Permanent, TidemillError, Transient
from tidemill.store.again import CONFLICT

_REFUSES_TLS = "rejected SSL upgrade"  # asyncpg has no class for it
_GONE = "database_unavailable"
_TRANSIENT = {
    "40001": (CONFLICT, "two transactions got in each other's way; try again"),
    "40P01": (CONFLICT, "two transactions waited for each other; try again"),
    "53300": (
        "database_connections",
        "it has no connection left; lower database.pool_size or the number of processes, or raise its max_connections",
    ),
    "55P03": ("database_locked", "another transaction did not let go within database.lock_timeout_s; try again"),
    "57014": ("database_timeout", "the statement was broken off: it took longer than database.statement_timeout_s"),
    "25P03": (_GONE, "it ended a transaction that had fallen asleep with its locks; it is begun anew"),
    "57P01": (_GONE, "it is shutting down; wait until it is back"),
    "57P02": (_GONE, "it has crashed and recovers; wait until it is back"),
    "57P03": (_GONE, "it is starting or recovering; wait until it is back"),
    "57P05": (_GONE, "it closed a connection that was idle for too long"),
    "25006": ("database_readonly", "it is a standby that cannot be written to; name the primary in database.url"),
}
_PERMANENT = {
    "28P01": ("database_login", "it refuses the password; check the user and the password of database.url"),
    "28000": ("database_login", "it refuses this user from this machine; check database.url and its pg_hba.conf"),
    "3D000": ("unknown_database", "there is no such database; create it (`createdb`), or correct database.url"),
    "42501": (
        "database_rights",
        "the user lacks the right; let the owner of the tables run `tidemill db upgrade`, and see"
        " config/postgres/roles.sql",
    ),
}
_GONE_CLASSES = ("08",)
_FULL = "53100"


def explain(error: Exception, name: str, *, writing: bool) -> TidemillError | None:
    """The error of this house; `None` for what comes neither from the driver nor from a socket."""
    if isinstance(error, PoolTimeout):
        return Transient(
            f"no connection to {name} became free within database.pool_timeout_s; raise database.pool_size, or that",
            reason="database_connections",
        )
    if isinstance(error, ssl.SSLError) or (isinstance(error, ConnectionError) and _REFUSES_TLS in str(error)):
        return Permanent(
            f"no TLS connection to {name}: {error}; check database.ssl_mode and database.ssl_ca", reason="database_ssl"
        )
    if isinstance(error, OSError) and _is_drivers(error):  # TimeoutError is one
        said = str(error) or type(error).__name__
        return Transient(
            f"the database server of {name} cannot be reached or does not answer ({said}); is it running, and is the"
            " address right?",
            reason=_GONE,
        )
    cause = error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, Exception) else error
    code = _sqlstate(cause)
    if code is None and not isinstance(error, DBAPIError):
        return None
    return _of_code(code or "", _first_line(cause), name, writing, lost=_is_lost(error))


def _of_code(code: str, said: str, name: str, writing: bool, *, lost: bool) -> TidemillError:
    if code in _TRANSIENT and (writing or code != "25006"):
        reason, way_out = _TRANSIENT[code]
        return Transient(f"the database {name} ({said}): {way_out}", reason=reason)
    if code == _FULL:
        return NoSpace(
            f"the database {name} ({said}): its disk is full; nothing stored is lost: free some space, and what waits"
            " goes on by itself; a command that ended is to be given again"
        )
    if code in _PERMANENT:
        reason, way_out = _PERMANENT[code]
        return Permanent(f"the database {name} ({said}): {way_out}", reason=reason)
    if lost or code.startswith(_GONE_CLASSES):
        return Transient(f"the connection to {name} was lost ({said}); wait until it is back", reason=_GONE)
    if code == "25006":
        said = f"readonly: {said}"
    return Permanent(f"the database {name} refused a statement: {said}", reason="database_error")


def _is_drivers(error: BaseException) -> bool:
    """Whether the driver raised it: what is done between two statements may have files and timeouts of its own."""
    return any(frame.f_globals.get("__name__", "").startswith("asyncpg") for frame, _ in walk_tb(error.__traceback__))


def _is_lost(error: Exception) -> bool:
    return isinstance(error, InterfaceError) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def _sqlstate(error: BaseException) -> str | None:
    code = getattr(error, "sqlstate", None)
    if code is None and error.__cause__ is not None:
        code = getattr(error.__cause__, "sqlstate", None)
    return code if isinstance(code, str) else None


def _first_line(error: BaseException) -> str:
    """What the driver said, without the class that SQLAlchemy puts before it and without details, which hold data."""
    text = str(error).partition("\n")[0]
    return text.partition(">: ")[2] or text
