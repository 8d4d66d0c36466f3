"""Commands whose output is exact or identifies people: for the data holder's own desk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.app import HOLDER, OPERATE, app
from flows.cli.options import DataOption, EngineOption, HolderOption, OutOption, StudyArgument, must_be_holder
from schemas.errors import UsageError


@app.command(rich_help_panel=HOLDER)
def tabulate(
    study: StudyArgument,
    data: DataOption,
    out: OutOption,
    engine: EngineOption = "local",
    i_am_the_data_holder: HolderOption = False,
) -> None:
    """Write the EXACT tables of a study as Parquet, readable by you alone; the log records that they were made."""
    must_be_holder(i_am_the_data_holder, "Exact tables")
    from flows.exact import write_exact_tables

    count = write_exact_tables(study, data, out, engine)
    typer.echo(f"{count} exact tables in {out}: not safe to share.")


@app.command(rich_help_panel=HOLDER)
def encode(study: StudyArgument, data: DataOption, out: OutOption, engine: EngineOption = "local") -> None:
    """Encode the registers of a study into signed packages for a linkage desk; no name, number or key is in them."""
    from flows.exact import write_packages

    count, key_id = write_packages(study, data, out, engine)
    typer.echo(f"{count} package(s) in {out}, made with key {key_id}: for the linkage desk, which never gets that key.")


@app.command(rich_help_panel=HOLDER)
def link(
    study: StudyArgument,
    out: OutOption,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Folder with the register extracts.")
    ] = None,
    package: Annotated[
        list[Path] | None,
        typer.Option(
            "--package", metavar="PACKAGE", help="What `schakel encode` wrote, instead of --data; repeatable."
        ),
    ] = None,
    agency: Annotated[
        list[Path] | None,
        typer.Option("--agency", metavar="PEM", help="Public key of an agency that signed a package; repeatable."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="DIR",
            help="Also write how good the links are, and the pairs in doubt, masked for a clerk.",
        ),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option("--verdicts", metavar="FILE", help="The report's review.csv with a clerk's `ja` or `nee` in it."),
    ] = None,
    engine: EngineOption = "local",
    i_am_the_data_holder: HolderOption = False,
) -> None:
    """Write who is who over the registers: bron, sleutel, person_id, weight, readable by you alone."""
    must_be_holder(i_am_the_data_holder, "Links")
    from flows.exact import link_packages, write_links

    if data is not None and not package:
        rows = write_links(study, data, out, report, verdicts, engine)
    elif package and data is None:
        rows = link_packages(study, package, agency or [], out, report, verdicts, engine)
    else:
        raise UsageError("Give either --data with the extracts or --package with what agencies encoded.")
    typer.echo(f"{rows} records linked in {out}: not safe to share.")
    if report is not None:
        typer.echo(f"How good the links are: {report / 'report.html'}; pairs in doubt: {report / 'review.csv'}.")


@app.command(rich_help_panel=OPERATE)
def synth(
    out: OutOption,
    people: Annotated[int, typer.Option(min=1, help="How many people.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    study: Annotated[str, typer.Option(help="The study whose years and dialects are used.")] = "nr2015",
    dirt: Annotated[
        Literal["clean", "reference", "hard"], typer.Option(help="How dirty the registers are.")
    ] = "reference",
    form: Annotated[
        Literal["csv", "parquet"], typer.Option("--format", help="What the registers are delivered as.")
    ] = "csv",
    histories: Annotated[
        Literal["steady", "changing"] | None,
        typer.Option(
            help="What happens to people comes at known rates: steady, or changing with the time since the moment."
        ),
    ] = None,
    leaving: Annotated[
        float, typer.Option(min=0, max=1, help="With --histories: the rate per month of leaving without a trace.")
    ] = 0.0,
    earlier: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of people whose first contact lies before the years of the study."),
    ] = 0.0,
    lists: Annotated[
        Literal["independent", "attracting", "avoiding", "two-pairs", "all-pairs", "thin"] | None,
        typer.Option(help="How the three registers overlap, people in none of them included."),
    ] = None,
    withdrawn: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of the people in all three registers taken off the IND's for that reason."
        ),
    ] = 0.0,
    women_missed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the women at DT&V alone taken out of the IND register.")
    ] = 0.0,
) -> None:
    """Make synthetic registers of any size with known truth; nobody in them exists."""
    from schemas.study import load_study
    from schemas.synth import PRESETS, known_histories, known_population, synthesise

    made_for, what = load_study(study), known_histories(histories, leaving)
    people_of = known_population(made_for, lists, withdrawn, women_missed, earlier, histories=what is not None)
    summary = synthesise(
        out,
        people=people,
        seed=seed,
        study=made_for,
        dirt=PRESETS[dirt],
        population=people_of,
        histories=what,
        form=form,
    )
    sizes = (f"{source} {rows} rows of {summary.people[source]} people" for source, rows in summary.rows.items())
    typer.echo(f"Synthetic registers in {out}: {', '.join(sizes)}")
