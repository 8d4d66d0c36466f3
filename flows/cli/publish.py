"""Commands around what is published: whether totals can be true together, and the report page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import READ, app
from flows.cli.options import ReleaseArgument


@app.command("check-consistency", rich_help_panel=READ)
def check_consistency(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="CSVs of a release, release folders, or tables typed over from a report."),
    ],
) -> None:
    """Find published totals that cannot both be true; exit code 3 where there are any."""
    from flows.consistency import check_files, report_lines
    from schemas.errors import InputRefused

    report = check_files(files)
    for line in report_lines(report):
        typer.echo(line)
    if report.found:
        raise InputRefused(f"{len(report.found)} contradictions among the numbers given; the list above says which.")


@app.command("open", rich_help_panel=READ)
def open_release(release: ReleaseArgument) -> None:
    """Open a release's report page in the browser, and say where it is."""
    from flows.checks import open_page

    typer.echo(open_page(release))
