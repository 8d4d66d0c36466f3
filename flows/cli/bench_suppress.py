"""`schakel bench suppress`: blanks against their targets and their peers."""

from __future__ import annotations

import typer

from flows.cli.bench import JsonOption, QuickOption, bench_app, report


@bench_app.command()
def suppress(quick: QuickOption = False, json: JsonOption = None) -> None:
    """Blanked cells and value, time and bound on the benchmark's tables, beside other tools, all under the same attack."""
    from benchmarks.suppress.run import bench_rows

    rows, notes = bench_rows(quick)
    report(rows, json)
    for note in notes:
        typer.echo(note)
