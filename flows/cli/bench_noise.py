"""`schakel bench noise`: the noisy regime against its targets and its peers."""

from __future__ import annotations

import typer

from flows.cli.bench import JsonOption, QuickOption, bench_app, report


@bench_app.command()
def noise(quick: QuickOption = False, json: JsonOption = None) -> None:
    """Error against the best possible mechanism and peers, coverage of intervals, bias and time."""
    from benchmarks.noise.run import bench_rows

    rows, notes = bench_rows(quick)
    report(rows, json)
    for note in notes:
        typer.echo(note)
