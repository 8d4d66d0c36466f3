"""Commands that read and check: releases, the log, the budget, tables of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.app import READ, app
from flows.cli.options import OutOption, ReleaseArgument, StudyArgument
from flows.settings import Settings
from schemas.errors import UsageError


@app.command(rich_help_panel=READ)
def verify(
    release: ReleaseArgument,
    key: Annotated[
        Path | None, typer.Option("--key", help="Public key (PEM) to trust instead of this state folder's.")
    ] = None,
    since: Annotated[Path | None, typer.Option("--since", help="A checkpoint you kept earlier.")] = None,
) -> None:
    """Check a release's files, manifest, signature and place in the log; says nothing about disclosure."""
    from flows.checks import verify_folder

    typer.echo(verify_folder(release, Settings.from_environment(), key, since))


@app.command(rich_help_panel=READ)
def protect(
    instance: Annotated[
        Path, typer.Argument(metavar="INSTANCE", help="Folder with micro.csv, hierarchies and instance.toml.")
    ],
    out: OutOption,
    objective: Annotated[
        Literal["value", "cells"], typer.Option(help="Blank the least value, or the fewest cells.")
    ] = "value",
    insider: Annotated[
        Literal["none", "person", "pair"], typer.Option(help="Protect also against people who know their own cells.")
    ] = "person",
    time_limit: Annotated[
        float, typer.Option(min=1.0, metavar="S", help="Seconds to look for a better safe pattern.")
    ] = 60.0,
) -> None:
    """Blank the small cells of any table, and enough others, so that nobody can work them out; or refuse."""
    from disclosure.protect_instance import protect_instance

    typer.echo(protect_instance(instance, out, objective=objective, insider=insider, time_limit=time_limit).summary())


@app.command(rich_help_panel=READ)
def check(
    study: StudyArgument,
    people: Annotated[int, typer.Option(min=100, help="How many synthetic people to try it on.")] = 2000,
) -> None:
    """Try a study, its catalogue and its policy on synthetic registers: tables, blanks, expected error. Spends nothing."""
    from flows.trial import check_study

    check_study(study, people)


@app.command(rich_help_panel=READ)
def show(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table's id, such as nr2015_f08.")],
    release: Annotated[
        Path | None,
        typer.Option("--release", metavar="RELEASE", help="The release folder; default the newest one here."),
    ] = None,
    audience: Annotated[Literal["public", "restricted"], typer.Option(help="Whose table.")] = "public",
    lang: Annotated[Literal["nl", "en"], typer.Option(help="Language of labels.")] = "en",
) -> None:
    """One table of a release in the terminal, blanks and uncertainty included."""
    from flows.checks import show_table

    show_table(release, table, audience, lang)


log_app = typer.Typer(help="The log of every decision: show, verify, prove, export.", no_args_is_help=True)
app.add_typer(log_app, name="log", rich_help_panel=READ)
budget_app = typer.Typer(help="What was spent on whom, and what a plan would cost.", invoke_without_command=True)
app.add_typer(budget_app, name="budget", rich_help_panel=READ)


@log_app.command("show")
def log_show(
    study: Annotated[str | None, typer.Option(help="Only this study.")] = None,
    release: Annotated[str | None, typer.Option(help="Only this release id.")] = None,
    table: Annotated[str | None, typer.Option(help="Only decisions on this table.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only decisions by this rule or regime.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this person did.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind of decision.")] = None,
    since: Annotated[str | None, typer.Option(help="From this ISO time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this ISO time.")] = None,
) -> None:
    """The decisions, oldest first, one line each."""
    from disclosure.log.audit import Filter
    from flows.audit import show_log

    wanted = Filter(study, release, kind, table, rule, actor, since, until)
    for line in show_log(Settings.from_environment(), wanted):
        typer.echo(line)


@log_app.command("verify")
def log_verify() -> None:
    """Recompute the whole log from its entries; any change, gap or rollback ends in exit code 6."""
    from flows.audit import verify_whole_log

    typer.echo(verify_whole_log(Settings.from_environment()))


@log_app.command("prove")
def log_prove(
    seq: Annotated[int | None, typer.Argument(min=0, help="The entry's number.")] = None,
    since: Annotated[
        int | None, typer.Option(min=1, help="Also prove that the log of this size is a beginning of today's.")
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="Instead: newer proof files of this release, for an auditor's later checkpoint.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="With --release: where they go.")] = None,
) -> None:
    """A proof (JSON) that an entry is in the log as it stands, under its last checkpoint."""
    from flows.audit import prove_entry, prove_release

    settings = Settings.from_environment()
    if seq is not None and release is None and out is None:
        typer.echo(prove_entry(settings, seq, since))
    elif seq is None and release is not None and out is not None and since is None:
        typer.echo(prove_release(settings, release, out))
    else:
        raise UsageError("Give an entry's number, or --release RELEASE with --out DIR.")


@log_app.command("export")
def log_export(out: OutOption) -> None:
    """Every entry as one line of canonical JSON, and the last checkpoint beside it."""
    from flows.audit import export_log

    typer.echo(export_log(Settings.from_environment(), out))


@budget_app.callback()
def budget(context: typer.Context) -> None:
    """What every population's budget is, what was spent, what is left."""
    if context.invoked_subcommand is None:
        from flows.budget import print_statement

        print_statement(Settings.from_environment())


@budget_app.command("plan")
def budget_plan(
    study: StudyArgument,
    epsilon: Annotated[
        float | None, typer.Option(min=0.01, help="Scale every budget so that the largest is this epsilon.")
    ] = None,
    years: Annotated[int, typer.Option(min=1, help="How many yearly editions.")] = 1,
) -> None:
    """The expected error of every public table before anything is spent."""
    from flows.budget import print_plan

    print_plan(study, epsilon, years)


@budget_app.command("adopt")
def budget_adopt(study: StudyArgument) -> None:
    """Make the totals of a changed policy the ledger's; the log keeps the value before and after, for ever."""
    from flows.budget import adopt

    for line in adopt(Settings.from_environment(), study):
        typer.echo(line)
