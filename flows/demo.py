"""`schakel demo`: both studies on the shipped synthetic registers, and what came of it in a reader's words."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from flows.budget import print_statement
from flows.checks import print_table, table_names
from flows.job import EXAMPLES
from flows.progress import Progress
from flows.runs import Outcome, propose
from flows.settings import Settings
from schemas.study import head_studies

SHOWN = ("nr2015_f08", "wodc2020_routes")


def run_demo(out: Path) -> None:
    """Propose a release of every shipped study under `out`, with the state in `out`/state; print tables and next steps."""
    os.environ["PREFECT_HOME"] = str((out / "state" / "prefect").absolute())
    settings = Settings.from_environment(state=out / "state")
    console = Console(soft_wrap=True)
    console.print("Everybody in these registers is invented; the true tables equal those printed in the two reports.\n")
    for study in head_studies():
        outcome = propose(study, EXAMPLES / study, out, settings, Progress(f"Schakel: {study}", study), demo=True)
        _tell(console, study, outcome)
    print_statement(settings)
    _next_steps(console, out)


def _tell(console: Console, study: str, outcome: Outcome) -> None:
    console.print()
    if outcome.earlier is not None:
        was = f"These registers gave {outcome.release} before (now {outcome.earlier.state})"
        console.print(f"{was}: the same bytes, nothing spent.")
    for table in (name for name in table_names(study) if name in SHOWN):
        console.print("As rapporteur staff may see it: small cells, and what would betray them, left out.")
        print_table(console, study, outcome.folder, table, "restricted", "en")
        console.print("\nAs everybody may see it: with noise, and what the noise means.")
        print_table(console, study, outcome.folder, table, "public", "en")
    console.print(
        f"\nCSV files, workbooks and notes: {outcome.folder / 'public'} and {outcome.folder / 'restricted'}\n"
    )


def _next_steps(console: Console, out: Path) -> None:
    first = next(iter(sorted(out.glob("releases/nr2015/*"))), out)
    state = f"SCHAKEL_STATE={out / 'state'}"
    console.print("Next:")
    console.print(f"  {state} schakel verify {first}")
    console.print(f"  {state} schakel log show --table nr2015_f08")
    console.print(f"  xdg-open {first / 'public' / 'index.html'}")
