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
    for study_id in shipped_studies():
        study = load_study(study_id)
        catalogue = load_catalogue(resource(study_id, "catalogue", study.catalogue), study.years)
        entries = {entry.id: entry for entry in catalogue.entries}
        if table in entries:
            policy, _ = load_policy(resource(study_id, "policies", study.policy))
            folder = release or _newest(study_id)
            protected = read_table(folder, audience, table)
            noise = (policy.public if audience == "public" else policy.restricted).noise
            Console().print(render_table(protected, entries[table], noise.labels if noise else {}, language))
            Console().print(f"[dim]{folder} ({audience}, {protected.regime})[/dim]")
            return
    raise UsageError(f"No shipped study has a table '{table}'; docs/catalogue.md lists them.")


def _newest(study: str) -> Path:
    found = [path.parent for base in (Path(), Path("demo")) for path in base.glob(f"releases/{study}/*/{MANIFEST}")]
    if not found:
        raise UsageError(f"There is no release of {study} under ./releases or ./demo/releases; name one with --release.")
    return max(found, key=lambda folder: (folder / MANIFEST).stat().st_mtime)
