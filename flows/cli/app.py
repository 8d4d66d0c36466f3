"""All commands in one place, so that `--help` reads as one page."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="schakel",
    help="Link registers without seeing anybody, and publish tables that betray nobody.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)

RUN = "Make a release"
DECIDE = "Decide on a release: another person than the one who made it"
READ = "Read and check"
HOLDER = "At the data holder only: what comes out is not safe to share"
OPERATE = "Set up and operate"


@app.callback()
def _every_command() -> None:
    """Link registers without seeing anybody, and publish tables that betray nobody."""
    import os

    os.umask(0o077)


# They register their commands on `app`; the order is the order of `--help`.
from flows.cli import release, decide, read, publish, holder, operate, portal, bench, bench_noise, bench_suppress  # noqa: E402, F401, I001
