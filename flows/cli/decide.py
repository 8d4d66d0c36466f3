"""Commands of the second pair of eyes, and the keys that prove whose eyes they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.app import DECIDE, OPERATE, app
from flows.settings import Settings
from schemas.errors import UsageError

Ref = Annotated[str, typer.Argument(metavar="RELEASE", help="A release's id, or its folder.")]
Study = Annotated[
    str | None, typer.Option("--study", help="The study file, where the study does not ship with Schakel.")
]
Reason = Annotated[
    str | None, typer.Option("--reason", help="Why, in a sentence without numbers; the log keeps it for ever.")
]


@app.command(rich_help_panel=DECIDE)
def review(release: Ref, study: Study = None) -> None:
    """What a checker needs: the attack's result, what changed since the last release, blanks, expected error, budget."""
    from flows.review import print_review

    print_review(Settings.from_environment(), release, study)


@app.command(rich_help_panel=DECIDE)
def approve(
    release: Ref,
    key: Annotated[Path | None, typer.Option("--key", envvar="SCHAKEL_APPROVER_KEY", help="Your own key file.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Approve now; the same command again publishes.")] = False,
    study: Study = None,
) -> None:
    """Approve what somebody else proposed, with your own key, and publish it in place of the last one."""
    from flows.decide import approve as decide

    typer.echo(decide(Settings.from_environment(), release, key, hold=hold, study_ref=study))


@app.command(rich_help_panel=DECIDE)
def reject(release: Ref, reason: Reason = None) -> None:
    """Reject what somebody else proposed, with a reason."""
    from flows.decide import reject as decide

    typer.echo(decide(Settings.from_environment(), release, reason))


@app.command(rich_help_panel=DECIDE)
def withdraw(release: Ref, reason: Reason = None) -> None:
    """Take a published release back, with a reason; what was seen still counts for the attacker."""
    from flows.decide import withdraw as decide

    typer.echo(decide(Settings.from_environment(), release, reason))


@app.command(rich_help_panel=DECIDE)
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A release's id, or its folder.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one of the same study.")],
    study: Study = None,
) -> None:
    """What differs between two releases, and whether both together give anything away; exit code 4 if they do."""
    from flows.difference import print_difference

    print_difference(Settings.from_environment(), a, b, study)


keys_app = typer.Typer(help="Keys of people, of studies and of the log: new ones, and ones that take over.")
app.add_typer(keys_app, name="keys", rich_help_panel=OPERATE)


@keys_app.command("new")
def keys_new(
    person: Annotated[str | None, typer.Option(help="Register this person, by the name in SCHAKEL_ACTOR.")] = None,
    duty: Annotated[
        Literal["checker", "operator", "auditor", "rapporteur"], typer.Option(help="What the person may do.")
    ] = "checker",
    out: Annotated[Path | None, typer.Option(help="Where the person's key file goes; default NAME.pem here.")] = None,
    public: Annotated[
        Path | None, typer.Option(help="Register this public key instead (PEM); the person keeps the private half.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Make the secret of this study.")] = None,
) -> None:
    """Register a person with a key of their own (--person), or make the secret of a study (--study)."""
    settings = Settings.from_environment()
    if (person is None) == (study is None):
        raise UsageError("Give either --person NAME or --study STUDY; `schakel setup` makes the log's signing key.")
    if person is not None:
        from flows.people import register

        typer.echo(register(settings, person, duty, out, public))
    elif study is not None:
        from flows.keyring import new_secret

        typer.echo(new_secret(settings, study))


@keys_app.command("rotate")
def keys_rotate(
    reason: Annotated[str, typer.Option(help="Why, in a sentence without numbers; the log keeps it for ever.")],
    lost: Annotated[bool, typer.Option("--lost", help="The signing key file is gone.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="The signing key fell into other hands.")] = False,
    study: Annotated[str | None, typer.Option(help="Rotate this study's secret instead of the signing key.")] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="With --study: the last delivery, to carry person ids over."),
    ] = None,
) -> None:
    """Let a new key sign the log; or, with --study and --data, replace a study's secret (the next run is charged again)."""
    from flows import keyring

    settings = Settings.from_environment()
    if study is None:
        typer.echo(keyring.rotate_signing_key(settings, reason, lost=lost, revoke=revoke))
    elif data is None or lost or revoke:
        raise UsageError(
            "A study's secret is rotated with --study STUDY --data DIR; --lost and --revoke are for the log's key."
        )
    else:
        typer.echo(keyring.rotate_secret(settings, study, data, reason))
