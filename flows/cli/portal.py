"""`schakel portal`: the pages for rapporteur staff, checkers, auditors and operators."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.app import OPERATE, app
from flows.settings import Settings


@app.command(rich_help_panel=OPERATE)
def portal(
    host: Annotated[
        str, typer.Option(help="Where to listen; outside loopback only with an OpenID provider.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port.")] = 8420,
) -> None:
    """Serve releases and the log as pages: staff download, checkers decide, auditors inspect (docs/portal.md)."""
    from flows.portal import serve

    typer.echo(f"The portal answers at http://{host}:{port}; stop it with Ctrl-C.")
    serve(Settings.from_environment(), host, port)
