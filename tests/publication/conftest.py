"""Two studies written once for all tests of the writers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.publication import write_public, write_restricted
from tests.publication.fabricate import facts, protected, study_and_catalogue

STUDIES = ("nr2015", "wodc2020")


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`releases("nr2015")` is the folder of its release, public noisy and restricted suppressed."""
    made: dict[str, Path] = {}

    def release(study_id: str) -> Path:
        if study_id not in made:
            made[study_id] = write_release(tmp_path_factory.mktemp(study_id), study_id)
        return made[study_id]

    return release


def write_release(folder: Path, study_id: str) -> Path:
    study, catalogue = study_and_catalogue(study_id)
    for audience, regime, write in (("public", "noisy", write_public), ("restricted", "suppressed", write_restricted)):
        (folder / audience).mkdir()
        tables = protected(study_id, catalogue, audience, regime)
        write(folder / audience, tables, catalogue, study, facts())
    return folder
