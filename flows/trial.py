"""`schakel check`: a study, its catalogue and its policy tried on invented people, before anybody's budget is touched."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from disclosure.noise.plan import plan
from flows.desks import LinkDesk, encode_at_desk
from flows.job import PROFILE, make_job
from flows.progress import Progress
from flows.protect import blank
from flows.settings import Settings
from linkage.keys import create_key
from schemas.policy import Policy
from schemas.study import load_study
from schemas.synth import PRESETS, synthesise
from schemas.tables import STATUS
from tabulation.tabulate import tabulate

SEED = 2015


def check_study(study_ref: str, people: int) -> None:
    """Print, per table, its cells, the blanks that the restricted regime forces, and the public regime's expected error."""
    study = load_study(study_ref)
    progress = Progress(f"Schakel: trying {study.id} on {people:,} invented people; nothing is spent")
    with tempfile.TemporaryDirectory(prefix="schakel-check-") as name:
        folder = Path(name)
        with progress.step("Inventing registers"):
            synthesise(folder / "data", people=people, seed=SEED, study=study, dirt=PRESETS["reference"])
        job = make_job(study_ref, folder / "data", Settings.from_environment())
        create_key(folder / "key")
        with progress.step("Reading, encoding and linking them"), LinkDesk() as desk:
            encoded = encode_at_desk(study_ref, folder / "data", folder / "key", PROFILE, to=desk)
            links = desk.link(None)
    with progress.step("Computing tables"):
        exact = tabulate(encoded.attributes, links.persons, job.study, job.catalogue)
    with progress.step("Choosing blanks and attacking them"):
        restricted = blank(job, exact)
    errors = _expected_errors(job.policy)
    shown = Table(title=f"{study.id} on {people:,} invented people", title_justify="left")
    for column in ("table", "cells", "blank (restricted)", "off by at most (public)"):
        shown.add_column(column, justify="left" if column == "table" else "right")
    for entry in job.catalogue.entries:
        frame = restricted[entry.id].frame
        blanks = int((frame[STATUS] == "suppressed").sum())
        shown.add_row(entry.id, str(len(frame)), str(blanks), errors.get(entry.id, "restricted only"))
    Console(soft_wrap=True).print(shown)
    Console(soft_wrap=True).print(
        "[dim]off by at most: 19 times out of 20, at the policy's budget (`schakel budget plan`)[/dim]"
    )


def _expected_errors(policy: Policy) -> dict[str, str]:
    """Table id -> by how much its public numbers are off at most, 19 times out of 20."""
    noise = policy.public.noise
    if noise is None:
        return {}
    means = {mean.id for population in noise.populations for mean in population.means}
    found = {}
    for row in plan(noise).rows:
        size = f"{row.cells:.1f} years" if row.table in means else f"{row.cells:.0f}"
        found[row.table] = size if row.useful else f"{size}: too coarse"
    return found
