"""Benchmarks: numbers beside their targets, for people and, with --json, for programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli.app import OPERATE, app

if TYPE_CHECKING:
    from benchmarks.rows import Row

bench_app = typer.Typer(help="Measure Schakel against its targets and its peers.", no_args_is_help=True)
app.add_typer(bench_app, name="bench", rich_help_panel=OPERATE)

QuickOption = Annotated[bool, typer.Option("--quick", help="Small and without network: a minute or two.")]
JsonOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write the rows to FILE, missed targets included.")
]


def report(rows: list[Row], file: Path | None) -> None:
    """Print the table, and write the rows where asked."""
    from benchmarks.rows import table, write_rows

    if file is not None:
        write_rows(rows, file)
    typer.echo(table(rows))


@bench_app.command()
def attack(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Attack these registers instead of invented people."),
    ] = None,
    quick: QuickOption = False,
    json: JsonOption = None,
) -> None:
    """Attack the encodings without the key: frequency, pattern mining, graph matching with and without known pairs."""
    from benchmarks.attack import attack_rows

    report(attack_rows(data, quick=quick), json)
    typer.echo("A low number is a lower bound on risk: it says what these attacks found, not what can be found.")


class LinkPart(StrEnum):
    """The parts of `bench link`."""

    speed = "speed"
    scale = "scale"
    quality = "quality"
    coverage = "coverage"


@bench_app.command()
def link(
    quick: QuickOption = False,
    json: JsonOption = None,
    part: Annotated[
        list[LinkPart] | None,
        typer.Option(
            "--part",
            help="Only this part; repeatable. speed: kernel and encoder; scale: a million rows; quality: F1 and errors; "
            "coverage: intervals over 50 seeds.",
        ),
    ] = None,
) -> None:
    """Link public and invented files beside other linkers, each in an environment of its own that this makes."""
    from benchmarks.link.run import link_rows
    from benchmarks.rows import write_rows

    rows: list[Row] = []
    sentences: list[str] = []
    for done, found, absent in link_rows(quick=quick, parts=[str(one) for one in part or LinkPart]):
        typer.echo(f"{done}: {len(found)} rows", err=True)
        rows += found
        sentences += absent
        # The whole takes half an hour: what is done is kept should the rest not end.
        if json is not None:
            write_rows(rows, json)
    report(rows, json)
    for sentence in dict.fromkeys(sentences):
        typer.echo(sentence)


@bench_app.command()
def scale(
    quick: QuickOption = False,
    people: Annotated[
        int | None, typer.Option(min=1, help="The largest number of people to try; 10,000,000 if not given.")
    ] = None,
    engine: Annotated[
        Literal["local", "local-cluster[2,1,1024]"] | None, typer.Option(help="Only this engine; both if not given.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Take registers of 10,000 to 10,000,000 people through every step, here and on a local Spark cluster: what grows how."""
    from benchmarks.scale.run import scale_rows

    report(scale_rows(quick=quick, most=people, only=engine), json)
