"""`tidemill doctor`: is everything here that Tidemill needs, and is what it keeps sound?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tidemill.cli.output import table, write_json
from tidemill.cli.session import FAILED, AsJson, DataDir, opened, run, settings_of
from tidemill.errors import TidemillError

if TYPE_CHECKING:
    from tidemill.manage.doctor import Diagnosis
    from tidemill.settings import Settings


def doctor(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Examine this machine, the settings and everything that is kept.

    Example: `tidemill doctor --json`
    """
    findings = run(_examine(settings_of(context, data_dir)))
    if as_json:
        write_json([{"check": f.check, "status": f.status, "detail": f.detail} for f in findings])
    else:
        table(("check", "status", "detail"), [(f.check, f.status, f.detail) for f in findings])
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(FAILED)


async def _examine(settings: Settings) -> list[Diagnosis]:
    from tidemill.manage.doctor import Diagnosis, Patient, examine_kept, examine_machine

    findings = examine_machine(settings)
    if any(finding.status == "fail" for finding in findings):
        return findings
    try:
        async with opened(settings) as app:
            return findings + await examine_kept(Patient(app.store, app.archive, app.indexer, settings.archive_url))
    except TidemillError as error:
        return [*findings, Diagnosis("store", "fail", str(error))]
