"""Commands that set up and watch an installation."""

from __future__ import annotations

import typer

from flows.cli.app import OPERATE, app
from flows.settings import Settings


@app.command(rich_help_panel=OPERATE)
def setup() -> None:
    """Make the state folder, its log and its signing key; safe to run twice."""
    from flows.installation import set_up

    for line in set_up(Settings.from_environment()):
        typer.echo(line)


@app.command(rich_help_panel=OPERATE)
def doctor() -> None:
    """Check versions, keys, permissions, database, disk and Prefect's settings; every finding names its fix."""
    from flows.installation import diagnose

    findings = diagnose(Settings.from_environment())
    for finding in findings:
        typer.echo(finding.line())
    if any(not finding.good for finding in findings):
        raise typer.Exit(2)
