"""What `schakel verify`, `show` and `check` do, apart from the command line."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from disclosure.reader import read_table
from disclosure.store import DATABASE
from disclosure.verify import VerifyReport, verify_release
from flows.publication import render_table
from flows.publication.labels import Language
from flows.settings import Settings
from flows.state import open_state
from schemas.catalogue import load_catalogue
from schemas.errors import UsageError
from schemas.policy import load_policy
from schemas.release import MANIFEST
from schemas.study import load_study, resource, shipped_studies
from schemas.tables import Audience


def verify_folder(release: Path, settings: Settings, key: Path | None, since: Path | None) -> str:
    """Check a release folder and say its state; an outsider gives `key` and needs no state folder."""
    if key is not None and not (settings.state / DATABASE).exists():
        return _sentence(verify_release(release, key, None, since))
    with open_state(settings) as state:
        return _sentence(verify_release(release, key, state.store, since))


def _sentence(report: VerifyReport) -> str:
    state = f", {report.state}" if report.state else ""
    absent = f"; not here and so not checked: {', '.join(report.absent)}" if report.absent else ""
    return f"{report.release}{state}: files, manifest, signature and log entry hold (log of {report.size} entries){absent}."


def show_table(release: Path | None, table: str, audience: Audience, language: Language) -> None:
    """Print one table of a release; without `release` the newest one below this folder that has it."""
    for study in shipped_studies():
        if table in table_names(study):
            print_table(Console(), study, release or _newest(study), table, audience, language)
            return
    raise UsageError(f"No shipped study has a table '{table}'; docs/catalogue.md lists them.")


def table_names(study_id: str) -> list[str]:
    """The ids of a shipped study's tables, in the order of its catalogue."""
    study = load_study(study_id)
    return [entry.id for entry in load_catalogue(resource(study_id, "catalogue", study.catalogue), study.years).entries]


def print_table(
    console: Console, study_id: str, folder: Path, table: str, audience: Audience, language: Language
) -> None:
    """One table of a release as its audience may see it, and where it comes from."""
    study = load_study(study_id)
    entry = load_catalogue(resource(study_id, "catalogue", study.catalogue), study.years).entry(table)
    policy, _ = load_policy(resource(study_id, "policies", study.policy))
    noise = (policy.public if audience == "public" else policy.restricted).noise
    protected = read_table(folder, audience, table)
    console.print(render_table(protected, entry, noise.labels if noise else {}, language))
    console.print(f"[dim]{folder} ({audience}, {protected.regime})[/dim]")


def _newest(study: str) -> Path:
    found = [path.parent for base in (Path(), Path("demo")) for path in base.glob(f"releases/{study}/*/{MANIFEST}")]
    if not found:
        raise UsageError(
            f"There is no release of {study} under ./releases or ./demo/releases; name one with --release."
        )
    return max(found, key=lambda folder: (folder / MANIFEST).stat().st_mtime)
