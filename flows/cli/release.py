"""Commands that make releases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import RUN, app
from flows.cli.options import DataOption, EngineOption, OutOption, StudyArgument
from flows.settings import Settings


@app.command(rich_help_panel=RUN)
def run(study: StudyArgument, data: DataOption, out: OutOption, engine: EngineOption = "local") -> None:
    """Read, link, tabulate, protect: propose a release under OUT/releases/STUDY/ for somebody else to approve."""
    from flows.progress import Progress
    from flows.runs import propose
    from schemas.study import load_study

    name = load_study(study).id
    progress = Progress(f"Schakel: a release of {name} from {data}", name)
    outcome = propose(study, data, out, Settings.from_environment(engine=engine), progress)
    if outcome.earlier is not None:
        typer.echo(
            f"These registers gave {outcome.release} before (now {outcome.earlier.state}); nothing was spent.\n"
            f"{outcome.folder}"
        )
        return
    typer.echo(
        f"Proposed {outcome.release}; somebody else has to approve it before anybody can read it.\n{outcome.folder}"
    )


@app.command(rich_help_panel=RUN)
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where releases and state go.")] = Path("demo"),
) -> None:
    """Both studies on synthetic registers, end to end, in a state folder of its own."""
    from flows.demo import run_demo

    run_demo(out)
