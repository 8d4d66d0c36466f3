"""Commands whose output is exact or identifies people: for the data holder's own desk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.app import HOLDER, OPERATE, app
from flows.cli.options import DataOption, HolderOption, OutOption, StudyArgument, must_be_holder


@app.command(rich_help_panel=HOLDER)
def tabulate(
    study: StudyArgument, data: DataOption, out: OutOption, i_am_the_data_holder: HolderOption = False
) -> None:
    """Write the EXACT tables of a study as Parquet, readable by you alone; the log records that they were made."""
    must_be_holder(i_am_the_data_holder, "Exact tables")
    from flows.exact import write_exact_tables

    count = write_exact_tables(study, data, out)
    typer.echo(f"{count} exact tables in {out}: not safe to share.")


@app.command(rich_help_panel=HOLDER)
def link(
    study: StudyArgument,
    out: OutOption,
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with the register extracts.")],
    i_am_the_data_holder: HolderOption = False,
) -> None:
    """Write who is who over the registers: bron, sleutel, person_id, weight, readable by you alone."""
    must_be_holder(i_am_the_data_holder, "Links")
    from flows.exact import write_links

    rows = write_links(study, data, out)
    typer.echo(f"{rows} records linked in {out}: not safe to share.")


@app.command(rich_help_panel=OPERATE)
def synth(
    out: OutOption,
    people: Annotated[int, typer.Option(min=1, help="How many people.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    study: Annotated[str, typer.Option(help="The study whose years and dialects are used.")] = "nr2015",
    dirt: Annotated[
        Literal["clean", "reference", "hard"], typer.Option(help="How dirty the registers are.")
    ] = "reference",
) -> None:
    """Make synthetic registers of any size with known truth; nobody in them exists."""
    from schemas.study import load_study
    from schemas.synth import PRESETS, synthesise

    summary = synthesise(out, people=people, seed=seed, study=load_study(study), dirt=PRESETS[dirt])
    typer.echo(f"Synthetic registers in {out}: {summary}")
