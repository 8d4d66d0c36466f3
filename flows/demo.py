"""`schakel demo`: both studies on the shipped synthetic registers, and what came of it in a reader's words."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from flows.budget import print_statement
from flows.job import EXAMPLES
from flows.progress import Progress
from flows.publication import render_table
from flows.runs import Outcome, propose
from flows.settings import Settings
from schemas.catalogue import load_catalogue
from schemas.study import load_study, resource, shipped_studies
from schemas.tables import ProtectedTable

SHOWN = ("nr2015_f08", "wodc2020_routes")


def run_demo(out: Path) -> None:
    """Propose a release of every shipped study under `out`, with the state in `out`/state; print tables and next steps."""
    os.environ["PREFECT_HOME"] = str((out / "state" / "prefect").absolute())
    settings = Settings.from_environment(state=out / "state")
    console = Console(soft_wrap=True)
    console.print("Everybody in these registers is invented; the true tables equal those printed in the two reports.\n")
    for study in shipped_studies():
        outcome = propose(study, EXAMPLES / study, out, settings, Progress(f"Schakel: {study}"))
        _tell(console, study, outcome)
    print_statement(settings)
    _next_steps(console, out)


def _tell(console: Console, study_id: str, outcome: Outcome) -> None:
    console.print()
    if outcome.earlier is not None:
        console.print(f"These registers gave {outcome.release} before (now {outcome.earlier.state}): the same bytes, nothing spent.")
    study = load_study(study_id)
    catalogue = load_catalogue(resource(study_id, "catalogue", study.catalogue), study.years)
    for entry in catalogue.entries:
        if entry.id in SHOWN:
            for audience in ("restricted", "public"):
                table = _read(outcome, audience, entry.id)
                console.print(f"[bold]{entry.id}[/bold], as {'rapporteur staff' if audience == 'restricted' else 'everybody'} may see it")
                console.print(render_table(table, entry, {}, "en"))
    console.print(f"{study_id}: CSV, Parquet and notes are in {outcome.folder}\n")


def _read(outcome: Outcome, audience: str, table: str) -> ProtectedTable:
    from disclosure.reader import read_table

    return read_table(outcome.folder, "public" if audience == "public" else "restricted", table)


def _next_steps(console: Console, out: Path) -> None:
    first = next(iter(sorted(out.glob("releases/nr2015/*"))), out)
    state = f"SCHAKEL_STATE={out / 'state'}"
    console.print("Next:")
    console.print(f"  {state} schakel verify {first}")
    console.print(f"  {state} schakel log show --table nr2015_f08")
    console.print(f"  xdg-open {first / 'public' / 'index.html'}")
