"""What `schakel verify`, `show` and `check` do, apart from the command line."""

from __future__ import annotations

import os
import sys
import webbrowser
from dataclasses import replace
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
from schemas.release import MANIFEST, PUBLIC
from schemas.study import load_study, resource, shipped_studies
from schemas.tables import Audience

PAGE = "index.html"


def verify_folder(release: Path, settings: Settings, key: Path | None, since: Path | None) -> str:
    """Check a release folder and say its state; an outsider gives `key` and needs no state folder."""
    settings = settings_beside(release, settings)
    if key is not None and not (settings.state / DATABASE).exists():
        return _sentence(verify_release(release, key, None, since))
    with open_state(settings) as state:
        return _sentence(verify_release(release, key, state.store, since))


def settings_beside(release: Path, settings: Settings) -> Settings:
    """The settings, with the state folder that lies beside the releases (as the demo's does) where none was named."""
    beside = Path(*release.absolute().parts[:-3]) / "state"
    if "SCHAKEL_STATE" not in os.environ and (beside / DATABASE).exists():
        return replace(settings, state=beside)
    return settings


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


def open_page(release: Path) -> Path:
    """Open the report page of a release where there is a screen; gives its path in any case.

    UsageError where `release` is no release folder: a page of anything else is not what was published.
    """
    page = (release / PUBLIC / PAGE).resolve()
    if not (release / MANIFEST).exists() or not page.exists():
        raise UsageError(f"{release} is not a release folder with a report page; name one that `schakel run` made.")
    if _has_screen():
        webbrowser.open(page.as_uri())
    return page


def _has_screen() -> bool:
    """Whether a browser window could appear; without one, `webbrowser` would start a text browser in the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _newest(study: str) -> Path:
    found = [path.parent for base in (Path(), Path("demo")) for path in base.glob(f"releases/{study}/*/{MANIFEST}")]
    if not found:
        raise UsageError(
            f"There is no release of {study} under ./releases or ./demo/releases; name one with --release."
        )
    return max(found, key=lambda folder: (folder / MANIFEST).stat().st_mtime)
