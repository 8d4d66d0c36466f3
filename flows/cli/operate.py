"""Commands that set up and watch an installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import OPERATE, app
from flows.cli.options import EngineOption
from flows.settings import Settings, secure_process


@app.command(rich_help_panel=OPERATE)
def setup(
    prefect: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Prepare Prefect's server too, by this prefect.yaml: pool, limit, schedules, alerts."
        ),
    ] = None,
) -> None:
    """Make the state folder, its log and its signing key; safe to run twice."""
    from flows.installation import set_up

    settings = Settings.from_environment()
    for line in set_up(settings):
        typer.echo(line)
    if prefect is not None:
        secure_process(settings)
        from flows.deployments import prepare

        for line in prepare(prefect):
            typer.echo(line)


@app.command(rich_help_panel=OPERATE)
def backup(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The sealed backup to write, a new file.")],
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all keys too: into this file, for the safe.")
    ] = None,
) -> None:
    """Copy log, ledger, releases' states and certificates into one sealed file; the keys go apart."""
    from flows.backup import back_up, back_up_keys

    settings = Settings.from_environment()
    typer.echo(f"{out}: {back_up(settings, out)} log entries and all that belongs to them, sealed")
    if keys is not None:
        typer.echo(
            f"{keys}: {back_up_keys(settings, keys)} keys, NOT sealed; it belongs in a safe, apart from the backup"
        )


@app.command(rich_help_panel=OPERATE)
def restore(
    backup: Annotated[Path, typer.Argument(metavar="FILE", help="What `schakel backup` wrote.")],
    keys: Annotated[Path | None, typer.Option(metavar="FILE", help="What `schakel backup --keys` wrote.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The newest checkpoint.txt from outside the backup.")
    ] = None,
) -> None:
    """Rebuild an empty state folder from a backup and verify it; one that is older than a checkpoint is refused."""
    from flows.backup import restore as put_back

    for line in put_back(Settings.from_environment(), backup, keys, checkpoint):
        typer.echo(line)


@app.command(rich_help_panel=OPERATE)
def purge(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[FOLDER]...", help="Where copies may lie; searched as well.")
    ] = None,
    days: Annotated[float, typer.Option("--older-than", metavar="DAYS", help="Keep what is younger.", min=0)] = 30,
) -> None:
    """Remove exact tables, links, packages and quarantine lists that are past their time, then look again."""
    from flows.retention import purge as remove

    for line in remove(Settings.from_environment(), folders or [], days):
        typer.echo(line)


@app.command(rich_help_panel=OPERATE)
def doctor(engine: EngineOption = "local") -> None:
    """Check versions, keys, permissions, database, disk, Prefect's settings, and what an engine needs; findings name their fix."""
    from flows.installation import diagnose

    findings = diagnose(Settings.from_environment())
    if engine != "local":
        from flows.spark.machine import missing

        findings += missing(engine)
    for finding in findings:
        typer.echo(finding.line())
    if any(not finding.good for finding in findings):
        raise typer.Exit(2)
